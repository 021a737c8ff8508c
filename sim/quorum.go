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

// index notes for every server which groups have a replica there.
func (m *Model) index() {
	st := &m.st
	st.has = [pool.MaxServers]uint32{}
	for g := range m.cfg.groups {
		for s := st.groups[g].on; s != 0; s &= s - 1 {
			st.has[bits.TrailingZeros16(uint16(s))] |= 1 << g
		}
	}
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

// spread places the replicas of the routing groups on servers that hold replicas now. At the beginning that is all of
// them; later a group that misses a replica gets a new one, and a server that has come back takes over its fair share. A
// group without service keeps its places: nobody has its data but the servers that are gone.
func (m *Model) spread(first bool) {
	st := &m.st
	on := st.holding
	back := st.fresh & on
	st.fresh = 0
	if first {
		if on.Len() < m.cfg.replicas {
			on = m.cfg.all
		}
		for g := range m.cfg.groups {
			main := nth(on, g%on.Len())
			st.groups[g] = group{on: pool.SetOf(main), main: int8(main)}
			m.fill(g, on)
		}
		m.index()
		return
	}
	for g := range m.cfg.groups {
		gr := &st.groups[g]
		if st.lost>>g&1 == 1 {
			continue
		}
		gr.on &= on
		if back != 0 {
			gr.on &^= m.crowded(gr, back)
		}
		if gr.on.Len() == m.cfg.replicas {
			continue
		}
		if !gr.on.Has(int(gr.main)) {
			gr.main = int8(nth(gr.on, 0)) // a secondary was promoted
		}
		m.fill(g, on)
	}
	for s := range back.All() {
		m.takeOver(s, on)
	}
	m.index()
}

// crowded is a replica of a group that shares its domain with another one, though a server in back could take it into a
// domain that has none; empty where there is no such replica.
func (m *Model) crowded(gr *group, back pool.Set) pool.Set {
	var used, twice pool.Set
	for s := gr.on; s != 0; s &= s - 1 {
		mates := m.cfg.mates[nth(s, 0)]
		twice |= used & mates & gr.on
		used |= mates
	}
	if twice == 0 || back&^used == 0 {
		return 0
	}
	return pool.SetOf(nth(twice, twice.Len()-1))
}

// fill gives a group the replicas that it misses, on servers of domains that have none yet as far as there are such.
func (m *Model) fill(g int, on pool.Set) {
	gr := &m.st.groups[g]
	var used pool.Set
	for s := gr.on; s != 0; s &= s - 1 {
		used |= m.cfg.mates[nth(s, 0)]
	}
	for r := gr.on.Len(); r < m.cfg.replicas && gr.on != on; r++ {
		free := on &^ used
		if free == 0 {
			free = on &^ gr.on
		}
		k := 0
		if n := free.Len(); n > 1 {
			behind := (free & pool.FirstN(int(gr.main))).Len() // choice 0: the next ones behind the primary
			k = (m.ch.Choose("placement", n) + behind + g/on.Len()*2) % n
		}
		s := nth(free, k)
		gr.on |= pool.SetOf(s)
		used |= m.cfg.mates[s]
	}
}

// takeOver moves replicas to a server that has come back, one of a group, until it has as many as the others. A group
// with a replica in the server's domain gives up that one, so that the groups stay spread over the domains.
func (m *Model) takeOver(s int, on pool.Set) {
	st := &m.st
	n := m.cfg.groups
	bit := pool.SetOf(s)
	share := n * m.cfg.replicas / on.Len()
	for g := range n {
		if st.groups[g].on.Has(s) {
			share--
		}
	}
	at := m.ch.Choose("placement", n)
	for i := 0; i < n && share > 0; i++ {
		gr := &st.groups[(at+i)%n]
		if gr.on&bit != 0 || st.lost>>((at+i)%n)&1 == 1 {
			continue
		}
		gives := gr.on & m.cfg.mates[s]
		if gives == 0 {
			gives = gr.on
		}
		gone := nth(gives, i%gives.Len())
		gr.on = gr.on.Remove(gone) | bit
		if int(gr.main) == gone {
			gr.main = int8(s)
		}
		share--
	}
}

// nth is the k-th member of a set, counted from 0.
func nth(s pool.Set, k int) int {
	for range k {
		s &= s - 1
	}
	return bits.TrailingZeros16(uint16(s))
}
