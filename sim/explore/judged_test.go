package explore

import (
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestReplayShowsTheViolation: that a simulated night comes to the same end does not make it break the property. What the
// scenario says is simulated has to do so, as the property is meant.
func TestReplayShowsTheViolation(t *testing.T) {
	src := `
for each domain:
  wait ready retry 3 every 10m
  stop graceful within 1h else stop
  upgrade
  restart else abort "hardware"
  verify retry 5 every 10s
  hold ready 20m
end
`
	for _, c := range []struct {
		prop  string
		shown bool
		holds func(n sim.Night) bool
	}{
		{"always elapsed < 8h", true, func(n sim.Night) bool { return n.Result.Elapsed < 8*time.Hour }},
		{"always elapsed < 10h", true, func(n sim.Night) bool { return n.Result.Elapsed < 10*time.Hour }},
		{"always elapsed < 10h40m", false, func(n sim.Night) bool { return n.Result.Elapsed < 640*time.Minute }},
		{"never users cut off > 10", true, func(n sim.Night) bool { return n.Stats.SessionsCut <= 10 }},
		{"never aborted", true, func(n sim.Night) bool { return n.Result.Ending != interp.AbortedRun }},
		{"always servers left <= 1", false, func(n sim.Night) bool { return len(n.Result.Remaining) <= 1 }},
	} {
		t.Run(c.prop, func(t *testing.T) {
			prog := compileFor(t, "test.lrun", src, poolOf(t, "lync2013", 6, 1))
			props, err := ParseProps("test.props", []byte(c.prop+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			faults := 1
			if props[0].subject == elapsed {
				faults = 0
			}
			a := prove(t, prog, Options{Props: props, Faults: faults, Clock: -1})
			if a.Property != UserProperty {
				t.Fatal(a.Text(prog, nil))
			}
			r, err := a.Replay(t.Context(), prog)
			if err != nil {
				t.Fatal(err)
			}
			sc, err := pool.DecodeScenario("saved", r.Scenario, prog.Pool)
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Scenario)
			}
			rehearsal, err := sim.NewRehearsal(prog, sc, interp.Args{})
			if err != nil {
				t.Fatal(err)
			}
			n, err := rehearsal.Night(t.Context(), sim.First{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Same != c.shown || r.Same == c.holds(n) {
				t.Errorf("same: %v, want %v; simulated it takes %s and cuts off %d\n%s\n%s", r.Same, c.shown, n.Result.Elapsed, n.Stats.SessionsCut, r.Why, r.Scenario)
			}
		})
	}
}
