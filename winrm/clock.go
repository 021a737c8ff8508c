package winrm

import (
	"context"
	"errors"
	"sync"
	"time"
)

// clock is the time of a run: it goes on where the run's journal ended, and in a rehearsal it is faster than the wall.
type clock struct {
	wake  *wakefulness
	from  time.Duration // of the run, when the clock was opened
	scale time.Duration // seconds of the run in one second of the wall; at least 1
}

func newClock(from time.Duration, scale int) clock {
	opened := time.Now()
	read := func() (time.Duration, time.Time) {
		now := time.Now()
		return now.Sub(opened), now.Round(0)
	}
	return clock{wake: &wakefulness{read: read, wall: opened.Round(0)}, from: from, scale: time.Duration(max(scale, 1))}
}

// now is the time since the run's start. It never goes back, whatever is done to the clock on the wall, and goes on while
// this machine sleeps.
func (c *clock) now() time.Duration { return c.from + c.wake.elapsed()*c.scale }

// wakefulness counts the time that passes, that in which this machine slept included: on some systems the clock that never
// goes back stands still meanwhile. A laptop that was shut for six hours must not take the window for open, or a reading
// for fresh. A clock that somebody sets forward looks the same, and then the run is careful without need.
type wakefulness struct {
	read func() (ticks time.Duration, wall time.Time)

	mu    sync.Mutex
	ticks time.Duration // when it was read last
	wall  time.Time
	slept time.Duration
}

// slumber is the least that is taken for sleep and not for a clock that is being corrected.
const slumber = time.Minute

func (w *wakefulness) elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	ticks, wall := w.read()
	if gap := wall.Sub(w.wall) - (ticks - w.ticks); gap >= slumber {
		w.slept += gap
	}
	w.ticks, w.wall = ticks, wall
	return ticks + w.slept
}

// wall is how long d takes on the wall, and a little at least, so that nothing spins.
func (c *clock) wall(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return max((d+c.scale-1)/c.scale, shortest)
}

const shortest = 2 * time.Millisecond

// sleep waits for d of the run's time, and reports whether ctx lives.
func (c *clock) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(c.wall(d))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// errBound is the cause of a context whose effect has come to its bound.
var errBound = errors.New("its bound has passed")

// bound ends a context when d has passed; 0 is no bound.
func (c *clock) bound(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.wall(d), errBound)
}

// boundAtLeast is bound for what asks servers and is answered at once, or is no matter of the model at all, as whom a text
// goes to: in a rehearsal, whose hours may be seconds, it leaves the machines that act it out at least some time of the wall.
func (c *clock) boundAtLeast(ctx context.Context, d, wall time.Duration) (context.Context, context.CancelFunc) {
	if d > 0 && c.scale > 1 {
		d = max(d, wall*c.scale)
	}
	return c.bound(ctx, d)
}

// overBound reports whether a context ended by its bound.
func overBound(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errBound) }

// pacer spaces polls: soon at first, then less and less often.
type pacer struct {
	next, most time.Duration
}

func newPacer() pacer { return pacer{next: 2 * time.Second, most: 15 * time.Second} }

// wait waits for the next poll, and reports whether ctx lives.
func (p *pacer) wait(ctx context.Context, c *clock) bool {
	d := p.next
	p.next = min(p.next*3/2, p.most)
	return c.sleep(ctx, d)
}
