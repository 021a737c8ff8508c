package explore

import (
	"sync"
	"sync/atomic"

	"github.com/lrun/lrun/interp"
)

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
