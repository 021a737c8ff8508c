package sim

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// edgePassed is a time of the scenario's: every fault that begins or is over now takes effect.
func (m *Model) edgePassed() {
	st := &m.st
	for i := range m.cfg.faults {
		f := &m.cfg.faults[i]
		begins := f.At.Milliseconds() == st.now
		over := f.For > 0 && (f.At+f.For).Milliseconds() == st.now
		if begins {
			m.faultBegins(f)
		}
		if over {
			m.faultOver(f)
		}
	}
	st.edge++
	m.plan()
	m.recount() // the database's vote may have gone or come back
	m.letStart()
	m.poke()
}

// faultBegins does what a fault does at once; most faults are asked for where they matter.
func (m *Model) faultBegins(f *pool.Fault) {
	st := &m.st
	who := int8(f.Server)
	switch f.Kind {
	case pool.FaultDown:
		if who >= 0 {
			m.dies(who)
		}
	case pool.FaultServices:
		if who >= 0 {
			m.byHandServices(who, f.Services)
		}
	case pool.FaultReboot:
		if who >= 0 {
			st.servers[who].pending = true
		}
	case pool.FaultRGS:
		if sv := &st.servers[max(who, 0)]; who >= 0 && sv.phase == draining {
			sv.drainTo = never
			sv.gen++
		}
	case pool.FaultCMS:
		st.cmsMoved = false
	case pool.FaultReplica:
		m.tell(interp.ModelNote, who, 0, textReplicaStale)
	case pool.FaultSQL:
		m.databaseFails(f)
	case pool.FaultByHand:
		st.state = interp.FailedOver
		t := textByHandFailover
		if f.Action == pool.OnFailback {
			st.state, t = interp.Active, textByHandFailback
		}
		m.tell(interp.ModelNote, interp.Pool, 0, t)
		m.countCut()
	}
}

// faultOver undoes what does not come back by itself.
func (m *Model) faultOver(f *pool.Fault) {
	switch {
	case f.Kind == pool.FaultDown && f.Server >= 0:
		m.revives(int8(f.Server))
	case f.Kind == pool.FaultSQL && f.SQL != pool.SQLPrincipal && m.sqlVotes():
		m.tell(interp.ModelNote, interp.Pool, 0, textSQLBack)
	}
}

// resiliency is how long users do not notice that no database answers.
const resiliency = 30 * time.Minute

// databaseFails tells what an outage of the database means for the pool.
func (m *Model) databaseFails(f *pool.Fault) {
	switch f.SQL {
	case pool.SQLMirror:
		m.tell(interp.ModelNote, interp.Pool, 0, textSQLMirror)
	case pool.SQLLost:
		m.tell(interp.ModelNote, interp.Pool, 0, textSQLLost)
		if f.For == 0 || f.For >= resiliency {
			m.push(entry{
				at: m.st.now + resiliency.Milliseconds(), kind: dueFact, gen: uint16(interp.ModelNote), who: interp.Pool,
				text: uint8(textResiliency),
			})
		}
	case pool.SQLPrincipal:
	}
}
