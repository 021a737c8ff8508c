package explore

import (
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
	x.pass(w, s, c)
	ev = interp.Event{Kind: interp.Ended, ID: s.id, At: w.now, Outcome: interp.Done}
	switch s.action {
	case interp.Read:
		ev.Reading = x.read(w, s, c)
	case interp.Survey:
		ev.Reading = x.survey(w)
		if c.op == opFail {
			w.fault()
			ev.Outcome = interp.Failed
		}
	case interp.Hold:
		x.endHold(w, c, &ev)
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
	return ev, true
}

// pass lets the time pass until the effect ends.
func (x *model) pass(w *world, s *slot, c choice) {
	end := s.end
	if bound := x.within(s); c.op == opBound || c.op == opSilent || c.op == opHang {
		end = max(s.end, s.began+bound)
	} else if c.op == opLate {
		end = s.began + min(x.m.Confirm.High, bound-time.Second)
	}
	if end > w.now {
		w.now = end
	}
}

// delay makes an effect take longer than it should.
func (x *model) delay(w *world, s *slot, o op) {
	w.fault()
	bound := x.within(s)
	long := s.began + 3*(s.end-s.began)
	if o == opHang || bound > 0 && long >= s.began+bound {
		s.hung, s.end = true, s.began+bound
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
	if s.id.Turn > 0 && state == interp.Ready && x.domainOf(s) >= 0 && domains.Has(x.domainOf(s)) {
		w.guards &^= guardReading
	}
	return r
}

// bent is what a condition makes of the truth.
func (x *model) bent(w *world, s *slot, state interp.ReadState, domains pool.Set) (interp.ReadState, pool.Set) {
	switch w.cond {
	case saysBusy:
		return interp.Busy, domains
	case saysInsufficient:
		return interp.Insufficient, 0
	case saysDomainFalse:
		if d := x.domainOf(s); d >= 0 {
			domains = domains.Remove(d)
		}
		return state, domains
	case saysGarbled:
		return interp.Garbled, 0
	}
	return interp.Unread, 0
}

// domainOf is the domain whose turn a reading is taken in: the n-th turn of a loop is not always the n-th domain, so the
// slot carries it.
func (x *model) domainOf(s *slot) int { return int(s.domain) }

func (x *model) survey(w *world) interp.Reading {
	return interp.Reading{Pool: w.state, SQL: true, Running: w.running()}
}

// endHold: the pool was Ready for long enough, or something kept it from that until the bound passed.
func (x *model) endHold(w *world, c choice, ev *interp.Event) {
	r := x.survey(w)
	if c.op == opDone {
		w.settle()
		w.cond = truthful
		r.State, r.Domains = x.truth(w)
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
	switch c.op {
	case opDone:
		x.happened(w, s, s.action)
	case opFail:
		ev.Outcome = interp.Failed
		if !w.deadSlot(s) && !x.refusesItself(w, s) {
			w.fault()
		}
		x.undone(w, s, s.action)
	case opUnknown:
		w.fault()
		ev.Outcome = interp.Unknown
		s.limbo, s.lost, s.paid = maybe, s.action, true
	case opBound:
		ev.Bound = true
		ev.Outcome = interp.Failed
		if s.action.Lasting() {
			ev.Outcome = interp.Unknown
			s.limbo, s.lost, s.paid = begun, s.action, true
		}
	}
}

func (w *world) deadSlot(s *slot) bool { return s.id.Server >= 0 && w.dead.Has(int(s.id.Server)) }

func (x *model) refusesItself(w *world, s *slot) bool {
	return s.action == interp.Failback && w.running().Len() < x.pool.StartQuorum()
}

// happened is what an action that came to its end has changed.
func (x *model) happened(w *world, s *slot, a interp.Action) {
	server := int(s.id.Server)
	switch a {
	case interp.Start, interp.Restart, interp.FailbackServer:
		x.putBack(w, server)
	case interp.Upgrade:
		w.installed[x.prog.At(s.id.PC).Upgrade] |= pool.Set(1) << server
	case interp.Failover:
		w.state = interp.FailedOver
	case interp.Failback:
		w.state = interp.Active
	}
}

// undone is what an action that failed has left: a server failover that fails has changed nothing.
func (x *model) undone(w *world, s *slot, a interp.Action) {
	if a == interp.FailoverServer && !w.deadSlot(s) {
		bit := pool.Set(1) << s.id.Server
		w.up |= bit
		w.out &^= bit
	}
}

// answer is what a look finds out.
func (x *model) answer(w *world, s *slot, c choice, ev *interp.Event) {
	out := interp.Outcome(c.arg)
	ev.Outcome = out
	switch out {
	case interp.Done:
		x.happened(w, s, s.lost)
	case interp.Failed:
		if !s.paid {
			w.fault()
		}
		x.undone(w, s, s.lost)
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

// die takes a server away for good.
func (x *model) die(w *world, server int) {
	w.fault()
	w.dead |= pool.Set(1) << server
	x.unsettle(w)
}

// crash kills lrun and resumes it: what was in flight goes on without it, or was never begun.
func (x *model) crash(w *world) interp.Event {
	w.crashes--
	w.crashed = true
	for i := range w.slots {
		s := &w.slots[i]
		switch {
		case s.action == interp.NoAction:
		case s.action == interp.Look, !s.action.Changes():
			s.action = interp.NoAction
		default:
			s.limbo, s.lost = maybe, s.action
			if s.hung {
				s.limbo, s.paid = begun, true
			}
			s.action = interp.NoAction
		}
	}
	if w.window == windowOver {
		w.window = windowOpen // a resume after the window opens a new one
	}
	return interp.Event{Kind: interp.Resumed, At: w.now, Reading: x.survey(w)}
}
