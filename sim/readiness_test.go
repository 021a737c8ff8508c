package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestReadinessFollowsTheTables takes the servers of pools of every size down, the last ones first, and compares what
// the readiness says with the vendor's table of functional pools, at rest.
func TestReadinessFollowsTheTables(t *testing.T) {
	for n := 2; n <= pool.MaxServers; n++ {
		p := newest(t, singles(n))
		for up := n; up >= 1; up-- {
			sc := &pool.Scenario{Start: pool.Start{Down: p.All() &^ pool.FirstN(up)}}
			m, err := sim.New(compile(t, p, allActions), sc, sim.First{})
			if err != nil {
				t.Fatal(err)
			}
			m.Check(t)
			r := m.Readiness()
			running := pool.FirstN(up)
			var could pool.Set
			for s := range running.All() {
				if p.Quorum(running.Remove(s), true) {
					could = could.Add(s)
				}
			}
			want := interp.Ready
			switch {
			case !p.Quorum(running, true):
				want = interp.Unread // the survivors have stopped
			case could.Empty():
				want = interp.Insufficient
			}
			if r.State != want {
				t.Errorf("%d of %d servers run: %s, want %s", up, n, r.State, want)
			}
			if want == interp.Ready && r.Domains&could != could && up >= 4 {
				t.Errorf("%d of %d servers run: domains %v, want %v", up, n, r.Domains, could)
			}
		}
	}
}

// TestDomainFlags shows what a domain's flag depends on: replicas of routing groups, not only the pool's quorum.
func TestDomainFlags(t *testing.T) {
	for _, c := range []struct {
		domains string
		state   interp.ReadState
		flags   pool.Set
	}{
		// Every group has replicas in three domains: any one of them may go.
		{singles(3), interp.Ready, pool.FirstN(3)},
		{singles(4), interp.Ready, pool.FirstN(4)},
		{"  UD1: [a1.x.com, a2.x.com]\n  UD2: [b1.x.com, b2.x.com]\n  UD3: [c1.x.com, c2.x.com]\n", interp.Ready, pool.FirstN(3)},
		// Two domains for three replicas: some groups have two of theirs in either.
		{"  UD1: [a1.x.com, a2.x.com, a3.x.com]\n  UD2: [b1.x.com, b2.x.com, b3.x.com]\n", interp.Ready, 0},
		// One domain is too large for the pool's quorum, the other is not.
		{"  UD1: [a1.x.com]\n  UD2: [b1.x.com, b2.x.com]\n", interp.Ready, pool.SetOf(0)},
		// In a pool of two a group has two replicas, and one is enough.
		{singles(2), interp.Ready, pool.FirstN(2)},
	} {
		p := newest(t, c.domains)
		m, err := sim.New(compile(t, p, allActions), nil, sim.Seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Readiness(); r.State != c.state || r.Domains != c.flags {
			t.Errorf("%s%s with domains %v, want %s with %v", c.domains, r.State, r.Domains, c.state, c.flags)
		}
	}
}

// TestSettle: whenever a server goes or comes the pool reads Busy until the replicas are rebuilt.
func TestSettle(t *testing.T) {
	h := byHand(t, newest(t, singles(6)), "")
	h.end(h.do("stop", 1, 0))
	for _, c := range []struct {
		minutes int
		want    interp.ReadState
	}{{1, interp.Busy}, {4, interp.Ready}} { // the server's votes went when the stop began, two minutes ago
		for range c.minutes {
			h.end(h.do("sleep", 0, 0))
		}
		if r := h.Readiness(); r.State != c.want {
			t.Errorf("at %s: %s, want %s", h.Now(), r.State, c.want)
		}
	}
	if n := h.Spread(); n != 3 {
		t.Errorf("a group has replicas in %d domains only, after the rebuild", n)
	}
	h.end(h.do("start", 1, 0))
	if r := h.Readiness(); r.State != interp.Busy {
		t.Errorf("a server is back: %s", r.State)
	}
	for range 6 {
		h.end(h.do("sleep", 0, 0))
	}
	if r := h.Readiness(); r.State != interp.Ready || r.Domains != pool.FirstN(6) {
		t.Errorf("at %s: %s with domains %v", h.Now(), r.State, r.Domains)
	}
}

// TestGroupsLost: two servers of different domains gone within the settle time leave some users without service, and
// it is told how many; when one is back they have it again.
func TestGroupsLost(t *testing.T) {
	h := byHand(t, newest(t, singles(6)), "")
	h.do("stop", 1, 0)
	second := h.do("stop", 2, 0)
	lost := h.fact(interp.ServiceLost)
	if lost.Count <= 0 || lost.Count >= 12000 || lost.At != 0 {
		t.Fatalf("%+v", lost)
	}
	h.end(second)
	for range 10 {
		h.end(h.do("sleep", 0, 0)) // no rebuild brings back what only the two servers hold
	}
	if r := h.Readiness(); r.State != interp.Busy {
		t.Errorf("groups are without service, and the pool reads %s", r.State)
	}
	h.do("start", 1, 0)

	back := h.fact(interp.ServiceRegained)
	if back.Count != lost.Count || back.At != 17*time.Minute {
		t.Errorf("lost %+v, regained %+v", lost, back)
	}
	if s := h.Stats(); s.UsersCut != int(lost.Count) || s.CutFor != (17*time.Minute).Milliseconds() || s.ServiceLosses != 1 {
		t.Errorf("%+v", s)
	}
}

// TestWitness: an even pool whose primary database is not principal needs one server more.
func TestWitness(t *testing.T) {
	for _, c := range []struct {
		servers int
		sql     string
		want    interp.ReadState
	}{
		{2, "principal", interp.Ready}, {2, "mirror", interp.Insufficient}, {2, "lost", interp.Insufficient},
		{3, "lost", interp.Ready}, {4, "lost", interp.Ready},
	} {
		h := byHand(t, newest(t, singles(c.servers)), "start: {sql: "+c.sql+"}")
		if r := h.Readiness(); r.State != c.want || r.SQL != (c.sql == "principal") {
			t.Errorf("%d servers, database %s: %s, vote %v", c.servers, c.sql, r.State, r.SQL)
		}
	}
	h := byHand(t, newest(t, singles(2)), "faults:\n  - {sql: mirror, at: 30m}")
	h.end(h.do("stop", 1, 0))
	if ev := h.fact(interp.QuorumLost); ev.At != 30*time.Minute || ev.Count != 12000 {
		t.Errorf("%+v", ev)
	}
}

// TestHoldIsClosedForm compares a hold, which makes only the readings that can be new, with one reading a minute.
func TestHoldIsClosedForm(t *testing.T) {
	for seed := range uint64(300) {
		ch := sim.Seeded(seed)
		faults := "faults:\n"
		for range 1 + ch.Choose("", 4) {
			what := []string{"pool: busy", "domain: UD1, ready: false", "server: fe02.contoso.com, down", "pool: garbled"}[ch.Choose("", 4)]
			at, long := 10+ch.Choose("", 5000), 1+ch.Choose("", 900)
			if what == "server: fe02.contoso.com, down" {
				faults += fmt.Sprintf("  - {%s: %ds, for: %ds}\n", what, at, long)
			} else {
				faults += fmt.Sprintf("  - {%s, at: %ds, for: %ds}\n", what, at, long)
			}
		}
		p := newest(t, singles(6))
		h := byHand(t, p, faults)
		id := h.do("hold", 0, 3*time.Hour)
		ev := h.end(id)

		slow := byHand(t, p, faults)
		var end, since time.Duration = 3 * time.Hour, -1
		for {
			if r := slow.Readiness(); r.State != interp.Ready {
				since = -1
			} else if since < 0 {
				since = slow.Now()
			}
			if since >= 0 && slow.Now()-since >= 20*time.Minute {
				end = slow.Now()
				break
			}
			if slow.Now() >= end {
				break
			}
			slow.end(slow.do("sleep", 0, 0))
		}
		if ev.At != end {
			t.Fatalf("seed %d: the hold ends at %s, minute by minute it is %s\n%s", seed, ev.At, end, faults)
		}
	}
}

// TestVoteComesBack: a server that waits in Starting for the database's vote comes up when it is there.
func TestVoteComesBack(t *testing.T) {
	h := byHand(t, newest(t, singles(2)), "faults:\n  - {sql: lost, at: 1m, for: 59m}")
	h.end(h.do("stop", 1, 0))
	if h.Stats().QuorumLosses != 1 {
		t.Fatalf("%+v", h.Stats())
	}
	h.wants(h.end(h.do("start", 2, 2*time.Hour)), interp.Done, time.Hour, "")
}
