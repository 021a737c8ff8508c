package interp

import (
	"math/bits"
	"time"

	"github.com/lrun/lrun/pool"
)

// A fingerprint of a machine's state comes in parts, so that one who explores can treat servers that cannot be told apart
// as one: [Machine.Hash] of what belongs to no server, and [Machine.ServerHashes]. Two states with the same hashes behave
// the same from here on, but for times of day: clocks count relative to now and are clipped where nothing depends on them
// any more; effect ids, epochs, sequence numbers and everything that is only told to people are left out, and so is the
// end of the window, which see [Machine.SetWindow].

// Mix folds v into h: a multiply whose halves are joined, as wyhash does it.
func Mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, v^0xd6e8feb86659fd93)
	return hi ^ lo
}

// bit is the i-th bit, or none.
func bit(b bool, i int) uint64 {
	v := uint64(0)
	if b {
		v = 1
	}
	return v << i
}

// Hash is the fingerprint of the runbook's own task, the turn and the ending.
func (m *Machine) Hash() uint64 {
	s := m.st
	h := m.hashTask(mainTask, s.main())
	if s.handler != 0 || s.finished {
		h = Mix(h, m.hashTask(mainTask, &s.saved))
	}
	if s.left.doubt {
		h = Mix(h, m.hashTask(mainTask, &s.left))
	}
	h = Mix(h, uint64(s.visited))
	allows := m.readingAllows(s)
	if pc := int(s.main().pc); s.main().begun && pc < len(m.prog.Instrs) && m.leftOver(&m.prog.Instrs[pc]) { // it then goes back to its place
		h = Mix(h, m.hashTask(mainTask, &s.saved))
	}
	flags := bit(s.bringingBack() && s.handler == 0 && !s.finished && s.cause.server == Pool, 8) | bit(s.finished, 0) | bit(s.leave, 1) | bit(s.asked, 2) | bit(s.touched, 3) | bit(allows, 4) |
		bit(s.failover, 5) | bit(s.surveyed, 6) | bit(s.resumed, 7)
	h = Mix(h, flags|uint64(s.ending)<<12|uint64(s.stop)<<20|uint64(s.handler)<<24|uint64(uint16(s.cursor))<<32|uint64(uint16(s.loop))<<48)
	if allows {
		sql := uint64(0)
		if s.reading.SQL {
			sql = 1
		}
		h = Mix(h, uint64(s.now-s.readAt)<<1|sql)
	}
	return h
}

// readingAllows reports whether the latest reading may still let the turn take servers out of service. Any other is as
// good as none: the interlock takes one of its own.
func (m *Machine) readingAllows(s *State) bool {
	if !s.readIn || s.leave || s.reading.State != Ready || s.now-s.readAt > freshFor {
		return false
	}
	d := m.turnDomain(s)
	return d >= 0 && s.reading.Domains.Has(int(d))
}

// Sets makes in the sets that the machine keeps servers in, as far as anything depends on them.
func (m *Machine) Sets(in *pool.Sets) { m.sets(m.st, in) }

func (m *Machine) sets(s *State, in *pool.Sets) {
	in.Put(0, s.turn, s.part, s.active, s.queue)
	in.Put(1, s.turnOut, s.took, s.unverified, s.down)
	in.Put(2, s.away, s.noUpgrade, s.noVerify, s.touchedBy)
	in.Put(3, s.seenUp, s.skipped, s.failed, s.doubtful)
	in.Put(4, m.seenRunning(s), s.done[0], s.upgraded[0], 0)
	k := 5
	if m.prog.loops > 1 {
		k = in.PutAll(k, s.done[1:m.prog.loops])
	}
	if m.prog.upgrades > 1 {
		in.PutAll(k, s.upgraded[1:m.prog.upgrades])
	}
}

// ServerHashes is the fingerprint of what the machine knows of each server of who, without the server's place. The sets
// are [Machine.Sets].
func (m *Machine) ServerHashes(in *pool.Sets, who pool.Set, hashes *[pool.MaxServers]uint64) {
	for ; who != 0; who &= who - 1 {
		i := bits.TrailingZeros16(uint16(who)) & (pool.MaxServers - 1)
		tk := &m.st.tasks[i]
		h := Mix(in.Of(i), uint64(uint32(tk.at))|uint64(tk.comesTo())<<32)
		if tk.phase != idle {
			h = Mix(h, m.hashTask(i, tk))
		}
		hashes[i] = h
	}
}

// comesTo is where a resume would begin a task anew that stands in a fork, plus one; 0 where it is in none.
func (tk *task) comesTo() uint32 {
	if tk.at == none || tk.at > tk.anchor {
		return 0
	}
	return uint32(tk.anchor) + 1
}

// seenRunning is the servers that the reading found running, as long as the interlock may ask for it.
func (m *Machine) seenRunning(s *State) pool.Set {
	if m.readingAllows(s) {
		return s.reading.Running
	}
	return 0
}

// Rehash is the set of servers whose fingerprint is not the one that it was in an earlier state of the same program, or
// may not be. The sets are [Machine.Sets].
func (m *Machine) Rehash(in *pool.Sets, before *State) pool.Set {
	var old pool.Sets
	m.sets(before, &old)
	who := in.Changed(&old)
	s := m.st
	for i := range m.prog.Pool.Servers {
		t, u := &s.tasks[i&(mainTask-1)], &before.tasks[i&(mainTask-1)]
		switch {
		case t.at != u.at || t.anchor != u.anchor:
			who |= 1 << i
		case t.phase|u.phase == idle: // the rest of the task says nothing
		case !t.rests() || !u.rests() || t.stand() != u.stand():
			who |= 1 << i
		}
	}
	return who
}

// hashTask hashes a task. What no step can read again before it is set anew is left out: the tries and clocks of a step
// that is not under way, and which effect is out where none is.
func (m *Machine) hashTask(t int, tk *task) uint64 {
	flags := bit(tk.begun, 0) | bit(tk.doubt, 1)
	starts, try, effect, before := uint8(0), uint16(0), NoAction, uint8(0)
	if tk.begun || tk.doubt {
		starts, try = tk.starts, tk.try
		flags |= bit(tk.bound, 2) | bit(tk.onlyBusy, 3) | bit(tk.onlyDomain, 4) | bit(tk.count > settleFrom, 5)
	}
	if tk.doubt || tk.phase == acting || tk.phase == looking {
		effect = tk.effect
		if effect.OutOfService() {
			before = tk.before // the books are put back where it turns out never to have begun
		}
	}
	h := Mix(uint64(uint32(tk.pc))|uint64(uint32(tk.anchor))<<32,
		flags|uint64(tk.phase)<<8|uint64(effect)<<16|uint64(tk.ask)<<24|uint64(tk.assume)<<32|uint64(before)<<36|uint64(starts)<<40|uint64(try)<<48)
	if t == mainTask {
		h = Mix(h, uint64(tk.at))
	}
	if !tk.begun || int(tk.pc) >= len(m.prog.Instrs) {
		return h
	}
	in := &m.prog.Instrs[tk.pc]
	if in.Within > 0 {
		h = Mix(h, uint64(min(m.st.now-tk.began, in.Within)))
	}
	if in.Tries > 1 {
		h = Mix(h, uint64(min(m.st.now-tk.tryAt, in.Every)))
	}
	return h
}

// SetWindow puts the end of the window, for one who explores both what happens before and after it; 0 is no window.
func (m *Machine) SetWindow(end time.Duration) { m.st.windowEnd = end }

// Pass lets the time pass up to now, for one who explores what happens while the machine sees nothing: its fingerprint
// counts from there.
func (m *Machine) Pass(now time.Duration) { m.st.now = max(m.st.now, now) }

// Cover makes the machine mark in c, one place for each instruction of the program, what it carries out; nil stops it.
func (m *Machine) Cover(c []bool) { m.cover = c }

func (m *Machine) covered(pc int32) {
	if m.cover != nil {
		m.cover[pc] = true
	}
}

// Now is the time of the latest event.
func (m *Machine) Now() time.Duration { return m.st.now }

// Ending is how the run ends, as far as it is known, and whether it has.
func (m *Machine) Ending() (Ending, bool) { return m.st.ending, m.st.finished }

// FailedOver reports whether the machine takes the pool for failed over.
func (m *Machine) FailedOver() bool { return m.st.failover }

// Down is the set of servers that the summary would name as left out of service.
func (m *Machine) Down() pool.Set { return m.st.down }

// Turn is the set of servers of the turn under way, and its domain or -1.
func (m *Machine) Turn() (pool.Set, int) {
	if !m.st.inTurn() {
		return 0, none
	}
	return m.st.turn, int(m.domainOf(mainTask))
}

// Ahead is the set of servers on which the turn under way may still begin something; or a handler, if one does anything on
// servers.
func (m *Machine) Ahead(handlers bool) pool.Set {
	switch s := m.st; {
	case s.finished, s.handler != 0 && !handlers:
		return 0
	case s.handler != 0:
		return s.took & s.unverified
	case s.inTurn():
		return s.turn
	}
	return 0
}

// Progress is the set of servers that are done with the upgrade, and of those that are still due.
func (m *Machine) Progress() (done, remaining pool.Set) { return m.progressSets() }

// DoneIn is the set of servers that a turn loop is done with, by the loop's number.
func (m *Machine) DoneIn(loop uint8) pool.Set { return m.st.done[loop%maxLoops] }

// Cause is the instruction that brought the run to its ending, or -1, and why.
func (m *Machine) Cause() (pc int32, why Reason) { return m.st.cause.pc, m.st.cause.reason }

// SetGuards switches parts of the interlock off. It is for tests that show that each part is needed, and for nothing
// else.
func (m *Machine) SetGuards(g Guards) { m.guards = g }
