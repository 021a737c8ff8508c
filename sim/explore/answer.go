package explore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Answer is what an exploration found out.
type Answer struct {
	Property    Property // Holds, or the first one that is violated, on one of the shortest nights that do
	Prop        *Prop    // the user's own, where Property is UserProperty
	States      int      // distinct states
	Transitions int64
	Depth       int // of the longest shortest path
	Faults      int
	Crashes     int
	Clock       time.Duration // time of day at which the run starts; -1 = not given

	// WorstCase is the longest any run within the bounds takes to its end, operator pauses and time between a crash and
	// its resume excluded. It and LatestStart are zero where a property is violated: then not all runs were looked at.
	WorstCase   time.Duration
	LatestStart []DomainStart
	Endings     []EndingSeen
	Unreached   []int32        // steps that no explored run carries out, in the runbook's order; only where all holds
	Trace       *Trace         // the counterexample; nil where all holds
	Nights      map[Way]*Trace // with Options.Nights, where all holds: a night for each way to end

	Past     *Answer  // where a property is violated: what [Past] found, for [Differences]
	violated []string // in an answer of Past: the properties that are violated, by name
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
	Left       int  // servers still due
	Down       int  // servers left out of service
	Faults     int  // the fewest faults that lead there
	Crash      bool // only a crash of lrun leads there
}

// Prove explores all outcomes of a program within the options' bounds and judges them. The answer is the same for any
// number of workers.
func Prove(ctx context.Context, prog *interp.Program, opts Options) (*Answer, error) {
	e := New(prog, opts)
	if err := e.Run(ctx); err != nil {
		return nil, err
	}
	a := &Answer{
		States: e.states(), Transitions: e.transitions, Depth: e.depth,
		Faults: opts.Faults, Crashes: opts.Crashes, Clock: opts.Clock,
	}
	if e.property == Holds {
		e.judgeWhole(a)
	} else {
		e.noteEnds(nil)
		a.Endings = e.endings()
	}
	a.Property = e.property
	if opts.goOn {
		a.violated = e.violatedNames()
	}
	if e.property == UserProperty {
		a.Prop = &opts.Props[e.prop]
	}
	if e.property != Holds {
		a.Trace = e.x.tell(e.night)
		a.Trace.Inevitable = e.x.inevitable(e.night, e.property, a.Prop == nil || a.Prop.mode != sometimes && a.Prop.subject != elapsed)
		return a, nil
	}
	for pc := range e.cover {
		if !e.cover[pc] && prog.Instrs[pc].Op == interp.OpStep {
			a.Unreached = append(a.Unreached, int32(pc))
		}
	}
	slices.SortStableFunc(a.Unreached, func(i, j int32) int {
		x, y := &prog.Instrs[i], &prog.Instrs[j]
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
	})
	return a, nil
}

// judgeWhole judges what can only be seen of all states together.
func (e *Explorer) judgeWhole(a *Answer) {
	order, latest, cyclic := e.order()
	if cyclic != noState {
		e.violate(RunEnds, cyclic)
		return
	}
	e.noteEnds(latest)
	a.Endings = e.endings()
	for _, s := range e.maybe {
		if latest[s.id] >= 0 {
			e.property, e.prop, e.night = s.property, int(s.prop), e.nightTo(order, latest, s.id)
			return
		}
	}
	if x := e.worseByCrash(); x != nil {
		e.violate(ResumeSame, x.example)
		return
	}
	if e.canComplete(); e.property != Holds {
		return
	}
	if e.judgeSometimes(); e.property != Holds {
		return
	}
	rest := e.longest(order)
	if e.judgeElapsed(rest); e.property != Holds {
		return
	}
	if e.x.opts.Nights {
		a.Nights = e.nights(order, latest)
	}
	t := e.times(rest)
	a.WorstCase = t.worst
	for d := range e.x.pool.Domains {
		if b, ok := t.behind[d]; ok {
			a.LatestStart = append(a.LatestStart, DomainStart{Domain: d, Behind: b})
		}
	}
}

// worseByCrash looks for an ending behind a crash that no run without one matches: one that ends the same way with no
// more faults, and leaves at least as much undone. How many servers are left or down is not compared, only whether there
// are any: a crash moves the moment at which a fault ends the run. What failed may be in doubt after a crash, since a look
// at a server that died tells less than an action does. And a resume that opens another window is another night.
func (e *Explorer) worseByCrash() *ending {
	var clean []*ending
	for _, k := range e.sortedEnds() {
		if x := e.ends[k]; x.clean {
			clean = append(clean, x)
		}
	}
	for _, k := range e.sortedEnds() {
		x := e.ends[k]
		if !x.clean && !x.anew && !x.best() && !slices.ContainsFunc(clean, x.matchedBy) {
			return x
		}
	}
	return nil
}

// best reports whether nothing is better than this ending: on a run that cannot complete by itself, what a resume does again
// may succeed.
func (x *ending) best() bool {
	return x.Ending == interp.Completed && !x.FailedOver && x.Left == 0 && x.Down == 0
}

func (x *ending) matchedBy(c *ending) bool {
	same := c.Ending == x.Ending || x.Ending == interp.InDoubt && c.Ending == interp.FailedRun
	return same && c.FailedOver == x.FailedOver && c.Faults <= x.Faults &&
		(x.Left == 0 || c.Left > 0) && (x.Down == 0 || c.Down > 0)
}

func (e *Explorer) violate(p Property, at stateID) { e.property, e.night = p, e.path(at) }

// canComplete looks for a run that completes. Where there is none, the counterexample is the run in which nothing goes
// wrong.
func (e *Explorer) canComplete() {
	for _, x := range e.ends {
		if x.Ending == interp.Completed && x.clean {
			return
		}
	}
	e.property, e.night = CanComplete, e.x.quietNight()
}

// quietNight is the choices of the run in which nothing goes wrong and the person says yes.
func (x *model) quietNight() []choice {
	m := x.machine()
	n, _ := x.root(m)
	var buf []choice
	var night []choice
	for {
		if _, done := m.Ending(); done {
			return night
		}
		if buf = x.choices(&n, buf); len(buf) == 0 {
			return night
		}
		night = append(night, buf[0])
		var next node
		x.transition(m, &n, &next, buf[0])
		n = next
	}
}

func (e *Explorer) sortedEnds() []signature {
	keys := make([]signature, 0, len(e.ends))
	for k := range e.ends {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// endings lists the ways to end, each with the least that leads to it: no crash, if none is needed, and few faults.
func (e *Explorer) endings() []EndingSeen {
	var list []EndingSeen
	for _, k := range e.sortedEnds() { // the faults are the lowest part of the key
		x := e.ends[k].EndingSeen
		x.Crash = !e.ends[k].clean
		n := len(list) - 1
		if n < 0 || list[n].Ending != x.Ending || list[n].FailedOver != x.FailedOver || list[n].Left != x.Left || list[n].Down != x.Down {
			list = append(list, x)
		} else if x.lessThan(&list[n]) {
			list[n] = x
		}
	}
	return list
}

// nights tells a night for each way to end, the one that takes the least.
func (e *Explorer) nights(order []vertex, latest []int32) map[Way]*Trace {
	least := map[Way]*ending{}
	for _, k := range e.sortedEnds() {
		x := e.ends[k]
		x.Crash = !x.clean
		w := Way{x.Ending, x.FailedOver}
		if least[w] == nil || x.lessThan(&least[w].EndingSeen) {
			least[w] = x
		}
	}
	all := map[Way]*Trace{}
	for w, x := range least {
		if e.record(x.example).flags&flagOdd != 0 {
			all[w] = e.x.tell(e.nightTo(order, latest, x.example))
		} else {
			all[w] = e.x.tell(e.path(x.example))
		}
	}
	return all
}

// lessThan compares what it takes to come to two endings.
func (s *EndingSeen) lessThan(t *EndingSeen) bool {
	if s.Crash != t.Crash {
		return !s.Crash
	}
	return s.Faults < t.Faults
}

// Trace is one explored night.
type Trace struct {
	Lines  []TraceLine
	Result interp.Result
	// Inevitable is the event, counted from 1, from which the violation cannot be avoided even if nothing more goes
	// wrong; 0 is the start of the run, -1 not known.
	Inevitable int

	moves     []move
	simulated *bool // set by Replay
}

// TraceLine is one thing that happened: a record of the machine, or what befell the night, in words.
type TraceLine struct {
	At     time.Duration
	Record *interp.Record // nil: Befell says what happened in the world
	Befell string
	Cost   bool // Befell is a fault or a crash that the bounds count

	crash bool
	step  int // the event that it belongs to, from 1
}

// path is the choices that lead to a state.
func (e *Explorer) path(id stateID) []choice {
	var path []choice
	for {
		r := e.record(id)
		if r.parent == noState {
			break
		}
		path = append(path, r.choice)
		id = r.parent
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

// tell tells the night of a row of choices.
func (x *model) tell(night []choice) *Trace {
	m := interp.New(x.prog, interp.Args{})
	m.SetGuards(x.opts.guards)
	t := &Trace{Inevitable: -1}
	n, out := x.root(m)
	t.records(out, 0)
	wrote := func() int {
		k := 0
		for i := range t.Lines {
			if r := t.Lines[i].Record; r != nil && told(r) {
				k++
			}
		}
		return k
	}
	var began [slots]int
	note := func(out *interp.Output) {
		for i := range out.Effects {
			began[slotOf(&out.Effects[i])] = wrote()
		}
	}
	note(out)
	deaths := 0 // lines of servers that died since the last event
	for i, c := range night {
		var next node
		s := n.w.slots[c.slot]
		mv := move{c: c, slot: s, before: wrote(), began: began[c.slot]}
		st := x.transition(m, &n, &next, c)
		mv.takes, mv.reading = next.w.now-n.w.now, st.says
		t.moves = append(t.moves, mv)
		words, cost := x.befell(&n.w, &next.w, c, &s)
		if words != "" {
			t.Lines = append(t.Lines, TraceLine{At: next.w.now, Befell: words, Cost: cost, crash: c.op == opCrash, step: i + 1})
		}
		if c.op == opDie {
			deaths++
		} else {
			t.late(deaths, next.w.now)
			deaths = 0
		}
		if st.out != nil {
			t.records(st.out, i+1)
			note(st.out)
		}
		n = next
	}
	t.Result = m.Standing()
	return t
}

// late moves the latest n lines to the moment before the event that followed them: that is when the servers died at the
// latest.
func (t *Trace) late(n int, at time.Duration) {
	for i := len(t.Lines) - 1; i >= 0 && n > 0; i-- {
		if t.Lines[i].Befell != "" {
			t.Lines[i].At = max(t.Lines[i].At, at)
			n--
		}
	}
}

func (t *Trace) records(out *interp.Output, step int) {
	for i := range out.Records {
		r := out.Records[i]
		t.Lines = append(t.Lines, TraceLine{At: r.At, Record: &r, step: step})
	}
}

// befell says in words what a choice does that no record of the machine says.
func (x *model) befell(before, after *world, c choice, s *slot) (words string, cost bool) {
	who := "the pool"
	if s.id.Server >= 0 {
		who = x.pool.Servers[s.id.Server].Name
	}
	cost = after.faults < before.faults || after.crashes < before.crashes
	switch c.variant {
	case inTime:
	case lateWindow:
		words = "the window is over by now"
	default:
		words = "less than " + pool.FormatDuration(x.lefts[c.variant-1]) + " of the window is left by now"
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
	saysGarbled: "something that cannot be understood", saysNothing: "nothing", saysLate: "nothing until it is given up",
	saysReady: "Ready although it is not so",
}
