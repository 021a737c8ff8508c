package interp

import (
	"math/bits"
	"time"

	"github.com/lrun/lrun/pool"
)

// Hashes is a fingerprint of a machine's state in parts, so that one who explores can treat servers that cannot be told
// apart as one. Two states with the same hashes behave the same from here on, but for times of day: clocks count
// relative to now and are clipped where nothing depends on them any more; effect ids, epochs, sequence numbers and
// everything that is only told to people are left out, and so is the end of the window, which see [Machine.SetWindow].
type Hashes struct {
	Global  uint64                  // the runbook's own task, the turn, the ending
	Servers [pool.MaxServers]uint64 // what the machine knows of each server, without the server's place
}

// Hashes computes the fingerprint.
func (m *Machine) Hashes() Hashes {
	var h Hashes
	s := &m.st
	h.Global = m.hashGlobal()
	m.hashServers(s, &h.Servers)
	return h
}

// setKeys is a number for each set that a server can be in.
var setKeys = func() (keys [64]uint64) {
	for k := range keys {
		keys[k] = Mix(uint64(k)+1, 0x2545f4914f6cdd1d)
	}
	return keys
}()

// AddSet adds a number that stands for the k-th set, k up to 63, to the hash of each of its servers: most sets are empty
// most of the time.
func AddSet(servers *[pool.MaxServers]uint64, k int, set pool.Set) {
	for ; set != 0; set &= set - 1 {
		servers[bits.TrailingZeros16(uint16(set))] += setKeys[k]
	}
}

// Mix folds v into h: a multiply whose halves are joined, as wyhash does it.
func Mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, v^0xd6e8feb86659fd93)
	return hi ^ lo
}

func (m *Machine) hashGlobal() uint64 {
	s := &m.st
	h := m.hashTask(mainTask, s.main())
	if s.handler != 0 || s.finished {
		h = Mix(h, m.hashTask(mainTask, &s.saved))
	}
	if s.left.doubt {
		h = Mix(h, m.hashTask(mainTask, &s.left))
	}
	h = Mix(h, uint64(s.visited))
	flags := uint64(0)
	allows := m.readingAllows(m.domainOf(mainTask))
	for i, b := range [...]bool{s.finished, s.leave, s.asked, s.touched, allows, s.failover, s.surveyed, s.resumed} {
		if b {
			flags |= 1 << i
		}
	}
	h = Mix(h, flags|uint64(s.ending)<<8|uint64(s.stop)<<16|uint64(s.handler)<<24|uint64(uint16(s.cursor))<<32|uint64(uint16(s.loop))<<48)
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
func (m *Machine) readingAllows(d int8) bool {
	s := &m.st
	return s.readIn && !s.leave && s.reading.State == Ready && d >= 0 && s.reading.Domains.Has(int(d)) && s.now-s.readAt <= freshFor
}

// hashServers hashes each server's task and the sets that it is in.
func (m *Machine) hashServers(s *State, servers *[pool.MaxServers]uint64) {
	for k, set := range [...]pool.Set{
		s.turn, s.part, s.active, s.queue, s.took, s.unverified, s.down, s.turnOut, s.touchedBy, s.skipped, s.failed, s.doubtful,
		s.away, s.noUpgrade, s.noVerify, s.seenUp,
	} {
		AddSet(servers, k, set)
	}
	for k, set := range s.done {
		AddSet(servers, 20+k, set)
	}
	for k, set := range s.upgraded {
		AddSet(servers, 20+maxLoops+k, set)
	}
	if m.readingAllows(m.domainOf(mainTask)) {
		AddSet(servers, 63, s.reading.Running)
	}
	for i := range m.prog.Pool.Servers {
		h := Mix(servers[i], uint64(s.tasks[i].at))
		if tk := &s.tasks[i]; tk.phase != idle {
			h = Mix(h, m.hashTask(i, tk))
		}
		servers[i] = h
	}
}

// hashTask hashes a task. What no step can read again before it is set anew is left out: the tries and clocks of a step
// that is not under way, and which effect is out where none is.
func (m *Machine) hashTask(t int, tk *task) uint64 {
	under := tk.begun || tk.doubt
	flags := uint64(0)
	for i, b := range [...]bool{tk.begun, tk.doubt, under && tk.bound, under && tk.onlyBusy, under && tk.onlyDomain, under && tk.count > settleFrom} {
		if b {
			flags |= 1 << i
		}
	}
	starts, try, effect := tk.starts, tk.try, tk.effect
	if !under {
		starts, try = 0, 0
	}
	if !tk.doubt && tk.phase != acting && tk.phase != looking {
		effect = NoAction
	}
	h := Mix(uint64(uint32(tk.pc))|uint64(uint32(tk.anchor))<<32,
		flags|uint64(tk.phase)<<8|uint64(effect)<<16|uint64(tk.ask)<<24|uint64(tk.assume)<<32|uint64(starts)<<40|uint64(try)<<48)
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

// CopyState copies the state to where it is wanted, without a copy in between.
func (m *Machine) CopyState(to *State) { *to = m.st }

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

// Progress is the set of servers that are done with the upgrade, and of those that are still due.
func (m *Machine) Progress() (done, remaining pool.Set) { return m.progressSets() }

// Cause is the instruction that brought the run to its ending, or -1, and why.
func (m *Machine) Cause() (pc int32, why Reason) { return m.st.cause.pc, m.st.cause.reason }

// SetGuards switches parts of the interlock off. It is for tests that show that each part is needed, and for nothing
// else.
func (m *Machine) SetGuards(g Guards) { m.guards = g }
