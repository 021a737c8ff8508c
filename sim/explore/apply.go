package explore

import (
	"math/bits"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// apply makes a choice happen in the world and returns the event that lrun sees of it; ok is false where lrun sees
// nothing yet.
func (x *model) apply(w *world, c choice) (ev interp.Event, ok bool) {
	switch c.op {
	case opDie:
		x.die(w, int(c.arg))
		return ev, false
	case opCrash:
		return x.crash(w), true
	}
	s := &w.slots[c.slot]
	if c.op == opSlow || c.op == opHang && s.action != interp.Hold {
		x.delay(w, s, c.op)
		return ev, false
	}
	s.struck = s.struck && c.op == opUnknown
	x.pass(w, s, c)
	ev = interp.Event{Kind: interp.Ended, ID: s.id, At: w.now, Outcome: interp.Done}
	switch s.action {
	case interp.Read:
		ev.Reading = x.read(w, s, c)
	case interp.Survey:
		ev.Reading = x.surveyed(w, c)
		if c.op == opFail {
			w.fault()
			ev.Outcome = interp.Failed
		}
	case interp.Hold:
		x.endHold(w, s, c, &ev)
	case interp.Look:
		x.answer(w, s, c, &ev)
	case interp.Confirm:
		if c.op == opNo || c.op == opSilent {
			ev.Outcome, ev.Bound = interp.Failed, c.op == opSilent
		}
	case interp.Verify:
		x.endVerify(w, s, c, &ev)
	default:
		x.endAction(w, s, c, &ev)
	}
	s.action = interp.NoAction
	w.flight &^= 1 << c.slot
	return ev, true
}

// pass lets the time pass until the effect ends. Where every order is explored, an effect that ends before another one
// that would have ended earlier was quicker than it might have been.
func (x *model) pass(w *world, s *slot, c choice) {
	end := s.end
	switch c.op {
	case opBound, opSilent, opHang:
		end = max(s.end, s.bound)
	case opLate:
		end = s.bound - time.Second
	}
	if c.op == opCondition && condition(c.arg) == saysLate {
		end = s.bound
	}
	if x.opts.EveryOrder {
		for i := range w.slots {
			if o := &w.slots[i]; o.action != interp.NoAction && o != s {
				end = min(end, max(o.end, w.now))
			}
		}
	}
	if end > w.now {
		if w.justDied {
			w.ready += end - w.now // the server may have died just before this
		}
		w.now = end
	}
	w.justDied = false
}

// delay makes an effect take longer than it should.
func (x *model) delay(w *world, s *slot, o op) {
	w.fault()
	long := s.began + 3*(s.end-s.began)
	if o == opHang || s.bound > 0 && long >= s.bound {
		s.hung, s.end = true, s.bound
		return
	}
	s.slow, s.end = true, long
}

// read is what the readiness cmdlet says, with the survey that goes with it.
func (x *model) read(w *world, s *slot, c choice) interp.Reading {
	r := x.survey(w)
	state, domains := x.truth(w)
	switch c.op {
	case opReady:
		w.cond = truthful
		w.settle()
	case opBusy:
		if state == interp.Ready {
			state = interp.Busy
		}
	case opCondition:
		if w.cond == truthful {
			w.fault()
		}
		w.cond = condition(c.arg)
		state, domains = x.bent(w, s, state, domains)
	}
	r.State, r.Domains = state, domains
	w.passes(s, &r)
	return r
}

// passes notes whether a reading would let its turn begin. What went wrong before it excuses no refusal after it.
func (w *world) passes(s *slot, r *interp.Reading) {
	d := int(s.domain)
	ok := d >= 0 && r.State == interp.Ready && r.Domains.Has(d)
	if ok {
		w.guards &^= guardReading | guardVerified
	}
	w.passed = ok && s != &w.slots[leaveSlot]
}

// bent is what a condition makes of the truth.
func (x *model) bent(w *world, s *slot, state interp.ReadState, domains pool.Set) (interp.ReadState, pool.Set) {
	switch w.cond {
	case saysBusy:
		return interp.Busy, domains
	case saysInsufficient:
		return interp.Insufficient, 0
	case saysDomainFalse:
		if s.domain >= 0 {
			domains = domains.Remove(int(s.domain))
		}
		return state, domains
	case saysGarbled:
		return interp.Garbled, 0
	case saysLate:
		return interp.Unanswered, 0
	case saysReady:
		return interp.Ready, x.everyDomain()
	}
	return interp.Unread, 0
}

func (x *model) everyDomain() pool.Set { return pool.FirstN(len(x.pool.Domains)) }

func (x *model) survey(w *world) interp.Reading {
	return interp.Reading{Pool: w.state, SQL: true, Running: w.running()}
}

// endHold: the pool was Ready for long enough, or something kept it from that until the bound passed.
func (x *model) endHold(w *world, s *slot, c choice, ev *interp.Event) {
	r := x.survey(w)
	if c.op == opDone {
		w.settle()
		w.cond = truthful
		r.State, r.Domains = x.truth(w)
		w.passes(s, &r)
	} else {
		if c.op == opHang {
			w.fault()
		}
		r.State = interp.Busy
		ev.Outcome, ev.Bound = interp.Failed, true
	}
	ev.Reading = r
}

// endVerify: only a server that runs is verified.
func (x *model) endVerify(w *world, s *slot, c choice, ev *interp.Event) {
	bit := pool.Set(1) << s.id.Server
	switch c.op {
	case opDone:
		w.sick &^= bit
	case opSick:
		if w.sick&bit == 0 {
			w.fault()
		}
		w.sick |= bit
		ev.Outcome = interp.Failed
	default:
		ev.Outcome = interp.Failed
	}
}

// endAction: an action on a server or on the pool.
func (x *model) endAction(w *world, s *slot, c choice, ev *interp.Event) {
	if s.lost == s.action {
		s.limbo, s.lost, s.paid = sure, interp.NoAction, false
	}
	dead := w.deadSlot(s)
	switch c.op {
	case opDone:
		x.happened(w, s, s.action)
	case opFail:
		ev.Outcome = interp.Failed
		if _, refused := x.refusesItself(w, s); !dead && !refused {
			w.fault()
			w.failedOf(s, s.action)
		}
	case opUnknown:
		if !s.struck {
			w.fault()
		}
		ev.Outcome = interp.Unknown
		if s.action != interp.Notify {
			s.limbo, s.lost, s.paid, s.until = maybe, s.action, true, w.now
		}
	case opBound:
		ev.Bound = true
		ev.Outcome = interp.Failed
		if s.action.Lasting() {
			ev.Outcome = interp.Unknown
			s.limbo, s.lost, s.paid, s.until = begun, s.action, true, w.now
		}
	}
}

func (w *world) deadSlot(s *slot) bool { return s.server() >= 0 && w.dead.Has(s.server()) }

// refusesItself reports whether a failback fails by its own conditions: always where too few servers run for a pool to
// start, and possibly where the readiness cmdlet says that front ends are missing.
func (x *model) refusesItself(w *world, s *slot) (always, perhaps bool) {
	if s.action != interp.Failback {
		return false, false
	}
	always = w.running().Len() < x.pool.StartQuorum()
	return always, always || w.cond == saysInsufficient
}

// happened is what an action that came to its end has changed.
func (x *model) happened(w *world, s *slot, a interp.Action) {
	server := int(s.id.Server)
	switch a {
	case interp.Stop, interp.FailoverServer:
		w.stopped = w.stopped.Add(server)
	case interp.Start, interp.Restart:
		if !w.away.Has(server) { // its services are disabled until it is failed back
			x.putBack(w, server)
		}
	case interp.FailbackServer:
		w.away = w.away.Remove(server)
		x.putBack(w, server)
	case interp.Upgrade:
		k := x.prog.At(s.id.PC).Upgrade
		w.installed[k] = w.installed[k].Add(server)
	case interp.Failover:
		w.state = interp.FailedOver
	case interp.Failback:
		w.state = interp.Active
	}
}

// failedOf is what an action that failed has left: a stop or a server failover that fails has changed nothing, all else
// may have.
func (w *world) failedOf(s *slot, a interp.Action) {
	if a == interp.Stop || a == interp.FailoverServer {
		w.neverBegun(s, a)
	}
}

// answer is what a look finds out.
func (x *model) answer(w *world, s *slot, c choice, ev *interp.Event) {
	out := interp.Outcome(c.arg)
	ev.Outcome = out
	switch out {
	case interp.Done:
		x.happened(w, s, s.lost)
	case interp.NotBegun:
		w.neverBegun(s, s.lost)
	case interp.Failed:
		if !s.paid {
			w.fault()
		}
		w.failedOf(s, s.lost)
	case interp.Going:
		s.limbo = begun
		return
	case interp.CannotTell:
		if !s.paid && !w.deadSlot(s) {
			w.fault()
		}
		return
	}
	s.limbo, s.lost, s.paid = sure, interp.NoAction, false
}

// die takes a server away for good. The connection to an action that is going on it breaks; a reboot that nobody comes
// back from goes on until its bound passes.
func (x *model) die(w *world, server int) {
	w.fault()
	w.dead = w.dead.Add(server)
	x.unsettle(w)
	w.justDied = true
	if s := &w.slots[server]; s.action.Changes() && s.server() == server {
		s.struck = true
	}
}

// crash kills lrun and resumes it: what was in flight goes on without it, or was never begun.
func (x *model) crash(w *world) interp.Event {
	w.crashes--
	w.flight = 0
	w.crashed, w.passed = true, false
	for set := w.live; set != 0; set &= set - 1 {
		s := &w.slots[bits.TrailingZeros32(set)]
		switch {
		case s.action == interp.NoAction:
		case s.action == interp.Look, !s.action.Changes():
			s.action = interp.NoAction
		default:
			s.limbo, s.lost, s.until = begun, s.action, s.end
			if s.began == w.now {
				s.limbo = maybe // lrun may have been killed just before
			}
			s.paid = s.paid || s.hung
			s.action = interp.NoAction
		}
	}
	if w.window == windowOver {
		w.anew = true
		w.window = windowOpen // a resume after the window opens a new one
	}
	return interp.Event{Kind: interp.Resumed, At: w.now, Reading: x.survey(w)}
}
