package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/runstore"
)

var reportCommand = &command{name: "report", about: "a run as a page to keep", usage: reportUsage, setup: setupReport, args: "run"}

const reportUsage = `Usage: lrun report [RUN] -o F.html [--state DIR]

Writes a page that shows a run by its journal: how it ended or where it stands, the
timeline, every step, the log and the runbook as it ran. One HTML file that needs
nothing else. RUN is its id, a beginning of it, or latest; without one it is the
latest run that is not finished, else the latest. Does not disturb a run that is
under way.

  -o, --output F.html   the file to write
      --state DIR       where the journals are; else LRUN_STATE, else the user's
                        state folder

Example:

    lrun report latest -o night.html
`

func setupReport(fs *pflag.FlagSet) action {
	var output, state string
	fs.StringVarP(&output, "output", "o", "", "")
	fs.StringVar(&state, "state", "", "")
	return func(_ context.Context, e *env, args []string) error {
		if output == "" {
			return usagef("as in lrun report -o night.html", "lrun report wants a file to write, -o F.html")
		}
		store, id, err := e.theRun("report", state, args)
		if err != nil {
			return err
		}
		page, err := runPage(store, id)
		if err != nil {
			return usagef("", "%s", err)
		}
		if err := e.files.Write(output, page); err != nil {
			return usagef("", "cannot write %s: %s", output, cause(err))
		}
		return nil
	}
}

// runPage is the page of a run.
func runPage(store *runstore.Store, id string) ([]byte, error) {
	st, err := store.Status(id)
	if err != nil {
		return nil, err
	}
	j, err := store.Journal(id)
	if err != nil {
		return nil, err
	}
	s := newStory(st.Program, localStart(st.Header.Started))
	j.Seen = func(out *interp.Output) {
		for i := range out.Records {
			s.take(&out.Records[i])
		}
	}
	m, _, err := j.Replay(st.Program, nil)
	if err != nil {
		return nil, err
	}
	res := m.Standing()
	s.breakOff(m.Now())
	about := []string{fmt.Sprintf("run %s, begun by %s on %s", id, oneLine(st.Header.By), st.Header.Started.Local().Format("2006-01-02 15:04"))}
	for _, a := range st.Sessions {
		about = append(about, fmt.Sprintf("resumed by %s on %s", oneLine(a.By), a.At.Local().Format("2006-01-02 15:04")))
	}
	if st.Ended != nil {
		about = append(about, fmt.Sprintf("abandoned by %s on %s", oneLine(st.Ended.By), st.Ended.At.Local().Format("2006-01-02 15:04")))
	}
	if st.State == runstore.Running {
		about = append(about, "under way when this page was made, by "+oneLine(st.Holder.By))
	}
	p := &page{
		About: strings.Join(about, "; "), Good: st.State.Finished() && res.ExitCode() == exitDone,
		Headline: fmt.Sprintf("%s after %s", outcomeWords(res.Ending), took(res.Elapsed)), Runbook: st.Header.Runbook.Text,
	}
	if !st.State.Finished() && st.State != runstore.Running {
		p.Headline += "; " + store.Line("resume", id) + " goes on with it"
	}
	total := 0
	for _, cut := range s.cuts {
		total += int(cut.count)
	}
	p.Rows = append(runRows(st.Program, s.begin, &res), row{"sessions cut", s.sessions(total)})
	return s.page(p, res.Elapsed)
}
