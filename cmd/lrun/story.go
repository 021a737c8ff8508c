package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/sim"
)

// story keeps of a night what its summary and its page need.
type story struct {
	prog  *interp.Program
	begin start
	desc  *interp.Describer
	lines []string
	spans []span
	open  map[int8]span // the step under way, by server
	cuts  []moment
	dead  []moment
	cut   map[interp.FactKind]bool // what cuts users off now, by the fact that told of it
	// touched reports whether a step began that takes servers out of service.
	touched bool
	state   interp.PoolState // the pool's own state where it was read after the run's last failover or failback
}

// span is a step on a server, or on the pool, from its start to its end.
type span struct {
	server   int8
	action   interp.Action
	phrase   string
	from, to time.Duration
	outcome  interp.Outcome
}

// moment is when people were cut off, or calls.
type moment struct {
	at     time.Duration
	server int8
	fact   interp.FactKind
	count  int32
}

func newStory(prog *interp.Program, begin start) *story {
	return &story{prog: prog, begin: begin, desc: interp.NewDescriber(prog, begin.words), open: map[int8]span{}, cut: map[interp.FactKind]bool{}}
}

// tell rehearses a night and tells it as it goes on: each record, and each line of its log.
func tell(ctx context.Context, r *sim.Rehearsal, prog *interp.Program, ch sim.Chooser, begin start,
	record func(*interp.Record), line func(string)) (sim.Night, *story, error) {
	s := newStory(prog, begin)
	aside := func(text string) {
		s.aside(text)
		line(text)
	}
	night, err := r.Night(ctx, ch, &sim.Watcher{
		Record: func(rec *interp.Record) {
			text := s.take(rec)
			record(rec)
			if text != "" {
				line(text)
			}
		},
		Killed: func(at time.Duration, seq int64) {
			aside(fmt.Sprintf("%s  lrun is killed, %d records are in the journal", begin.words(at), seq))
		},
		Back: func(at time.Duration) { aside(fmt.Sprintf("%s  lrun is started again", begin.words(at))) },
	})
	return night, s, err
}

// take takes a record in and gives its line of the night log, "" where it has none.
func (s *story) take(r *interp.Record) string {
	switch r.Kind {
	case interp.RecStart:
		phrase := r.Action.String()
		if r.PC >= 0 && int(r.PC) < len(s.prog.Instrs) {
			phrase = s.prog.Instrs[r.PC].Phrase()
		}
		switch r.Action {
		case interp.Stop, interp.FailoverServer, interp.Upgrade, interp.Restart:
			s.touched = true
		}
		s.open[r.Server] = span{server: r.Server, action: r.Action, phrase: phrase, from: r.At}
	case interp.RecEnd:
		if r.Action == interp.Failover && r.Outcome == interp.Done {
			clear(s.cut) // the paired pool serves them
		}
		if (r.Action == interp.Failover || r.Action == interp.Failback) && r.Outcome == interp.Done {
			s.state = interp.StateUnread
		}
		if sp, ok := s.open[r.Server]; ok {
			delete(s.open, r.Server)
			sp.to, sp.outcome = r.At, r.Outcome
			s.spans = append(s.spans, sp)
		}
	case interp.RecSurvey:
		if r.Outcome == interp.Done && r.Ev.Reading.Pool != interp.StateUnread {
			s.state = r.Ev.Reading.Pool
		}
	case interp.RecFact:
		s.fact(r)
	}
	line := s.desc.Line(r)
	if line != "" {
		s.lines = append(s.lines, line)
	}
	return line
}

// brief reports whether the step took no time: the page leaves it to the log.
func (sp *span) brief() bool { return sp.to == sp.from && sp.outcome != interp.NoOutcome }

// ended is how the step ended, or that it had not when the story does.
func (sp *span) ended() string {
	if sp.outcome == interp.NoOutcome {
		return "under way"
	}
	return sp.outcome.String()
}

// breakOff ends the story in the middle of things.
func (s *story) breakOff(at time.Duration) {
	for server := int8(-1); int(server) < len(s.prog.Pool.Servers); server++ {
		if sp, ok := s.open[server]; ok {
			sp.to = at
			s.spans = append(s.spans, sp)
		}
	}
}

// fact notes what happened to people and servers.
func (s *story) fact(r *interp.Record) {
	m := moment{r.At, r.Server, r.Ev.Fact, r.Ev.Count}
	switch r.Ev.Fact {
	case interp.SessionsCut:
		s.cuts = append(s.cuts, m)
	case interp.ServerDied:
		s.dead = append(s.dead, m)
	case interp.QuorumLost, interp.ServiceLost:
		s.cut[r.Ev.Fact] = true
	case interp.QuorumRegained:
		delete(s.cut, interp.QuorumLost)
	case interp.ServiceRegained:
		delete(s.cut, interp.ServiceLost)
	}
}

// aside notes a line that is no record.
func (s *story) aside(line string) { s.lines = append(s.lines, line) }

// row is a line of the summary.
type row struct{ Name, Text string }

// summary tells how the night ended, the outcome first, then what is left to do, then figures.
func (s *story) summary(n *sim.Night) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (exit code %d)\n", headline(n), n.Result.ExitCode())
	for _, r := range s.rows(n) {
		fmt.Fprintf(&b, "  %-14s %s\n", r.Name, r.Text)
	}
	return b.String()
}

// headline is the outcome in a few words.
func headline(n *sim.Night) string {
	return fmt.Sprintf("%s after %s", outcomeWords(n.Result.Ending), took(n.Result.Elapsed))
}

func outcomeWords(e interp.Ending) string {
	switch e {
	case interp.Completed:
		return "Completed"
	case interp.WindowClosed:
		return "The window closed"
	case interp.FailedRun:
		return "Failed"
	case interp.AbortedRun:
		return "Aborted"
	case interp.InDoubt:
		return "In doubt"
	case interp.Paused:
		return "Paused"
	case interp.Interrupted:
		return "Interrupted"
	}
	return e.String()
}

// took is a duration for people, to the second.
func took(d time.Duration) string {
	if d = d.Round(time.Second); d == 0 {
		return "0s"
	}
	return lang.FormatDuration(d)
}

func (s *story) rows(n *sim.Night) []row {
	var rows []row
	add := func(name, format string, args ...any) { rows = append(rows, row{name, fmt.Sprintf(format, args...)}) }
	r, st := &n.Result, &n.Stats
	if r.Reason != "" {
		add("reason", "%s", r.Reason)
	}
	switch {
	case len(r.Down) > 0:
		add("left down", "%s", strings.Join(r.Down, " "))
	case r.Ending == interp.Completed:
	case s.touched:
		add("left down", "none")
	default:
		add("left down", "none; no server was taken out of service")
	}
	switch {
	case s.state == interp.StateUnread && r.FailedOver, s.state == interp.FailedOver:
		add("failed over", "the users are still served by %s", s.prog.Pool.Backup)
	case s.state == interp.FailingOver || s.state == interp.FailingBack:
		add("failed over", "in between: the pool reads %s, so its users may be on either pool", s.state)
	case r.FailedOver:
		add("failed over", "no longer: the pool reads %s, so somebody has failed it back", s.state)
	}
	if s.prog.Upgrades {
		add("upgraded", "%d of %d servers", len(r.Upgraded), len(s.prog.Pool.Servers))
	}
	if len(r.Remaining) > 0 {
		add("remaining", "%s", strings.Join(r.Remaining, " "))
	}
	if len(r.Skipped) > 0 {
		add("skipped", "%s", strings.Join(r.Skipped, " "))
	}
	switch {
	case st.UsersCut == 0:
		add("users cut off", "none")
	case len(s.cut) > 0:
		add("users cut off", "up to %d, first at %s, and still when the run ends", st.UsersCut, s.begin.words(ms(st.CutAt)))
	default:
		add("users cut off", "up to %d, first at %s, for %s in all", st.UsersCut,
			s.begin.words(ms(st.CutAt)), took(ms(st.CutFor)))
	}
	add("sessions cut", "%s", s.sessions(st.SessionsCut))
	if len(s.dead) > 0 {
		add("died", "%s", s.places(s.dead, ""))
	}
	if st.QuorumLosses > 0 {
		add("quorum lost", "%s", times(st.QuorumLosses))
	}
	if st.Failovers+st.Failbacks > 0 || s.prog.Failovers {
		add("failovers", "%d, and %s", st.Failovers, plural(st.Failbacks, "failback", "failbacks"))
	}
	if n.Crashes > 0 {
		add("lrun killed", "%s, and resumed", times(n.Crashes))
	}
	if end, ok := windowEnd(s.prog, s.begin); ok {
		if left := end - r.Elapsed; left >= 0 {
			add("window", "%s left", took(left))
		} else {
			add("window", "ended %s before the run", took(-left))
		}
	}
	return rows
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// sessions tells how many calls and conferences were cut, and where. What died with a server is in the number alone.
func (s *story) sessions(total int) string {
	switch {
	case total == 0:
		return "none"
	case len(s.cuts) == 0:
		return fmt.Sprint(total)
	}
	return fmt.Sprintf("%d: %s", total, s.places(s.cuts, "%d on "))
}

// places tells where and when, the first three of it.
func (s *story) places(list []moment, count string) string {
	const most = 3
	var parts []string
	for i, m := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %s more", times(len(list)-most)))
			break
		}
		where := "the pool"
		if m.server >= 0 {
			where = s.prog.Pool.Servers[m.server].Name
		}
		if count != "" {
			where = fmt.Sprintf(count, m.count) + where
		}
		parts = append(parts, where+" at "+s.begin.words(m.at))
	}
	return strings.Join(parts, ", ")
}

// windowEnd is when the window ends, since the start of the run.
func windowEnd(p *interp.Program, begin start) (time.Duration, bool) {
	switch {
	case p.Window.For > 0:
		return p.Window.For, true
	case p.Window.Until >= 0:
		const day = 24 * time.Hour
		d := (p.Window.Until - begin.clock) % day
		if d <= 0 {
			d += day
		}
		return d, true
	}
	return 0, false
}
