package sim

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// What stands here is for those who are no interpreter: who act on the model from outside, one command at a time, while
// time goes on by a clock that is not the model's own.

// Phase is what the services of a server are doing, all together.
type Phase string

// The phases.
const (
	PhaseOff      Phase = "off" // no power, or on the way through a reboot
	PhaseStopped  Phase = "stopped"
	PhaseStarting Phase = "starting"
	PhaseRunning  Phase = "running"
	PhaseDraining Phase = "draining"
	PhaseStopping Phase = "stopping"
)

var phases = [...]Phase{
	off: PhaseOff, stopped: PhaseStopped, starting: PhaseStarting, running: PhaseRunning, draining: PhaseDraining,
	stopping: PhaseStopping,
}

// Phase tells what the services of a server are doing now.
func (m *Model) Phase(server int) Phase { return phases[m.st.servers[server].phase] }

// Installing reports whether the installer runs on a server.
func (m *Model) Installing(server int) bool { return m.st.servers[server].inHands }

// DueAt is when the next thing happens by itself; ok is false where nothing will.
func (m *Model) DueAt() (at time.Duration, ok bool) {
	if m.st.queue.n == 0 {
		return 0, false
	}
	return time.Duration(m.st.queue.heap[0].at) * time.Millisecond, true
}

// Pass carries out the next thing that is due by until. more is false where there was none, and the time is then until;
// told says that ev has something to tell. An error means that a limit of the model was passed, for good.
func (m *Model) Pass(until time.Duration) (ev interp.Event, told, more bool, err error) {
	st := &m.st
	switch st.failed {
	case tooManyEffects:
		return ev, false, false, errEffects
	case tooMuchDue:
		return ev, false, false, errDue
	}
	if st.queue.n == 0 || st.queue.heap[0].at > until.Milliseconds() {
		st.now = max(st.now, until.Milliseconds())
		return ev, false, false, nil
	}
	e := st.queue.pop()
	st.now = e.at
	ev, told = m.happen(&e)
	return ev, told, true, nil
}

// Beginning is how the last action on a server came along.
type Beginning uint8

// The beginnings.
const (
	Begun   Beginning = iota // it is going, or has been
	Refused                  // it ends Failed in a moment and does nothing
	Lost                     // it never reached the server; its connection breaks in a moment
)

// Beginning tells how the action that was begun last on a server, or on the pool under [interp.Pool], came along.
func (m *Model) Beginning(server int) Beginning {
	who := int8(poolJob)
	if server != interp.Pool {
		who = int8(server)
	}
	switch j := m.job(who); {
	case j.state == unbegun:
		return Lost
	case j.state == broke, j.state == going && j.stage == brokenAtStart:
		return Refused
	}
	return Begun
}

// Reboot is shutdown.exe /r: what runs is cut, after the delay. It ends like a Restart.
func (m *Model) Reboot(id interp.EffectID, server int, delay time.Duration) {
	who := int8(server)
	i := m.slotFor(&interp.Effect{ID: id, Action: interp.Restart, Server: who})
	if i < 0 {
		m.st.failed = tooManyEffects
		return
	}
	m.limit(i, 0)
	j := m.job(who)
	m.supersede(who, j)
	*j = job{id: id, action: interp.Restart, state: going, slot: i, gen: j.gen + 1}
	j.befall = m.befalls(interp.Restart, who, false)
	switch {
	case j.befall.unknown && !j.befall.landed:
		j.state, j.slot = unbegun, -1
		m.push(entry{at: m.st.now + quick, kind: dueCut, who: i})
	case j.befall.fail:
		m.fails(who, j, textRebootFails)
	default:
		m.after(who, j, delay.Milliseconds(), restartDrain)
	}
}

// StopRGS stops the Response Group service of a server alone, so that a drain that waits for its broken counter ends
// when the other sessions have.
func (m *Model) StopRGS(server int) {
	who := int8(server)
	sv := &m.st.servers[who]
	if sv.phase != draining || sv.drainTo < never || !m.rgsStuck(who) {
		return
	}
	sv.drainTo = max(sv.drainFrom+m.drainTime(), m.st.now)
	m.serverAt(who, sv.drainTo)
}

// ReadOnce is what the readiness cmdlet says now, as a reading of the night: a scenario can name it by its number.
func (m *Model) ReadOnce() interp.Reading {
	m.st.readings++
	r := m.Survey()
	r.State, r.Domains = m.readiness(m.st.readings)
	return r
}

// Refusal is what befalls somebody who looks at a server's ports.
type Refusal uint8

// The refusals.
const (
	Accepts Refusal = iota
	Refuses         // no port accepts a new connection
	Silent          // the look does not come back
	Breaks          // the connection of who looks breaks
)

// LookAtPorts is a look at the ports of a server, which the scenario can let fail as it does a verify step's.
func (m *Model) LookAtPorts(server int) Refusal {
	b := m.befalls(interp.Verify, int8(server), false)
	switch {
	case b.hang:
		return Silent
	case b.unknown:
		return Breaks
	case b.fail || m.st.servers[server].phase != running:
		return Refuses
	}
	return Accepts
}

// Surroundings are what the pool depends on beside its servers.
type Surroundings struct {
	CMS           pool.CMSPlace
	SQL           pool.SQLState
	Backup        pool.BackupState // the backup service of this pool
	PartnerBackup pool.BackupState // and of its partner
	BackupPool    pool.PoolState   // the readiness of the backup pool
	Edge          bool             // the pool is the next hop of an Edge pool
	DatabaseDue   bool
}

// Surroundings tells how they stand now.
func (m *Model) Surroundings() Surroundings {
	return Surroundings{
		CMS: m.cmsPlace(), SQL: m.sqlState(), Backup: m.backupState(false), PartnerBackup: m.backupState(true),
		BackupPool: m.backupPool(), Edge: m.covered(pool.FaultEdge, interp.Pool) != nil || m.cfg.start.Edge,
		DatabaseDue: m.databaseDue(),
	}
}

// CMSMove is Invoke-CsManagementServerFailover to the backup pool: how long it will take, or why it cannot be. Once that
// time is over, [Model.CMSMoved] makes it so.
func (m *Model) CMSMove() (takes time.Duration, refused string) {
	switch {
	case !m.cfg.pool.Paired():
		return 0, m.words(textNotPaired, interp.Pool, 0)
	case m.cmsPlace() == pool.CMSNone:
		return 0, m.words(textNoCMS, interp.Pool, 0)
	case m.cmsPlace() == pool.CMSBoth:
		return 0, m.words(textTwoCMS, interp.Pool, 0)
	case m.cmsPlace() != pool.CMSHere:
		return 0, "the Central Management Store is not on " + m.cfg.pool.Name
	case m.covered(pool.FaultReplica, interp.Pool) != nil || m.cfg.start.Stale != 0:
		return 0, m.words(textReplicas, interp.Pool, 0)
	}
	return time.Duration(Draw(m.ch, "cms", m.cfg.model.CMS)) * time.Millisecond, ""
}

// CMSMoved makes the backup pool the place of the Central Management Store.
func (m *Model) CMSMoved() {
	if !m.st.cmsMoved {
		m.st.cmsMoved = true
		m.tell(interp.ModelNote, interp.Pool, 0, textCMSMoved)
	}
}
