package pool

import "strconv"

// The spellings of the enumerations, each slice indexed by its type. An empty
// word stands for a value that cannot be written.
var (
	poolStates   = []string{Ready: "ready", Busy: "busy", Insufficient: "insufficient", Garbled: "garbled", Unanswered: "unanswered"}
	cmsPlaces    = []string{CMSElsewhere: "elsewhere", CMSHere: "here", CMSBackup: "backup", CMSNone: "none", CMSBoth: "both"}
	sqlStates    = []string{SQLPrincipal: "principal", SQLMirror: "mirror", SQLLost: "lost"}
	backupStates = []string{BackupSteady: "steady", BackupFinal: "final", BackupNonSteady: "nonsteady", BackupNotInitialized: "notinitialized", BackupError: "error"}
	services     = []string{"", ServicesStopped: "stopped", ServicesDisabled: "disabled", ServicesStarted: "started"}
	answers      = []string{Yes: "yes", No: "no", Silent: "none"}
	outcomes     = []string{"completed", "failed", "aborted", "in-doubt", "window-closed"} // with which a rehearsal can end
	actions      = []string{"", OnStop: "stop", OnStart: "start", OnUpgrade: "upgrade", OnRestart: "restart", OnVerify: "verify",
		OnFailoverServer: "failover server", OnFailbackServer: "failback server", OnRun: "run", OnFailover: "failover", OnFailback: "failback",
		OnNotify: "notify"}
	// "slow" is written with its factor, and "takes" is a key of its own.
	effects = []string{"", IsFail: "fail", IsHang: "hang", IsSlow: "slow", IsTakes: "", IsUnknown: "unknown", IsShort: "short",
		IsRestarts: "restarts", IsReboot: "reboot", IsStarting: "starting", IsDenied: "denied", IsDisabled: "disabled"}
)

func word(words []string, i int) string {
	if i < 0 || i >= len(words) || words[i] == "" {
		return "value " + strconv.Itoa(i)
	}
	return words[i]
}

// The String methods give the spelling of the scenario file.

func (s PoolState) String() string   { return word(poolStates, int(s)) }
func (c CMSPlace) String() string    { return word(cmsPlaces, int(c)) }
func (s SQLState) String() string    { return word(sqlStates, int(s)) }
func (b BackupState) String() string { return word(backupStates, int(b)) }
func (s Services) String() string    { return word(services, int(s)) }
func (a Answer) String() string      { return word(answers, int(a)) }
func (a Action) String() string      { return word(actions, int(a)) }

func (e Effect) String() string {
	if e == IsTakes {
		return "takes"
	}
	return word(effects, int(e))
}

// OnServer reports whether the action is one of a server. OnRun is either: a
// `run` outside the loops has no server of its own.
func (a Action) OnServer() bool { return a >= OnStop && a <= OnRun }

// OnPool reports whether the action may be one of the pool or of the
// operator's machine.
func (a Action) OnPool() bool { return a >= OnRun && a <= OnNotify }
