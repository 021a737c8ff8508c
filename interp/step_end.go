package interp

import "github.com/lrun/lrun/pool"

// stepDone ends a step well. Only here a server becomes upgraded or verified, and a pool failed over.
func (m *Machine) stepDone(t int, in *Instr, r *Record) {
	s := m.st
	bit := pool.Set(0)
	if t != mainTask {
		bit = pool.SetOf(t)
	}
	switch in.Action {
	case Start, Restart:
		s.down &^= bit &^ s.away // the services of a server that was failed over stay disabled until its failback
	case FailbackServer:
		s.away &^= bit
		s.down &^= bit
	case Verify:
		s.away &^= bit
		s.down &^= bit
		s.unverified &^= bit
		s.noVerify &^= bit
	case Upgrade:
		s.upgraded[in.Upgrade] |= bit
		s.noUpgrade &^= bit
	case Failover:
		s.failover = true
	case Failback:
		s.failover = false
	}
	r.Kind, r.Action, r.Outcome = RecEnd, in.Action, Done
	m.rec(t, r)
	m.closeStep(t, in.Next)
}

// stepFailed ends a step badly: its `else` comes next, where it has one and may take it.
func (m *Machine) stepFailed(t int, why Reason, mayElse bool) {
	s := m.st
	tk := &s.tasks[t]
	in := &m.prog.Instrs[tk.pc]
	if t != mainTask && s.handler == 0 {
		switch in.Action {
		case Verify:
			s.down |= pool.SetOf(t)
			s.noVerify |= pool.SetOf(t)
		case Upgrade:
			s.noUpgrade |= pool.SetOf(t)
		}
	}
	if !tk.told && in.Op == OpStep { // refused before it could begin
		tk.told = true
		m.rec(t, &Record{Kind: RecStart, Action: in.Action, Reason: why})
	}
	m.rec(t, &Record{Kind: RecEnd, Action: in.Action, Outcome: Failed, Reason: why})
	tk.begun = false
	if m.leftOver(in) {
		m.settled(t)
		return
	}
	if mayElse && in.Else != none {
		tk.pc, tk.phase = in.Else, ready
		return
	}
	if in.Handler != 0 {
		if in.Handler == onWindow && in.Action == Failback {
			m.setEnding(FailedRun, t, why)
		}
		tk.pc, tk.phase = in.Next, ready // its own failures are noted, and it goes on
		if in.Op == OpIf {
			tk.pc = in.Join // past both branches
		}
		return
	}
	if in.Action == Notify {
		tk.pc, tk.phase = in.Next, ready // it never fails the run
		return
	}
	m.taskFailed(t, in, why)
}

// taskFailed takes a server out of the turn, or ends the runbook; what is down in the turn goes on without it.
func (m *Machine) taskFailed(t int, in *Instr, why Reason) {
	s := m.st
	m.setEnding(FailedRun, t, why)
	if t != mainTask {
		s.failed |= pool.SetOf(t)
		s.part &^= pool.SetOf(t)
		m.leaveTask(t, held)
		return
	}
	tk := s.main()
	tk.phase = ready
	// Where a person said no, nothing more is done, not even to bring servers back.
	if s.inTurn() && s.stranded() != 0 && in.Action != Confirm {
		tk.pc = in.Next
		return
	}
	m.end(FailedRun, s.cause)
}

// skip leaves a server, or the whole turn.
func (m *Machine) skip(t int) {
	s := m.st
	s.tasks[t].begun = false
	if t != mainTask {
		bit := pool.SetOf(t)
		m.rec(t, &Record{Kind: RecSkip, Reason: BackByRunbook, Servers: bit})
		s.skipped |= bit
		s.part &^= bit
		m.leaveTask(t, idle)
		return
	}
	m.rec(t, &Record{Kind: RecSkip, Reason: BackByRunbook, Servers: s.part})
	s.skipped |= s.part
	s.part = 0
	m.closeTurn()
}

// abort ends the run with the runbook's own reason, once what is in flight has ended.
func (m *Machine) abort(t int, in *Instr) {
	s := m.st
	s.tasks[t].begun = false
	if s.ending < AbortedRun {
		m.texts.task[t] = m.Render(in.Text, serverOf(t))
	}
	m.setEnding(AbortedRun, t, AbortedByRunbook)
	m.haltWaits()
	switch {
	case t != mainTask:
		s.part &^= pool.SetOf(t)
		m.leaveTask(t, held)
	case s.ending > AbortedRun: // in doubt already: that stands, and the servers that are down are left as after any abort
		m.end(s.ending, s.cause)
	}
}

// rest holds a task that must not go on.
func (m *Machine) rest(t int) {
	if t == mainTask {
		m.st.main().phase = ready // mustEnd takes it from here
		return
	}
	m.leaveTask(t, held)
}

// haltWaits ends all waiting that changes nothing, for a run that begins nothing new: only actions in flight are
// waited for.
func (m *Machine) haltWaits() {
	s := m.st
	for t := range s.tasks {
		tk := &s.tasks[t]
		if tk.droppable() && !(t == mainTask && m.settling()) {
			tk.begun, tk.ask = false, askNothing
			m.rest(t)
		}
	}
	s.asked = false
}

// setEnding notes how the run will end; the first cause of the strongest ending stands. It reports whether this is it.
func (m *Machine) setEnding(e Ending, t int, why Reason) bool {
	s := m.st
	if e <= s.ending {
		return false
	}
	s.ending = e
	s.cause = cause{pc: s.tasks[t].pc, try: s.tasks[t].try, server: serverOf(t), reason: why}
	m.texts.cause = m.texts.task[t]
	return true
}

// rec writes a record about a task's step.
func (m *Machine) rec(t int, r *Record) {
	if m.out.quiet {
		m.emit(r)
		return
	}
	tk := &m.st.tasks[t]
	r.Server = serverOf(t)
	r.PC = tk.pc
	r.Domain = none
	if m.st.inTurn() && m.st.handler == 0 && !m.leftOver(&m.prog.Instrs[tk.pc]) {
		r.Domain = m.domainOf(t)
	}
	if r.Tries == 0 {
		r.Tries = m.tries(&m.prog.Instrs[tk.pc])
	}
	r.Try = tk.try
	m.emit(r)
}

func (m *Machine) recordStart(t int, in *Instr) {
	m.st.tasks[t].told = true
	r := &Record{Kind: RecStart, Action: in.Action}
	switch {
	case in.Action == Sleep || in.Action == Hold:
		r.Until = m.st.now + in.For
	case in.Within > 0:
		r.Until = m.st.now + in.Within
	}
	switch in.Action {
	case Notify, Confirm:
		r.Text = m.Render(in.Text, serverOf(t))
	}
	m.rec(t, r)
}
