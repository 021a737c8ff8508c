package explore

import "slices"

// take lets a shard take in what is new to it, in the order of the states that it came from. What came of the states of one
// finder lies in that order already, so that it is as many streams that are merged.
func (wk *worker) take(e *Explorer, s int) {
	wk.streams = wk.streams[:0]
	from := 0
	for _, end := range e.chunkEnds {
		st := stream{chunks: e.chunks[from:end]}
		if st.next(s) {
			wk.streams = append(wk.streams, st)
		}
		from = end
	}
	for len(wk.streams) > 0 {
		first := 0
		for i := range wk.streams {
			if wk.streams[i].rank() < wk.streams[first].rank() {
				first = i
			}
		}
		if !wk.streams[first].takeIn(e, s) {
			wk.streams = slices.Delete(wk.streams, first, first+1)
		}
	}
}

// stream is what came of the states of one finder for a shard, as far as it has not been taken in.
type stream struct {
	worker *worker // who has found what comes next
	cands  []cand  // what comes next
	chunks []chunk // those after it
}

// rank is that of the state that the next one came from.
func (st *stream) rank() uint32 { return rank(st.cands[0].from) }

// next goes on to the next chunk of which something came.
func (st *stream) next(s int) bool {
	for len(st.chunks) > 0 {
		ch := &st.chunks[0]
		st.chunks = st.chunks[1:]
		if c := ch.cands[s]; c.from < c.to {
			st.worker, st.cands = ch.worker, ch.worker.cands[s][c.from:c.to]
			return true
		}
	}
	return false
}

// takeIn takes in what came of one state. It reports whether something is left.
func (st *stream) takeIn(e *Explorer, s int) bool {
	sh := &e.shards[s]
	parent, n := st.cands[0].from, 0
	for n < len(st.cands) && st.cands[n].from == parent {
		sh.add(e, s, st.worker, &st.cands[n])
		n++
	}
	st.cands = st.cands[n:]
	return len(st.cands) > 0 || st.next(s)
}

// add takes in a state unless the shard has it, and fills in where the link to it leads.
func (sh *shard) add(e *Explorer, s int, finder *worker, c *cand) {
	place, isNew := sh.table.insert(c.hash)
	id := stateID(place*shardCount + s)
	e.links.at(c.link).to = id
	if !isNew {
		return
	}
	sh.keep(c)
	if c.at != nowhere {
		f := &finder.next[s]
		f.todo = append(f.todo, todo{place: uint32(place), at: c.at})
	}
	if c.flags&flagEnd != 0 {
		sh.ends = append(sh.ends, endState{id, c.end})
	}
	if c.flags&flagBroken != 0 {
		sh.broken = append(sh.broken, brokenState{id, c.broken, c.prop})
	}
}
