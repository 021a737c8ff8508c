package interp

import "time"

// fact is one of the facts of `if`.
type fact uint8

const (
	factPaired fact = iota
	factFailedOver
	factPoolReady
	factPoolBusy
	factPoolInsufficient
	factPoolUpgraded
	factRebootPending
	factDomainReady
	factServerRunning
	factServerUpgraded
	factLeft
)

var facts = map[string]fact{
	"paired": factPaired, "failed over": factFailedOver, "pool ready": factPoolReady, "pool busy": factPoolBusy,
	"pool insufficient": factPoolInsufficient, "pool upgraded": factPoolUpgraded, "reboot pending": factRebootPending,
	"domain ready": factDomainReady, "server running": factServerRunning, "server upgraded": factServerUpgraded,
	"left": factLeft,
}

type condOp uint8

const (
	condFact condOp = iota
	condAnd
	condOr
	condNot
)

// cond is a condition.
type cond struct {
	op   condOp
	kids []*cond
	fact fact
	left time.Duration
}

// each calls f for every fact of the condition.
func (c *cond) each(f func(*cond)) {
	if c.op == condFact {
		f(c)
	}
	for _, k := range c.kids {
		k.each(f)
	}
}

// readiness reports whether the fact is one of the readiness cmdlet's.
func (f fact) readiness() bool {
	switch f {
	case factPoolReady, factPoolBusy, factPoolInsufficient, factDomainReady:
		return true
	}
	return false
}

// needs reports whether some fact has to be read from the pool.
func (c *cond) needs() bool {
	n := false
	c.each(func(k *cond) {
		n = n || k.fact.readiness() || k.fact == factRebootPending || k.fact == factServerRunning
	})
	return n
}

// unreadable reports whether r does not tell what the condition needs.
func (m *Machine) unreadable(c *cond, r *Reading) bool {
	bad := false
	c.each(func(k *cond) {
		switch {
		case k.fact.readiness():
			told := r.State == Ready || r.State == Insufficient || m.countsAsBusy(r.State)
			bad = bad || !told
		case k.fact == factRebootPending || k.fact == factServerRunning:
			bad = bad || r.State == Unread
		}
	})
	return bad
}

// holds evaluates a condition for a task; r is nil where nothing had to be read.
func (m *Machine) holds(t int, c *cond, r *Reading) bool {
	switch c.op {
	case condAnd:
		for _, k := range c.kids {
			if !m.holds(t, k, r) {
				return false
			}
		}
		return true
	case condOr:
		for _, k := range c.kids {
			if m.holds(t, k, r) {
				return true
			}
		}
		return false
	case condNot:
		return !m.holds(t, c.kids[0], r)
	}
	return m.factHolds(t, c, r)
}

func (m *Machine) factHolds(t int, c *cond, r *Reading) bool {
	s := m.st
	switch c.fact {
	case factPaired:
		return m.prog.Pool.Paired()
	case factFailedOver:
		return s.failover
	case factPoolUpgraded:
		done, remaining := m.progressSets()
		return m.prog.Upgrades && remaining == 0 && done != 0
	case factLeft:
		if s.windowEnd == 0 {
			return true
		}
		late := m.late(s.windowEnd-c.left+1, AskedLeft)
		if !late {
			m.out.Left = max(m.out.Left, c.left)
		}
		return !late
	case factServerUpgraded:
		return t != mainTask && s.allUpgraded().Has(t)
	case factPoolReady:
		return r.State == Ready
	case factPoolBusy:
		return m.countsAsBusy(r.State)
	case factPoolInsufficient:
		return r.State == Insufficient
	case factDomainReady:
		d := m.domainOf(t)
		return d >= 0 && r.State == Ready && r.Domains.Has(int(d))
	case factServerRunning:
		return t != mainTask && r.Running.Has(t)
	default: // factRebootPending
		switch {
		case t != mainTask:
			return r.Pending.Has(t)
		case s.inTurn():
			return r.Pending&s.turn != 0
		}
		return r.Pending != 0
	}
}
