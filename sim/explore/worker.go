package explore

import (
	"math/bits"
	"sync/atomic"

	"github.com/lrun/lrun/internal/pile"
	"github.com/lrun/lrun/interp"
)

// worker is what one goroutine works with.
type worker struct {
	m      *interp.Machine
	cover  []bool
	seen   []bool
	levels [2][shardCount]frontier // the states that this worker found
	going  *[shardCount]frontier   // those of the level under way
	next   *[shardCount]frontier   // those of the next one
	_      [line]byte              // what stands above, the others read as well

	left [shardCount]atomic.Int32 // chunks of the level under way that nobody has done with, by shard
	_    [line]byte               // these the others write as well

	unread uint32            // shards of which there may be such chunks
	room   interp.Room[kept] // for the states of both levels
	slots  pile.Spare[slot]

	parent  node   // the state whose choices are made
	rank    uint32 // of it
	choices []choice
	linker  linker

	cands       [shardCount][]cand // what came of this level's chunks that this worker had
	batch       [batchSize]found
	n           int                // how many of the batch have been made
	latest      [latestSize]uint64 // fingerprints that this worker has handed on
	transitions int64
	streams     []stream // what a shard takes in
	fetched     uint32   // keeps the compiler from leaving out what only fetches memory
}

// crew makes the workers.
func (e *Explorer) crew() {
	for range e.x.opts.Workers {
		wk := &worker{m: e.x.machine(), cover: ownLines(len(e.cover)), seen: ownLines(len(e.seen))}
		wk.m.Cover(wk.cover)
		for l := range wk.levels {
			for s := range wk.levels[l] {
				wk.levels[l][s] = frontier{states: interp.NewStore(e.x.prog, &wk.room), slots: wk.slots.Pile()}
			}
		}
		wk.turnOver(0)
		e.workers = append(e.workers, wk)
	}
	e.team = newTeam(len(e.workers))
	e.shardEnds = e.team.share(shardCount)
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
	e.workers, e.chunks, e.chunkEnds, e.team = nil, nil, nil, nil
}

// turnOver begins a level.
func (wk *worker) turnOver(depth int) {
	wk.next, wk.going = &wk.levels[depth%2], &wk.levels[(depth+1)%2]
	wk.unread, wk.rank = 1<<shardCount-1, 0
	for s := range wk.next {
		wk.next[s].empty()
		wk.next[s].todo = wk.next[s].todo[:0]
		wk.cands[s] = wk.cands[s][:0]
	}
}

// forget gives up the states of shards of which no chunk is left, in the course of the level: what is found next comes to lie
// where they lay, which is in the processor's cache.
func (wk *worker) forget() {
	for set := wk.unread; set != 0; set &= set - 1 {
		if s := bits.TrailingZeros32(set); wk.left[s].Load() == 0 {
			wk.going[s].empty()
			wk.unread &^= 1 << s
		}
	}
}
