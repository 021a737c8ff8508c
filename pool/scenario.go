package pool

import "time"

// Scenario is where a rehearsal starts, what goes wrong in it and what the
// person answers. The zero Scenario is a night without trouble.
type Scenario struct {
	Start   Start
	Seed    *uint64 // nil = not given
	Faults  []Fault // in file order
	Answers Answers
	Source  []byte // the file as it was read
}

// Start is what a rehearsal finds at second 0, as far as it differs from a
// healthy pool.
type Start struct {
	Version       []string // one per server in topology order, "" = the model's own; nil = none given
	Stopped       Set      // services stopped, start type unchanged
	Disabled      Set      // services stopped and disabled, as Invoke-CsComputerFailOver leaves them
	Down          Set      // powered off
	RebootPending Set      // Windows waits for a reboot
	RGSStuck      Set      // the Response Group counter never drains
	Stale         Set      // the server's replica of the CMS is not up to date
	FailedOver    bool     // the pool is failed over to its backup pool
	Edge          bool     // the pool is the next hop of an Edge pool
	DatabaseDue   bool     // the back end's databases wait for an update
	CMS           CMSPlace
	SQL           SQLState
	Backup        BackupState // this pool's backup service
	PartnerBackup BackupState // the backup pool's backup service
	BackupPool    PoolState   // the backup pool's own readiness
}

// PoolState is what a readiness cmdlet answers. The zero PoolState is Ready.
type PoolState uint8

// The answers: the three that are documented, one that cannot be understood,
// and none within the bound.
const (
	Ready PoolState = iota
	Busy
	Insufficient // InsufficientActiveFrontEnds
	Garbled      // text that no reader understands
	Unanswered   // the cmdlet does not come back
)

// CMSPlace says which pool holds the Central Management Store.
type CMSPlace uint8

// The places. The zero place is neither pool of the pair, which is the usual
// case in a larger deployment.
const (
	CMSElsewhere CMSPlace = iota
	CMSHere               // on this pool
	CMSBackup             // on the backup pool
	CMSNone               // no active master: the store is unavailable
	CMSBoth               // active on both pools of the pair
)

// SQLState is the state of the back end's primary database, which is the
// witness of the pool's quorum.
type SQLState uint8

// The states.
const (
	SQLPrincipal SQLState = iota // the primary is principal and gives its vote
	SQLMirror                    // the mirror serves, the vote of the primary is lost
	SQLLost                      // no database answers
)

// BackupState is the state of a pool's backup service.
type BackupState uint8

// The states of Get-CsBackupServiceStatus, as far as they decide anything.
const (
	BackupSteady         BackupState = iota
	BackupFinal                      // nothing left to copy; as good as steady
	BackupNonSteady                  // a backlog is building
	BackupNotInitialized             // before the first export
	BackupError
)

// Steady reports whether a failover may rely on the copy.
func (b BackupState) Steady() bool { return b == BackupSteady || b == BackupFinal }

// Answers is what the person says when asked.
type Answers struct {
	Confirm []Answer // to each `confirm` in turn; Yes once the list is used up
}

// Answer is one answer of a person. The zero Answer is Yes.
type Answer uint8

// The answers.
const (
	Yes Answer = iota
	No
	Silent // nobody answers
)

// NthConfirm is the answer to the n-th `confirm`, counted from 0.
func (a *Answers) NthConfirm(n int) Answer {
	if n < len(a.Confirm) {
		return a.Confirm[n]
	}
	return Yes
}

// FaultKind says which form of a fault line was written, and with that which
// fields of a [Fault] hold.
type FaultKind uint8

// The kinds, each with the fields it uses beside Line.
const (
	FaultPool       FaultKind = iota + 1 // {pool: busy, at: 0s, for: 25m}: State, At, For
	FaultReading                         // {reading: 2, is: busy}: Reading, State
	FaultDomain                          // {domain: UD2, ready: false, at: 1h, for: 15m}: Domain, Ready, At, For
	FaultAction                          // {server: S, on: stop, is: hang}: Server, Action, Effect, Drain, Hard, Slow, Takes, Times, Landed, At, For
	FaultDown                            // {server: S, down: 70m, for: 30m}: Server, At, For
	FaultCrash                           // {crash: lrun, after: 17, resume: 20m later}: After, Resume
	FaultSQL                             // {sql: mirror, at: 1h, for: 30m}: SQL, At, For
	FaultBackup                          // {backup: nonsteady, of: partner, at: 0s}: Backup, Partner, At, For
	FaultBackupPool                      // {backup_pool: insufficient, at: 0s}: State, At, For
	FaultCMS                             // {cms: here, at: 0s}: CMS, At, For
	FaultEdge                            // {edge: next hop, at: 0s}: At, For
	FaultRGS                             // {server: S, rgs: stuck, at: 0s}: Server, At, For
	FaultServices                        // {server: S, services: disabled, at: 1h}: Server, Services, At
	FaultReboot                          // {server: S, reboot: pending, at: 0s}: Server, At
	FaultReplica                         // {server: S, replica: stale, at: 0s, for: 1h}: Server, At, For
	FaultDatabase                        // {database: due, at: 0s}: At
	FaultByHand                          // {by_hand: failback, at: 2h}: Action (OnFailover or OnFailback), At
)

// Action is a verb of the language that a fault can befall.
type Action uint8

// The verbs. OnStop covers both ways of stopping; [Fault.Drain] and
// [Fault.Hard] tell which are meant.
const (
	OnStop           Action = iota + 1 // stop
	OnStart                            // start
	OnUpgrade                          // upgrade
	OnRestart                          // restart
	OnVerify                           // verify
	OnFailoverServer                   // failover server
	OnFailbackServer                   // failback server
	OnRun                              // run; without a server: outside loops
	OnFailover                         // failover, of the pool: no server
	OnFailback                         // failback, of the pool: no server
	OnNotify                           // notify: no server
)

// Effect is what befalls an action.
type Effect uint8

// The effects.
const (
	IsFail     Effect = iota + 1 // ends failed, having done nothing
	IsHang                       // never ends by itself
	IsSlow                       // takes [Fault.Slow] times as long
	IsTakes                      // takes [Fault.Takes]
	IsUnknown                    // the connection breaks; whether the work was done says [Fault.Landed]
	IsShort                      // upgrade: ends well, and the build is the old one
	IsRestarts                   // upgrade: done, and the installer has started the services again
	IsReboot                     // upgrade: done, and Windows waits for a reboot
	IsStarting                   // start, restart, failback server: RTCSRV stays in Starting until the next try
	IsDenied                     // start, restart, failback server: RTCSRV is refused (events 12299, 12314) until the server is rebooted
	IsDisabled                   // restart: the services come back disabled
)

// Services is what somebody did to the services of a server by hand.
type Services uint8

// The deeds.
const (
	ServicesStopped Services = iota + 1
	ServicesDisabled
	ServicesStarted
)

// Fault is one line of `faults:`. It is flat and comparable; [FaultKind] tells
// which fields hold, all others are zero, but Server and Domain are -1 where
// the line names none.
type Fault struct {
	Kind     FaultKind
	State    PoolState
	Action   Action
	Effect   Effect
	SQL      SQLState
	Backup   BackupState
	CMS      CMSPlace
	Services Services
	Server   int // index into [Pool.Servers]; -1 = none
	Domain   int // index into [Pool.Domains]; -1 = none
	Reading  int // which reading of the pool's readiness, from 1
	Times    int // how many times the action is befallen, from its first one on; 0 = every time
	Slow     int // the factor of [IsSlow], 2 or more
	After    int // journal record after which lrun is killed, from 1
	Line     int // line in the scenario file
	Ready    bool
	Landed   bool // an [IsUnknown] action was carried out all the same
	Partner  bool // the backup pool's backup service, not this pool's
	Drain    bool // an [OnStop] fault befalls stop graceful
	Hard     bool // an [OnStop] fault befalls a plain stop
	At       time.Duration
	For      time.Duration // 0 = to the end of the night
	Takes    time.Duration
	Resume   time.Duration // from the crash until lrun is started again
}

// Covers reports whether the fault holds at t since the start: from At on, for
// For, the last instant not included.
func (f *Fault) Covers(t time.Duration) bool {
	return t >= f.At && (f.For == 0 || t < f.At+f.For)
}
