package explore

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// duration is how long an effect takes if nothing befalls it: the high end of its range, for the worst case.
func (x *model) duration(w *world, e *interp.Effect, s *slot) time.Duration {
	switch e.Action {
	case interp.Wait, interp.Sleep:
		return e.For
	case interp.Hold:
		return x.holdTakes(w, e)
	case interp.Confirm:
		return x.m.Confirm.Low
	}
	if r, ok := x.usual(w, s); ok {
		return inside(r, e.Within)
	}
	return 0 // readings, surveys and looks take no time in the model
}

// usual is the range of the duration of a slot's action, for the actions that have one.
func (x *model) usual(w *world, s *slot) (r pool.Range, ok bool) {
	m := &x.m
	switch s.action {
	case interp.Stop:
		if x.prog.At(s.id.PC).Graceful {
			return m.Drain, true
		}
		return m.Stop, true
	case interp.Start:
		return m.Start, true
	case interp.Upgrade:
		return m.Upgrade, true
	case interp.Restart:
		r = m.Reboot
		if s.drains {
			r.High += x.restartDrains(w)
		}
		return r, true
	case interp.Failover:
		return pool.Range{Low: m.Failover.Low, High: m.Failover.High + m.CMS.High}, true
	case interp.Failback:
		return m.Failback, true
	case interp.FailoverServer:
		return m.FailoverServer, true
	case interp.FailbackServer:
		return m.FailbackServer, true
	case interp.Run:
		return m.Run, true
	case interp.Verify:
		return m.Verify, true
	case interp.Notify:
		return m.Notify, true
	}
	return r, false
}

// restartDrains is how long a restart waits at most for the sessions of a server that runs.
func (x *model) restartDrains(w *world) time.Duration {
	const limit = 10 * time.Minute
	if w.state == interp.FailedOver {
		return min(x.m.Stop.High, limit)
	}
	return min(x.m.Drain.High, limit)
}

// slack is how much shorter the effect might have been that ends now by a choice: what fails may fail at once, and what has
// been done already is done at once.
func (x *model) slack(w *world, s *slot, o op) time.Duration {
	if s.action == interp.Read || s.action == interp.Survey {
		return s.bound - s.began
	}
	r, ok := x.usual(w, s)
	if !ok || s.over || s.hung || o == opBound {
		return 0
	}
	took := s.end - s.began
	switch {
	case o != opDone && o != opSick,
		s.action == interp.Stop && (w.state == interp.FailedOver || w.stopped.Has(int(s.id.Server))),
		s.action == interp.Start, s.action == interp.FailoverServer, s.action == interp.FailbackServer:
		return took
	case s.slow:
		return max(took-3*r.Low, 0)
	}
	return max(took-r.Low, 0)
}

// inside is the longest duration of a range that keeps a bound, or the shortest where none does. What is done as the bound
// passes is done. That the range may pass the bound is a choice of its own, without a fault.
func inside(r pool.Range, bound time.Duration) time.Duration {
	switch {
	case bound <= 0 || r.High <= bound:
		return r.High
	case r.Low <= bound:
		return bound
	}
	return r.Low
}

// holdTakes is how long a hold takes, which reads once a minute: the replicas are built first. Too few servers keep it until
// its bound passes.
func (x *model) holdTakes(w *world, e *interp.Effect) time.Duration {
	if state, _ := x.truth(w); state == interp.Insufficient {
		return e.Within + 1
	}
	d := minutes(e.For)
	if w.settling() {
		d += minutes(w.ready - w.now)
	}
	return d
}

// minutes rounds up to whole minutes.
func minutes(d time.Duration) time.Duration { return (d + time.Minute - 1) / time.Minute * time.Minute }
