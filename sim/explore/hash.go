package explore

import (
	"math/bits"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// hash is the fingerprint of the state n, which the machine is in. Servers of one domain that are alike in everything are
// the same whichever is which: their parts are added up, each mixed with a number that is the domain's. The parts of the
// servers are in n.servers, those of who being worked out anew, and of all whose part has changed since the state before,
// if there is one.
func (x *model) hash(m *interp.Machine, n, before *node, who pool.Set) uint64 {
	var ours, theirs pool.Sets
	x.sets(&n.w, &ours)
	m.Sets(&theirs)
	if before != nil {
		var old pool.Sets
		x.sets(&before.w, &old)
		who |= x.all & (ours.Changed(&old) | pool.Set(n.w.live|before.w.live) | m.Rehash(&theirs, &before.m))
	}
	m.ServerHashes(&theirs, who, &n.servers)
	x.addServers(&n.w, &ours, who, &n.servers)
	apart := pool.Set(0) // servers whose place in the pool still matters, beyond their domain
	if len(x.ordered) > 0 {
		apart = x.inOrder(m)
	}
	sum := uint64(0)
	for i, key := range x.keys {
		v := n.servers[i&(pool.MaxServers-1)]
		if apart.Has(i) {
			v = interp.Mix(v, uint64(i))
		}
		sum += interp.Mix(v, key)
	}
	return interp.Mix(interp.Mix(m.Hash(), x.hashWorld(&n.w)), sum)
}

// numberServers gives each server the number that its part of a fingerprint is mixed with: one for each domain, or for each
// server where servers that are alike are told apart.
func (x *model) numberServers() {
	for i := range x.pool.Servers {
		k := x.pool.Servers[i].Domain
		if x.opts.EveryOrder || x.opts.apart || x.orderAlways {
			k = i
		}
		x.keys = append(x.keys, interp.Mix(uint64(k)+1, 0x2545f4914f6cdd1d))
	}
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

// sets makes in the sets that the world keeps servers in.
func (x *model) sets(w *world, in *pool.Sets) {
	in.Put(0, w.up, w.out, w.dead, w.sick)
	in.Put(1, w.fresh, w.away, w.stopped, w.waiting)
	in.Put(2, w.cutFrom, x.seeds, w.installed[0], w.installed[1])
	if x.upgrades > 2 {
		in.PutAll(3, w.installed[2:x.upgrades])
	}
}

// addServers adds to the hash of each server of who what the world knows of it: the sets that it is in, and its slot.
func (x *model) addServers(w *world, in *pool.Sets, who pool.Set, servers *[pool.MaxServers]uint64) {
	for ; who != 0; who &= who - 1 {
		s := bits.TrailingZeros16(uint16(who)) & (pool.MaxServers - 1)
		own := in.Of(s)
		if w.live>>s&1 != 0 {
			own = interp.Mix(own, w.slots[s].hash(w.now, w.before[s]))
		}
		servers[s] = interp.Mix(servers[s], own)
	}
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
