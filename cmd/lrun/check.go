package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

var checkCommand = &command{
	name: "check", about: "look for mistakes without running anything", usage: checkUsage, setup: setupCheck, args: "runbook",
}

const checkUsage = `Usage: lrun check RUNBOOK… [--pool F] [--set NAME=VALUE]… [--strict] [--json]

Looks for mistakes in runbooks without running anything. What is found is shown
with its place, the line itself, a code, and what to do about it. "-" reads a
runbook from standard input; a shipped runbook is named as lrun runbooks lists it.

      --pool F           check against this pool as well: its product, its size, its
                         pairing; without it a *.pool.yaml that lies alone in the
                         runbook's folder is taken
      --set NAME=VALUE   give a parameter of the runbook another value
      --strict           warnings count as errors
      --json             one JSON object a line for each finding

Exit code 0 where no error was found, 2 where one was.

Example:

    lrun check upgrade.lrun --pool pool01.pool.yaml --strict
`

func setupCheck(fs *pflag.FlagSet) action {
	var c struct {
		target
		strict, json bool
	}
	fs.StringVar(&c.pool, "pool", "", "")
	fs.StringArrayVar(&c.set, "set", nil, "")
	fs.BoolVar(&c.strict, "strict", false, "")
	fs.BoolVar(&c.json, "json", false, "")
	return func(_ context.Context, e *env, args []string) error {
		if len(args) == 0 {
			return usagef("lrun check --help shows how it is used", "lrun check wants a runbook")
		}
		set, err := settings(c.set)
		if err != nil {
			return err
		}
		bad := false
		for _, name := range expand(e, args) {
			errs, warnings, err := e.checkOne(name, c.pool, set, c.json)
			if err != nil {
				return err
			}
			bad = bad || errs > 0 || c.strict && warnings > 0
		}
		if bad {
			return exitCode(exitUsage)
		}
		return nil
	}
}

// checkOne checks a runbook and shows what was found.
func (e *env) checkOne(name, poolName string, set map[string]string, asJSON bool) (errs, warnings int, err error) {
	src, ds, err := e.runbook(name)
	if err != nil {
		return 0, 0, err
	}
	var p *pool.Pool
	if poolName == "" {
		poolName, _ = e.poolFor(name) // without one there is less to check
	}
	known := lang.PoolFacts{}
	if poolName != "" {
		if p, err = e.poolFile(poolName); err != nil {
			return 0, 0, err
		}
		known = facts(p)
	}
	ds = merge(ds, lang.Check(src, known))
	for _, d := range ds {
		if d.Severity == lang.Error {
			errs++
		} else {
			warnings++
		}
	}
	if errs == 0 && p != nil && len(set) > 0 {
		if _, err := interp.Compile(src, p, set); err != nil {
			return 0, 0, usagef("", "%s", err)
		}
	}
	if asJSON {
		return errs, warnings, e.findingsJSON(ds)
	}
	text := ds.Render(src.Sources, lang.RenderOptions{Color: e.color(e.stdout)})
	switch {
	case errs+warnings == 0:
		text += displayName(name) + ": no errors, no warnings\n"
	case errs == 0:
		text += displayName(name) + ": no errors, " + plural(warnings, "warning", "warnings") + "\n"
	default:
		text += displayName(name) + ": " + plural(errs, "error", "errors") + ", " + plural(warnings, "warning", "warnings") + "\n"
	}
	return errs, warnings, e.print(text)
}

// merge puts what Load and Check found in one list, errors of the text before those of the meaning, each said once.
func merge(a, b lang.Diagnostics) lang.Diagnostics {
	all := append(lang.Diagnostics(nil), a...)
	seen := map[lang.Diagnostic]bool{}
	for _, d := range a {
		seen[d] = true
	}
	for _, d := range b {
		if !seen[d] {
			all = append(all, d)
		}
	}
	return all
}

func (e *env) findingsJSON(ds lang.Diagnostics) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	for _, d := range ds {
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return nil
}
