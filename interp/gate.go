package interp

import (
	"strings"
	"time"

	"github.com/lrun/lrun/pool"
)

// freshFor is how long a reading allows a turn to take servers out of service.
const freshFor = 15 * time.Minute

// readingForWait takes in one try of `wait ready`.
func (m *Machine) readingForWait(t int, in *Instr, ev *Event) {
	s := m.st
	tk := &s.tasks[t]
	r := m.takeReading(ev, &Record{Server: Pool, PC: tk.pc, Action: WaitReady, Try: tk.try, Tries: m.tries(in)})
	switch {
	case r.State == Ready && (!in.InLoop || m.domainReady(t, r)):
		m.stepDone(t, in, &Record{})
	case r.State == Ready:
		tk.onlyBusy = false
		m.tryFailed(t, in, DomainNotReady)
	case m.countsAsBusy(r.State):
		tk.onlyDomain = false
		m.tryFailed(t, in, StillBusy)
	case r.State == Insufficient:
		m.stepFailed(t, PoolInsufficient, true)
	case r.State == Garbled:
		m.stepFailed(t, ReadingGarbled, false)
	default:
		tk.onlyBusy, tk.onlyDomain = false, false
		m.tryFailed(t, in, ReadingUnread)
	}
}

// countsAsBusy: where the product's cmdlet blocks while replicas are built, no answer is an answer.
func (m *Machine) countsAsBusy(r ReadState) bool {
	return r == Busy || r == Unanswered && m.prog.Pool.Product >= pool.SfB2015
}

func (m *Machine) domainReady(t int, r *Reading) bool {
	d := m.domainOf(t)
	return d < 0 || r.Domains.Has(int(d))
}

// takeReading records a reading and keeps it as the latest one.
func (m *Machine) takeReading(ev *Event, r *Record) *Reading {
	if ev.Outcome != Done || ev.Reading.State == NoReading {
		ev.Reading.State = Unread
		m.out.ev.Reading.State = Unread
	}
	r.Kind, r.Domain = RecReading, none
	if m.st.asked || r.PC == 0 && r.Action == NoAction {
		r.PC = none
	}
	m.emit(r)
	m.keepReading(&ev.Reading)
	return &ev.Reading
}

func (m *Machine) keepReading(r *Reading) {
	s := m.st
	s.reading, s.readAt, s.readIn = *r, s.now, s.inTurn()
}

// progress takes in a reading that a `hold ready` took on its way.
func (m *Machine) progress(ev *Event) {
	tk := &m.st.tasks[taskOf(ev.ID)]
	m.takeReading(ev, &Record{Server: Pool, PC: tk.pc, Action: Hold})
}

// askLeave asks the interlock for a server's task. Where the latest reading does not say that the turn may begin, the
// machine takes one itself, the task waits for it, and that one must say so.
func (m *Machine) askLeave(t int) bool {
	s := m.st
	if !s.asked && s.readIn && s.reading.State == Ready && s.reading.Domains.Has(int(m.domainOf(t))) &&
		!m.late(s.readAt+freshFor+1, AskedAge) {
		why := m.judge()
		if why != NoReason {
			m.refused(t, why)
		}
		return why == NoReason
	}
	s.tasks[t].phase = parked
	if s.asked {
		return false
	}
	s.asked = true
	tk := &s.tasks[t]
	s.leaveID = EffectID{Epoch: s.epoch, Turn: s.turnNo, Server: int8(t), PC: uint16(tk.pc), Try: 0, Phase: 255}
	m.out.Effects = append(m.out.Effects, Effect{
		ID: s.leaveID, Action: Read, Server: Pool, Domain: m.domainOf(t), Within: defaultReading,
	})
	return false
}

// judge is the interlock: the last word on whether the turn's servers may be taken out of service. It holds in every
// World; a runbook cannot switch it off.
func (m *Machine) judge() Reason {
	s := m.st
	why := m.verdict()
	r := Record{Kind: RecLeave, Server: Pool, Domain: m.domainOf(mainTask), PC: none, Reason: why, Outcome: Done, Servers: s.turn}
	s.leave = why == NoReason
	m.out.Judged, m.out.Verdict = true, why
	if !s.leave {
		r.Outcome = Failed
	}
	if why == InterlockUnverified {
		r.Servers = s.unverified &^ s.turn
	}
	m.emit(&r)
	return why
}

// release lets the tasks go on that waited for the interlock, or fails them without their `else`.
func (m *Machine) release(why Reason) {
	for t := range mainTask {
		tk := &m.st.tasks[t]
		switch {
		case tk.phase != parked:
		case why == NoReason:
			tk.phase = ready
		default:
			m.refused(t, why)
		}
	}
}

// refused fails a step that the interlock does not allow, without its `else`.
func (m *Machine) refused(t int, why Reason) {
	m.texts.task[t] = ""
	if s := m.st; why == InterlockUnverified && !m.out.quiet {
		m.texts.task[t] = strings.Join(m.prog.Pool.Names(s.unverified&^s.turn), ", ")
	}
	m.stepFailed(t, why, false)
}

// refuse fails a step that may not be done here at all.
func (m *Machine) refuse(t int, why Reason) {
	m.emit(&Record{Kind: RecLeave, Server: serverOf(t), Domain: none, PC: m.st.tasks[t].pc, Reason: why, Outcome: Failed})
	m.stepFailed(t, why, false)
}

// Guards tells which parts of the interlock are on. All of them are, but in tests that show that each is needed.
type Guards struct{ NoReading, NoVerified, NoQuorum bool }

// verdict judges by the latest reading, in the order of the rule: (a) Ready and the domain True, (b) what was taken
// down before is verified, (c) the pool keeps its quorum without the turn's servers.
func (m *Machine) verdict() Reason {
	s := m.st
	off := m.guards
	r := &s.reading
	if !off.NoReading {
		switch d := m.domainOf(mainTask); {
		case m.countsAsBusy(r.State):
			return InterlockBusy
		case r.State == Insufficient:
			return InterlockInsuff
		case r.State != Ready:
			return InterlockRead
		case d >= 0 && !r.Domains.Has(int(d)):
			return InterlockDomain
		}
	}
	if !off.NoVerified && s.unverified&^s.turn != 0 {
		return InterlockUnverified
	}
	if !off.NoQuorum && !m.prog.Pool.Quorum(r.Running&^s.turn, r.SQL) {
		return InterlockQuorum
	}
	return NoReason
}
