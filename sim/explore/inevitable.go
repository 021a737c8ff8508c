package explore

import (
	"time"

	"github.com/lrun/lrun/interp"
)

// inevitableLimit bounds the search for a way out of one state: with no fault left there are few states.
const inevitableLimit = 200_000

// inevitable finds from which choice of a night on the violation cannot be avoided any more, even if nothing more goes
// wrong: 0 is the start, len(night) the last choice itself. It is -1 where that is not known.
func (x *model) inevitable(night []choice, p Property, stateProperty bool) int {
	if p == RunEnds || p == ResumeSame || p == UserProperty && !stateProperty {
		return -1
	}
	m := x.machine()
	first, _ := x.root(m)
	states := []node{first}
	var next node
	for _, c := range night {
		x.transition(m, &states[len(states)-1], &next, c)
		states = append(states, next)
	}
	at := len(states) - 1
	for at > 0 {
		out, known := x.wayOut(m, &states[at-1], p)
		if !known {
			return -1
		}
		if out {
			break
		}
		at--
	}
	return at
}

// wayOut reports whether some run from a state on comes to a good end with no further fault and no crash. That the window
// closes is a way out as well.
func (x *model) wayOut(m *interp.Machine, from *node, p Property) (out, known bool) {
	begin := *from
	begin.w.faults, begin.w.crashes = 0, 0
	var seen table
	todo := []node{begin}
	var buf []choice
	var next node
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		buf = x.choices(&n, buf)
		good := false
		for _, c := range buf {
			x.variants(c, func(c choice) (interp.Asked, time.Duration) {
				t := x.transition(m, &n, &next, c)
				if t.flags&flagBroken != 0 || good {
					return t.asked, t.left
				}
				if e, done := m.Ending(); done {
					good = p != CanComplete || e == interp.Completed
				} else if _, old := seen.find(t.hash); !old {
					seen.insert(t.hash)
					todo = append(todo, next)
				}
				return t.asked, t.left
			})
		}
		switch {
		case good:
			return true, true
		case len(seen.hashes) >= inevitableLimit:
			return false, false
		}
	}
	return false, true
}
