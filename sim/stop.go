package sim

import "github.com/lrun/lrun/interp"

// stop stops the services of a server, draining or at once.
func (m *Model) stop(who int8, j *job, graceful bool) {
	sv := &m.st.servers[who]
	if j.befall.fail {
		m.fails(who, j, textStopFails)
		return
	}
	switch {
	case sv.phase == stopped:
		m.after(who, j, quick, simpleStage)
	case !graceful || sv.phase == starting:
		m.stopNow(who, j)
	case sv.phase == stopping:
	case sv.phase == draining:
		// A drain that is still going from before goes on; it is waited for again.
	default:
		ms := j.befall.stretch(m.drainTime())
		m.drain(who, ms)
		m.serverAt(who, sv.drainTo)
	}
}

// drainTime draws how long the sessions of a server need to end by themselves.
func (m *Model) drainTime() int64 {
	if m.sessionsShare() == 0 {
		return Draw(m.ch, "stop", m.cfg.model.Stop)
	}
	return DrawTail(m.ch, "drain", m.cfg.model.Drain)
}

// drain lets no new sessions in; what is there ends within ms.
func (m *Model) drain(who int8, ms int64) {
	sv := &m.st.servers[who]
	sv.sessions = m.sessionsLeft(who)
	sv.drainFrom, sv.drainTo = m.st.now, never
	if ms < never && !m.rgsStuck(who) {
		sv.drainTo = m.st.now + ms
	}
	sv.gen++
	m.setPhase(who, draining)
}

// stopNow stops the services and cuts what is left.
func (m *Model) stopNow(who int8, j *job) {
	sv := &m.st.servers[who]
	if sv.phase == stopping {
		return // the services are stopping already
	}
	j.n = m.cutSessions(who)
	m.setPhase(who, stopping)
	m.serverAt(who, satAdd(m.st.now, j.befall.stretch(Draw(m.ch, "stop", m.cfg.model.Stop))))
}

// start starts the services and waits until they run.
func (m *Model) start(who int8, j *job) {
	sv := &m.st.servers[who]
	b := &j.befall
	switch {
	case sv.disabled:
		m.fails(who, j, textDisabled)
	case b.fail:
		m.fails(who, j, textStartFails)
	case sv.phase == running:
		m.after(who, j, quick, simpleStage)
	case sv.phase == draining: // what is paused goes on, with the sessions that are left
		m.serverAt(who, never)
		m.setPhase(who, running)
		m.after(who, j, quick, simpleStage)
	case sv.denied || b.denied:
		sv.denied = true
		m.fails(who, j, textDenied)
	case b.stuck:
		m.startServices(who, never)
	default:
		m.startServices(who, b.stretch(Draw(m.ch, "start", m.cfg.model.Start)))
	}
}

// satAdd adds a duration to a time; never stays never.
func satAdd(at, ms int64) int64 {
	if ms >= never {
		return never
	}
	return at + ms
}

// drainText says what is left on a server whose drain has passed its bound.
func (m *Model) drainText(who int8) (text, int32) {
	if !m.isServer(who) {
		return textBound, 0
	}
	switch sv := &m.st.servers[who]; {
	case sv.phase == draining && m.rgsStuck(who):
		return textRGSLeft, m.sessionsLeft(who)
	case sv.phase == draining:
		return textSessionsLeft, m.sessionsLeft(who)
	case sv.phase == stopping:
		return textStopping, 0
	}
	return textBound, 0
}

// failoverServer is Invoke-CsComputerFailOver: it moves the users away, drains, stops and disables; where that would
// take longer than its wait time it fails and leaves the server as it was.
func (m *Model) failoverServer(who int8, j *job, e *interp.Effect, in *interp.Instr) {
	sv := &m.st.servers[who]
	switch {
	case j.befall.fail:
		m.fails(who, j, textFailoverServerFails)
		return
	case sv.phase == stopped && sv.disabled:
		m.after(who, j, quick, waitSucceeds)
		return
	case sv.phase == running && !m.cfg.pool.Quorum(m.st.running.Remove(int(who)), m.sqlVotes()):
		m.fails(who, j, textNoCapacity)
		return
	}
	ms := j.befall.stretch(Draw(m.ch, "failover server", m.cfg.model.FailoverServer))
	if m.rgsStuck(who) {
		ms = never
	}
	if sv.phase == running {
		m.drain(who, ms)
	}
	wait, stage := waitTime(e), uint8(waitSucceeds)
	if limit := in.Drain.Milliseconds(); limit > 0 {
		if forced := limit + Draw(m.ch, "stop", m.cfg.model.Stop); forced < ms {
			ms, stage = forced, waitForced
		}
	}
	if ms > wait {
		ms, stage = wait, waitFails
	}
	m.after(who, j, ms, stage)
}

// waitTime is the -WaitTime of the cmdlet: the effect's bound, or the cmdlet's own hour.
func waitTime(e *interp.Effect) int64 {
	if ms := e.Within.Milliseconds(); ms > 0 {
		return ms
	}
	return 60 * 60 * 1000
}

func (m *Model) failoverServerEnds(who int8, j *job) {
	sv := &m.st.servers[who]
	if j.stage == waitFails {
		if sv.phase == draining {
			m.setPhase(who, running)
		}
		m.jobBroke(j, textWaitTime)
		return
	}
	if j.stage == waitForced {
		m.cutSessions(who)
	}
	sv.disabled = true
	sv.gen++
	m.setPhase(who, stopped)
	m.jobDone(j, noText, 0)
}

// failbackServer is Invoke-CsComputerFailBack: it enables and starts the services, or fails and leaves them as they were.
func (m *Model) failbackServer(who int8, j *job, e *interp.Effect) {
	sv := &m.st.servers[who]
	b := &j.befall
	switch {
	case b.fail:
		m.fails(who, j, textFailbackServerFails)
		return
	case sv.phase == running && !sv.disabled:
		m.after(who, j, quick, waitSucceeds)
		return
	case sv.denied || b.denied:
		sv.denied = true
		m.fails(who, j, textDenied)
		return
	}
	ms := b.stretch(Draw(m.ch, "failback server", m.cfg.model.FailbackServer))
	if b.stuck {
		ms = never
	}
	sv.disabled = false
	m.startServices(who, ms)
	m.after(who, j, waitTime(e), waitFails)
}

func (m *Model) failbackServerEnds(who int8, j *job) {
	if j.stage == waitSucceeds {
		m.jobDone(j, noText, 0)
		return
	}
	sv := &m.st.servers[who]
	sv.disabled = true
	sv.gen++
	m.setPhase(who, stopped)
	m.jobBroke(j, textWaitTimeBack)
}
