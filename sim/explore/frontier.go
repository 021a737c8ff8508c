package explore

import (
	"math/bits"

	"github.com/lrun/lrun/internal/pile"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// frontier keeps the states of one shard that a worker found in one level until the next one is explored, in a third of
// the room that they take as nodes. They lie there in the order in which they are asked for again.
type frontier struct {
	states *interp.Store[kept]
	slots  pile.Pile[slot]
}

// kept is a world in a frontier.
type kept struct {
	scene
	servers [pool.MaxServers]uint64
	slot    slot   // the first of the live slots
	more    uint32 // where the others are
}

// place is where a state of the level under way is: the worker that found it in the high bits, its place in that worker's
// frontier in the low ones.
type place uint32

const (
	placeBits   = 26 // more than there are states in a shard
	mostWorkers = 1<<(32-placeBits) - 1
	nowhere     = ^place(0)
)

func (p place) worker() int { return int(p >> placeBits) }

func (p place) at() uint32 { return uint32(p & (1<<placeBits - 1)) }

func (f *frontier) empty() {
	f.states.Empty()
	f.slots.Empty()
}

// put keeps a state of a shard for the next level.
func (wk *worker) put(s int, n *node) place {
	f := &wk.now[s]
	at := f.states.Put(&n.m)
	k := f.states.With(at)
	k.scene, k.servers = n.w.scene, n.servers
	if set := n.w.live; set != 0 {
		k.slot = n.w.slots[bits.TrailingZeros32(set)]
		if set &= set - 1; set != 0 {
			var more []slot
			k.more, more = f.slots.Take(bits.OnesCount32(set))
			for i := range more {
				more[i] = n.w.slots[bits.TrailingZeros32(set)]
				set &= set - 1
			}
		}
	}
	return place(wk.number)<<placeBits | place(at)
}

// get makes n the state of a shard at a place of the level under way.
func (e *Explorer) get(s int, p place, n *node) {
	f := e.frontier(s, p)
	f.states.Get(p.at(), &n.m)
	k := f.states.With(p.at())
	for set := n.w.live &^ k.live; set != 0; set &= set - 1 {
		n.w.slots[bits.TrailingZeros32(set)] = slot{}
	}
	n.w.scene, n.servers = k.scene, k.servers
	if set := k.live; set != 0 {
		n.w.slots[bits.TrailingZeros32(set)] = k.slot
		if set &= set - 1; set != 0 {
			for _, s := range f.slots.At(k.more, bits.OnesCount32(set)) {
				n.w.slots[bits.TrailingZeros32(set)] = s
				set &= set - 1
			}
		}
	}
}

// frontier is where the states of the level under way are that one worker found of a shard.
func (e *Explorer) frontier(s int, p place) *frontier {
	return &e.workers[p.worker()].levels[(e.depth+1)%2][s]
}
