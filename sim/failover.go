package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// failover is Invoke-CsPoolFailOver, with the checks that stand before it.
func (m *Model) failover(j *job, in *interp.Instr) {
	st := &m.st
	if st.state == interp.FailedOver {
		m.after(poolJob, j, quick, failoverPool)
		return
	}
	if t := m.mayFailOver(in.Disaster); t != noText {
		m.fails(poolJob, j, t)
		return
	}
	if j.befall.fail {
		m.fails(poolJob, j, textFailoverFails)
		return
	}
	if m.cmsPlace() == pool.CMSHere {
		if stale := m.covered(pool.FaultReplica, interp.Pool) != nil || m.cfg.start.Stale != 0; stale && !in.Disaster {
			m.fails(poolJob, j, textReplicas)
			return
		}
		m.after(poolJob, j, Draw(m.ch, "cms", m.cfg.model.CMS), failoverMoves)
		return
	}
	m.failoverBegins(j)
}

// mayFailOver checks the conditions of a failover at the moment it is to begin, and says in words what is against it.
func (m *Model) mayFailOver(disaster bool) text {
	switch backup := m.backupPool(); {
	case !m.cfg.pool.Paired():
		return textNotPaired
	case m.st.state != interp.Active:
		return textBetween
	case m.covered(pool.FaultEdge, interp.Pool) != nil || m.cfg.start.Edge:
		return textEdge
	case backup == pool.Insufficient:
		return textBackupInsufficient
	case backup == pool.Garbled || backup == pool.Unanswered:
		return textBackupUnread
	case !disaster && !m.backupState(false).Steady():
		return textBackupService
	case !m.backupState(true).Steady():
		return textPartnerService
	}
	switch m.cmsPlace() {
	case pool.CMSNone:
		return textNoCMS
	case pool.CMSBoth:
		return textTwoCMS
	}
	if !disaster && !m.st.quorate {
		return textPoolDown
	}
	return noText
}

func (m *Model) failoverBegins(j *job) {
	m.st.state = interp.FailingOver
	m.after(poolJob, j, j.befall.stretch(Draw(m.ch, "failover", m.cfg.model.Failover)), failoverPool)
}

func (m *Model) failoverStep(j *job) {
	if j.stage == failoverMoves {
		m.st.cmsMoved = true
		m.tell(interp.ModelNote, interp.Pool, 0, textCMSMoved)
		m.failoverBegins(j)
		return
	}
	if m.st.state != interp.FailedOver {
		m.st.state = interp.FailedOver
		m.st.stats.Failovers++
		m.countCut() // the backup pool serves them all now
	}
	m.jobDone(j, noText, 0)
}

// failback is Invoke-CsPoolFailBack, with the checks that stand before it.
func (m *Model) failback(j *job) {
	st := &m.st
	if st.state == interp.Active {
		m.after(poolJob, j, quick, simpleStage)
		return
	}
	t := noText
	read, _ := m.readiness(0)
	switch {
	case st.state != interp.FailedOver:
		t = textBetween
	case read == interp.Insufficient:
		t = textInsufficient
	case st.running.Len() < m.cfg.pool.StartQuorum():
		t = textTooFew
	case read == interp.Unread || read == interp.Garbled || read == interp.Unanswered:
		t = textUnread
	case !m.backupState(false).Steady():
		t = textBackupService
	case !m.backupState(true).Steady():
		t = textPartnerService
	case j.befall.fail:
		t = textFailbackFails
	}
	if t != noText {
		m.fails(poolJob, j, t)
		return
	}
	st.state = interp.FailingBack
	m.after(poolJob, j, j.befall.stretch(Draw(m.ch, "failback", m.cfg.model.Failback)), simpleStage)
}

func (m *Model) failbackEnds(j *job) {
	if m.st.state == interp.FailingBack {
		m.st.state = interp.Active
		m.st.stats.Failbacks++
		m.countCut()
	}
	m.jobDone(j, noText, 0)
}

// sqlState is the state of the primary database now.
func (m *Model) sqlState() pool.SQLState {
	if f := m.covered(pool.FaultSQL, interp.Pool); f != nil {
		return f.SQL
	}
	return m.cfg.start.SQL
}

// cmsPlace is where the Central Management Store is now.
func (m *Model) cmsPlace() pool.CMSPlace {
	if m.st.cmsMoved {
		return pool.CMSBackup
	}
	if f := m.covered(pool.FaultCMS, interp.Pool); f != nil {
		return f.CMS
	}
	return m.cfg.start.CMS
}

// backupState is the state of the backup service of this pool, or of its partner's.
func (m *Model) backupState(partner bool) pool.BackupState {
	for i := range m.cfg.faults {
		f := &m.cfg.faults[i]
		if f.Kind == pool.FaultBackup && f.Partner == partner && f.Covers(m.clock()) {
			return f.Backup
		}
	}
	if partner {
		return m.cfg.start.PartnerBackup
	}
	return m.cfg.start.Backup
}

// backupPool is the readiness of the backup pool.
func (m *Model) backupPool() pool.PoolState {
	if f := m.covered(pool.FaultBackupPool, interp.Pool); f != nil {
		return f.State
	}
	return m.cfg.start.BackupPool
}

// databaseDue reports whether the back end's databases wait for an update.
func (m *Model) databaseDue() bool {
	return m.cfg.start.DatabaseDue || m.covered(pool.FaultDatabase, interp.Pool) != nil
}
