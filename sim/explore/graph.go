package explore

import "time"

// graph is the explored states as one dense graph, for questions about all paths.
type graph struct {
	offset [shardCount + 1]int
	start  []uint32 // edges of state i: start[i] to start[i+1]
	to     []uint32
	dt     []uint32
	order  []uint32 // states in topological order
}

func (g *graph) dense(id stateID) uint32 { return uint32(g.offset[id.shard()] + id.place()) }

// id is the state with a dense number.
func (g *graph) id(n uint32) stateID {
	s := 0
	for int(n) >= g.offset[s+1] {
		s++
	}
	return stateID((int(n)-g.offset[s])*shardCount + s)
}

// graph joins the edges that the shards collected, and puts the states in topological order. cyclic is a state on a
// cycle or behind one, where there is one: then some run does not end.
func (e *Explorer) graph() (g *graph, cyclic stateID) {
	g = &graph{}
	edges := 0
	for s := range e.shards {
		g.offset[s+1] = g.offset[s] + len(e.shards[s].parent)
		edges += len(e.edges[s])
	}
	n := g.offset[shardCount]
	g.start = make([]uint32, n+1)
	in := make([]uint32, n)
	for s := range e.edges {
		for i := range e.edges[s] {
			g.start[g.dense(e.edges[s][i].from)+1]++
			in[g.dense(e.edges[s][i].to)]++
		}
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	g.to, g.dt = make([]uint32, edges), make([]uint32, edges)
	at := append([]uint32(nil), g.start[:n]...)
	for s := range e.edges {
		for i := range e.edges[s] {
			k := &e.edges[s][i]
			f := g.dense(k.from)
			g.to[at[f]], g.dt[at[f]] = g.dense(k.to), k.dt
			at[f]++
		}
	}
	g.order = make([]uint32, 0, n)
	for i := range n {
		if in[i] == 0 {
			g.order = append(g.order, uint32(i))
		}
	}
	for next := 0; next < len(g.order); next++ {
		i := g.order[next]
		for j := g.start[i]; j < g.start[i+1]; j++ {
			if in[g.to[j]]--; in[g.to[j]] == 0 {
				g.order = append(g.order, g.to[j])
			}
		}
	}
	if len(g.order) < n {
		for i := range n {
			if in[i] > 0 {
				return g, g.id(uint32(i))
			}
		}
	}
	return g, noState
}

// longest is, for each state, the longest time from there to an end, in milliseconds.
func (g *graph) longest() []int64 {
	rest := make([]int64, len(g.start)-1)
	for k := len(g.order) - 1; k >= 0; k-- {
		i := g.order[k]
		for j := g.start[i]; j < g.start[i+1]; j++ {
			if d := lrunTime(g.dt[j]) + rest[g.to[j]]; d > rest[i] {
				rest[i] = d
			}
		}
	}
	return rest
}

// lrunTime is how much of lrun's time an edge takes, in milliseconds.
func lrunTime(span uint32) int64 {
	if span&spanThinks != 0 {
		return 0
	}
	return int64(span & spanMask)
}

// latest is, for each state, the latest time at which a night can come to it, in milliseconds, or -1 where none can: an
// edge that takes the window to be over is there only for a night that can be late enough, or in which lrun was killed
// and came back who knows when.
func (e *Explorer) latest(g *graph) []int64 {
	at := make([]int64, len(g.start)-1)
	for i := range at {
		at[i] = -1
	}
	at[g.dense(e.root)] = 0
	for _, i := range g.order {
		if at[i] < 0 {
			continue
		}
		crashed := e.crashedAt(g.id(i))
		for j := g.start[i]; j < g.start[i+1]; j++ {
			t := at[i] + int64(g.dt[j]&spanMask)
			if g.dt[j]&spanLate != 0 && !crashed && t < e.x.closes.Milliseconds() && !e.crashedAt(g.id(g.to[j])) {
				continue
			}
			at[g.to[j]] = max(at[g.to[j]], t)
		}
	}
	return at
}

func (e *Explorer) crashedAt(id stateID) bool {
	return e.shards[id.shard()].flags[id.place()]&flagCrashed != 0
}

// nightTo is the choices of the night that comes to a state latest.
func (e *Explorer) nightTo(g *graph, latest []int64, to stateID) []choice {
	prev := map[uint32]uint32{} // on the way back from the goal
	goal := g.dense(to)
	for k := len(g.order) - 1; k >= 0; k-- {
		i := g.order[k]
		if latest[i] < 0 {
			continue
		}
		for j := g.start[i]; j < g.start[i+1]; j++ {
			t := g.to[j]
			if _, wanted := prev[t]; !wanted && t != goal {
				continue
			}
			late := g.dt[j]&spanLate != 0 && !e.crashedAt(g.id(i)) && !e.crashedAt(g.id(t)) &&
				latest[i]+int64(g.dt[j]&spanMask) < e.x.closes.Milliseconds()
			if !late && latest[i]+int64(g.dt[j]&spanMask) == latest[t] {
				prev[i] = t
				break
			}
		}
	}
	return e.walk(func(id stateID) stateID {
		if t, ok := prev[g.dense(id)]; ok && id != to {
			return g.id(t)
		}
		return noState
	})
}

// longestNight is the choices of a night that takes the longest.
func (e *Explorer) longestNight(g *graph, rest []int64) []choice {
	return e.walk(func(id stateID) stateID {
		i := g.dense(id)
		for j := g.start[i]; j < g.start[i+1]; j++ {
			if lrunTime(g.dt[j])+rest[g.to[j]] == rest[i] {
				return g.id(g.to[j])
			}
		}
		return noState
	})
}

// walk finds the choices that lead from the start along a row of states.
func (e *Explorer) walk(next func(stateID) stateID) []choice {
	m := e.x.machine()
	n, id := e.x.root(m), e.root
	var night, buf []choice
	for to := next(id); to != noState; to = next(id) {
		found := false
		buf = e.x.choices(&n.w, buf)
	search:
		for _, c := range buf {
			for _, v := range [...]uint8{0, lateWindow, lateLeft} {
				c.variant = v
				var child node
				t := e.x.transition(m, &n, &child, c)
				s := int(t.hash % shardCount)
				if place, ok := e.shards[s].table.find(t.hash); ok && stateID(place*shardCount+s) == to {
					night, n, id, found = append(night, c), child, to, true
					break search
				}
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

func (e *Explorer) times(g *graph, rest []int64) times {
	t := times{worst: time.Duration(rest[g.dense(e.root)]) * time.Millisecond, behind: map[int]time.Duration{}}
	for s := range e.shards {
		for p, h := range e.shards[s].head {
			if h == 0 {
				continue
			}
			d := time.Duration(rest[g.offset[s]+p]) * time.Millisecond
			t.behind[int(h)-1] = max(t.behind[int(h)-1], d)
		}
	}
	return t
}
