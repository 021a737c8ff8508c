package interp

import "github.com/lrun/lrun/pool"

// lookAt settles an effect whose outcome is not known: nothing is begun again before that.
func (m *Machine) lookAt(t int) {
	tk := &m.st.tasks[t]
	m.rec(t, Record{Kind: RecTried, Action: tk.effect, Outcome: Unknown})
	m.act(t, Look, looking, Effect{Of: tk.effect, Ref: tk.ref})
}

// lookAnswer decides on the answer of a look. Done counts even where the bound has passed. What is still going then, or
// cannot be told, stops the run in doubt: nobody reboots into a running installer.
func (m *Machine) lookAnswer(t int, in *Instr, ev *Event) {
	s := &m.st
	tk := &s.tasks[t]
	assume := tk.assume
	tk.assume = assumeNothing
	_, over := m.left(tk, in)
	over = over || tk.bound
	m.rec(t, Record{Kind: RecLook, Action: tk.effect, Outcome: ev.Outcome})
	answer := ev.Outcome
	if answer == CannotTell && assume == assumeDone {
		answer = Done
	}
	if answer == CannotTell && assume == assumeRedo {
		answer = NotBegun
	}
	switch answer {
	case Done:
		m.stepDone(t, in, Record{})
	case Failed:
		if over {
			m.stepFailed(t, BoundPassed, true)
			return
		}
		m.tryFailed(t, in, ActionFailed)
	case NotBegun:
		switch {
		case assume == assumeRedo:
			tk.bound, tk.began = false, s.now
			m.act(t, in.Action, acting, m.again(tk, in))
		case over:
			m.stepFailed(t, BoundPassed, true)
		case tk.starts+1 >= maxStarts:
			m.stepFailed(t, NeverBegan, true)
		case s.halting():
			tk.begun = false
			m.rest(t)
		default:
			tk.starts++
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
	s := &m.st
	tk := &s.tasks[t]
	m.rec(t, Record{Kind: RecEnd, Action: tk.effect, Outcome: Unknown, Reason: why})
	tk.doubt = true
	m.setEnding(InDoubt, t, why)
	if t != mainTask {
		s.doubtful |= pool.SetOf(t)
		s.part &^= pool.SetOf(t)
		m.leaveTask(t, held)
		return
	}
	tk.phase = held
	if s.handler != 0 {
		tk.phase = ready
		tk.begun, tk.doubt = false, false
		tk.pc = m.prog.Instrs[tk.pc].Next
		return
	}
	m.end(InDoubt, s.cause)
}
