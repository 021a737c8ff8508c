package sim_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// allActions has every step that a test may ask the model for, in the order of the number behind its action.
const allActions = `
param version = "2"
for each domain:
  wait ready
  stop graceful
  stop
  start
  upgrade with "C:\u.exe"
  restart
  verify version "{version}"
  verify
  hold ready 20m
  failover server drain 10m
  failover server
  failback server
  run "exit 0"
end
failover
failback
run "Test-CsDatabase -ConfiguredDatabases"
run "exit 0"
confirm "now?" within 1h
notify "done"
sleep 1m
`

// newest is a pool with fixed durations: what is measured is the model and not a draw.
func newest(t testing.TB, domains string) *pool.Pool {
	t.Helper()
	return poolOf(t, domains, "users: 12000, sessions: 1200, drain: 20m, stop: 2m, start: 5m, upgrade: 15m, reboot: 10m, "+
		"settle: 6m, verify: 10s, failover: 20m, failback: 30m, cms: 3m, failover_server: 25m, failback_server: 8m, "+
		"run: 1m, notify: 1s, confirm: 5m")
}

// drawn is a pool with the durations of the defaults.
func drawn(t testing.TB, domains string) *pool.Pool {
	t.Helper()
	return poolOf(t, domains, "users: 12001, sessions: 1201")
}

func poolOf(t testing.TB, domains, model string) *pool.Pool {
	t.Helper()
	src := "pool: pool01.contoso.com\nproduct: sfb2019\nbackup: pool02.contoso.com\ndomains:\n" + domains +
		"installer: C:\\u.exe\nmodel: {" + model + "}\n"
	p, err := pool.Decode("test.pool.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// singles writes the domains of n servers, each its own.
func singles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  UD%d: [fe%02d.contoso.com]\n", i+1, i+1)
	}
	return b.String()
}

// hand drives a model by hand.
type hand struct {
	*sim.Model
	t    testing.TB
	prog *interp.Program
	try  uint16
	ids  map[string]interp.EffectID
}

func byHand(t testing.TB, p *pool.Pool, sc string) *hand {
	t.Helper()
	prog := compile(t, p, allActions)
	var s *pool.Scenario
	if sc != "" {
		s = scenario(t, p, sc)
	}
	m, err := sim.New(prog, s, sim.First{})
	if err != nil {
		t.Fatal(err)
	}
	return &hand{Model: m, t: t, prog: prog, ids: map[string]interp.EffectID{}}
}

// pc is the instruction of the nth step with an action, counted from 0.
func (h *hand) pc(a interp.Action, nth int) uint16 {
	for i := range h.prog.Instrs {
		if in := &h.prog.Instrs[i]; in.Op == interp.OpStep && in.Action == a {
			if nth == 0 {
				return uint16(i)
			}
			nth--
		}
	}
	h.t.Fatalf("no step %s", a)
	return 0
}

// steps are the words that a test uses for effects.
var steps = map[string]struct {
	action interp.Action
	nth    int
}{
	"drain": {interp.Stop, 0}, "stop": {interp.Stop, 1}, "start": {interp.Start, 0}, "upgrade": {interp.Upgrade, 0},
	"restart": {interp.Restart, 0}, "verify 2": {interp.Verify, 0}, "verify": {interp.Verify, 1},
	"hold": {interp.Hold, 0}, "failover server drain": {interp.FailoverServer, 0},
	"failover server": {interp.FailoverServer, 1}, "failback server": {interp.FailbackServer, 0},
	"run": {interp.Run, 0}, "run database": {interp.Run, 1}, "failover": {interp.Failover, 0},
	"failback": {interp.Failback, 0}, "confirm": {interp.Confirm, 0}, "notify": {interp.Notify, 0},
	"sleep": {interp.Sleep, 0}, "read": {interp.Read, 0}, "survey": {interp.Survey, 0},
}

// do starts an effect: a step by its word, on a server (from 1) or on the pool (0), with a bound.
func (h *hand) do(word string, server int, within time.Duration) interp.EffectID {
	h.t.Helper()
	st, ok := steps[word]
	if !ok {
		h.t.Fatalf("no word %q", word)
	}
	e := interp.Effect{Action: st.action, Server: int8(server - 1), Domain: -1, Within: within}
	switch st.action {
	case interp.Read, interp.Survey:
		e.ID.PC = h.pc(interp.Verify, 0)
	case interp.Hold:
		e.For = 20 * time.Minute
		e.ID.PC = h.pc(st.action, st.nth)
	case interp.Sleep:
		e.For = time.Minute
		e.ID.PC = h.pc(st.action, st.nth)
	default:
		e.ID.PC = h.pc(st.action, st.nth)
	}
	h.try++
	e.ID.Server, e.ID.Try = e.Server, h.try
	h.Start([]interp.Effect{e})
	h.ids[fmt.Sprintf("%s %d", word, server)] = e.ID
	return e.ID
}

// look asks what has become of an effect.
func (h *hand) look(ref interp.EffectID, of interp.Action) interp.Outcome {
	h.t.Helper()
	h.try++
	id := interp.EffectID{Server: ref.Server, PC: ref.PC, Try: h.try}
	h.Start([]interp.Effect{{ID: id, Action: interp.Look, Of: of, Ref: ref, Server: ref.Server, Domain: -1}})
	return h.end(id).Outcome
}

// next is the next event.
func (h *hand) next() interp.Event {
	h.t.Helper()
	ev, err := h.Next(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.Check(h.t)
	return ev
}

// end waits for the end of an effect, and drops what comes before.
func (h *hand) end(id interp.EffectID) interp.Event {
	h.t.Helper()
	for {
		if ev := h.next(); ev.Kind == interp.Ended && ev.ID == id {
			return ev
		}
	}
}

// fact waits for a fact.
func (h *hand) fact(f interp.FactKind) interp.Event {
	h.t.Helper()
	for {
		if ev := h.next(); ev.Kind == interp.Fact && ev.Fact == f {
			return ev
		}
	}
}

// wants compares an end with what it should be.
func (h *hand) wants(ev interp.Event, o interp.Outcome, at time.Duration, text string) {
	h.t.Helper()
	if ev.Outcome != o || ev.At != at || !strings.Contains(ev.Text, text) {
		h.t.Errorf("%s at %s (%s), want %s at %s (…%s…)", ev.Outcome, ev.At, ev.Text, o, at, text)
	}
}

const minute = time.Minute

func TestStopGraceful(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.wants(h.end(h.do("drain", 1, time.Hour)), interp.Done, 20*minute, "")
	if s := h.Server(0); s.Active || !s.Up || s.Sitting != 0 {
		t.Errorf("after the drain: %+v", s)
	}
	h.wants(h.end(h.do("drain", 1, time.Hour)), interp.Done, 20*minute+5*time.Second, "")
	h.wants(h.end(h.do("verify", 1, 0)), interp.Failed, 20*minute+15*time.Second, "services are stopped")
}

func TestStopGracefulIsSuperseded(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: stop, is: hang}")
	id := h.do("drain", 1, time.Hour)
	ev := h.end(id)
	h.wants(ev, interp.Failed, time.Hour, "3 sessions were left")
	if !ev.Bound {
		t.Error("the end does not say that the bound passed")
	}
	if got := h.look(id, interp.Stop); got != interp.Going {
		t.Errorf("the drain is %s, it should go on until something takes its place", got)
	}
	stop := h.do("stop", 1, 10*minute)
	if ev := h.fact(interp.SessionsCut); ev.Count != 3 || ev.Server != 0 {
		t.Errorf("cut %+v", ev)
	}
	ev = h.end(stop)
	h.wants(ev, interp.Done, 62*minute, "")
	if ev.Count != 3 || h.Stats().SessionsCut != 3 {
		t.Errorf("%d sessions cut, %d in all", ev.Count, h.Stats().SessionsCut)
	}
}

// A drain falls all the way, stays above zero to its end, and is as long as it was drawn.
func TestSessionsDrain(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.do("drain", 1, time.Hour)
	last := 301
	for h.Now() < 20*minute {
		left := h.Server(0).Sitting
		if left <= 0 || left > last {
			t.Fatalf("%d sessions at %s, %d before", left, h.Now(), last)
		}
		last = left
		h.end(h.do("sleep", 0, 0))
	}
	if last > 3 {
		t.Errorf("%d sessions in the last minute: the tail is not long", last)
	}
}

func TestUpgradeAndRestart(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.end(h.do("stop", 1, 0))
	h.wants(h.end(h.do("upgrade", 1, time.Hour)), interp.Done, 17*minute, "")
	h.wants(h.end(h.do("restart", 1, time.Hour)), interp.Done, 27*minute, "")
	h.wants(h.end(h.do("verify 2", 1, 0)), interp.Done, 27*minute+10*time.Second, "")
	h.wants(h.end(h.do("verify 2", 2, 0)), interp.Failed, 27*minute+20*time.Second, "version")
	r := h.end(h.do("survey", 0, 0)).Reading
	if r.AtVersion != pool.SetOf(0) || r.Running != pool.FirstN(4) || r.State != interp.NoReading || !r.SQL {
		t.Errorf("survey %+v", r)
	}
}

func TestInstallerRestartsServices(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: upgrade, is: restarts}")
	h.end(h.do("stop", 1, 0))
	h.end(h.do("upgrade", 1, time.Hour)) // at 17m; the services run at 22m
	h.wants(h.end(h.do("verify", 1, 0)), interp.Failed, 17*minute+10*time.Second, "RTCSRV is still starting")
	for range 5 {
		h.end(h.do("sleep", 0, 0))
	}
	if !h.Server(0).Active {
		t.Fatal("the installer has not started the services")
	}
	restart := h.do("restart", 1, time.Hour)
	if ev := h.fact(interp.SessionsCut); ev.At != h.Now() || ev.Count == 0 {
		t.Errorf("nothing was cut: %+v", ev)
	}
	h.wants(h.end(restart), interp.Done, 42*minute+10*time.Second, "") // ten minutes of drain, ten of reboot
}

func TestConnectionBreaks(t *testing.T) {
	for _, landed := range []bool{true, false} {
		h := byHand(t, newest(t, singles(4)),
			fmt.Sprintf("faults:\n  - {server: fe01.contoso.com, on: upgrade, is: unknown, landed: %v, times: 1}", landed))
		h.end(h.do("stop", 1, 0))
		id := h.do("upgrade", 1, time.Hour)
		if ev := h.end(id); ev.Outcome != interp.Unknown || ev.Bound {
			t.Errorf("landed %v: %+v", landed, ev)
		}
		if !landed {
			if got := h.look(id, interp.Upgrade); got != interp.NotBegun {
				t.Errorf("not landed: %s", got)
			}
			continue
		}
		if got := h.look(id, interp.Upgrade); got != interp.Going {
			t.Errorf("landed: %s", got)
		}
		h.try++
		attach := interp.Effect{
			ID: interp.EffectID{Server: 0, PC: id.PC, Try: h.try}, Action: interp.Upgrade, Attach: true, Ref: id, Within: time.Hour,
		}
		h.Start([]interp.Effect{attach})
		h.wants(h.end(attach.ID), interp.Done, 17*minute, "")
		if got := h.look(id, interp.Upgrade); got != interp.Done {
			t.Errorf("after its end: %s", got)
		}
		if n := h.Stats().Installed[0]; n != 1 {
			t.Errorf("installed %d times", n)
		}
	}
}

func TestInstallerHangs(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: upgrade, is: hang}")
	h.end(h.do("stop", 1, 0))
	id := h.do("upgrade", 1, time.Hour)
	if ev := h.end(id); ev.Outcome != interp.Unknown || !ev.Bound || ev.At != 62*minute {
		t.Errorf("%+v", ev)
	}
	if got := h.look(id, interp.Upgrade); got != interp.Going {
		t.Errorf("look says %s", got)
	}
	h.do("restart", 1, time.Hour)
	h.next()
	if h.Stats().Collided != pool.SetOf(0) {
		t.Errorf("a reboot into a running installer is not noticed: %v", h.Stats().Collided)
	}
}

func TestServerFailover(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.wants(h.end(h.do("failover server", 1, time.Hour)), interp.Done, 25*minute, "")
	h.wants(h.end(h.do("start", 1, 0)), interp.Failed, 25*minute+5*time.Second, "disabled")
	h.wants(h.end(h.do("restart", 1, 0)), interp.Done, 31*minute+5*time.Second, "") // the system, not the services
	h.wants(h.end(h.do("verify", 1, 0)), interp.Failed, 31*minute+15*time.Second, "disabled")
	h.wants(h.end(h.do("failback server", 1, time.Hour)), interp.Done, 39*minute+15*time.Second, "")
	h.wants(h.end(h.do("verify", 1, 0)), interp.Done, 39*minute+25*time.Second, "")
}

// What exceeds the wait time fails, and nothing was done.
func TestServerFailoverWaitTime(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	ev := h.end(h.do("failover server", 1, 20*minute))
	h.wants(ev, interp.Failed, 20*minute, "nothing was done")
	if ev.Bound || !h.Server(0).Active {
		t.Errorf("%+v, %+v", ev, h.Server(0))
	}
	// With a draining timeout the rest is cut and the cmdlet comes to its end.
	h.wants(h.end(h.do("failover server drain", 1, 20*minute)), interp.Done, 32*minute, "")
	if h.Stats().SessionsCut == 0 {
		t.Error("no session was cut")
	}
	h.wants(h.end(h.do("failback server", 1, 5*minute)), interp.Failed, 37*minute, "neither started nor enabled")
	h.wants(h.end(h.do("start", 1, 0)), interp.Failed, 37*minute+5*time.Second, "disabled")
}

func TestDeadServer(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, down: 5m, for: 30m}")
	id := h.do("drain", 1, time.Hour)
	h.wants(h.end(id), interp.Unknown, 5*minute, "connection")
	if got := h.look(id, interp.Stop); got != interp.CannotTell {
		t.Errorf("a server that is down answers %s", got)
	}
	h.wants(h.end(h.do("upgrade", 1, time.Hour)), interp.Failed, 5*minute, "does not answer")
	h.wants(h.fact(interp.ServerBack), interp.NoOutcome, 40*minute, "")
	if got := h.look(id, interp.Stop); got != interp.NotBegun {
		t.Errorf("the drain of before is %s: the last action on the server is the upgrade", got)
	}
}

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

func TestServerFailoverKeepsQuorum(t *testing.T) {
	h := byHand(t, newest(t, singles(3)), "")
	h.end(h.do("stop", 1, 0))
	h.wants(h.end(h.do("failover server", 2, time.Hour)), interp.Failed, 2*minute+5*time.Second, "would lose its quorum")
	if !h.Server(1).Active {
		t.Error("the server was not left alone")
	}
}

func TestRebootPending(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: upgrade, is: reboot}")
	h.end(h.do("stop", 1, 0))
	h.wants(h.end(h.do("upgrade", 1, time.Hour)), interp.Done, 17*minute, "")
	if r := h.Survey(); r.Pending != pool.SetOf(0) {
		t.Errorf("%+v", r)
	}
	h.wants(h.end(h.do("upgrade", 1, time.Hour)), interp.Failed, 17*minute+5*time.Second, "waits for a reboot")
	h.end(h.do("restart", 1, time.Hour))
	if r := h.Survey(); r.Pending != 0 || h.Server(0).Booted != 23*minute+5*time.Second {
		t.Errorf("%+v, %+v", r, h.Server(0))
	}
}

// What is begun on a server while its installer runs is noticed, whatever it is.
func TestCollision(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.end(h.do("stop", 1, 0))
	upgrade := h.do("upgrade", 1, time.Hour)
	h.do("start", 1, 0)
	h.wants(h.end(upgrade), interp.Failed, 2*minute, "took its place")
	if h.Stats().Collided != pool.SetOf(0) {
		t.Errorf("%+v", h.Stats())
	}
}

// What Get-CsWindowsService shows follows the server through its night.
func TestServices(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "start: {rgs_stuck: [fe01.contoso.com]}")
	want := func(name string, status sim.Status, startType string, activity int) {
		t.Helper()
		for _, s := range h.Services(0) {
			if s.Name == name {
				if s.Status != status || s.StartType != startType || s.Activity != activity {
					t.Errorf("at %s: %+v, want %s %s %d", h.Now(), s, status, startType, activity)
				}
				return
			}
		}
		t.Errorf("no service %s", name)
	}
	want("RTCSRV", sim.Running, "Automatic", 180)
	h.end(h.do("drain", 1, 10*minute))
	want("RTCSRV", sim.Paused, "Automatic", 22)
	want("RTCRGS", sim.Paused, "Automatic", 1<<30)
	want("FabricHostSvc", sim.Running, "Automatic", 0)
	want("REPLICA", sim.Stopped, "Automatic", 0)
	stop := h.do("stop", 1, 0)
	want("RTCSRV", sim.StopPending, "Automatic", 0)
	h.end(stop)
	want("RTCSRV", sim.Stopped, "Automatic", 0)
	h.end(h.do("failover server", 2, time.Hour))
	start := h.do("start", 1, 0)
	want("RTCSRV", sim.StartPending, "Automatic", 0)
	h.end(start)
	want("RTCSRV", sim.Running, "Automatic", 180)
	for _, s := range h.Services(1) {
		if s.StartType != "Disabled" || s.Status != sim.Stopped {
			t.Errorf("after Invoke-CsComputerFailOver: %+v", s)
		}
		if s.Name == "RTCXMPPTGW" || s.Name == "MASTER" {
			t.Errorf("this server has no %s", s.Name)
		}
	}
	restart := h.do("restart", 2, 0)
	if h.Services(1) != nil {
		t.Error("a server that reboots answers")
	}
	h.end(restart)
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
