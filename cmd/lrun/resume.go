package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/runstore"
)

var resumeCommand = &command{
	name: "resume", about: "go on with a run that stopped, was killed, or is in doubt", usage: resumeUsage, setup: setupResume, args: "run", messages: true,
}

const resumeUsage = `Usage: lrun resume [RUN] [--assume S=done|redo]… [--runbook NEW] [--set N=V]…
                   [--abandon] [--yes] [--step] [--insecure] [--state DIR] [--json]

Goes on with a run at its first undone step: after a crash, Ctrl-C, a pause, a
closed window, a failure, or in doubt. RUN is its id, a beginning of it, or latest;
without one it is the latest run that is not finished. First the live pool is looked
at and what differs from the journal is shown; nothing is touched before the pool's
name has been typed. A finished run tells its end and exits with its code.

      --assume S=done    take the step in doubt on server S (or: pool) as done, once
                         a look agrees; S=redo does it again
      --runbook NEW      go on with a changed runbook, where it does the same in
                         what is done already
      --set NAME=VALUE   with --runbook: a parameter of the new one
      --abandon          give the run up, on the record: the pool is free again
      --yes              do not ask the opening question
      --step             ask before every action
      --insecure         let plain HTTP go to other machines
      --state DIR        where the journals are; else LRUN_STATE, else the user's
                         state folder
      --json             one JSON object a line for each event

Example:

    lrun resume --assume fe03=done
`

type resumption struct {
	assume, set                          []string
	runbook, state                       string
	abandon, yes, step, insecure, asJSON bool
}

func setupResume(fs *pflag.FlagSet) action {
	var x resumption
	fs.StringArrayVar(&x.assume, "assume", nil, "")
	fs.StringVar(&x.runbook, "runbook", "", "")
	fs.StringArrayVar(&x.set, "set", nil, "")
	fs.BoolVar(&x.abandon, "abandon", false, "")
	fs.BoolVar(&x.yes, "yes", false, "")
	fs.BoolVar(&x.step, "step", false, "")
	fs.BoolVar(&x.insecure, "insecure", false, "")
	fs.StringVar(&x.state, "state", "", "")
	fs.BoolVar(&x.asJSON, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		ref, err := oneRun("resume", args)
		if err != nil {
			return err
		}
		if len(x.set) > 0 && x.runbook == "" {
			return usagef("the parameters of the run are in its journal", "--set goes with --runbook")
		}
		store, err := e.openStore(x.state)
		if err != nil {
			return err
		}
		id, err := findRun(store, ref)
		if err != nil {
			return err
		}
		if x.abandon {
			if err := store.Abandon(id); err != nil {
				return untouched(err)
			}
			return e.printf("run %s is abandoned\n", id)
		}
		return x.run(ctx, e, store, id)
	}
}

// oneRun is the argument of a command that takes a run, or none.
func oneRun(name string, args []string) (string, error) {
	if len(args) > 1 {
		return "", usagef("lrun "+name+" --help shows how it is used", "lrun %s takes one run, got %d", name, len(args))
	}
	if len(args) == 0 {
		return "", nil
	}
	return args[0], nil
}

// findRun finds the run that is meant; without a word the latest that is not finished, else the latest.
func findRun(store *runstore.Store, ref string) (string, error) {
	if ref == "" {
		all, err := store.List()
		if err != nil {
			return "", usagef("", "%s", err)
		}
		for i := len(all) - 1; i >= 0; i-- {
			if !all[i].State.Finished() {
				return all[i].ID, nil
			}
		}
	}
	id, err := store.Find(ref)
	if err != nil {
		return "", usagef("lrun runs lists them", "%s", err)
	}
	return id, nil
}

func (x *resumption) run(ctx context.Context, e *env, store *runstore.Store, id string) error {
	run, err := store.Resume(id)
	if err != nil {
		return untouched(err)
	}
	defer func() { _ = run.Close() }()
	n := &night{e: e, run: run, console: newConsole(e), json: x.asJSON, step: x.step, leash: &leash{warn: e.warn}}
	n.prepare()
	if res, done := run.Machine.Result(); done && res.Ending == interp.Completed && len(res.Skipped)+len(res.Remaining) == 0 {
		if x.asJSON {
			return e.printf("%s\n", run.Program.AppendFinish(nil, &interp.Record{Kind: interp.RecFinish, At: res.Elapsed}, &res))
		}
		return e.print(endText(run, n.begin, &res))
	}
	assume, err := assumptions(run.Program, run.Machine, x.assume)
	if err != nil {
		return err
	}
	prog, set, err := x.changed(e, run)
	if err != nil {
		return err
	}
	reach, err := e.reach(prog.Pool, x.insecure)
	if err != nil {
		return err
	}
	if n.site, err = reach(prog.Pool); err != nil {
		return untouched(err)
	}
	defer n.site.close()
	release, err := n.site.mark(ctx, run.ID, e.warn, n.leash.slip)
	if err != nil {
		return untouched(err)
	}
	defer release()
	if err := x.opening(ctx, n, prog); err != nil {
		return err
	}
	if prog != run.Program {
		if err := run.Amend(prog, set); err != nil {
			return untouched(err)
		}
		n.views(prog)
	}
	if err := run.GoOn(); err != nil {
		return untouched(err)
	}
	if err := n.past(store); err != nil {
		return untouched(err)
	}
	at := max(time.Since(run.Header.Started)*time.Duration(timeScale(prog.Pool)), run.Machine.Now())
	res, err := n.play(ctx, interp.Event{Kind: interp.Resumed, At: at, Assume: assume})
	return n.ended(res, err)
}

// changed is the program to go on with: the run's own, or that of --runbook where it does the same in what is done.
func (x *resumption) changed(e *env, run *runstore.Run) (*interp.Program, map[string]string, error) {
	if x.runbook == "" {
		return run.Program, nil, nil
	}
	set, err := settings(x.set)
	if err != nil {
		return nil, nil, err
	}
	src, ds, err := e.runbook(x.runbook)
	if err != nil {
		return nil, nil, err
	}
	if !ds.HasErrors() {
		ds = lang.Check(src, facts(run.Program.Pool))
	}
	if ds.HasErrors() {
		return nil, nil, e.refuse(x.runbook, src, ds)
	}
	prog, err := interp.Compile(src, run.Program.Pool, set)
	if err != nil {
		return nil, nil, usagef("", "%s", err)
	}
	if err := run.Follows(prog); err != nil {
		return nil, nil, usagef("", "the changed runbook differs in what is done already, nothing was touched: %s", err)
	}
	return prog, set, nil
}

// opening shows where the run stands and what the live pool looks like, and asks.
// prog is what it is to go on with.
func (x *resumption) opening(ctx context.Context, n *night, prog *interp.Program) error {
	out := n.out()
	if n.run.Torn != "" {
		_, _ = fmt.Fprintf(out, "The journal: %s.\n", n.run.Torn)
	}
	_, _ = io.WriteString(out, standingText(n.run.Program, n.run.Machine, n.begin)+"\n")
	live, err := n.site.discover(ctx)
	if err != nil {
		return untouched(err)
	}
	_, _ = io.WriteString(out, factsText(live.facts))
	if list := live.against(prog, n.run.Machine); len(list) > 0 {
		_, _ = fmt.Fprintf(out, "Since the journal's last record:\n  %s\n\n", strings.Join(list, "\n  "))
	}
	// In the middle of a night something always speaks against one: a server is down, the pool is Busy. So preflight is
	// here for the person who has to say whether the run goes on, and forbids nothing; marks and installers do.
	var found []finding
	found, n.installers = n.site.preflight(ctx, live, prog, n.run.ID)
	if err := ctx.Err(); err != nil {
		return err
	}
	_, _ = io.WriteString(out, findingsText(found, false))
	if len(live.differences) > 0 {
		_, _ = fmt.Fprintln(out, "The live pool differs from the journal:")
		for _, d := range live.differences {
			_, _ = fmt.Fprintf(out, "  %s\n", oneLine(d))
		}
		return usagef(n.run.Line("resume")+" --abandon gives the run up; then lrun exec begins a new one with the live domains",
			"the domains or servers of the pool have changed since the run began: nothing was touched")
	}
	if x.yes {
		return ctx.Err()
	}
	return n.console.begin(ctx, "go on", prog.Pool.Name)
}

// past lets the views take in what the journal holds already.
func (n *night) past(store *runstore.Store) error {
	j, err := store.Journal(n.run.ID)
	if err != nil {
		return err
	}
	var m *interp.Machine
	outs := func(out *interp.Output) {
		for i := range out.Records {
			r := &out.Records[i]
			n.seq = r.Seq
			n.progress.record(r)
			n.desc.Line(r)
		}
	}
	j.Seen = outs
	if m, _, err = j.Replay(n.run.Program, nil); err != nil {
		return err
	}
	n.progress.stands(m)
	return nil
}

// assumptions reads the --assume flags. They speak of steps whose end nobody knows, and of nothing else.
func assumptions(prog *interp.Program, m *interp.Machine, list []string) (interp.Assume, error) {
	var a interp.Assume
	short, servers := shortServers(prog.Pool), m.Servers()
	for _, s := range list {
		name, what, _ := strings.Cut(s, "=")
		if what != "done" && what != "redo" {
			return a, usagef("as in --assume fe03=done", "--assume %s: want SERVER=done or SERVER=redo", clip(s))
		}
		if strings.EqualFold(name, "pool") {
			a.PoolDone, a.PoolRedo = what == "done", what == "redo"
			continue
		}
		i, ok := prog.Pool.Server(name)
		for k := 0; k < len(short) && !ok; k++ {
			if strings.EqualFold(short[k], name) {
				i, ok = k, true
			}
		}
		if !ok {
			return a, usagef("", "--assume %s: the pool has no such server", clip(s))
		}
		if st := servers[i].State; st != interp.ServerInDoubt && st != interp.ServerBusy {
			return a, usagef("lrun status tells where each server stands", "--assume %s: no step on this server is in doubt", clip(s))
		}
		if a.Done.Has(i) || a.Redo.Has(i) {
			return a, usagef("", "--assume speaks of %s twice", name)
		}
		if what == "done" {
			a.Done = a.Done.Add(i)
		} else {
			a.Redo = a.Redo.Add(i)
		}
	}
	return a, nil
}

// standingText tells where a run stands.
func standingText(prog *interp.Program, m *interp.Machine, begin start) string {
	res := m.Standing()
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, %s after %s\n", prog.Name, prog.Pool.Name, res.Ending, took(res.Elapsed))
	if res.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", oneLine(res.Reason))
	}
	if res.FailedOver {
		fmt.Fprintf(&b, "  the pool is failed over: its users are served by %s\n", prog.Pool.Backup)
	}
	names := shortServers(prog.Pool)
	width := 0
	for i, s := range m.Servers() {
		width = max(width, len(s.Domain)+1+len(names[i]))
	}
	for i, s := range m.Servers() {
		since := ""
		if s.Since > 0 {
			since = ", since " + begin.words(s.Since)
		}
		fmt.Fprintf(&b, "  %-*s  %s%s\n", width, s.Domain+" "+names[i], standingWords(&s), since)
	}
	return b.String()
}
