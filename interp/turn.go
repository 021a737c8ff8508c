package interp

import (
	"strings"

	"github.com/lrun/lrun/pool"
)

// survey asks how the pool is, for a task that has to know before it goes on.
func (m *Machine) survey(t int, why ask) {
	tk := &m.st.tasks[t]
	tk.ask = why
	if why != askFailback && tk.try != 0 {
		tk.try, tk.count = 0, 0
	}
	m.act(t, Survey, acting, Effect{Within: defaultReading})
}

// answered takes in what a task had asked.
func (m *Machine) answered(t int, ev *Event) {
	s := m.st
	tk := &s.tasks[t]
	why := tk.ask
	tk.ask = askNothing
	if why == askIf {
		m.decide(t, ev)
		return
	}
	r := &ev.Reading
	if ev.Outcome != Done {
		r.Pool, m.out.ev.Reading.Pool = StateUnread, StateUnread
	}
	m.rec(t, &Record{Kind: RecSurvey, Outcome: ev.Outcome})
	if !s.surveyed && r.Pool == FailedOver {
		s.failover = true // found so: somebody failed it over before this run
	}
	m.takeOperatorsWord(t, r.Pool)
	if bad := m.poolStateWrong(r.Pool); bad != NoReason {
		m.badPoolState(t, why, bad)
		return
	}
	s.surveyed = true
	if stopped := s.allDone() & s.took &^ s.down &^ r.Running; why == askStart && stopped != 0 {
		if !m.out.quiet {
			m.texts.task[t] = strings.Join(m.prog.Pool.Names(stopped), ", ")
		}
		m.badPoolState(t, why, ServerNotRunning)
		return
	}
	switch why {
	case askTurn:
		m.beginTurn(r)
	case askFailback:
		in := &m.prog.Instrs[tk.pc]
		if !s.failover {
			m.rec(t, &Record{Kind: RecEnd, Action: Failback, Outcome: Skipped, Reason: NotFailedOver})
			m.closeStep(t, in.Next)
			return
		}
		left, _ := m.left(tk, in)
		m.act(t, Failback, acting, Effect{Within: left})
	default:
		tk.phase = ready
		if s.resumed {
			m.goOn(r)
		}
	}
}

// takeOperatorsWord ends a doubt about where the pool's users are: where the operator assumes done, what is seen counts.
func (m *Machine) takeOperatorsWord(t int, p PoolState) {
	tk := &m.st.tasks[t]
	if tk.assume == assumeDone && (p == Active || p == FailedOver) {
		m.st.failover = p == FailedOver
	}
	tk.assume = assumeNothing
}

// poolStateWrong compares where the pool's users live with what the run believes.
func (m *Machine) poolStateWrong(p PoolState) Reason {
	switch {
	case p == StateUnread:
		return PoolUnread
	case p == FailingOver || p == FailingBack:
		return StateBetween
	case (p == FailedOver) != m.st.failover:
		return StateDiffers
	}
	return NoReason
}

// badPoolState ends the run: in doubt where the pool is not where it should be, failed where it could not be read.
func (m *Machine) badPoolState(t int, why ask, bad Reason) {
	s := m.st
	tk := &s.tasks[t]
	tk.phase, tk.begun = ready, false
	e := InDoubt
	if bad == PoolUnread || bad == ServerNotRunning {
		e = FailedRun
	}
	if why == askFailback {
		m.rec(t, &Record{Kind: RecEnd, Action: Failback, Outcome: Failed, Reason: bad})
	}
	if m.setEnding(e, t, bad) && why != askFailback {
		s.cause.pc = none // no step asked
	}
	if s.handler != 0 {
		tk.pc = m.prog.Instrs[tk.pc].Next
		return
	}
	if t != mainTask {
		s.part &^= pool.SetOf(t)
		m.leaveTask(t, held)
		return
	}
	m.end(e, s.cause)
}

// nextTurn is the head of a loop: it finds the next turn with something left to do, and looks at the pool before it.
func (m *Machine) nextTurn(in *Instr) {
	s := m.st
	main := s.main()
	if s.loop == none {
		s.loop, s.cursor = main.pc, 0
		s.visited |= 1 << in.Loop
	}
	s.turn, s.part, s.turnOut = 0, 0, 0
	for m.serversOfTurn(in)&^s.done[in.Loop] == 0 {
		if int(s.cursor) >= m.turns(in) {
			s.loop, s.cursor = none, none
			main.pc = in.Next
			return
		}
		s.cursor++
	}
	if s.stop == stopPause {
		m.end(Paused, poolCause(PausedByOperator))
		return
	}
	if m.windowOver() {
		m.end(WindowClosed, poolCause(WindowOver))
		return
	}
	s.turnNo++
	m.survey(mainTask, askTurn)
}

func (m *Machine) turns(in *Instr) int {
	if in.OverServers {
		return len(m.prog.Pool.Servers)
	}
	return len(m.prog.Pool.Domains)
}

// serversOfTurn is the set of servers that the cursor stands at.
func (m *Machine) serversOfTurn(in *Instr) pool.Set {
	c := int(m.st.cursor)
	switch {
	case c < 0 || c >= m.turns(in):
		return 0
	case in.OverServers:
		return pool.SetOf(c)
	}
	return m.prog.Pool.Domains[c].Servers
}

// beginTurn begins the body for the servers that are due. A server that the run has not touched and that has the version
// already is passed over.
func (m *Machine) beginTurn(r *Reading) {
	s := m.st
	main := s.main()
	in := &m.prog.Instrs[s.loop]
	all := m.serversOfTurn(in)
	if has := all & r.AtVersion &^ s.touchedBy &^ s.done[in.Loop]; has != 0 && in.Version != nil {
		s.done[in.Loop] |= has
		m.rec(mainTask, &Record{Kind: RecSkip, Reason: AtVersion, Servers: has})
	}
	due := all &^ s.done[in.Loop]
	main.phase = ready
	if due == 0 {
		return // back to the head
	}
	s.turn, s.part = due, due
	s.skipped, s.noUpgrade, s.noVerify = s.skipped&^due, s.noUpgrade&^due, s.noVerify&^due
	s.readIn = false
	m.bodyAnew(due)
	m.rec(mainTask, &Record{Kind: RecTurn, Servers: due})
}

// bodyAnew begins the turn's body for its servers, before any of them is taken out of service.
func (m *Machine) bodyAnew(who pool.Set) {
	s := m.st
	main := s.main()
	s.leave, s.touched, s.turnOut = false, false, 0
	for t := range mainTask {
		if who.Has(t) {
			s.tasks[t].at = none
			s.tasks[t].rest(idle)
		}
	}
	body := m.prog.Instrs[s.loop].Body
	main.pc, main.at, main.begun = body, body, false
}

// endTurn ends the body: what took part to its end is done, unless the only `upgrade` or `verify` that it came by failed
// and an `else` let it go on. That is left out, and still due.
func (m *Machine) endTurn(*Instr) {
	s := m.st
	loop := &m.prog.Instrs[s.loop]
	through := s.part
	if s.ending >= FailedRun {
		for t := range mainTask {
			if through.Has(t) && (!s.turnOut.Has(t) || s.cause.server == Pool || m.forkAhead(s.tasks[t].at)) {
				through &^= pool.SetOf(t)
			}
		}
	}
	lacking := through & (s.noUpgrade | s.noVerify)
	through &^= lacking
	s.done[loop.Loop] |= through
	m.rec(mainTask, &Record{Kind: RecTurnEnd, Servers: through})
	if s.ending >= FailedRun {
		m.end(s.ending, s.cause)
		return
	}
	if lacking != 0 {
		s.skipped |= lacking
		m.rec(mainTask, &Record{Kind: RecSkip, Reason: NotReached, Servers: lacking})
	}
	m.closeTurn()
}

// closeTurn goes back to the head of the loop.
func (m *Machine) closeTurn() {
	s := m.st
	main := s.main()
	s.leave, s.readIn, s.touched = false, false, false
	s.cursor++
	main.pc, main.at, main.phase, main.begun = s.loop, s.loop, ready, false
}

// fork runs a body for each server in scope.
func (m *Machine) fork(in *Instr) {
	s := m.st
	main := s.main()
	who := m.forkScope(in)
	s.queue = 0
	for t := range mainTask {
		if !who.Has(t) {
			continue
		}
		tk := &s.tasks[t]
		switch {
		case in.Handler != 0:
			s.queue = s.queue.Add(t)
		case tk.at > main.pc: // done with this one before a resume
		case tk.at == main.pc && tk.phase != idle && tk.phase != held: // it settles what was under way before a resume
			s.active = s.active.Add(t)
		default:
			s.queue = s.queue.Add(t)
		}
	}
	main.phase = joining
	m.fill()
}

// forkScope is the set of servers that a fork is for.
func (m *Machine) forkScope(in *Instr) pool.Set {
	s := m.st
	switch {
	case in.Handler != 0:
		return s.took & s.unverified &^ s.doubtful
	case s.bringingBack():
		return s.stranded()
	case s.inTurn():
		return s.part
	}
	return m.prog.Pool.All()
}

// fill begins servers of the queue, as many at once as the fork allows, and lets the runbook go on when all have ended.
func (m *Machine) fill() {
	s := m.st
	main := s.main()
	in := &m.prog.Instrs[main.pc]
	for t := 0; t < mainTask && s.queue != 0; t++ {
		if in.AtMost > 0 && s.active.Len() >= int(in.AtMost) {
			return
		}
		if !s.queue.Has(t) {
			continue
		}
		s.queue &^= pool.SetOf(t)
		if in.Handler == 0 && (s.halting() || s.bringingBack() && !s.stranded().Has(t)) {
			continue // it is still in service, and stays so
		}
		tk := &s.tasks[t]
		switch {
		case in.Handler != 0:
			tk.pc = in.Body
		case tk.at == main.pc && tk.phase == held: // it had begun before a resume
			tk.pc = tk.anchor
		default:
			tk.pc, tk.anchor, tk.at = in.Body, in.Body, main.pc
		}
		tk.phase, tk.begun = ready, false
		s.active = s.active.Add(t)
	}
	if s.active == 0 {
		main.pc, main.phase = in.Next, ready
	}
}

// branch is an `if`. Its readings of the pool are one.
func (m *Machine) branch(t int, in *Instr) {
	if in.Cond.needs() {
		tk := &m.st.tasks[t]
		if t == mainTask && m.st.handler == 0 && m.st.inTurn() && tk.pc < tk.at {
			if to := m.wayBack(in); to != none {
				tk.pc = to
				return
			}
		}
		tk.try, tk.count = 1, 0
		tk.ask = askIf
		m.act(t, Read, acting, Effect{Within: defaultReading})
		return
	}
	m.take(t, in, nil)
}

// wayBack is the branch of an `if` that the turn had taken before a resume, where somebody still stands in it: asked
// anew it might lead past them. It is none where nobody does.
func (m *Machine) wayBack(in *Instr) int32 {
	s := m.st
	for t := range s.tasks {
		at := s.tasks[t].at
		switch {
		case t != mainTask && !s.part.Has(t), at < in.Next, at >= in.Join:
		case at < in.Else:
			return in.Next
		default:
			return in.Else
		}
	}
	return none
}

// decide goes on from an `if` with its reading. A fact that could not be read fails the run.
func (m *Machine) decide(t int, ev *Event) {
	tk := &m.st.tasks[t]
	in := &m.prog.Instrs[tk.pc]
	r := m.takeReading(ev, &Record{Server: Pool, PC: tk.pc, Action: If, Try: 1, Tries: 1})
	if m.unreadable(in.Cond, r) {
		tk.begun = true
		m.stepFailed(t, ReadingUnread, false)
		return
	}
	m.take(t, in, r)
}

func (m *Machine) take(t int, in *Instr, r *Reading) {
	tk := &m.st.tasks[t]
	tk.phase, tk.begun = ready, false
	tk.pc = in.Else
	if m.holds(t, in.Cond, r) {
		tk.pc = in.Next
	}
}
