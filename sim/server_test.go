package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

func TestStopGraceful(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.wants(h.end(h.do("drain", 1, time.Hour)), interp.Done, 20*minute, "")
	if s := h.Server(0); s.Active || !s.Up || s.Sessions != 0 {
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
		left := h.Server(0).Sessions
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
	// The installer ends when the services that it has started run.
	h.wants(h.end(h.do("upgrade", 1, time.Hour)), interp.Done, 22*minute, "")
	if !h.Server(0).Active {
		t.Fatal("the installer has not started the services")
	}
	restart := h.do("restart", 1, time.Hour)
	if ev := h.fact(interp.SessionsCut); ev.At != h.Now() || ev.Count == 0 {
		t.Errorf("nothing was cut: %+v", ev)
	}
	h.wants(h.end(restart), interp.Done, 42*minute, "") // ten minutes of drain, ten of reboot
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

// What is paused goes on when it is started, and nobody is cut off.
func TestStartWhileDraining(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	drain := h.do("drain", 1, 5*minute)
	h.end(drain)
	h.wants(h.end(h.do("start", 1, 0)), interp.Done, 5*minute+5*time.Second, "")
	for range 30 {
		h.end(h.do("sleep", 0, 0))
	}
	if !h.Server(0).Active || h.Stats().SessionsCut != 0 {
		t.Errorf("%+v, %+v: the drain goes on behind the start", h.Server(0), h.Stats())
	}
}

func TestRGSCounter(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, rgs: stuck, at: 5m}")
	drain := h.do("drain", 1, 30*minute)
	h.wants(h.end(drain), interp.Failed, 30*minute, "RTCRGS counts 1073741824 calls and does not drain; 0 real sessions")
	h.wants(h.end(h.do("stop", 1, 0)), interp.Done, 32*minute, "")
}

// The connection breaks before the end is known, however soon the end is.
func TestShortActionOnABrokenConnection(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, on: run, is: unknown, landed: true}\n"+
		"  - {server: fe01.contoso.com, on: run, takes: 30s}")
	id := h.do("run", 1, 0)
	h.wants(h.end(id), interp.Unknown, 30*time.Second, "connection")
	if got := h.look(id, interp.Run); got != interp.Done {
		t.Errorf("it was carried out, and a look says %s", got)
	}
}

func TestTwoInstallers(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "")
	h.end(h.do("stop", 1, 0))
	h.do("upgrade", 1, 0)
	h.wants(h.end(h.do("upgrade", 1, 0)), interp.Failed, 2*minute+5*time.Second, "1618")
	for range 20 {
		h.end(h.do("sleep", 0, 0))
	}
	if n := h.Stats().Installed[0]; n != 1 {
		t.Errorf("installed %d times", n)
	}
}

// Who waits for a reboot goes on waiting when the server dies before it, and nothing but time brings it back.
func TestDeathBeforeReboot(t *testing.T) {
	h := byHand(t, newest(t, singles(4)), "faults:\n  - {server: fe01.contoso.com, down: 5m, for: 1h}")
	restart := h.do("restart", 1, 2*time.Hour)
	h.wants(h.end(restart), interp.Done, 70*minute, "")
	if b := h.Server(0).Booted; b != 65*minute {
		t.Errorf("booted at %s", b)
	}
}
