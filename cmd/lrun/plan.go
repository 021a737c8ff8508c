package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

var planCommand = &command{
	name: "plan", about: "show what will happen, in order, with earliest and latest times", usage: planUsage, setup: setupPlan, args: "runbook",
}

const planUsage = `Usage: lrun plan RUNBOOK [--pool F] [--start T] [--set NAME=VALUE]… [--json]

Shows what a runbook will do, turn by turn and server by server: when each step
begins at the earliest and at the latest if nothing goes wrong, how long it may
take at most, and what is done instead if it fails. Touches nothing.

      --pool F           the pool file; may be left out where a *.pool.yaml lies
                         alone in the runbook's folder
      --start T          when the night begins, 22:00 or 2026-03-07T22:00:00+01:00;
                         without it times count from 00:00:00
      --set NAME=VALUE   give a parameter of the runbook another value
      --json             one JSON object

Earliest and latest are those of two nights without trouble, in which every
duration of the pool file's model is at its low end and at its high end.

Example:

    lrun plan upgrade.lrun --pool pool01.pool.yaml --start 22:00
`

func setupPlan(fs *pflag.FlagSet) action {
	var (
		t      target
		begin  string
		asJSON bool
	)
	fs.StringVar(&t.pool, "pool", "", "")
	fs.StringVar(&begin, "start", "", "")
	fs.StringArrayVar(&t.set, "set", nil, "")
	fs.BoolVar(&asJSON, "json", false, "")
	return func(ctx context.Context, e *env, args []string) error {
		name, err := oneRunbook("plan", args)
		if err != nil {
			return err
		}
		from, err := parseStart(begin)
		if err != nil {
			return err
		}
		prog, err := e.compile(name, &t)
		if err != nil {
			return err
		}
		p, err := makePlan(ctx, prog, from)
		if err != nil {
			return err
		}
		if asJSON {
			return p.json(e)
		}
		return e.print(p.text())
	}
}

// plan is what a runbook will do if nothing goes wrong.
type plan struct {
	prog  *interp.Program
	begin start
	turns []planTurn
	low   sim.Night // every duration at its low end
	high  sim.Night
	// bound is how long the run takes if every step uses all the time it may, and every else is taken; without says
	// whether a step has no bound, so that there is no such time.
	bound   time.Duration
	without bool
	// late holds the first turn that begins after the window's end when all bounds before it are used up; -1 = none.
	late int
}

// planTurn is a turn, or what comes before, between and after the turns.
type planTurn struct {
	name    string // "UD1", or a server's name; "" outside the turns
	servers pool.Set
	steps   []planStep
}

// planStep is a step on a target.
type planStep struct {
	key         stepKey
	action      interp.Action
	low, high   time.Duration
	inLow, slow bool // it comes in the short night; … only in the long one
}

// stepKey is what a step of one night is found by in the other.
type stepKey struct {
	turn   int
	server int8
	pc     int32
	times  int
}

// makePlan rehearses the shortest and the longest night without trouble, and lays one over the other.
func makePlan(ctx context.Context, prog *interp.Program, begin start) (*plan, error) {
	p := &plan{prog: prog, begin: begin, late: -1}
	low := &planWatch{}
	high := &planWatch{}
	var err error
	if p.low, err = low.night(ctx, prog, begin, sim.Shortest{}); err != nil {
		return nil, err
	}
	if p.high, err = high.night(ctx, prog, begin, sim.Longest{}); err != nil {
		return nil, err
	}
	p.turns = high.turns
	for i := range low.turns {
		if i >= len(p.turns) {
			p.turns = append(p.turns, planTurn{name: low.turns[i].name, servers: low.turns[i].servers})
		}
		p.overlay(&p.turns[i], low.turns[i].steps)
	}
	p.turns = slices.DeleteFunc(p.turns, func(t planTurn) bool { return t.name == "" && len(t.steps) == 0 })
	p.worst()
	return p, nil
}

// overlay puts the times of the short night into the steps of the long one.
func (p *plan) overlay(t *planTurn, low []planStep) {
	for i := range t.steps {
		t.steps[i].slow = true
	}
	for _, s := range low {
		at := slices.IndexFunc(t.steps, func(o planStep) bool { return o.key == s.key })
		if at < 0 {
			s.inLow = true
			t.steps = append(t.steps, s)
			continue
		}
		t.steps[at].low, t.steps[at].inLow, t.steps[at].slow = s.low, true, false
	}
	slices.SortStableFunc(t.steps, func(a, b planStep) int {
		return cmp.Or(cmp.Compare(a.key.pc, b.key.pc), cmp.Compare(a.key.server, b.key.server))
	})
}

// planWatch takes the steps out of a night.
type planWatch struct {
	turns []planTurn
	seen  map[stepKey]int
}

func (w *planWatch) night(ctx context.Context, prog *interp.Program, begin start, ch sim.Chooser) (sim.Night, error) {
	r, err := sim.NewRehearsal(prog, nil, interp.Args{Clock: begin.clock})
	if err != nil {
		return sim.Night{}, usagef("", "%s", err)
	}
	w.turns, w.seen = []planTurn{{}}, map[stepKey]int{}
	return r.Night(ctx, ch, &sim.Watcher{Record: func(rec *interp.Record) { w.take(prog, rec) }})
}

func (w *planWatch) take(prog *interp.Program, r *interp.Record) {
	switch r.Kind {
	case interp.RecTurn:
		t := planTurn{servers: r.Servers}
		t.name = prog.Pool.Domains[r.Domain].Name
		if overServers(prog, r.PC) {
			t.name = strings.Join(prog.Pool.Names(r.Servers), " ")
		}
		w.turns = append(w.turns, t)
	case interp.RecTurnEnd:
		w.turns = append(w.turns, planTurn{})
	case interp.RecStart:
		k := stepKey{turn: len(w.turns), server: r.Server, pc: r.PC}
		w.seen[k]++
		k.times = w.seen[k]
		last := &w.turns[len(w.turns)-1]
		last.steps = append(last.steps, planStep{key: k, action: r.Action, low: r.At, high: r.At})
	}
}

// overServers reports whether the turns whose body begins at pc are servers.
func overServers(prog *interp.Program, pc int32) bool {
	return slices.ContainsFunc(prog.Instrs, func(in interp.Instr) bool {
		return in.Op == interp.OpTurns && in.OverServers && in.Body == pc
	})
}

// boundOf is how long a step may take, tries and waits included; ok is false where nothing bounds it.
func boundOf(prog *interp.Program, in *interp.Instr) (d time.Duration, ok bool) {
	waits := time.Duration(max(in.Tries-1, 0)) * in.Every
	switch in.Action {
	case interp.Note, interp.Skip, interp.Abort, interp.If:
		return 0, true
	case interp.Sleep:
		return in.For, true
	case interp.WaitReady, interp.Verify:
		if in.Within > 0 {
			return in.Within, true
		}
		if in.Action == interp.Verify {
			return waits + prog.Pool.Model.Verify.High, true
		}
		if prog.Pool.Product == pool.Lync2013 {
			return waits, true
		}
		// A reading may block until replicas are built, and is ended before the next try.
		last := in.Every
		if last == 0 {
			last = 10 * time.Minute
		}
		return waits + last, true
	}
	return in.Within, in.Within > 0
}

// worst finds the longest way through the runbook, every bound used up and every else taken, and the first turn that
// would then find the window closed.
func (p *plan) worst() {
	w := &walker{prog: p.prog}
	end, hasWindow := windowEnd(p.prog, p.begin)
	w.turn = func(name string, at time.Duration) {
		if hasWindow && p.late < 0 && at >= end {
			for i, t := range p.turns {
				if t.name == name {
					p.late = i
				}
			}
		}
	}
	p.bound = w.from(0, 1, 0)
	p.without = w.without
}

// walker adds up bounds along the program.
type walker struct {
	prog    *interp.Program
	turn    func(name string, at time.Duration)
	without bool
}

// from is the longest time from pc to the end of its body, for so many servers of a domain; at is when it begins.
func (w *walker) from(pc int32, servers int, at time.Duration) time.Duration {
	if pc < 0 {
		return 0
	}
	in := &w.prog.Instrs[pc]
	switch in.Op {
	case interp.OpStep:
		d, ok := boundOf(w.prog, in)
		w.without = w.without || !ok
		rest := time.Duration(0)
		if in.Action != interp.Abort && in.Action != interp.Skip {
			rest = w.from(in.Next, servers, at+d)
		}
		if in.Else >= 0 {
			rest = max(rest, w.from(in.Else, servers, at+d))
		}
		return d + rest
	case interp.OpJump:
		return w.from(in.Next, servers, at)
	case interp.OpIf:
		return max(w.from(in.Next, servers, at), w.from(in.Else, servers, at))
	case interp.OpFork:
		rounds := 1
		if in.AtMost > 0 {
			rounds = (servers + int(in.AtMost) - 1) / int(in.AtMost)
		}
		d := time.Duration(rounds) * w.from(in.Body, 1, at)
		return d + w.from(in.Next, servers, at+d)
	case interp.OpTurns:
		return w.turns(in, at)
	}
	return 0
}

func (w *walker) turns(in *interp.Instr, at time.Duration) time.Duration {
	began := at
	if in.OverServers {
		for _, s := range w.prog.Pool.Servers {
			w.turn(s.Name, at)
			at += w.from(in.Body, 1, at)
		}
	} else {
		for _, d := range w.prog.Pool.Domains {
			w.turn(d.Name, at)
			at += w.from(in.Body, d.Servers.Len(), at)
		}
	}
	return at - began + w.from(in.Next, 1, at)
}

// elses is what is done instead of a step that fails, up to where the runbook goes on.
func elses(prog *interp.Program, in *interp.Instr) []string {
	var list []string
	pc, end := in.Else, in.Next
	for range 12 {
		if pc < 0 || pc == end {
			return list
		}
		e := &prog.Instrs[pc]
		switch e.Op {
		case interp.OpStep:
			list = append(list, e.Phrase())
			if e.Action == interp.Skip || e.Action == interp.Abort {
				return list
			}
			pc = e.Next
		case interp.OpJump:
			pc = e.Next
		case interp.OpIf:
			list = append(list, "if …")
			pc = e.Next
		case interp.OpFork:
			pc = e.Body
		case interp.OpEndTask, interp.OpEnd, interp.OpEndTurn, interp.OpTurns:
			return list
		}
	}
	return list
}

// clauses is a step with its clauses, as the runbook says it.
func clauses(in *interp.Instr) string {
	var b strings.Builder
	b.WriteString(in.Phrase())
	if in.Tries > 1 {
		b.WriteString(" retry " + itoa(in.Tries) + " every " + lang.FormatDuration(in.Every))
	}
	return b.String()
}
