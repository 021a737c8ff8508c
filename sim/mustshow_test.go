package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// readings lists when the pool's readiness was read, and what it said, up to the first server action.
func (n *night) readings() string {
	var b strings.Builder
	for i := range n.records {
		switch r := &n.records[i]; {
		case r.Kind == interp.RecReading:
			fmt.Fprintf(&b, "%s %s; ", pool.FormatDuration(r.At), r.Ev.Reading.State)
		case r.Kind == interp.RecStart && r.Server >= 0:
			return b.String()
		}
	}
	return b.String()
}

// begins is when an action began first, or -1.
func (n *night) begins(a interp.Action) time.Duration {
	for i := range n.records {
		if r := &n.records[i]; r.Kind == interp.RecStart && r.Action == a {
			return r.At
		}
	}
	return -1
}

// touched is the set of servers that anything was begun on.
func (n *night) touched() pool.Set {
	var s pool.Set
	for i := range n.records {
		if r := &n.records[i]; r.Kind == interp.RecStart && r.Server >= 0 {
			s = s.Add(int(r.Server))
		}
	}
	return s
}

// TestWhatTheProcedureDoes rehearses the seed's procedure against each answer of a pool, paired and not.
func TestWhatTheProcedureDoes(t *testing.T) {
	paired, alone := loadPool(t, "contoso-6"), *loadPool(t, "contoso-6")
	alone.Backup = ""
	for _, c := range []struct {
		name, faults string
		readings     string // up to the first action on a server
		failover     time.Duration
		ending       interp.Ending
		reason       string
		alone        bool
	}{
		{"busy stays", "{pool: busy, at: 0s, for: 25m}", "0s Busy; 10m Busy; 20m Busy; ", 20 * minute, interp.Completed, "", false},
		{"busy stays, alone", "{pool: busy, at: 0s}", "0s Busy; 10m Busy; 20m Busy; ", 20 * minute, interp.FailedRun, "no paired pool", true},
		{"busy clears", "{pool: busy, at: 0s, for: 15m}", "0s Busy; 10m Busy; 20m Ready; ", -1, interp.Completed, "", false},
		{"insufficient", "{pool: insufficient, at: 0s, for: 10m}", "0s InsufficientActiveFrontEnds; ", 0, interp.Completed, "", false},
		{"insufficient, alone", "{pool: insufficient, at: 0s}", "0s InsufficientActiveFrontEnds; ", 0, interp.FailedRun, "no paired pool", true},
		{"flag stays False", "{domain: UD1, ready: false, at: 0s}", "0s Ready; 10m Ready; 20m Ready; ", -1, interp.FailedRun, "flag is False", false},
		{"mixed", "{reading: 1, is: busy}\n  - {domain: UD1, ready: false, at: 5m, for: 10m}\n  - {reading: 3, is: busy}",
			"0s Busy; 10m Ready; 20m Busy; ", -1, interp.FailedRun, "Busy", false},
		{"garbled", "{reading: 1, is: garbled}", "0s Garbled; ", -1, interp.FailedRun, "PoolUpgradeState", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := paired
			if c.alone {
				p = &alone
			}
			n := rehearse(t, shipped(t, "lync2013-cu", p), scenario(t, p, "faults:\n  - "+c.faults), sim.First{})
			if got := n.readings(); got != c.readings {
				t.Errorf("readings %s, want %s", got, c.readings)
			}
			if got := n.begins(interp.Failover); got != c.failover {
				t.Errorf("failover at %s, want %s", got, c.failover)
			}
			if n.result.Ending != c.ending || !strings.Contains(n.result.Reason, c.reason) {
				t.Errorf("%s: %s", n.result.Ending, n.result.Reason)
			}
			want := pool.Set(0)
			if c.ending == interp.Completed {
				want = p.All()
			}
			if n.touched() != want || n.stats.UsersCut != 0 {
				t.Errorf("servers %v were touched, want %v; %+v", n.touched(), want, n.stats)
			}
			if failedOver := c.ending == interp.Completed && c.failover >= 0; (n.stats.Failbacks == 1) != failedOver {
				t.Errorf("%d failbacks", n.stats.Failbacks)
			}
		})
	}
}

// TestCardWithoutWait: the one-line loop has no `wait ready`; the interlock takes the reading.
func TestCardWithoutWait(t *testing.T) {
	p := loadPool(t, "contoso-6")
	prog := compile(t, p, "for each domain: stop graceful; upgrade; restart; verify\n")
	busy := rehearse(t, prog, scenario(t, p, "faults:\n  - {pool: busy, at: 0s}"), sim.First{})
	if busy.result.Ending != interp.FailedRun || busy.stats.SessionsCut != 0 || busy.result.Elapsed != 0 {
		t.Errorf("%s after %s\n%s", busy.result.Ending, busy.result.Elapsed, busy.log)
	}
	ready := rehearse(t, prog, nil, sim.First{})
	if ready.touched().Empty() {
		t.Errorf("on a pool that reads Ready nothing is begun\n%s", ready.log)
	}
}

// TestHardStopAfterTheDrain: what never drains is cut after the hour, and it is told how many sessions that were.
func TestHardStopAfterTheDrain(t *testing.T) {
	p := loadPool(t, "contoso-6")
	sc := scenario(t, p, "faults:\n  - {server: fe01.contoso.com, on: stop, is: hang, graceful: true}")
	n := rehearse(t, shipped(t, "lync2013-cu", p), sc, sim.First{})
	for i := range n.records {
		r := &n.records[i]
		if r.Kind == interp.RecFact && r.Ev.Fact == interp.SessionsCut {
			if r.At != time.Hour || r.Ev.Count == 0 || n.stats.SessionsCut != int(r.Ev.Count) {
				t.Errorf("%d sessions at %s, %d in all", r.Ev.Count, r.At, n.stats.SessionsCut)
			}
			return
		}
	}
	t.Errorf("no session was cut\n%s", n.log)
}

// TestWindowCloses between domains: no failure, and the rest is named.
func TestWindowCloses(t *testing.T) {
	p := loadPool(t, "contoso-6")
	n := rehearse(t, compile(t, p, "window 1h\nfor each domain: wait ready retry 3 every 10m; stop; upgrade; restart; verify retry 60 every 1m\n"),
		nil, sim.First{})
	if n.result.Ending != interp.WindowClosed || n.result.ExitCode() != 4 || len(n.result.Remaining) != 4 {
		t.Errorf("%s, exit code %d, remaining %v\n%s", n.result.Ending, n.result.ExitCode(), n.result.Remaining, n.log)
	}
}
