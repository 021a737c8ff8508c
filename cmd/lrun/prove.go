package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/sim/explore"
)

var proveCommand = &command{
	name: "prove", about: "look at every outcome of a runbook, not at one rehearsal", usage: proveUsage, setup: setupProve,
	args: "runbook",
}

const proveUsage = `Usage: lrun prove RUNBOOK [--pool F] [--faults K] [--crashes C] [--start T]
                  [--set NAME=VALUE]… [--mutate] [--save DIR] [--json]

Looks at every outcome of a runbook on a pool with up to K faults and C crashes of
lrun: how each reading and each action may end, which server may die, where lrun
may be killed, what the person may answer. Either all properties hold, and the worst
case is told, or the shortest night that breaks one. Touches nothing.

A fault is one deviation: an action that fails, hangs, takes three times as long or
whose connection breaks; services that do not come up; a readiness cmdlet that is
wrong for as long as it likes; a server that dies.

      --pool F           the pool file; may be left out where a *.pool.yaml lies
                         alone in the runbook's folder
      --faults K         how many things may go wrong in one night; 1 without it
      --crashes C        how often lrun may be killed and resumed; 0 without it
      --start T          when the night begins, 22:00 or 2026-03-07T22:00:00+01:00;
                         without it times count from 00:00:00
      --set NAME=VALUE   give a parameter of the runbook another value
      --mutate           drop each guard of the runbook in turn, and tell which of
                         them no property would miss
      --save DIR         write what was found: a certificate where all holds, else
                         the night as a scenario that lrun simulate replays
      --json             one JSON object

Properties of your own stand beside the runbook, in NAME.props for NAME.lrun.
The exit code is 0 where all holds and 3 where a property is violated.

Example:

    lrun prove lync2013-cu --pool contoso-6 --faults 2
`

// The most that --faults and --crashes take: beyond them a night has few things left that did not go wrong.
const (
	maxFaults  = 8
	maxCrashes = 8
)

type proof struct {
	target
	start, save     string
	faults, crashes int
	mutate, json    bool
}

func setupProve(fs *pflag.FlagSet) action {
	var p proof
	fs.StringVar(&p.pool, "pool", "", "")
	fs.StringArrayVar(&p.set, "set", nil, "")
	fs.StringVar(&p.start, "start", "", "")
	fs.IntVar(&p.faults, "faults", 1, "")
	fs.IntVar(&p.crashes, "crashes", 0, "")
	fs.BoolVar(&p.mutate, "mutate", false, "")
	fs.StringVar(&p.save, "save", "", "")
	fs.BoolVar(&p.json, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		name, err := oneRunbook("prove", args)
		if err != nil {
			return err
		}
		switch {
		case p.faults < 0 || p.faults > maxFaults:
			return usagef("", "--faults %d: want a number from 0 to %d", p.faults, maxFaults)
		case p.crashes < 0 || p.crashes > maxCrashes:
			return usagef("", "--crashes %d: want a number from 0 to %d", p.crashes, maxCrashes)
		case p.mutate && p.json:
			return usagef("", "--mutate has no --json")
		}
		return p.run(ctx, e, name)
	}
}

func (p *proof) run(ctx context.Context, e *env, name string) error {
	begin, err := parseStart(p.start)
	if err != nil {
		return err
	}
	prog, err := e.compile(name, &p.target)
	if err != nil {
		return err
	}
	opts, err := p.options(e, name, begin)
	if err != nil {
		return err
	}
	answer, err := e.explore(ctx, prog, opts)
	if err != nil {
		return err
	}
	var replay *explore.Replay
	if answer.Trace != nil {
		if replay, err = answer.Replay(ctx, prog); err != nil {
			return err
		}
	}
	if err := p.show(e, prog, answer, begin, replay); err != nil {
		return err
	}
	if p.save != "" {
		if err := p.saveTo(e, name, prog, opts, answer, replay); err != nil {
			return err
		}
	}
	if p.mutate {
		if err := p.mutants(ctx, e, prog, opts, answer); err != nil {
			return err
		}
	}
	if answer.Property != explore.Holds {
		return exitCode(exitViolated)
	}
	return nil
}

// options are the bounds, and the properties beside the runbook.
func (p *proof) options(e *env, name string, begin start) (explore.Options, error) {
	opts := explore.Options{Faults: p.faults, Crashes: p.crashes, Workers: e.cores, Clock: -1}
	if begin.given {
		opts.Clock = begin.clock
	}
	props, err := e.props(name)
	if err != nil {
		return opts, err
	}
	opts.Props = props
	return opts, nil
}

// explore looks at every outcome, and shows on a terminal how far it is.
func (e *env) explore(ctx context.Context, prog *interp.Program, opts explore.Options) (*explore.Answer, error) {
	shown := false
	if e.terminal(e.stderr) {
		next := 100_000
		opts.Progress = func(states, depth int) {
			if states < next {
				return
			}
			next = states + 100_000
			shown = true
			e.errorText(fmt.Sprintf("\r%d states, %d events deep", states, depth))
		}
	}
	a, err := explore.Prove(ctx, prog, opts)
	if shown {
		e.errorText("\r\x1b[K")
	}
	if errors.Is(err, explore.ErrTooLarge) {
		return nil, usagef("ask for fewer faults or crashes", "there are too many outcomes to look at: %s", err)
	}
	return a, err
}

func (p *proof) show(e *env, prog *interp.Program, a *explore.Answer, begin start, replay *explore.Replay) error {
	if p.json {
		line, err := a.JSON(prog)
		if err != nil {
			return err
		}
		return e.print(string(line) + "\n")
	}
	if err := e.print(a.Text(prog, begin.words)); err != nil || replay == nil {
		return err
	}
	if replay.Same {
		return e.print("  simulated      lrun simulate comes to the same end\n")
	}
	return e.printf("  simulated      not excluded, but not shown either: %s\n", replay.Why)
}

// saveTo writes the certificate, or the scenario of the counterexample.
func (p *proof) saveTo(e *env, name string, prog *interp.Program, opts explore.Options, a *explore.Answer, replay *explore.Replay) error {
	base := strings.TrimSuffix(filepath.Base(displayName(name)), filepath.Ext(name))
	file, data := filepath.Join(p.save, filepath.Base(certificateFile(displayName(name), prog.Pool))), []byte(nil)
	if replay == nil {
		var err error
		if data, err = explore.Certify(prog, opts, a, version()); err != nil {
			return err
		}
	} else {
		file = filepath.Join(p.save, base+"."+a.Property.String()+".scenario.yaml")
		data = replay.Scenario
	}
	if err := e.writeIn(file, data); err != nil {
		return err
	}
	if p.json {
		return nil
	}
	return e.printf("  saved          %s\n", filepath.ToSlash(file))
}

// mutants drops each guard in turn.
func (p *proof) mutants(ctx context.Context, e *env, prog *interp.Program, opts explore.Options, a *explore.Answer) error {
	if a.Property != explore.Holds {
		return e.print("\nGuards are dropped only from a runbook that holds\n")
	}
	list, err := explore.Mutate(ctx, prog, opts)
	if err != nil {
		return err
	}
	return e.print("\n" + explore.MutantsText(list))
}

// props reads the properties of a runbook's own: they stand beside it, under its name. Without such a file there are none.
func (e *env) props(runbook string) ([]explore.Prop, error) {
	if runbook == "-" {
		return nil, nil
	}
	name := strings.TrimSuffix(runbook, filepath.Ext(runbook)) + ".props"
	f, err := e.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, openError(name, "properties", err)
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, maxProps+1))
	switch {
	case err != nil:
		return nil, usagef("", "cannot read %s: %s", name, cause(err))
	case len(src) > maxProps:
		return nil, usagef("", "%s is larger than %d bytes", name, maxProps)
	}
	props, err := explore.ParseProps(name, src)
	if err != nil {
		return nil, usagef("docs/prove.md shows the form of properties", "%s", err)
	}
	return props, nil
}

// maxProps is how large a file of properties may be.
const maxProps = 1 << 16
