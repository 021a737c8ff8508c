package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// upgrade runs the installer, detached: it goes on whatever happens to the connection.
func (m *Model) upgrade(who int8, j *job, in *interp.Instr) {
	sv := &m.st.servers[who]
	switch {
	case sv.inHands:
		m.fails(who, j, textOtherInstaller)
		return
	case sv.pending:
		m.fails(who, j, textRebootFirst)
		return
	}
	if sv.phase != stopped {
		m.cutSessions(who) // the installer closes what holds its files
		sv.gen++
		m.setPhase(who, stopped)
	}
	sv.inHands, sv.step, sv.install = true, in.Upgrade, j.befall
	sv.installs++
	m.st.queue.drop(who, dueInstall)
	at := satAdd(m.st.now, j.befall.stretch(Draw(m.ch, "upgrade", m.cfg.model.Upgrade)))
	m.push(entry{at: at, kind: dueInstall, who: who, gen: sv.installs})
}

// installed is the end of the installer.
func (m *Model) installed(who int8) {
	sv := &m.st.servers[who]
	b := sv.install
	if b.restarts && !b.fail && sv.phase == stopped && !sv.disabled {
		// Its last step patches Windows Fabric, starts the services and waits for them.
		sv.install.restarts = false
		ms := Draw(m.ch, "start", m.cfg.model.Start)
		m.startServices(who, ms)
		m.push(entry{at: m.st.now + ms, kind: dueInstall, who: who, gen: sv.installs})
		return
	}
	sv.inHands, sv.install = false, befall{}
	j := m.job(who)
	mine := j.state == going && j.action == interp.Upgrade
	if b.fail {
		if mine {
			m.jobBroke(j, textExit)
		}
		return
	}
	if !b.short && int(sv.step) < len(m.cfg.installs) {
		sv.build = m.cfg.installs[sv.step]
	}
	sv.pending = sv.pending || b.reboot
	m.st.stats.Installed[who]++
	if mine {
		t := noText
		if b.reboot {
			t = textWantsReboot
		}
		m.jobDone(j, t, 0)
	}
}

// restart stops again what the installer may have started, and reboots.
func (m *Model) restart(who int8, j *job) {
	sv := &m.st.servers[who]
	switch {
	case j.befall.fail:
		m.fails(who, j, textRebootFails)
	case sv.phase == running:
		ms := m.drainTime()
		m.drain(who, ms)
		m.after(who, j, min(ms, restartDrainLimit), restartDrain)
	case sv.phase == draining:
		left := max(sv.drainTo-m.st.now, 0)
		sv.gen++
		m.after(who, j, min(left, restartDrainLimit), restartDrain)
	default:
		m.reboot(who, j)
	}
}

// reboot cuts what is left and sends the server through a reboot.
func (m *Model) reboot(who int8, j *job) {
	m.cutSessions(who)
	sv := &m.st.servers[who]
	if sv.inHands {
		m.st.stats.Collided = m.st.stats.Collided.Add(int(who))
	}
	j.stage = restartBoot
	sv.boot = j.befall
	m.powerOff(who)
	total := j.befall.stretch(Draw(m.ch, "reboot", m.cfg.model.Reboot))
	if total >= never {
		return // it does not come back
	}
	up := total / 5000 * 3000 // the system is up after three fifths, in whole seconds
	sv.services = total - up
	m.serverAt(who, m.st.now+up)
}

// dies is a server that goes down by itself.
func (m *Model) dies(who int8) {
	sv := &m.st.servers[who]
	if sv.dead {
		return
	}
	sv.dead, sv.died = true, true
	m.st.stats.Deaths++
	n := m.sessionsLeft(who)
	m.st.stats.SessionsCut += int(n)
	m.tell(interp.ServerDied, who, n, noText)
	m.powerOff(who)
	j := m.job(who)
	if j.state == going && j.action != interp.Restart {
		j.state, j.text = broke, textDied
		if i := j.slot; i >= 0 {
			j.slot = -1
			m.finish(i, interp.Unknown, textConnection, 0)
		}
	}
	if j.state == going {
		j.stage, j.gen = restartBoot, j.gen+1 // whoever waits for the reboot goes on waiting
	}
}

// revives is a server that has its power back.
func (m *Model) revives(who int8) {
	sv := &m.st.servers[who]
	if !sv.dead {
		return
	}
	sv.dead = false
	sv.services = Draw(m.ch, "start", m.cfg.model.Start)
	m.bootEnds(who)
}

// byHandServices is somebody who stops, disables or starts the services of a server.
func (m *Model) byHandServices(who int8, what pool.Services) {
	sv := &m.st.servers[who]
	if sv.phase == off {
		return
	}
	switch what {
	case pool.ServicesStarted:
		sv.disabled = false
		if sv.phase == stopped || sv.phase == stopping {
			m.startServices(who, Draw(m.ch, "start", m.cfg.model.Start))
		}
	case pool.ServicesStopped, pool.ServicesDisabled:
		sv.disabled = sv.disabled || what == pool.ServicesDisabled
		m.cutSessions(who)
		sv.gen++
		m.servicesStopped(who)
	}
	m.tell(interp.ModelNote, who, 0, textByHandServices)
}
