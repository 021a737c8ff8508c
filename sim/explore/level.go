package explore

import (
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
)

// chunk is a piece of the level, and what came of it.
type chunk struct {
	shard, from, to int
	worker          *worker                            // who has it
	cands           [shardCount]struct{ from, to int } // where in that worker's cands lies what came of it, by shard
}

// level explores all states of the level under way. States are expanded in parallel; then each shard takes in what is
// new to it in the order of the chunks, so that the same states get the same numbers and the same parents every time.
func (e *Explorer) level() {
	e.cut()
	for _, wk := range e.workers {
		wk.turnOver(e.depth)
	}
	e.team.do(len(e.chunks), func(who, i int) { e.workers[who].expand(e, &e.chunks[i]) })
	e.team.do(shardCount, func(who, s int) { e.workers[who].take(e, s) })
	for _, wk := range e.workers {
		e.transitions += wk.transitions
		wk.transitions = 0
	}
	for s := range e.shards {
		sh := &e.shards[s]
		sh.base = len(sh.known) - len(sh.fresh)
		sh.nodes, sh.fresh = sh.fresh, sh.nodes[:0]
	}
	e.depth++
	e.findBroken()
}

// cut cuts the level into chunks.
func (e *Explorer) cut() {
	e.chunks = e.chunks[:0]
	for s := range e.shards {
		all := len(e.shards[s].nodes)
		for from := 0; from < all; from += chunkSize {
			e.chunks = append(e.chunks, chunk{shard: s, from: from, to: min(from+chunkSize, all)})
		}
	}
}

// worker is what one goroutine works with.
type worker struct {
	number      uint32
	m           *interp.Machine
	choices     []choice
	cover       []bool
	seen        []bool
	levels      [2][shardCount]frontier // the states that this worker found, of this level and of the one before
	now         *[shardCount]frontier   // where it puts those of the next level
	parent      node                    // the state whose choices are made
	linker      linker
	cands       [shardCount][]cand // what came of this level's chunks that this worker had
	batch       [batchSize]found
	n           int                // how many of the batch have been made
	latest      [latestSize]uint64 // fingerprints that this worker has handed on
	transitions int64
	fetched     uint32 // keeps the compiler from leaving out what only fetches memory
}

// batchSize is how many states are made before they are looked up in the tables: the memory then fetches all their
// places at once. As many states fit into the first cache of a processor.
const batchSize = 8

// aheadSize is how long before its turn the place of a candidate is fetched as they are taken in.
const aheadSize = 12

// latestSize is how many fingerprints a worker remembers. Of the states that no level before has, every third is found twice
// in its own level. A worker finds them in the order in which they are taken in, so that the second of two is never the
// one that is kept: it need not be put into the frontier. What was found in an earlier level is in a table.
const latestSize = 1 << 14

// found is a state that was reached, before it is looked up.
type found struct {
	node
	cand
	out *link // the one that leads here
}

// turnOver begins a level: the states of the level before the last one are no longer needed.
func (wk *worker) turnOver(depth int) {
	wk.now = &wk.levels[depth%2]
	for s := range wk.now {
		wk.now[s].empty()
		wk.cands[s] = wk.cands[s][:0]
	}
}

// crew makes the workers.
func (e *Explorer) crew() {
	for i := range e.x.opts.Workers {
		wk := &worker{number: uint32(i), m: e.x.machine(), cover: ownLines(len(e.cover)), seen: ownLines(len(e.seen))}
		wk.m.Cover(wk.cover)
		for l := range wk.levels {
			for s := range wk.levels[l] {
				wk.levels[l][s].states = interp.NewStore[kept](e.x.prog)
			}
		}
		wk.turnOver(1) // where the first level looks for its one state
		e.workers = append(e.workers, wk)
	}
	e.team = newTeam(len(e.workers))
}

// ownLines makes room for n marks that shares no line with anything else.
func ownLines(n int) []bool { return make([]bool, n+2*line)[line:][:n] }

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
	e.team.dismiss()
	e.workers, e.chunks, e.team = nil, nil, nil
}

// expand makes every choice in every state of a chunk.
func (wk *worker) expand(e *Explorer, ch *chunk) {
	ch.worker = wk
	for s := range ch.cands {
		ch.cands[s].from = len(wk.cands[s])
	}
	sh := &e.shards[ch.shard]
	for i := ch.from; i < ch.to; i++ {
		if sh.nodes[i] == nowhere {
			continue
		}
		e.get(ch.shard, sh.nodes[i], &wk.parent)
		id := stateID((sh.base+i)*shardCount + ch.shard)
		wk.choices = e.x.choices(&wk.parent, wk.choices)
		r := &sh.known[sh.base+i]
		r.links = wk.linker.begin(&e.links, len(wk.choices)*(len(e.x.lefts)+2))
		for _, c := range wk.choices {
			e.x.variants(c, func(c choice) (interp.Asked, time.Duration) { return wk.follow(e, id, c) })
		}
		r.degree = wk.linker.since(r.links)
	}
	wk.lookUp(e)
	for s := range ch.cands {
		ch.cands[s].to = len(wk.cands[s])
	}
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
	f.cand = cand{
		hash: t.hash, from: id, link: link, choice: c, head: t.head, flags: t.flags, broken: f.w.broken, prop: f.w.prop,
		end: t.end, node: nowhere,
	}
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
	for i := range batch {
		h := batch[i].hash
		fetch += e.shards[h%shardCount].table.touchHash(h)
	}
	wk.fetched += fetch
	for i := range batch {
		f := &batch[i]
		s := f.hash % shardCount
		if place, ok := e.shards[s].table.find(f.hash); ok {
			f.out.to = stateID(place*shardCount) + stateID(s)
			continue
		}
		if latest := &wk.latest[f.hash>>40%latestSize]; *latest != f.hash {
			*latest = f.hash
			if f.flags&(flagEnd|flagBroken) == 0 {
				f.cand.node = wk.put(int(s), &f.node)
			}
		}
		wk.cands[s] = append(wk.cands[s], f.cand)
	}
}

// take lets a shard take in the states that are new to it.
func (wk *worker) take(e *Explorer, s int) {
	sh := &e.shards[s]
	for i := range e.chunks {
		ch := &e.chunks[i]
		cands := ch.worker.cands[s]
		for j := ch.cands[s].from; j < ch.cands[s].to; j++ {
			if next := j + aheadSize; next < len(cands) {
				wk.fetched += sh.table.touch(cands[next].hash)
			}
			c := &cands[j]
			place, isNew := sh.table.insert(c.hash)
			id := stateID(place*shardCount + s)
			e.links.at(c.link).to = id
			if !isNew {
				continue
			}
			sh.keep(c)
			sh.fresh = append(sh.fresh, c.node)
			if c.flags&flagEnd != 0 {
				sh.ends = append(sh.ends, endState{id, c.end})
			}
			if c.flags&flagBroken != 0 {
				sh.broken = append(sh.broken, brokenState{id, c.broken, c.prop})
			}
		}
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
