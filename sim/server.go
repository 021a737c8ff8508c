package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// setPhase moves a server on; the pool's quorum and groups follow.
func (m *Model) setPhase(who int8, ph phase) {
	st := &m.st
	sv := &st.servers[who]
	sv.phase, sv.waiting = ph, false
	bit := pool.SetOf(int(who))
	held := st.holding
	st.running &^= bit
	st.holding &^= bit
	switch ph {
	case running:
		st.running |= bit
		st.holding |= bit
	case draining:
		st.holding |= bit
	}
	st.fresh |= st.holding &^ held
	if st.holding != held {
		m.recount()
		m.rebuild()
	}
	m.poke()
}

// serverAt makes the next step of a server's services or power due; never leaves it where it is.
func (m *Model) serverAt(who int8, at int64) {
	sv := &m.st.servers[who]
	sv.gen++
	m.st.queue.drop(who, dueServer)
	m.push(entry{at: at, kind: dueServer, who: who, gen: sv.gen})
}

// serverStep is what comes next for a server, by what it does now.
func (m *Model) serverStep(who int8) {
	sv := &m.st.servers[who]
	switch sv.phase {
	case off:
		m.bootEnds(who)
	case draining, stopping:
		m.servicesStopped(who)
	case starting:
		sv.waiting = true
		m.letStart()
	case stopped, running:
	}
}

// servicesStopped is the end of a drain or of a stop.
func (m *Model) servicesStopped(who int8) {
	m.setPhase(who, stopped)
	if j := m.job(who); j.state == going && j.action == interp.Stop {
		m.jobDone(j, noText, j.n)
	}
}

// startServices brings the services up, ms from now at the earliest; never leaves them in Starting.
func (m *Model) startServices(who int8, ms int64) {
	m.setPhase(who, starting)
	m.serverAt(who, m.st.now+ms)
}

// letStart lets the servers that wait in Starting come up as far as the pool allows it: a pool without quorum starts
// with as many servers as the start table asks for, and a registrar whose routing groups are all gone waits until enough
// replicas are there.
func (m *Model) letStart() {
	st := &m.st
	var ready pool.Set
	for s := range m.cfg.n {
		if st.servers[s].waiting {
			ready |= pool.SetOf(s)
		}
	}
	if !st.quorate {
		if ready.Len() < m.cfg.pool.StartQuorum() || !m.cfg.pool.Quorum(ready, m.sqlVotes()) {
			return
		}
		m.regainQuorum(ready)
	} else {
		ready = m.placeable(ready)
	}
	for s := range ready.All() {
		m.servicesRun(int8(s))
	}
}

// placeable takes out of ready the servers whose routing groups would still be without service if all of ready ran.
func (m *Model) placeable(ready pool.Set) pool.Set {
	st := &m.st
	if st.lost == 0 {
		return ready
	}
	for again := true; again; {
		again = false
		for g := range m.cfg.groups {
			on := st.groups[g].on
			if st.lost>>g&1 == 1 && on&ready != 0 && (on&(st.holding|ready)).Len() < m.cfg.need {
				ready &^= on
				again = true
			}
		}
	}
	return ready
}

// servicesRun is a server that is active again.
func (m *Model) servicesRun(who int8) {
	sv := &m.st.servers[who]
	m.setPhase(who, running)
	if sv.died {
		sv.died = false
		m.tell(interp.ServerBack, who, 0, noText)
	}
	j := m.job(who)
	if j.state != going {
		return
	}
	switch j.action {
	case interp.Start, interp.FailbackServer:
		m.jobDone(j, noText, 0)
	case interp.Restart:
		if j.stage == restartBoot {
			m.jobDone(j, noText, 0)
		}
	}
}

// powerOff takes the server down, whatever it was doing.
func (m *Model) powerOff(who int8) {
	sv := &m.st.servers[who]
	sv.gen++
	if sv.inHands {
		sv.inHands = false
		sv.installs++
	}
	m.setPhase(who, off)
}

// bootEnds is a server whose system is up again.
func (m *Model) bootEnds(who int8) {
	sv := &m.st.servers[who]
	b := sv.boot
	sv.boot = befall{}
	sv.bootAt = m.st.now
	sv.pending, sv.denied = false, b.denied
	if b.disabled {
		sv.disabled = true
	}
	if sv.disabled || sv.denied {
		m.setPhase(who, stopped)
		if j := m.job(who); j.state == going && j.action == interp.Restart {
			m.jobDone(j, noText, 0) // nothing that starts by itself is still starting
		}
		return
	}
	ms := sv.services
	if b.stuck {
		ms = never
	}
	m.startServices(who, ms)
}

// sessionsShare is how many sessions a server carries while it is active.
func (m *Model) sessionsShare() int32 {
	if m.st.state == interp.FailedOver {
		return 0
	}
	return int32(m.cfg.model.Sessions / m.cfg.n)
}

// sessionsLeft is how many sessions are left on a server now. A drain follows the cube of what is left of its time, so
// that most sessions end early and the last ones late; a drain that never ends keeps its last ones.
func (m *Model) sessionsLeft(who int8) int32 {
	sv := &m.st.servers[who]
	switch sv.phase {
	case running:
		return m.sessionsShare()
	case draining:
	default:
		return 0
	}
	span, rest, floor := sv.drainTo-sv.drainFrom, sv.drainTo-m.st.now, int64(0)
	if sv.drainTo >= never {
		span = m.cfg.model.Drain.High.Milliseconds()
		rest = sv.drainFrom + span - m.st.now
		if !m.rgsStuck(who) { // where only a counter is wrong, the sessions themselves end
			floor = min(3, int64(sv.sessions))
		}
	}
	if rest <= 0 || span <= 0 || sv.sessions == 0 {
		return int32(floor)
	}
	part := rest * 1000 / span // at most 1000
	left := int64(sv.sessions) * part * part * part / 1_000_000_000
	return int32(max(left, floor, 1))
}

// cutSessions ends what sessions a server has left, and tells it.
func (m *Model) cutSessions(who int8) int32 {
	n := m.sessionsLeft(who)
	if n > 0 {
		m.st.stats.SessionsCut += int(n)
		m.tell(interp.SessionsCut, who, n, noText)
	}
	return n
}

// rgsStuck reports whether the Response Group counter of a server never comes down to zero.
func (m *Model) rgsStuck(who int8) bool {
	return m.cfg.start.RGSStuck.Has(int(who)) || m.covered(pool.FaultRGS, who) != nil
}
