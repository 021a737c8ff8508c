package winrm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
)

func TestDiscoverAgreesWithTheFile(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	live, err := r.servers.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if live.State != interp.Ready || live.Pool != interp.Active || !live.SQL || len(live.Unread) > 0 || len(live.Partners) == 0 {
		t.Errorf("found %+v", live)
	}
	if d := live.Differences(r.pool); len(d) > 0 {
		t.Errorf("the served pool differs from its own file: %v", d)
	}
	q, err := live.Apply(r.pool)
	if err != nil || strings.Join(q.Names(q.All()), " ") != strings.Join(r.pool.Names(r.pool.All()), " ") {
		t.Errorf("the live topology does not give the pool back: %v", err)
	}
	report := r.servers.Preflight(t.Context(), live, compile(t, r.pool, procedure), "")
	for _, c := range report.Checks {
		t.Logf("%-4s %-16s %-20s %s", c.Grade, c.What, c.Server, c.Text)
	}
	if report.Worst() == winrm.Fail || len(report.Installers) != 1 {
		t.Errorf("preflight of a quiet pool ends %s, installers %q", report.Worst(), report.Installers)
	}
	// Each installer of a runbook is compared.
	const other = `C:\Updates\Fabric.exe`
	two := strings.Replace(procedure, "  upgrade", "  upgrade with \"C:\\Updates\\Fabric.exe\"\n  upgrade", 1)
	report = r.servers.Preflight(t.Context(), live, compile(t, r.pool, two), "")
	if a, b := report.Installers[other], report.Installers[r.pool.Installer]; a == "" || b == "" || a == b {
		t.Errorf("installers are %q", report.Installers)
	}
}

func TestDifferencesAreTold(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	live, err := r.servers.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := *r.pool
	q.Domains = []pool.Domain{{Name: "UD1", Servers: pool.SetOf(0, 1)}, {Name: "UD2", Servers: pool.SetOf(2)},
		{Name: "UD3", Servers: pool.SetOf(3)}, {Name: "UD4", Servers: pool.SetOf(4)}, {Name: "UD5", Servers: pool.SetOf(5)}}
	q.Backup = "pool09.contoso.com"
	var got []string
	for _, d := range live.Differences(&q) {
		got = append(got, d.String())
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"domain UD1: the pool file says fe01.contoso.com, fe02.contoso.com, the live pool fe01.contoso.com",
		"backup: the pool file says pool09.contoso.com, the live pool pool02.contoso.com",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in:\n%s", want, text)
		}
	}
}

// connect reaches the servers of a pool file until the test ends.
func connect(t *testing.T, p *pool.Pool) *winrm.Servers {
	t.Helper()
	login, err := winrm.NewLogin(p, winrm.Credentials{Password: password})
	if err != nil {
		t.Fatal(err)
	}
	servers, err := winrm.Connect(p, login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return servers
}

func TestIdentityDirectDoesNotReachOn(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	p := *r.pool
	p.Connect.Identity = pool.Identity{} // the file of a rehearsal names an account that reaches on
	servers := connect(t, &p)
	live, err := servers.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report := servers.Preflight(t.Context(), live, nil, "")
	found := false
	for _, c := range report.Checks {
		found = found || c.What == "second hop" && c.Grade == winrm.Fail && strings.Contains(c.Text, "task:ACCOUNT")
	}
	if !found {
		t.Errorf("the second hop is not told: %+v", report.Checks)
	}
}

func TestTheSecondRunIsRefused(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	first, err := r.servers.Mark(t.Context(), "run-a", "alice on mgmt01", nil)
	if err != nil {
		t.Fatal(err)
	}
	var held *winrm.HeldError
	if _, err = r.servers.Mark(t.Context(), "run-b", "bob on mgmt02", nil); !errors.As(err, &held) || held.Run != "run-a" || held.Owner != "alice on mgmt01" {
		t.Errorf("the second run got %v", err)
	}
	if again, err := r.servers.Mark(t.Context(), "run-a", "alice on mgmt01", nil); err != nil {
		t.Errorf("a run that goes on is kept out by its own mark: %v", err)
	} else if err := again.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if third, err := r.servers.Mark(t.Context(), "run-c", "carol on mgmt03", nil); err != nil {
		t.Errorf("after the release: %v", err)
	} else if err := third.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBothOfAPairAreNotUpgradedAtOnce: a run on a pool marks the front ends of its pair as well, so that one on that pool, from
// another host, finds it, and leaves nothing of its own behind.
func TestBothOfAPairAreNotUpgradedAtOnce(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	text := string(r.served.PoolFile())
	begin, end := strings.Index(text, "pool: "), strings.Index(text, "installer:")
	text = text[:begin] + "pool: pool02.contoso.com\nproduct: lync2013\nbackup: pool01.contoso.com\ndomains:\n" +
		"  UD1: [pool02-fe01.contoso.com]\n  UD2: [pool02-fe02.contoso.com]\n  UD3: [pool02-fe03.contoso.com]\n" + text[end:]
	p, err := pool.Decode("pair.pool.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	pair := connect(t, p)
	for _, c := range []struct {
		name          string
		first, second *winrm.Servers
	}{{"pool01 first", r.servers, pair}, {"pool02 first", pair, r.servers}} {
		m, err := c.first.Mark(t.Context(), "run-a", "alice on mgmt01", nil)
		if err != nil || len(m.Silent()) > 0 {
			t.Fatalf("%s: %v, %v", c.name, err, m)
		}
		var held *winrm.HeldError
		if _, err := c.second.Mark(t.Context(), "run-b", "bob on mgmt02", nil); !errors.As(err, &held) || held.Run != "run-a" {
			t.Errorf("%s: the run on the pair got %v", c.name, err)
		}
		if err := m.Release(t.Context()); err != nil {
			t.Error(err)
		}
		after, err := c.second.Mark(t.Context(), "run-c", "carol on mgmt03", nil)
		if err != nil {
			t.Fatalf("%s: once it is over: %v", c.name, err)
		}
		if err := after.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	r := serve(t, "contoso-6", "", func(_ *rehearsal.Options, c *winrm.Credentials) { c.Password = "wrong password" })
	_, err := r.servers.Discover(t.Context())
	if err == nil || strings.Contains(err.Error(), "wrong password ") {
		t.Errorf("the error is %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	denied := 0
	for _, ev := range r.events {
		if ev.Event == rehearsal.EventDenied {
			denied++
		}
	}
	if denied != 1 {
		t.Errorf("the password was tried %d times", denied)
	}
}

// Two addresses that are swapped in the pool file would let a whole night run on the wrong servers.
func TestWrongServerIsRefused(t *testing.T) {
	r := serve(t, "contoso-6", "", nil)
	p := *r.pool
	p.Connect.Hosts = slices.Clone(p.Connect.Hosts)
	h := p.Connect.Hosts
	h[0].Address, h[1].Address = h[1].Address, h[0].Address
	servers := connect(t, &p)
	_, err := servers.Discover(t.Context())
	var wrong *winrm.WrongServerError
	if !errors.As(err, &wrong) || wrong.Want == wrong.Got {
		t.Fatalf("two swapped addresses: %v", err)
	}
	t.Log(wrong)
}
