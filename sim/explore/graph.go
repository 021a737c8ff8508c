package explore

import (
	"iter"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
)

// order puts the states into topological order, and tells the latest time at which a night can come to each, in
// milliseconds, or -1 where none can: a link that takes the window to be over is there only for a night that can be late
// enough, or in which lrun was killed and came back who knows when. What is told of a state stands at its number; numbers
// that a shard does not have are of no state. cyclic is a state on a cycle or behind one, where there is one: then some run
// does not end.
func (e *Explorer) order() (order []stateID, latest []int64, cyclic stateID) {
	n := e.numbers()
	in := make([]uint32, n)
	for s := range e.shards {
		for i := range e.shards[s].known {
			for _, l := range e.links.from(&e.shards[s].known[i]) {
				in[l.to]++
			}
		}
	}
	latest = make([]int64, n)
	for i := range latest {
		latest[i] = -1
	}
	latest[e.root] = 0
	order = make([]stateID, 0, e.states())
	for id := range e.everyState() {
		if in[id] == 0 {
			order = append(order, id)
		}
	}
	for next := 0; next < len(order); next++ {
		r, at := e.record(order[next]), latest[order[next]]
		for _, l := range e.links.from(r) {
			if in[l.to]--; in[l.to] == 0 {
				order = append(order, l.to)
			}
			if at >= 0 && (l.span&spanLate == 0 || e.canBeLate(r, l, at)) {
				latest[l.to] = max(latest[l.to], at+spanTime(l.span))
			}
		}
	}
	if len(order) == e.states() {
		return order, latest, noState
	}
	for id := range e.everyState() {
		if in[id] > 0 {
			return order, latest, id
		}
	}
	return order, latest, noState
}

// canBeLate reports whether a night that comes to a state at a time can take a link out of it on which the window is over.
func (e *Explorer) canBeLate(r *record, l link, at int64) bool {
	return r.flags&flagCrashed != 0 || at+spanTime(l.span) >= e.x.closes.Milliseconds() || e.record(l.to).flags&flagCrashed != 0
}

// numbers is how many numbers of states there are, those in between that are of no state among them.
func (e *Explorer) numbers() int {
	most := 0
	for s := range e.shards {
		most = max(most, len(e.shards[s].known))
	}
	return most * shardCount
}

// everyState yields the numbers of all states, shard by shard.
func (e *Explorer) everyState() iter.Seq[stateID] {
	return func(yield func(stateID) bool) {
		for s := range e.shards {
			for place := range e.shards[s].known {
				if !yield(stateID(place*shardCount + s)) {
					return
				}
			}
		}
	}
}

// longest is, for each state, the longest time from there to an end, in milliseconds.
func (e *Explorer) longest(order []stateID) []int64 {
	rest := make([]int64, e.numbers())
	for _, id := range slices.Backward(order) {
		most := int64(0)
		for _, l := range e.links.from(e.record(id)) {
			most = max(most, lrunTime(l.span)+rest[l.to])
		}
		rest[id] = most
	}
	return rest
}

// nightTo is the choices of the night that comes to a state latest.
func (e *Explorer) nightTo(order []stateID, latest []int64, to stateID) []choice {
	prev := map[stateID]stateID{} // on the way back from the goal
	for _, id := range slices.Backward(order) {
		r, at := e.record(id), latest[id]
		if at < 0 {
			continue
		}
		for _, l := range e.links.from(r) {
			if _, wanted := prev[l.to]; !wanted && l.to != to {
				continue
			}
			if at+spanTime(l.span) == latest[l.to] && (l.span&spanLate == 0 || e.canBeLate(r, l, at)) {
				prev[id] = l.to
				break
			}
		}
	}
	return e.walk(func(id stateID) stateID {
		if t, ok := prev[id]; ok && id != to {
			return t
		}
		return noState
	})
}

// longestNight is the choices of a night that takes the longest.
func (e *Explorer) longestNight(rest []int64) []choice {
	return e.walk(func(id stateID) stateID {
		for _, l := range e.links.from(e.record(id)) {
			if lrunTime(l.span)+rest[l.to] == rest[id] {
				return l.to
			}
		}
		return noState
	})
}

// walk finds the choices that lead from the start along a row of states.
func (e *Explorer) walk(next func(stateID) stateID) []choice {
	m := e.x.machine()
	n, _ := e.x.root(m)
	id := e.root
	var night, buf []choice
	var child, then node
	for to := next(id); to != noState; to = next(id) {
		found := false
		buf = e.x.choices(&n, buf)
		for _, c := range buf {
			e.x.variants(c, func(c choice) (interp.Asked, time.Duration) {
				if found {
					return 0, 0
				}
				t := e.x.transition(m, &n, &child, c)
				s := int(t.hash % shardCount)
				if place, ok := e.shards[s].table.find(t.hash); ok && stateID(place*shardCount+s) == to {
					night, then, found = append(night, c), child, true
				}
				return t.asked, t.left
			})
			if found {
				n, id = then, to
				break
			}
		}
		if !found {
			return night
		}
	}
	return night
}

// times are the worst-case figures of an exploration.
type times struct {
	worst  time.Duration
	behind map[int]time.Duration // by domain: the longest time from the beginning of its turn to the end of the run
}

func (e *Explorer) times(rest []int64) times {
	t := times{worst: time.Duration(rest[e.root]) * time.Millisecond, behind: map[int]time.Duration{}}
	for s := range e.shards {
		for p := range e.shards[s].known {
			h := e.shards[s].known[p].head
			if h == 0 {
				continue
			}
			d := time.Duration(rest[p*shardCount+s]) * time.Millisecond
			t.behind[int(h)-1] = max(t.behind[int(h)-1], d)
		}
	}
	return t
}
