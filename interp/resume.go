package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// resume lets a run go on that had stopped, or whose lrun was killed. A pool action whose end nobody knows is settled
// first, a server's task having begun it or not, because the pool's state follows from it; then the pool is looked at; then the servers' actions are settled.
// What is done stays done; a turn that has taken nothing out of service begins its body anew; the rest goes on at its
// first undone step with fresh tries.
func (m *Machine) resume(ev *Event) {
	s := m.st
	s.epoch++
	m.emit(&Record{Kind: RecResume, Server: Pool, Domain: none, PC: none})
	if s.finished && s.ending == Completed {
		m.resumeSkipped()
		return
	}
	main := s.main()
	switch {
	case s.finished:
		*main = s.saved
	case s.handler != 0:
		if main.unsettled() {
			s.left = *main
			s.left.doubt = true
		}
		*main = s.saved
	case m.leftOver(&m.prog.Instrs[main.pc]) && main.unsettled(): // killed again while it settled what a handler left
		s.left = *main
		s.left.doubt = true
		*main = s.saved
	}
	s.finished, s.stop, s.handler = false, 0, 0
	s.asked, s.readIn = false, false
	s.ending, s.cause = Running, cause{pc: none, server: Pool}
	m.texts.cause = ""
	s.active, s.queue = 0, 0 // the fork finds out again who is under way
	s.failed = 0
	m.newWindow(ev)
	if s.inTurn() {
		s.part = s.turn &^ s.done[m.prog.Instrs[s.loop].Loop] &^ s.skipped
	}
	s.resumed = true
	m.resumeServers(ev)
	m.resumeMain(ev)
}

// WindowEnd is when no new turn begins any more, since the start of the run; 0 where there is no window.
func (m *Machine) WindowEnd() time.Duration { return m.st.windowEnd }

// newWindow opens a new window where the old one is over; one that is not over stays as it is.
func (m *Machine) newWindow(ev *Event) {
	s := m.st
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

// resumeServers brings the servers' tasks to where they can go on, or marks them as in doubt until the pool has been
// looked at.
func (m *Machine) resumeServers(ev *Event) {
	s := m.st
	s.doubtful = 0
	for t := range mainTask {
		tk := &s.tasks[t]
		tk.assume = assumeNothing
		switch {
		case tk.doubt || tk.unsettled():
			tk.doubt, tk.phase = true, held
			s.doubtful = s.doubtful.Add(t)
			switch {
			case ev.Assume.Done.Has(t):
				tk.assume = assumeDone
			case ev.Assume.Redo.Has(t):
				tk.assume = assumeRedo
			}
		case tk.at != none && tk.at <= tk.anchor && (!s.inTurn() || s.part.Has(t)):
			tk.pc, tk.begun, tk.ask = tk.anchor, false, askNothing
			tk.rest(held)
		default:
			tk.begun, tk.ask = false, askNothing
			tk.rest(idle)
		}
	}
}

// resumeMain brings the runbook itself to where it can go on, or settles its own action first.
func (m *Machine) resumeMain(ev *Event) {
	s := m.st
	main := s.main()
	own := main.doubt || main.unsettled()
	if !own {
		main.begun, main.ask, main.phase = false, askNothing, ready
		switch {
		case !s.inTurn():
			main.pc = main.anchor
		case s.turn == 0: // it stopped at the head, before the turn
			main.pc = s.loop
		default:
			main.pc = m.prog.Instrs[s.loop].Body
		}
	}
	if !own && s.left.doubt {
		s.saved, *main, s.left = *main, s.left, task{}
		own = true
	}
	main.assume = assumeNothing
	switch {
	case ev.Assume.PoolDone:
		main.assume = assumeDone
	case ev.Assume.PoolRedo:
		main.assume = assumeRedo
	}
	if own {
		m.lookAgain(mainTask)
	}
}

// lookAgain settles, after a resume, what a task had under way.
func (m *Machine) lookAgain(t int) {
	tk := &m.st.tasks[t]
	tk.doubt, tk.begun, tk.ask = false, true, askNothing
	tk.starts, tk.count = 0, settleFrom
	m.lookAt(t)
}

// goOn lets a resumed run go on once the pool has been looked at and is as it should be.
func (m *Machine) goOn(r *Reading) {
	s := m.st
	main := s.main()
	left := false
	for t := range mainTask {
		tk := &s.tasks[t]
		if tk.doubt && m.leftOver(&m.prog.Instrs[tk.pc]) {
			s.doubtful = s.doubtful.Remove(t)
			m.lookAgain(t)
			left = true
		}
	}
	if left { // they decide where their servers go on; then the pool is looked at again
		main.phase = parked
		m.settledAll()
		return
	}
	s.resumed = false
	s.seenUp = r.Running & s.down
	if s.inTurn() && s.turn != 0 {
		m.placeTurn(r)
	}
	for t := range mainTask {
		if s.tasks[t].doubt {
			s.doubtful = s.doubtful.Remove(t)
			m.lookAgain(t)
		}
	}
}

// placeTurn decides where the servers of the turn under way go on.
func (m *Machine) placeTurn(r *Reading) {
	s := m.st
	main := s.main()
	if s.turnOut&s.part == 0 && s.doubtful == 0 {
		m.bodyAnew(s.part)
		return
	}
	again := false
	for t := range mainTask {
		if m.backInService(t, r) {
			m.takeOutAnew(&s.tasks[t])
			again = true
		}
	}
	if again && s.part&s.down&^r.Running == 0 && s.doubtful == 0 {
		// Nobody is down any more: the body's own gates and the interlock judge anew.
		body := m.prog.Instrs[s.loop].Body
		s.leave, main.pc, main.at = false, body, body
	}
}

// takeOutAnew sends a server back to the step of the body that first takes it out of service, and past what stands before
// that, which need not be safe to repeat. Where an `if` stands before it, its way begins anew as a whole: which branch it
// takes now is not known.
func (m *Machine) takeOutAnew(tk *task) {
	tk.at = none
	tk.rest(idle)
	fork := int32(none)
	for pc := m.prog.Instrs[m.st.loop].Body; pc < m.prog.Instrs[m.st.loop].Next; pc++ {
		in := &m.prog.Instrs[pc]
		switch {
		case in.Op == OpIf:
			return
		case in.Op == OpFork:
			fork = pc
		case in.Op == OpStep && in.Scope == ScopeServer && in.Action.OutOfService() && !in.InElse && fork != none:
			tk.at, tk.anchor, tk.phase = fork, pc, held
			return
		}
	}
}

// backInService reports whether a server stands before a step that takes it out of service, or that the body took it out
// of service for, and yet is in service: `on failure` started it again, or somebody did by hand. An installer must not
// run into that.
func (m *Machine) backInService(t int, r *Reading) bool {
	s := m.st
	tk := &s.tasks[t]
	if !s.part.Has(t) || !s.turnOut.Has(t) || tk.doubt || tk.at == none {
		return false
	}
	next := m.nextAction(tk)
	return next.OutOfService() && (!s.down.Has(t) || next == Upgrade && r.Running.Has(t))
}

// nextAction is the next server action on a server's way through the turn's body.
func (m *Machine) nextAction(tk *task) Action {
	pc := tk.anchor
	if tk.at > tk.anchor { // between two forks
		pc = tk.at
	}
	for ; pc < m.prog.Instrs[m.st.loop].Next; pc++ {
		in := &m.prog.Instrs[pc]
		if in.Op == OpStep && in.Scope == ScopeServer && serverAction(in.Action) && !in.InElse {
			return in.Action
		}
	}
	return NoAction
}

// resumeSkipped takes up the servers that a completed run had skipped.
func (m *Machine) resumeSkipped() {
	s := m.st
	if s.skipped == 0 {
		return
	}
	for pc := range m.prog.Instrs {
		in := &m.prog.Instrs[pc]
		if in.Op != OpTurns || s.visited&(1<<in.Loop) == 0 || m.prog.Pool.All()&^s.done[in.Loop] == 0 {
			continue
		}
		s.finished, s.stop, s.ending = false, 0, Running
		s.failed, s.doubtful = 0, pool.Set(0)
		*s.main() = task{pc: int32(pc), anchor: int32(pc), at: int32(pc), phase: ready}
		s.loop, s.cursor = none, none
		s.resumed = true
		m.newWindow(&m.out.ev)
		return
	}
}
