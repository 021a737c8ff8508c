package explore

import (
	"fmt"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestFailoverOfAServersTask kills lrun in a failover of the pool that a server's task has begun. Whatever came of it while
// nobody was there, it is settled before the pool's state is judged: such a run goes on.
func TestFailoverOfAServersTask(t *testing.T) {
	prog := compileFor(t, "test.lrun", `
for each server:
  wait ready else failover
  stop within 10m
  upgrade within 1h
  restart within 1h
  verify retry 3 every 1m
end
if failed over: failback
`, poolOf(t, "sfb2015", 6, 1))
	a := prove(t, prog, Options{Crashes: 1})
	if a.Property != Holds {
		t.Fatal(a.Text(prog, nil))
	}
	ends := endsOf(a)
	over := 0
	for after := 5; after < 40; after++ {
		for _, away := range []string{"1s", "10m", "1h"} {
			text := fmt.Sprintf("faults:\n  - {pool: insufficient, at: 0s, for: 5m}\n  - {crash: lrun, after: %d, resume: %s later}\n", after, away)
			sc, err := pool.DecodeScenario("made", []byte(text), prog.Pool)
			if err != nil {
				t.Fatal(err)
			}
			r, err := sim.NewRehearsal(prog, sc, interp.Args{})
			if err != nil {
				t.Fatal(err)
			}
			n, err := r.Night(t.Context(), sim.First{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			over += n.Stats.Failovers
			if got := (seen{ending: n.Result.Ending}); n.Result.Ending != interp.Completed || !ends[got] {
				t.Errorf("%sit ends %s: %s", text, n.Result.Ending, n.Result.Reason)
			}
		}
	}
	if over == 0 {
		t.Error("the pool was never failed over")
	}
}
