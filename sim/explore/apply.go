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
	case opUp:
		x.comesUp(w, &w.slots[c.slot])
		return ev, false
	case opCrash:
		return x.crash(w), true
	}
	s := &w.slots[c.slot]
	switch {
	case c.op == opSlow || c.op == opHang && s.action != interp.Hold:
		x.delay(w, s, c.op)
		return ev, false
	case c.op == opAnswers:
		x.answers(w, s)
		return ev, false
	}
	s.struck = s.struck && c.op == opUnknown
	x.pass(w, s, c)
	if c.op == opDone && x.mustWait(w, s) {
		x.putBack(w, int(s.id.Server))
		s.stuck, s.end = true, s.bound
		if s.bound == 0 {
			s.end = s.began + patience
		}
		return ev, false
	}
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
	x.loseQuorum(w)
	return ev, true
}

// patience is after what time the model gives up what has no bound and would never end.
const patience = 24 * time.Hour

// mustWait reports whether services that have started now wait for the pool's quorum.
func (x *model) mustWait(w *world, s *slot) bool {
	if !w.noQuorum || s.id.Server < 0 {
		return false
	}
	server := int(s.id.Server)
	switch s.action {
	case interp.FailbackServer:
	case interp.Start, interp.Restart:
		if w.away.Has(server) {
			return false
		}
	default:
		return false
	}
	return !w.dead.Has(server) && !x.enough(w.waiting.Add(server))
}

// answers is a server that was rebooting and that turns out to answer: what was asked of it begins.
func (x *model) answers(w *world, s *slot) {
	s.asks = false
	w.supersedes(s)
	e := interp.Effect{ID: s.id, Action: s.action, Server: s.id.Server, Within: s.bound}
	s.bound = 0
	x.setEnd(w, &e, s)
}

// comesUp is a server that lrun had given up and that runs at last.
func (x *model) comesUp(w *world, s *slot) {
	if s.until <= w.slots[w.next()].end {
		x.elapse(w, s.until, 0)
	} else {
		w.justDied = true
	}
	x.risen(w, s)
	x.holdAnew(w)
}

func (x *model) risen(w *world, s *slot) {
	server := int(s.id.Server)
	s.limbo, s.lost, s.paid, s.until = sure, interp.NoAction, false, 0
	if !w.away.Has(server) {
		x.putBack(w, server)
	}
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
		if s.action == interp.Hold {
			end = s.bound
		}
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
	slack := min(x.slack(w, s, c.op), max(end-w.now, 0))
	w.riseLater(slack)
	for up := w.firstUp(); up != nil && up.until <= end; up = w.firstUp() {
		x.elapse(w, up.until, slack)
		x.risen(w, up)
	}
	x.elapse(w, end, slack)
	w.justDied = false
}

// elapse lets the time pass until a moment; what takes the time might have been shorter by slack, and then the replicas
// had less of it.
func (x *model) elapse(w *world, to, slack time.Duration) {
	if to <= w.now {
		return
	}
	if w.settling() {
		if w.justDied {
			slack = to - w.now // it may have been just before this
		}
		w.ready += min(slack, to-w.now)
	}
	w.now = to
	w.justDied = false
}

// riseLater puts off when servers come up by themselves: what has taken the time might have been shorter.
func (w *world) riseLater(by time.Duration) {
	for set := w.live &^ (1<<mainSlot | 1<<leaveSlot); by > 0 && set != 0; set &= set - 1 {
		if s := &w.slots[bits.TrailingZeros32(set)]; s.limbo == rising && s.until != notAtAll {
			s.until += by
		}
	}
}

// firstUp is the slot of the server that comes up next by itself, nil where none does.
func (w *world) firstUp() *slot {
	var first *slot
	for set := w.live &^ (1<<mainSlot | 1<<leaveSlot); set != 0; set &= set - 1 {
		s := &w.slots[bits.TrailingZeros32(set)]
		if s.limbo == rising && s.until != notAtAll && (first == nil || s.until < first.until) {
			first = s
		}
	}
	return first
}

// delay makes an effect take longer than it should.
func (x *model) delay(w *world, s *slot, o op) {
	w.fault()
	long := s.began + 3*(s.end-s.began)
	s.slow = o == opSlow
	if o == opHang || s.bound > 0 && long > s.bound {
		s.hung, s.end = true, s.bound
		s.slow = s.slow && raises(s.action) // what comes up later than lrun waits for it does come up
		return
	}
	s.end = long
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
	if r.Running.Empty() {
		state, domains = interp.Unread, 0 // nobody is there to ask
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
	if (c.op == opLate || c.op == opHang) && w.cond == truthful {
		w.fault()
		w.cond = saysBusy
	}
	if c.op == opDone || c.op == opLate {
		w.settle()
		w.cond = truthful
		r.State, r.Domains = x.truth(w)
		w.passes(s, &r)
	} else {
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
		ev.Outcome, ev.Bound = interp.Failed, c.op == opBound
	}
}

// endAction: an action on a server or on the pool.
func (x *model) endAction(w *world, s *slot, c choice, ev *interp.Event) {
	if s.lost == s.action && s.limbo != rising {
		s.limbo, s.lost, s.paid = sure, interp.NoAction, false
	}
	dead := w.deadSlot(s)
	switch c.op {
	case opDone:
		x.happened(w, s, s.action)
	case opFail:
		ev.Outcome = interp.Failed
		_, refused := x.refusesItself(w, s)
		switch {
		case dead || refused:
		case s.asks || s.bars:
			w.failedOf(s, s.action)
		default:
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
		if !dead {
			x.goesOn(w, s)
		}
	}
	s.asks, s.bars, s.drains, s.stuck = false, false, false, false
}

// goesOn is what becomes of an action whose bound has passed, and that nobody waits for any more: a server that starts or
// reboots comes up later, and a drain comes to its end later.
func (x *model) goesOn(w *world, s *slot) {
	server := int(s.id.Server)
	r, _ := x.usual(w, s)
	late := s.began + r.High
	switch {
	case s.action == interp.FailbackServer:
		w.waiting = w.waiting.Remove(server) // it leaves the services as they were
	case s.action == interp.Stop && x.prog.At(s.id.PC).Graceful && !s.hung:
		x.unsettle(w)
		w.ready += max(late-w.now, 0)
	case !raises(s.action):
	default:
		w.stopped = w.stopped.Remove(server) // the services start
		if s.stuck || w.away.Has(server) && s.action == interp.Start {
			return
		}
		s.limbo, s.lost, s.paid = rising, s.action, false
		switch {
		case s.hung && !s.slow:
			s.until = notAtAll
		case s.hung:
			s.until = max(s.began+3*r.High, w.now)
		default:
			s.until = max(late, w.now)
		}
	}
}

// raises tells the actions after which a server runs, sooner or later.
func raises(a interp.Action) bool { return a == interp.Start || a == interp.Restart }

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
		if !w.stopped.Has(server) && (a == interp.FailoverServer || x.prog.At(s.id.PC).Graceful) {
			x.unsettle(w)
		}
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
		if !s.paid && s.limbo != rising && !w.deadSlot(s) { // a server that still reboots may not answer
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
	w.dead, w.waiting = w.dead.Add(server), w.waiting.Remove(server)
	x.unsettle(w)
	w.justDied = true
	s := &w.slots[server]
	if s.action.Changes() && s.server() == server {
		s.struck, s.asks, s.stuck = !s.asks, false, false // what only asks whether the server answers has not begun
	}
	if s.limbo == rising {
		s.limbo, s.lost, s.until = sure, interp.NoAction, 0
	}
	x.loseQuorum(w)
	x.holdAnew(w)
}

// holdAnew is a hold during which the replicas are built anew: it may have been just before its end.
func (x *model) holdAnew(w *world) {
	s := &w.slots[mainSlot]
	if s.action != interp.Hold || s.over || s.hung {
		return
	}
	s.end += minutes(x.prog.At(s.id.PC).For) + minutes(x.m.Settle.High)
	if s.bound > 0 && s.end > s.bound {
		s.end, s.over = s.bound, true
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
		case s.asks:
			s.asks, s.action = false, interp.NoAction // it was never begun
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
