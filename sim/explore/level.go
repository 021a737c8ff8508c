package explore

import (
	"math/bits"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
)

// chunk is a piece of the level: some states that one worker found, in the order of their ranks, and what came of them.
type chunk struct {
	finder      int
	shard, from int                                  // where the first of them is among what the finder found
	n           int                                  // how many there are; they may go on in the shards after this one
	worker      *worker                              // who has the chunk
	cands       [shardCount]struct{ from, to int32 } // where in that worker's cands lies what came of it, by shard
}

// level explores all states of the level under way. First they are expanded, each by the worker that found it, unless that has
// more to do than others: what one processor has written another one has to fetch. Then each shard takes in what is new to it,
// in the order of the states that it came from, so that the same states get the same numbers and the same parents every time.
func (e *Explorer) level() { e.levelBy(e.team.do) }

// levelBy is level, whose pieces of work do deals to the workers.
func (e *Explorer) levelBy(do func(ends []int, f func(who, i int))) {
	for _, wk := range e.workers {
		wk.turnOver(e.depth)
	}
	e.cut()
	do(e.chunkEnds, func(who, i int) { e.workers[who].expand(e, &e.chunks[i]) })
	do(e.shardEnds, func(who, s int) { e.workers[who].take(e, s) })
	for _, wk := range e.workers {
		e.transitions += wk.transitions
		wk.transitions = 0
	}
	e.depth++
	e.findBroken()
}

// cut cuts the level into chunks, those of each finder in the order of their states.
func (e *Explorer) cut() {
	e.chunks, e.chunkEnds = e.chunks[:0], e.chunkEnds[:0]
	for who, wk := range e.workers {
		room := 0
		for s := range e.shards {
			all := len(wk.going[s].todo)
			for from := 0; from < all; {
				if room == 0 {
					e.chunks = append(e.chunks, chunk{finder: who, shard: s, from: from})
					room = chunkSize
				}
				n := min(room, all-from)
				e.chunks[len(e.chunks)-1].n += n
				wk.left[s].Add(1)
				from, room = from+n, room-n
			}
		}
		e.chunkEnds = append(e.chunkEnds, len(e.chunks))
	}
}

// rank is the place of a state in the order in which what comes of a level's states is taken in: shard by shard.
func rank(id stateID) uint32 { return bits.RotateLeft32(uint32(id), -shardBits) }

// batchSize is how many states are made before they are looked up in the tables: the memory then fetches all their
// places at once. As many states fit into the first cache of a processor.
const batchSize = 8

// latestSize is how many fingerprints a worker remembers. Of the states that no level before has, every third is found twice
// in its own level. A worker finds them in the order in which they are taken in, so that the second of two is never the
// one that is kept: it need not be put into the frontier. Where a worker goes back in that order, to help another, it has to
// forget them. What was found in an earlier level is in a table.
const latestSize = 1 << 14

// found is a state that was reached, before it is looked up.
type found struct {
	node
	cand
	out *link // the one that leads here
}

// expand makes every choice in every state of a chunk.
func (wk *worker) expand(e *Explorer, ch *chunk) {
	wk.forget()
	ch.worker = wk
	for s := range ch.cands {
		ch.cands[s].from = int32(len(wk.cands[s]))
	}
	finder := e.workers[ch.finder]
	for s, from, left := ch.shard, ch.from, ch.n; left > 0; s, from = s+1, 0 {
		nodes := finder.going[s].todo[from:]
		nodes = nodes[:min(len(nodes), left)]
		for _, n := range nodes {
			finder.going[s].get(n.at, &wk.parent)
			wk.expandOne(e, stateID(n.place*shardCount)+stateID(s))
		}
		if len(nodes) > 0 {
			finder.left[s].Add(-1)
			left -= len(nodes)
		}
	}
	wk.lookUp(e)
	for s := range ch.cands {
		ch.cands[s].to = int32(len(wk.cands[s]))
	}
}

// expandOne makes every choice in the state that the worker has at hand.
func (wk *worker) expandOne(e *Explorer, id stateID) {
	before := wk.rank
	if wk.rank = rank(id); wk.rank < before {
		clear(wk.latest[:])
	}
	wk.choices = e.x.choices(&wk.parent, wk.choices)
	r := e.record(id)
	r.links = wk.linker.begin(&e.links, len(wk.choices)*(len(e.x.lefts)+2))
	for _, c := range wk.choices {
		e.x.variants(c, func(c choice) (interp.Asked, time.Duration) { return wk.follow(e, id, c) })
	}
	r.degree = wk.linker.since(r.links)
}

// follow makes one choice in the state that the worker has at hand.
func (wk *worker) follow(e *Explorer, id stateID, c choice) (interp.Asked, time.Duration) {
	if wk.n == batchSize {
		wk.lookUp(e)
	}
	wk.transitions++
	f := &wk.batch[wk.n]
	wk.n++
	t := e.x.transition(wk.m, &wk.parent, &f.node, c)
	if len(wk.seen) > 0 {
		e.x.checkProps(&f.w, wk.m, wk.seen)
	}
	var link linkID
	link, f.out = wk.linker.add(t.dt)
	f.hash, f.from, f.link, f.choice, f.end = t.hash, id, link, c, t.end
	f.head, f.flags, f.cand.broken, f.cand.prop = t.head, t.flags, f.w.broken, f.w.prop
	return t.asked, t.left
}

// lookUp hands on the states of the batch: the way to each, and those that no level before has.
func (wk *worker) lookUp(e *Explorer) {
	batch := wk.batch[:wk.n]
	wk.n = 0
	fetch := uint32(0)
	for i := range batch {
		h := batch[i].hash
		fetch += e.shards[h%shardCount].table.touch(h)
	}
	wk.fetched += fetch
	for i := range batch {
		f := &batch[i]
		s := f.hash % shardCount
		if place, ok := e.shards[s].table.find(f.hash); ok {
			f.out.to = stateID(place*shardCount) + stateID(s)
			continue
		}
		at := nowhere
		if latest := &wk.latest[f.hash>>40%latestSize]; *latest != f.hash {
			*latest = f.hash
			if f.flags&(flagEnd|flagBroken) == 0 {
				at = wk.next[s].put(&f.node)
			}
		}
		wk.cands[s] = append(wk.cands[s], f.cand)
		wk.cands[s][len(wk.cands[s])-1].at = at // not before: see shard.keep
	}
}

// findBroken notes the first violation of the level, the same one whatever the number of cores: of several nights that are
// as short it is the one that takes the choice which stands first, where they part. One on a way on which the
// window is over sooner than it can be is judged at the end, when all ways are known.
func (e *Explorer) findBroken() {
	at := brokenState{property: Holds}
	for s := range e.shards {
		sh := &e.shards[s]
		for _, b := range sh.broken {
			switch {
			case sh.known[b.id.place()].flags&flagOdd != 0:
				e.maybe = append(e.maybe, b)
			case at.property == Holds || b.property < at.property || b.property == at.property && e.earlier(b.id, at.id):
				at = b
			}
		}
		sh.broken = sh.broken[:0]
	}
	if at.property != Holds {
		e.violate(at.property, at.id)
		e.prop = int(at.prop)
	}
}

// earlier reports whether the night to a state takes a choice that stands before that of another night, where they part.
func (e *Explorer) earlier(id, other stateID) bool {
	return slices.CompareFunc(e.path(id), e.path(other), choice.compare) < 0
}
