package interp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Pool is the Server of an effect, event or record that concerns the pool (or the operator) and no single server.
const Pool = -1

// Action is what the machine asks a World to do. The names are the verbs of the language, as they stand in events.
type Action uint8

// The actions. Read, Survey, Wait and Look have no verb of their own in the language: they serve `wait ready`, the
// interlock, the turns, the waits between tries, and outcomes that are not known.
const (
	NoAction       Action = iota
	Read                  // the pool's readiness, with a survey
	Survey                // pool state, running servers, versions, pending reboots; no readiness
	Wait                  // a timer
	Look                  // settle an effect whose outcome is not known
	WaitReady             // `wait ready`: no effect of its own, it is made of Read and Wait
	Hold                  // `hold ready D`
	Stop                  // `stop [graceful]`
	Start                 // `start`
	Upgrade               // `upgrade`
	Restart               // `restart`
	Verify                // `verify`
	Failover              // `failover` of the pool
	Failback              // `failback` of the pool
	FailoverServer        // `failover server`
	FailbackServer        // `failback server`
	Run                   // `run`
	Confirm               // `confirm`
	Notify                // `notify`
	Note                  // `note`: no effect, a record
	Sleep                 // `sleep D`
	Skip                  // `skip`: no effect
	Abort                 // `abort`: no effect
	If                    // a branch: its effect is a Read
	actionCount
)

var actionNames = [actionCount]string{
	NoAction: "none", Read: "read", Survey: "survey", Wait: "timer", Look: "look",
	WaitReady: "wait", Hold: "hold", Stop: "stop", Start: "start", Upgrade: "upgrade", Restart: "restart",
	Verify: "verify", Failover: "failover", Failback: "failback", FailoverServer: "failover server",
	FailbackServer: "failback server", Run: "run", Confirm: "confirm", Notify: "notify", Note: "note",
	Sleep: "sleep", Skip: "skip", Abort: "abort", If: "if",
}

func (a Action) String() string {
	if a < actionCount {
		return actionNames[a]
	}
	return "action " + strconv.Itoa(int(a))
}

// ParseAction finds an action by its name in events and scenarios.
func ParseAction(name string) (Action, bool) {
	for a, n := range actionNames {
		if n == name && Action(a) != NoAction {
			return Action(a), true
		}
	}
	return NoAction, false
}

// OutOfService reports whether the action takes a server out of service, so that the interlock has to allow it.
func (a Action) OutOfService() bool {
	return a == Stop || a == FailoverServer || a == Upgrade || a == Restart
}

// Lasting reports whether the action may still be going on a server after its bound has passed, or after the
// connection broke, in a way that makes a second start or another action on the same server dangerous.
func (a Action) Lasting() bool {
	switch a {
	case Upgrade, Failover, Failback, FailoverServer, FailbackServer, Run:
		return true
	}
	return false
}

// poolState reports whether the action changes where the pool's users are served.
func (a Action) poolState() bool { return a == Failover || a == Failback }

// Changes reports whether the action changes something, so that an unknown outcome has to be settled by looking.
// The others are simply begun anew.
func (a Action) Changes() bool {
	return a.Lasting() || a == Stop || a == Start || a == Restart
}

// Looks reports whether the action does nothing but look at the pool and its servers. It may be begun before its record is
// durable: nobody has to know of it, and after a crash it is begun anew.
func (a Action) Looks() bool { return a == Survey || a == Read || a == Verify }

// EffectID names one effect of a run. It is made of where the effect belongs: it is the same whenever the same
// history is replayed, which is what makes it the journal's key.
type EffectID struct {
	Epoch  uint16 // how often the run has been resumed
	Turn   uint8  // number of the turn, from 1; 0 before the first
	Server int8   // the server whose task asks, or [Pool]
	PC     uint16 // the instruction
	Try    uint16 // from 1; 0 for what no step asks: a survey, the interlock's reading
	Phase  uint16 // counts the effects of one try: the action, its looks, its wait
}

func (id EffectID) String() string {
	return fmt.Sprintf("%d.%d.%d.%d.%d.%d", id.Epoch, id.Turn, id.Server, id.PC, id.Try, id.Phase)
}

// ParseEffectID reads what [EffectID.String] wrote.
func ParseEffectID(s string) (EffectID, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 6 {
		return EffectID{}, fmt.Errorf("effect id %q: want six numbers", s)
	}
	bits := [6]int{16, 8, 8, 16, 16, 16}
	var n [6]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 10, 32)
		low, high := int64(0), int64(1)<<bits[i]-1
		if i == 2 {
			low, high = Pool, 127
		}
		if err != nil || v < low || v > high {
			return EffectID{}, fmt.Errorf("effect id %q: number %d is out of range", s, i+1)
		}
		n[i] = v
	}
	return EffectID{uint16(n[0]), uint8(n[1]), int8(n[2]), uint16(n[3]), uint16(n[4]), uint16(n[5])}, nil
}

// Effect is one thing the machine asks its World to do. It is plain comparable data; what the runbook says of it (texts,
// flags, the version to verify) is found with [Program.At] under ID.PC.
type Effect struct {
	ID     EffectID
	Action Action
	Of     Action        // for Look: the action to settle
	Ref    EffectID      // for Look: the effect to settle; with Attach: the effect to go on with
	Attach bool          // the action is known to be going: do not begin it, wait for its end
	Server int8          // the server acted on, or Pool
	Domain int8          // for Read and Survey in a turn: the turn's domain; else -1
	Within time.Duration // bound: what is left of it; 0 = none. The World ends the effect with Bound when it passes
	For    time.Duration // Wait, Sleep: how long; Hold: how long the pool must stay Ready
}

// Outcome is how an effect, a step or a run of a look ended.
type Outcome uint8

// The outcomes of an action (the first three) and the answers of a look (all but Unknown).
const (
	NoOutcome  Outcome = iota
	Done               // it happened and was seen to
	Failed             // it did not happen, or not as it should
	Unknown            // the connection broke or lrun was killed: it may or may not have happened
	NotBegun           // look: it was never begun
	Going              // look: it is still going
	CannotTell         // look: no way to know
	Skipped            // of a record: passed over
)

var outcomeNames = [...]string{
	NoOutcome: "", Done: "done", Failed: "failed", Unknown: "unknown",
	NotBegun: "not begun", Going: "still going", CannotTell: "cannot tell", Skipped: "skipped",
}

func (o Outcome) String() string { return outcomeNames[o] }
