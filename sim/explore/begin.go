package explore

import (
	"math/bits"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// start takes in the effects of a step.
func (x *model) start(w *world, effects []interp.Effect) {
	for i := range effects {
		x.begins(w, &effects[i])
	}
	if len(effects) > 0 {
		x.loseQuorum(w)
	}
}

func (x *model) begins(w *world, e *interp.Effect) {
	k := slotOf(e)
	if k == leaveSlot && w.passed {
		// The runbook let its reading grow too old: what went wrong meanwhile is no excuse for a refusal, a reading
		// at the right place would have waited for it.
		w.guards &^= guardReading
	}
	s := &w.slots[k]
	w.flight |= 1 << k
	w.live |= 1 << k
	x.checkStart(w, e, s)
	x.cutOff(w, e)
	old := *s
	*s = slot{
		id: e.ID, action: e.Action, of: e.Of, domain: e.Domain, began: w.now,
		lost: old.lost, until: old.until, limbo: old.limbo, paid: old.paid, beyond: old.beyond,
	}
	if k < mainSlot && old.limbo == sure {
		w.before[k] = 0
	}
	switch {
	case e.Action == interp.Look:
	case e.Attach:
		s.struck = w.deadSlot(s)
		if e.Server >= 0 {
			s.limbo, s.lost, s.paid = sure, interp.NoAction, false
		}
	default:
		x.beginsAnew(w, e, s)
	}
	if s.asks {
		s.end = w.now // it is found out at once
		s.bound = e.Within
		return
	}
	x.setEnd(w, e, s)
}

// beginsAnew is an action that was not under way before.
func (x *model) beginsAnew(w *world, e *interp.Effect, s *slot) {
	s.beyond = false
	s.bars = x.refusedAtOnce(w, e)
	if e.Server < 0 {
		return
	}
	if s.limbo != rising {
		s.limbo, s.lost, s.paid = sure, interp.NoAction, false
	} else if e.Action != interp.Verify {
		s.asks = s.lost == interp.Restart
		if !s.asks {
			w.supersedes(s)
		}
	}
	s.drains = e.Action == interp.Restart && w.holding(int(e.Server), s)
	x.takeOut(w, e, s)
}

// supersedes is an action on a server that was still coming up: it does not, until that action makes it.
func (w *world) supersedes(s *slot) {
	if s.action != interp.Run {
		s.limbo, s.lost, s.paid = sure, interp.NoAction, false
	}
}

// refusedAtOnce reports whether what an effect asks for is refused as it begins: a pool that is down or without capacity
// is not failed over, and services that a failover disabled do not start.
func (x *model) refusedAtOnce(w *world, e *interp.Effect) bool {
	switch e.Action {
	case interp.Start:
		return w.away.Has(int(e.Server))
	case interp.Failover:
		return w.noQuorum && !x.prog.At(e.ID.PC).Disaster
	case interp.FailoverServer:
		return w.running().Has(int(e.Server)) && !x.quorum(w.running().Remove(int(e.Server)))
	case interp.Run:
		return e.Server < 0 && w.running().Empty()
	}
	return false
}

// setEnd sets when an effect ends that begins now, and when its bound passes.
func (x *model) setEnd(w *world, e *interp.Effect, s *slot) {
	d := x.duration(w, e, s)
	if e.Attach {
		d = max(s.until-w.now, 0)
	}
	s.end = w.now + d
	if e.Within <= 0 {
		return
	}
	s.bound = w.now + e.Within
	if r, ok := x.usual(w, s); ok && !e.Attach {
		s.beyond = r.High > e.Within
	}
	if d > e.Within {
		s.end, s.over = s.bound, true
	}
}

func slotOf(e *interp.Effect) int {
	switch {
	case e.ID.Try == 0 && e.ID.Phase == 255:
		return leaveSlot
	case e.ID.Server >= 0:
		return int(e.ID.Server)
	}
	return mainSlot
}

// takeOut keeps the books of what lrun takes out of service. From the moment at which a server holds no replicas any more
// those of the others are built anew.
func (x *model) takeOut(w *world, e *interp.Effect, s *slot) {
	if e.Action == interp.Start || e.Action == interp.FailbackServer {
		w.waiting = w.waiting.Remove(int(e.Server))
	}
	if !e.Action.OutOfService() {
		return
	}
	bit := pool.SetOf(int(e.Server))
	before := uint8(0)
	for i, b := range w.books() {
		if *b&bit != 0 {
			before |= 1 << i
		}
	}
	w.before[e.Server] = before
	if s.bars {
		return
	}
	if w.holding(int(e.Server), s) {
		switch {
		case e.Action == interp.Restart:
			x.unsettle(w)
			w.ready += x.restartDrains(w)
		case e.Action == interp.Upgrade, e.Action == interp.Stop && !x.prog.At(e.ID.PC).Graceful:
			x.unsettle(w)
		}
	}
	w.waiting &^= bit
	w.out |= bit
	w.up &^= bit
	w.fresh &^= bit
	if e.Action == interp.FailoverServer {
		w.away |= bit
	}
}

// holding reports whether a server may hold replicas: it runs, or still drains.
func (w *world) holding(server int, s *slot) bool {
	return !w.noQuorum && s.limbo != rising && !w.stopped.Has(server) && !w.dead.Has(server)
}

// loseQuorum is what the vendor describes: where the servers that run are too few, they stop all their services. A server
// that is being stopped counts until it is: its stop may fail, and then it never left.
func (x *model) loseQuorum(w *world) {
	if w.noQuorum || x.quorum(w.running()) {
		return
	}
	still := w.running()
	for set := w.live &^ (1<<mainSlot | 1<<leaveSlot); set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		s := &w.slots[i]
		if a := s.action; w.before[i]&1 != 0 && !w.dead.Has(i) && (stops(a) || s.limbo != sure && stops(s.lost)) {
			still = still.Add(i)
		}
	}
	if x.quorum(still) {
		return
	}
	w.noQuorum, w.up, w.waiting = true, 0, 0
	for i := range w.before {
		w.before[i] &^= 1
	}
}
