package explore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestCoversRandomNights plays nights with faults drawn by lot in the model of package sim, on shipped runbooks and pools
// of all shapes: however they end, the explorer has such an ending for as many faults and crashes.
func TestCoversRandomNights(t *testing.T) {
	for _, c := range []struct {
		runbook, pool   string
		faults, crashes int
	}{
		{"lync2013-cu", "contoso-9", 1, 1},
		{"lync2013-cu", "contoso-12-3x4", 1, 1},
		{"lync2013-cu", "contoso-6", 2, 0},
		{"lync2013-cu-hold", "contoso-4", 2, 1},
		{"lync2013-downtime", "contoso-12-6x2", 1, 1},
		{"lync2013-paired-first", "contoso-6", 1, 1},
		{"lync2013-paired-first", "contoso-6", 2, 0},
		{"sfb-server-by-server", "contoso-8", 1, 1},
		{"sfb-server-by-server", "contoso-12-3x4", 1, 1},
	} {
		t.Run(fmt.Sprintf("%s on %s, %d and %d", c.runbook, c.pool, c.faults, c.crashes), func(t *testing.T) {
			if raceOn && c.faults+c.crashes > 2 {
				t.Skip("too long under the race detector")
			}
			prog := shipped(t, c.runbook, c.pool)
			ends := endsOf(everyEnding(t, prog, Options{Faults: c.faults, Crashes: c.crashes}))
			lot := sim.Seeded(uint64(len(c.runbook)))
			for i := range 300 {
				text := randomScenario(prog.Pool, strings.HasPrefix(c.runbook, "sfb"), c.faults, c.crashes, lot)
				sc, err := pool.DecodeScenario("drawn", []byte(text), prog.Pool)
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if got := night(t, prog, sc, sim.Seeded(uint64(i))); !ends[got] {
					t.Errorf("%swith seed %d it ends %s, which no explored night does", text, i, got)
				}
			}
		})
	}
}

// randomScenario draws faults that the explorer has too.
func randomScenario(p *pool.Pool, byServer bool, faults, crashes int, lot *sim.Random) string {
	draw := func(n int) int { return lot.Choose("", n) }
	pick := func(list ...string) string { return list[draw(len(list))] }
	var b strings.Builder
	b.WriteString("faults:\n")
	for range faults {
		server := p.Servers[draw(len(p.Servers))].Name
		switch draw(4) {
		case 0:
			fmt.Fprintf(&b, "  - {server: %s, down: %dm}\n", server, draw(600))
		case 1:
			fmt.Fprintf(&b, "  - {pool: %s, at: %dm, for: %dm}\n", pick("busy", "insufficient", "garbled"), draw(600), 1+draw(200))
		default:
			actions := []string{"stop", "upgrade", "restart", "verify", "start"}
			if byServer {
				actions = append(actions, "failover server", "failback server")
			}
			on, is := pick(actions...), pick("fail", "hang", "slow 3x", "unknown", "unknown, landed: true")
			if on == "verify" {
				is = "fail"
			}
			fmt.Fprintf(&b, "  - {server: %s, on: %s, is: %s, times: 1}\n", server, on, is)
		}
	}
	for range crashes {
		if draw(2) == 0 {
			fmt.Fprintf(&b, "  - {crash: lrun, after: %d, resume: %dm later}\n", 1+draw(120), draw(30))
		}
	}
	return b.String()
}
