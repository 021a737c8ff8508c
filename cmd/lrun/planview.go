package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/sim"
)

func itoa(n int) string { return strconv.Itoa(n) }

// symbol is the mark of what a step does, and what the legend says of it.
type symbol struct{ mark, means string }

var symbols = []symbol{
	{"?", "asks the pool, or waits"},
	{"-", "takes a server out of service"},
	{"+", "upgrades a server"},
	{"~", "brings a server back"},
	{"=", "makes sure that a server serves"},
	{">", "moves users to another place"},
	{"<", "moves users back"},
	{"!", "asks or tells a person"},
	{"*", "runs PowerShell"},
}

func markOf(a interp.Action) string {
	switch a {
	case interp.Stop:
		return "-"
	case interp.Upgrade:
		return "+"
	case interp.Restart, interp.Start:
		return "~"
	case interp.Verify:
		return "="
	case interp.Failover, interp.FailoverServer:
		return ">"
	case interp.Failback, interp.FailbackServer:
		return "<"
	case interp.Confirm, interp.Notify, interp.Note:
		return "!"
	case interp.Run:
		return "*"
	}
	return "?"
}

// text is the plan for people: turns in order, then the legend of the marks in use, one line of counts, and the window.
func (p *plan) text() string {
	var b strings.Builder
	pl := p.prog.Pool
	paired := "not paired"
	if pl.Paired() {
		paired = "paired with " + pl.Backup
	}
	fmt.Fprintf(&b, "%s on %s (%s, %s in %s, %s)\n", p.prog.Name, pl.Name, pl.Product,
		plural(len(pl.Servers), "server", "servers"), plural(len(pl.Domains), "domain", "domains"), paired)
	if _, due := windowEnd(p.prog, p.begin); due {
		fmt.Fprintf(&b, "The window is %s.\n", p.windowWords())
	}
	width := p.columns()
	wide := len(p.begin.words(p.high.Result.Elapsed))
	fmt.Fprintf(&b, "\n%-*s  %-*s  at most\n", wide, "earliest", wide, "latest")
	used := map[string]bool{}
	for i := range p.turns {
		t := &p.turns[i]
		if len(t.steps) == 0 && t.name == "" {
			continue
		}
		b.WriteString(p.heading(t) + "\n")
		for j := range t.steps {
			s := &t.steps[j]
			used[markOf(s.action)] = true
			b.WriteString(p.line(s, width, wide))
		}
	}
	if rest := p.otherwise(); len(rest) > 0 {
		b.WriteString("only if something goes wrong, or an if says so:\n")
		for _, o := range rest {
			used[markOf(o.action)] = true
			fmt.Fprintf(&b, "%*s  %s %s\n", 2*wide+10, o.where, markOf(o.action), o.step)
		}
	}
	b.WriteString("\n")
	for _, s := range symbols {
		if used[s.mark] {
			fmt.Fprintf(&b, "  %s  %s\n", s.mark, s.means)
		}
	}
	b.WriteString("\n" + p.counts() + "\n" + p.ends())
	return b.String()
}

type columns struct{ target, step int }

func (p *plan) columns() columns {
	c := columns{4, 10}
	for i := range p.turns {
		for j := range p.turns[i].steps {
			s := &p.turns[i].steps[j]
			c.target = max(c.target, len(p.target(s)))
			c.step = max(c.step, len(clauses(&p.prog.Instrs[s.key.pc])))
		}
	}
	return c
}

func (p *plan) target(s *planStep) string {
	if s.key.server < 0 {
		return "pool"
	}
	return p.prog.Pool.Servers[s.key.server].Name
}

func (p *plan) heading(t *planTurn) string {
	if t.name == "" {
		return "outside the turns:"
	}
	if names := p.prog.Pool.Names(t.servers); len(names) > 1 || names[0] != t.name {
		return t.name + ": " + strings.Join(names, " ")
	}
	return t.name + ":"
}

func (p *plan) line(s *planStep, width columns, wide int) string {
	in := &p.prog.Instrs[s.key.pc]
	low, high, most := "-", "-", "-"
	if s.inLow {
		low = p.begin.words(s.low)
	}
	if !s.inLow || s.high >= s.low {
		high = p.begin.words(s.high)
	}
	if d, ok := boundOf(p.prog, in); ok && d > 0 {
		most = lang.FormatDuration(d)
	}
	line := fmt.Sprintf("%-*s  %-*s  %-8s  %s %-*s  %-*s", wide, low, wide, high, most, markOf(s.action), width.target, p.target(s),
		width.step, clauses(in))
	if list := elses(p.prog, in); len(list) > 0 {
		line += "  else " + strings.Join(list, "; ")
	}
	return strings.TrimRight(line, " ") + "\n"
}

// other is a step that neither of the two nights came to.
type other struct {
	where  string // "line 12", "on failure"
	action interp.Action
	step   string
	line   int
}

// otherwise lists the steps that come only in other nights: what an else does, what an if guards, the handlers. A step
// that the runbook names once is listed once, however often it is written out.
func (p *plan) otherwise() []other {
	reached := map[int32]bool{}
	for i := range p.turns {
		for _, s := range p.turns[i].steps {
			reached[s.key.pc] = true
		}
	}
	var list []other
	seen := map[other]bool{}
	for pc := range p.prog.Instrs {
		in := &p.prog.Instrs[pc]
		if in.Op != interp.OpStep || reached[int32(pc)] {
			continue
		}
		o := other{"line " + itoa(in.Line), in.Action, clauses(in), in.Line}
		switch in.Handler {
		case 1:
			o.where = "on failure"
		case 2:
			o.where = "on window"
		}
		if !seen[o] {
			seen[o] = true
			list = append(list, o)
		}
	}
	return list
}

// counts is the plan in one line.
func (p *plan) counts() string {
	turns, steps, instead := 0, 0, 0
	upgrades := map[int8]bool{}
	for i := range p.turns {
		if p.turns[i].name != "" {
			turns++
		}
		for _, s := range p.turns[i].steps {
			steps++
			if p.prog.Instrs[s.key.pc].Else >= 0 {
				instead++
			}
			if s.action == interp.Upgrade {
				upgrades[s.key.server] = true
			}
		}
	}
	servers := plural(len(upgrades), "server", "servers")
	if left := len(p.low.Result.Remaining); left > 0 && len(upgrades) > 0 {
		servers = fmt.Sprintf("%d of %s", len(upgrades), plural(len(p.prog.Pool.Servers), "server", "servers"))
	}
	return fmt.Sprintf("Plan: %s to upgrade in %s; %s, %d of them with an else.", servers,
		plural(turns, "turn", "turns"), plural(steps, "step", "steps"), instead)
}

// ends tells when the run ends, and whether it fits the window.
func (p *plan) ends() string {
	var b strings.Builder
	fmt.Fprintf(&b, "It ends after %s at the earliest and %s at the latest if nothing goes wrong", took(p.low.Result.Elapsed),
		took(p.high.Result.Elapsed))
	if p.without {
		b.WriteString("; some step has no bound.\n")
	} else {
		fmt.Fprintf(&b, "; after %s if every step takes all its time and every else is taken.\n", took(p.bound))
	}
	if stuck := p.stuck(); stuck != nil {
		fmt.Fprintf(&b, "It does not come to its end even if nothing goes wrong: %s.\n", stuck.Reason)
		return b.String()
	}
	end, ok := windowEnd(p.prog, p.begin)
	if !ok {
		return b.String()
	}
	return b.String() + p.fits(end)
}

// fits tells what the window, which ends so long after the start, leaves room for. It keeps turns from beginning, and
// never ends what has begun: a run may fit and end after it.
func (p *plan) fits(end time.Duration) string {
	last := time.Duration(-1)
	for i := range p.turns {
		if t := &p.turns[i]; t.name != "" && len(t.steps) > 0 {
			last = t.steps[0].high
		}
	}
	long, short := &p.high.Result, &p.low.Result
	switch {
	case short.Ending == interp.WindowClosed:
		return fmt.Sprintf("It does not fit the window of %s, even if nothing goes wrong. Left for another night are at best %s, at worst %s.\n",
			took(end), strings.Join(short.Remaining, " "), strings.Join(long.Remaining, " "))
	case long.Ending == interp.WindowClosed:
		return fmt.Sprintf("It fits the window of %s only where steps take little time. Else these are left for another night: %s.\n",
			took(end), strings.Join(long.Remaining, " "))
	case last < 0:
		return ""
	case !p.without && p.bound <= end:
		return fmt.Sprintf("It fits the window of %s even then.\n", took(end))
	case !p.without && p.late < 0:
		return fmt.Sprintf("Every turn begins inside the window of %s even then, and what has begun is finished, up to %s after the window.\n",
			took(end), took(p.bound-end))
	}
	text := fmt.Sprintf("If nothing goes wrong, every turn begins inside the window of %s, the last by %s", took(end), p.begin.words(last))
	if over := long.Elapsed - end; over > 0 {
		text += fmt.Sprintf(", and is finished up to %s after it", took(over))
	}
	if p.late >= 0 {
		text += fmt.Sprintf(". If every step takes all its time, no turn begins from %s on", p.turns[p.late].name)
	}
	return text + ".\n"
}

// stuck is how one of the two nights ended that did not come to its end for another reason than the window.
func (p *plan) stuck() *interp.Result {
	for _, n := range []*sim.Night{&p.low, &p.high} {
		if n.Result.Ending != interp.Completed && n.Result.Ending != interp.WindowClosed {
			return &n.Result
		}
	}
	return nil
}

func (p *plan) windowWords() string {
	if p.prog.Window.For > 0 {
		return lang.FormatDuration(p.prog.Window.For)
	}
	return "open until " + hms(p.prog.Window.Until)[:5]
}

type planJSON struct {
	Runbook string     `json:"runbook"`
	Pool    string     `json:"pool"`
	Product string     `json:"product"`
	Window  *float64   `json:"window"`
	Turns   []turnJSON `json:"turns"`
	Other   []elseJSON `json:"otherwise"`
	End     endsJSON   `json:"end"`
}

type turnJSON struct {
	Turn    string     `json:"turn"`
	Servers []string   `json:"servers"`
	Steps   []stepJSON `json:"steps"`
}

type stepJSON struct {
	Action   string   `json:"action"`
	Step     string   `json:"step"`
	Server   string   `json:"server,omitempty"`
	Line     int      `json:"line"`
	Earliest *float64 `json:"earliest"`
	Latest   float64  `json:"latest"`
	Within   *float64 `json:"within"`
	Else     []string `json:"else"`
}

type elseJSON struct {
	Action string `json:"action"`
	Step   string `json:"step"`
	Where  string `json:"where"`
	Line   int    `json:"line"`
}

type endsJSON struct {
	Earliest float64  `json:"earliest"`
	Latest   float64  `json:"latest"`
	Bound    *float64 `json:"bound"`
	Outcome  string   `json:"outcome"`
	LateTurn string   `json:"late_turn,omitempty"`
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

func (p *plan) json(e *env) error {
	out := planJSON{
		Runbook: p.prog.Name, Pool: p.prog.Pool.Name, Product: p.prog.Pool.Product.String(),
		End: endsJSON{Earliest: p.low.Result.Elapsed.Seconds(), Latest: p.high.Result.Elapsed.Seconds(), Outcome: p.high.Result.Ending.String()},
	}
	if end, ok := windowEnd(p.prog, p.begin); ok {
		out.Window = seconds(end)
	}
	if !p.without {
		out.End.Bound = seconds(p.bound)
	}
	if p.late >= 0 {
		out.End.LateTurn = p.turns[p.late].name
	}
	for i := range p.turns {
		t := &p.turns[i]
		tj := turnJSON{Turn: t.name, Servers: p.prog.Pool.Names(t.servers), Steps: []stepJSON{}}
		for j := range t.steps {
			tj.Steps = append(tj.Steps, p.stepJSON(&t.steps[j]))
		}
		out.Turns = append(out.Turns, tj)
	}
	out.Other = []elseJSON{}
	for _, o := range p.otherwise() {
		out.Other = append(out.Other, elseJSON{o.action.String(), o.step, o.where, o.line})
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func (p *plan) stepJSON(s *planStep) stepJSON {
	in := &p.prog.Instrs[s.key.pc]
	j := stepJSON{Action: s.action.String(), Step: clauses(in), Line: in.Line, Latest: s.high.Seconds(), Else: elses(p.prog, in)}
	if s.key.server >= 0 {
		j.Server = p.target(s)
	}
	if s.inLow {
		j.Earliest = seconds(s.low)
	}
	if d, ok := boundOf(p.prog, in); ok {
		j.Within = seconds(d)
	}
	if j.Else == nil {
		j.Else = []string{}
	}
	return j
}
