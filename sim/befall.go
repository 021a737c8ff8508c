package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// befall is what the scenario lets happen to one action.
type befall struct {
	takes                                  int64 // 0 = as drawn
	slow                                   int16 // 0 = as drawn, else so many times as long
	fail, hang, unknown, landed            bool
	short, restarts, reboot                bool
	stuck, denied, disabled, graceful, any bool
}

// verbs maps the actions of the machine to those that a scenario names.
var verbs = map[interp.Action]pool.Action{
	interp.Stop: pool.OnStop, interp.Start: pool.OnStart, interp.Upgrade: pool.OnUpgrade,
	interp.Restart: pool.OnRestart, interp.Verify: pool.OnVerify, interp.FailoverServer: pool.OnFailoverServer,
	interp.FailbackServer: pool.OnFailbackServer, interp.Run: pool.OnRun, interp.Failover: pool.OnFailover,
	interp.Failback: pool.OnFailback, interp.Notify: pool.OnNotify,
}

// befalls collects what befalls an action that begins now on a server, or on the pool, and counts it.
func (m *Model) befalls(a interp.Action, server int8, graceful bool) befall {
	var b befall
	b.graceful = graceful
	if !m.cfg.actionFaults {
		return b
	}
	verb := verbs[a]
	for i := range m.cfg.faults {
		f := &m.cfg.faults[i]
		if f.Kind != pool.FaultAction || f.Action != verb || f.Server >= 0 && f.Server != int(server) {
			continue
		}
		if a == interp.Stop && (graceful && !f.Drain || !graceful && !f.Hard) {
			continue
		}
		if !f.Covers(m.clock()) || f.Times > 0 && int(m.st.times[i]) >= f.Times {
			continue
		}
		m.st.times[i]++
		b.add(f)
	}
	return b
}

func (b *befall) add(f *pool.Fault) {
	b.any = true
	switch f.Effect {
	case pool.IsFail:
		b.fail = true
	case pool.IsHang:
		b.hang = true
	case pool.IsSlow:
		b.slow = int16(min(f.Slow, 1000))
	case pool.IsTakes:
		b.takes = f.Takes.Milliseconds()
	case pool.IsUnknown:
		b.unknown, b.landed = true, f.Landed
	case pool.IsShort:
		b.short = true
	case pool.IsRestarts:
		b.restarts = true
	case pool.IsReboot:
		b.reboot = true
	case pool.IsStarting:
		b.stuck = true
	case pool.IsDenied:
		b.denied = true
	case pool.IsDisabled:
		b.disabled = true
	}
}

// stretch applies what the scenario says of how long something takes.
func (b *befall) stretch(drawn int64) int64 {
	switch {
	case b.hang:
		return never
	case b.takes > 0:
		return b.takes
	case b.slow > 1:
		return drawn * int64(b.slow)
	}
	return drawn
}
