package rehearsal_test

import (
	"testing"

	"github.com/lrun/lrun/winrm/scripts"
)

const fe01 = "fe01.contoso.com"

// A server is taken through its whole turn by the scripts that exec sends.
func TestTurn(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)

	before := run[scripts.SurveyResult](t, s, scripts.Survey, scripts.SurveyArgs{Activity: true, Ports: []int{5061, 12345}})
	if before.FQDN != fe01 || len(before.Services) < 18 || !before.Ports[0].Accepts || before.Ports[1].Accepts {
		t.Fatalf("survey: %+v", before)
	}
	ready := run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
	if ready.PoolState() != scripts.StateReady || len(ready.Domains) != 6 || ready.Domains[0].Ready != "True" {
		t.Fatalf("readiness: %+v", ready)
	}
	run[scripts.Asked](t, s, scripts.Stop, scripts.StopArgs{Graceful: true})
	r.wait("stopped", fe01, 1)

	job(t, s, "up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\LyncServerUpdateInstaller.exe`}, scripts.Logon{Account: "SYSTEM"})
	st, state := result(t, s, "up-1")
	if state != scripts.JobDone {
		t.Fatalf("the job is %v: %+v", state, st)
	}
	res, err := st.Result()
	var up scripts.UpgradeResult
	if err == nil {
		err = res.Into(&up)
	}
	if err != nil || up.Outcome() != scripts.InstallerDone || up.Before[0].Version == up.After[0].Version {
		t.Fatalf("the installer: %v %+v", err, up)
	}

	mark := run[scripts.BootMarkResult](t, s, scripts.BootMark, scripts.BootMarkArgs{Nonce: "n1"})
	asked := run[scripts.RestartResult](t, s, scripts.Restart, scripts.RestartArgs{Nonce: mark.Nonce, Boot: mark.Boot, Delay: 5})
	if !asked.UnderWay() {
		t.Fatalf("restart: %+v", asked)
	}
	r.wait("booted", fe01, 1)
	after := run[scripts.SurveyResult](t, r.session(fe01), scripts.Survey, scripts.SurveyArgs{})
	if done, known := mark.Rebooted(&after); !done || !known {
		t.Fatalf("not rebooted: before %+v, after %+v", mark, after)
	}
	r.wait("started", fe01, 1)
	const want = "draining drained stopped installing installed down booted starting started"
	if got := r.story(fe01); got != want {
		t.Errorf("the server lived through\n%s\nwant\n%s", got, want)
	}
	if n := r.Stats().Installed[0]; n != 1 {
		t.Errorf("installed %d times", n)
	}
}
