package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// mainTask is the index of the task that runs the runbook itself; the tasks before it are the servers', by their index.
const mainTask = pool.MaxServers

// phase is what a task is doing.
type phase uint8

const (
	idle    phase = iota // it has nothing to do
	ready                // it goes on at pc
	acting               // its effect is out
	looking              // it does not know how its effect ended, and looks
	waiting              // a timer runs until its next try
	parked               // it waits until the interlock lets the turn begin
	joining              // the main task waits for its fork
	held                 // it stays at pc: failed, in doubt or stopped; a resume lets it go on
)

// ask says what a main task's Survey or Read is for.
type ask uint8

const (
	askNothing  ask = iota
	askStart        // the run begins, or goes on
	askTurn         // a turn comes
	askFailback     // is there anything to fail back
	askIf           // facts of an `if`
)

// task is the control state of one server, or of the runbook itself. It is flat, and fills a cache line.
type task struct {
	pc     int32         // the instruction it is at
	anchor int32         // the instruction outside any `else` that it came to last: where a resume begins anew
	at     int32         // servers: the fork they are in, or what follows the last they ended; main: as far as it came
	id     EffectID      // the effect that is out
	ref    EffectID      // the action it is about: id itself, or what is looked at or gone on with
	began  time.Duration // of the step
	tryAt  time.Duration // of this try

	phase      phase
	effect     Action // what id asked for; while looking, what is looked at
	ask        ask
	starts     uint8 // how often this try's action was begun anew because it never began
	try        uint16
	count      uint16 // effects of this try so far
	begun      bool   // the step has begun, or waits for the interlock
	told       bool   // its start is on record
	bound      bool   // the bound has passed
	onlyBusy   bool   // wait ready: every try so far read Busy
	onlyDomain bool   // wait ready: every try so far read Ready, but the domain's flag False
	before     uint8  // books on the server as they were before the action: see begunOn
	doubt      bool   // held because nobody knows how its effect ended; it is looked at before anything else
	assume     assumption
}

// stand is all that there is to know of a task that rests.
type stand struct {
	pc, anchor, at int32
	phase          phase
}

func (tk *task) stand() stand { return stand{tk.pc, tk.anchor, tk.at, tk.phase} }

func (p stand) task() task { return task{pc: p.pc, anchor: p.anchor, at: p.at, phase: p.phase} }

// assumption is what the operator said of a step in doubt.
type assumption uint8

const (
	assumeNothing assumption = iota
	assumeDone
	assumeRedo
)

// cause is why a run ends: the first step that brought it to its ending.
type cause struct {
	pc     int32
	try    uint16
	server int8
	reason Reason
}

// State is all that a [Machine] knows, a flat value without pointers: a copy of it is a fork of the run.
type State struct {
	run
	tasks [mainTask + 1]task
	saved task // the main task as it was when a handler took over, or when what the handler left is settled
	left  task // a pool action of a handler that nobody knows the end of: it is settled at the resume
}

// run is what a State holds beside its tasks.
type run struct {
	now       time.Duration
	windowEnd time.Duration // 0 = no window
	readAt    time.Duration // when reading was taken
	reading   Reading
	seq       int64
	cause     cause

	loop   int32 // the OpTurns of the turn under way, or none
	cursor int16 // its domain or server
	epoch  uint16
	turnNo uint8

	ending   Ending
	finished bool
	stop     uint8 // 0; 1: pause; 2: interrupt
	handler  uint8 // the handler that runs: 0 none, 1 `on failure`, 2 `on window`

	leave    bool  // the interlock let this turn take servers out of service
	asked    bool  // a Read for the interlock is out, as leaveID
	touched  bool  // a server action of this turn has begun
	readIn   bool  // reading was taken in this turn
	failover bool  // the pool is failed over
	surveyed bool  // the pool has been looked at since the run began
	resumed  bool  // a resume waits for its look at the pool
	visited  uint8 // turn loops that the run has come to
	leaveID  EffectID

	turn   pool.Set // servers of the turn
	part   pool.Set // … that still take part
	active pool.Set // servers whose task the fork waits for
	queue  pool.Set // servers whose task it has not begun

	turnOut    pool.Set // taken out of service in this turn
	took       pool.Set // taken out of service by this run
	unverified pool.Set // … and not verified since
	down       pool.Set // … and not seen back in service since
	away       pool.Set // failed over one by one: a start or a reboot does not bring them back
	noUpgrade  pool.Set // an `upgrade` of this turn failed on them, and none was done since
	noVerify   pool.Set // the same for `verify`
	touchedBy  pool.Set // servers this run acted on
	seenUp     pool.Set // seen in service at the last resume, and not acted on since
	skipped    pool.Set
	failed     pool.Set
	doubtful   pool.Set
	done       [maxLoops]pool.Set
	upgraded   [maxUpgrades]pool.Set
}

const (
	stopPause     = 1
	stopInterrupt = 2

	onFailure = 1
	onWindow  = 2
)

func (s *State) main() *task { return &s.tasks[mainTask] }

func (s *State) inTurn() bool { return s.loop != none }

// bringingBack reports whether the turn under way only goes on so that servers which are down are not left so.
func (s *State) bringingBack() bool {
	return s.inTurn() && (s.ending == FailedRun || s.ending == InDoubt)
}

// halting reports whether nothing new may begin: the run was aborted or interrupted, or its window closed on the turn.
// Of these only an interrupt stops a handler.
func (s *State) halting() bool {
	return s.stop == stopInterrupt || s.handler == 0 && (s.ending == AbortedRun || s.ending == WindowClosed)
}

// stranded is the set of servers that a failing turn goes on for: this turn took them down, and they are not back and
// verified.
func (s *State) stranded() pool.Set {
	return s.part & s.turnOut & (s.down | s.unverified)
}

// allDone is the set of servers that some loop is done with.
func (s *State) allDone() pool.Set {
	var all pool.Set
	for _, d := range s.done {
		all |= d
	}
	return all
}

// rests reports whether the task has no step under way, and none whose end nobody knows.
func (tk *task) rests() bool {
	return (tk.phase == idle || tk.phase == held) && !tk.begun && !tk.doubt
}

// rest lets the task do nothing from now on, idle or held.
func (tk *task) rest(ph phase) {
	tk.phase = ph
	if tk.rests() {
		*tk = tk.stand().task()
	}
}

// droppable reports whether what a task waits for may be dropped: it changes nothing and would be begun anew. What is
// sent or verified is in flight, and waited for.
func (tk *task) droppable() bool {
	switch {
	case tk.phase == waiting, tk.phase == parked:
		return true
	case tk.phase != acting:
		return false
	}
	return tk.ask != askNothing || !tk.effect.Changes() && tk.effect != Notify && tk.effect != Verify
}

// unsettled reports whether the task's effect changes something and has not ended.
func (tk *task) unsettled() bool {
	return (tk.phase == acting || tk.phase == looking) && tk.ask == askNothing && tk.effect.Changes()
}

// allUpgraded is the set of servers on which some `upgrade` step came to its end.
func (s *State) allUpgraded() pool.Set {
	var all pool.Set
	for _, u := range s.upgraded {
		all |= u
	}
	return all
}
