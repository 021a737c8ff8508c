package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// Result is how a run ended, or stands.
type Result struct {
	Ending     Ending
	FailedOver bool
	Upgraded   []string // done: in pool order, like the others
	Remaining  []string // due and not done
	Skipped    []string
	Down       []string // left out of service
	Elapsed    time.Duration
	Reason     string // the step, the server and the cause, in a sentence
}

// ExitCode is the exit code that tells this result: of a completed run 0 only where every server that was due is upgraded.
func (r Result) ExitCode() int { return r.Ending.ExitCode(len(r.Skipped)+len(r.Remaining) > 0) }

// Result tells how the run ended, once it has.
func (m *Machine) Result() (Result, bool) {
	if !m.st.finished {
		return Result{}, false
	}
	return m.Standing(), true
}

// Standing is how the run stands now.
func (m *Machine) Standing() Result {
	s := m.st
	done, remaining := m.progressSets()
	p := m.prog.Pool
	r := Result{
		Ending: s.ending, FailedOver: s.failover, Elapsed: s.now,
		Upgraded: p.Names(done), Remaining: p.Names(remaining &^ s.skipped), Skipped: p.Names(s.skipped & remaining), Down: p.Names(s.down),
	}
	if s.ending != Completed && s.ending != Running {
		r.Reason = m.reasonText()
	}
	return r
}

// progressSets tells which servers are upgraded, and which are still due.
func (m *Machine) progressSets() (done, remaining pool.Set) {
	s := m.st
	if !m.prog.Upgrades {
		return 0, s.skipped
	}
	var open pool.Set // not done in a loop that the run has come to
	for i := range m.prog.Instrs {
		in := &m.prog.Instrs[i]
		if in.Op == OpTurns && in.Upgrades && s.visited&(1<<in.Loop) != 0 {
			done |= s.done[in.Loop]
			open |= m.prog.Pool.All() &^ s.done[in.Loop]
		}
		if in.Op == OpStep && in.Action == Upgrade && !in.InLoop {
			done |= s.upgraded[in.Upgrade] &^ s.down &^ s.failed
		}
	}
	done &^= open
	return done, m.prog.Pool.All() &^ done
}

// end brings the run to an ending, by way of the handler that the runbook has for it.
func (m *Machine) end(e Ending, c cause) {
	s := m.st
	if e > s.ending {
		s.ending = e
		if e != Interrupted || s.cause.reason == NoReason { // what it was failing of says more
			s.cause = c
		}
	}
	main := s.main()
	entry, number := int32(none), uint8(0)
	switch s.ending {
	case FailedRun, AbortedRun, InDoubt:
		entry, number = m.prog.OnFailure, onFailure
	case WindowClosed:
		entry, number = m.prog.OnWindow, onWindow
	}
	if s.resumed { // what was settled after the resume goes on after the next one
		m.holdSettled()
	}
	s.resumed = false
	if entry == none || s.handler != 0 {
		m.finish()
		return
	}
	s.saved = *main
	s.handler = number
	m.emit(&Record{Kind: RecHandler, Server: Pool, Domain: none, PC: entry, Final: s.ending})
	main.pc, main.phase, main.begun, main.ask = entry, ready, false, askNothing
}

// endBody is the end of the runbook or of a handler.
func (m *Machine) endBody() {
	s := m.st
	switch {
	case s.handler == 0:
		s.ending = Completed
	case s.handler == onWindow && s.ending > WindowClosed && m.prog.OnFailure != none:
		s.handler = onFailure
		m.emit(&Record{Kind: RecHandler, Server: Pool, Domain: none, PC: m.prog.OnFailure, Final: s.ending})
		s.main().pc = m.prog.OnFailure
		return
	}
	m.finish()
}

func (m *Machine) finish() {
	s := m.st
	if s.handler == 0 {
		s.saved = *s.main()
	}
	s.finished = true
	s.main().phase = idle
	left := s.down
	if s.ending == Completed {
		_, left = m.progressSets()
	}
	m.emit(&Record{Kind: RecFinish, Server: Pool, Domain: none, PC: s.cause.pc, Final: s.ending, Text: m.finishText(), Servers: left})
}

func (m *Machine) finishText() string {
	if m.out.quiet || m.st.ending == Completed {
		return ""
	}
	return m.reasonText()
}

// signal takes in what the operator wants.
func (m *Machine) signal(k EventKind) {
	s := m.st
	m.emit(&Record{Kind: RecSignal, Server: Pool, Domain: none, PC: none})
	switch k {
	case Interrupt:
		s.stop = stopInterrupt
		m.haltWaits()
	case Pause:
		if s.stop < stopPause {
			s.stop = stopPause
		}
		main := s.main()
		if s.handler == 0 && (!s.inTurn() || !s.touched) && main.ask != askStart && main.droppable() && !m.settling() {
			main.begun, main.ask, main.phase = false, askNothing, ready
		}
	}
}
