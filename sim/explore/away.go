package explore

import (
	"math/bits"

	"github.com/lrun/lrun/interp"
)

// What a survey finds of a failover or failback of the pool whose end lrun did not see.
const (
	poolBefore  = iota // it was never begun
	poolBetween        // it is still going
	poolAfter          // it has ended meanwhile
)

// movesPool reports whether an action changes where the pool's users are.
func movesPool(a interp.Action) bool { return a == interp.Failover || a == interp.Failback }

// server is the server that a slot's effect acts on or looks at; -1 where that is the pool, whoever's task has begun it.
func (s *slot) server() int {
	if movesPool(s.action) || s.action == interp.Look && movesPool(s.of) {
		return -1
	}
	return int(s.id.Server)
}

// poolInLimbo is the slot of a failover or failback of the pool whose end nobody saw, or nil.
func (w *world) poolInLimbo() *slot {
	for set := w.live; set != 0; set &= set - 1 {
		if s := &w.slots[bits.TrailingZeros32(set)]; s.limbo != sure && movesPool(s.lost) {
			return s
		}
	}
	return nil
}

// surveyChoices: a survey sees where the pool's users are, and so what came of a failover or failback in limbo.
func (w *world) surveyChoices(one func(op, uint8)) {
	s := w.poolInLimbo()
	if s == nil || s.limbo == maybe {
		one(opDone, poolBefore)
	}
	if s == nil {
		return
	}
	if s.limbo != ended && (s.paid || w.now < s.until) {
		one(opDone, poolBetween)
	}
	one(opDone, poolAfter)
}

// surveyed is what a survey finds; what it has found out is so from then on.
func (x *model) surveyed(w *world, c choice) interp.Reading {
	r := x.survey(w)
	if s := w.poolInLimbo(); s != nil {
		switch c.arg {
		case poolBetween:
			s.limbo = begun
			r.Pool = interp.FailingOver
			if s.lost == interp.Failback {
				r.Pool = interp.FailingBack
			}
		case poolAfter:
			s.limbo, s.until = ended, w.now
			x.happened(w, s, s.lost)
			r.Pool = w.state
		}
	}
	return r
}
