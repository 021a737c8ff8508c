package explore

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/lrun/lrun/interp"
)

// Answer is what an exploration found out.
type Answer struct {
	Property    Property // Holds, or the first one that is violated, on one of the shortest nights that do
	States      int      // distinct states
	Transitions int64
	Depth       int // of the longest shortest path
	Faults      int
	Crashes     int

	// WorstCase is the longest any run within the bounds takes to its end, operator pauses and time between a crash and
	// its resume excluded. It and LatestStart are zero where a property is violated: then not all runs were looked at.
	WorstCase   time.Duration
	LatestStart []DomainStart
	Endings     []EndingSeen
	Unreached   []int32 // instructions that no explored run carries out, in the runbook's order
	Trace       *Trace  // the counterexample; nil where all holds
}

// DomainStart is how long a domain's turn and all that follows it can take.
type DomainStart struct {
	Domain int
	Behind time.Duration // from the beginning of its turn to the end of the run, at worst
}

// EndingSeen is one way to end that some explored run takes.
type EndingSeen struct {
	Ending     interp.Ending
	FailedOver bool
	Left       int // servers still due
	Down       int // servers left out of service
}

// Prove explores all outcomes of a program within the options' bounds and judges them. The answer is the same for any
// number of workers.
func Prove(ctx context.Context, prog *interp.Program, opts Options) (*Answer, error) {
	e := New(prog, opts)
	if err := e.Run(ctx); err != nil {
		return nil, err
	}
	a := &Answer{
		Property: e.property, States: e.states(), Transitions: e.transitions, Depth: e.depth,
		Faults: opts.Faults, Crashes: opts.Crashes, Endings: e.endings(),
	}
	if e.broken == noState {
		if err := e.judgeWhole(ctx, a); err != nil {
			return nil, err
		}
	}
	for pc := range e.cover {
		if !e.cover[pc] && prog.Instrs[pc].Op == interp.OpStep {
			a.Unreached = append(a.Unreached, int32(pc))
		}
	}
	if e.broken != noState {
		a.Property = e.property
		a.Trace = e.trace(e.broken)
	}
	return a, nil
}

// judgeWhole judges what can only be seen of all states together.
func (e *Explorer) judgeWhole(ctx context.Context, a *Answer) error {
	g, cyclic := e.graph()
	if cyclic != noState {
		e.violate(RunEnds, cyclic)
		return nil
	}
	clean := map[kind]bool{}
	for _, x := range e.ends {
		clean[x.kind()] = clean[x.kind()] || x.Clean
	}
	for _, k := range e.sortedEnds() {
		if x := e.ends[k]; !clean[x.kind()] {
			e.violate(ResumeSame, x.Example)
			return nil
		}
	}
	if err := e.canComplete(ctx); err != nil || e.broken != noState {
		return err
	}
	t := e.times(g)
	a.WorstCase = t.worst
	for d := range e.x.pool.Domains {
		if b, ok := t.behind[d]; ok {
			a.LatestStart = append(a.LatestStart, DomainStart{Domain: d, Behind: b})
		}
	}
	return nil
}

// kind is what of an ending a crash must not change: how many servers are left or down depends on the moment at which a
// fault ended the run, and a crash moves that.
type kind struct {
	ending           interp.Ending
	over, left, down bool
}

func (x *ending) kind() kind { return kind{x.Ending, x.Over, x.Left > 0, x.Down > 0} }

func (e *Explorer) violate(p Property, at stateID) { e.property, e.broken = p, at }

// canComplete looks for a run that completes when nothing goes wrong. Where there is none, the counterexample is the
// fault-free run.
func (e *Explorer) canComplete(ctx context.Context) error {
	for _, x := range e.ends {
		if x.Ending == interp.Completed {
			return nil
		}
	}
	opts := e.x.opts
	opts.Faults, opts.Crashes, opts.Progress = 0, 0, nil
	quiet := New(e.x.prog, opts)
	if err := quiet.Run(ctx); err != nil {
		return err
	}
	for _, k := range quiet.sortedEnds() {
		*e = *quiet
		e.violate(CanComplete, quiet.ends[k].Example)
		return nil
	}
	return nil
}

func (e *Explorer) sortedEnds() []uint64 {
	keys := make([]uint64, 0, len(e.ends))
	for k := range e.ends {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	return keys
}

func (e *Explorer) endings() []EndingSeen {
	var list []EndingSeen
	for _, k := range e.sortedEnds() {
		x := e.ends[k]
		list = append(list, EndingSeen{Ending: x.Ending, FailedOver: x.Over, Left: x.Left, Down: x.Down})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.Ending != b.Ending:
			return a.Ending < b.Ending
		case a.Left != b.Left:
			return a.Left < b.Left
		}
		return a.Down < b.Down
	})
	return list
}

// Trace is one explored night.
type Trace struct {
	Lines  []TraceLine
	Result interp.Result
}

// TraceLine is one thing that happened: a record of the machine, or what befell the night, in words.
type TraceLine struct {
	At     time.Duration
	Record *interp.Record // nil: Befell says what happened in the world
	Befell string
	Cost   bool // Befell is a fault or a crash that the bounds count
	// Sign says what the line has to do with a scenario: the choice made.
	choice choice
	slot   slot
}

// path is the choices that lead to a state.
func (e *Explorer) path(id stateID) []choice {
	var path []choice
	for {
		s := &e.shards[id.shard()]
		p := s.parent[id.place()]
		if p == noState {
			break
		}
		path = append(path, s.choice[id.place()])
		id = p
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

// trace tells the night that leads to a state.
func (e *Explorer) trace(id stateID) *Trace {
	x := &e.x
	m := interp.New(x.prog, interp.Args{})
	m.SetGuards(x.opts.guards)
	t := &Trace{}
	n := node{w: x.begin()}
	out := m.Step(interp.Event{Kind: interp.Began})
	x.start(&n.w, out.Effects)
	t.records(out)
	n.m = m.State()
	for _, c := range e.path(id) {
		var next node
		s := n.w.slots[c.slot]
		st := x.transition(m, &n, &next, c)
		if words, cost := x.befell(&n.w, &next.w, c, &s); words != "" {
			t.Lines = append(t.Lines, TraceLine{At: next.w.now, Befell: words, Cost: cost, choice: c, slot: s})
		}
		if st.out != nil {
			t.records(st.out)
		}
		n = next
	}
	t.Result = m.Standing()
	return t
}

func (t *Trace) records(out *interp.Output) {
	for i := range out.Records {
		r := out.Records[i]
		t.Lines = append(t.Lines, TraceLine{At: r.At, Record: &r})
	}
}

// befell says in words what a choice does that no record of the machine says.
func (x *model) befell(before, after *world, c choice, s *slot) (words string, cost bool) {
	who := "the pool"
	if s.id.Server >= 0 {
		who = x.pool.Servers[s.id.Server].Name
	}
	cost = after.faults < before.faults || after.crashes < before.crashes
	if c.variant == lateWindow {
		words = "the window is over by now"
	}
	if !cost {
		return words, false
	}
	switch c.op {
	case opDie:
		words = x.pool.Servers[c.arg].Name + " dies by itself"
	case opCrash:
		words = "lrun is killed, and resumed"
	case opCondition:
		words = "the readiness cmdlet says " + conditionWords[condition(c.arg)] + " from now on, for as long as it likes"
	case opFail:
		words = fmt.Sprintf("%s on %s fails", s.action, who)
	case opUnknown:
		words = fmt.Sprintf("the connection breaks during %s on %s", s.action, who)
	case opSlow:
		words = fmt.Sprintf("%s on %s takes three times as long", s.action, who)
	case opHang:
		words = fmt.Sprintf("%s on %s goes on until its bound passes", s.action, who)
	case opSick:
		words = "the services of " + x.pool.Servers[c.arg].Name + " do not come up"
	case opLook:
		words = fmt.Sprintf("%s on %s turns out %s", s.lost, who, interp.Outcome(c.arg))
	}
	return words, true
}

var conditionWords = [conditions]string{
	saysBusy: "Busy", saysInsufficient: "InsufficientActiveFrontEnds", saysDomainFalse: "that the domain is not ready",
	saysGarbled: "something that cannot be understood", saysNothing: "nothing",
}
