package lang

import "slices"

// state is what is known at a point of the runbook, over all paths that lead to it. It is a value: a branch is a copy.
type state struct {
	reach      bool    // some path leads here
	failedOver bool    // on every path the pool is failed over
	paired     bool    // on every path the pool is known to be paired
	stopped    bool    // on every path the servers of this turn are stopped
	upgraded   []*Step // upgrades not yet followed by a restart or start, on some path
	away       []*Step // failovers not yet followed by a failback, on some path
}

// joined is what is known where two paths meet.
func joined(a, b state) state {
	if !a.reach {
		return b
	}
	if !b.reach {
		return a
	}
	return state{
		reach:      true,
		failedOver: a.failedOver && b.failedOver,
		paired:     a.paired && b.paired,
		stopped:    a.stopped && b.stopped,
		upgraded:   union(a.upgraded, b.upgraded),
		away:       union(a.away, b.away),
	}
}

// maxTracked bounds what a state carries along. What is past it goes without a warning; no runbook that a person
// reads has so many steps of one kind open at one point.
const maxTracked = 64

func union(a, b []*Step) []*Step {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0 || slices.Equal(a, b):
		return a
	}
	out := slices.Clone(a)
	for _, s := range b {
		if len(out) < maxTracked && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (s state) equal(t state) bool {
	return s.reach == t.reach && s.failedOver == t.failedOver && s.paired == t.paired && s.stopped == t.stopped &&
		slices.Equal(s.upgraded, t.upgraded) && slices.Equal(s.away, t.away)
}

// known is what a condition tells about the two facts that the checks follow: 1 true, -1 false, 0 nothing.
type known struct{ failedOver, paired int }

func both(a, b known) known { // a and b hold
	return known{pick(a.failedOver, b.failedOver), pick(a.paired, b.paired)}
}

func either(a, b known) known { // a or b holds
	k := known{}
	if a.failedOver == b.failedOver {
		k.failedOver = a.failedOver
	}
	if a.paired == b.paired {
		k.paired = a.paired
	}
	return k
}

func pick(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// learn is what is known where a condition has come out as truth.
func (o *Or) learn(truth bool) known {
	k := o.Terms[0].learn(truth)
	for _, t := range o.Terms[1:] {
		if truth {
			k = either(k, t.learn(truth))
		} else {
			k = both(k, t.learn(truth))
		}
	}
	return k
}

func (a *And) learn(truth bool) known {
	k := a.Factors[0].learn(truth)
	for _, f := range a.Factors[1:] {
		if truth {
			k = both(k, f.learn(truth))
		} else {
			k = either(k, f.learn(truth))
		}
	}
	return k
}

func (n *Not) learn(truth bool) known {
	if n.Negated {
		truth = !truth
	}
	if n.Paren != nil {
		return n.Paren.learn(truth)
	}
	v := -1
	if truth {
		v = 1
	}
	switch n.Fact.Name {
	case "failed over":
		if truth {
			return known{failedOver: 1, paired: 1} // only a paired pool can be failed over
		}
		return known{failedOver: v}
	case "paired":
		if !truth {
			return known{failedOver: -1, paired: -1}
		}
		return known{paired: v}
	}
	return known{}
}

// with is the state where a condition is known to have come out.
func (s state) with(k known) state {
	switch k.failedOver {
	case 1:
		s.failedOver = true
	case -1:
		s.failedOver, s.away = false, nil
	}
	if k.paired != 0 {
		s.paired = k.paired > 0
	}
	return s
}
