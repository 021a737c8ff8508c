package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// RecordKind is the `event` of a record.
type RecordKind uint8

// The kinds of records. A record marked in, below, is the trace of an event that entered the machine; replaying these
// brings the machine to the same state, and it then writes the others again.
const (
	RecBegin   RecordKind = iota // in: the run begins
	RecSurvey                    // in: the pool was looked at before a turn, at the start or before a failback
	RecReading                   // in: the pool's readiness was read
	RecStart                     // a step begins on a target
	RecTry                       // in: the wait is over, a further try of a step begins
	RecWait                      // a try failed, the next one begins at Until
	RecEnd                       // in: a step ended on a target
	RecTried                     // in: one try of a step failed, others follow
	RecLook                      // in: the outcome of an effect was not known and has been looked for
	RecFact                      // in: something happened that nobody asked for
	RecTurn                      // a turn begins
	RecTurnEnd                   // a turn ends; Servers are done
	RecNote                      // `note`, or a remark of the machine
	RecSkip                      // a server or domain is passed over or skipped
	RecLeave                     // the interlock allowed the turn, or refused it
	RecSignal                    // in: pause or interrupt
	RecResume                    // in: the run goes on
	RecHandler                   // `on failure` or `on window` begins
	RecBranch                    // in: an `if` was decided by a reading
	RecTimer                     // in: a wait or sleep ended
	RecFinish                    // the run ends
	recordKinds
)

var recordNames = [recordKinds]string{
	RecBegin: "begin", RecSurvey: "survey", RecReading: "reading", RecStart: "start", RecTry: "try", RecWait: "wait",
	RecEnd: "end", RecTried: "tried", RecLook: "look", RecFact: "fact", RecTurn: "turn", RecTurnEnd: "turn-end",
	RecNote: "note", RecSkip: "skip", RecLeave: "interlock", RecSignal: "signal", RecResume: "resume",
	RecHandler: "handler", RecBranch: "branch", RecTimer: "timer", RecFinish: "finish",
}

func (k RecordKind) String() string { return recordNames[k] }

// Record is one line of a run's history: what cli.md calls an event. The machine writes them; traces, journals, reports
// and plans are made of nothing else. Which fields mean something depends on Kind; Server is [Pool] and Domain is -1
// where a record concerns the pool.
type Record struct {
	Kind    RecordKind
	Seq     int64
	At      time.Duration
	Domain  int8
	Server  int8
	Action  Action // start, try, wait, end, tried: the step; look: the action looked at
	Reason  Reason // why a step failed, a wait waits, something is passed over
	Outcome Outcome
	Final   Ending // finish; handler: why it runs
	PC      int32  // the instruction, or -1
	Try     uint16
	Tries   uint16
	Until   time.Duration // wait, start of a hold or sleep: when it ends; with a bound: when it passes
	Servers pool.Set      // turn: who takes part; turn-end: who is done; skip: who; finish: who is left out of service, or still due
	Input   bool          // Ev entered the machine with this record
	Ev      Event         // the event, where Input
	Text    string        // note: the text; finish: the reason; start of a notify: what is sent
}

// Reason says in one word why the machine did something; [Describe] says it in a sentence.
type Reason uint8

// The reasons.
const (
	NoReason            Reason = iota
	BoundPassed                // the step's `within` is over
	TriesUsedUp                // the last of its tries failed
	ActionFailed               // the World said so; its text tells more
	StillBusy                  // every try read Busy
	PoolInsufficient           // InsufficientActiveFrontEnds
	MixedReadings              // the tries read different things: no `else`
	DomainNotReady             // the pool is Ready, the domain's flag is False
	ReadingGarbled             // an answer that cannot be understood
	ReadingUnread              // no front end could be asked
	NotPaired                  // `failover` on a pool without a backup
	InterlockBusy              // interlock (a): the reading says Busy
	InterlockInsuff            // interlock (a): InsufficientActiveFrontEnds
	InterlockDomain            // interlock (a): the domain's flag is False
	InterlockRead              // interlock (a): no reading that can be understood
	InterlockUnverified        // interlock (b): a server taken down in an earlier turn is not verified since
	InterlockQuorum            // interlock (c): the pool would lose its quorum
	NotInTurn                  // a server action outside the loops while the pool is not failed over
	AlreadyFailedOver          // passed: nobody is left to protect
	AlreadyDone                // passed: this step is done on this server
	NotFailedOver              // passed: nothing to fail back
	AtVersion                  // passed: the server has the version, and the run has not touched it
	BackByRunbook              // `skip`
	NotReached                 // its `upgrade` or `verify` failed and an `else` let it go on: left out, and still due
	WindowOver                 // the window is closed
	StillGoing                 // in doubt: the action is still going when its bound has passed
	CannotBeTold               // in doubt: nobody can tell whether it happened
	StateBetween               // in doubt: the pool is between failover and failback
	StateDiffers               // in doubt: the pool's state is not what the journal says
	NeverBegan                 // it was begun anew three times and never began
	ServerNotRunning           // resume: a server that was done does not run
	TurnFailing                // passed: this turn is only brought to its end
	AbortedByRunbook           // `abort`
	Refused                    // `confirm`: the person said no
	PoolUnread                 // the pool could not be looked at
	MayHaveHappened            // not repeated: it may have happened already
	InServiceAgain             // a server that this run had stopped was found in service: no installer runs into that
	DoubtBefore                // passed: a pool action before it is in doubt
	PausedByOperator
	StoppedByOperator
	reasons
)

// Ending is how a run ends.
type Ending uint8

// The endings, and Running for a run that has not ended. Of two that meet in one turn the higher one stands.
const (
	Running Ending = iota
	Completed
	Paused
	WindowClosed
	FailedRun
	AbortedRun
	InDoubt
	Interrupted
)

var endingNames = [...]string{
	Running: "running", Completed: "completed", Paused: "paused", WindowClosed: "window-closed",
	FailedRun: "failed", AbortedRun: "aborted", InDoubt: "in-doubt", Interrupted: "interrupted",
}

func (e Ending) String() string { return endingNames[e] }

// ExitCode is the exit code of a run with this ending; left tells whether servers that were due were skipped, or not
// come to.
func (e Ending) ExitCode(left bool) int {
	switch e {
	case Completed:
		if left {
			return 4
		}
		return 0
	case FailedRun, AbortedRun:
		return 1
	case Interrupted:
		return 130
	}
	return 4
}
