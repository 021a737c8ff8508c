package interp

// resume lets a run go on that had stopped, or whose lrun was killed. What was under way is looked at before anything
// else; what is done stays done; a turn that has taken nothing out of service, or whose servers are all back, begins
// anew; the rest goes on at its first undone step with fresh tries.
func (m *Machine) resume(ev *Event) {
	s := &m.st
	s.epoch++
	m.emit(Record{Kind: RecResume, Server: Pool, Domain: none, PC: none})
	if s.finished && s.ending == Completed {
		m.resumeSkipped()
		return
	}
	crashed := !s.finished
	s.finished, s.stop, s.asked = false, 0, false
	s.ending, s.cause = Running, cause{none, Pool, NoReason}
	m.texts.cause = ""
	m.newWindow(ev)
	inHandler := s.handler != 0
	if inHandler || !crashed {
		*s.main() = s.saved
		s.handler = 0
	}
	s.readIn = false
	s.active, s.queue = 0, 0 // the fork finds out again who is under way
	back := s.failed &^ s.down // failed, and brought back since: by `on failure`, or by its own last step
	s.failed, s.doubtful = 0, 0
	if s.inTurn() {
		s.part = s.turn &^ s.done[m.prog.Instrs[s.loop].Loop] &^ s.skipped
	}
	settling := m.resumeServers(ev, inHandler)
	for t := range mainTask {
		if back.Has(t) && s.part.Has(t) {
			s.tasks[t].at, s.tasks[t].phase = 0, idle // its way through the body begins anew
		}
	}
	m.resumeMain(ev, settling)
}

// newWindow opens a new window where the old one is over; one that is not over stays as it is.
func (m *Machine) newWindow(ev *Event) {
	s := &m.st
	if s.windowEnd == 0 || s.now < s.windowEnd {
		return
	}
	switch {
	case ev.Window > s.now:
		s.windowEnd = ev.Window
	case m.prog.Window.For > 0:
		s.windowEnd = s.now + m.prog.Window.For
	default:
		s.windowEnd = s.now + nextTime(m.args.Clock+s.now, m.prog.Window.Until)
	}
}

// resumeServers brings the servers' tasks to where they can go on. It reports whether some of them have to look first.
func (m *Machine) resumeServers(ev *Event, inHandler bool) (settling bool) {
	s := &m.st
	for t := range mainTask {
		tk := &s.tasks[t]
		switch {
		case s.inTurn() && !s.part.Has(t), !s.inTurn() && tk.phase == idle:
			tk.phase, tk.doubt = idle, false
		case tk.doubt, !inHandler && (tk.phase == acting || tk.phase == looking) && tk.effect.Changes() && tk.ask == askNothing:
			if ev.Assume.Done.Has(t) {
				tk.assume = assumeDone
			}
			if ev.Assume.Redo.Has(t) {
				tk.assume = assumeRedo
			}
			tk.doubt, tk.begun = false, true
			m.lookAt(t)
			settling = true
		case tk.phase == idle:
		default:
			tk.pc, tk.phase, tk.begun, tk.ask = tk.anchor, held, false, askNothing
		}
	}
	return settling
}

// resumeMain brings the runbook itself to where it can go on.
func (m *Machine) resumeMain(ev *Event, settling bool) {
	s := &m.st
	main := s.main()
	under := main.phase == acting || main.phase == looking
	if main.doubt || under && main.ask == askNothing && main.effect.Changes() {
		if ev.Assume.PoolDone {
			main.assume = assumeDone
		}
		if ev.Assume.PoolRedo {
			main.assume = assumeRedo
		}
		main.doubt, main.begun = false, true
		m.lookAt(mainTask)
		return
	}
	main.begun, main.ask, main.phase = false, askNothing, ready
	if !s.inTurn() {
		if main.anchor > 0 && main.anchor <= main.pc {
			main.pc = main.anchor
		}
		m.survey(mainTask, askStart)
		return
	}
	if s.turn == 0 { // it stopped at the head, before the turn
		main.pc = s.loop
		m.survey(mainTask, askStart)
		return
	}
	main.pc = m.prog.Instrs[s.loop].Body
	if s.part&s.down == 0 && !settling {
		s.leave, s.touched = false, false
		main.at = main.pc
		for t := range mainTask {
			if s.part.Has(t) {
				s.tasks[t].at, s.tasks[t].phase = 0, idle
			}
		}
	}
	m.survey(mainTask, askStart)
}

// resumeSkipped takes up the servers that a completed run had skipped.
func (m *Machine) resumeSkipped() {
	s := &m.st
	if s.skipped == 0 {
		return
	}
	for pc := range m.prog.Instrs {
		in := &m.prog.Instrs[pc]
		if in.Op != OpTurns || m.prog.Pool.All()&^s.done[in.Loop] == 0 {
			continue
		}
		s.finished, s.stop, s.ending = false, 0, Running
		main := s.main()
		*main = task{pc: int32(pc), anchor: int32(pc), at: int32(pc)}
		s.loop, s.cursor = none, none
		m.newWindow(&m.out.ev)
		m.survey(mainTask, askStart)
		return
	}
}
