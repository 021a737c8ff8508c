package winrm_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/runbooks"
	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/internal/memnet"
	"github.com/lrun/lrun/winrm/transport"
)

var _ = golden.Update // go test -update reaches this package too

const (
	user     = `CONTOSO\lync-admin`
	password = "not-for-any-log 1"
)

// procedure is the vendor's procedure for Lync Server 2013.
const procedure = `
runbook "Lync Server 2013 cumulative update"
param update  = "C:\Updates\LyncServerUpdateInstaller.exe"
param version = "5.0.8308.1149"
window 24h
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade with "{update}" args "/silentmode" within 1h
  restart within 30m
  verify version "{version}" retry 60 every 1m
end
if failed over:
  failback
end
`

func shipped(t testing.TB, name string) *pool.Pool {
	t.Helper()
	for _, f := range runbooks.Files() {
		if f.Name == name && string(f.Kind) == "pool" {
			p, err := pool.Decode(f.File, f.Text)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no pool %s", name)
	return nil
}

func compile(t testing.TB, p *pool.Pool, runbook string) *interp.Program {
	t.Helper()
	src, diags := lang.Load("test.lrun", []byte(runbook), nil)
	if diags.HasErrors() {
		t.Fatal(diags.Error())
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func scenarioOf(t testing.TB, p *pool.Pool, text string) *pool.Scenario {
	t.Helper()
	if text == "" {
		return &pool.Scenario{}
	}
	sc, err := pool.DecodeScenario("test.scenario.yaml", []byte(text), p)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// rig is a served pool and the Servers that reach it.
type rig struct {
	served  *rehearsal.Server
	pool    *pool.Pool // of the file that the rehearsal wrote
	servers *winrm.Servers

	mu     sync.Mutex
	events []rehearsal.Event
}

// serve serves a shipped pool, with identity: task, at a scale at which a night takes seconds.
func serve(t testing.TB, name, scenario string, set func(*rehearsal.Options, *winrm.Credentials)) *rig {
	t.Helper()
	return serveOn(t, nil, name, scenario, set)
}

// serveOn is serve on a network inside the process, nil for that of the machine.
func serveOn(t testing.TB, n *memnet.Network, name, scenario string, set func(*rehearsal.Options, *winrm.Credentials)) *rig {
	t.Helper()
	p := shipped(t, name)
	p.Connect.Identity = pool.Identity{Kind: pool.Task, Account: user}
	p.Connect.Via = ""
	r := &rig{}
	seed := uint64(7)
	o := rehearsal.Options{
		Pool: p, Scenario: scenarioOf(t, p, scenario), Seed: &seed, TimeScale: 600, Listen: "127.0.0.1:0", User: user,
		Password: password, Auth: []pool.Auth{pool.Basic},
		OnEvent: func(ev rehearsal.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, ev)
		},
	}
	cred := winrm.Credentials{Password: password}
	if set != nil {
		set(&o, &cred)
	}
	if n != nil {
		o.Network = n.Listen
	}
	served, err := rehearsal.Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	r.served = served
	t.Cleanup(func() {
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.pool, err = pool.Decode("served.pool.yaml", served.PoolFile()); err != nil {
		t.Fatal(err)
	}
	login, err := winrm.NewLogin(r.pool, cred)
	if err != nil {
		t.Fatal(err)
	}
	if n != nil {
		login.Dial = dialOn(r.pool, n.Dial)
	}
	if r.servers, err = winrm.Connect(r.pool, login); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.servers.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// dialOn makes a Dialer of a network of its own, by Basic.
func dialOn(p *pool.Pool, dial func(context.Context, string, string) (net.Conn, error)) winrm.Dialer {
	auth := transport.Basic(transport.NewCredential(user, password))
	return func(server string) (transport.Runner, error) {
		at, err := netip.ParseAddrPort(p.Connect.Address(server))
		if err != nil {
			return nil, err
		}
		return transport.Open(transport.Config{
			Host: at.Addr().String(), Port: int(at.Port()), Auth: auth, ServerName: server, MaxCommands: 4, Dial: dial,
		})
	}
}

// story is what a run did, in order, to each server and to the pool.
type story map[string][]string

func (s story) add(p *pool.Pool, r *interp.Record) {
	who := "pool"
	if r.Server >= 0 {
		who = p.Servers[r.Server].Name
	}
	switch r.Kind {
	case interp.RecStart:
		s[who] = append(s[who], "start "+r.Action.String())
	case interp.RecEnd:
		s[who] = append(s[who], fmt.Sprintf("%s %s", r.Action, r.Outcome))
	case interp.RecFinish:
		s["run"] = append(s["run"], r.Final.String())
	}
}

// exec runs a runbook on a served pool and tells its story.
func (r *rig) exec(t testing.TB, runbook string) (story, *interp.Program) {
	t.Helper()
	prog := compile(t, r.pool, runbook)
	m := interp.New(prog, interp.Args{})
	w := winrm.NewWorld(r.servers, winrm.Options{Program: prog, Run: "test-run", Render: m.Render})
	defer w.Close()
	s, d := story{}, interp.NewDescriber(prog, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*24*time.Hour)
	defer cancel()
	for ev := (interp.Event{Kind: interp.Began}); ; {
		out := m.Step(ev)
		for i := range out.Records {
			s.add(r.pool, &out.Records[i])
			if line := d.Line(&out.Records[i]); line != "" {
				t.Log(line)
			}
		}
		if strings.Contains(ev.Text, password) {
			t.Errorf("the password is in an event: %+v", ev)
		}
		w.Start(out.Effects)
		if _, done := m.Result(); done {
			return s, prog
		}
		var err error
		if ev, err = w.Next(ctx); err != nil {
			t.Fatalf("the run broke off: %v", err)
		}
	}
}

// simulate tells the story of the same night in the model alone.
func simulate(t testing.TB, p *pool.Pool, scenario, runbook string) story {
	t.Helper()
	prog := compile(t, p, runbook)
	r, err := sim.NewRehearsal(prog, scenarioOf(t, p, scenario), interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	s := story{}
	_, err = r.Night(t.Context(), sim.Seeded(7), &sim.Watcher{Record: func(rec *interp.Record) { s.add(p, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// installs counts the installers that ended well, by server.
func (r *rig) installs() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := map[string]int{}
	for _, ev := range r.events {
		if ev.Event == rehearsal.EventInstalled {
			n[ev.Server]++
		}
	}
	return n
}

func (r *rig) has(event string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(ev rehearsal.Event) bool { return ev.Event == event })
}

// shippedText is a scenario or runbook that ships with the product.
func shippedText(t testing.TB, kind, name string) string {
	t.Helper()
	for _, f := range runbooks.Files() {
		if f.Name == name && string(f.Kind) == kind {
			return string(f.Text)
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return ""
}

// TestNightsEqualTheModels goes through the shipped scenarios for six servers, but for one: whether a server that dies at
// a given minute is met by a stop, a look or nothing hangs on seconds.
func TestNightsEqualTheModels(t *testing.T) {
	for _, name := range []string{
		"already-failed-over", "backup-behind", "backup-of-the-other-pool-broken", "backup-pool-insufficient", "busy-clears", "busy-once", "busy-stays", "cms-here", "cms-on-both", "connection-lost", "connection-lost-before", "crash", "database-update-due", "domain-never-ready", "domain-not-ready", "drain-never-ends", "drain-slow", "edge-next-hop", "failback-slow", "failed-back-by-hand", "failover-fails", "flap-while-holding", "front-end-denied", "front-end-stuck-starting", "garbled", "half-done", "installer-fails", "installer-hangs", "installer-restarts-services", "installer-slow", "installer-wants-reboot", "insufficient", "insufficient-later", "mixed-readings", "notify-fails", "one-already-down", "person-says-no", "quiet", "reboot-pending", "replica-stale", "rgs-stuck", "services-disabled-after-reboot", "services-stopped-by-hand", "sql-on-mirror", "stop-hangs", "unanswered", "verify-fails", "verify-fails-for-a-while", "version-stays",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { equalNight(t, "contoso-6", shippedText(t, "scenario", name), procedure) })
		})
	}
}

// shortNight is one of a few hours, so that its time need not run too fast for a machine that is busy.
func shortNight(o *rehearsal.Options, _ *winrm.Credentials) {
	o.TimeScale, o.Build = 450, map[pool.Product]string{pool.Lync2013: "5.0.8308.1149"}[o.Pool.Product]
	short := pool.Range{Low: 2 * time.Minute, High: 4 * time.Minute}
	m := &o.Pool.Model
	m.Drain, m.Stop, m.Start, m.Upgrade, m.Reboot, m.Settle = short, short, short, short, short, short
	m.Failover, m.Failback, m.CMS, m.FailoverServer, m.FailbackServer = short, short, short, short, short
}

// equalNight rehearses a night against endpoints and in the model alone, and compares what was done to whom, in order.
// It is to be called in a bubble, so that the night goes by at its own pace and takes as long as its work does.
func equalNight(t *testing.T, name, scenario, runbook string) {
	t.Helper()
	r := serveOn(t, memnet.New(), name, scenario, func(o *rehearsal.Options, c *winrm.Credentials) {
		shortNight(o, c)
		o.TimeScale = 1
	})
	got, _ := r.exec(t, runbook)
	if diff := cmp.Diff(simulate(t, r.pool, scenario, runbook), got); diff != "" {
		t.Errorf("exec differs from the model (-model +exec):\n%s", diff)
	}
	for server, n := range r.installs() {
		if n != 1 {
			t.Errorf("%s was updated %d times", server, n)
		}
	}
	if r.has(rehearsal.EventCollided) || r.has(rehearsal.EventDenied) {
		t.Error("the servers tell of a collision or a refused logon")
	}
}

// A web server that is stopped by name alone, and databases without a mirror in a pool where the vote of SQL decides, change
// nothing in a night.
func TestNightOfAnotherKindOfPool(t *testing.T) {
	for _, name := range []string{"contoso-2", "contoso-6"} {
		synctest.Test(t, func(t *testing.T) {
			r := serveOn(t, memnet.New(), name, "", func(o *rehearsal.Options, c *winrm.Credentials) {
				shortNight(o, c)
				o.TimeScale, o.StaysUp, o.Unmirrored = 1, true, true
			})
			got, _ := r.exec(t, procedure)
			if diff := cmp.Diff(simulate(t, r.pool, "", procedure), got); diff != "" {
				t.Errorf("exec differs from the model (-model +exec):\n%s", diff)
			}
			if len(r.installs()) != len(r.pool.Servers) {
				t.Errorf("updated: %v", r.installs())
			}
		})
	}
}

// TestServerByServer is the procedure of 2015 and later, by the cmdlets that fail single servers over.
func TestServerByServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { equalNight(t, "contoso-3", "", shippedText(t, "runbook", "sfb-server-by-server")) })
}
