package rehearsal_test

import (
	"strings"
	"testing"

	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/scripts"
)

// The jobs of two runs, by the names that winrm gives them.
const (
	runA = "00112233445566aa"
	runB = "00112233445566bb"
)

// While a job of one run is going on a server, nothing of another run disturbs it there.
func TestJobsOfOtherRunsAreLeftAlone(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "faults: [{server: fe01.contoso.com, on: upgrade, is: hang}]")
	})
	s := r.session(fe01)
	as := scripts.Logon{Account: "SYSTEM"}
	start := func(id string, name scripts.Script, args any, guard scripts.Guard) (scripts.Result, error) {
		t.Helper()
		j, err := scripts.NewJob(id, name, args, as)
		if err != nil {
			t.Fatal(err)
		}
		j.Guard = guard
		return try(t, s, scripts.JobStart, j)
	}
	installer := scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}
	if res, err := start(runA+"-1-up", scripts.Upgrade, installer, scripts.Alone); err != nil || !res.OK {
		t.Fatalf("the first installer: %+v %v", res, err)
	}
	if f := run[scripts.FactsResult](t, s, scripts.Facts, nil); strings.Join(f.Jobs, " ") != runA+"-1-up" {
		t.Errorf("facts tell of the jobs %q", f.Jobs)
	}
	mark := run[scripts.BootMarkResult](t, s, scripts.BootMark, scripts.BootMarkArgs{Nonce: "n1"})

	const refused = "another job is under way on this server, and has to end first: lrun-" + runA + "-1-up"
	check := func(what string, res scripts.Result, err error) {
		t.Helper()
		if err != nil || res.Err == nil || res.Err.Msg != refused {
			t.Errorf("%s: %+v %v", what, res, err)
		}
	}
	for _, by := range []string{runB, ""} {
		res, err := try(t, s, scripts.Stop, scripts.StopArgs{Run: by})
		check("stop by "+by, res, err)
		res, err = try(t, s, scripts.Stop, scripts.StopArgs{Run: by, Names: []string{"RTCRGS"}})
		check("stop one by "+by, res, err)
		res, err = try(t, s, scripts.Start, scripts.StartArgs{Run: by})
		check("start by "+by, res, err)
		res, err = try(t, s, scripts.Restart, scripts.RestartArgs{Run: by, Nonce: mark.Nonce})
		check("restart by "+by, res, err)
	}
	res, err := start(runB+"-1-up", scripts.Upgrade, installer, scripts.Alone)
	check("a second installer", res, err)
	res, err = start(runB+"-2-run", scripts.Run, scripts.RunArgs{Text: "Get-Date"}, scripts.ByRun)
	check("a script of another run", res, err)
	res, err = start(runA+"-3-up", scripts.Upgrade, installer, scripts.Alone)
	check("a second installer of the same run", res, err)
	if got, want := r.story(fe01), "stopped installing sessions-cut"; got != want {
		t.Errorf("the server lived through\n%s\nwant\n%s", got, want)
	}

	// What only reads is in nobody's way, and neither is the run itself.
	if res, err := start("read-1", scripts.Hop, nil, scripts.Unguarded); err != nil || !res.OK {
		t.Errorf("a reading: %+v %v", res, err)
	}
	asked := run[scripts.RestartResult](t, s, scripts.Restart, scripts.RestartArgs{Run: runA, Nonce: mark.Nonce, Delay: 7200})
	if !asked.UnderWay() {
		t.Errorf("the restart of the run itself: %+v", asked)
	}
}

// A job that was withdrawn before it had begun never begins, however often it is started.
func TestAWithdrawnJobNeverBegins(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	for range 2 {
		if st := run[scripts.JobStatus](t, s, scripts.JobVoid, scripts.JobVoidArgs{ID: "up-1"}); !st.Void || st.State() != scripts.JobNotBegun {
			t.Errorf("withdrawn: %+v", st)
		}
	}
	j, err := scripts.NewJob("up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
	if err != nil {
		t.Fatal(err)
	}
	run[scripts.JobStarted](t, s, scripts.JobStart, j)
	if st, state := result(t, s, "up-1"); state != scripts.JobNotBegun || !st.Void {
		t.Errorf("the job is %v: %+v", state, st)
	}
	// One that has begun cannot be withdrawn.
	job(t, s, "up-2", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
	if st := run[scripts.JobStatus](t, s, scripts.JobVoid, scripts.JobVoidArgs{ID: "up-2"}); st.Void || !st.Begun {
		t.Errorf("withdrawn while it runs: %+v", st)
	}
	if _, state := result(t, s, "up-2"); state != scripts.JobDone {
		t.Errorf("the other job is %v", state)
	}
	if n := r.count(rehearsal.EventInstalled, fe01); n != 1 {
		t.Errorf("installed %d times", n)
	}
}
