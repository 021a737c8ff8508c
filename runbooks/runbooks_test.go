package runbooks_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runbooks"
	"github.com/lrun/lrun/sim"
)

// TestRunbooks holds every shipped runbook to what it is shipped for: it is in canonical form, passes the strict check on
// every shipped pool of its product, and a night without trouble on such a pool ends with every server upgraded, or
// the window closes on a large one.
func TestRunbooks(t *testing.T) {
	if golden.Update() {
		t.Log("nothing here is golden")
	}
	pools := shippedPools(t)
	for _, f := range runbooks.Files() {
		if f.Kind != runbooks.Runbook {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			canonical, ds := lang.Format(f.File, f.Text)
			if ds.HasErrors() || string(canonical) != string(f.Text) {
				t.Errorf("not in canonical form: %v", ds)
			}
			if !strings.Contains(string(f.Text), "if pool upgraded:\n  run \"") {
				t.Error("it does not look whether a database update is due")
			}
			on := 0
			for _, p := range pools {
				if (p.Product == pool.Lync2013) == strings.HasPrefix(f.Name, "lync2013") && whole(f, p) {
					on++
					t.Run(p.Name+"-"+itoa(len(p.Servers)), func(t *testing.T) { night(t, f, p) })
				}
			}
			if on == 0 {
				t.Error("no shipped pool is fit for it")
			}
		})
	}
}

// whole reports whether the runbook is written for a pool of this shape.
func whole(f runbooks.File, p *pool.Pool) bool {
	switch f.Name {
	case "lync2013-paired-first":
		return p.Paired()
	case "sfb-server-by-server":
		return len(p.Servers) >= 3
	}
	return true
}

func itoa(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

func shippedPools(t *testing.T) []*pool.Pool {
	t.Helper()
	var all []*pool.Pool
	for _, f := range runbooks.Files() {
		if f.Kind == runbooks.Pool {
			p, err := pool.Decode(f.File, f.Text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	return all
}

func night(t *testing.T, f runbooks.File, p *pool.Pool) {
	src, ds := lang.Load(f.File, f.Text, nil)
	ds = append(ds, lang.Check(src, lang.PoolFacts{
		Known: true, Name: p.Name, Lync2013: p.Product == pool.Lync2013, Servers: len(p.Servers), Domains: len(p.Domains),
		Paired: p.Paired(), Installer: p.Installer != "",
	})...)
	for _, d := range ds {
		if d.Code != "L064" || p.Paired() { // without a backup pool the way by failover ends failed, and check says so
			t.Error(d)
		}
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sim.NewRehearsal(prog, nil, interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Night(context.Background(), sim.First{}, &sim.Watcher{})
	if err != nil {
		t.Fatal(err)
	}
	if n.Result.Ending == interp.WindowClosed && len(p.Servers) >= 12 && len(n.Result.Upgraded) >= 8 && len(n.Result.Down) == 0 {
		return // one server after the other, a large pool takes two nights
	}
	if n.Result.ExitCode() != 0 || len(n.Result.Upgraded) != len(p.Servers) || n.Stats.UsersCut > 0 {
		t.Errorf("%s, %d of %d servers upgraded, %d users cut off: %s", n.Result.Ending, len(n.Result.Upgraded),
			len(p.Servers), n.Stats.UsersCut, n.Result.Reason)
	}
}

func TestEveryFileSaysWhatItIs(t *testing.T) {
	kinds := map[runbooks.Kind]int{}
	for _, f := range runbooks.Files() {
		kinds[f.Kind]++
		if len(f.About) < 10 || len(f.About) > 130 {
			t.Errorf("%s opens with %q", f.Path, f.About)
		}
	}
	if kinds[runbooks.Runbook] < 5 || kinds[runbooks.Pool] < 7 || kinds[runbooks.Scenario] < 20 {
		t.Errorf("shipped: %v", kinds)
	}
}
