package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/runstore"
)

var statusCommand = &command{name: "status", about: "where a run stands", usage: statusUsage, setup: setupStatus, args: "run"}

const statusUsage = `Usage: lrun status [RUN] [--state DIR] [--json]

Tells where a run stands, by its journal: how it ended or what is under way, and
each server. RUN is its id, a beginning of it, or latest; without one it is the
latest run that is not finished, else the latest. Does not disturb a run that is
under way.

      --state DIR   where the journals are; else LRUN_STATE, else the user's state
                    folder
      --json        one JSON object

Example:

    lrun status
`

var runsCommand = &command{name: "runs", about: "list all runs", usage: runsUsage, setup: setupRuns}

const runsUsage = `Usage: lrun runs [--state DIR] [--json]

Lists all runs, the oldest first.

      --state DIR   where the journals are; else LRUN_STATE, else the user's state
                    folder
      --json        one JSON object a line

Example:

    lrun runs
`

var pauseCommand = &command{name: "pause", about: "end a run after the turn under way", usage: pauseUsage, setup: setupPause, args: "run"}

const pauseUsage = `Usage: lrun pause [RUN] [--state DIR]

Asks a run that is under way to stop once its turn is at its end. It then ends as
paused, and lrun resume goes on with it. RUN is its id or a beginning of it; without
one it is the latest run that is not finished.

      --state DIR   where the journals are; else LRUN_STATE, else the user's state
                    folder

Example:

    lrun pause
`

func setupPause(fs *pflag.FlagSet) action {
	var state string
	fs.StringVar(&state, "state", "", "")
	return func(_ context.Context, e *env, args []string) error {
		store, id, err := e.theRun("pause", state, args)
		if err != nil {
			return err
		}
		if err := store.RequestPause(id); err != nil {
			return usagef("", "%s", err)
		}
		return e.printf("run %s is asked to pause: it ends once its turn is at its end\n", id)
	}
}

// theRun is the run that a command speaks of.
func (e *env) theRun(name, state string, args []string) (*runstore.Store, string, error) {
	ref, err := oneRun(name, args)
	if err != nil {
		return nil, "", err
	}
	store, err := e.openStore(state)
	if err != nil {
		return nil, "", err
	}
	id, err := findRun(store, ref)
	return store, id, err
}

func setupStatus(fs *pflag.FlagSet) action {
	var (
		state  string
		asJSON bool
	)
	fs.StringVar(&state, "state", "", "")
	fs.BoolVar(&asJSON, "json", false, "")
	return func(_ context.Context, e *env, args []string) error {
		store, id, err := e.theRun("status", state, args)
		if err != nil {
			return err
		}
		st, err := store.Status(id)
		if err != nil {
			return usagef("", "%s", err)
		}
		if asJSON {
			return statusJSON(e, st)
		}
		return e.print(statusText(st, store.Line("resume", id)))
	}
}

func statusText(st *runstore.Status, resume string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s: %s\n", st.ID, st.State)
	fmt.Fprintf(&b, "  begun by %s on %s\n", oneLine(st.Header.By), st.Header.Started.Local().Format("2006-01-02 15:04"))
	for _, s := range st.Sessions {
		fmt.Fprintf(&b, "  resumed by %s on %s\n", oneLine(s.By), s.At.Local().Format("2006-01-02 15:04"))
	}
	if st.State == runstore.Running {
		fmt.Fprintf(&b, "  worked on by %s (process %d)\n", oneLine(st.Holder.By), st.Holder.PID)
	}
	if st.Ended != nil {
		fmt.Fprintf(&b, "  abandoned by %s on %s\n", oneLine(st.Ended.By), st.Ended.At.Local().Format("2006-01-02 15:04"))
	}
	if st.Torn != "" {
		fmt.Fprintf(&b, "  %s\n", st.Torn)
	}
	b.WriteString(standingText(st.Program, st.Machine, localStart(st.Header.Started)))
	if !st.State.Finished() && st.State != runstore.Running {
		b.WriteString(resume + " goes on with it\n")
	}
	return b.String()
}

func statusJSON(e *env, st *runstore.Status) error {
	res := st.Machine.Standing()
	out := struct {
		Run        string                  `json:"run"`
		State      runstore.State          `json:"state"`
		Pool       string                  `json:"pool"`
		Runbook    string                  `json:"runbook"`
		Started    time.Time               `json:"started"`
		By         string                  `json:"by"`
		Elapsed    float64                 `json:"elapsed"`
		FailedOver bool                    `json:"failed_over"`
		Reason     string                  `json:"reason"`
		ExitCode   *int                    `json:"exit_code"`
		Servers    []interp.ServerStanding `json:"servers"`
	}{
		Run: st.ID, State: st.State, Pool: st.Header.Pool, Runbook: st.Header.Runbook.Name, Started: st.Header.Started,
		By: st.Header.By, Elapsed: res.Elapsed.Seconds(), FailedOver: res.FailedOver, Reason: res.Reason, Servers: st.Machine.Servers(),
	}
	if res.Ending != interp.Running {
		code := res.ExitCode()
		out.ExitCode = &code
	}
	return e.jsonLine(out)
}

func (e *env) jsonLine(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func findingsJSON(e *env, all []finding) error {
	for _, f := range all {
		err := e.jsonLine(struct {
			Grade string `json:"grade"`
			Where string `json:"where,omitempty"`
			What  string `json:"what"`
			Text  string `json:"text"`
		}{grades[f.grade], f.where, f.what, f.text})
		if err != nil {
			return err
		}
	}
	return nil
}

func setupRuns(fs *pflag.FlagSet) action {
	var (
		state  string
		asJSON bool
	)
	fs.StringVar(&state, "state", "", "")
	fs.BoolVar(&asJSON, "json", false, "")
	return func(_ context.Context, e *env, args []string) error {
		if err := noArgs("runs", args); err != nil {
			return err
		}
		store, err := e.openStore(state)
		if err != nil {
			return err
		}
		all, err := store.List()
		if err != nil {
			return usagef("", "%s", err)
		}
		if asJSON {
			for _, r := range all {
				if err := e.jsonLine(r); err != nil {
					return err
				}
			}
			return nil
		}
		return e.print(runsText(all, store.Dir()))
	}
}

func runsText(all []runstore.Summary, dir string) string {
	if len(all) == 0 {
		return fmt.Sprintf("no runs in %s\n", dir)
	}
	id, pool, state := 3, 4, 5
	for _, r := range all {
		id, pool, state = max(id, len(r.ID)), max(pool, len(r.Pool)), max(state, len(r.State))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %-*s  %-*s  %-16s  %s\n", id, "run", pool, "pool", state, "state", "begun", "runbook")
	for _, r := range all {
		begun := ""
		if !r.Started.IsZero() {
			begun = r.Started.Local().Format("2006-01-02 15:04")
		}
		line := fmt.Sprintf("%-*s  %-*s  %-*s  %-16s  %s", id, r.ID, pool, oneLine(r.Pool), state, r.State, begun, oneLine(r.Runbook))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if r.Err != nil {
			fmt.Fprintf(&b, "    %s\n", oneLine(r.Err.Error()))
		}
	}
	return b.String()
}
