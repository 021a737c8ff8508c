package sim

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// quick is what it takes to find out that there is nothing to do, or that nothing can be done.
const quick = int64(5000)

// patience ends what would otherwise never end: an action without a bound of its own that hangs.
const patience = int64(24 * 3600 * 1000)

// begin takes in one effect.
func (m *Model) begin(e *interp.Effect) {
	i := m.slotFor(e)
	if i < 0 {
		m.st.failed = tooManyEffects
		return
	}
	switch e.Action {
	case interp.Read:
		m.beginRead(i, e)
	case interp.Survey:
		m.st.slots[i].reading = m.survey(e)
		m.finish(i, interp.Done, noText, 0)
	case interp.Look:
		m.look(i, e)
	case interp.Wait, interp.Sleep:
		m.finishAt(i, m.st.now+e.For.Milliseconds(), interp.Done, noText)
	case interp.Hold:
		m.limit(i, e.Within)
		m.beginHold(i, e)
	case interp.Confirm:
		m.limit(i, e.Within)
		m.beginConfirm(i)
	case interp.Notify:
		m.limit(i, e.Within)
		m.beginNotify(i)
	case interp.Verify:
		m.limit(i, e.Within)
		m.beginVerify(i, e)
	case interp.Stop, interp.Start, interp.Upgrade, interp.Restart, interp.FailoverServer, interp.FailbackServer,
		interp.Run, interp.Failover, interp.Failback:
		m.limit(i, e.Within)
		m.beginJob(i, e)
	default:
		m.finish(i, interp.Failed, textNoEffect, 0)
	}
}

// slotFor finds a place for an effect, or -1.
func (m *Model) slotFor(e *interp.Effect) int8 {
	for i := range m.st.slots {
		s := &m.st.slots[i]
		if s.used {
			continue
		}
		*s = slot{
			id: e.ID, action: e.Action, server: e.Server, domain: e.Domain, used: true, began: m.st.now,
		}
		m.st.usedSlots++
		return int8(i)
	}
	return -1
}

// limit makes an effect end when its bound passes.
func (m *Model) limit(i int8, within time.Duration) {
	ms := within.Milliseconds()
	if ms <= 0 {
		ms = patience
	}
	m.push(entry{at: m.st.now + ms, seq: last, kind: dueBound, who: i})
}

// finish gives an effect its outcome; Next tells it at the same time of the model.
func (m *Model) finish(i int8, o interp.Outcome, t text, n int32) {
	s := &m.st.slots[i]
	if !s.used || s.over {
		return
	}
	if s.deaf {
		o, t, n = interp.Unknown, textConnection, 0
	}
	s.over, s.outcome, s.text, s.n = true, o, t, n
	m.st.queue.drop(i, dueBound, dueCut, dueCheck, duePoll)
	m.push(entry{at: m.st.now, kind: dueEnd, who: i})
}

// finishAt gives an effect an outcome that is sure already, for a later time.
func (m *Model) finishAt(i int8, at int64, o interp.Outcome, t text) {
	s := &m.st.slots[i]
	s.over, s.outcome, s.text = true, o, t
	m.push(entry{at: at, kind: dueEnd, who: i})
}

// free takes an effect out of flight.
func (m *Model) free(i int8) {
	m.st.queue.drop(i, dueEnd, dueBound, dueCut, dueCheck, duePoll)
	m.vacate(i)
}

func (m *Model) vacate(i int8) {
	if m.st.slots[i].action == interp.Hold {
		m.st.holds--
	}
	m.st.slots[i] = slot{}
	m.st.usedSlots--
}

// tellEnd is the event of an effect's end.
func (m *Model) tellEnd(i int8) interp.Event {
	s := &m.st.slots[i]
	ev := interp.Event{
		Kind: interp.Ended, At: m.clock(), ID: s.id, Outcome: s.outcome, Bound: s.bound, Reading: s.reading,
		Server: s.server, Text: m.words(s.text, s.server, s.n),
	}
	if s.action == interp.Stop && s.outcome == interp.Done {
		ev.Count = s.n
	}
	m.vacate(i)
	return ev
}

// boundPassed ends an effect whose bound is over. What may still be going has to be looked at; all else has failed.
func (m *Model) boundPassed(i int8) {
	s := &m.st.slots[i]
	if s.over {
		return
	}
	s.bound = true
	o, t, n := interp.Failed, textBound, int32(0)
	switch {
	case s.action == interp.Read:
		o, t = interp.Done, textUnanswered
	case s.action.Lasting():
		o = interp.Unknown
	case s.action == interp.Stop:
		t, n = m.drainText(s.server)
	case s.action == interp.Confirm:
		t = textSilent
	case s.action == interp.Start, s.action == interp.Restart:
		t = m.upText(s.server)
	}
	if j := m.jobOf(i); j != nil {
		j.slot = -1
	}
	m.finish(i, o, t, n)
}

// connectionLost ends an effect whose connection broke; what it began goes on.
func (m *Model) connectionLost(i int8) {
	if j := m.jobOf(i); j != nil {
		j.slot = -1
	}
	m.finish(i, interp.Unknown, textConnection, 0)
}

// jobOf is the job whose end an effect waits for, or nil.
func (m *Model) jobOf(i int8) *job {
	for k := range m.st.jobs {
		if m.st.jobs[k].slot == i {
			return &m.st.jobs[k]
		}
	}
	return nil
}

// beginConfirm asks the person, who takes a while.
func (m *Model) beginConfirm(i int8) {
	answer := m.cfg.answer.NthConfirm(int(m.st.confirms))
	m.st.confirms++
	if answer == pool.Silent {
		return // its bound ends it
	}
	at := m.st.now + Draw(m.ch, "confirm", m.cfg.model.Confirm)
	m.st.slots[i].n = int32(answer)
	m.push(entry{at: at, kind: dueCheck, who: i})
}

func (m *Model) beginNotify(i int8) {
	b := m.befalls(interp.Notify, interp.Pool, false)
	ms := b.stretch(Draw(m.ch, "notify", m.cfg.model.Notify))
	s := &m.st.slots[i]
	switch {
	case b.fail:
		s.text = textNotSent
	case b.unknown:
		s.deaf = true
	}
	m.push(entry{at: m.st.now + ms, kind: dueCheck, who: i})
}

func (m *Model) beginVerify(i int8, e *interp.Effect) {
	if !m.isServer(e.Server) {
		m.finish(i, interp.Failed, textNoServer, 0)
		return
	}
	b := m.befalls(interp.Verify, e.Server, false)
	s := &m.st.slots[i]
	switch {
	case b.fail:
		s.text = textRefuses
	case b.unknown:
		s.deaf = true
	}
	ms := b.stretch(Draw(m.ch, "verify", m.cfg.model.Verify))
	m.push(entry{at: m.st.now + ms, kind: dueCheck, who: i})
}

// verified ends what only looks at the world as it is by then: a verify, a confirm, a notify.
func (m *Model) verified(i int8) {
	s := &m.st.slots[i]
	switch {
	case s.over:
	case s.action == interp.Confirm && s.n == int32(pool.No):
		m.finish(i, interp.Failed, textRefused, 0)
	case s.action == interp.Verify && s.text == noText:
		t := m.serviceText(s.server, s.id.PC)
		if t != noText {
			m.finish(i, interp.Failed, t, 0)
			return
		}
		m.finish(i, interp.Done, noText, 0)
	case s.text != noText:
		m.finish(i, interp.Failed, s.text, 0)
	default:
		m.finish(i, interp.Done, noText, 0)
	}
}

// isServer reports whether a number is that of a server of this pool.
func (m *Model) isServer(s int8) bool { return s >= 0 && int(s) < m.cfg.n }
