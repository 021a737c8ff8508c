package rehearsal_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
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
	// Where this machine is busy the answer may come too late, and be lost with the server: then the boot is all there is.
	if res, err := try(t, s, scripts.Restart, scripts.RestartArgs{Nonce: mark.Nonce, Delay: 600}); err == nil {
		var asked scripts.RestartResult
		if err := res.Into(&asked); err != nil || !asked.UnderWay() {
			t.Fatalf("restart: %+v, %v", asked, err)
		}
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

const (
	fe02   = "fe02.contoso.com"
	pool01 = "pool01.contoso.com"
)

// A job goes on while nobody is connected, is found again, and is begun once however often it is asked for.
func TestJobSurvivesTheConnection(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	args := scripts.UpgradeArgs{Path: `C:\Updates\LyncServerUpdateInstaller.exe`}
	job(t, s, "up-1", scripts.Upgrade, args, scripts.Logon{Account: "SYSTEM"})
	r.Host(fe01).Reset()

	again, err := scripts.NewJob("up-1", scripts.Upgrade, args, scripts.Logon{Account: "SYSTEM"})
	if err != nil {
		t.Fatal(err)
	}
	s = r.session(fe01)
	if st := run[scripts.JobStarted](t, s, scripts.JobStart, again); !st.Begun {
		t.Error("the job was begun twice")
	}
	if st, state := result(t, s, "up-1"); state != scripts.JobDone {
		t.Errorf("the job is %v: %+v", state, st)
	}
	if st := run[scripts.JobStarted](t, s, scripts.JobStart, again); !st.Begun {
		t.Error("the job that is done was begun again")
	}
	other, err := scripts.NewJob("up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\other.exe`}, scripts.Logon{Account: "SYSTEM"})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := try(t, s, scripts.JobStart, other); err != nil || res.Err == nil || res.Err.Msg != "there is another job under this id" {
		t.Errorf("another job under the id: %+v %v", res, err)
	}
	run[map[string]bool](t, s, scripts.JobRemove, scripts.JobRemoveArgs{ID: "up-1"})
	if _, state := result(t, s, "up-1"); state != scripts.JobNotBegun {
		t.Errorf("the job that was removed is %v", state)
	}
	if n := r.count(rehearsal.EventInstalled, fe01); n != 1 {
		t.Errorf("installed %d times", n)
	}
}

// A reboot under the installer interrupts the job, and the witness says so.
func TestRebootInterruptsAJob(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "faults: [{server: fe01.contoso.com, on: upgrade, is: hang}]")
	})
	s := r.session(fe01)
	job(t, s, "up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
	if res, err := try(t, s, scripts.JobRemove, scripts.JobRemoveArgs{ID: "up-1"}); err != nil || res.Err == nil {
		t.Errorf("a job that runs was removed: %+v %v", res, err)
	}
	_, _ = s.Run(t.Context(), "shutdown.exe /r /t 0", nil) // its answer may be lost with the server
	r.wait(rehearsal.EventBooted, fe01, 1)
	if st, state := result(t, r.session(fe01), "up-1"); state != scripts.JobInterrupted {
		t.Errorf("the job is %v: %+v", state, st)
	}
	if got, want := r.story(fe01), "stopped installing sessions-cut collided install-cut down booted starting"; got != want {
		// Under the race detector the services may have started meanwhile.
		if got != want+" started" {
			t.Errorf("the server lived through\n%s\nwant\n%s", got, want)
		}
	}
}

// An action whose connection breaks leaves its client without an answer: nothing was begun, or it goes on.
func TestConnectionsThatBreak(t *testing.T) {
	for _, test := range []struct{ fault, story string }{
		{"{server: fe01.contoso.com, on: upgrade, is: unknown}", "unreachable"},
		{"{server: fe01.contoso.com, on: upgrade, is: unknown, landed: true}", "stopped installing sessions-cut unreachable installed"},
	} {
		r := serve(t, func(o *rehearsal.Options) { o.Scenario = scenario(t, o.Pool, "faults: ["+test.fault+"]") })
		s := r.session(fe01)
		j, err := scripts.NewJob("up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
		if err != nil {
			t.Fatal(err)
		}
		res, err := try(t, s, scripts.JobStart, j)
		landed := strings.Contains(test.fault, "landed")
		if landed != (err == nil && res.OK) {
			t.Errorf("%s: the start of the job gave %+v, %v", test.fault, res, err)
		}
		r.wait(rehearsal.EventUnreachable, fe01, 1)
		st, state := result(t, r.session(fe01), "up-1")
		if landed != (state == scripts.JobDone) || !landed && state != scripts.JobNotBegun {
			t.Errorf("%s: the job is %v: %+v", test.fault, state, st)
		}
		if got := r.story(fe01); got != test.story {
			t.Errorf("%s: the server lived through\n%s\nwant\n%s", test.fault, got, test.story)
		}
	}
}

// A run that leaves the first mark begins the night anew, unless something was changed before.
func TestTheFirstMarkBeginsTheNight(t *testing.T) {
	mark := func(t *testing.T, s *transport.Session, op, run_ string) scripts.MarkResult {
		return run[scripts.MarkResult](t, s, scripts.Mark, scripts.MarkArgs{Op: op, Run: run_, Owner: "ops", TTL: 600})
	}
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "faults: [{server: fe02.contoso.com, down: 1m, for: 20m}]")
	})
	s := r.session(fe01)
	if m := mark(t, s, "read", "run-1"); m.Age != -1 || m.Held {
		t.Errorf("before: %+v", m)
	}
	r.wait("server-died", fe02, 1)
	if m := mark(t, s, "write", "run-1"); m.Age != 0 || m.Run != "run-1" {
		t.Errorf("written: %+v", m)
	}
	if now := r.Now(); now != 0 {
		t.Errorf("the clock runs before the run does: %v", now)
	}
	run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
	if ev := r.wait("server-died", fe02, 2); ev.T != 60 {
		t.Errorf("in the new night the server died at %v", ev.T)
	}
	if m := mark(t, s, "write", "run-2"); !m.Held || m.Run != "run-1" || m.Owner != "ops" {
		t.Errorf("a second run: %+v", m)
	}
	if m := mark(t, s, "remove", "run-2"); m.Run != "run-1" {
		t.Errorf("removed by the second run: %+v", m)
	}
	mark(t, s, "remove", "run-1")
	if m := mark(t, s, "write", "run-2"); m.Held || m.Run != "run-2" {
		t.Errorf("after the first run: %+v", m)
	}
	if n := r.count(rehearsal.EventMarked, fe01); n != 2 {
		t.Errorf("%d marks were told", n)
	}

	r = serve(t, nil)
	s = r.session(fe01)
	run[scripts.Asked](t, s, scripts.Stop, scripts.StopArgs{})
	mark(t, s, "write", "run-1")
	r.wait(rehearsal.EventStopped, fe01, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Count(r.file.String(), `"event":"night"`) != 1 {
		t.Errorf("a pool that was touched began anew: %+v", r.events)
	}
}

// What needs another machine fails in a network logon and works in a task with a password, where the password is right.
func TestSecondHop(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "start: {cms: here}")
	})
	home, backup := r.session(fe01), r.session("pool02-fe01.contoso.com")
	for name, args := range map[scripts.Script]any{
		scripts.Computers: scripts.ComputersArgs{Pool: pool01}, scripts.Registrar: scripts.PoolArgs{Pool: pool01},
		scripts.Backup: scripts.PoolArgs{Pool: pool01}, scripts.CMS: scripts.CMSArgs{}, scripts.Edge: nil,
		scripts.Mirror: scripts.PoolArgs{Pool: pool01},
	} {
		if res, err := try(t, home, name, args); err != nil || res.Err == nil || !strings.Contains(res.Err.Msg, "An operations error occurred") {
			t.Errorf("%s in a network logon: %+v %v", name, res, err)
		}
	}
	both := run[scripts.PoolFactsResult](t, home, scripts.PoolFacts, scripts.PoolArgs{Pool: pool01})
	for name, part := range map[scripts.Script]scripts.Part{scripts.Registrar: both.Registrar, scripts.Mirror: both.Mirror} {
		if !strings.Contains(part.Error, "An operations error occurred") || part.Told != nil && string(part.Told) != "null" {
			t.Errorf("%s beside the other in a network logon: %+v", name, part)
		}
	}
	if h := run[scripts.HopResult](t, home, scripts.Hop, nil); h.Reaches() || h.LDAP == "" {
		t.Errorf("hop: %+v", h)
	}
	if c := run[scripts.ComputersResult](t, home, scripts.Computers, scripts.ComputersArgs{Pool: pool01, LocalStore: true}); len(c.Computers) != 6 {
		t.Errorf("local store: %+v", c)
	}

	wrong := scripts.Logon{Account: `CONTOSO\lync-task`, Password: func() string { return "guess" }}
	j, err := scripts.NewJob("over-0", scripts.FailoverPool, scripts.FailoverArgs{Pool: pool01}, wrong)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := try(t, backup, scripts.JobStart, j); err != nil || res.Err == nil || r.count(rehearsal.EventDenied, "pool02-fe01.contoso.com") != 1 {
		t.Errorf("a task with a wrong password: %+v %v", res, err)
	}
	task := scripts.Logon{Account: `CONTOSO\lync-task`, Password: func() string { return password }}
	end := func(id string, s *transport.Session, name scripts.Script, args any, as scripts.Logon) string {
		job(t, s, id, name, args, as)
		st, state := result(t, s, id)
		res, err := st.Result()
		if state != scripts.JobDone || err != nil {
			t.Fatalf("%s: %v %v %+v", id, state, err, st)
		}
		if res.Err != nil {
			return res.Err.Msg
		}
		return "done"
	}
	for i, step := range []struct {
		s    *transport.Session
		name scripts.Script
		args any
		as   scripts.Logon
		want string
	}{
		{backup, scripts.FailoverPool, scripts.FailoverArgs{Pool: pool01}, scripts.Logon{Account: "SYSTEM"}, "An operations error"},
		{backup, scripts.FailoverPool, scripts.FailoverArgs{Pool: pool01}, task, "Central Management Store is on"},
		{home, scripts.FailoverCMS, scripts.FailoverCMSArgs{}, task, "has to run on a server of the pool that takes"},
		{backup, scripts.FailoverCMS, scripts.FailoverCMSArgs{}, task, "done"},
		{backup, scripts.FailoverPool, scripts.FailoverArgs{Pool: pool01}, scripts.Logon{Account: `CONTOSO\gmsa$`}, "done"},
		{backup, scripts.FailbackPool, scripts.FailoverArgs{Pool: pool01}, task, "done"},
		{home, scripts.FailoverComputer, scripts.ComputerArgs{Computer: fe02}, task, "is not recognized"},
		{home, scripts.Run, scripts.RunArgs{Text: "Test-CsDatabase"}, scripts.Logon{Account: "SYSTEM"}, "done"},
	} {
		if got := end("step-"+string(rune('a'+i)), step.s, step.name, step.args, step.as); !strings.Contains(got, step.want) {
			t.Errorf("step %d, %s: %s, want %s", i, step.name, got, step.want)
		}
	}
	if st := r.Stats(); st.Failovers != 1 || st.Failbacks != 1 {
		t.Errorf("%+v", st)
	}
	r.wait(rehearsal.EventFailedOver, pool01, 1)
	r.wait(rehearsal.EventFailedBack, pool01, 1)
}

// What is asked of a pool in one call is what its parts tell alone.
func TestPoolFacts(t *testing.T) {
	for sql, principal := range map[string]bool{"principal": true, "mirror": false, "lost": false} {
		r := serve(t, func(o *rehearsal.Options) {
			o.Scenario = scenario(t, o.Pool, "start: {sql: "+sql+"}")
		})
		s := r.session(fe01)
		read := func(id string, name scripts.Script, pool string, out any) {
			t.Helper()
			task := scripts.Logon{Account: `CONTOSO\lync-task`, Password: func() string { return password }}
			job(t, s, id, name, scripts.PoolArgs{Pool: pool}, task)
			st, _ := result(t, s, id)
			res, err := st.Result()
			if err == nil {
				err = res.Into(out)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var both scripts.PoolFactsResult
		var registrar, registrarAlone scripts.RegistrarResult
		var mirror, mirrorAlone scripts.MirrorResult
		read("read-both", scripts.PoolFacts, pool01, &both)
		read("read-registrar", scripts.Registrar, pool01, &registrarAlone)
		read("read-mirror", scripts.Mirror, pool01, &mirrorAlone)
		if err := errors.Join(both.Registrar.Into(&registrar), both.Mirror.Into(&mirror)); err != nil {
			t.Error(err)
		}
		if registrar != registrarAlone || !reflect.DeepEqual(mirror, mirrorAlone) || registrar.State != "Active" {
			t.Errorf("%s: together\n%+v\n%+v\nalone\n%+v\n%+v", sql, registrar, mirror, registrarAlone, mirrorAlone)
		}
		if got := mirror.PrimaryIsPrincipal(); got != principal {
			t.Errorf("%s: the primary is principal: %t", sql, got)
		}
		read("read-none", scripts.PoolFacts, "pool09.contoso.com", &both)
		for _, part := range []scripts.Part{both.Registrar, both.Mirror} {
			if !strings.Contains(part.Error, "Cannot find pool") {
				t.Errorf("a pool that is none: %+v", part)
			}
		}
	}
}

// The backup pool has servers, a readiness and a backup service of its own; what the scenario says of them holds.
func TestPartner(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) {
		o.Delegation = true
		o.Scenario = scenario(t, o.Pool, "faults: [{backup_pool: insufficient, at: 0s}]")
	})
	s := r.session("pool02-fe02.contoso.com")
	v := run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
	if v.PoolState() != scripts.StateInsufficient || len(v.Domains) != 3 {
		t.Errorf("%+v", v)
	}
	via := r.session("mgmt01.contoso.com")
	if c := run[scripts.ComputersResult](t, via, scripts.Computers, scripts.ComputersArgs{Pool: "pool02.contoso.com", LocalStore: true}); len(c.Computers) != 3 {
		t.Errorf("%+v", c)
	}
	if res, err := try(t, via, scripts.Readiness, nil); err != nil || res.Err == nil {
		t.Errorf("readiness on the management host: %+v %v", res, err)
	}
}

// A server failover disables its services, so that a reboot leaves it out of service until it is put back.
func TestServerFailover(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) { o.Pool = shipped(t, "contoso-16") })
	task := scripts.Logon{Account: `CONTOSO\lync-task`, Password: func() string { return password }}
	s := r.session(fe01)
	job(t, s, "over", scripts.FailoverComputer, scripts.ComputerArgs{Computer: fe01, WaitSeconds: 7200, DrainSeconds: 600}, task)
	if st, state := result(t, s, "over"); state != scripts.JobDone {
		t.Fatalf("%v %+v", state, st)
	}
	v := run[scripts.SurveyResult](t, s, scripts.Survey, scripts.SurveyArgs{})
	if v.Services[0].Start != "Disabled" || v.Services[0].State != "Stopped" {
		t.Errorf("%+v", v.Services[0])
	}
	if res, err := try(t, s, scripts.Start, scripts.StartArgs{}); err != nil || res.Err == nil {
		t.Errorf("disabled services started: %+v %v", res, err)
	}
	job(t, s, "back", scripts.FailbackComputer, scripts.ComputerArgs{Computer: fe01}, task)
	if st, state := result(t, s, "back"); state != scripts.JobDone {
		t.Fatalf("%v %+v", state, st)
	}
	r.wait(rehearsal.EventStarted, fe01, 1)
}
