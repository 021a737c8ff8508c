package sim

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Limits of the state, which is flat.
const (
	maxGroups = 2 * pool.MaxServers
	maxSlots  = 40
	maxFaults = 64
	poolJob   = pool.MaxServers // index of the pool's job behind those of the servers
)

// never is a time that does not come.
const never = int64(1) << 60

// phase is what the services of a server are doing, all together.
type phase uint8

const (
	off      phase = iota // no power, or on the way through a reboot
	stopped               // the system is up, the Lync services are stopped
	starting              // StartPending
	running               // Running: the server is active in the pool
	draining              // Paused: no new sessions, the old ones end; votes and replicas are still there
	stopping              // StopPending
)

// server is one Front End.
type server struct {
	phase     phase
	build     uint8 // index into config.builds
	step      uint8 // upgrade step of the installer that runs
	gen       uint16
	installs  uint16 // generation of the installer
	waiting   bool   // Starting, and only the other servers are missing
	disabled  bool   // start type Disabled, else Automatic
	pending   bool   // Windows waits for a reboot
	denied    bool   // the registrar is refused access until the next reboot
	dead      bool   // down by itself: nothing brings it back but time
	died      bool   // down by itself, and not seen running since
	inHands   bool   // the installer runs
	boot      befall // what will befall the services when it comes up
	install   befall // what befalls the installer
	drainFrom int64
	drainTo   int64 // never, for a drain that does not end
	services  int64 // milliseconds its services need to start, once the system is up
	bootAt    int64 // when the system came up; negative for before the night
	sessions  int32 // when the drain began
}

// group is a routing group.
type group struct {
	on   pool.Set // servers with a replica
	main int8     // the server with the primary
}

// progress is how far an action has come in the world.
type progress uint8

const (
	noJob   progress = iota
	going            // it is going on, whether anybody waits for it or not
	ended            // it ended well
	broke            // it ended badly
	unbegun          // it was asked for and never reached the server
)

// job is the last action on a server, or on the pool, that changes something, as the world knows it.
type job struct {
	id     interp.EffectID
	action interp.Action
	state  progress
	slot   int8 // the effect that waits for its end, or -1
	stage  uint8
	text   text
	gen    uint16
	n      int32
	befall befall
}

// slot is an effect in flight, as lrun knows it.
type slot struct {
	id      interp.EffectID
	action  interp.Action
	outcome interp.Outcome
	server  int8
	domain  int8
	used    bool
	over    bool // it has its outcome, only its end is still to be told
	bound   bool
	deaf    bool // the connection is gone: whatever happens, its end is Unknown
	text    text
	n       int32
	began   int64
	until   int64 // hold: how long the pool has to be Ready
	since   int64 // hold: Ready without a break since; -1 = not Ready now
	polls   int64 // hold: minute of the last reading; -1 = none yet
	reading interp.Reading
}

// Stats says what the night did to the people and to the pool.
type Stats struct {
	UsersCut      int   // the most users that were cut off at one moment
	CutAt         int64 // when users were first cut off, in milliseconds; -1 = never
	CutFor        int64 // how long some users were cut off in all, in milliseconds
	SessionsCut   int   // sessions that a stop, a death or a forced drain cut
	Failovers     int   // of the pool, come to their end
	Failbacks     int
	QuorumLosses  int
	ServiceLosses int      // moments at which routing groups lost their service while the pool kept its quorum
	Deaths        int      // servers that went down by themselves
	Installed     [16]int8 // installers that ended well, a server
	Collided      pool.Set // servers on which something was begun while an installer or a failover was going
}

// State is all of the model that changes: a flat value without pointers, to be copied as a fork.
type State struct {
	now     int64
	queue   queue
	servers [pool.MaxServers]server
	groups  [maxGroups]group
	jobs    [pool.MaxServers + 1]job
	slots   [maxSlots]slot
	times   [maxFaults]uint16 // how often each fault has befallen an action

	running pool.Set                // servers in phase running
	holding pool.Set                // servers that hold votes and replicas: running or draining
	has     [pool.MaxServers]uint32 // routing groups with a replica on each server
	lost    uint32                  // routing groups without service
	crowd   uint32                  // routing groups with too few replicas or two in one domain, perhaps
	fresh   pool.Set                // servers that have come back since the groups were spread

	failed    failure
	state     interp.PoolState
	quorate   bool // the pool has its quorum
	settling  bool
	cmsMoved  bool
	gen       uint16 // of the settle time
	edge      uint16 // next entry of config.edges
	readings  int32
	confirms  int32
	cut       int32 // users cut off now
	cutSince  int64
	usedSlots int8
	holds     int8 // how many of them are holds
	stats     Stats
}

// failure is why the model cannot go on: a limit was passed.
type failure uint8

const (
	noFailure failure = iota
	tooManyEffects
	tooMuchDue
)
