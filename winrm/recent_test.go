package winrm

import (
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// TestAReadingGoesByTheLookBeforeIt: a reading right after a survey asks no server again; one that comes later, or after an
// action, does.
func TestAReadingGoesByTheLookBeforeIt(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		read := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		survey := interp.Effect{ID: read.ID, Action: interp.Survey, Server: interp.Pool, Domain: -1}
		asks := func(what string, e interp.Effect, want int) {
			t.Helper()
			before := f.called("fe02", scripts.Survey)
			if ev := f.end(w, e); ev.Reading.Running.Len() != 3 {
				t.Errorf("%s: %+v", what, ev.Reading)
			}
			if got := f.called("fe02", scripts.Survey) - before; got != want {
				t.Errorf("%s: fe02 is asked %d times, want %d", what, got, want)
			}
		}
		asks("a look", survey, 1)
		asks("one before the turn that comes at once", survey, 0)
		asks("the reading after it", read, 0)
		asks("one more reading", read, 1)
		asks("a look", survey, 1)
		time.Sleep(recent + time.Second)
		asks("a reading some time after it", read, 1)
		asks("a look", survey, 1)
		if ev := f.end(w, effect(w, interp.Start, 0, time.Hour)); ev.Outcome != interp.Done {
			t.Errorf("start: %+v", ev)
		}
		asks("a reading after an action", read, 1)

		// What was going on during the look, and has ended since, is not what the look has seen.
		f.set("fe01", func(h *host) {
			h.job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) { return time.Second, exit(0, true), nil }
		})
		upgrade := effect(w, interp.Upgrade, 0, time.Hour)
		w.Start([]interp.Effect{upgrade})
		asks("a look beside an action", survey, 1)
		at := w.Now()
		if ev, err := w.Next(t.Context()); err != nil || ev.ID != upgrade.ID || ev.Outcome != interp.Done || ev.At-at > recent {
			t.Fatalf("upgrade: %+v, %v", ev, err)
		}
		asks("a reading once that has ended", read, 1)
	})
}

// TestALookThatSettlesMakesTheOneBeforeItOld: on a resume the pool is looked at, what was under way is settled, and the pool is
// looked at again: by then an action of the run before may have ended that was going on at the first look.
func TestALookThatSettlesMakesTheOneBeforeItOld(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		survey := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		survey.Action = interp.Survey
		f.set("fe01", func(h *host) { h.all("StartPending") })
		if ev := f.end(w, survey); ev.Reading.Running.Has(0) {
			t.Fatalf("a look while fe01 starts: %+v", ev.Reading)
		}
		f.set("fe01", func(h *host) { h.all("Running") })
		if ev := f.end(w, lookFor(effect(w, interp.Start, 0, time.Hour))); ev.Outcome != interp.Done {
			t.Fatalf("the start is settled: %+v", ev)
		}
		if ev := f.end(w, survey); !ev.Reading.Running.Has(0) {
			t.Errorf("a look once the start of fe01 is settled does not see that it runs: %+v", ev.Reading)
		}
	})
}
