package explore

import (
	"context"
	"errors"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
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
	goOn     bool          // go on past what violates a property, for the endings
}

// ErrTooLarge says that there are more states than Options.MaxStates.
var ErrTooLarge = errors.New("more states than the limit")

// shardCount is how many parts the set of visited states has. It is fixed, so that states get the same numbers whatever
// the number of cores.
const shardCount = 16

// chunkSize is how many states one worker takes at a time.
const chunkSize = 64

// node is a state of the whole: the machine and its world.
type node struct {
	m interp.State
	w world
}

// stateID numbers a state: the shard in the low bits, its place in the shard above.
type stateID uint32

const noState = ^stateID(0)

func (id stateID) shard() int { return int(id % shardCount) }
func (id stateID) place() int { return int(id / shardCount) }

// shard is a part of the visited states: a table from fingerprints to places, and what is kept of each state for good.
type shard struct {
	table  table
	parent []stateID
	choice []choice
	head   []uint8 // 1 + the domain whose turn begins with this state, or 0
	flags  []uint8
	base   int     // place of the first state of the level under way
	nodes  []*node // the states of the level under way; nil where nothing comes after one
	fresh  []*node // those of the next level
	ends   []endState
	broken []endState
}

// Flags of a state.
const (
	flagEnd     = 1 << iota // the run has ended
	flagBroken              // a property is violated
	flagCrashed             // lrun was killed on the way
	flagOdd                 // on the way the window was over sooner than it can be
)

// cand is a state that was reached, before it is known whether it is new.
type cand struct {
	hash   uint64
	from   stateID
	dt     uint32 // milliseconds
	choice choice
	head   uint8
	flags  uint8
	broken Property
	prop   uint8
	end    uint64 // signature of the ending
	node   *node
}

// edge is a transition, kept for the longest path.
type edge struct {
	from, to stateID
	dt       uint32
}

// What an edge's span of time holds beside milliseconds.
const (
	spanLate   = 1 << 31 // the window is taken to be over
	spanThinks = 1 << 30 // a person thinks: it is not lrun's time
	spanMask   = spanThinks - 1
)

// Explorer explores the outcomes of one program.
type Explorer struct {
	x      model
	shards [shardCount]shard
	depth  int

	workers []*worker
	chunks  []chunk

	transitions int64
	edges       [shardCount][]edge // by the shard of `to`
	cover       []bool
	ends        map[uint64]*ending
	maybe       []endState // violations on a path whose window is over sooner than it can be
	root        stateID
	property    Property // the one that is violated
	prop        int      // which of the user's own, where it is one
	night       []choice // the way there
	seen        []bool   // by property: a `sometimes` that was seen
}

// ending is a way the run can end.
type ending struct {
	EndingSeen
	clean   bool // reached without a crash
	anew    bool // reached after a resume that came late, or that opened another window
	example stateID
}

// endState is a state that is an end or breaks a property, with the signature of its ending or the property.
type endState struct {
	id   stateID
	sig  uint64
	prop uint8
}

// New makes an explorer.
func New(prog *interp.Program, opts Options) *Explorer {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	if opts.MaxStates <= 0 {
		opts.MaxStates = 50_000_000
	}
	e := &Explorer{ends: map[uint64]*ending{}, cover: make([]bool, len(prog.Instrs))}
	e.x = model{prog: prog, pool: prog.Pool, m: prog.Pool.Model, all: prog.Pool.All(), opts: opts}
	e.x.seeds = prog.Pool.Seeds()
	e.x.closes, _ = windowEnd(prog, opts.Clock)
	e.x.counting = e.x.counts()
	e.seen = make([]bool, len(opts.Props))
	return e
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
	e.crew()
	defer e.dismiss()
	e.first()
	for {
		n := 0
		for s := range e.shards {
			n += len(e.shards[s].nodes)
		}
		if n == 0 || e.property != Holds {
			return nil
		}
		if e.states() > e.x.opts.MaxStates {
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
}

func (e *Explorer) states() int {
	n := 0
	for s := range e.shards {
		n += len(e.shards[s].parent)
	}
	return n
}

// root is the beginning of the run.
func (x *model) root(m *interp.Machine) node {
	n := node{w: x.begin()}
	out := m.Step(interp.Event{Kind: interp.Began})
	x.start(&n.w, out.Effects)
	n.m = m.State()
	return n
}

// first puts the beginning of the run into the set.
func (e *Explorer) first() {
	m := e.x.machine()
	m.Cover(e.cover)
	n := e.x.root(m)
	h := e.x.hash(m, &n.w)
	s := &e.shards[h%shardCount]
	s.table.insert(h, 0)
	s.keep(&cand{hash: h, from: noState})
	s.nodes = append(s.nodes, &n)
	e.root = stateID(h % shardCount)
}

func (s *shard) keep(c *cand) {
	s.parent = append(s.parent, c.from)
	s.choice = append(s.choice, c.choice)
	s.head = append(s.head, c.head)
	s.flags = append(s.flags, c.flags)
}

// chunk is a piece of the level, and what came of it, by shard.
type chunk struct {
	shard, from, to int
	cands           [shardCount][]cand
	edges           [shardCount][]edge
	transitions     int64
}

// level explores all states of the level under way. States are expanded in parallel; then each shard takes in what is
// new to it in the order of the chunks, so that the same states get the same numbers and the same parents every time.
func (e *Explorer) level() {
	e.cut()
	for _, wk := range e.workers {
		wk.turnOver(e.depth)
	}
	e.parallel(len(e.chunks), func(wk *worker, i int) { wk.expand(e, &e.chunks[i]) })
	e.parallel(shardCount, func(_ *worker, s int) { e.take(s) })
	for i := range e.chunks {
		e.transitions += e.chunks[i].transitions
	}
	for s := range e.shards {
		sh := &e.shards[s]
		sh.base = len(sh.parent) - len(sh.fresh)
		sh.nodes, sh.fresh = sh.fresh, sh.nodes[:0]
	}
	e.depth++
	e.findBroken()
}

// cut cuts the level into chunks; those of the level before are used again.
func (e *Explorer) cut() {
	n := 0
	for s := range e.shards {
		all := len(e.shards[s].nodes)
		for from := 0; from < all; from += chunkSize {
			if n == len(e.chunks) {
				if n < cap(e.chunks) {
					e.chunks = e.chunks[:n+1]
				} else {
					e.chunks = append(e.chunks, chunk{})
				}
			}
			c := &e.chunks[n]
			c.shard, c.from, c.to, c.transitions = s, from, min(from+chunkSize, all), 0
			for k := range c.cands {
				c.cands[k], c.edges[k] = c.cands[k][:0], c.edges[k][:0]
			}
			n++
		}
	}
	e.chunks = e.chunks[:n]
}

// worker is what one goroutine works with.
type worker struct {
	m       *interp.Machine
	choices []choice
	cover   []bool
	seen    []bool
	arenas  [2]arena // the nodes that this worker made, of this level and of the one before
	now     *arena
}

// arena hands out nodes in blocks that are used again and again.
type arena struct {
	blocks [][]node
	n      int
}

const arenaBlock = 128

// next is the node that is handed out next; it is taken by counting n up.
func (a *arena) next() *node {
	if a.n == len(a.blocks)*arenaBlock {
		a.blocks = append(a.blocks, make([]node, arenaBlock))
	}
	return &a.blocks[a.n/arenaBlock][a.n%arenaBlock]
}

// turnOver begins a level: the nodes of the level before the last one are free.
func (wk *worker) turnOver(depth int) {
	wk.now = &wk.arenas[depth%2]
	wk.now.n = 0
}

// crew makes the workers.
func (e *Explorer) crew() {
	for range e.x.opts.Workers {
		wk := &worker{m: e.x.machine(), cover: make([]bool, len(e.cover)), seen: make([]bool, len(e.seen))}
		wk.m.Cover(wk.cover)
		e.workers = append(e.workers, wk)
	}
}

// dismiss gathers what the workers have seen.
func (e *Explorer) dismiss() {
	for _, wk := range e.workers {
		for i, c := range wk.cover {
			e.cover[i] = e.cover[i] || c
		}
		for i, c := range wk.seen {
			e.seen[i] = e.seen[i] || c
		}
	}
	e.workers, e.chunks = nil, nil
}

// parallel calls f for 0 to n-1, each once, on all workers.
func (e *Explorer) parallel(n int, f func(*worker, int)) {
	var next atomic.Int64
	work := func(wk *worker) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(wk, i)
		}
	}
	var wg sync.WaitGroup
	for _, wk := range e.workers[1:min(len(e.workers), max(n, 1))] {
		wg.Go(func() { work(wk) })
	}
	work(e.workers[0])
	wg.Wait()
}

// expand makes every choice in every state of a chunk.
func (wk *worker) expand(e *Explorer, ch *chunk) {
	sh := &e.shards[ch.shard]
	for i := ch.from; i < ch.to; i++ {
		parent := sh.nodes[i]
		if parent == nil {
			continue
		}
		id := stateID((sh.base+i)*shardCount + ch.shard)
		wk.choices = e.x.choices(&parent.w, wk.choices)
		for _, c := range wk.choices {
			asked := wk.follow(e, ch, id, parent, c)
			if asked&interp.AskedWindow != 0 {
				c.variant = lateWindow
				wk.follow(e, ch, id, parent, c)
			}
			if asked&interp.AskedLeft != 0 {
				c.variant = lateLeft
				wk.follow(e, ch, id, parent, c)
			}
		}
	}
}

// follow makes one choice and hands on the state that it leads to.
func (wk *worker) follow(e *Explorer, ch *chunk, id stateID, parent *node, c choice) interp.Asked {
	ch.transitions++
	child := wk.now.next()
	t := e.x.transition(wk.m, parent, child, c)
	if len(wk.seen) > 0 {
		e.x.checkProps(&child.w, wk.m, wk.seen)
	}
	s := t.hash % shardCount
	if place, ok := e.shards[s].table.find(t.hash); ok {
		ch.edges[s] = append(ch.edges[s], edge{from: id, to: stateID(place*shardCount) + stateID(s), dt: t.dt})
		return t.asked
	}
	k := cand{
		hash: t.hash, from: id, dt: t.dt, choice: c, head: t.head, flags: t.flags, broken: child.w.broken, prop: child.w.prop,
		end: t.end,
	}
	if t.flags&(flagEnd|flagBroken) == 0 {
		k.node = child
		wk.now.n++
	}
	ch.cands[s] = append(ch.cands[s], k)
	return t.asked
}

// step is what a transition is besides its state.
type step struct {
	hash  uint64
	end   uint64
	dt    uint32
	asked interp.Asked
	head  uint8
	flags uint8
	out   *interp.Output
	event interp.Event
}

// transition makes a choice in a state: the world first, then the machine that sees what happened.
func (x *model) transition(m *interp.Machine, parent, child *node, c choice) step {
	child.w = parent.w
	w := &child.w
	m.SetState(&parent.m)
	before, _ := m.Turn()
	ev, seen := x.apply(w, c)
	t := step{event: ev}
	if seen {
		x.setClock(m, w, c)
		out := m.Step(ev)
		t.asked, t.out = out.Asked, out
		if out.Judged {
			x.checkVerdict(w, out.Verdict)
		}
		x.start(w, out.Effects)
		if after, d := m.Turn(); before == 0 && after != 0 {
			t.head = uint8(d) + 1
			w.passed = false
		}
	}
	if !w.settling() {
		w.settle()
	}
	x.time(parent, w, c, &t)
	x.checkState(w)
	x.checkProps(w, m, nil)
	t.flags, t.end = x.ended(m, w)
	t.hash = x.hash(m, w)
	if t.flags&(flagEnd|flagBroken) == 0 {
		m.CopyState(&child.m)
	}
	return t
}

// time notes how long a transition takes, and what is odd about it.
func (x *model) time(parent *node, w *world, c choice, t *step) {
	t.dt = uint32(min((w.now - parent.w.now).Milliseconds(), spanMask))
	if parent.w.slots[c.slot].action == interp.Confirm && c.op != opDie && c.op != opCrash {
		t.dt |= spanThinks
	}
	if c.variant == lateWindow {
		t.dt |= spanLate
		if w.now < x.closes {
			w.anew = w.anew || w.crashed // whoever resumes may come late
			w.odd = w.odd || !w.crashed
		}
	}
}

// setClock puts the window where the choice wants it, relative to the event that comes.
func (x *model) setClock(m *interp.Machine, w *world, c choice) {
	switch c.variant {
	case lateWindow:
		w.window = windowOver
	case lateLeft:
		w.window = windowScarce
	}
	if x.prog.Window.For == 0 && x.prog.Window.Until < 0 {
		return
	}
	const far = 1000 * 24 * time.Hour
	switch w.window {
	case windowOpen:
		m.SetWindow(w.now + far)
	case windowScarce:
		m.SetWindow(w.now + 1)
	default:
		m.SetWindow(max(w.now, 1))
	}
}

// ended tells whether a state is an end, and which.
func (x *model) ended(m *interp.Machine, w *world) (flags uint8, sig uint64) {
	e, finished := m.Ending()
	switch {
	case finished:
		x.checkEnd(w, m)
		flags = flagEnd
	case w.flight == 0:
		w.breaks(RunEnds) // nothing is in flight, and the machine waits
	}
	if x.opts.goOn {
		w.broken = Holds
	}
	if w.broken != Holds {
		flags |= flagBroken
	}
	if w.crashed {
		flags |= flagCrashed
	}
	if w.odd {
		flags |= flagOdd
	}
	if finished {
		_, left := m.Progress()
		over := uint64(0)
		if m.FailedOver() {
			over = 1
		}
		used := uint64(x.opts.Faults) - uint64(w.faults)
		sig = uint64(e)<<48 | over<<40 | uint64(left.Len())<<32 | uint64(m.Down().Len())<<24 | used<<8 | 1
		if w.anew {
			sig |= 1 << 16
		}
	}
	return flags, sig
}

// take lets a shard take in the states that are new to it.
func (e *Explorer) take(s int) {
	sh := &e.shards[s]
	for i := range e.chunks {
		e.edges[s] = append(e.edges[s], e.chunks[i].edges[s]...)
		for j := range e.chunks[i].cands[s] {
			c := &e.chunks[i].cands[s][j]
			place, isNew := sh.table.insert(c.hash, len(sh.parent))
			id := stateID(place*shardCount + s)
			e.edges[s] = append(e.edges[s], edge{from: c.from, to: id, dt: c.dt})
			if !isNew {
				continue
			}
			sh.keep(c)
			sh.fresh = append(sh.fresh, c.node)
			if c.flags&flagEnd != 0 {
				sh.ends = append(sh.ends, endState{id: id, sig: c.end | uint64(c.flags&flagCrashed)<<56})
			}
			if c.flags&flagBroken != 0 {
				sh.broken = append(sh.broken, endState{id, uint64(c.broken), c.prop})
			}
		}
	}
}

// findBroken notes the first violation of the level, the same one whatever the number of cores. One on a way on which the
// window is over sooner than it can be is judged at the end, when all ways are known.
func (e *Explorer) findBroken() {
	best, at := Holds, endState{}
	for s := range e.shards {
		sh := &e.shards[s]
		for _, b := range sh.broken {
			switch {
			case sh.flags[b.id.place()]&flagOdd != 0:
				e.maybe = append(e.maybe, b)
			case best == Holds || Property(b.sig) < best:
				best, at = Property(b.sig), b
			}
		}
		sh.broken = sh.broken[:0]
	}
	if best != Holds {
		e.violate(best, at.id)
		e.prop = int(at.prop)
	}
}

// noteEnds gathers the endings of all states that some night really comes to.
func (e *Explorer) noteEnds(latest []int64, g *graph) {
	var all []endState
	for s := range e.shards {
		all = append(all, e.shards[s].ends...)
	}
	for _, s := range all {
		if latest != nil && latest[g.dense(s.id)] < 0 {
			continue
		}
		sig := s.sig &^ (0xff << 56)
		k := e.ends[sig]
		if k == nil {
			k = &ending{
				EndingSeen: EndingSeen{
					Ending: interp.Ending(sig >> 48 & 0xff), FailedOver: sig>>40&1 == 1, Left: int(sig >> 32 & 0xff),
					Down: int(sig >> 24 & 0xff), Faults: int(sig >> 8 & 0xff),
				},
				example: s.id, anew: sig>>16&1 == 1,
			}
			e.ends[sig] = k
		}
		if s.sig>>56 == 0 {
			k.clean = true
		}
	}
}

// hash is the fingerprint of a state. Servers of one domain that are alike in everything are the same whichever is
// which: their parts are put in order before they are joined.
func (x *model) hash(m *interp.Machine, w *world) uint64 {
	parts := m.Hashes()
	h := interp.Mix(parts.Global, x.hashWorld(w))
	own := x.hashServers(w)
	for d := range x.pool.Domains {
		var list [pool.MaxServers]uint64
		n := 0
		for members := x.pool.Domains[d].Servers; members != 0; members &= members - 1 {
			s := bits.TrailingZeros16(uint16(members))
			v := interp.Mix(parts.Servers[s], own[s])
			if x.opts.EveryOrder {
				v = interp.Mix(v, uint64(s))
			}
			i := n
			for ; i > 0 && list[i-1] > v; i-- {
				list[i] = list[i-1]
			}
			list[i] = v
			n++
		}
		for _, v := range list[:n] {
			h = interp.Mix(h, v)
		}
	}
	return h
}

// hashWorld hashes what belongs to no server.
func (x *model) hashWorld(w *world) uint64 {
	rebuild := uint64(0)
	if w.settling() {
		rebuild = uint64(w.ready - w.now)
	}
	flags := uint64(0)
	if w.crashed {
		flags = 1
	}
	if w.passed {
		flags |= 2
	}
	if w.justDied {
		flags |= 4
	}
	if w.anew {
		flags |= 8
	}
	if x.counting {
		flags |= uint64(w.cut) << 8
	}
	h := interp.Mix(interp.Mix(rebuild, flags), uint64(w.state)|uint64(w.cond)<<8|uint64(w.window)<<16|uint64(w.faults)<<24|uint64(w.crashes)<<32|
		uint64(w.guards)<<40|uint64(w.broken)<<48|uint64(w.prop)<<56)
	h = interp.Mix(h, w.slots[mainSlot].hash(w.now))
	return interp.Mix(h, w.slots[leaveSlot].hash(w.now))
}

// hashServers hashes what belongs to each server: a sum of a number for each set that it is in, and its slot.
func (x *model) hashServers(w *world) (own [pool.MaxServers]uint64) {
	for k, set := range [...]pool.Set{w.up, w.out, w.dead, w.sick, w.fresh, w.away, w.stopped, w.cutFrom, x.seeds} {
		interp.AddSet(&own, k, set)
	}
	for k, set := range w.installed {
		interp.AddSet(&own, k+16, set)
	}
	for s := range x.pool.Servers {
		if h := w.slots[s].hash(w.now); h != 0 {
			own[s] = interp.Mix(own[s], h)
		}
	}
	return own
}

func (s *slot) hash(now time.Duration) uint64 {
	if s.action == interp.NoAction && s.limbo == sure {
		return 0
	}
	v := uint64(s.limbo) | uint64(s.lost)<<8 | uint64(s.before)<<16
	if s.paid {
		v |= 1 << 24
	}
	if s.limbo != sure {
		v |= uint64(max(s.until-now, 0)/time.Millisecond) << 32
	}
	if s.action == interp.NoAction {
		return interp.Mix(1, v)
	}
	u := uint64(s.action) | uint64(s.of)<<8
	for i, b := range [...]bool{s.slow, s.hung, s.over, s.struck} {
		if b {
			u |= 1 << (16 + i)
		}
	}
	u |= uint64((s.end-now)/time.Millisecond) << 32
	return interp.Mix(u, interp.Mix(uint64(s.end-s.began), v))
}
