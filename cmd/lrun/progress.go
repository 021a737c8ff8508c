package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// progress is what the live view and the heartbeat show of a run: where each server stands, what each wait waits for,
// since when, and what ends it. It is made of the records that are in the journal; what a wait has seen last comes from the
// World beside them. It is safe for concurrent use.
type progress struct {
	prog  *interp.Program
	begin start

	mu      sync.Mutex
	servers []interp.ServerStanding
	under   [pool.MaxServers + 1]doing // by server; the last is the pool's
	ending  string
	window  time.Duration // when no new turn begins any more; 0 = no window
	turn    string
	stop    string // what the operator asked for
}

// doing is a step under way.
type doing struct {
	is         bool
	pc         int32
	phrase     string
	since      time.Duration
	until      time.Duration // when its bound passes, or the next try comes; 0 = not known
	waits      bool          // for its next try
	try, tries uint16
	last       string // what the last try said
	sessions   int32  // left on a server that drains
}

func newProgress(prog *interp.Program, begin start) *progress {
	p := &progress{prog: prog, begin: begin}
	p.window, _ = windowEnd(prog, begin)
	return p
}

func place(server int8) int {
	if server < 0 {
		return pool.MaxServers
	}
	return int(server)
}

// take takes in what the machine wrote, once it is in the journal.
func (p *progress) take(m *interp.Machine, out *interp.Output) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range out.Records {
		p.record(&out.Records[i])
	}
	p.stands(m)
}

// stands takes over what the machine alone knows; p.mu is held, or nobody else sees p yet.
func (p *progress) stands(m *interp.Machine) {
	p.servers, p.window = m.Servers(), m.WindowEnd()
}

func (p *progress) record(r *interp.Record) {
	d := &p.under[place(r.Server)]
	switch r.Kind {
	case interp.RecStart:
		if r.Reason != interp.NoReason || r.PC < 0 {
			return // passed over
		}
		*d = doing{is: true, pc: r.PC, phrase: p.prog.Instrs[r.PC].Phrase(), since: r.At, until: r.Until, try: 1, tries: r.Tries}
	case interp.RecTry:
		d.waits, d.try, d.tries, d.until = false, r.Try, r.Tries, r.Until
	case interp.RecWait:
		d.waits, d.try, d.tries, d.until = true, r.Try, r.Tries, r.Until
		if r.Ev.Text != "" {
			d.last = oneLine(r.Ev.Text)
		}
	case interp.RecReading:
		d.last = "read " + r.Ev.Reading.State.String()
	case interp.RecEnd:
		*d = doing{}
	case interp.RecFact:
		if r.Ev.Fact == interp.StillDraining && r.Server >= 0 {
			d.sessions = r.Ev.Count
		}
	case interp.RecTurn:
		p.turn = p.prog.Pool.Domains[max(r.Domain, 0)].Name
		if overServers(p.prog, r.PC) {
			p.turn = strings.Join(p.prog.Pool.Names(r.Servers), " ")
		}
	case interp.RecTurnEnd:
		p.turn = ""
	case interp.RecSignal:
		p.stop = "pausing: the turn under way is brought to its end"
		if r.Ev.Kind == interp.Interrupt {
			p.stop = "stopping: what is in flight is brought to its end"
		}
	case interp.RecResume:
		p.under = [pool.MaxServers + 1]doing{}
		p.turn, p.stop, p.ending = "", "", ""
	case interp.RecFinish:
		p.ending = r.Final.String()
	}
}

// words is a step under way: what, what it has seen last, since when, and what ends it.
func (p *progress) words(d *doing, now time.Duration, seen string) string {
	var b strings.Builder
	in := &p.prog.Instrs[d.pc]
	b.WriteString(d.phrase)
	if d.tries > 1 {
		fmt.Fprintf(&b, ", try %d of %d", d.try, d.tries)
	}
	if d.last != "" {
		b.WriteString(": " + clip(d.last))
	}
	switch {
	case seen != "":
		b.WriteString(", " + clip(seen))
	case d.sessions > 0:
		fmt.Fprintf(&b, ", %s left", plural(int(d.sessions), "session", "sessions"))
	}
	fmt.Fprintf(&b, "; since %s (%s)", p.begin.words(d.since), took(now-d.since))
	switch {
	case d.until > 0 && d.waits:
		fmt.Fprintf(&b, ", next try at %s", p.begin.words(d.until))
	case d.until > 0 && (in.Action == interp.Hold || in.Action == interp.Sleep):
		fmt.Fprintf(&b, ", until %s at the earliest", p.begin.words(d.until))
	case d.until > 0:
		fmt.Fprintf(&b, ", until %s at most", p.begin.words(d.until))
	}
	if list := elses(p.prog, in); len(list) > 0 {
		b.WriteString(", else " + strings.Join(list, "; "))
	}
	return b.String()
}

// lines is the run at a moment: one line for each server that is neither done nor due, for the pool's own step, and for
// the window. seen is what waits have seen last, by server.
func (p *progress) lines(now time.Duration, seen map[int8]string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rows [][2]string
	var done, due []string
	names := shortServers(p.prog.Pool)
	for i := range p.servers {
		s, d := &p.servers[i], &p.under[i]
		switch {
		case d.is:
			rows = append(rows, [2]string{s.Domain + " " + names[i], p.words(d, now, seen[int8(i)])})
		case s.State == interp.ServerDone:
			done = append(done, names[i])
		case s.State == interp.ServerDue || s.State == interp.ServerIdle:
			due = append(due, names[i])
		default:
			rows = append(rows, [2]string{s.Domain + " " + names[i], standingWords(s)})
		}
	}
	if d := &p.under[pool.MaxServers]; d.is {
		rows = append(rows, [2]string{"pool", p.words(d, now, seen[interp.Pool])})
	}
	if len(done) > 0 {
		rows = append(rows, [2]string{"done", strings.Join(done, " ")})
	}
	if len(due) > 0 {
		rows = append(rows, [2]string{"due", strings.Join(due, " ")})
	}
	if w := p.windowWords(now); w != "" {
		rows = append(rows, [2]string{"window", w})
	}
	if p.stop != "" {
		rows = append(rows, [2]string{"you", p.stop})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%-*s  %s", width, r[0], r[1])
	}
	return lines
}

func (p *progress) windowWords(now time.Duration) string {
	switch {
	case p.window == 0:
		return ""
	case now >= p.window:
		return "closed at " + p.begin.words(p.window) + ": what is begun is finished, no new turn begins"
	}
	return fmt.Sprintf("no new turn from %s on, %s left", p.begin.words(p.window), took((p.window - now).Truncate(time.Minute)))
}

// fits tells, as a turn begins, whether its worst case fits what is left of the window; "" without a window.
func (p *progress) fits(r *interp.Record) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window == 0 || r.PC < 0 {
		return ""
	}
	w := &walker{prog: p.prog, turn: func(string, time.Duration) {}}
	most := w.from(r.PC, r.Servers.Len(), 0)
	left := p.window - r.At
	switch {
	case left <= 0:
		return ""
	case w.without:
		return fmt.Sprintf("%s of the window left; some step of this turn has no bound", took(left.Truncate(time.Minute)))
	case most > left:
		return fmt.Sprintf("%s of the window left; this turn takes %s if every step takes all its time, and is then finished after it",
			took(left.Truncate(time.Minute)), lang.FormatDuration(most.Round(time.Second)))
	}
	return fmt.Sprintf("%s of the window left; this turn takes %s at most", took(left.Truncate(time.Minute)),
		lang.FormatDuration(most.Round(time.Second)))
}

// column is how wide the names of servers and domains stand in the lines of an [interp.Describer].
func column(p *pool.Pool) int {
	width := len("pool")
	for i, name := range shortServers(p) {
		width = max(width, len(p.Domains[p.Servers[i].Domain].Name)+1+len(name))
	}
	return width
}

// standingWords is where a server stands that has no step under way.
func standingWords(s *interp.ServerStanding) string {
	text := map[interp.ServerState]string{
		interp.ServerInTurn: "its turn has begun", interp.ServerBusy: "busy", interp.ServerWaiting: "waits",
		interp.ServerDone: "done", interp.ServerDue: "due", interp.ServerSkipped: "skipped, still due", interp.ServerFailed: "failed",
		interp.ServerInDoubt: "in doubt: nobody knows how it ended", interp.ServerHeld: "stopped in the middle of its turn",
		interp.ServerIdle: "nothing is due",
	}[s.State]
	if s.Doing != "" {
		text += ": " + s.Doing
		if s.Line > 0 {
			text += fmt.Sprintf(" (line %d)", s.Line)
		}
	}
	if s.Down {
		text += "; out of service"
	}
	return text
}

// shortServers are the names of the servers without the DNS suffix, unless two would then be the same.
func shortServers(p *pool.Pool) []string {
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
