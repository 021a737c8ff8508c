package explore

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// seen is how a night ended, as far as the explorer and the model of package sim must agree.
type seen struct {
	ending           interp.Ending
	over, left, down bool
}

func (s seen) String() string {
	return fmt.Sprintf("%s over=%v left=%v down=%v", s.ending, s.over, s.left, s.down)
}

func endsOf(a *Answer) map[seen]bool {
	all := map[seen]bool{}
	for _, e := range a.Endings {
		all[seen{e.Ending, e.FailedOver, e.Left > 0, e.Down > 0}] = true
	}
	return all
}

func night(t *testing.T, prog *interp.Program, sc *pool.Scenario, ch sim.Chooser) seen {
	t.Helper()
	r, err := sim.NewRehearsal(prog, sc, interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Night(t.Context(), ch, nil)
	if err != nil {
		t.Fatal(err)
	}
	return seen{n.Result.Ending, n.Result.FailedOver, len(n.Result.Remaining)+len(n.Result.Skipped) > 0, len(n.Result.Down) > 0}
}

// TestCoversTheModel holds the explorer against package sim, which knows durations, sessions and where replicas are:
// however a night with one fault ends there, the explorer has such an ending for one fault. A server that comes back is
// left out of the explorer, so here the dead stay dead.
func TestCoversTheModel(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	p := loadPool(t, "contoso-6")
	prog := compileFor(t, "seed.lrun", seedText, p)
	var faults []string
	for _, server := range []string{"fe01", "fe03", "fe06"} {
		for _, on := range []string{"stop", "upgrade", "restart", "verify"} {
			for _, is := range []string{"fail", "hang", "slow 3x", "unknown", "unknown, landed: true"} {
				if on == "verify" && is != "fail" {
					continue
				}
				faults = append(faults, fmt.Sprintf("{server: %s.contoso.com, on: %s, is: %s, times: 1}", server, on, is))
			}
		}
		for _, at := range []string{"1m", "50m", "1h10m", "2h", "4h", "7h"} {
			faults = append(faults, fmt.Sprintf("{server: %s.contoso.com, down: %s}", server, at))
		}
	}
	for _, state := range []string{"busy", "insufficient", "garbled"} {
		for _, at := range []string{"0s", "2h", "5h"} {
			for _, long := range []string{"5m", "25m", "5h"} {
				faults = append(faults, fmt.Sprintf("{pool: %s, at: %s, for: %s}", state, at, long))
			}
		}
	}
	for _, on := range []string{"upgrade", "restart"} {
		faults = append(faults, fmt.Sprintf("{server: fe02.contoso.com, on: %s, is: hang}", on))
	}
	one := endsOf(prove(t, prog, Options{Faults: 1}))
	killed := endsOf(prove(t, prog, Options{Faults: 1, Crashes: 1}))
	for i, f := range faults {
		for seed := uint64(1); seed <= 3; seed++ {
			crash := ""
			ends := one
			if seed == 3 {
				crash = fmt.Sprintf("\n  - {crash: lrun, after: %d, resume: 5m later}", 5+i%60)
				ends = killed
			}
			text := "faults:\n  - " + f + crash + "\n"
			sc, err := pool.DecodeScenario("made", []byte(text), p)
			if err != nil {
				t.Fatal(err)
			}
			if got := night(t, prog, sc, sim.Seeded(seed)); !ends[got] {
				t.Errorf("%ssimulated with seed %d it ends %s, which no explored night does", text, seed, got)
			}
		}
	}
}

var onPool = regexp.MustCompile(`(?m)^# pool: (\S+)$`)

// beyond are the shipped scenarios that the abstraction leaves out, or whose faults are more than two.
var beyond = map[string]string{
	"already-failed-over":       "begins on a pool that is failed over",
	"half-done":                 "begins with servers that have the version",
	"one-already-down":          "begins with a server that is down",
	"reboot-pending":            "begins with reboots pending",
	"failed-back-by-hand":       "work by hand",
	"services-stopped-by-hand":  "work by hand",
	"sql-lost-in-a-pool-of-two": "the vote of the SQL Server",
	"sql-on-mirror":             "the vote of the SQL Server",
}

// TestCoversTheScenarios does the same for the shipped scenarios.
func TestCoversTheScenarios(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	files, err := filepath.Glob("../../runbooks/scenarios/*.scenario.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	known := map[string]map[seen]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".scenario.yaml")
		t.Run(name, func(t *testing.T) {
			if why := beyond[name]; why != "" {
				t.Skip(why)
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			on := onPool.FindSubmatch(src)
			p := loadPool(t, string(on[1]))
			sc, err := pool.DecodeScenario(file, src, p)
			if err != nil {
				t.Fatal(err)
			}
			prog := compileFor(t, "seed.lrun", seedText, p)
			got := night(t, prog, sc, sim.First{})
			if known[p.Name+string(on[1])] == nil {
				known[p.Name+string(on[1])] = endsOf(everyEnding(t, prog, Options{Faults: 2, Crashes: 1}))
			}
			if !known[p.Name+string(on[1])][got] {
				t.Errorf("simulated it ends %s, which no explored night does", got)
			}
		})
	}
}

// everyEnding explores on past what violates a property.
func everyEnding(t *testing.T, prog *interp.Program, opts Options) *Answer {
	t.Helper()
	opts.goOn = true
	return prove(t, prog, opts)
}
