package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/internal/spell"
	"github.com/lrun/lrun/runbooks"
)

var runbooksCommand = &command{
	name: "runbooks", about: "list the shipped runbooks, pools, scenarios and tests, or print one", usage: runbooksUsage, setup: setupRunbooks, args: "name",
}

const runbooksUsage = `Usage: lrun runbooks [NAME]

Lists the runbooks, pools, scenarios and tests that ship with lrun. With a name,
prints that file, to be kept and changed. The names can be given wherever such a
file is wanted.

Example:

    lrun runbooks lync2013-cu > upgrade.lrun
`

func setupRunbooks(*pflag.FlagSet) action {
	return func(_ context.Context, e *env, args []string) error {
		switch len(args) {
		case 0:
			return e.print(listing())
		case 1:
			return e.printShipped(args[0])
		}
		return usagef("", "lrun runbooks takes one name, got %d", len(args))
	}
}

func listing() string {
	var b strings.Builder
	heads := map[runbooks.Kind]string{
		runbooks.Runbook: "Runbooks", runbooks.Pool: "Pools, for --pool", runbooks.Scenario: "Scenarios, for --scenario",
		runbooks.Test: "Tests, for lrun test",
	}
	last := runbooks.Kind("")
	for _, f := range runbooks.Files() {
		if f.Kind != last {
			if last != "" {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "%s:\n", heads[f.Kind])
			last = f.Kind
		}
		fmt.Fprintf(&b, "  %-34s %s\n", f.Name, f.About)
	}
	return b.String()
}

func (e *env) printShipped(name string) error {
	var names []string
	for _, f := range runbooks.Files() {
		if f.Name == name || f.File == name {
			return e.print(string(f.Text))
		}
		names = append(names, f.Name)
	}
	hint := "lrun runbooks lists the names"
	if near := spell.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usagef(hint, "nothing of the name %q is shipped", clip(name))
}
