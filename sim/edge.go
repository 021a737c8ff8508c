package sim

import (
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
		if over && f.Kind == pool.FaultDown && f.Server >= 0 {
			m.revives(int8(f.Server))
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
