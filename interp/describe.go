package interp

import (
	"fmt"
	"strings"
	"time"

	"github.com/lrun/lrun/pool"
)

// Describer tells a run as a night log: the time first, one line for each event that a person wants to know of.
type Describer struct {
	prog   *Program
	clock  func(time.Duration) string
	began  [mainTask + 1]time.Duration // of the step under way, for how long it took
	names  []string                    // servers, without the DNS suffix they share
	column int
	over   bool // the pool is failed over, as far as the events told
}

// NewDescriber describes runs of p; clock words a time since the start, nil for hours since the start.
func NewDescriber(p *Program, clock func(time.Duration) string) *Describer {
	if clock == nil {
		clock = clockWords
	}
	d := &Describer{prog: p, clock: clock, names: shortNames(p.Pool)}
	d.column = len("pool")
	for i, s := range p.Pool.Servers {
		d.column = max(d.column, len(p.Pool.Domains[s.Domain].Name)+1+len(d.names[i]))
	}
	return d
}

// shortNames cuts the DNS suffix off the servers' names, unless two would then be the same.
func shortNames(p *pool.Pool) []string {
	short := make([]string, len(p.Servers))
	seen := map[string]bool{}
	for i, s := range p.Servers {
		short[i], _, _ = strings.Cut(s.Name, ".")
		if seen[short[i]] {
			return p.Names(p.All())
		}
		seen[short[i]] = true
	}
	return short
}

// Line describes a record; "" for those that say nothing a person wants to read.
func (d *Describer) Line(r *Record) string {
	if r.Kind == RecStart {
		d.began[taskIndex(r.Server)] = r.At
	}
	if r.Kind == RecEnd && r.Outcome == Done && (r.Action == Failover || r.Action == Failback) {
		d.over = r.Action == Failover
	}
	text := d.text(r)
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%s  %-*s  %s", d.clock(r.At), d.column, d.who(r), text)
}

func taskIndex(server int8) int {
	if server < 0 {
		return mainTask
	}
	return int(server)
}

func (d *Describer) who(r *Record) string {
	switch {
	case r.Server >= 0:
		return d.prog.Pool.Domains[d.prog.Pool.Servers[r.Server].Domain].Name + " " + d.names[r.Server]
	case r.Action == Failover || r.Action == Failback:
		return "pool" // in whoever's turn it happens
	case r.Domain >= 0 && r.Kind != RecReading:
		return d.prog.Pool.Domains[r.Domain].Name
	}
	return "pool"
}

// Where names a server as the night log does: its domain, and its name without what all names end with.
func (d *Describer) Where(server int8) string { return d.who(&Record{Server: server}) }

func (d *Describer) set(s pool.Set) string {
	var names []string
	for i, n := range d.names {
		if s.Has(i) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

func (d *Describer) text(r *Record) string {
	in := d.prog.instr(r.PC)
	switch r.Kind {
	case RecBegin:
		p := d.prog.Pool
		in := fmt.Sprintf("%d domains", len(p.Domains))
		if len(p.Domains) == 1 {
			in = "one domain"
		}
		return fmt.Sprintf("%s on %s: %d servers in %s", d.prog.Name, p.Name, len(p.Servers), in)
	case RecSurvey:
		return d.survey(r)
	case RecReading:
		return d.reading(r)
	case RecStart:
		return d.start(r, in)
	case RecTry:
		return fmt.Sprintf("%s: try %d of %d", in.Phrase(), r.Try, r.Tries)
	case RecWait:
		return fmt.Sprintf("%s: %s; next try (%d of %d) at %s",
			in.Phrase(), d.prog.tryWords(r, in), r.Try+1, r.Tries, d.clock(r.Until))
	case RecEnd:
		return d.end(r, in)
	case RecTried:
		if r.Outcome == Unknown {
			return r.Action.String() + ": nobody knows how it ended" + parens(r.Ev.Text) + "; looking"
		}
		return in.Phrase() + ": " + d.prog.tryWords(r, in)
	case RecLook:
		return fmt.Sprintf("a look at %s answers: %s%s", r.Action, r.Outcome, parens(r.Ev.Text))
	case RecFact:
		return d.prog.FactWords(&r.Ev)
	}
	return d.flow(r, in)
}

// flow describes the records of the run's own course.
func (d *Describer) flow(r *Record, in *Instr) string {
	switch r.Kind {
	case RecTurn:
		return "its turn: " + d.set(r.Servers)
	case RecTurnEnd:
		if r.Servers == 0 {
			return ""
		}
		return "done: " + d.set(r.Servers)
	case RecNote:
		return r.Text
	case RecSkip:
		if r.Server >= 0 {
			return d.prog.plainReason(r.Reason, in, r.Try)
		}
		return d.set(r.Servers) + ": " + d.prog.plainReason(r.Reason, in, r.Try)
	case RecLeave:
		if r.Outcome == Done {
			return ""
		}
		if r.Reason == InterlockUnverified {
			return d.prog.plainReason(r.Reason, in, r.Try) + ": " + d.set(r.Servers)
		}
		return d.prog.plainReason(r.Reason, in, r.Try)
	case RecSignal:
		if r.Ev.Kind == Interrupt {
			return "the operator interrupts: what is in flight is brought to its end"
		}
		return "the operator pauses: the turn under way is brought to its end"
	case RecResume:
		return "the run goes on"
	case RecHandler:
		return "on " + handlerWords(r.Final) + ":"
	case RecFinish:
		text := r.Final.String()
		if r.Text != "" {
			text += ": " + r.Text
		}
		switch {
		case r.Servers == 0:
		case r.Final == Completed:
			text += "; still due: " + d.set(r.Servers)
		default:
			text += "; left out of service: " + d.set(r.Servers)
		}
		return text
	}
	return ""
}

func (d *Describer) survey(r *Record) string {
	s := &r.Ev.Reading
	switch {
	case r.Outcome != Done || s.Pool == StateUnread:
		return "the pool cannot be looked at" + parens(r.Ev.Text)
	case s.Pool == FailedOver && !d.over, s.Pool == Active && d.over, s.Pool != Active && s.Pool != FailedOver:
		d.over = s.Pool == FailedOver
		return "the pool's state is " + s.Pool.String()
	}
	return ""
}

func (d *Describer) reading(r *Record) string {
	s := &r.Ev.Reading
	text := "reading"
	if r.Tries > 1 {
		text = fmt.Sprintf("reading %d of %d", r.Try, r.Tries)
	}
	text += ": " + s.State.String()
	if s.State == Ready {
		var not []string
		for i, dom := range d.prog.Pool.Domains {
			if !s.Domains.Has(i) {
				not = append(not, dom.Name)
			}
		}
		if len(not) > 0 {
			text += ", but not " + strings.Join(not, " ")
		}
	}
	return text + parens(r.Ev.Text)
}

func (d *Describer) start(r *Record, in *Instr) string {
	if r.Reason != NoReason {
		return "" // it is passed over or refused, and its end says so
	}
	switch r.Action {
	case WaitReady, Notify, Verify:
		return "" // the reading, the text or the outcome says it
	case Sleep:
		return in.Phrase() + ", until " + d.clock(r.Until)
	case Hold:
		return in.Phrase() + ", until " + d.clock(r.Until) + " at the earliest"
	case Confirm:
		return "confirm: " + r.Text
	}
	if r.Until > 0 {
		return in.Phrase() + " begins, until " + d.clock(r.Until) + " at most"
	}
	return in.Phrase() + " begins"
}

func (d *Describer) end(r *Record, in *Instr) string {
	phrase := in.Phrase()
	took := ""
	if dur := r.At - d.began[taskIndex(r.Server)]; dur > 0 {
		took = " after " + pool.FormatDuration(dur.Round(time.Second))
	}
	switch r.Outcome {
	case Done:
		switch {
		case r.Action == WaitReady && r.Try <= 1:
			return "" // the reading said it
		case r.Action == Notify:
			return "notify: sent"
		}
		return phrase + ": done" + took + cutWords(r) + parens(r.Ev.Text)
	case Skipped:
		return phrase + ": " + d.prog.plainReason(r.Reason, in, r.Try)
	case Unknown:
		return phrase + ": in doubt" + took + ": " + d.prog.reasonWords(r.Reason, in, r.Try, r.Ev.Text)
	}
	if r.Reason == ActionFailed && r.Ev.Text == "" {
		return phrase + ": failed" + took + cutWords(r)
	}
	return phrase + ": failed" + took + cutWords(r) + ": " + d.prog.reasonWords(r.Reason, in, r.Try, r.Ev.Text)
}

func cutWords(r *Record) string {
	if r.Ev.Kind == Ended && r.Ev.Count > 0 && r.Input {
		return fmt.Sprintf(", %d sessions cut", r.Ev.Count)
	}
	return ""
}

// tryWords says why one try failed.
func (p *Program) tryWords(r *Record, in *Instr) string {
	switch r.Reason {
	case StillBusy:
		return "the pool reads Busy"
	case ActionFailed:
		if r.Ev.Text != "" {
			return r.Ev.Text
		}
	}
	return p.reasonWords(r.Reason, in, r.Try, r.Ev.Text)
}

// FactWords says a fact in words.
func (p *Program) FactWords(ev *Event) string {
	users := ""
	if ev.Count > 0 {
		users = fmt.Sprintf(" (%d users)", ev.Count)
	}
	switch ev.Fact {
	case QuorumLost:
		return "the pool has lost its quorum: the services of the other front ends stop" + users + parens(ev.Text)
	case QuorumRegained:
		return "the pool has its quorum again" + users + parens(ev.Text)
	case ServiceLost:
		return "routing groups are without service" + users + parens(ev.Text)
	case ServiceRegained:
		return "all routing groups have service again" + users + parens(ev.Text)
	case ServerDied:
		return "goes down by itself" + parens(ev.Text)
	case ServerBack:
		return "is back" + parens(ev.Text)
	case SessionsCut:
		return fmt.Sprintf("%d sessions are cut%s", ev.Count, parens(ev.Text))
	case ServerBooted:
		return "has booted" + parens(ev.Text)
	case StillDraining:
		return fmt.Sprintf("still draining, %d sessions are left%s", ev.Count, parens(ev.Text))
	}
	return ev.Text
}

func parens(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
