package rehearsal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

// upgraded runs the installer as a job and gives what it left.
func upgraded(t *testing.T, s *transport.Session) *scripts.UpgradeResult {
	t.Helper()
	job(t, s, "up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
	st, state := result(t, s, "up-1")
	if state != scripts.JobDone {
		t.Fatalf("the job is %v: %+v", state, st)
	}
	var up scripts.UpgradeResult
	res, err := st.Result()
	if err == nil {
		err = res.Into(&up)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &up
}

// faults are what a scenario can do to fe01, and how its client sees it.
var faults = []struct {
	fault string
	check func(*testing.T, *rig, *transport.Session)
}{
	{"{server: fe01.contoso.com, on: upgrade, is: fail, times: 1}", func(t *testing.T, r *rig, s *transport.Session) {
		if up := upgraded(t, s); *up.Exit != 1603 || r.count(rehearsal.EventInstallFailed, fe01) != 1 {
			t.Errorf("exit %d, %s", *up.Exit, r.story(fe01))
		}
	}},
	{"{server: fe01.contoso.com, on: upgrade, is: reboot}", func(t *testing.T, r *rig, s *transport.Session) {
		if up := upgraded(t, s); *up.Exit != 3010 || len(up.Pending) != 1 {
			t.Errorf("%+v", up)
		}
	}},
	{"{server: fe01.contoso.com, on: upgrade, is: short}", func(t *testing.T, r *rig, s *transport.Session) {
		if up := upgraded(t, s); *up.Exit != 0 || up.Before[0] != up.After[0] {
			t.Errorf("%+v", up)
		}
	}},
	{"{server: fe01.contoso.com, reboot: pending, at: 0s}", func(t *testing.T, r *rig, s *transport.Session) {
		if up := upgraded(t, s); *up.Exit != 1603 || r.count(rehearsal.EventInstalling, fe01) != 0 {
			t.Errorf("%+v", up)
		}
	}},
	{"{server: fe01.contoso.com, on: stop, is: fail}", func(t *testing.T, r *rig, s *transport.Session) {
		res, err := try(t, s, scripts.Stop, scripts.StopArgs{Graceful: true})
		if err != nil || res.Err == nil || !strings.Contains(res.Err.Msg, "cannot be controlled") {
			t.Errorf("%+v %v", res, err)
		}
	}},
	{"{server: fe01.contoso.com, on: restart, is: fail}", func(t *testing.T, r *rig, s *transport.Session) {
		if _, errs, exit := typed(t, s, "shutdown.exe /r /t 0"); exit != 5 || !strings.Contains(errs, "Access is denied") {
			t.Errorf("exit %d %s", exit, errs)
		}
	}},
	{"{server: fe01.contoso.com, on: verify, is: fail, times: 1}", func(t *testing.T, r *rig, s *transport.Session) {
		for i, want := range []bool{false, true} {
			v := run[scripts.SurveyResult](t, s, scripts.Survey, scripts.SurveyArgs{Ports: []int{5061}})
			if v.Ports[0].Accepts != want {
				t.Errorf("look %d at the port: %v", i+1, v.Ports[0].Accepts)
			}
		}
	}},
	{"{reading: 2, is: busy}", func(t *testing.T, r *rig, s *transport.Session) {
		for i, want := range []scripts.PoolState{scripts.StateReady, scripts.StateBusy, scripts.StateReady} {
			v := run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
			if got := v.PoolState(); got != want {
				t.Errorf("reading %d: %v", i+1, got)
			}
		}
	}},
	{"{pool: garbled, at: 0s}", func(t *testing.T, r *rig, s *transport.Session) {
		v := run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
		if v.PoolState() != scripts.StateUnknown || v.State != "3" {
			t.Errorf("%+v", v)
		}
	}},
	{"{pool: unanswered, at: 0s, for: 20m}", func(t *testing.T, r *rig, s *transport.Session) {
		run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
		if now := r.Now(); now < 20*time.Minute {
			t.Errorf("the cmdlet came back after %v", now)
		}
	}},
	{"{server: fe01.contoso.com, rgs: stuck, at: 0s}", func(t *testing.T, r *rig, s *transport.Session) {
		run[scripts.Asked](t, s, scripts.Stop, scripts.StopArgs{Graceful: true})
		v := run[scripts.SurveyResult](t, s, scripts.Survey, scripts.SurveyArgs{Activity: true})
		broken := ""
		for _, service := range v.Services {
			if _, bad, err := service.Sessions(); err != nil || bad {
				broken += service.Name
			}
		}
		if broken != "RTCRGS" {
			t.Errorf("broken counters: %q", broken)
		}
		run[scripts.Asked](t, s, scripts.Stop, scripts.StopArgs{Names: []string{"RTCRGS"}})
		r.wait(rehearsal.EventDrained, fe01, 1)
	}},
	{"{server: fe01.contoso.com, down: 1m, for: 10m}", func(t *testing.T, r *rig, s *transport.Session) {
		r.wait("server-died", fe01, 1)
		r.wait(rehearsal.EventBooted, fe01, 1)
		run[scripts.SurveyResult](t, r.session(fe01), scripts.Survey, nil)
	}},
}

// The faults of a scenario reach the client as they would from a server.
func TestScenarioFaults(t *testing.T) {
	for _, test := range faults {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			r := serve(t, func(o *rehearsal.Options) { o.Scenario = scenario(t, o.Pool, "faults: ["+test.fault+"]") })
			test.check(t, r, r.session(fe01))
		})
	}
}
