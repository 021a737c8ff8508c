package interp

import (
	"time"

	"github.com/lrun/lrun/pool"
)

// EventKind tells the events apart.
type EventKind uint8

// The kinds of events.
const (
	Began     EventKind = iota // the run begins; the first event of every machine
	Ended                      // an effect ended
	Progress                   // a reading that a Hold took on its way; changes no control state
	Fact                       // something the World saw that no effect asked for (a server died, users were cut off)
	Pause                      // the operator asks to stop after the turn under way
	Interrupt                  // the operator asks to stop after the actions in flight
	Resumed                    // the run goes on after it had stopped, or after lrun was killed
)

// Event is everything that ever enters a [Machine].
type Event struct {
	Kind    EventKind
	ID      EffectID      // Ended, Progress: the effect
	At      time.Duration // since the start of the run; never goes back
	Outcome Outcome       // Ended: Done, Failed, Unknown; of a Look: its answer
	Bound   bool          // Ended: the bound passed. Outcome then says what is known: Failed, or Unknown where a look must tell
	Reading Reading       // Ended of Read, Survey, Hold; Progress; Resumed: what was read
	Count   int32         // sessions cut by a stop; users concerned by a Fact
	Server  int8          // Fact: the server, or Pool
	Fact    FactKind      // Fact: which
	Assume  Assume        // Resumed: what the operator says of servers in doubt
	Window  time.Duration // Resumed: where the window is over, the end of the new one since the start; 0 = let the machine choose
	Text    string        // why it failed, what came back, what was seen; never a secret
}

// Assume is what `resume --assume` says; bit [pool.MaxServers] of a set cannot be spoken of, so the pool has its own field.
type Assume struct {
	Done, Redo         pool.Set // servers whose step in doubt is to be taken as done, or to be done again
	PoolDone, PoolRedo bool     // the same for a pool action
}

// FactKind tells what a World saw by itself.
type FactKind uint8

// The facts.
const (
	NoFact         FactKind = iota
	QuorumLost              // the pool lost its quorum: the survivors' services stop; Count users are cut off
	QuorumRegained          // enough servers run again
	ServiceLost             // routing groups are without service; Count users
	ServiceRegained
	ServerDied    // a server went down by itself
	ServerBack    // it is back
	SessionsCut   // Count sessions were cut on Server
	ServerBooted  // a server finished booting
	StillDraining // Count sessions are left on Server
	ModelNote     // anything else worth a line: Text
	factCount
)

var factNames = [factCount]string{
	NoFact: "none", QuorumLost: "quorum-lost", QuorumRegained: "quorum-regained", ServiceLost: "service-lost",
	ServiceRegained: "service-regained", ServerDied: "server-died", ServerBack: "server-back",
	SessionsCut: "sessions-cut", ServerBooted: "booted", StillDraining: "draining", ModelNote: "observed",
}

func (f FactKind) String() string { return factNames[f] }

// ReadState is what the readiness cmdlet said.
type ReadState uint8

// The states. Only the first three are the cmdlet's own.
const (
	NoReading    ReadState = iota
	Ready                  // Ready
	Busy                   // Busy
	Insufficient           // InsufficientActiveFrontEnds
	Unanswered             // the cmdlet did not come back in time; counts as Busy where the product's cmdlet may block
	Unread                 // no front end could be asked
	Garbled                // an answer that cannot be understood; never Ready
)

var readStateNames = [...]string{
	NoReading: "", Ready: "Ready", Busy: "Busy", Insufficient: "InsufficientActiveFrontEnds",
	Unanswered: "Unanswered", Unread: "Unread", Garbled: "Garbled",
}

func (s ReadState) String() string { return readStateNames[s] }

// PoolState is where the pool's users are served, the PoolState of its registrar configuration.
type PoolState uint8

// The states; the two in between mean that somebody's failover or failback is under way or broke off.
const (
	StateUnread PoolState = iota
	Active
	FailingOver
	FailedOver
	FailingBack
)

var poolStateNames = [...]string{
	StateUnread: "unread", Active: "Active", FailingOver: "FailingOver", FailedOver: "FailedOver", FailingBack: "FailingBack",
}

func (s PoolState) String() string { return poolStateNames[s] }

// Reading is what a Read or a Survey found, all of it at one moment.
type Reading struct {
	State     ReadState // Read only
	Pool      PoolState
	SQL       bool     // the primary database was seen as principal: its vote counts
	Domains   pool.Set // Read only: domains whose flag is True
	Running   pool.Set // servers whose front-end services run and are active in the pool
	Pending   pool.Set // servers with a pending reboot
	AtVersion pool.Set // servers whose version is the text of the turn's `verify version`; empty where that is ""
}
