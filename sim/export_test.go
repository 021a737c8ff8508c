package sim

import (
	"math/bits"
	"testing"
)

// Pushed is how many things have been made due so far.
func (m *Model) Pushed() int { return int(m.st.queue.seq) }

// BareHeap pushes and pops n empty events, as many at a time in the heap as depth, and nothing else.
func BareHeap(n, depth int) {
	var q queue
	var at int64
	for i := range n {
		at += int64(bits.Reverse8(uint8(i)))
		q.push(entry{at: at})
		if i >= depth {
			q.pop()
		}
	}
	for q.n > 0 {
		q.pop()
	}
}

// Check fails the test where the state contradicts itself.
func (m *Model) Check(t testing.TB) {
	t.Helper()
	st := &m.st
	for i := int32(1); i < st.queue.n; i++ {
		if st.queue.less(&st.queue.heap[i], &st.queue.heap[(i-1)/2]) {
			t.Fatalf("queue is no heap at %d", i)
		}
	}
	used := 0
	for i := range st.slots {
		if st.slots[i].used {
			used++
		}
	}
	if used != int(st.usedSlots) {
		t.Fatalf("%d effects in flight, %d counted", used, st.usedSlots)
	}
	for s := range m.cfg.n {
		ph := st.servers[s].phase
		if st.running.Has(s) != (ph == running) || st.holding.Has(s) != (ph == running || ph == draining) {
			t.Fatalf("server %d in phase %d: running %v, holding %v", s, ph, st.running, st.holding)
		}
	}
	if st.lost != m.groupsLost(st.holding) {
		t.Fatalf("groups lost %x, should be %x", st.lost, m.groupsLost(st.holding))
	}
	if st.quorate && !m.cfg.pool.Quorum(st.holding, m.sqlVotes()) {
		t.Fatalf("the pool has its quorum with %v", st.holding)
	}
	if !st.quorate && st.holding != 0 {
		t.Fatalf("%v run without a quorum", st.holding)
	}
	for s := range m.cfg.n {
		for g := range m.cfg.groups {
			if (st.has[s]>>g&1 == 1) != st.groups[g].on.Has(s) {
				t.Fatalf("group %d has replicas on %v, server %d thinks otherwise", g, st.groups[g].on, s)
			}
		}
	}
	for g := range m.cfg.groups {
		gr := &st.groups[g]
		if n := gr.on.Len(); n < m.cfg.need || n > m.cfg.replicas || !m.cfg.all.Contains(gr.on) || !gr.on.Has(int(gr.main)) {
			t.Fatalf("group %d has replicas on %v, primary on %d", g, gr.on, gr.main)
		}
	}
}

// Spread tells in how many domains each group has replicas, at least.
func (m *Model) Spread() int {
	least := len(m.cfg.pool.Domains)
	for g := range m.cfg.groups {
		n := 0
		for _, d := range m.cfg.pool.Domains {
			if d.Servers&m.st.groups[g].on != 0 {
				n++
			}
		}
		least = min(least, n)
	}
	return least
}
