package winrm

import (
	"context"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// The time of a run goes on while its machine sleeps, and never goes back.
func TestTimeGoesOnInSleep(t *testing.T) {
	var ticks time.Duration
	wall := time.Date(2026, 3, 7, 22, 0, 0, 0, time.UTC)
	c := newClock(time.Hour, 1)
	c.wake = &wakefulness{read: func() (time.Duration, time.Time) { return ticks, wall }, wall: wall}
	pass := func(awake, clock time.Duration) {
		ticks += awake
		wall = wall.Add(clock)
	}
	for _, step := range []struct {
		what         string
		awake, clock time.Duration
		want         time.Duration
	}{
		{"awake", 10 * time.Minute, 10 * time.Minute, 70 * time.Minute},
		{"the lid is shut for six hours", time.Second, 6 * time.Hour, 70*time.Minute + 6*time.Hour},
		{"awake again", time.Minute, time.Minute, 71*time.Minute + 6*time.Hour},
		{"the clock is corrected by half a minute", time.Minute, 90 * time.Second, 72*time.Minute + 6*time.Hour},
		{"it is set back by an hour", time.Minute, -time.Hour, 73*time.Minute + 6*time.Hour},
		{"and goes on", time.Minute, time.Minute, 74*time.Minute + 6*time.Hour},
		{"asleep again", 0, time.Hour, 74*time.Minute + 7*time.Hour},
	} {
		pass(step.awake, step.clock)
		if got := c.now(); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
}

type slowNotifier time.Duration

func (n slowNotifier) Notify(ctx context.Context, _ string) error {
	select {
	case <-time.After(time.Duration(n)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Whoever is sent a text lives in the time of the wall, also where a rehearsal's half a minute is a tenth of a second of it.
func TestATextIsSentInTheTimeOfTheWall(t *testing.T) {
	for _, c := range []struct {
		scale int
		takes time.Duration
		want  interp.Outcome
	}{
		{1, 29 * time.Second, interp.Done},
		{1, 31 * time.Second, interp.Failed},
		{300, answerWall - time.Second, interp.Done},
		{300, answerWall + time.Second, interp.Failed},
	} {
		inBubble(t, func(t *testing.T, f *farm) {
			f.pool.Rehearsal = &pool.Rehearsal{TimeScale: c.scale}
			w := f.world("notify \"done\"\n")
			defer w.Close()
			w.opts.Notifier = slowNotifier(c.takes)
			ev := f.end(w, effect(w, interp.Notify, interp.Pool, 30*time.Second))
			if ev.Outcome != c.want || ev.Bound != (c.want == interp.Failed) {
				t.Errorf("%d times as fast, a text that takes %s ended %s, bound %t", c.scale, c.takes, ev.Outcome, ev.Bound)
			}
		})
	}
}
