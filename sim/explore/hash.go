package explore

import (
	"math/bits"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

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
			if x.opts.EveryOrder || x.opts.apart {
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
