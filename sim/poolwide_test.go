package sim_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/sim"
)

func TestStartNeedsAQuorum(t *testing.T) {
	h := byHand(t, newest(t, singles(3)), "")
	a, b := h.do("stop", 1, 0), h.do("stop", 2, 0)
	ev := h.fact(interp.QuorumLost)
	if ev.Count != 12000 || !strings.Contains(ev.Text, "quorum") {
		t.Errorf("%+v", ev)
	}
	h.end(a)
	h.end(b)
	if h.Server(2).Active {
		t.Error("the survivor still runs")
	}
	// Two of three are not enough to start: they stay in Starting.
	h.wants(h.end(h.do("start", 1, 30*minute)), interp.Failed, 32*minute, "too few Front End servers")
	h.wants(h.end(h.do("start", 2, 30*minute)), interp.Failed, 62*minute, "too few Front End servers")
	h.wants(h.end(h.do("start", 3, 30*minute)), interp.Done, 67*minute, "")
	if s := h.Stats(); s.UsersCut != 12000 || s.CutAt != 0 || s.CutFor != (67*minute).Milliseconds() || s.QuorumLosses != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPoolFailover(t *testing.T) {
	h := byHand(t, newest(t, singles(3)), "start: {cms: here}")
	h.wants(h.end(h.do("failover", 0, time.Hour)), interp.Done, 23*minute, "")
	if r := h.Survey(); r.Pool != interp.FailedOver {
		t.Errorf("%+v", r)
	}
	a := h.do("stop", 1, 0)
	h.do("stop", 2, 0)
	h.end(a)
	if s := h.Stats(); s.UsersCut != 0 || s.SessionsCut != 0 {
		t.Errorf("nobody is left to be cut off: %+v", s)
	}
	h.wants(h.end(h.do("failback", 0, time.Hour)), interp.Failed, 25*minute+5*time.Second, "fewer than 3 front ends run")
	h.do("start", 1, 0)
	h.do("start", 2, 0)
	h.end(h.do("start", 3, 0))
	h.wants(h.end(h.do("failback", 0, time.Hour)), interp.Done, 60*minute+5*time.Second, "")
	if r := h.Survey(); r.Pool != interp.Active {
		t.Errorf("%+v", r)
	}
}

// Every condition of a failover is checked as it begins, and refused in words.
func TestFailoverRefused(t *testing.T) {
	for scenario, text := range map[string]string{
		"start: {backup: nonsteady}":                          "backup service of pool01.contoso.com",
		"faults:\n  - {backup: error, of: backup, at: 0s}":    "backup service of the backup pool pool02.contoso.com",
		"start: {backup_pool: insufficient}":                  "pool02.contoso.com is InsufficientActiveFrontEnds",
		"start: {backup_pool: unanswered}":                    "cannot be read",
		"start: {edge: true}":                                 "next hop",
		"start: {cms: none}":                                  "no active master",
		"start: {cms: both}":                                  "both pools",
		"start: {cms: here, stale: [fe01.contoso.com]}":       "not up to date",
		"start: {down: [fe01.contoso.com, fe02.contoso.com]}": "not in service",
	} {
		h := byHand(t, newest(t, singles(3)), scenario)
		ev := h.end(h.do("failover", 0, time.Hour))
		if ev.Outcome != interp.Failed || !strings.Contains(ev.Text, text) || h.Survey().Pool != interp.Active {
			t.Errorf("%s: %s (%s)", scenario, ev.Outcome, ev.Text)
		}
	}
}

// A crash of lrun ends nothing in the world but what only lrun could carry on.
func TestAway(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.end(h.do("stop", 1, 0))
	upgrade, restart, confirm := h.do("upgrade", 1, time.Hour), h.do("restart", 2, time.Hour), h.do("confirm", 0, time.Hour)
	h.Away(3 * minute)
	if got := h.look(upgrade, interp.Upgrade); got != interp.Going {
		t.Errorf("the installer is %s", got)
	}
	if got := h.look(restart, interp.Restart); got != interp.NotBegun {
		t.Errorf("the reboot, which was still to come, is %s", got)
	}
	h.Away(30 * minute)
	if got := h.look(upgrade, interp.Upgrade); got != interp.Done || h.Now() != 35*minute {
		t.Errorf("the installer is %s at %s", got, h.Now())
	}
	if ev, err := h.Next(context.Background()); !errors.Is(err, sim.ErrNothingDue) {
		t.Errorf("%+v, %v: effects of before the crash do not end (%v)", ev, err, confirm)
	}
}

func TestHoldStartsAnew(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {pool: busy, at: 10m30s, for: 2m}")
	id := h.do("hold", 0, 4*time.Hour)
	for _, want := range []struct {
		at    time.Duration
		state interp.ReadState
	}{{11 * minute, interp.Busy}, {13 * minute, interp.Ready}} {
		if ev := h.next(); ev.Kind != interp.Progress || ev.At != want.at || ev.Reading.State != want.state {
			t.Errorf("%+v, want %s at %s", ev, want.state, want.at)
		}
	}
	h.wants(h.end(id), interp.Done, 33*minute, "")
	h.wants(h.end(h.do("hold", 0, 15*minute)), interp.Failed, 48*minute, "")
}

func TestConfirmAndRun(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "start: {database_due: true}\nanswers: {confirm: [yes, no, none]}")
	h.wants(h.end(h.do("confirm", 0, time.Hour)), interp.Done, 5*minute, "")
	h.wants(h.end(h.do("confirm", 0, time.Hour)), interp.Failed, 10*minute, "no")
	ev := h.end(h.do("confirm", 0, time.Hour))
	h.wants(ev, interp.Failed, 70*minute, "nobody answered")
	if !ev.Bound {
		t.Error("silence is a bound that passes")
	}
	h.wants(h.end(h.do("run", 1, 0)), interp.Done, 71*minute, "")
	h.wants(h.end(h.do("run database", 0, 0)), interp.Failed, 72*minute, "database update is due")
}

// A registrar whose routing groups are gone altogether waits for a second server that has their data.
func TestStartWaitsForGroups(t *testing.T) {
	h := byHand(t, newest(t, singles(8)), "")
	h.do("stop", 1, 0) // the first group has its replicas on the first three servers
	h.do("stop", 2, 0)
	h.end(h.do("stop", 3, 0))
	if h.Stats().QuorumLosses != 0 || h.Stats().UsersCut == 0 {
		t.Fatalf("%+v", h.Stats())
	}
	h.wants(h.end(h.do("start", 1, 30*minute)), interp.Failed, 32*minute, "routing groups are not placed")
	h.wants(h.end(h.do("start", 2, 30*minute)), interp.Done, 37*minute, "")
	if !h.Server(0).Active || h.Server(2).Active {
		t.Error("the first server has not come up with the second")
	}
}

// After a failover the users who were cut off are served by the backup pool, and the CMS stays where it was moved to.
func TestFailoverServesTheUsers(t *testing.T) {
	h := byHand(t, newest(t, singles(6)), "start: {cms: here}")
	h.do("stop", 1, 0)
	h.end(h.do("stop", 2, 0))
	cut := h.Stats().UsersCut
	h.wants(h.end(h.do("failover", 0, time.Hour)), interp.Done, 25*minute, "")
	h.end(h.do("sleep", 0, 0))
	if s := h.Stats(); cut == 0 || s.UsersCut != cut || s.CutFor != (25*minute).Milliseconds() || s.Failovers != 1 {
		t.Errorf("%d users were cut off; %+v", cut, s)
	}
	for _, s := range h.Services(2) {
		if s.Name == "MASTER" {
			t.Error("the pool still has the master replicator")
		}
	}
	h.do("start", 1, 0)
	h.end(h.do("start", 2, 0))
	h.wants(h.end(h.do("failback", 0, time.Hour)), interp.Done, 61*minute, "")
	h.wants(h.end(h.do("failover", 0, time.Hour)), interp.Done, 81*minute, "")
}

// Those who have lost their service already are not cut off again when the pool loses its quorum.
func TestUsersAreCutOffOnce(t *testing.T) {
	h := byHand(t, newest(t, singles(6)), "")
	var told int32
	for s := 1; s <= 4; s++ {
		h.do("stop", s, 0)
	}
	for {
		ev := h.next()
		if ev.Kind == interp.Fact && (ev.Fact == interp.ServiceLost || ev.Fact == interp.QuorumLost) {
			told += ev.Count
		}
		if ev.Fact == interp.QuorumLost {
			break
		}
	}
	if told != 12000 || h.Stats().UsersCut != 12000 || h.Stats().ServiceLosses == 0 {
		t.Errorf("%d users were told of, %+v", told, h.Stats())
	}
}

func TestLookAtAFailure(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: upgrade, is: fail}")
	h.end(h.do("stop", 1, 0))
	id := h.do("upgrade", 1, time.Hour)
	h.Away(time.Hour)
	if got := h.look(id, interp.Upgrade); got != interp.Failed {
		t.Errorf("the installer is %s", got)
	}
}

// A pool that is down cannot answer for its own copy: with `disaster` only the backup pool has to be well.
func TestFailoverDisaster(t *testing.T) {
	h := byHand(t, newest(t, singles(3)), "start: {down: [fe01.contoso.com, fe02.contoso.com], cms: here, "+
		"stale: [fe03.contoso.com], backup: nonsteady}")
	if s := h.Stats(); s.UsersCut != 12000 {
		t.Errorf("%+v", s)
	}
	h.wants(h.end(h.do("failover", 0, time.Hour)), interp.Failed, 5*time.Second, "backup service of pool01")
	h.wants(h.end(h.do("failover disaster", 0, time.Hour)), interp.Done, 23*minute+5*time.Second, "")
	if s := h.Stats(); s.CutFor != h.Now().Milliseconds() {
		t.Errorf("%+v at %s", s, h.Now())
	}
}
