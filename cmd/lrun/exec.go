package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runstore"
)

var execCommand = &command{
	name: "exec", about: "run a runbook on the servers, with a journal", usage: execUsage, setup: setupExec, args: "runbook", messages: true,
}

const execUsage = `Usage: lrun exec RUNBOOK [--pool F] [--set NAME=VALUE]… [--yes] [--step] [--check]
                 [--accept-topology] [--require-proof] [--insecure] [--state DIR]
                 [--json]

Runs a runbook on the live pool. First everything is looked at that could speak
against it; then the plan is shown, and nothing is touched before the pool's name
has been typed. What is done is in a journal before it is begun: after a crash, a
closed window or Ctrl-C, lrun resume goes on with it.

      --pool F           the pool file; may be left out where a *.pool.yaml lies
                         alone in the runbook's folder
      --set NAME=VALUE   give a parameter of the runbook another value
      --yes              do not ask the opening question; a confirm is asked anyway
      --step             ask before every action
      --check            look at the pool, show the plan, end: nothing is touched
      --accept-topology  go by the live domains where the pool file differs
      --require-proof    begin only with a certificate of lrun prove
      --insecure         let plain HTTP go to other machines
      --state DIR        where the journals are; else LRUN_STATE, else the user's
                         state folder
      --json             one JSON object a line for each event

The password comes from LRUN_PASSWORD, from the keyring of the operating system
(service lrun, the user of the pool file), or is asked for. Of files: SSL_CERT_FILE
names the authorities to trust instead of those of the system, KRB5_CONFIG the
krb5.conf, LRUN_CERTIFICATE the certificate and key of auth: certificate (PEM).

Ctrl-C once, or lrun pause, ends the run after the turn under way; twice, after the
actions in flight; three times, now. Exit codes: 0 done, 1 failed or aborted, 2
nothing was touched, 4 work left for lrun resume, 130 interrupted.

Example:

    lrun exec upgrade.lrun --pool pool01.pool.yaml
`

// execution is exec with its flags.
type execution struct {
	target
	yes, step, check, json, acceptTopology, requireProof, insecure bool
	state                                                          string
	name                                                           string // of the runbook
}

func setupExec(fs *pflag.FlagSet) action {
	var x execution
	fs.StringVar(&x.pool, "pool", "", "")
	fs.StringArrayVar(&x.set, "set", nil, "")
	fs.BoolVar(&x.yes, "yes", false, "")
	fs.BoolVar(&x.step, "step", false, "")
	fs.BoolVar(&x.check, "check", false, "")
	fs.BoolVar(&x.acceptTopology, "accept-topology", false, "")
	fs.BoolVar(&x.requireProof, "require-proof", false, "")
	fs.BoolVar(&x.insecure, "insecure", false, "")
	fs.StringVar(&x.state, "state", "", "")
	fs.BoolVar(&x.json, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		name, err := oneRunbook("exec", args)
		if err != nil {
			return err
		}
		x.name = name
		return x.run(ctx, e)
	}
}

// openStore opens the state folder.
func (e *env) openStore(dir string) (*runstore.Store, error) {
	named := dir != ""
	if !named {
		var err error
		if dir, err = runstore.DefaultDir(runtime.GOOS, e.getenv); err != nil {
			return nil, usagef("", "%s", err)
		}
	}
	s, err := runstore.Open(dir, runstore.Options{By: whoami(), Version: version(), Named: named})
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return s, nil
}

// whoami is user@host, for the record.
func whoami() string {
	name, host := "?", "?"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

func (x *execution) run(ctx context.Context, e *env) error {
	prog, err := e.compile(x.name, &x.target)
	if err != nil {
		return err
	}
	set, err := settings(x.set)
	if err != nil {
		return err
	}
	store, err := e.openStore(x.state)
	if err != nil {
		return err
	}
	if err := store.Unfinished(prog.Pool.Name); err != nil && !x.check {
		return untouched(err)
	}
	reach, err := e.reach(prog.Pool, x.insecure)
	if err != nil {
		return err
	}
	place, err := reach(prog.Pool)
	if err != nil {
		return untouched(err)
	}
	defer func() { place.close() }()
	live, err := place.discover(ctx)
	if err != nil {
		return untouched(err)
	}
	if len(live.differences) > 0 {
		if err := x.differs(e, live); err != nil {
			return err
		}
		if prog, err = recompile(e, prog, live.topology, set); err != nil {
			return err
		}
		place.close()
		if place, err = reach(prog.Pool); err != nil {
			return untouched(err)
		}
	}
	if x.check {
		_, err := x.opening(ctx, e, prog, place, live, "")
		if err == nil {
			_, err = io.WriteString(x.out(e), "Nothing was touched: --check only looks.\n")
		}
		return err
	}
	return x.begin(ctx, e, store, prog, set, place, live)
}

// begin claims the pool, shows what will happen, asks, and drives the run.
func (x *execution) begin(ctx context.Context, e *env, store *runstore.Store, prog *interp.Program, set map[string]string, place site, live *livePool) error {
	claim, err := store.Claim(prog.Pool.Name, prog.Pool.Backup)
	if err != nil {
		return untouched(err)
	}
	defer claim.Close()
	held := &leash{warn: e.warn}
	release, err := place.mark(ctx, claim.ID, e.warn, held.slip)
	if err != nil {
		return untouched(err)
	}
	defer release()
	installers, err := x.opening(ctx, e, prog, place, live, claim.ID)
	if err != nil {
		return err
	}
	c := newConsole(e)
	if !x.yes {
		if err := c.begin(ctx, "begin", prog.Pool.Name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	clock := sinceMidnight(time.Now())
	if x.requireProof { // while the question stood, the window may have become too short
		if words, ok := e.proven(prog, live, clock); !ok {
			return notProved(words)
		}
	}
	run, err := claim.Create(prog, interp.Args{Clock: clock}, set, x.pool)
	if err != nil {
		return untouched(err)
	}
	defer func() { _ = run.Close() }()
	n := &night{e: e, run: run, site: place, console: c, json: x.json, step: x.step, installers: installers, leash: held}
	n.prepare()
	n.tell("run " + run.ID)
	res, err := n.play(ctx, interp.Event{Kind: interp.Began})
	return n.ended(res, err)
}

func (x *execution) out(e *env) io.Writer {
	if x.json {
		return e.stderr
	}
	return e.stdout
}

// differs shows how the live topology differs from the pool file, and refuses unless it is accepted.
func (x *execution) differs(e *env, live *livePool) error {
	out := x.out(e)
	_, _ = fmt.Fprintln(out, "The live pool differs from the pool file:")
	for _, d := range live.differences {
		_, _ = fmt.Fprintf(out, "  %s\n", oneLine(d))
	}
	_, _ = fmt.Fprintln(out)
	if !x.acceptTopology {
		return usagef("correct the file, or go by the live domains with --accept-topology",
			"the live pool differs from its file in %s: nothing was touched", plural(len(live.differences), "place", "places"))
	}
	if live.topology == nil {
		return untouched(live.unusable)
	}
	return nil
}

// recompile makes the program of the live topology.
func recompile(e *env, prog *interp.Program, p *pool.Pool, set map[string]string) (*interp.Program, error) {
	if ds := lang.Check(prog.Source, facts(p)); ds.HasErrors() {
		return nil, e.refuse(prog.Source.Main.Pos.Filename, prog.Source, ds)
	}
	again, err := interp.Compile(prog.Source, p, set)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return again, nil
}

// opening shows the plan, what is there and what speaks against it. It fails where the night must not begin.
func (x *execution) opening(ctx context.Context, e *env, prog *interp.Program, place site, live *livePool, run string) (installers map[string]string, err error) {
	out := x.out(e)
	found, installers := place.preflight(ctx, live, prog, run)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := makePlan(ctx, prog, localStart(time.Now()))
	if err != nil {
		return nil, err
	}
	_, _ = io.WriteString(out, p.text()+"\n")
	_, _ = io.WriteString(out, factsText(live.facts))
	_, _ = io.WriteString(out, findingsText(found, false))
	words, proved := e.proven(prog, live, sinceMidnight(time.Now()))
	_, _ = fmt.Fprintf(out, "Proof: %s\n\n", words)
	if bad := count(found, against); bad > 0 {
		return nil, usagef("lrun preflight --pool shows all that was looked at", "%s against this night: nothing was touched",
			plural(bad, "finding speaks", "findings speak"))
	}
	if x.requireProof && !proved {
		return nil, notProved(words)
	}
	return installers, nil
}

func notProved(words string) error {
	return usagef("lrun prove RUNBOOK --pool F --save DIR writes a certificate, DIR being the runbook's folder", "--require-proof: %s: nothing was touched", words)
}

func factsText(facts []string) string {
	if len(facts) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("The live pool:\n")
	for _, f := range facts {
		b.WriteString("  " + oneLine(f) + "\n")
	}
	return b.String() + "\n"
}

// untouched is an error that ends exec before anything was touched.
func untouched(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return err
	}
	hint := ""
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		hint = "where the servers' certificates come from an authority of your own, " + authorityVar + " names the file (PEM) that holds it"
	}
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		rest = "\n" + rest
	}
	return usagef(hint, "%s: nothing was touched%s", strings.TrimRight(first, "."), rest)
}
