package sim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

var poolLine = regexp.MustCompile(`(?m)^# pool: (\S+)$`)

// TestScenarios rehearses every shipped scenario on the pool it names and compares the night log with a file that a
// person has read.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../runbooks/scenarios/*.scenario.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".scenario.yaml")
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			on := poolLine.FindSubmatch(src)
			if on == nil {
				t.Fatal("the scenario names no pool")
			}
			p := loadPool(t, string(on[1]))
			sc, err := pool.DecodeScenario(file, src, p)
			if err != nil {
				t.Fatal(err)
			}
			which := shippedFor(name, p)
			prog := shipped(t, which, p)
			n := rehearse(t, prog, sc, chooserOf(sc))
			if name != "quiet" && n.log == rehearse(t, prog, nil, chooserOf(sc)).log {
				t.Error("the scenario changes nothing in this night")
			}
			golden.Check(t, filepath.Join("testdata", "run", name+".txt"), []byte(n.text(string(src), which, p)))
			if n.events > 300 {
				t.Errorf("%d events", n.events)
			}
		})
	}
}

// shippedFor is the runbook to rehearse a scenario with.
func shippedFor(scenario string, p *pool.Pool) string {
	switch {
	case p.Product >= pool.SfB2015:
		return "sfb-server-by-server"
	case scenario == "person-says-no", scenario == "notify-fails":
		return "lync2013-downtime"
	case scenario == "flap-while-holding":
		return "lync2013-cu-hold"
	}
	return "lync2013-cu"
}

// versions are what the shipped runbooks are told to expect.
var versions = map[pool.Product]string{pool.Lync2013: "5.0.8308.1149", pool.SfB2015: "6.0.9319.619", pool.SfB2019: "7.0.2046.524"}

func shipped(t testing.TB, name string, p *pool.Pool) *interp.Program {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "runbooks", name+".lrun"))
	if err != nil {
		t.Fatal(err)
	}
	return compileWith(t, p, string(src), map[string]string{"version": versions[p.Product]})
}

func chooserOf(sc *pool.Scenario) sim.Chooser {
	if sc.Seed != nil {
		return sim.Seeded(*sc.Seed)
	}
	return sim.First{}
}

// text is the night as a file: the scenario, the log, the end and what it did to the people.
func (n *night) text(scenario, runbook string, p *pool.Pool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n--- %s, %d servers in %d domains\n%s", strings.TrimSpace(scenario), runbook,
		len(p.Servers), len(p.Domains), n.log)
	r, s := &n.result, &n.stats
	fmt.Fprintf(&b, "--- %s, exit code %d, after %s\n", r.Ending, r.ExitCode(), r.Elapsed)
	if r.Reason != "" {
		fmt.Fprintf(&b, "reason: %s\n", r.Reason)
	}
	fmt.Fprintf(&b, "upgraded %s\nremaining %s\ndown %s\nfailed over: %v\n", short(r.Upgraded), short(r.Remaining),
		short(r.Down), r.FailedOver)
	fmt.Fprintf(&b, "users cut off: %d, first at %s, for %s; sessions cut: %d; quorum losses: %d; failovers: %d; "+
		"failbacks: %d\n", s.UsersCut, at(s.CutAt), at(s.CutFor), s.SessionsCut, s.QuorumLosses, s.Failovers, s.Failbacks)
	return b.String()
}

func short(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.Join(names, " "), ".contoso.com", "")
}

func at(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return (time.Duration(ms) * time.Millisecond).String()
}
