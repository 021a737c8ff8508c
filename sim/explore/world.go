package explore

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// The slots of effects in flight: one a server, one for the runbook's own task, one for the interlock's reading.
const (
	mainSlot  = pool.MaxServers
	leaveSlot = pool.MaxServers + 1
	slots     = pool.MaxServers + 2
)

// limbo is what is true of an action whose end lrun did not see.
type limbo uint8

const (
	sure   limbo = iota // lrun saw its end, or there is none
	maybe               // it may or may not have reached the server
	begun               // it did, and may be going still
	ended               // it has come to its end, which a survey has seen
	rising              // lrun gave it up, and the server comes up all the same, by `until` at the latest
)

// notAtAll is when a server comes up that does not.
const notAtAll = time.Duration(1) << 62

// slot is an effect in flight, and the action on its server that nobody saw the end of.
type slot struct {
	began  time.Duration
	end    time.Duration // when it ends, unless something befalls it
	bound  time.Duration // when its bound passes; 0 = it has none
	until  time.Duration // when the action in limbo ends, if it was begun; notAtAll where it does not
	id     interp.EffectID
	action interp.Action // NoAction: nothing is in flight
	of     interp.Action // Look: what is looked at
	domain int8          // of the turn that a reading is taken in, or -1
	limbo  limbo
	lost   interp.Action // the action in limbo
	slow   bool          // it takes three times as long as it should
	hung   bool          // it ends when its bound passes
	over   bool          // its bound has passed, or will at end
	paid   bool          // a fault was paid for: it may turn out failed
	struck bool          // its server died while it was going
	beyond bool          // its range goes beyond its bound
	drains bool          // a restart that stops first what runs
	bars   bool          // what it asks for is refused as it begins
	asks   bool          // whether its server answers is not known yet
	stuck  bool          // the services start, and wait for the pool's quorum
}

// silent reports whether the slot says nothing: what is left in it of an effect that has ended no longer matters.
func (s *slot) silent() bool { return s.action == interp.NoAction && s.limbo == sure }

// condition is what the readiness cmdlet says whatever the truth is: one fault buys it for as long as the explorer likes.
type condition uint8

const (
	truthful condition = iota
	saysBusy
	saysInsufficient
	saysDomainFalse
	saysGarbled
	saysNothing
	saysLate  // 2015 and later: the cmdlet blocks until lrun gives it up, which counts as Busy
	saysReady // Ready and True, though it is not so
	conditions
)

// The window as it is explored: nothing depends on the clock but this. In between it is the number of those `left D`, the
// longest first, that ask for more than is left.
const (
	windowOpen = 0
	windowOver = 255
	mostLefts  = lateLefts - 1
)

// world is the pool as far as properties and outcomes depend on it: a flat value.
type world struct {
	scene
	slots [slots]slot // those that say nothing are empty
}

// scene is what a world holds beside its slots.
type scene struct {
	flight uint32 // slots whose effect is in flight
	live   uint32 // slots that may say something: those in flight, and those of actions in limbo
	now    time.Duration
	ready  time.Duration // when the replicas are built again at the latest; 0 = they are

	up        pool.Set // servers whose services run
	out       pool.Set // servers that lrun took out of service and that are not back
	dead      pool.Set // servers that died by themselves
	sick      pool.Set // servers whose services do not come up: one fault, for as long as the explorer likes
	fresh     pool.Set // servers that came back since the replicas were built
	away      pool.Set // servers failed over one by one: only a failback brings them back
	stopped   pool.Set // servers whose services were seen to stop, and that are not back
	waiting   pool.Set // servers whose services start, and wait for the pool's quorum
	scope     pool.Set // servers on which the runbook may act before it looks at the pool again; it is the machine's
	installed [16]pool.Set

	state   interp.PoolState
	cond    condition
	window  uint8
	faults  uint8 // left
	crashes uint8 // left
	guards  uint8 // guards of the interlock that a fault may have made refuse since their last passing reading
	crashed bool  // lrun was killed on the way here
	// justDied: a server died, or came up by itself, since the last event, at any moment until the next one.
	justDied bool
	noQuorum bool // the pool lost its quorum: what ran has stopped, and nothing starts until enough servers wait for it
	anew     bool // lrun was resumed late, or after the window was over, as in another night
	passed   bool // the runbook's latest reading in this turn let the turn begin
	odd      bool // on the way here the window was over sooner than it can be; it is no part of the fingerprint
	broken   Property
	prop     uint8    // which of the user's own, where broken says so
	cut      uint32   // people cut off so far, where a property counts them
	cutFrom  pool.Set // servers whose people are counted
	// before tells which of the sets of world.books a server was in before its latest action.
	before [pool.MaxServers]uint8
}

// The guards of the interlock, as bits of world.guards.
const (
	guardReading = 1 << iota
	guardVerified
	guardQuorum
	allGuards = guardReading | guardVerified | guardQuorum
)

// model is what all worlds of one exploration share.
type model struct {
	prog *interp.Program
	pool *pool.Pool
	m    pool.Model
	all  pool.Set

	lefts       []time.Duration // of the program's `left D`, the longest first
	ordered     []uint8         // turn loops in which the order of servers matters
	orderAlways bool            // it matters everywhere
	keys        []uint64        // by server: what its part of a fingerprint is mixed with

	queues   bool             // some servers of a fork begin when others have ended
	mends    bool             // something is done on servers when the run has failed
	upgrades int              // `upgrade` steps of the program
	truths   truths           // what follows from which servers run
	domains  []pool.Set       // the servers of each domain
	domainIn [2][256]pool.Set // the domains of the servers of a set, by its low and its high half

	seeds pool.Set // servers whose votes count
	opts  Options

	broken [int(properties) + MaxProps]atomic.Bool // with goOn: what is violated somewhere; behind the others the user's own

	closes   time.Duration // when the window closes; 0 = there is none, or nobody knows
	counting bool          // some property asks who is cut off
}

// begin is the world at the beginning of the run. Its clock does not begin at 0, where the machine's window cannot be over.
func (x *model) begin() world {
	return world{scene: scene{now: 1, up: x.all, state: interp.Active, faults: uint8(x.opts.Faults), crashes: uint8(x.opts.Crashes)}}
}

// become makes w a copy of another world; of the slots, which are most of it, only those are touched that say something.
func (w *world) become(from *world) {
	for set := w.live | from.live; set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		w.slots[i] = from.slots[i]
	}
	w.scene = from.scene
}

// tidy empties the slots that say nothing any more.
func (w *world) tidy() {
	for set := w.live; set != 0; set &= set - 1 {
		if i := bits.TrailingZeros32(set); w.slots[i].silent() {
			w.slots[i] = slot{}
			w.live &^= 1 << i
			if i < mainSlot {
				w.before[i] = 0
			}
		}
	}
}

// running is what really runs.
func (w *world) running() pool.Set { return w.up &^ w.dead }

// fault spends one fault. Nothing offers what it costs where none is left.
func (w *world) fault() {
	if w.faults == 0 {
		panic("explore: a fault is spent that is not there")
	}
	w.faults--
	w.guards = allGuards
}

// stops tells the actions that are done as a server's services have stopped.
func stops(a interp.Action) bool { return a == interp.Stop || a == interp.FailoverServer }

// books are the sets that an action which takes a server out of service changes before its end is known.
func (w *world) books() [4]*pool.Set { return [4]*pool.Set{&w.up, &w.out, &w.fresh, &w.away} }

// neverBegun puts the books back as they were before an action that was never begun, or that failed before it did
// anything.
func (w *world) neverBegun(s *slot, a interp.Action) {
	if !a.OutOfService() || s.id.Server < 0 {
		return
	}
	bit := pool.SetOf(int(s.id.Server))
	for i, b := range w.books() {
		*b &^= bit
		if w.before[s.id.Server]>>i&1 != 0 {
			*b |= bit
		}
	}
}

// putBack is a server whose services have started: it runs again, and the pool then builds its replicas. A pool without
// quorum begins with as many servers as the vendor's table asks for, until then they wait.
func (x *model) putBack(w *world, server int) {
	if w.dead.Has(server) {
		return
	}
	back := pool.SetOf(server)
	w.stopped &^= back
	if w.noQuorum {
		w.waiting |= back
		if !x.enough(w.waiting) {
			return
		}
		back, w.noQuorum, w.waiting = w.waiting, false, 0
		for set := w.flight; set != 0; set &= set - 1 {
			if s := &w.slots[bits.TrailingZeros32(set)]; s.stuck {
				s.stuck, s.end = false, w.now
			}
		}
	}
	x.unsettle(w)
	w.up |= back
	w.out &^= back
	w.fresh |= back
	w.cutFrom &^= back
}

// enough reports whether a pool that is down begins with these servers.
func (x *model) enough(waiting pool.Set) bool {
	return waiting.Len() >= x.pool.StartQuorum() && x.quorum(waiting)
}

func (x *model) unsettle(w *world) {
	if !w.settling() {
		w.fresh = 0
	}
	w.ready = w.now + x.m.Settle.High + time.Second
}

// settling reports whether replicas may still be built.
func (w *world) settling() bool { return w.ready != 0 && w.now < w.ready }

func (w *world) settle() { w.ready, w.fresh = 0, 0 }

// truth is what the readiness cmdlet says of a pool whose replicas are built: the state, and the domains that may be
// stopped.
func (x *model) truth(w *world) (interp.ReadState, pool.Set) {
	t := x.truths.of(x, w.running())
	return interp.ReadState(t >> truthState & 0xff), pool.Set(t & 0xffff)
}

// quorum reports whether the pool has its quorum when just these servers run.
func (x *model) quorum(run pool.Set) bool { return x.truths.of(x, run)>>truthQuorum&1 != 0 }

// truths is what follows from which servers run, by the set of them; an entry is 0 until somebody asks for it. Whoever works
// one out writes the same.
type truths []atomic.Uint32

// What an entry holds above the domains that may be stopped.
const (
	truthState  = 16
	truthQuorum = 30
	truthKnown  = 31
)

func (ts truths) of(x *model, run pool.Set) uint32 {
	t := ts[run].Load()
	if t == 0 {
		t = x.workOut(run)
		ts[run].Store(t)
	}
	return t
}

// workOut is the entry of the servers that run.
func (x *model) workOut(run pool.Set) uint32 {
	var domains pool.Set
	spare := false
	for d, members := range x.domains {
		if !x.pool.Quorum(run&^members, true) {
			continue
		}
		spare = spare || members&run != 0
		if x.keepsGroups(run, members) {
			domains = domains.Add(d)
		}
	}
	state, t := interp.Ready, uint32(1)<<truthKnown
	if x.pool.Quorum(run, true) {
		t |= 1 << truthQuorum
	}
	if !spare || t>>truthQuorum&1 == 0 {
		state, domains = interp.Insufficient, 0
	}
	return t | uint32(state)<<truthState | uint32(domains)
}

// keepsGroups reports whether every routing group keeps two of its three replicas when members stop, wherever the
// replicas are: spread over as many domains as run, but otherwise as badly as can be. A pool of two keeps one of two.
func (x *model) keepsGroups(run, members pool.Set) bool {
	live := x.domainsOf(run).Len()
	stopping := (members & run).Len()
	replicas, need := min(3, run.Len()), 2
	if len(x.pool.Servers) == 2 {
		replicas, need = run.Len(), 1
	}
	worst := 0
	switch {
	case stopping == 0:
	case live >= 3:
		worst = 1
	case live == 2:
		worst = min(2, stopping)
	default:
		worst = min(replicas, stopping)
	}
	return replicas-worst >= need
}
