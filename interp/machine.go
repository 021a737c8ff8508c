package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// Args is what a run is started with, beside its program.
type Args struct {
	// Clock is the local time of day at which the run starts, since midnight; it places `window until`.
	Clock time.Duration
}

// Machine runs a [Program]. It is pure: events go in by [Machine.Step], effects and records come out; it has no clock,
// does no I/O, draws no lots and starts no goroutine. It is total: no event, however odd, makes it panic. A Machine must
// not be copied; its State is what can be.
type Machine struct {
	prog  *Program
	args  Args
	st    *State // own, unless [Machine.Work] says otherwise
	own   State
	texts texts
	out   Output

	guards Guards // which parts of the interlock are off: none but in tests
	cover  []bool // see Cover
}

// texts is what the machine keeps for people only; no decision depends on it.
type texts struct {
	cause string               // what the World said when the run's cause arose
	task  [mainTask + 1]string // what the World last said to a task
}

// Output is what one Step gives. It is the machine's own and holds until the next Step.
type Output struct {
	Effects []Effect
	Records []Record // none where the machine is quiet
	// Asked tells which questions of time this Step answered with "still in time"; one who explores must ask them again
	// with a later time.
	Asked Asked
	Left  time.Duration // where Asked has AskedLeft: the longest D of a `left D` that was answered so
	// Judged tells that the interlock was asked in this Step, and Verdict what it said: NoReason where it allowed the turn.
	Judged  bool
	Verdict Reason

	quiet bool
	input bool // the event of this Step is on record
	ev    Event
}

// Asked is a set of questions of time.
type Asked uint8

// The questions.
const (
	AskedWindow Asked = 1 << iota // is the window over?
	AskedLeft                     // `if left D`
	AskedAge                      // is the reading older than 15 minutes?
)

// New makes a machine that has not begun; its first event is Began.
func New(p *Program, args Args) *Machine {
	m := &Machine{prog: p, args: args}
	m.st = &m.own
	m.st.loop = none
	m.st.cursor = none
	m.st.cause.pc = none
	for t := range m.st.tasks {
		m.st.tasks[t].at = none
	}
	switch {
	case p.Window.For > 0:
		m.st.windowEnd = p.Window.For
	case p.Window.Until >= 0:
		m.st.windowEnd = nextTime(args.Clock, p.Window.Until)
	}
	return m
}

// nextTime is how long after the clock says from it next says to; a whole day where they are the same.
func nextTime(from, to time.Duration) time.Duration {
	const day = 24 * time.Hour
	d := (to - from) % day
	if d <= 0 {
		d += day
	}
	return d
}

// Quiet makes the machine write no records, for those who only want its effects.
func (m *Machine) Quiet() { m.out.quiet = true }

// Program is what the machine runs.
func (m *Machine) Program() *Program { return m.prog }

// State copies the state, to be put back by [Machine.SetState] on a machine of the same program.
func (m *Machine) State() State { return *m.st }

// SetState makes s the state.
func (m *Machine) SetState(s *State) { *m.st = *s }

// Work makes s the state itself, without a copy: from now on every Step changes s. It is for one who keeps many states
// and steps one of them at a time.
func (m *Machine) Work(s *State) { m.st = s }

// Step takes in one event and tells what is to be done about it. An event about an effect that the machine does not
// wait for (any more) changes nothing.
func (m *Machine) Step(ev Event) *Output {
	m.out.Effects = m.out.Effects[:0]
	m.out.Records = m.out.Records[:0]
	m.out.Asked, m.out.Left, m.out.Judged = 0, 0, false
	if m.stale(&ev) {
		return &m.out
	}
	if ev.At > m.st.now {
		m.st.now = ev.At
	}
	m.sane(&ev)
	m.out.input, m.out.ev = false, ev
	switch ev.Kind {
	case Began:
		m.begin()
	case Ended:
		m.ended(&ev)
	case Progress:
		m.progress(&ev)
	case Fact:
		m.emit(&Record{Kind: RecFact, Server: ev.Server, Domain: none, PC: none})
	case Pause, Interrupt:
		m.signal(ev.Kind)
	case Resumed:
		m.resume(&ev)
	}
	m.advance()
	if !m.out.input {
		m.emit(&Record{Kind: RecTimer, Server: Pool, Domain: none, PC: none})
	}
	return &m.out
}

// sane bends an event that no World of good faith sends into one that can be told and reasoned about: what cannot be
// understood is never good news.
func (m *Machine) sane(ev *Event) {
	p := m.prog.Pool
	r := &ev.Reading
	all := p.All()
	r.Running, r.Pending, r.AtVersion = r.Running&all, r.Pending&all, r.AtVersion&all
	r.Domains &= pool.FirstN(len(p.Domains))
	if r.State > Garbled {
		r.State = Garbled
	}
	if r.Pool > FailingBack {
		r.Pool = StateUnread
	}
	if ev.Outcome > CannotTell {
		ev.Outcome = Unknown
	}
	if ev.Fact >= factCount {
		ev.Fact = ModelNote
	}
	if ev.Server < Pool || int(ev.Server) >= len(p.Servers) {
		ev.Server = Pool
	}
}

// stale reports whether the event says nothing that the machine could still use.
func (m *Machine) stale(ev *Event) bool {
	s := m.st
	if s.seq == 0 {
		return ev.Kind != Began
	}
	switch ev.Kind {
	case Began:
		return true
	case Resumed:
		return false
	case Ended, Progress:
		if s.finished {
			return true
		}
		if s.asked && ev.ID == s.leaveID {
			return ev.Kind == Progress
		}
		t := taskOf(ev.ID)
		if t < 0 || s.tasks[t].id != ev.ID {
			return true
		}
		tk := &s.tasks[t]
		switch {
		case ev.Kind == Progress:
			return tk.phase != acting || tk.ask != askNothing || tk.effect != Hold
		case tk.phase == acting, tk.phase == looking, tk.phase == waiting:
			return false
		}
		return true
	}
	return s.finished
}

// taskOf is the index of the task that an effect belongs to, or -1.
func taskOf(id EffectID) int {
	switch {
	case id.Server == Pool:
		return mainTask
	case id.Server >= 0 && id.Server < pool.MaxServers:
		return int(id.Server)
	}
	return -1
}

// serverOf is the server of a task, or Pool.
func serverOf(t int) int8 {
	if t == mainTask {
		return Pool
	}
	return int8(t)
}

// begin asks for a first look at the pool: nothing is begun on a pool that is between failover and failback.
func (m *Machine) begin() {
	m.emit(&Record{Kind: RecBegin, Server: Pool, Domain: none, PC: none})
	main := m.st.main()
	main.pc = 0
	m.survey(mainTask, askStart)
}

// emit writes a record. The first one of a Step carries the event that entered.
func (m *Machine) emit(r *Record) {
	m.st.seq++
	first := !m.out.input
	m.out.input = true
	if m.out.quiet {
		return
	}
	r.Seq, r.At = m.st.seq, m.st.now
	if first {
		r.Input, r.Ev = true, m.out.ev
	}
	m.out.Records = append(m.out.Records, *r)
}

// act sends an effect for a task.
func (m *Machine) act(t int, a Action, ph phase, e Effect) {
	tk := &m.st.tasks[t]
	tk.count++ // [Machine.lookAt] keeps it from overflowing
	e.Action = a
	e.ID = EffectID{
		Epoch: m.st.epoch, Turn: m.st.turnNo, Server: serverOf(t), PC: uint16(tk.pc), Try: tk.try, Phase: tk.count,
	}
	e.Server = serverOf(t)
	if !serverAction(a) && a != Look {
		e.Server = Pool
	}
	e.Domain = m.domainOf(t)
	tk.id, tk.phase = e.ID, ph
	if ph == acting {
		tk.effect = a
		if !e.Attach {
			tk.ref = e.ID
		}
	}
	m.out.Effects = append(m.out.Effects, e)
}

// domainOf is the domain that a task's readings concern, or -1 outside the loops.
func (m *Machine) domainOf(t int) int8 {
	if t != mainTask {
		if m.st.inTurn() {
			return int8(m.prog.Pool.Servers[t].Domain)
		}
		return none
	}
	return m.turnDomain(m.st)
}

// turnDomain is the domain of the turn that a state is in, or -1.
func (m *Machine) turnDomain(s *State) int8 {
	if !s.inTurn() || s.cursor < 0 {
		return none
	}
	if m.prog.Instrs[s.loop].OverServers {
		return int8(m.prog.Pool.Servers[s.cursor].Domain)
	}
	return int8(s.cursor)
}

// late reports whether the time has come, and notes the question.
func (m *Machine) late(at time.Duration, q Asked) bool {
	if m.st.now >= at {
		return true
	}
	m.out.Asked |= q
	return false
}

// windowOver reports whether no new turn may begin.
func (m *Machine) windowOver() bool {
	return m.st.windowEnd > 0 && m.late(m.st.windowEnd, AskedWindow)
}

// advance lets every task that can go on do so, in a fixed order, until all wait for something.
func (m *Machine) advance() {
	s := m.st
	servers := s.tasks[:min(len(m.prog.Pool.Servers), mainTask)]
	if s.resumed {
		m.settledAll()
	}
	for moved := true; moved && !s.finished; {
		moved = false
		for t := range servers {
			// What is settled after a resume goes on once the pool has been looked at.
			if servers[t].phase == ready && (!s.resumed || s.handler != 0) {
				moved = true
				if m.advanceServer(t); s.finished {
					return
				}
			}
		}
		if s.tasks[mainTask].phase == ready {
			moved = true
			m.advanceMain()
		}
	}
}

// advanceServer carries out the next instruction of a server's task.
func (m *Machine) advanceServer(t int) {
	s := m.st
	tk := &s.tasks[t]
	in := &m.prog.Instrs[tk.pc]
	if s.halting() && in.Op != OpEndTask && in.Op != OpJump {
		m.leaveTask(t, held)
		return
	}
	m.covered(tk.pc)
	if s.handler == 0 && !in.InElse {
		tk.anchor = tk.pc
	}
	switch in.Op {
	case OpStep:
		m.step(t, in)
	case OpJump:
		tk.pc = in.Next
	case OpIf:
		m.branch(t, in)
	case OpEndTask:
		if in.Handler == 0 {
			tk.at = in.Next // just behind the fork
		}
		m.leaveTask(t, idle)
	default: // the compiler puts no other instruction into a fork
		m.leaveTask(t, idle)
	}
}

// leaveTask ends a server's part in the fork, and lets the next one in the queue begin.
func (m *Machine) leaveTask(t int, ph phase) {
	s := m.st
	s.tasks[t].rest(ph)
	bit := pool.SetOf(t)
	if s.active&bit == 0 {
		return
	}
	s.active &^= bit
	if s.main().phase == joining {
		m.fill()
	}
}

// advanceMain carries out the next instruction of the runbook itself.
func (m *Machine) advanceMain() {
	s := m.st
	tk := s.main()
	in := &m.prog.Instrs[tk.pc]
	if m.mustEnd(in) {
		return
	}
	m.covered(tk.pc)
	if s.handler == 0 && !in.InElse {
		tk.anchor = tk.pc
		if tk.pc > tk.at && !s.bringingBack() {
			tk.at = tk.pc
		}
	}
	if s.resumed && s.handler == 0 {
		if !m.settlePool() {
			m.survey(mainTask, askStart)
		}
		return
	}
	switch in.Op {
	case OpStep:
		if s.handler == 0 && s.inTurn() && tk.pc < tk.at && !tk.begun { // on the way back to where it was
			tk.pc = in.Next
			return
		}
		m.step(mainTask, in)
	case OpJump:
		tk.pc = in.Next
	case OpIf:
		m.branch(mainTask, in)
	case OpTurns:
		m.nextTurn(in)
	case OpEndTurn:
		m.endTurn(in)
	case OpFork:
		m.fork(in)
	default: // OpEnd
		m.endBody()
	}
}

// mustEnd ends the run where it may not go on with the instruction that is next.
func (m *Machine) mustEnd(in *Instr) bool {
	s := m.st
	switch {
	case s.stop == stopInterrupt:
		m.end(Interrupted, poolCause(StoppedByOperator))
	case s.handler != 0:
		return false
	case s.ending == AbortedRun || s.ending == WindowClosed:
		m.end(s.ending, s.cause)
	case s.ending >= FailedRun && (!s.inTurn() || s.resumed || s.stranded() == 0 && (s.part&s.turnOut == 0 || m.forkAhead(s.main().pc))):
		m.end(s.ending, s.cause)
	case s.stop == stopPause && (!s.inTurn() || !s.touched) && in.begins():
		m.end(Paused, poolCause(PausedByOperator))
	default:
		return false
	}
	return true
}

// poolCause is a cause that no step is to blame for.
func poolCause(why Reason) cause { return cause{pc: none, server: Pool, reason: why} }

// begins reports whether the instruction would begin something, so that a pause has to stop the run before it. The head
// of a loop looks by itself whether a turn is left.
func (in *Instr) begins() bool {
	return in.Op == OpStep || in.Op == OpFork || in.Op == OpIf && in.Cond.needs()
}

// forkAhead reports whether the turn's body acts on servers at pc or behind it. Where it does not, the body has ended for
// the servers, whatever pool steps follow.
func (m *Machine) forkAhead(pc int32) bool {
	if !m.st.inTurn() || m.st.turn == 0 {
		return true
	}
	for pc = max(pc, m.prog.Instrs[m.st.loop].Body); pc < m.prog.Instrs[m.st.loop].Next; pc++ {
		if m.prog.Instrs[pc].Op == OpFork {
			return true
		}
	}
	return false
}
