package explore

import (
	"fmt"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Words tells times of a night.
type Words func(time.Duration) string

// Text is the answer for people: the verdict first, then what it means for the night, then figures. clock words a time
// since the start; nil counts from 00:00:00.
func (a *Answer) Text(prog *interp.Program, clock Words) string {
	if clock == nil {
		clock = offset
	}
	var b strings.Builder
	if a.Property == Holds {
		fmt.Fprintf(&b, "Holds for every outcome with %s\n", a.Bounds())
		a.holdsText(&b, prog, clock)
	} else {
		if a.Prop != nil {
			fmt.Fprintf(&b, "Violated: %s\n", a.Says())
		} else {
			fmt.Fprintf(&b, "Violated: %s: %s\n", a.Name(), a.Says())
		}
		a.violatedText(&b, prog, clock)
	}
	row(&b, "looked at", "%s states, %s transitions, up to %d events in a night", thousands(int64(a.States)), thousands(a.Transitions), a.Depth)
	return b.String()
}

// Bounds is what the exploration allowed to go wrong, in words.
func (a *Answer) Bounds() string {
	text := "no fault"
	if a.Faults > 0 {
		text = "up to " + count(a.Faults, "fault")
	}
	if a.Crashes > 0 {
		text += " and " + count(a.Crashes, "crash") + " of lrun"
	}
	return text
}

func (a *Answer) holdsText(b *strings.Builder, prog *interp.Program, clock Words) {
	row(b, "worst case", "%s, %s after the start", clock(a.WorstCase), brief(a.WorstCase))
	end, bounded := windowEnd(prog, a.Clock)
	for i, s := range a.LatestStart {
		name := ""
		if i == 0 {
			name = "latest start"
		}
		d := prog.Pool.Domains[s.Domain].Name
		switch {
		case !bounded:
			row(b, name, "%s: %s to the end of the run", d, brief(s.Behind))
		case s.Behind > end:
			row(b, name, "%s: %s to the end of the run, more than the window", d, brief(s.Behind))
		default:
			row(b, name, "%s must start by %s, or the window may be missed (%s to the end)", d, clock(end-s.Behind), brief(s.Behind))
		}
	}
	for i, e := range a.Ways() {
		name := ""
		if i == 0 {
			name = "endings"
		}
		row(b, name, "%s", e)
	}
	for i, pc := range a.Unreached {
		name := ""
		if i == 0 {
			name = "never reached"
		}
		in := &prog.Instrs[pc]
		row(b, name, "%s:%d: %s", in.File, in.Line, in.Phrase())
	}
}

func (a *Answer) violatedText(b *strings.Builder, prog *interp.Program, clock Words) {
	t := a.Trace
	faults, crashes := t.cost()
	what := "no fault"
	if faults > 0 {
		what = count(faults, "fault")
	}
	if crashes > 0 {
		what += " and " + count(crashes, "crash") + " of lrun"
	}
	row(b, "takes", "%s; it happens %s after the start", what, brief(t.at()))
	if in := a.Guilty(prog); in != nil {
		row(b, "the line", "%s:%d: %s", in.File, in.Line, in.Phrase())
	}
	switch {
	case t.Inevitable == 0:
		row(b, "inevitable", "from the start, whatever happens")
	case t.Inevitable > 0:
		row(b, "inevitable", "from the line that is marked with =>, even if nothing more goes wrong")
	}
	b.WriteString("\n")
	b.WriteString(t.Log(prog, clock))
	b.WriteString("\n")
}

// Name is the name of the property that is violated, a user's own one by its text.
func (a *Answer) Name() string {
	if a.Prop != nil {
		return a.Prop.Text
	}
	return a.Property.String()
}

// Says is the violation in words.
func (a *Answer) Says() string {
	if a.Prop != nil {
		return a.Prop.says(a)
	}
	return a.Property.Text()
}

// Log tells the night, a line for each event. Faults are marked with >>, the moment from which the violation cannot be
// avoided any more with =>.
func (t *Trace) Log(prog *interp.Program, clock Words) string {
	if clock == nil {
		clock = offset
	}
	d := interp.NewDescriber(prog, clock)
	var b strings.Builder
	marked := false
	for i := range t.Lines {
		l := &t.Lines[i]
		text, mark := "", "  "
		switch {
		case l.Record != nil:
			text = d.Line(l.Record)
		case l.Cost:
			text, mark = clock(l.At)+"  "+l.Befell, ">>"
		default:
			text = clock(l.At) + "  " + l.Befell
		}
		if text == "" {
			continue
		}
		if !marked && t.Inevitable > 0 && l.step >= t.Inevitable {
			mark, marked = "=>", true
		}
		fmt.Fprintf(&b, "%s %s\n", mark, text)
	}
	return b.String()
}

// cost is how many faults and crashes the night takes.
func (t *Trace) cost() (faults, crashes int) {
	for i := range t.Lines {
		switch l := &t.Lines[i]; {
		case l.Cost && l.crash:
			crashes++
		case l.Cost:
			faults++
		}
	}
	return faults, crashes
}

func (t *Trace) at() time.Duration {
	if n := len(t.Lines); n > 0 {
		return t.Lines[n-1].At
	}
	return 0
}

// Guilty is the step of the runbook at which the property is violated, nil where no step is.
func (a *Answer) Guilty(prog *interp.Program) *interp.Instr {
	pc := int32(-1)
	for i := range a.Trace.Lines {
		r := a.Trace.Lines[i].Record
		if r == nil || r.PC < 0 || int(r.PC) >= len(prog.Instrs) || prog.Instrs[r.PC].Handler != 0 {
			continue
		}
		switch a.Property {
		case FailedBack:
			if r.Kind == interp.RecEnd && r.Action == interp.Failover && r.Outcome == interp.Done {
				pc = r.PC
			}
		case CanComplete, ResumeSame, RunEnds, DownNamed:
			if r.Kind == interp.RecFinish || r.Kind == interp.RecEnd && r.Outcome == interp.Failed {
				pc = r.PC
			}
		case GuardReading, GuardVerified, GuardQuorum:
			if r.Kind == interp.RecEnd && r.Outcome == interp.Failed {
				pc = r.PC
			}
		default:
			if r.Kind == interp.RecStart && r.Server != interp.Pool {
				pc = r.PC
			}
		}
	}
	if pc < 0 {
		return nil
	}
	return &prog.Instrs[pc]
}

// wayText is a way to end in words.
type wayText struct {
	way  Way
	text string
}

// Ways lists the endings in words: those that differ only in how many servers are left or down are one.
func (a *Answer) Ways() []string {
	var list []string
	for _, w := range a.ways() {
		list = append(list, w.text)
	}
	return list
}

func (a *Answer) ways() []wayText {
	type span struct {
		least                        EndingSeen
		left, down, downMin, leftMin int
	}
	var order []Way
	seen := map[Way]span{}
	for _, e := range a.Endings {
		k := Way{e.Ending, e.FailedOver}
		s, ok := seen[k]
		if !ok {
			order = append(order, k)
			s = span{least: e, leftMin: e.Left, downMin: e.Down}
		}
		if e.lessThan(&s.least) {
			s.least = e
		}
		seen[k] = span{
			least: s.least, left: max(s.left, e.Left), down: max(s.down, e.Down),
			leftMin: min(s.leftMin, e.Left), downMin: min(s.downMin, e.Down),
		}
	}
	list := make([]wayText, 0, len(order))
	for _, k := range order {
		s := seen[k]
		text := k.String() + between(s.leftMin, s.left, "not upgraded") + between(s.downMin, s.down, "down") + ": "
		list = append(list, wayText{k, text + s.least.takes()})
	}
	return list
}

// takes is what it takes to come to an ending, in words.
func (s *EndingSeen) takes() string {
	switch {
	case s.Faults == 0 && s.Crash:
		return "after a crash"
	case s.Faults == 0:
		return "without a fault"
	case s.Crash:
		return "after a crash and " + count(s.Faults, "fault")
	}
	return "after " + count(s.Faults, "fault")
}

func between(low, high int, what string) string {
	switch {
	case high == 0:
		return ""
	case low == high:
		return fmt.Sprintf(", %d %s", low, what)
	}
	return fmt.Sprintf(", %d to %d %s", low, high, what)
}

// windowEnd is when the window closes, since the start.
func windowEnd(prog *interp.Program, clock time.Duration) (time.Duration, bool) {
	const day = 24 * time.Hour
	switch w := prog.Window; {
	case w.For > 0:
		return w.For, true
	case w.Until >= 0 && clock >= 0:
		if d := (w.Until - clock + 2*day) % day; d > 0 {
			return d, true
		}
		return day, true
	}
	return 0, false
}

func row(b *strings.Builder, name, format string, args ...any) {
	fmt.Fprintf(b, "  %-14s %s\n", name, fmt.Sprintf(format, args...))
}

func offset(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
}

func brief(d time.Duration) string {
	if d = d.Round(time.Second); d == 0 {
		return "0s"
	}
	return pool.FormatDuration(d)
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "sh"):
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
