package winrm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// poolAsks looks at the pool anew, and tells how often each server was asked for the pool's state.
func (f *farm) poolAsks(w *World) (asked [3]int) {
	f.t.Helper()
	names := []string{"fe01", "fe02", "fe03"}
	for i, name := range names {
		asked[i] = -f.called(name, scripts.Registrar)
	}
	if r, _, err := w.poolSurvey(f.t.Context(), ""); err != nil || r.Pool != interp.Active {
		f.t.Errorf("%+v, %v", r, err)
	}
	for i, name := range names {
		asked[i] += f.called(name, scripts.Registrar)
	}
	return asked
}

// TestAsksWhoServes: cmdlets that load the product's module are not run on a server that does not serve while others do: an
// installer may be at its files, that of a run whose lrun was killed as well.
func TestAsksWhoServes(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		if _, err := f.servers.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.set("fe01", func(h *host) { h.all("Stopped") })
		w := f.world(body)
		defer w.Close()
		if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
			t.Errorf("fe01 is down, and the servers are asked %d", got)
		}
		f.set("fe01", func(h *host) { h.all("Running") })
		for range 2 {
			if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
				t.Errorf("fe02 has answered last, and the servers are asked %d", got)
			}
		}
		if ev := f.end(w, effect(w, interp.Stop, 1, time.Hour)); ev.Outcome != interp.Done {
			t.Fatalf("stop: %+v", ev)
		}
		if got := f.poolAsks(w); got != [3]int{1, 0, 0} {
			t.Errorf("fe02 is stopped, and the servers are asked %d", got)
		}
	})
}

// TestAsksAHostThatHangsOnce: the one that answered last and hangs now is asked once in a look, and not first in the next.
func TestAsksAHostThatHangsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		if got := f.poolAsks(w); got != [3]int{1, 0, 0} {
			t.Errorf("the servers are asked %d", got)
		}
		f.set("fe01", func(h *host) {
			h.on[scripts.Registrar] = func(json.RawMessage) (any, error) { return nil, errHangs }
		})
		if got := f.poolAsks(w); got != [3]int{1, 1, 0} {
			t.Errorf("fe01 hangs, and the servers are asked %d", got)
		}
		if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
			t.Errorf("fe01 hung the last time, and the servers are asked %d", got)
		}
	})
}
