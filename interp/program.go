package interp

import (
	"slices"
	"time"

	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// Limits of a program, beside those of the language: they keep the machine's state small and flat.
const (
	maxInstrs   = 30_000 // steps of the runbook after its defines are written out
	maxLoops    = 8      // turn loops
	maxUpgrades = 16     // `upgrade` steps
)

// Op says what an instruction does.
type Op uint8

// The operations.
const (
	OpStep    Op = iota // an action, at pool level or for one server
	OpJump              // go on at Next
	OpIf                // Next if Cond holds, else Else
	OpTurns             // head of a loop over domains or servers: Body is the turn, Next follows the loop
	OpEndTurn           // end of the turn's body; Next is the head
	OpFork              // run Body for each server in scope, at most AtMost at once; then Next
	OpEndTask           // a server's part of a fork ends well
	OpEnd               // end of the runbook, or of a handler
)

// Scope says where an instruction stands.
type Scope uint8

// The scopes.
const (
	ScopeTop     Scope = iota // outside the loops
	ScopeDomain               // in a domain's turn
	ScopeServer               // for one server, in the task of a fork
	ScopeHandler              // in `on failure` or `on window`
)

// none is the Else of an instruction that has none.
const none = -1

// Instr is one instruction of a compiled runbook. The fields that an Op does not need are zero.
type Instr struct {
	Op     Op
	Action Action
	Scope  Scope
	InLoop bool // in the body of a loop, at whatever depth
	InElse bool // in the `else` of a step: not a place to begin anew from
	// Handler: 0 = the runbook proper, else the handler's number: its failures are noted, and it goes on.
	Handler uint8

	Next, Else, Body int32
	Join             int32 // OpIf: what follows both branches
	Loop             uint8 // OpTurns: number of the loop
	OverServers      bool  // OpTurns: turns are servers
	Upgrades         bool  // OpTurns: the body holds an `upgrade`
	AtMost           uint8 // OpFork: 0 = all at once
	Upgrade          uint8 // Action Upgrade: number of the step

	Tries  int // at least 1
	Every  time.Duration
	Within time.Duration // bound; 0 = none
	For    time.Duration // Hold, Sleep
	Drain  time.Duration // FailoverServer; 0 = not given

	Graceful, Disaster, Safe bool

	Text    *Text  // notify, note, confirm, abort; the version of verify; the installer's path
	Args    *Text  // upgrade
	Script  string // run
	Cond    *cond  // OpIf
	Version *Text  // OpTurns: the text of the body's `verify version`, if it has one

	File      string
	Line, Col int
}

// Program is a runbook compiled for one pool. It is never changed after [Compile], so machines and worlds share it.
type Program struct {
	Name      string
	Pool      *pool.Pool
	Instrs    []Instr
	OnFailure int32 // entry, or none
	OnWindow  int32
	Window    Window
	Source    *lang.Program
	Params    map[string]string // all parameters, with defaults
	Upgrades  bool              // some loop or step upgrades: servers are due
	Failovers bool              // a path can reach `failover`

	loops    int // turn loops
	upgrades int // `upgrade` steps
}

// UpgradeSteps is how many `upgrade` steps the program has; [Instr.Upgrade] counts them from 0.
func (p *Program) UpgradeSteps() int { return p.upgrades }

// Lefts lists the durations of all `left D`, each once, the longest first.
func (p *Program) Lefts() []time.Duration {
	var all []time.Duration
	for i := range p.Instrs {
		if c := p.Instrs[i].Cond; c != nil {
			c.each(func(k *cond) {
				if k.fact == factLeft {
					all = append(all, k.left)
				}
			})
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

// Window bounds the beginning of turns.
type Window struct {
	For   time.Duration // `window 6h`; 0 = not given
	Until time.Duration // `window until "05:00"`: time of day since midnight; -1 = not given
}

// At returns the instruction at pc.
func (p *Program) At(pc uint16) *Instr { return &p.Instrs[pc] }

// Text is a text of the runbook with the parameters filled in; what is known only as it runs is filled in by [Machine.Render].
type Text struct {
	Parts []TextPart
}

// TextPart is literal text, or one of the names that change as the run goes: server, domain, reason.
type TextPart struct {
	Lit  string
	Name string
}

// Const returns the text where nothing in it changes as the run goes.
func (t *Text) Const() (string, bool) {
	switch {
	case t == nil || len(t.Parts) == 0:
		return "", true
	case len(t.Parts) == 1 && t.Parts[0].Name == "":
		return t.Parts[0].Lit, true
	}
	return "", false
}
