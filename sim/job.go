package sim

import (
	"strings"

	"github.com/lrun/lrun/interp"
)

// Stages of the jobs that have several.
const (
	simpleStage   = 1 // the job has only this one
	restartDrain  = 1 // restart: what runs is stopped again
	restartBoot   = 2 // restart: from the reboot until the services run
	waitSucceeds  = 1 // failover server, failback server: it will end in time
	waitFails     = 2 // … or not, and nothing is done
	waitForced    = 3 // … or is cut short
	failoverMoves = 1 // failover: the Central Management Store is moved
	failoverPool  = 2
	brokenAtStart = 4 // ends badly without having begun
)

// restartDrainLimit is how long `restart` drains what the installer has started.
const restartDrainLimit = int64(10 * 60 * 1000)

// connectionLasts is when a connection breaks that is to break.
const connectionLasts = int64(60 * 1000)

// job is the job of a server, or of the pool under poolJob.
func (m *Model) job(who int8) *job { return &m.st.jobs[who] }

// beginJob begins an action that changes something, or goes on waiting for one.
func (m *Model) beginJob(i int8, e *interp.Effect) {
	who := int8(poolJob)
	switch e.Action {
	case interp.Failover, interp.Failback:
	case interp.Run:
		if e.Server != interp.Pool {
			who = e.Server
		}
	default:
		who = e.Server
	}
	if who != poolJob && !m.isServer(who) {
		m.finish(i, interp.Failed, textNoServer, 0)
		return
	}
	j := m.job(who)
	if e.Attach {
		m.attach(i, j, e)
		return
	}
	m.supersede(who, j)
	in := m.cfg.prog.At(e.ID.PC)
	*j = job{id: e.ID, action: e.Action, state: going, slot: i, gen: j.gen + 1}
	j.befall = m.befalls(e.Action, e.Server, e.Action == interp.Stop && in.Graceful)
	if m.isServer(who) && m.st.servers[who].phase == off {
		m.jobBroke(j, textNoAnswer)
		return
	}
	if j.befall.unknown {
		if !j.befall.landed {
			j.state, j.slot = unbegun, -1
			m.push(entry{at: m.st.now + quick, kind: dueCut, who: i})
			return
		}
		m.st.slots[i].deaf = true
		m.push(entry{at: m.st.now + connectionLasts, kind: dueCut, who: i})
	}
	m.carryOut(who, j, e, in)
}

// attach lets an effect wait for the end of a job that is known to be going.
func (m *Model) attach(i int8, j *job, e *interp.Effect) {
	switch {
	case j.id != e.Ref || j.state == noJob || j.state == unbegun:
		m.finish(i, interp.Failed, textNeverBegun, 0)
	case j.state == going:
		if j.slot >= 0 {
			m.connectionLost(j.slot)
		}
		j.slot = i
	case j.state == broke:
		m.finish(i, interp.Failed, j.text, j.n)
	default:
		m.finish(i, interp.Done, j.text, j.n)
	}
}

// supersede ends the wait for what was begun before on the same server.
func (m *Model) supersede(who int8, j *job) {
	if j.state != going {
		return
	}
	if j.action.Lasting() && who != poolJob {
		m.st.stats.Collided = m.st.stats.Collided.Add(int(who))
	}
	j.state, j.text = broke, textSuperseded
	if j.slot >= 0 {
		m.finish(j.slot, interp.Failed, textSuperseded, 0)
		j.slot = -1
	}
}

// carryOut begins an action in the world.
func (m *Model) carryOut(who int8, j *job, e *interp.Effect, in *interp.Instr) {
	switch e.Action {
	case interp.Stop:
		m.stop(who, j, in.Graceful)
	case interp.Start:
		m.start(who, j)
	case interp.Upgrade:
		m.upgrade(who, j, in)
	case interp.Restart:
		m.restart(who, j)
	case interp.FailoverServer:
		m.failoverServer(who, j, e, in)
	case interp.FailbackServer:
		m.failbackServer(who, j, e)
	case interp.Run:
		m.run(who, j)
	case interp.Failover:
		m.failover(j, in)
	case interp.Failback:
		m.failback(j)
	}
}

// after makes the next step of a job due.
func (m *Model) after(who int8, j *job, ms int64, stage uint8) {
	j.stage = stage
	m.st.queue.drop(who, dueJob)
	if ms >= never {
		return
	}
	m.push(entry{at: m.st.now + ms, kind: dueJob, who: who, gen: j.gen})
}

// jobStep carries a job on.
func (m *Model) jobStep(who int8, j *job) {
	switch {
	case j.stage == brokenAtStart:
		m.jobBroke(j, j.text)
	case j.action == interp.Restart:
		m.reboot(who, j)
	case j.action == interp.FailoverServer:
		m.failoverServerEnds(who, j)
	case j.action == interp.FailbackServer:
		m.failbackServerEnds(who, j)
	case j.action == interp.Run && j.befall.fail:
		m.jobBroke(j, textExit)
	case j.action == interp.Run && m.databaseDue() && m.testsDatabase(j):
		m.jobBroke(j, textDatabase)
	case j.action == interp.Failover:
		m.failoverStep(j)
	case j.action == interp.Failback:
		m.failbackEnds(j)
	default:
		m.jobDone(j, noText, 0)
	}
}

// jobDone ends a job well, and the effect that waits for it.
func (m *Model) jobDone(j *job, t text, n int32) {
	if j.state != going {
		return
	}
	j.state, j.text, j.n = ended, t, n
	m.jobEnds(j, interp.Done)
}

// jobBroke ends a job badly, and the effect that waits for it.
func (m *Model) jobBroke(j *job, t text) {
	if j.state != going {
		return
	}
	j.state, j.text, j.n = broke, t, 0
	m.jobEnds(j, interp.Failed)
}

func (m *Model) jobEnds(j *job, o interp.Outcome) {
	if i := j.slot; i >= 0 {
		j.slot = -1
		m.finish(i, o, j.text, j.n)
	}
}

// fails makes a job end badly a little later, nothing having been done.
func (m *Model) fails(who int8, j *job, t text) {
	j.text = t
	m.after(who, j, quick, brokenAtStart)
}

// orphan leaves a job that only lrun could have carried on.
func (m *Model) orphan(who int8) {
	m.job(who).state = unbegun
	sv := &m.st.servers[who]
	if sv.phase == draining {
		sv.gen++
		m.serverAt(who, sv.drainTo)
	}
}

// run is the PowerShell of a `run` step, on a server or on a front end of the pool.
func (m *Model) run(who int8, j *job) {
	if who == poolJob && m.st.running.Empty() {
		m.fails(who, j, textNoFrontEnd)
		return
	}
	m.after(who, j, j.befall.stretch(Draw(m.ch, "run", m.cfg.model.Run)), simpleStage)
}

// testsDatabase reports whether the script of a `run` step asks for database updates that are due.
func (m *Model) testsDatabase(j *job) bool {
	return strings.Contains(strings.ToLower(m.cfg.prog.At(j.id.PC).Script), "test-csdatabase")
}

// look tells what the world knows of an earlier effect. It takes no time and changes nothing.
func (m *Model) look(i int8, e *interp.Effect) {
	who := int8(poolJob)
	if e.Of != interp.Failover && e.Of != interp.Failback && m.isServer(e.Ref.Server) {
		who = e.Ref.Server // a server's task may have begun an action on the pool as well
	}
	j := m.job(who)
	switch {
	case j.id != e.Ref || j.state == noJob || j.state == unbegun:
		if who != poolJob && m.st.servers[who].phase == off {
			m.finish(i, interp.CannotTell, textNoAnswer, 0)
			return
		}
		m.finish(i, interp.NotBegun, noText, 0)
	case who != poolJob && m.st.servers[who].phase == off && j.action != interp.Restart:
		m.finish(i, interp.CannotTell, textNoAnswer, 0)
	case j.state == going:
		m.finish(i, interp.Going, noText, 0)
	case j.state == broke:
		m.finish(i, interp.Failed, j.text, 0)
	default:
		m.finish(i, interp.Done, j.text, j.n)
	}
}
