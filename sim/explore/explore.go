package explore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Options bound an exploration.
type Options struct {
	Faults     int  // K: how many deviations in one night
	Crashes    int  // C: how often lrun may be killed
	EveryOrder bool // explore every order of effects in flight, and tell alike servers apart: no reduction
	Workers    int  // 0 = one a core; the answer is the same for any number
	MaxStates  int  // 0 = 50 million
	Props      []Prop
	Nights     bool          // keep a night for each way to end
	Clock      time.Duration // time of day at which the run starts; -1 = not given
	// Progress is told now and then how far the exploration is; it may be nil.
	Progress func(states, depth int)

	guards   interp.Guards // switched off, to show that each is needed
	noDeaths bool          // nobody dies by himself
	apart    bool          // alike servers are told apart, as another checker would
	goOn     bool          // go on past what violates a property, for the endings
}

// ErrTooLarge says that there are more states than Options.MaxStates.
var ErrTooLarge = errors.New("more states than the limit")

// shardCount is how many parts the set of visited states has. It is fixed, so that states get the same numbers whatever
// the number of cores.
const (
	shardBits  = 4
	shardCount = 1 << shardBits
)

// mostWorkers is how many workers there are at most: each shard takes in what all of them found.
const mostWorkers = 64

// chunkSize is how many states one worker takes at a time.
const chunkSize = 32

// node is a state of the whole: the machine and its world.
type node struct {
	m       interp.State
	w       world
	servers [pool.MaxServers]uint64 // the fingerprint of each server
}

// stateID numbers a state: the shard in the low bits, its place in the shard above.
type stateID uint32

const noState = ^stateID(0)

func (id stateID) shard() int { return int(id % shardCount) }
func (id stateID) place() int { return int(id / shardCount) }

// record is what is kept of a state for good; [shard.keep] names each field.
type record struct {
	parent stateID
	choice choice // that leads here from the parent
	links  linkID // where the links out of it begin
	degree uint16 // how many there are
	head   uint8  // 1 + the domain whose turn begins with this state, or 0
	flags  uint8
}

// shard is a part of the visited states: a table from fingerprints to places, and the records of the states there.
type shard struct {
	table  table
	known  []record
	ends   []endState
	broken []brokenState
	_      [line]byte // the next one is another worker's
}

// Flags of a state.
const (
	flagEnd     = 1 << iota // the run has ended
	flagBroken              // a property is violated
	flagCrashed             // lrun was killed on the way
	flagOdd                 // on the way the window was over sooner than it can be
)

// cand is a state that was reached, before it is known whether it is new. Two of them fill a cache line.
type cand struct {
	hash   uint64
	from   stateID
	link   linkID // the one that leads here
	choice choice
	at     uint32 // where its finder keeps it; nowhere where nothing comes after it
	end    signature
	head   uint8
	flags  uint8
	broken Property
	prop   uint8
}

// Explorer explores the outcomes of one program.
type Explorer struct {
	x      model
	shards [shardCount]shard
	depth  int

	team      *team
	workers   []*worker
	chunks    []chunk
	chunkEnds []int // of the workers' parts of the level under way
	shardEnds []int // of their parts of the shards

	transitions int64
	links       links
	cover       []bool
	ends        map[signature]*ending
	maybe       []brokenState // violations on a path whose window is over sooner than it can be
	root        stateID
	property    Property // the one that is violated
	prop        int      // which of the user's own, where it is one
	night       []choice // the way there
	seen        []bool   // by property: a `sometimes` that was seen
}

// New makes an explorer.
func New(prog *interp.Program, opts Options) *Explorer {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	opts.Workers = min(opts.Workers, mostWorkers)
	if opts.MaxStates <= 0 {
		opts.MaxStates = 50_000_000
	}
	e := &Explorer{ends: map[signature]*ending{}, cover: make([]bool, len(prog.Instrs))}
	e.x = model{prog: prog, pool: prog.Pool, m: prog.Pool.Model, all: prog.Pool.All(), opts: opts}
	e.x.seeds = prog.Pool.Seeds()
	e.x.closes, _ = windowEnd(prog, opts.Clock)
	e.x.counting = e.x.counts()
	e.x.upgrades = prog.UpgradeSteps()
	e.x.lefts = prog.Lefts()
	e.x.ordered, e.x.orderAlways = orderedLoops(prog)
	e.x.numberServers()
	for i := range prog.Instrs {
		in := &prog.Instrs[i]
		e.x.queues = e.x.queues || in.AtMost > 0
		e.x.mends = e.x.mends || in.Op == interp.OpFork && in.Handler != 0
	}
	e.x.truths = make(truths, 1<<len(prog.Pool.Servers))
	for d := range prog.Pool.Domains {
		e.x.addDomain(d, prog.Pool.Domains[d].Servers)
	}
	e.seen = make([]bool, len(opts.Props))
	return e
}

// addDomain notes the servers of a domain.
func (x *model) addDomain(d int, servers pool.Set) {
	x.domains = append(x.domains, servers)
	for half := range x.domainIn {
		for set := range x.domainIn[half] {
			if pool.Set(set)<<(8*half)&servers != 0 {
				x.domainIn[half][set] |= pool.SetOf(d)
			}
		}
	}
}

// machine makes a machine for one worker.
func (x *model) machine() *interp.Machine {
	m := interp.New(x.prog, interp.Args{})
	m.Quiet()
	m.SetGuards(x.opts.guards)
	return m
}

// Run explores, level by level, so that the first violation found is one of the shortest. It stops at the end of the
// level that holds one.
func (e *Explorer) Run(ctx context.Context) error {
	if len(e.x.lefts) > mostLefts {
		return fmt.Errorf("%w: the runbook asks for %d different times left, more than %d", ErrTooLarge, len(e.x.lefts), mostLefts)
	}
	e.crew()
	err := e.levels(ctx)
	e.dismiss() // not deferred: it would hide a panic of the first worker behind those of the others
	return err
}

func (e *Explorer) levels(ctx context.Context) error {
	e.first()
	for before := 0; e.states() > before && e.property == Holds; {
		if before = e.states(); before > e.x.opts.MaxStates {
			return ErrTooLarge
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e.level()
		if e.x.opts.Progress != nil {
			e.x.opts.Progress(e.states(), e.depth)
		}
	}
	return nil
}

func (e *Explorer) states() int {
	n := 0
	for s := range e.shards {
		n += len(e.shards[s].known)
	}
	return n
}

// root is the beginning of the run, and what the machine says of it.
func (x *model) root(m *interp.Machine) (n node, out *interp.Output) {
	n.w = x.begin()
	out = m.Step(interp.Event{Kind: interp.Began, At: n.w.now})
	n.w.scope = m.Ahead(x.mends)
	x.start(&n.w, out.Effects)
	n.m = m.State()
	x.hash(m, &n, nil, x.all)
	return n, out
}

// first puts the beginning of the run into the set.
func (e *Explorer) first() {
	m := e.x.machine()
	m.Cover(e.cover)
	n, _ := e.x.root(m)
	h := e.x.hash(m, &n, nil, 0)
	s := &e.shards[h%shardCount]
	s.table.insert(h)
	s.keep(&cand{hash: h, from: noState})
	f := &e.workers[0].going[h%shardCount]
	f.todo = append(f.todo, todo{at: f.put(&n)})
	e.root = stateID(h % shardCount)
}

// keep adds the record of a state. It is written where it lies, field by field: a processor that is to copy in one go what it
// has just written in parts waits until all of it is in the cache.
func (s *shard) keep(c *cand) {
	n := len(s.known)
	if n == cap(s.known) {
		s.known = slices.Grow(s.known, max(256, n)) // twice as many: what append adds costs more copies
	}
	s.known = s.known[:n+1]
	r := &s.known[n]
	r.parent, r.choice, r.links, r.degree, r.head, r.flags = c.from, c.choice, 0, 0, c.head, c.flags
}

// record is what is kept of a state.
func (e *Explorer) record(id stateID) *record { return &e.shards[id.shard()].known[id.place()] }
