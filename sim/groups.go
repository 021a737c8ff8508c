package sim

import (
	"math/bits"

	"github.com/lrun/lrun/pool"
)

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
			st.groups[g].main = int8(main)
			m.move(g, pool.SetOf(main))
			m.fill(g, on)
		}
		return
	}
	var todo uint32
	for s := m.cfg.all &^ on; s != 0; s &= s - 1 {
		todo |= st.has[nth(s, 0)]
	}
	if back != 0 {
		todo |= st.crowd
	}
	for todo &^= st.lost; todo != 0; todo &= todo - 1 {
		g := bits.TrailingZeros32(todo)
		gr := &st.groups[g]
		stay := gr.on & on
		if back != 0 {
			stay &^= m.crowded(stay, back)
		}
		if stay == gr.on && stay.Len() == m.cfg.replicas {
			continue
		}
		m.move(g, stay)
		if !stay.Has(int(gr.main)) {
			gr.main = int8(nth(stay, 0)) // a secondary was promoted
		}
		m.fill(g, on)
	}
	for s := back; s != 0; s &= s - 1 {
		m.takeOver(nth(s, 0), on)
	}
}

// move gives a group new places.
func (m *Model) move(g int, on pool.Set) {
	st := &m.st
	for s := st.groups[g].on ^ on; s != 0; s &= s - 1 {
		st.has[nth(s, 0)] ^= 1 << g
	}
	st.groups[g].on = on
}

// crowded is a replica that shares its domain with another one of its group, though a server in back could take it into
// a domain that has none; empty where there is no such replica.
func (m *Model) crowded(on, back pool.Set) pool.Set {
	var used, twice pool.Set
	for s := on; s != 0; s &= s - 1 {
		mates := m.cfg.mates[nth(s, 0)]
		twice |= used & mates & on
		used |= mates
	}
	if twice == 0 || back&^used == 0 {
		return 0
	}
	return pool.SetOf(nth(twice, twice.Len()-1))
}

// fill gives a group the replicas that it misses, on servers of domains that have none yet as far as there are such. It
// notes the groups whose replicas are too few or share a domain: these may have it better when a server comes back.
func (m *Model) fill(g int, on pool.Set) {
	st := &m.st
	gr := &st.groups[g]
	bit := uint32(1) << g
	st.crowd &^= bit
	var used pool.Set
	for s := gr.on; s != 0; s &= s - 1 {
		mates := m.cfg.mates[nth(s, 0)]
		if used&mates != 0 {
			st.crowd |= bit
		}
		used |= mates
	}
	places := gr.on
	for r := places.Len(); r < m.cfg.replicas; r++ {
		free := on &^ used
		if free == 0 {
			free = on &^ places
			st.crowd |= bit
		}
		if free == 0 {
			break
		}
		k := 0
		if n := free.Len(); n > 1 {
			behind := (free & pool.FirstN(int(gr.main))).Len() // choice 0: the next ones behind the primary
			k = (m.ch.Choose("placement", n) + behind + g/on.Len()*2) % n
		}
		s := nth(free, k)
		places |= pool.SetOf(s)
		used |= m.cfg.mates[s]
	}
	m.move(g, places)
}

// takeOver moves replicas to a server that has come back, one of a group, until it has as many as the others. A group
// with a replica in the server's domain gives up that one, so that the groups stay spread over the domains.
func (m *Model) takeOver(s int, on pool.Set) {
	st := &m.st
	n := m.cfg.groups
	share := n*m.cfg.replicas/on.Len() - bits.OnesCount32(st.has[s])
	at := m.ch.Choose("placement", n)
	for i := 0; i < n && share > 0; i++ {
		g := (at + i) % n
		gr := &st.groups[g]
		if gr.on.Has(s) || st.lost>>g&1 == 1 {
			continue
		}
		gives := gr.on & m.cfg.mates[s]
		if gives == 0 {
			gives = gr.on
		}
		gone := nth(gives, i%gives.Len())
		m.move(g, gr.on.Remove(gone).Add(s))
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
