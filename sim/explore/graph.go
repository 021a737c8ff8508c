package explore

import (
	"iter"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
)

// graph is the explored states and what leads from each to which, for questions about all paths. What it says of a state
// stands at the state's number; numbers that a shard does not have are of no state.
type graph struct {
	start []uint32 // links of state i: start[i] to start[i+1]
	links []link
	order []stateID // states in topological order
}

// link is a transition out of a state.
type link struct {
	to stateID
	dt uint32
}

// from is the links out of a state.
func (g *graph) from(id stateID) []link { return g.links[g.start[id]:g.start[id+1]] }

// graph joins the edges that the shards collected, and puts the states in topological order. cyclic is a state on a
// cycle or behind one, where there is one: then some run does not end.
func (e *Explorer) graph() (g *graph, cyclic stateID) {
	most, edges := 0, 0
	for s := range e.shards {
		most = max(most, len(e.shards[s].parent))
		edges += len(e.edges[s])
	}
	n := most * shardCount
	g = &graph{start: make([]uint32, n+1), links: make([]link, edges), order: make([]stateID, 0, e.states())}
	in := make([]uint32, n)
	for s := range e.edges {
		for i := range e.edges[s] {
			g.start[e.edges[s][i].from+1]++
			in[e.edges[s][i].to]++
		}
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	at := append([]uint32(nil), g.start[:n]...)
	for s := range e.edges {
		for i := range e.edges[s] {
			k := &e.edges[s][i]
			g.links[at[k.from]] = link{k.to, k.dt}
			at[k.from]++
		}
	}
	for id := range e.everyState() {
		if in[id] == 0 {
			g.order = append(g.order, id)
		}
	}
	for next := 0; next < len(g.order); next++ {
		for _, l := range g.from(g.order[next]) {
			if in[l.to]--; in[l.to] == 0 {
				g.order = append(g.order, l.to)
			}
		}
	}
	if len(g.order) < e.states() {
		for id := range e.everyState() {
			if in[id] > 0 {
				return g, id
			}
		}
	}
	return g, noState
}

// everyState yields the numbers of all states, shard by shard.
func (e *Explorer) everyState() iter.Seq[stateID] {
	return func(yield func(stateID) bool) {
		for s := range e.shards {
			for place := range e.shards[s].parent {
				if !yield(stateID(place*shardCount + s)) {
					return
				}
			}
		}
	}
}

// longest is, for each state, the longest time from there to an end, in milliseconds.
func (g *graph) longest() []int64 {
	rest := make([]int64, len(g.start)-1)
	for k := len(g.order) - 1; k >= 0; k-- {
		id := g.order[k]
		most := int64(0)
		for _, l := range g.from(id) {
			most = max(most, lrunTime(l.dt)+rest[l.to])
		}
		rest[id] = most
	}
	return rest
}

// extremes is the latest time of each state and the longest time from there on, each on a core of its own where there are
// two.
func (e *Explorer) extremes(g *graph) (latest, rest []int64) {
	if e.x.opts.Workers == 1 {
		return e.latest(g), g.longest()
	}
	var wg sync.WaitGroup
	wg.Go(func() { rest = g.longest() })
	latest = e.latest(g)
	wg.Wait()
	return latest, rest
}

// spanTime is how much time an edge takes, in milliseconds.
func spanTime(span uint32) int64 { return int64(span&spanMask) * 1000 }

// lrunTime is how much of lrun's time an edge takes, in milliseconds.
func lrunTime(span uint32) int64 {
	if span&spanThinks != 0 {
		return 0
	}
	return spanTime(span)
}

// latest is, for each state, the latest time at which a night can come to it, in milliseconds, or -1 where none can: an
// edge that takes the window to be over is there only for a night that can be late enough, or in which lrun was killed
// and came back who knows when.
func (e *Explorer) latest(g *graph) []int64 {
	at := make([]int64, len(g.start)-1)
	for i := range at {
		at[i] = -1
	}
	at[e.root] = 0
	for _, id := range g.order {
		if at[id] < 0 {
			continue
		}
		crashed := e.crashedAt(id)
		for _, l := range g.from(id) {
			t := at[id] + spanTime(l.dt)
			if l.dt&spanLate != 0 && !crashed && t < e.x.closes.Milliseconds() && !e.crashedAt(l.to) {
				continue
			}
			at[l.to] = max(at[l.to], t)
		}
	}
	return at
}

func (e *Explorer) crashedAt(id stateID) bool {
	return e.shards[id.shard()].flags[id.place()]&flagCrashed != 0
}

// nightTo is the choices of the night that comes to a state latest.
func (e *Explorer) nightTo(g *graph, latest []int64, to stateID) []choice {
	prev := map[stateID]stateID{} // on the way back from the goal
	for k := len(g.order) - 1; k >= 0; k-- {
		id := g.order[k]
		if latest[id] < 0 {
			continue
		}
		for _, l := range g.from(id) {
			if _, wanted := prev[l.to]; !wanted && l.to != to {
				continue
			}
			late := l.dt&spanLate != 0 && !e.crashedAt(id) && !e.crashedAt(l.to) &&
				latest[id]+spanTime(l.dt) < e.x.closes.Milliseconds()
			if !late && latest[id]+spanTime(l.dt) == latest[l.to] {
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
func (e *Explorer) longestNight(g *graph, rest []int64) []choice {
	return e.walk(func(id stateID) stateID {
		for _, l := range g.from(id) {
			if lrunTime(l.dt)+rest[l.to] == rest[id] {
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
		buf = e.x.choices(&n.w, buf)
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
		for p, h := range e.shards[s].head {
			if h == 0 {
				continue
			}
			d := time.Duration(rest[p*shardCount+s]) * time.Millisecond
			t.behind[int(h)-1] = max(t.behind[int(h)-1], d)
		}
	}
	return t
}
