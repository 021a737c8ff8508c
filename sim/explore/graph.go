package explore

import (
	"iter"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
)

// vertex is a state that something comes after, as it lies in topological order: whoever goes through that order finds the links
// here, and not in the state's record, which lies anywhere in memory.
type vertex struct {
	id     stateID
	links  linkID
	degree uint16
}

func (e *Explorer) vertex(id stateID) vertex {
	r := e.record(id)
	return vertex{id, r.links, r.degree}
}

// order puts the states that something comes after into topological order, and tells the latest time at which a night can
// come to each state, in seconds, or -1 where none can: a link that takes the window to be over is there only for a night
// that can be late enough, or in which lrun was killed and came back who knows when. What is told of a state stands at its
// number; numbers that a shard does not have are of no state. cyclic is a state on a cycle or behind one, where there is one:
// then some run does not end.
func (e *Explorer) order() (order []vertex, latest []int32, cyclic stateID) {
	n := e.numbers()
	in := make([]uint32, n) // links that lead to a state and have not been followed yet
	going := 0
	for s := range e.shards {
		known := e.shards[s].known
		for i := range known {
			if known[i].degree > 0 {
				going++
			}
			for _, l := range e.links.from(&known[i]) {
				in[l.to]++
			}
		}
	}
	latest = make([]int32, n)
	for i := range latest {
		latest[i] = -1
	}
	latest[e.root] = 0
	order = make([]vertex, 0, going)
	for id, r := range e.everyState() {
		if in[id] == 0 && r.degree > 0 {
			order = append(order, vertex{id, r.links, r.degree})
		}
	}
	for next := 0; next < len(order); next++ {
		v := order[next]
		at := latest[v.id]
		for _, l := range e.links.row(v.links, v.degree) {
			if in[l.to]--; in[l.to] == 0 {
				if to := e.vertex(l.to); to.degree > 0 {
					order = append(order, to)
				}
			}
			if at >= 0 && (l.span&spanLate == 0 || e.canBeLate(v.id, l, at)) {
				latest[l.to] = max(latest[l.to], later(at, spanTime(l.span)))
			}
		}
	}
	if len(order) == going {
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
func (e *Explorer) canBeLate(id stateID, l link, at int32) bool {
	return e.record(id).flags&flagCrashed != 0 || e.record(l.to).flags&flagCrashed != 0 ||
		time.Duration(later(at, spanTime(l.span)))*time.Second >= e.x.closes
}

// numbers is how many numbers of states there are, those in between that are of no state among them.
func (e *Explorer) numbers() int {
	most := 0
	for s := range e.shards {
		most = max(most, len(e.shards[s].known))
	}
	return most * shardCount
}

// everyState yields all states with their numbers, shard by shard.
func (e *Explorer) everyState() iter.Seq2[stateID, *record] {
	return func(yield func(stateID, *record) bool) {
		for s := range e.shards {
			known := e.shards[s].known
			for place := range known {
				if !yield(stateID(place*shardCount+s), &known[place]) {
					return
				}
			}
		}
	}
}

// longest is, for each state, the longest time from there to an end, in seconds.
func (e *Explorer) longest(order []vertex) []int32 {
	rest := make([]int32, e.numbers())
	for _, v := range slices.Backward(order) {
		most := int32(0)
		for _, l := range e.links.row(v.links, v.degree) {
			most = max(most, later(rest[l.to], lrunTime(l.span)))
		}
		rest[v.id] = most
	}
	return rest
}

// nightTo is the choices of the night that comes to a state latest.
func (e *Explorer) nightTo(order []vertex, latest []int32, to stateID) []choice {
	prev := map[stateID]stateID{} // on the way back from the goal
	for _, v := range slices.Backward(order) {
		at := latest[v.id]
		if at < 0 {
			continue
		}
		for _, l := range e.links.row(v.links, v.degree) {
			if _, wanted := prev[l.to]; !wanted && l.to != to {
				continue
			}
			if later(at, spanTime(l.span)) == latest[l.to] && (l.span&spanLate == 0 || e.canBeLate(v.id, l, at)) {
				prev[v.id] = l.to
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
func (e *Explorer) longestNight(rest []int32) []choice {
	return e.walk(func(id stateID) stateID {
		for _, l := range e.links.from(e.record(id)) {
			if later(rest[l.to], lrunTime(l.span)) == rest[id] {
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

func (e *Explorer) times(rest []int32) times {
	t := times{worst: time.Duration(rest[e.root]) * time.Second, behind: map[int]time.Duration{}}
	for id, r := range e.everyState() {
		if r.head > 0 {
			d := int(r.head) - 1
			t.behind[d] = max(t.behind[d], time.Duration(rest[id])*time.Second)
		}
	}
	return t
}
