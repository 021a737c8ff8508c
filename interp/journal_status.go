package interp

import "time"

// ServerStanding is where one server of a run stands.
type ServerStanding struct {
	Server string        `json:"server"`
	Domain string        `json:"domain"`
	State  ServerState   `json:"state"`
	Action Action        `json:"-"`                // busy, waiting, in-doubt, failed: the step; else NoAction
	Line   int           `json:"line,omitempty"`   // … and where the runbook says so
	Since  time.Duration `json:"-"`                // busy, waiting: when the step began, since the start of the run
	Down   bool          `json:"down,omitempty"`   // this run took it out of service, and it has not been seen back
	Doing  string        `json:"action,omitempty"` // the name of Action
}

// ServerState says in a word where a server stands.
type ServerState string

// The states.
const (
	ServerDue     ServerState = "due"      // its turn has not come
	ServerInTurn  ServerState = "in-turn"  // its turn is under way, no step of its own is
	ServerBusy    ServerState = "busy"     // an action is under way on it, or being looked at
	ServerWaiting ServerState = "waiting"  // for its next try, or for the interlock
	ServerDone    ServerState = "done"     // the body of its loop has ended for it
	ServerSkipped ServerState = "skipped"  // still due
	ServerFailed  ServerState = "failed"   // its step failed; it takes no further part
	ServerInDoubt ServerState = "in-doubt" // nobody knows how its step ended
	ServerHeld    ServerState = "held"     // the run stopped in the middle of its part
	ServerIdle    ServerState = "-"        // the runbook has nothing due for it
)

// Servers tells where each server stands, in pool order. Of a machine that a journal brought back, busy means: under way
// when the last record was written.
func (m *Machine) Servers() []ServerStanding {
	done, remaining := m.progressSets()
	all := make([]ServerStanding, 0, len(m.prog.Pool.Servers))
	for i, sv := range m.prog.Pool.Servers {
		st := ServerStanding{
			Server: sv.Name, Domain: m.prog.Pool.Domains[sv.Domain].Name, Down: m.st.down.Has(i),
		}
		switch {
		case m.st.doubtful.Has(i) || m.st.tasks[i].doubt:
			st.State = ServerInDoubt
		case m.st.failed.Has(i):
			st.State = ServerFailed
		case m.st.skipped.Has(i) && remaining.Has(i):
			st.State = ServerSkipped
		case m.st.inTurn() && m.st.turn.Has(i):
			st.State = m.inTurnState(i)
		case done.Has(i):
			st.State = ServerDone
		case remaining.Has(i) && m.prog.Upgrades:
			st.State = ServerDue
		default:
			st.State = m.inTurnState(i) // a handler may be bringing it back
			if st.State == ServerInTurn {
				st.State = ServerIdle
			}
		}
		m.stepOf(i, &st)
		all = append(all, st)
	}
	return all
}

// inTurnState is the state of a server whose turn is under way.
func (m *Machine) inTurnState(i int) ServerState {
	switch m.st.tasks[i].phase {
	case acting, looking:
		return ServerBusy
	case waiting, parked:
		return ServerWaiting
	case held:
		return ServerHeld
	}
	if m.st.inTurn() && m.st.done[m.prog.Instrs[m.st.loop].Loop].Has(i) {
		return ServerDone
	}
	return ServerInTurn
}

// stepOf tells the step that a server is at, where its state speaks of one.
func (m *Machine) stepOf(i int, st *ServerStanding) {
	switch st.State {
	case ServerBusy, ServerWaiting, ServerInDoubt, ServerFailed, ServerHeld:
	default:
		return
	}
	tk := &m.st.tasks[i]
	in := m.prog.instr(tk.pc)
	if in == nil || in.Op != OpStep {
		return
	}
	st.Action, st.Line, st.Doing = in.Action, in.Line, in.Action.String()
	if st.State == ServerBusy || st.State == ServerWaiting {
		st.Since = tk.began
	}
}
