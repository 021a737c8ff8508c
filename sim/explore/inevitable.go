package explore

import "github.com/lrun/lrun/interp"

// inevitableLimit bounds the search for a way out of one state: with no fault left there are few states.
const inevitableLimit = 200_000

// inevitable finds from which choice of a night on the violation cannot be avoided any more, even if nothing more goes
// wrong: 0 is the start, len(night) the last choice itself. It is -1 where that is not known.
func (x *model) inevitable(night []choice, p Property, stateProperty bool) int {
	if p == RunEnds || p == ResumeSame || p == UserProperty && !stateProperty {
		return -1
	}
	m := x.machine()
	states := []node{x.root(m)}
	for _, c := range night {
		var next node
		x.transition(m, &states[len(states)-1], &next, c)
		states = append(states, next)
	}
	first := len(states) - 1
	for first > 0 {
		out, known := x.wayOut(m, &states[first-1], p)
		if !known {
			return -1
		}
		if out {
			break
		}
		first--
	}
	return first
}

// wayOut reports whether some run from a state on comes to a good end with no further fault and no crash.
func (x *model) wayOut(m *interp.Machine, from *node, p Property) (out, known bool) {
	begin := *from
	begin.w.faults, begin.w.crashes = 0, 0
	var seen table
	todo := []node{begin}
	var buf []choice
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		buf = x.choices(&n.w, buf)
		for i := 0; i < len(buf); i++ {
			var next node
			t := x.transition(m, &n, &next, buf[i])
			if t.flags&flagBroken != 0 {
				continue
			}
			if e, done := m.Ending(); done {
				if p != CanComplete || e == interp.Completed {
					return true, true
				}
				continue
			}
			if _, old := seen.find(t.hash); old {
				continue
			}
			if seen.n == inevitableLimit {
				return false, false
			}
			seen.insert(t.hash, 0)
			todo = append(todo, next)
		}
	}
	return false, true
}
