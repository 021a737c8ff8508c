package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/pool"
)

var preflightCommand = &command{
	name: "preflight", about: "look for what speaks against a night; reads only", usage: preflightUsage, setup: setupPreflight, messages: true,
}

const preflightUsage = `Usage: lrun preflight [--pool F] [--insecure] [--json]

Looks at the live pool for what speaks against a night: connections and rights, the
module, readiness and quorum, services that do not run, pending reboots, the
installer, the second hop, the clocks, the conditions of a failover. Reads only.

      --pool F     the pool file; may be left out where a *.pool.yaml lies alone in
                   this folder
      --insecure   let plain HTTP go to other machines
      --json       one JSON object a line for each finding

The exit code is 0 where nothing speaks against a night, warnings included, else 2.

Example:

    lrun preflight --pool pool01.pool.yaml
`

func setupPreflight(fs *pflag.FlagSet) action {
	var (
		name             string
		insecure, asJSON bool
	)
	fs.StringVar(&name, "pool", "", "")
	fs.BoolVar(&insecure, "insecure", false, "")
	fs.BoolVar(&asJSON, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		if err := noArgs("preflight", args); err != nil {
			return err
		}
		if name == "" {
			var err error
			if name, err = e.poolFor("this folder"); err != nil {
				return err
			}
		}
		p, err := e.poolFile(name)
		if err != nil {
			return err
		}
		return preflight(ctx, e, p, insecure, asJSON)
	}
}

func preflight(ctx context.Context, e *env, p *pool.Pool, insecure, asJSON bool) error {
	reach, err := e.reach(p, insecure)
	if err != nil {
		return err
	}
	place, err := reach(p)
	if err != nil {
		return untouched(err)
	}
	defer place.close()
	live, err := place.discover(ctx)
	if err != nil {
		return untouched(err)
	}
	var all []finding
	for _, d := range live.differences {
		all = append(all, finding{grade: against, what: "topology", text: d})
	}
	found, _ := place.preflight(ctx, live, nil, "")
	all = append(all, found...)
	if err := ctx.Err(); err != nil {
		return err
	}
	if asJSON {
		err = findingsJSON(e, all)
	} else {
		err = e.print(factsText(live.facts) + findingsText(all, true))
	}
	if err != nil {
		return err
	}
	if count(all, against) > 0 {
		return exitCode(exitUsage)
	}
	return nil
}

func count(all []finding, g grade) int {
	n := 0
	for i := range all {
		if all[i].grade == g {
			n++
		}
	}
	return n
}

// findingsText tells what was looked at: all of it, or what is not fine and one line for the rest.
func findingsText(all []finding, whole bool) string {
	var b strings.Builder
	b.WriteString("Preflight:\n")
	where, what := 4, 4
	for _, f := range all {
		where, what = max(where, len(f.where)), max(what, len(f.what))
	}
	for _, f := range all {
		if f.grade == fine && !whole && f.what != "failover" { // its conditions are shown in any case
			continue
		}
		place := f.where
		if place == "" {
			place = "pool"
		}
		fmt.Fprintf(&b, "  %-7s  %-*s  %-*s  %s\n", grades[f.grade], where, place, what, f.what, oneLine(f.text))
	}
	fmt.Fprintf(&b, "  %s looked at: %d ok, %s, %d failed\n\n", plural(len(all), "thing", "things"), count(all, fine),
		plural(count(all, warning), "warning", "warnings"), count(all, against))
	return b.String()
}
