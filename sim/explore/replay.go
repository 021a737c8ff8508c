package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// Replay is a counterexample as a scenario for `lrun simulate`.
type Replay struct {
	Scenario []byte // a scenario file
	Same     bool   // simulated, it comes to the same end
	Why      string // why it does not, where it does not
}

// move is a choice of a counterexample with what a scenario has to know of it.
type move struct {
	c       choice
	slot    slot // as it was before
	before  int  // records that stood before the event
	began   int  // records that stood when the slot's effect began
	takes   time.Duration
	reading interp.ReadState
}

// told reports whether a record is one that both worlds write: what a world sees by itself, and the polls of a hold,
// are the model's own.
func told(r *interp.Record) bool {
	return r.Kind != interp.RecFact && (r.Kind != interp.RecReading || r.Action != interp.Hold)
}

// Replay writes a counterexample as a scenario and simulates it. Times are found by simulating what stands in the
// scenario so far: a fault is put where the event before it happens there. When a server dies between two events is tried
// out. What turns out not to be needed is left out again.
func (a *Answer) Replay(ctx context.Context, prog *interp.Program) (*Replay, error) {
	r, err := a.replay(ctx, prog)
	if err == nil {
		a.Trace.simulated = &r.Same
	}
	return r, err
}

func (a *Answer) replay(ctx context.Context, prog *interp.Program) (*Replay, error) {
	var first *Replay
	for others := range moments {
		for last := range moments {
			w := &writer{prog: prog, trace: a.Trace, others: others, last: last}
			w.pins = a.Property == UserProperty && a.Prop.subject == elapsed
			r, err := w.write(ctx, a)
			if err != nil {
				return nil, err
			}
			if r.Same {
				return w.shorten(ctx, a)
			}
			if first == nil {
				first = r
			}
		}
	}
	return first, nil
}

// moment is when between two events a server dies.
type moment uint8

const (
	afterFirst moment = iota
	beforeSecond
	afterSecond
	moments
)

// shorten leaves out of a scenario what it does not need.
func (w *writer) shorten(ctx context.Context, a *Answer) (*Replay, error) {
	for i := len(w.faults) - 1; i >= 0; i-- {
		all := w.faults
		w.faults = slices.Delete(slices.Clone(all), i, i+1)
		n, err := w.simulate(ctx)
		if err != nil {
			return nil, err
		}
		if w.differs(a, n) != "" {
			w.faults = all
		}
	}
	return &Replay{Scenario: w.text(a), Same: true}, nil
}

// writer writes the scenario of a trace.
type writer struct {
	prog   *interp.Program
	trace  *Trace
	others moment // when servers die, but for the last one
	last   moment
	faults []pool.Fault
	asked  []string // answers to confirm
	pins   bool     // actions are to take as long as in the trace
	reads  int
	why    string // what cannot be said in a scenario
}

func (w *writer) write(ctx context.Context, a *Answer) (*Replay, error) {
	for i := range w.trace.moves {
		sofar, err := w.simulate(ctx)
		if err != nil {
			return nil, err
		}
		w.move(i, sofar.records)
	}
	n, err := w.simulate(ctx)
	if err != nil {
		return nil, err
	}
	r := &Replay{Scenario: w.text(a)}
	if r.Why = w.differs(a, n); r.Why != "" && w.why != "" {
		r.Why = w.why
	}
	r.Same = r.Why == ""
	return r, nil
}

// simulated is a night of package sim.
type simulated struct {
	records []interp.Record // those that are told
	facts   []interp.FactKind
	result  interp.Result
	stats   sim.Stats
}

func (w *writer) simulate(ctx context.Context) (*simulated, error) {
	sc := &pool.Scenario{Faults: w.faults}
	for _, a := range w.asked {
		sc.Answers.Confirm = append(sc.Answers.Confirm, map[string]pool.Answer{"yes": pool.Yes, "no": pool.No, "silent": pool.Silent}[a])
	}
	r, err := sim.NewRehearsal(w.prog, sc, interp.Args{})
	if err != nil {
		return nil, err
	}
	n := &simulated{}
	night, err := r.Night(ctx, sim.First{}, &sim.Watcher{Record: func(rec *interp.Record) {
		if told(rec) {
			n.records = append(n.records, *rec)
		}
		if rec.Kind == interp.RecFact {
			n.facts = append(n.facts, rec.Ev.Fact)
		}
	}})
	n.result, n.stats = night.Result, night.Stats
	return n, err
}

// move adds what a choice needs to the scenario.
func (w *writer) move(i int, records []interp.Record) {
	m := &w.trace.moves[i]
	at := func(n int) (time.Duration, bool) {
		if n < 1 || n > len(records) {
			w.cannot("the simulated night goes another way before that")
			return 0, false
		}
		return records[n-1].At, true
	}
	if m.c.variant != inTime {
		w.cannot("a scenario does not say how late it gets")
	}
	switch m.c.op {
	case opDie:
		if t, ok := at(m.before); ok {
			w.add(pool.Fault{Kind: pool.FaultDown, Server: int(m.c.arg), At: w.death(i, t, records)})
		}
		return
	case opCrash:
		if _, ok := at(m.before); ok {
			w.add(pool.Fault{Kind: pool.FaultCrash, Server: -1, After: int(records[m.before-1].Seq), Resume: time.Second})
		}
		return
	}
	t, ok := at(m.began)
	if !ok {
		return
	}
	switch m.slot.action {
	case interp.Read:
		w.read(m, t)
	case interp.Survey:
		if m.c.op == opFail {
			w.cannot("a scenario does not say that the pool cannot be looked at")
		}
	case interp.Hold:
		if m.c.op == opHang {
			w.add(pool.Fault{Kind: pool.FaultPool, Server: -1, State: pool.Busy, At: t, For: m.slot.bound - m.slot.began})
		}
	case interp.Confirm:
		if m.c.op == opLate {
			w.cannot("a scenario does not say how long a person thinks")
		}
		w.asked = append(w.asked, map[op]string{opDone: "yes", opLate: "yes", opNo: "no", opSilent: "silent"}[m.c.op])
	case interp.Look:
		if server := int(m.slot.id.Server); interp.Outcome(m.c.arg) == interp.CannotTell && !w.died(server) {
			w.cannot("a scenario does not say that a look cannot tell")
		}
	case interp.Wait, interp.Sleep:
	default:
		w.action(i, m, t)
		if w.pins && m.c.op == opDone {
			w.pin(m)
		}
	}
}

// death is when the server of a move dies: t is when the event before it happens.
func (w *writer) death(i int, t time.Duration, records []interp.Record) time.Duration {
	m := w.others
	if !slices.ContainsFunc(w.trace.moves[i+1:], func(m move) bool { return m.c.op == opDie }) {
		m = w.last
	}
	next := t
	for k := w.trace.moves[i].before; k < len(records) && next == t; k++ {
		next = records[k].At
	}
	switch m {
	case beforeSecond:
		return max(next-time.Second, 0)
	case afterSecond:
		return next + time.Second
	}
	if i+1 < len(w.trace.moves) && w.trace.moves[i+1].takes > 0 {
		return t + time.Second
	}
	return t
}

// read pins a reading of the pool's readiness.
func (w *writer) read(m *move, t time.Duration) {
	w.reads++
	state := map[interp.ReadState]pool.PoolState{
		interp.Ready: pool.Ready, interp.Busy: pool.Busy, interp.Insufficient: pool.Insufficient, interp.Garbled: pool.Garbled,
		interp.Unanswered: pool.Unanswered, interp.Unread: pool.Unanswered,
	}[m.reading]
	w.add(pool.Fault{Kind: pool.FaultReading, Server: -1, Domain: -1, Reading: w.reads, State: state})
	if says := condition(m.c.arg); m.c.op == opCondition && m.slot.domain >= 0 && (says == saysDomainFalse || says == saysReady) {
		w.add(pool.Fault{Kind: pool.FaultDomain, Server: -1, Domain: int(m.slot.domain), Ready: says == saysReady, At: t, For: time.Second})
	}
}

var onAction = map[interp.Action]pool.Action{
	interp.Stop: pool.OnStop, interp.Start: pool.OnStart, interp.Upgrade: pool.OnUpgrade, interp.Restart: pool.OnRestart,
	interp.Verify: pool.OnVerify, interp.FailoverServer: pool.OnFailoverServer, interp.FailbackServer: pool.OnFailbackServer,
	interp.Run: pool.OnRun, interp.Failover: pool.OnFailover, interp.Failback: pool.OnFailback, interp.Notify: pool.OnNotify,
}

// action makes an action that begins at t end as the choice says.
func (w *writer) action(i int, m *move, t time.Duration) {
	f := pool.Fault{
		Kind: pool.FaultAction, Server: int(m.slot.id.Server), Domain: -1, Action: onAction[m.slot.action], At: t, For: time.Second,
		Drain: true, Hard: true,
	}
	if m.slot.action == interp.Notify {
		f.Server = -1
	}
	switch m.c.op {
	case opFail, opSick:
		f.Effect = pool.IsFail
	case opSlow:
		f.Effect, f.Slow = pool.IsSlow, 3
	case opHang:
		f.Effect = pool.IsHang
	case opBound:
		if m.slot.hung || m.slot.struck {
			return
		}
		f.Effect, f.Takes = pool.IsTakes, m.slot.bound-m.slot.began+time.Minute
	case opUnknown:
		if m.slot.struck {
			return // the death says so
		}
		f.Effect, f.Landed = pool.IsUnknown, w.landed(i)
	default:
		return
	}
	if f.Server >= 0 && w.died(f.Server) {
		return
	}
	w.add(f)
}

// landed reports whether the action of a broken connection turns out to have been carried out.
func (w *writer) landed(i int) bool {
	for _, m := range w.trace.moves[i+1:] {
		if m.c.op == opLook && m.c.slot == w.trace.moves[i].c.slot {
			return interp.Outcome(m.c.arg) != interp.NotBegun
		}
	}
	return true
}

func (w *writer) died(server int) bool {
	return slices.ContainsFunc(w.faults, func(f pool.Fault) bool { return f.Kind == pool.FaultDown && f.Server == server })
}

// mostFaults is how many faults package sim takes.
const mostFaults = 64

func (w *writer) add(f pool.Fault) {
	if len(w.faults) == mostFaults {
		w.cannot("it takes more faults than a scenario holds")
		return
	}
	if f.Kind == pool.FaultDown || f.Kind == pool.FaultCrash || f.Kind == pool.FaultPool {
		f.Domain = -1
	}
	w.faults = append(w.faults, f)
}

func (w *writer) cannot(why string) {
	if w.why == "" {
		w.why = why
	}
}

// text is the scenario file.
func (w *writer) text(a *Answer) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s.\n", a.Name(), a.Says())
	fmt.Fprintf(&b, "# Found by lrun prove; lrun simulate replays the night on %s.\n", w.prog.Pool.Name)
	b.WriteString("faults:\n")
	for i := range w.faults {
		fmt.Fprintf(&b, "  - {%s}\n", w.prog.Pool.Fault(&w.faults[i]))
	}
	if len(w.faults) == 0 {
		b.Reset()
		fmt.Fprintf(&b, "# %s: %s.\n# Found by lrun prove: nothing has to go wrong.\nfaults: []\n", a.Name(), a.Says())
	}
	if len(w.asked) > 0 {
		fmt.Fprintf(&b, "answers: {confirm: [%s]}\n", strings.Join(w.asked, ", "))
	}
	return []byte(b.String())
}

// key is what of a record must be the same in both nights; times differ, because the explorer takes the longest ones.
type key struct {
	kind    interp.RecordKind
	action  interp.Action
	server  int8
	pc      int32
	outcome interp.Outcome
	reason  interp.Reason
	final   interp.Ending
}

func keyOf(r *interp.Record) key {
	return key{r.Kind, r.Action, r.Server, r.PC, r.Outcome, r.Reason, r.Final}
}
