package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// defaultReading bounds one reading of the readiness where `every` does not: on 2015 and later the cmdlet blocks while
// replicas are built.
const defaultReading = 10 * time.Minute

// maxStarts is how often an action that never began is begun again within one try, counted anew at each resume.
const maxStarts = 3

// step begins the step at a task's pc, or goes on with it once the turn may begin.
func (m *Machine) step(t int, in *Instr) {
	s := m.st
	tk := &s.tasks[t]
	if !tk.begun {
		if why := m.passOver(t, in); why != NoReason {
			m.rec(t, &Record{Kind: RecStart, Action: in.Action, Reason: why})
			m.rec(t, &Record{Kind: RecEnd, Action: in.Action, Outcome: Skipped, Reason: why})
			tk.pc = in.Next
			return
		}
		m.openStep(t)
		switch in.Action {
		case Note:
			m.rec(t, &Record{Kind: RecNote, Action: Note, Text: m.Render(in.Text, serverOf(t))})
			m.closeStep(t, in.Next)
			return
		case Skip:
			m.skip(t)
			return
		case Abort:
			m.abort(t, in)
			return
		}
	}
	m.try(t, in)
}

// openStep makes a fresh step of a task: first try, no bound passed.
func (m *Machine) openStep(t int) {
	tk := &m.st.tasks[t]
	tk.begun, tk.told, tk.bound, tk.doubt = true, false, false, false
	tk.try, tk.count, tk.starts = 1, 0, 0
	tk.onlyBusy, tk.onlyDomain = true, true
	tk.began, tk.tryAt = m.st.now, m.st.now
	m.texts.task[t] = ""
}

func (m *Machine) closeStep(t int, next int32) {
	tk := &m.st.tasks[t]
	if m.leftOver(&m.prog.Instrs[tk.pc]) {
		m.settled(t)
		return
	}
	tk.begun = false
	tk.pc, tk.phase = next, ready
	if m.st.handler != 0 || m.prog.Instrs[next].InElse {
		return
	}
	tk.anchor = next // whatever stops the run now, this step is not begun again
	if t == mainTask && !m.st.bringingBack() {
		tk.at = max(tk.at, next)
	}
}

// passOver tells why a step is not to be done at all, if so.
func (m *Machine) passOver(t int, in *Instr) Reason {
	s := m.st
	poolGate := in.Action == WaitReady || in.Action == Hold
	switch {
	case poolGate && in.InLoop && s.failover:
		return AlreadyFailedOver
	case in.Handler == 0 && s.bringingBack() && passedWhenFailing(in.Action):
		return TurnFailing
	case in.Action == Upgrade && t != mainTask && s.upgraded[in.Upgrade].Has(t):
		return AlreadyDone
	case in.Action == Failover && s.failover:
		return AlreadyFailedOver
	case in.Handler != 0 && t == mainTask && in.Action.Changes() && (s.left.doubt || s.saved.doubt):
		return DoubtBefore
	}
	return NoReason
}

// passedWhenFailing tells the steps that guard what comes after the turn: once the run is failing nothing comes after
// it, and the servers which are down must not be left so because a guard says no.
func passedWhenFailing(a Action) bool {
	switch a {
	case WaitReady, Hold, Failover, Failback, Sleep:
		return true
	}
	return false
}

// try begins one try of a step.
func (m *Machine) try(t int, in *Instr) {
	s := m.st
	tk := &s.tasks[t]
	if t != mainTask && in.Handler == 0 && !m.mayAct(t, in) {
		return
	}
	if !tk.told { // only now: the interlock may have had to be asked first
		m.recordStart(t, in)
	}
	left, over := m.left(tk, in)
	if over {
		m.outOfTime(t, in, BoundPassed)
		return
	}
	switch in.Action {
	case WaitReady:
		limit := in.Every
		if limit == 0 {
			limit = defaultReading
		}
		if left > 0 && left < limit {
			limit = left
		}
		m.act(t, Read, acting, Effect{Within: limit})
	case Failover:
		if !m.prog.Pool.Paired() {
			m.stepFailed(t, NotPaired, true)
			return
		}
		m.act(t, Failover, acting, Effect{Within: left})
	case Failback:
		m.survey(t, askFailback)
	case Sleep:
		tk.bound = left > 0 && left < in.For // it cannot end well: its bound comes first
		if tk.bound {
			m.act(t, Sleep, acting, Effect{For: left})
			return
		}
		m.act(t, Sleep, acting, Effect{For: in.For})
	case Hold:
		m.act(t, Hold, acting, Effect{Within: left, For: in.For})
	default:
		m.begunOn(t, in.Action)
		m.act(t, in.Action, acting, Effect{Within: left})
	}
}

// mayAct asks what stands before an action on a server: the window at the turn's first one, and the interlock before
// the first that takes a server out of service.
func (m *Machine) mayAct(t int, in *Instr) bool {
	s := m.st
	if !serverAction(in.Action) {
		return true
	}
	if s.inTurn() && !s.touched && !s.bringingBack() && m.windowOver() {
		if m.setEnding(WindowClosed, t, WindowOver) {
			s.cause.pc = none // no step is to blame
		}
		m.rec(t, &Record{Kind: RecEnd, Action: in.Action, Outcome: Skipped, Reason: WindowOver})
		s.tasks[t].begun = false
		m.leaveTask(t, held)
		return false
	}
	if in.Action.OutOfService() && !s.failover {
		if !s.inTurn() {
			m.refuse(t, NotInTurn)
			return false
		}
		if !s.leave && !m.askLeave(t) {
			return false
		}
	}
	s.touched = true
	return true
}

// serverAction tells the actions that are carried out on a server.
func serverAction(a Action) bool {
	switch a {
	case Stop, Start, Upgrade, Restart, Verify, FailoverServer, FailbackServer, Run:
		return true
	}
	return false
}

// books are the sets that an action which takes a server out of service enters it in.
func (s *State) books() [4]*pool.Set {
	return [4]*pool.Set{&s.took, &s.unverified, &s.down, &s.turnOut}
}

// begunOn keeps the books on a server before an action begins there.
func (m *Machine) begunOn(t int, a Action) {
	if t == mainTask || !serverAction(a) {
		return
	}
	s := m.st
	bit := pool.SetOf(t)
	s.touchedBy |= bit
	s.seenUp &^= bit
	if !a.OutOfService() {
		return
	}
	before := uint8(0)
	for i, b := range s.books() {
		if *b&bit != 0 {
			before |= 1 << i
		}
		*b |= bit
	}
	s.tasks[t].before = before
	if a == FailoverServer {
		s.away |= bit
	}
}

// neverBegunOn puts the books back for an action that turned out never to have begun.
func (m *Machine) neverBegunOn(t int, a Action) {
	if t == mainTask || !a.OutOfService() {
		return
	}
	s := m.st
	for i, b := range s.books() {
		if s.tasks[t].before>>i&1 == 0 {
			*b &^= pool.SetOf(t)
		}
	}
	if a == FailoverServer {
		s.away &^= pool.SetOf(t)
	}
}

// left is what is left of a step's bound: 0 where it has none.
func (m *Machine) left(tk *task, in *Instr) (d time.Duration, over bool) {
	if in.Within == 0 {
		return 0, false
	}
	d = in.Within - (m.st.now - tk.began)
	return d, d <= 0
}

// ended takes in the end of an effect.
func (m *Machine) ended(ev *Event) {
	s := m.st
	if s.asked && ev.ID == s.leaveID {
		s.asked = false
		m.takeReading(ev, &Record{Server: Pool})
		m.release(m.judge())
		return
	}
	t := taskOf(ev.ID)
	tk := &s.tasks[t]
	if tk.phase != waiting {
		m.texts.task[t] = ev.Text
	}
	if tk.ask != askNothing && tk.phase == acting {
		m.answered(t, ev)
		return
	}
	in := &m.prog.Instrs[tk.pc]
	switch tk.phase {
	case waiting:
		tk.try++
		tk.count, tk.starts = 0, 0
		tk.tryAt = s.now
		m.rec(t, &Record{Kind: RecTry, Action: in.Action})
		m.try(t, in)
	case looking:
		m.lookAnswer(t, in, ev)
	case acting:
		if tk.effect == Read {
			m.readingForWait(t, in, ev)
			return
		}
		m.actionEnded(t, in, ev)
	}
}

// actionEnded sorts the ends of an action.
func (m *Machine) actionEnded(t int, in *Instr, ev *Event) {
	tk := &m.st.tasks[t]
	if in.Action == Hold && ev.Outcome == Done && ev.Reading.State != NoReading {
		m.keepReading(&ev.Reading)
	}
	switch {
	case in.Action == Sleep && tk.bound:
		m.stepFailed(t, BoundPassed, true)
	case ev.Outcome == Done:
		m.stepDone(t, in, &Record{})
	case ev.Outcome == Unknown && in.Action.Changes():
		tk.bound = tk.bound || ev.Bound
		m.lookAt(t)
	case ev.Outcome == Unknown && in.Action == Notify:
		m.stepDone(t, in, &Record{Reason: MayHaveHappened})
	case ev.Outcome == Unknown && (in.Action == Hold || in.Action == Confirm || in.Action == Sleep) && !ev.Bound && tk.starts < maxStarts:
		tk.starts++
		m.try(t, in) // nothing was changed: ask again, within the same bound
	case ev.Bound && in.Action.Lasting():
		tk.bound = true
		m.lookAt(t)
	case ev.Bound:
		m.stepFailed(t, BoundPassed, true)
	case in.Action == Confirm:
		m.tryFailed(t, in, Refused)
	default:
		m.tryFailed(t, in, ActionFailed)
	}
}

func (m *Machine) tries(in *Instr) uint16 {
	if in.Tries < 1 {
		return 1
	}
	return uint16(in.Tries)
}

// tryFailed begins the wait for the next try, or fails the step where there is none.
func (m *Machine) tryFailed(t int, in *Instr, why Reason) {
	s := m.st
	tk := &s.tasks[t]
	if m.leftOver(in) {
		m.stepFailed(t, why, false)
		return
	}
	if tk.try >= m.tries(in) {
		m.outOfTries(t, in, why)
		return
	}
	next := tk.tryAt + in.Every
	if next < s.now {
		next = s.now
	}
	if in.Within > 0 && next >= tk.began+in.Within {
		m.outOfTime(t, in, why)
		return
	}
	if s.halting() || (s.stop == stopPause && t == mainTask && !s.touched) {
		m.rec(t, &Record{Kind: RecTried, Action: in.Action, Outcome: Failed, Reason: why})
		tk.begun = false
		m.rest(t)
		return
	}
	m.rec(t, &Record{Kind: RecWait, Action: in.Action, Outcome: Failed, Reason: why, Until: next})
	m.act(t, Wait, waiting, Effect{For: next - s.now})
}

// outOfTime ends a step whose bound has passed, or passes before its next try. Of `wait ready` the `else` asks for the
// same as when its tries run out.
func (m *Machine) outOfTime(t int, in *Instr, why Reason) {
	if in.Action == WaitReady {
		m.outOfTries(t, in, why)
		return
	}
	m.stepFailed(t, BoundPassed, true)
}

// outOfTries ends a step whose last try failed. Of `wait ready` only an unbroken row of Busy leads to its `else`: an
// unready domain, or an answer that did not come, is no reason to fail a pool over.
func (m *Machine) outOfTries(t int, in *Instr, why Reason) {
	tk := &m.st.tasks[t]
	if in.Action != WaitReady {
		if tk.try > 1 {
			why = TriesUsedUp
		}
		m.stepFailed(t, why, true)
		return
	}
	switch {
	case tk.onlyBusy:
		m.stepFailed(t, StillBusy, true)
	case tk.onlyDomain, tk.try == 1:
		m.stepFailed(t, why, false)
	default:
		m.stepFailed(t, MixedReadings, false)
	}
}
