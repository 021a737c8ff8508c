package explore

import (
	"math/bits"

	"github.com/lrun/lrun/internal/pile"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// frontier keeps the states of one shard that a worker found in one level until the next one is explored, in a third of
// the room that they take as nodes. They lie there in the order in which they are asked for again, but for some that the worker
// found as it helped another.
type frontier struct {
	states *interp.Store[kept]
	slots  pile.Pile[slot]
	todo   []todo // those of them that turned out to be new, in the order of their records
}

// todo is a state that is to be explored.
type todo struct {
	place uint32 // of its record in the shard
	at    uint32 // where it lies in the frontier
}

// kept is a world in a frontier.
type kept struct {
	scene
	servers [pool.MaxServers]uint64
	slot    slot   // the first of the live slots
	more    uint32 // where the others are
}

// nowhere is no place in a frontier.
const nowhere = ^uint32(0)

func (f *frontier) empty() {
	f.states.Empty()
	f.slots.Empty()
}

// put keeps a state and tells where.
func (f *frontier) put(n *node) (at uint32) {
	at = f.states.Put(&n.m)
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
	return at
}

// get makes n the state at a place that put told.
func (f *frontier) get(at uint32, n *node) {
	f.states.Get(at, &n.m)
	k := f.states.With(at)
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
