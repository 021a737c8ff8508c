package sim

import (
	"math/bits"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// sqlVotes reports whether the primary database gives its vote now.
func (m *Model) sqlVotes() bool { return m.sqlState() == pool.SQLPrincipal }

// recount follows a change of the servers that hold votes and replicas: it finds what the pool and its routing groups
// have lost or regained, and who is cut off by it.
func (m *Model) recount() {
	st := &m.st
	if st.quorate && !m.cfg.pool.Quorum(st.holding, m.sqlVotes()) {
		m.loseQuorum()
		return
	}
	before := st.lost
	st.lost = m.groupsLost(st.holding)
	if st.quorate {
		if gone := st.lost &^ before; gone != 0 {
			st.stats.ServiceLosses++
			m.tell(interp.ServiceLost, interp.Pool, m.usersOf(gone), noText)
		}
		if before != 0 && st.lost == 0 {
			m.tell(interp.ServiceRegained, interp.Pool, m.usersOf(before), noText)
		}
	}
	m.countCut()
}

// loseQuorum is what the vendor describes: the servers that are left stop all their services.
func (m *Model) loseQuorum() {
	st := &m.st
	st.quorate = false
	st.stats.QuorumLosses++
	newly := max(m.usersHere()-st.cut, 0)
	left := st.holding
	st.running, st.holding = 0, 0
	st.lost = m.groupsLost(0)
	m.tell(interp.QuorumLost, interp.Pool, newly, textQuorumLost)
	for s := range left.All() {
		sv := &st.servers[s]
		sv.phase, sv.waiting = stopped, false
		sv.gen++
		if j := m.job(int8(s)); j.state == going && j.action == interp.Stop {
			m.jobDone(j, noText, j.n)
		}
	}
	m.countCut()
	m.poke()
}

// regainQuorum is a pool that starts with the servers in ready.
func (m *Model) regainQuorum(ready pool.Set) {
	st := &m.st
	st.quorate = true
	for s := range ready.All() {
		sv := &st.servers[s]
		sv.phase, sv.waiting = running, false
	}
	st.running |= ready
	st.holding |= ready
	st.lost = m.groupsLost(st.holding)
	st.fresh |= ready
	m.tell(interp.QuorumRegained, interp.Pool, max(st.cut-m.usersOf(st.lost), 0), noText)
	m.countCut()
	m.rebuild()
}

// groupsLost is the set of routing groups that would be without service if just these servers held replicas. It counts
// the replicas of all groups at once, bit by bit: what one server has, and what two have.
func (m *Model) groupsLost(holding pool.Set) uint32 {
	var one, two uint32
	for s := holding; s != 0; s &= s - 1 {
		has := m.st.has[bits.TrailingZeros16(uint16(s))]
		two |= one & has
		one |= has
	}
	if m.cfg.need == 1 {
		return m.cfg.every &^ one
	}
	return m.cfg.every &^ two
}

// countCut keeps the books on the people who are cut off.
func (m *Model) countCut() {
	st := &m.st
	cut := m.usersOf(st.lost)
	if !st.quorate {
		cut = m.usersHere()
	}
	if cut > 0 && st.cut == 0 {
		st.cutSince = st.now
		if st.stats.CutAt < 0 {
			st.stats.CutAt = st.now
		}
	}
	if cut == 0 && st.cut > 0 {
		st.stats.CutFor += st.now - st.cutSince
	}
	st.cut = cut
	st.stats.UsersCut = max(st.stats.UsersCut, int(cut))
}

// rebuild begins the settle time anew: replicas are built until it is over.
func (m *Model) rebuild() {
	st := &m.st
	st.gen++
	st.queue.drop(0, dueSettle)
	if st.holding == 0 {
		st.settling = false
		return
	}
	st.settling = true
	m.push(entry{at: st.now + Draw(m.ch, "settle", m.cfg.model.Settle), kind: dueSettle, gen: st.gen})
}

// settled is the end of the settle time: the replicas are where they will be.
func (m *Model) settled() {
	m.st.settling = false
	m.spread(false)
	m.recount()
	m.letStart()
	m.poke()
}
