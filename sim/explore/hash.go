package explore

import (
	"math/bits"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// hash is the fingerprint of the state n, which the machine is in. Servers of one domain that are alike in everything are
// the same whichever is which: their parts are put in order before they are joined. The parts of the servers are in
// n.servers, those of who being worked out anew.
func (x *model) hash(m *interp.Machine, n *node, who pool.Set) uint64 {
	h := interp.Mix(m.Hash(), x.hashWorld(&n.w))
	if who != 0 {
		m.ServerHashes(who, &n.servers)
		x.addServers(&n.w, who, &n.servers)
	}
	apart := x.all
	if !x.opts.EveryOrder && !x.opts.apart {
		apart = x.inOrder(m)
	}
	var list [pool.MaxServers]uint64
	for _, domain := range x.domains {
		if domain&(domain-1) == 0 && !x.opts.EveryOrder && !x.opts.apart { // a server alone
			h = interp.Mix(h, n.servers[bits.TrailingZeros16(uint16(domain))&15])
			continue
		}
		k := 0
		for members := domain; members != 0; members &= members - 1 {
			s := bits.TrailingZeros16(uint16(members))
			v := n.servers[s]
			if apart.Has(s) {
				v = interp.Mix(v, uint64(s))
			}
			i := k
			for ; i > 0 && list[i-1] > v; i-- {
				list[i] = list[i-1]
			}
			list[i] = v
			k++
		}
		for _, v := range list[:k] {
			h = interp.Mix(h, v)
		}
	}
	return h
}

// orderedLoops finds the turn loops in whose bodies it matters which of two servers comes first in the pool: where servers
// have turns of their own, where not all of a domain go at once, and where one may abort the run while another one, at the
// same moment, has begun or has not. A fork outside the loops orders all servers for good.
func orderedLoops(prog *interp.Program) (loops []uint8, always bool) {
	largest := 0
	for i := range prog.Pool.Domains {
		largest = max(largest, prog.Pool.Domains[i].Servers.Len())
	}
	end, loop := int32(-1), uint8(0)
	for pc := range prog.Instrs {
		in := &prog.Instrs[pc]
		ordered := false
		switch in.Op {
		case interp.OpTurns:
			end, loop = in.Next, in.Loop
			ordered = in.OverServers
		case interp.OpFork:
			ordered = in.AtMost > 0 && int(in.AtMost) < largest || parts(prog.Instrs[in.Body:in.Next])
		}
		switch {
		case !ordered:
		case int32(pc) >= end:
			always = true
		case !slices.Contains(loops, loop):
			loops = append(loops, loop)
		}
	}
	return loops, always
}

// parts reports whether servers that carry out the same instructions at the same moment may part, and one abort the run.
func parts(body []interp.Instr) bool {
	chooses, aborts := false, false
	for i := range body {
		chooses = chooses || body[i].Op == interp.OpIf
		aborts = aborts || body[i].Op == interp.OpStep && body[i].Action == interp.Abort
	}
	return chooses && aborts
}

// inOrder is the set of servers whose place in the pool still matters: those that some ordered loop is not done with.
func (x *model) inOrder(m *interp.Machine) pool.Set {
	if x.orderAlways {
		return x.all
	}
	who := pool.Set(0)
	for _, loop := range x.ordered {
		who |= x.all &^ m.DoneIn(loop)
	}
	return who
}

// hashWorld hashes what belongs to no server.
func (x *model) hashWorld(w *world) uint64 {
	rebuild := uint64(0)
	if w.settling() {
		rebuild = uint64(w.ready - w.now)
	}
	flags := bit(w.crashed, 0) | bit(w.passed, 1) | bit(w.justDied, 2) | bit(w.anew, 3) | bit(w.noQuorum, 4)
	if x.counting {
		flags |= uint64(w.cut) << 8
	}
	h := interp.Mix(interp.Mix(rebuild, flags), uint64(w.state)|uint64(w.cond)<<8|uint64(w.window)<<16|uint64(w.faults)<<24|uint64(w.crashes)<<32|
		uint64(w.guards)<<40|uint64(w.broken)<<48|uint64(w.prop)<<56)
	h = interp.Mix(h, w.slots[mainSlot].hash(w.now, 0))
	return interp.Mix(h, w.slots[leaveSlot].hash(w.now, 0))
}

// addServers adds to the hash of each server of who what the world knows of it: the sets that it is in, and its slot.
func (x *model) addServers(w *world, who pool.Set, servers *[pool.MaxServers]uint64) {
	var in interp.SetSums
	for k, set := range [...]pool.Set{w.up, w.out, w.dead, w.sick, w.fresh, w.away, w.stopped, w.cutFrom, x.seeds, w.waiting} {
		in.Add(k, set, who)
	}
	for k, set := range w.installed[:x.upgrades] {
		in.Add(k+16, set, who)
	}
	for ; who != 0; who &= who - 1 {
		s := bits.TrailingZeros16(uint16(who)) & (pool.MaxServers - 1)
		own := in.Of(s)
		if w.live>>s&1 != 0 {
			own = interp.Mix(own, w.slots[s].hash(w.now, w.before[s]))
		}
		servers[s] = interp.Mix(servers[s], own)
	}
}

// rehash is the set of servers that the world knows other things of than an earlier one did, or perhaps does.
func (x *model) rehash(w, b *world) pool.Set {
	who := (w.up ^ b.up) | (w.out ^ b.out) | (w.dead ^ b.dead) | (w.sick ^ b.sick) | (w.fresh ^ b.fresh) | (w.away ^ b.away) |
		(w.stopped ^ b.stopped) | (w.waiting ^ b.waiting) | (w.cutFrom ^ b.cutFrom) | pool.Set(w.live|b.live)
	for k := range w.installed[:x.upgrades] {
		who |= w.installed[k] ^ b.installed[k]
	}
	return who
}

func (s *slot) hash(now time.Duration, before uint8) uint64 {
	if s.silent() {
		return 0
	}
	v := uint64(s.limbo) | uint64(s.lost)<<8 | uint64(before)<<16 | bit(s.paid, 24) | bit(s.beyond, 25)
	switch {
	case s.limbo != sure && s.until == notAtAll:
		v |= bit(true, 26)
	case s.limbo != sure:
		v |= uint64(max(s.until-now, 0)/time.Millisecond) << 32
	}
	if s.action == interp.NoAction {
		return interp.Mix(1, v)
	}
	u := uint64(s.action) | uint64(s.of)<<8 | bit(s.slow, 16) | bit(s.hung, 17) | bit(s.over, 18) | bit(s.struck, 19) |
		bit(s.drains, 20) | bit(s.bars, 21) | bit(s.asks, 22) | bit(s.stuck, 23)
	u |= uint64((s.end-now)/time.Millisecond) << 32
	return interp.Mix(u, interp.Mix(uint64(s.end-s.began), v))
}

// bit is the i-th bit, or none.
func bit(b bool, i int) uint64 {
	v := uint64(0)
	if b {
		v = 1
	}
	return v << i
}
