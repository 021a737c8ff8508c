package interp

import "github.com/lrun/lrun/pool"

// maxEffects is how many effects one try may take: a connection that breaks at every look for hours is past all use, and
// the ids of a try's effects are counted in 16 bits.
const maxEffects = 60_000

// settleFrom is where a resume counts the effects from by which it settles a try: the same step may begin afresh later in
// the same session, and no two effects of a run may have one id.
const settleFrom = 30_000

// leftOver reports whether a task's effect is one that a handler had begun when lrun was killed, or could not tell the
// end of: it is settled at the resume, and the task then goes back to its place in the runbook.
func (m *Machine) leftOver(in *Instr) bool { return in.Handler != 0 && m.st.handler == 0 }

// settled takes a task with a left-over effect back to its place in the runbook.
func (m *Machine) settled(t int) {
	s := m.st
	if t == mainTask {
		*s.main() = s.saved
		s.main().phase = ready
		return
	}
	tk := &s.tasks[t]
	tk.pc, tk.begun = tk.anchor, false
	tk.rest(held)
	m.settledAll()
}

// settledAll lets the runbook go on once all that a resume settles first is settled.
func (m *Machine) settledAll() {
	s := m.st
	if s.main().phase != parked || m.settling() {
		return
	}
	for t := range mainTask {
		tk := &s.tasks[t]
		if tk.unsettled() && m.leftOver(&m.prog.Instrs[tk.pc]) {
			return
		}
	}
	s.main().phase = ready
}

// settlePool settles the pool's failovers and failbacks that servers' tasks had begun and whose end nobody knows, before
// the pool is looked at: where its users are follows from them. It reports whether some are not settled yet; the runbook
// waits for them.
func (m *Machine) settlePool() bool {
	s := m.st
	main := s.main()
	for t := range mainTask {
		tk := &s.tasks[t]
		if !tk.doubt || !tk.effect.poolState() || m.leftOver(&m.prog.Instrs[tk.pc]) {
			continue
		}
		if main.assume != assumeNothing { // what the operator says of the pool is said of this
			tk.assume, main.assume = main.assume, assumeNothing
		}
		s.doubtful = s.doubtful.Remove(t)
		m.lookAgain(t)
	}
	if !m.settling() {
		return false
	}
	main.phase = parked
	return true
}

// holdSettled holds the servers' tasks that a resume settled, for a run that ends before they can go on.
func (m *Machine) holdSettled() {
	for t := range mainTask {
		if tk := &m.st.tasks[t]; tk.phase == ready {
			tk.begun = false
			tk.rest(held)
		}
	}
}

// settling reports whether a failover or failback that a server's task had begun before a resume is not settled yet.
func (m *Machine) settling() bool {
	s := m.st
	if !s.resumed {
		return false
	}
	for t := range mainTask {
		if tk := &s.tasks[t]; tk.unsettled() && tk.effect.poolState() {
			return true
		}
	}
	return false
}

// lookAt settles an effect whose outcome is not known: nothing is begun again before that.
func (m *Machine) lookAt(t int) {
	tk := &m.st.tasks[t]
	m.rec(t, &Record{Kind: RecTried, Action: tk.effect, Outcome: Unknown})
	if tk.count >= maxEffects {
		m.inDoubt(t, CannotBeTold)
		return
	}
	m.act(t, Look, looking, Effect{Of: tk.effect, Ref: tk.ref})
}

// lookAnswer decides on the answer of a look. Done counts even where the bound has passed. What is still going then, or
// cannot be told, stops the run in doubt: nobody reboots into a running installer.
func (m *Machine) lookAnswer(t int, in *Instr, ev *Event) {
	s := m.st
	tk := &s.tasks[t]
	assume := tk.assume
	tk.assume = assumeNothing
	_, over := m.left(tk, in)
	over = over || tk.bound
	m.rec(t, &Record{Kind: RecLook, Action: tk.effect, Outcome: ev.Outcome})
	answer := ev.Outcome
	if answer == CannotTell && assume == assumeDone {
		answer = Done
	}
	if answer == CannotTell && assume == assumeRedo {
		answer = NotBegun
	}
	switch answer {
	case Done:
		m.stepDone(t, in, &Record{})
	case Failed:
		if over {
			m.stepFailed(t, BoundPassed, true)
			return
		}
		m.tryFailed(t, in, ActionFailed)
	case NotBegun:
		m.neverBegunOn(t, in.Action)
		if tk.count > settleFrom { // lrun was away: the bound of what never began starts when it can begin
			tk.began, tk.tryAt, tk.bound, over = s.now, s.now, false, false
		}
		switch {
		case in.Action == Upgrade && t != mainTask && s.seenUp.Has(t) && s.down.Has(t):
			m.stepFailed(t, InServiceAgain, false) // the next resume stops it first
		case m.leftOver(in):
			m.stepFailed(t, NeverBegan, false)
		case assume == assumeRedo:
			tk.bound, tk.began, tk.starts = false, s.now, 0
			m.begunOn(t, in.Action)
			m.act(t, in.Action, acting, m.again(tk, in))
		case over:
			m.stepFailed(t, BoundPassed, true)
		case tk.starts >= maxStarts:
			m.stepFailed(t, NeverBegan, true)
		case s.halting():
			tk.begun = false
			m.rest(t)
		default:
			tk.starts++
			m.begunOn(t, in.Action)
			m.act(t, in.Action, acting, m.again(tk, in))
		}
	case Going:
		if over {
			if tk.effect.Lasting() {
				m.inDoubt(t, StillGoing)
				return
			}
			m.stepFailed(t, BoundPassed, true)
			return
		}
		e := m.again(tk, in)
		e.Attach, e.Ref = true, tk.ref
		m.act(t, in.Action, acting, e)
	default:
		m.inDoubt(t, CannotBeTold)
	}
}

// again is the effect of a step's action with what is left of its bound.
func (m *Machine) again(tk *task, in *Instr) Effect {
	left, _ := m.left(tk, in)
	return Effect{Within: left}
}

// inDoubt stops a task for a person to decide; its effect stays its own, so that nothing else touches the server.
func (m *Machine) inDoubt(t int, why Reason) {
	s := m.st
	tk := &s.tasks[t]
	m.rec(t, &Record{Kind: RecEnd, Action: tk.effect, Outcome: Unknown, Reason: why})
	tk.doubt = true
	m.setEnding(InDoubt, t, why)
	if t != mainTask {
		s.doubtful |= pool.SetOf(t)
		s.part &^= pool.SetOf(t)
		m.leaveTask(t, held)
		m.settledAll()
		return
	}
	tk.phase = held
	in := &m.prog.Instrs[tk.pc]
	switch {
	case s.handler != 0: // the handler goes on, to tell of it
		s.left = *tk
		tk.phase = ready
		tk.begun, tk.doubt = false, false
		tk.pc = in.Next
		return
	case m.leftOver(in):
		s.left = *tk
		*tk = s.saved
	}
	m.end(InDoubt, s.cause)
}
