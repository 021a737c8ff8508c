package explore

import (
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestLeftBetween asks for more than one `left D`: less than the longer one may be left, and more than the shorter one.
func TestLeftBetween(t *testing.T) {
	prog := compileFor(t, "test.lrun", `
window 6h
for each domain:
  wait ready retry 3 every 10m
  if left 4h:
    stop within 1h
  else if left 2h:
    abort "between"
  else:
    stop within 1h
  end
  upgrade within 1h
  restart within 1h
  verify retry 5 every 1m
  hold ready 20m within 2h
end
`, poolOf(t, "lync2013", 6, 1))
	props, err := ParseProps("test.props", []byte("never aborted\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := night(t, prog, &pool.Scenario{}, sim.First{}); got.ending != interp.AbortedRun {
		t.Fatalf("simulated it ends %s", got)
	}
	if a := prove(t, prog, Options{Props: props}); a.Property != UserProperty {
		t.Error(a.Text(prog, nil))
	}
}

// TestLeftThenWindow: whether the window is over is asked only where less than D is left of it, at the same moment.
func TestLeftThenWindow(t *testing.T) {
	prog := compileFor(t, "test.lrun", `
window 3h
on window: note "late"
for each domain:
  confirm "go on?" within 4h
  wait ready retry 3 every 10m
  if left 2h: abort "early"
  stop within 10m
  upgrade within 1h
  restart within 1h
  verify retry 3 every 1m
end
`, poolOf(t, "lync2013", 6, 1))
	for _, e := range prove(t, prog, Options{goOn: true}).Endings {
		if e.Ending == interp.WindowClosed && e.Left == 6 {
			return
		}
	}
	t.Error("no night is over before the first server is stopped")
}
