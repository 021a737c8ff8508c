package explore

import (
	"cmp"
	"math/bits"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// op is one thing that can happen next.
type op uint8

const (
	opDone      op = iota // the effect ends well
	opReady               // a reading says the truth of a settled pool
	opBusy                // a reading says Busy because replicas are still built: no fault
	opCondition           // a reading says what arg says; the first one costs a fault
	opBound               // the bound passes, because the range of the duration goes beyond it: no fault
	opFail                // fault: the effect ends failed
	opUnknown             // fault: the connection breaks
	opSlow                // fault: it takes three times as long
	opHang                // fault: it goes on until its bound passes
	opSick                // fault: the services of arg do not come up; afterwards free
	opLook                // a look answers arg
	opNo                  // the operator says no
	opLate                // the operator answers at the last moment
	opSilent              // the operator does not answer
	opDie                 // fault: server arg dies
	opUp                  // a server that lrun gave up comes up
	opAnswers             // a server that reboots answers already
	opCrash               // lrun is killed and resumed
)

// Variants: the event is the same, but a question of time that the machine asks is answered "too late". One below lateLefts
// is the number of those `left D` that ask for more than is left.
const (
	inTime     = 0
	lateWindow = 255
	lateLefts  = lateWindow
)

// choice is one transition out of a state. With the states before it, it is all that a counterexample has to keep.
type choice struct {
	op      op
	slot    uint8
	arg     uint8
	variant uint8
}

// compare compares choices by the order in which they are listed, as near as need be.
func (c choice) compare(d choice) int {
	return cmp.Or(cmp.Compare(c.op, d.op), cmp.Compare(c.slot, d.slot), cmp.Compare(c.arg, d.arg), cmp.Compare(c.variant, d.variant))
}

// next is the slot whose effect ends next, or -1. Effects in flight on servers of a domain do not meet before the step
// that they belong to ends, so that only the order of their ends in time is explored, not every order.
func (w *world) next() int {
	best := -1
	for set := w.flight; set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		if best < 0 || w.slots[i].end < w.slots[best].end {
			best = i
		}
	}
	return best
}

// exact reports whether a slot's effect takes just as long as it takes: it cannot end earlier than another one.
func (s *slot) exact() bool {
	switch s.action {
	case interp.Wait, interp.Sleep, interp.Hold, interp.Confirm:
		return true
	}
	return s.over || s.hung || s.slow
}

// choices lists all that can happen next, in a fixed order.
func (x *model) choices(n *node, buf []choice) []choice {
	w := &n.w
	buf = buf[:0]
	first := w.next()
	if x.opts.EveryOrder {
		for i := range w.slots {
			if i == first || w.slots[i].action != interp.NoAction && !w.slots[i].exact() {
				buf = x.slotChoices(w, i, buf)
			}
		}
	} else if first >= 0 {
		buf = x.slotChoices(w, first, buf)
	}
	if len(buf) == 0 {
		return buf
	}
	buf = x.risings(w, first, buf)
	if w.faults > 0 && !x.opts.noDeaths {
		buf = x.deaths(n, first, buf)
	}
	if w.crashes > 0 {
		buf = append(buf, choice{op: opCrash})
	}
	return buf
}

// looks reports whether what ends next may notice which servers run.
func (w *world) looks(next int) bool {
	switch w.slots[next].action {
	case interp.Read, interp.Survey, interp.Hold, interp.Failback, interp.Look:
		return true
	}
	return false
}

// risings lists the servers that can come up by themselves before what ends next notices it. One that is up by then at the
// latest, however short that is, comes before anything else.
func (x *model) risings(w *world, next int, buf []choice) []choice {
	up := w.firstUp()
	if up == nil {
		return buf
	}
	if s := &w.slots[next]; up.until <= w.now || up.until <= s.end && x.slack(w, s, opFail) == 0 {
		return append(buf[:0], choice{op: opUp, slot: uint8(up.id.Server)})
	}
	sees := w.looks(next) && w.slots[next].action != interp.Look // a look is at one server
	for set := w.live &^ (1<<mainSlot | 1<<leaveSlot); set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		if s := &w.slots[i]; s.limbo == rising && s.until != notAtAll && (i == next || sees || x.opts.EveryOrder) {
			buf = append(buf, choice{op: opUp, slot: uint8(i)})
		}
	}
	return buf
}

// deaths lists the servers that can die; of servers in the same domain that are alike one is enough. A death is noticed by
// what looks at the pool, by what goes on on the server itself and by what the runbook does on it next, and it matters at
// once where it costs the pool its quorum. Before any other event it might as well come after it.
func (x *model) deaths(n *node, next int, buf []choice) []choice {
	w := &n.w
	looks := x.opts.EveryOrder || next == mainSlot && w.passed || w.looks(next) // by what comes next, a reading may have grown too old
	acts := pool.Set(0)
	if w.slots[next].action != interp.Wait && (x.queues || w.flight&(w.flight-1) == 0) {
		acts = w.scope &^ pool.Set(w.flight) // something may begin on these at once when it ends
	}
	for s := range x.pool.Servers {
		if w.dead.Has(s) || x.alike(n, s) {
			continue
		}
		if looks || s == next || acts.Has(s) || !w.noQuorum && !x.quorum(w.running().Remove(s)) {
			buf = append(buf, choice{op: opDie, arg: uint8(s)})
		}
	}
	return buf
}

// alike reports whether a server cannot be told apart from one of its domain that comes before it.
func (x *model) alike(n *node, server int) bool {
	if len(x.ordered) > 0 {
		return false
	}
	for t := range server {
		if x.keys[t] == x.keys[server] && n.servers[t] == n.servers[server] {
			return true
		}
	}
	return false
}

// slotChoices lists how the effect of a slot can end.
func (x *model) slotChoices(w *world, i int, buf []choice) []choice {
	s := &w.slots[i]
	one := func(o op, arg uint8) { buf = append(buf, choice{op: o, slot: uint8(i), arg: arg}) }
	fault := w.faults > 0
	switch s.action {
	case interp.Wait, interp.Sleep:
		one(opDone, 0)
	case interp.Notify:
		x.notifyChoices(w, s, one)
	case interp.Read:
		x.readChoices(w, s, one)
	case interp.Survey:
		w.surveyChoices(one)
		if fault {
			one(opFail, 0)
		}
	case interp.Hold:
		x.holdChoices(w, s, one)
	case interp.Look:
		x.lookChoices(w, s, one)
	case interp.Confirm:
		one(opDone, 0)
		one(opNo, 0)
		if s.bound > 0 {
			one(opLate, 0)
			one(opSilent, 0)
		}
	case interp.Verify:
		x.verifyChoices(w, i, one)
	default:
		x.actionChoices(w, s, one)
	}
	return buf
}

// notifyChoices: a message is sent, or not, or nobody knows.
func (x *model) notifyChoices(w *world, s *slot, one func(op, uint8)) {
	if s.hung || s.over {
		one(opBound, 0)
		return
	}
	one(opDone, 0)
	if w.faults == 0 {
		return
	}
	one(opFail, 0)
	one(opUnknown, 0)
	if !s.slow {
		one(opSlow, 0)
	}
	if s.bound > 0 {
		one(opHang, 0)
	}
}

// holdChoices: the pool was Ready for long enough, soon or as late as may be, or something kept it from that until the
// bound passed: that it lacks front ends, replicas that take their longest, or a fault.
func (x *model) holdChoices(w *world, s *slot, one func(op, uint8)) {
	state, _ := x.truth(w)
	if state == interp.Ready && (s.bound == 0 || w.now+minutes(x.prog.At(s.id.PC).For) <= s.bound || !s.over) {
		one(opDone, 0)
	}
	bent := w.faults > 0 || w.cond != truthful
	switch {
	case s.over || state != interp.Ready:
		one(opBound, 0)
	case bent && s.bound > 0:
		one(opLate, 0)
		one(opHang, 0)
	}
}

// readChoices: the truth, or Busy while replicas may be built, or what a fault makes the cmdlet say.
func (x *model) readChoices(w *world, s *slot, one func(op, uint8)) {
	if w.cond != truthful {
		one(opCondition, uint8(w.cond))
	}
	one(opReady, 0)
	if w.settling() {
		one(opBusy, 0)
	}
	if w.faults == 0 || w.cond != truthful {
		return
	}
	state, domains := x.truth(w)
	d := int(s.domain)
	for c := saysBusy; c < conditions; c++ {
		switch {
		case c == saysDomainFalse && (d < 0 || state != interp.Ready || !domains.Has(d)):
			continue
		case c == saysLate && s.bound == 0:
			continue
		case c == saysReady && (d < 0 || w.settling() || x.quorum(w.running()&^x.domains[d])):
			continue // a cmdlet that is wrong about replicas leaves nobody any guard; about the quorum lrun counts itself
		}
		one(opCondition, uint8(c))
	}
}

// lookChoices: all that can be true of an action that nobody saw the end of.
func (x *model) lookChoices(w *world, s *slot, one func(op, uint8)) {
	server := s.server()
	if s.limbo == rising { // what is looked at was never begun: the server still came up from before
		one(opLook, uint8(interp.NotBegun))
		if s.lost == interp.Restart {
			one(opLook, uint8(interp.CannotTell))
		}
		return
	}
	if w.deadSlot(s) {
		if s.lost == interp.Restart && s.limbo != sure {
			one(opLook, uint8(interp.Going)) // nobody can tell a reboot that takes long from a server that died
			return
		}
		one(opLook, uint8(interp.CannotTell))
		return
	}
	waits := w.noQuorum && server >= 0 && (raises(s.lost) && !w.away.Has(server) || s.lost == interp.FailbackServer)
	if !waits {
		one(opLook, uint8(interp.Done))
	}
	if s.limbo == ended {
		return
	}
	if s.limbo == maybe {
		one(opLook, uint8(interp.NotBegun))
	}
	if s.paid || w.now < s.until || waits {
		one(opLook, uint8(interp.Going))
	}
	if s.paid || w.faults > 0 {
		one(opLook, uint8(interp.Failed))
		one(opLook, uint8(interp.CannotTell))
	}
}

// verifyChoices: a server that does not run, is dead or sick fails; a sick one may also be well again.
func (x *model) verifyChoices(w *world, i int, one func(op, uint8)) {
	s := &w.slots[i]
	if s.hung || s.over {
		one(opBound, 0)
		return
	}
	if w.running().Has(i) {
		one(opDone, 0)
		if w.sick.Has(i) || w.faults > 0 {
			one(opSick, uint8(i))
		}
	} else {
		one(opFail, 0)
	}
	if s.beyond && !s.slow {
		one(opBound, 0)
	}
	if w.faults == 0 {
		return
	}
	if !s.slow {
		one(opSlow, 0)
	}
	if s.bound > 0 {
		one(opHang, 0)
	}
}

// actionChoices: an action on a server or on the pool.
func (x *model) actionChoices(w *world, s *slot, one func(op, uint8)) {
	if w.deadSlot(s) {
		switch {
		case s.struck && s.action == interp.Restart && s.bound > 0:
			one(opBound, 0)
		case s.struck:
			one(opUnknown, 0)
		default:
			one(opFail, 0)
		}
		return
	}
	always, perhaps := x.refusesItself(w, s)
	if always || s.bars || s.asks && s.until == notAtAll {
		one(opFail, 0)
		return
	}
	if s.asks {
		one(opFail, 0)
		one(opAnswers, 0)
		return
	}
	if s.hung || s.over || s.stuck {
		one(opBound, 0)
		return
	}
	one(opDone, 0)
	if s.bound > 0 && !s.slow && s.beyond {
		one(opBound, 0)
	}
	if perhaps || w.faults > 0 {
		one(opFail, 0)
	}
	if w.faults == 0 {
		return
	}
	one(opUnknown, 0)
	if !s.slow {
		one(opSlow, 0)
	}
	if s.bound > 0 {
		one(opHang, 0)
	}
}
