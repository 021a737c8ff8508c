package main

import (
	"bufio"
	"context"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

var simulateCommand = &command{
	name: "simulate", about: "rehearse a runbook on a modelled pool", usage: simulateUsage, setup: setupSimulate, args: "runbook",
}

const simulateUsage = `Usage: lrun simulate RUNBOOK [--pool F] [--scenario F] [--seed N] [--start T]
                     [--set NAME=VALUE]… [--runs N] [--report F.html] [--json]

Rehearses a runbook against a model of the pool: one night with its log, or many
nights and how they spread. Touches nothing. Runbooks, pools and scenarios that
ship with lrun are named as lrun runbooks lists them.

      --pool F           the pool file; may be left out where a *.pool.yaml lies
                         alone in the runbook's folder
      --scenario F       what goes wrong in this night; nothing, without one
      --seed N           what is left to chance is drawn from this seed; without one
                         from the scenario's, else every duration is a middling one
      --start T          when the night begins, 22:00 or 2026-03-07T22:00:00+01:00;
                         without it the log counts from 00:00:00
      --set NAME=VALUE   give a parameter of the runbook another value
      --runs N           rehearse N nights, of the seeds from --seed on; without
                         one from the scenario's, else from 1
      --report F.html    write a page to keep: timeline, figures and log
      --json             one JSON object a line for each event; with --runs, one

The exit code is that of the night: 0 done, 1 failed or aborted, 4 work left. With
--runs it is 0 where every night was completed, else 1.

Example:

    lrun simulate lync2013-cu --pool contoso-6 --scenario busy-stays --start 22:00
`

type simulation struct {
	target
	scenario, start, report string
	seed                    uint64
	seeded                  bool
	runs                    int
	json                    bool
}

func setupSimulate(fs *pflag.FlagSet) action {
	var s simulation
	fs.StringVar(&s.pool, "pool", "", "")
	fs.StringVar(&s.scenario, "scenario", "", "")
	fs.Uint64Var(&s.seed, "seed", 0, "")
	fs.StringVar(&s.start, "start", "", "")
	fs.StringArrayVar(&s.set, "set", nil, "")
	fs.IntVar(&s.runs, "runs", 0, "")
	fs.StringVar(&s.report, "report", "", "")
	fs.BoolVar(&s.json, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		name, err := oneRunbook("simulate", args)
		if err != nil {
			return err
		}
		s.seeded = fs.Changed("seed")
		if fs.Changed("runs") {
			switch {
			case s.runs < 1 || s.runs > maxRuns:
				return usagef("", "--runs %d: want a number from 1 to %d", s.runs, maxRuns)
			case s.report != "":
				return usagef("choose a seed, and report its night", "--report shows one night, --runs rehearses many")
			}
		}
		return s.run(ctx, e, name)
	}
}

func (s *simulation) run(ctx context.Context, e *env, name string) error {
	begin, err := parseStart(s.start)
	if err != nil {
		return err
	}
	prog, err := e.compile(name, &s.target)
	if err != nil {
		return err
	}
	sc, err := e.scenarioFile(s.scenario, prog.Pool)
	if err != nil {
		return err
	}
	if !s.seeded && sc.Seed != nil {
		s.seed, s.seeded = *sc.Seed, true
	}
	if s.runs > 0 {
		if !s.seeded {
			s.seed = 1
		}
		return s.many(ctx, e, prog, sc, begin)
	}
	return s.one(ctx, e, prog, sc, begin)
}

// one rehearses a night and shows it.
func (s *simulation) one(ctx context.Context, e *env, prog *interp.Program, sc *pool.Scenario, begin start) error {
	r, err := sim.NewRehearsal(prog, sc, interp.Args{Clock: begin.clock})
	if err != nil {
		return usagef("", "%s", err)
	}
	var ch sim.Chooser = sim.First{}
	if s.seeded {
		ch = sim.Seeded(s.seed)
	}
	out := bufio.NewWriter(e.stdout)
	night, story, err := tell(ctx, r, prog, ch, begin, func(rec *interp.Record) {
		if s.json && rec.Kind != interp.RecFinish {
			_, _ = out.Write(append(prog.AppendJSON(nil, rec), '\n'))
		}
	}, func(line string) {
		if !s.json {
			_, _ = out.WriteString(line + "\n")
		}
	})
	if err != nil {
		_ = out.Flush()
		return err
	}
	summary := story.summary(&night)
	if s.json {
		_, _ = out.Write(append(prog.AppendFinish(nil, &night.Finish, &night.Result), '\n'))
	} else {
		_, _ = out.WriteString("\n" + summary)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if s.report != "" {
		page, err := story.rehearsed(&night)
		if err != nil {
			return err
		}
		if err := e.files.Write(s.report, page); err != nil {
			return usagef("", "cannot write %s: %s", s.report, cause(err))
		}
	}
	if code := night.Result.ExitCode(); code != exitDone {
		return exitCode(code)
	}
	return nil
}
