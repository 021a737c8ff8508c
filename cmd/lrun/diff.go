package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/sim/explore"
)

var diffCommand = &command{
	name: "diff", about: "what changed in behaviour between two versions of a runbook", usage: diffUsage, setup: setupDiff,
	args: "runbook",
}

const diffUsage = `Usage: lrun diff OLD NEW [--pool F] [--faults K] [--crashes C] [--start T]
                 [--set NAME=VALUE]…

Looks at every outcome of two runbooks on the same pool, as lrun prove does, and
tells what changed: properties, endings gained or lost, the worst case, each with a
night that shows it. Lines that read differently and do the same are no difference.

      --pool F           the pool file; may be left out where a *.pool.yaml lies
                         alone in OLD's folder
      --faults K         how many things may go wrong in one night; 1 without it
      --crashes C        how often lrun may be killed and resumed; 0 without it
      --start T          when the night begins, 22:00 or 2026-03-07T22:00:00+01:00
      --set NAME=VALUE   give a parameter of both runbooks another value

The exit code is 0 where nothing differs and 1 where something does.

Example:

    lrun diff lync2013-cu lync2013-cu-hold --pool contoso-6
`

type difference struct {
	target
	start           string
	faults, crashes int
}

func setupDiff(fs *pflag.FlagSet) action {
	var d difference
	fs.StringVar(&d.pool, "pool", "", "")
	fs.StringArrayVar(&d.set, "set", nil, "")
	fs.StringVar(&d.start, "start", "", "")
	fs.IntVar(&d.faults, "faults", 1, "")
	fs.IntVar(&d.crashes, "crashes", 0, "")
	return func(ctx context.Context, e *env, args []string) error {
		switch {
		case len(args) != 2:
			return usagef("lrun diff --help shows how it is used", "lrun diff wants two runbooks, got %d", len(args))
		case d.faults < 0 || d.faults > maxFaults:
			return usagef("", "--faults %d: want a number from 0 to %d", d.faults, maxFaults)
		case d.crashes < 0 || d.crashes > maxCrashes:
			return usagef("", "--crashes %d: want a number from 0 to %d", d.crashes, maxCrashes)
		}
		return d.run(ctx, e, args[0], args[1])
	}
}

func (d *difference) run(ctx context.Context, e *env, before, after string) error {
	begin, err := parseStart(d.start)
	if err != nil {
		return err
	}
	if d.pool == "" {
		if d.pool, err = e.poolFor(before); err != nil {
			return err
		}
	}
	var progs [2]*interp.Program
	var answers [2]*explore.Answer
	for i, name := range [...]string{before, after} {
		if progs[i], err = e.compile(name, &d.target); err != nil {
			return err
		}
		p := proof{faults: d.faults, crashes: d.crashes}
		opts, err := p.options(e, name, begin)
		if err != nil {
			return err
		}
		opts.Nights = true
		if answers[i], err = e.explore(ctx, progs[i], opts); err != nil {
			return err
		}
		if answers[i].Property == explore.Holds {
			continue
		}
		if answers[i].Past, err = explore.Past(ctx, progs[i], opts); err != nil && !errors.Is(err, explore.ErrTooLarge) {
			return err
		}
	}
	text, differs := explore.Differences(progs[0], progs[1], answers[0], answers[1], begin.words)
	if err := e.print(text); err != nil {
		return err
	}
	if differs {
		return exitCode(exitFailed)
	}
	return nil
}
