package rehearsal

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// The instructions of the synthetic program: one for each way to begin something on the model, which finds the flags of
// an action under the instruction that asks for it.
const (
	pcStopGraceful = iota
	pcStop
	pcStart
	pcUpgrade
	pcVersion // what the upgrade brings
	pcFailoverServer
	pcFailbackServer
	pcRun
	pcRunDatabase // a script that asks for due database updates
	pcFailover
	pcFailoverDisaster
	pcFailback
	pcCount
)

// newProgram makes the program of a pool. It belongs to this package alone, so that one field of it may change: the
// Drain of a server failover, which is an argument of the cmdlet here.
func newProgram(p *pool.Pool, build string) *interp.Program {
	version := &interp.Text{Parts: []interp.TextPart{{Lit: build}}}
	ins := [pcCount]interp.Instr{
		pcStopGraceful:     {Action: interp.Stop, Graceful: true},
		pcStop:             {Action: interp.Stop},
		pcStart:            {Action: interp.Start},
		pcUpgrade:          {Action: interp.Upgrade},
		pcVersion:          {Action: interp.Verify, Text: version},
		pcFailoverServer:   {Action: interp.FailoverServer},
		pcFailbackServer:   {Action: interp.FailbackServer},
		pcRun:              {Action: interp.Run},
		pcRunDatabase:      {Action: interp.Run, Script: "Test-CsDatabase"},
		pcFailover:         {Action: interp.Failover},
		pcFailoverDisaster: {Action: interp.Failover, Disaster: true},
		pcFailback:         {Action: interp.Failback},
	}
	return &interp.Program{Name: "rehearsal", Pool: p, Instrs: ins[:], Upgrades: true}
}

// begin begins an action on the model; end is told how it ends. An end that is Unknown is a connection that broke in the
// scenario: follow then tells what the action comes to.
func (f *farm) begin(pc, server int, within time.Duration, end func(interp.Event)) {
	n := f.night
	n.touch()
	id := n.id(pc, server)
	action := f.prog.At(id.PC).Action
	n.ends[id] = end
	f.model.Start([]interp.Effect{{ID: id, Action: action, Server: int8(server), Domain: interp.Pool, Within: within}})
}

// lookEvery is how often an action is looked at whose connection broke, in the time of the model.
const lookEvery = 5 * time.Second

// follow tells how an action ends whose end will not be told any more.
func (f *farm) follow(of interp.Event, end func(interp.Event)) {
	n := f.night
	n.after(lookEvery, func() {
		id := n.id(int(of.ID.PC), int(of.ID.Server))
		n.ends[id] = func(ev interp.Event) {
			if ev.Outcome == interp.Going || ev.Outcome == interp.CannotTell {
				f.follow(of, end)
				return
			}
			end(ev)
		}
		f.model.Start([]interp.Effect{{
			ID: id, Action: interp.Look, Of: f.prog.At(of.ID.PC).Action, Ref: of.ID, Server: of.ID.Server, Domain: interp.Pool,
		}})
	})
}
