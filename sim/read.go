package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// pollEvery is how often `hold` reads the pool.
const pollEvery = int64(60 * 1000)

var readStates = [...]interp.ReadState{
	pool.Ready: interp.Ready, pool.Busy: interp.Busy, pool.Insufficient: interp.Insufficient,
	pool.Garbled: interp.Garbled, pool.Unanswered: interp.Unanswered,
}

// readiness is what the cmdlet says: what follows from the state of the pool, bent by the scenario. n numbers the reading
// for the scenario, from 1; the polls of a hold and the checks of a failback have no number and say 0.
func (m *Model) readiness(n int32) (interp.ReadState, pool.Set) {
	state, domains := m.natural()
	for i := range m.cfg.faults {
		f := &m.cfg.faults[i]
		switch {
		case f.Kind == pool.FaultPool && f.Covers(m.clock()):
			state = readStates[f.State]
		case f.Kind == pool.FaultDomain && f.Covers(m.clock()):
			domains = domains.Remove(f.Domain)
			if f.Ready {
				domains = domains.Add(f.Domain)
			}
		}
	}
	for i := range m.cfg.faults {
		if f := &m.cfg.faults[i]; f.Kind == pool.FaultReading && int32(f.Reading) == n {
			state = readStates[f.State]
		}
	}
	switch {
	case m.st.running.Empty():
		return interp.Unread, 0
	case state == interp.Garbled || state == interp.Unanswered || state == interp.Insufficient:
		return state, 0
	}
	return state, domains
}

// natural is the readiness as it follows from the state, and the domains that could be stopped. The vendor does not
// publish the rule; this is the one that cannot take the pool below its own tables.
func (m *Model) natural() (interp.ReadState, pool.Set) {
	st := &m.st
	sql := m.sqlVotes()
	var domains pool.Set
	spare := false
	for d := range m.cfg.pool.Domains {
		members := m.cfg.pool.Domains[d].Servers
		rest := st.running &^ members
		if !m.cfg.pool.Quorum(rest, sql) {
			continue
		}
		spare = spare || members&st.running != 0
		if m.groupsLost(rest) == 0 {
			domains |= pool.SetOf(d)
		}
	}
	switch {
	case !st.quorate || !spare:
		return interp.Insufficient, 0
	case st.settling || st.lost != 0:
		return interp.Busy, domains
	}
	return interp.Ready, domains
}

// survey looks at the pool and every server, without asking for readiness.
func (m *Model) survey(e *interp.Effect) interp.Reading {
	st := &m.st
	r := interp.Reading{Pool: st.state, SQL: m.sqlVotes(), Running: st.running}
	text := m.expected(e.ID.PC)
	build, same := st.servers[0].build, m.atVersion(st.servers[0].build, text)
	for s := range m.cfg.n {
		sv := &st.servers[s]
		if sv.phase == off {
			continue
		}
		if sv.pending {
			r.Pending |= pool.SetOf(s)
		}
		if sv.build != build {
			build, same = sv.build, m.atVersion(sv.build, text)
		}
		if same {
			r.AtVersion |= pool.SetOf(s)
		}
	}
	return r
}

// expected is the version that the instruction's turn verifies, or nil: the text of the loop at pc or around it.
func (m *Model) expected(pc uint16) *interp.Text {
	in := m.cfg.prog.At(pc)
	if in.Op == interp.OpTurns {
		return in.Version
	}
	if in.Action == interp.Verify {
		return in.Text
	}
	for i := int(pc); i >= 0; i-- {
		if loop := &m.cfg.prog.Instrs[i]; loop.Op == interp.OpTurns {
			return loop.Version
		}
	}
	return nil
}

// atVersion reports whether a build is known to be the version of the text; an empty text is no version.
func (m *Model) atVersion(build uint8, t *interp.Text) bool {
	want, known := t.Const()
	b := &m.cfg.builds[build]
	if !known {
		return build >= m.cfg.firstInstall // only what an installer brought can bear a name that the run makes up
	}
	return want != "" && b.known && b.text == want
}

// beginRead asks a running front end. Where its answer does not come, the bound ends the effect.
func (m *Model) beginRead(i int8, e *interp.Effect) {
	m.st.readings++
	s := &m.st.slots[i]
	s.reading = m.survey(e)
	s.reading.State, s.reading.Domains = m.readiness(m.st.readings)
	t := noText
	switch s.reading.State {
	case interp.Unanswered:
		if e.Within > 0 {
			m.limit(i, e.Within)
			return
		}
		t = textUnanswered
	case interp.Garbled:
		t = textGarbled
	case interp.Unread:
		t = textNoFrontEnd
	}
	m.finish(i, interp.Done, t, 0)
}

// beginHold begins to watch: the pool is read every minute. Polls that cannot read anything new are not made.
func (m *Model) beginHold(i int8, e *interp.Effect) {
	s := &m.st.slots[i]
	m.st.holds++
	s.until, s.since, s.polls = e.For.Milliseconds(), -1, -1
	m.push(entry{at: m.st.now, kind: duePoll, who: i})
}

// poll is a reading of a hold that may be a new one.
func (m *Model) poll(i int8) (interp.Event, bool) {
	s := &m.st.slots[i]
	was, first := s.reading.State, s.polls < 0
	s.polls = (m.st.now - s.began) / pollEvery
	e := interp.Effect{ID: s.id}
	s.reading = m.survey(&e)
	s.reading.State, s.reading.Domains = m.readiness(0)
	if s.reading.State != interp.Ready {
		s.since = -1
	} else if s.since < 0 {
		s.since = m.st.now
	}
	if s.since >= 0 && m.st.now-s.since >= s.until {
		m.finish(i, interp.Done, noText, 0)
		return interp.Event{}, false
	}
	if s.since >= 0 {
		wait := (s.until + pollEvery - 1) / pollEvery * pollEvery
		m.push(entry{at: s.since + wait, kind: duePoll, who: i})
	}
	if s.reading.State == was || first && s.reading.State == interp.Ready {
		return interp.Event{}, false
	}
	return interp.Event{
		Kind: interp.Progress, At: m.clock(), ID: s.id, Outcome: interp.Done, Reading: s.reading, Server: s.server,
	}, true
}

// poke makes every hold read the pool at its next minute: what it reads may have changed.
func (m *Model) poke() {
	if m.st.holds == 0 {
		return
	}
	for i := range m.st.slots {
		s := &m.st.slots[i]
		if !s.used || s.over || s.action != interp.Hold || s.polls < 0 {
			continue
		}
		ticks := (m.st.now - s.began + pollEvery - 1) / pollEvery
		ticks = max(ticks, s.polls+1)
		m.st.queue.drop(int8(i), duePoll)
		m.push(entry{at: s.began + ticks*pollEvery, kind: duePoll, who: int8(i)})
	}
}

// covered is the first fault of a kind about a server that holds now, or nil.
func (m *Model) covered(k pool.FaultKind, server int8) *pool.Fault {
	for i := range m.cfg.faults {
		f := &m.cfg.faults[i]
		if f.Kind == k && (server < 0 || f.Server == int(server)) && f.Covers(m.clock()) {
			return f
		}
	}
	return nil
}
