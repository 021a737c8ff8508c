package scripts

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// jobID is what a job may be called; it becomes the name of a folder and of a scheduled task.
var jobID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// JobStartArgs starts a job, or finds it where it has begun. Make it with NewJob.
type JobStartArgs struct {
	ID       string `json:"id"`
	Request  string `json:"request"`
	Runner   string `json:"runner"`
	Command  string `json:"command"`
	Account  string `json:"account"`
	Guard    Guard  `json:"guard"`
	Password string `json:"-"` // travels as the second line of the input
}

func (j JobStartArgs) secret() string { return j.Password }

// Guard tells which jobs on the server forbid that one begins. Those that only read never do.
type Guard string

// The guards.
const (
	Unguarded Guard = ""      // none: the job reads, or its host is nobody's front end
	ByRun     Guard = "run"   // those of other runs
	Alone     Guard = "alone" // any other
)

// Format keeps the password out of every verb.
func (j JobStartArgs) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "job %s as %q", j.ID, j.Account) }

// Logon is the account that a job runs as.
type Logon struct {
	// Account is "SYSTEM", "DOMAIN\user", "DOMAIN\name$" for a managed service account, or empty for the caller's
	// own account without a right to other machines.
	Account  string
	Password func() string // of DOMAIN\user alone; a function so that nothing prints it
}

// NewJob makes the arguments of JobStart for one script. The same id with another script or other arguments is
// refused by the server.
func NewJob(id string, s Script, args any, as Logon) (JobStartArgs, error) {
	if !jobID.MatchString(id) {
		return JobStartArgs{}, fmt.Errorf("job id %q is not made of a-z, 0-9 and -", id)
	}
	if !s.IsJob() && !s.Hops() {
		return JobStartArgs{}, fmt.Errorf("%w as a job: %q", ErrUnknownScript, s)
	}
	request, err := encodeRequest(s, args, "")
	if err != nil {
		return JobStartArgs{}, err
	}
	j := JobStartArgs{
		ID:      id,
		Request: strings.TrimSpace(string(request)),
		Runner:  jobRun.Text(),
		Command: encodeUTF16(jobCommand),
		Account: as.Account,
	}
	if as.Password != nil {
		j.Password = as.Password()
	}
	return j, nil
}

// jobCommand finds the runner in the folder that the task starts in.
const jobCommand = `& ([ScriptBlock]::Create([System.IO.File]::ReadAllText([System.IO.Path]::Combine([Environment]::CurrentDirectory, 'run.txt'))))`

// IsJob reports that a script outlives any connection and must be started as a job.
func (s Script) IsJob() bool {
	switch s {
	case Upgrade, Run, FailoverPool, FailbackPool, FailoverCMS, FailoverComputer, FailbackComputer:
		return true
	}
	return false
}

// Hops reports that a script only reads, and reads on another machine: AD, or the SQL server of the Central Management
// store. A network logon without delegation cannot do that, so that it may be run as a job too, under an account that can.
func (s Script) Hops() bool {
	switch s {
	case Registrar, Backup, CMS, Edge, Mirror, PoolFacts, Computers, Hop:
		return true
	}
	return false
}

// JobRequest takes apart what a job will do, for simulated servers.
func (j JobStartArgs) JobRequest() (Request, error) { return DecodeRequest([]byte(j.Request)) }

// JobStarted is the answer of JobStart.
type JobStarted struct {
	Begun bool `json:"begun"` // it had begun before this call
}

// JobReadArgs starts a job that only reads, waits for its end and removes it, in one call. Exists of its answer tells that
// something of the job is left: it is still going, or could not be removed.
type JobReadArgs struct {
	JobStartArgs
	Wait int `json:"wait"` // seconds
}

// JobPollArgs asks how a job stands.
type JobPollArgs struct {
	ID     string `json:"id"`
	Offset int64  `json:"offset"` // bytes of the log that are known already
}

// JobVoidArgs withdraws a job that has not begun, so that it never does.
type JobVoidArgs struct {
	ID string `json:"id"`
}

// JobRemoveArgs removes what is left of a job.
type JobRemoveArgs struct {
	ID string `json:"id"`
}

// JobStatus is how a job stands.
type JobStatus struct {
	Exists     bool   `json:"exists"`
	Begun      bool   `json:"begun"`
	Void       bool   `json:"void"`      // it was withdrawn before it had begun, and never will
	BegunBoot  string `json:"begunBoot"` // for people
	Boot       string `json:"boot"`
	Task       string `json:"task"` // none, disabled, queued, ready, running, unknown
	TaskResult string `json:"taskResult"`
	Exit       string `json:"exit"` // of an upgrade: what its installer left as soon as it had ended, "" before
	Done       bool   `json:"done"`
	ResultJSON string `json:"result"`
	Log        string `json:"log"` // base64 of a piece of the log
	Offset     int64  `json:"offset"`
	Size       int64  `json:"size"`
}

func (j *JobStatus) check() error {
	if j.Boot == "" || j.Task == "" {
		return errors.New("a job status without boot time or task state")
	}
	return nil
}

// JobState is what a JobStatus means.
type JobState int

// The states of a job.
const (
	JobCannotTell  JobState = iota // contradictory: ask a person
	JobNotBegun                    // nothing has been done; only where it is Void, nothing will be
	JobRunning                     // it is under way or about to be
	JobDone                        // Result holds what came of it
	JobInterrupted                 // it had begun and has ended without a result: how far it came is unknown
)

func (s JobState) String() string {
	return [...]string{"cannot tell", "not begun", "running", "done", "interrupted"}[s]
}

// State reads the status. A result decides over everything else; a job that had begun and whose task does not run has been
// interrupted. It is never taken for done, and never for not begun. Boot times say nothing here: a clock can move them, and
// a task that has no trigger does not run after a boot.
func (j *JobStatus) State() JobState {
	active := j.Task == "running" || j.Task == "queued"
	switch {
	case j.Done && j.Begun:
		return JobDone
	case j.Done:
		return JobCannotTell
	case j.Void: // its task may run for a moment, to find that it comes too late
		return JobNotBegun
	case j.Begun && active:
		return JobRunning
	case j.Begun:
		return JobInterrupted
	case active:
		return JobRunning
	}
	return JobNotBegun
}

// Result decodes what a done job left. A result that does not decode is ErrNoResult.
func (j *JobStatus) Result() (Result, error) {
	if !j.Done {
		return Result{}, fmt.Errorf("%w: the job is not done", ErrNoResult)
	}
	return decodeBody([]byte(j.ResultJSON))
}

// SetResult fills in what a done job leaves, for simulated servers.
func (j *JobStatus) SetResult(out any, failure *ScriptError) error {
	body, err := encodeBody(out, failure)
	j.Done, j.ResultJSON = err == nil, string(body)
	return err
}

// LogText is the piece of the log.
func (j *JobStatus) LogText() ([]byte, error) { return base64.StdEncoding.DecodeString(j.Log) }

// UpgradeArgs runs the update installer.
type UpgradeArgs struct {
	Path      string `json:"path"`
	Arguments string `json:"arguments"`
	SHA256    string `json:"sha256"` // lower case; "" = any
}

// ExitResult is the result of an upgrade whose job ended before it could leave one: the machine went down, say, because the
// installer had wanted it to. ok is false where the installer's exit code is not there either.
func (j *JobStatus) ExitResult() (r Result, ok bool) {
	code, err := strconv.Atoi(strings.TrimSpace(j.Exit))
	if err != nil {
		return Result{}, false
	}
	raw, err := json.Marshal(UpgradeResult{Exit: &code})
	return Result{OK: true, Out: []json.RawMessage{raw}}, err == nil
}

// UpgradeResult is what the installer left.
type UpgradeResult struct {
	Exit    *int        `json:"exit"`
	Before  []Component `json:"before"`
	After   []Component `json:"after"`
	Pending []string    `json:"pending"`
	Log     string      `json:"log"`
}

func (r *UpgradeResult) check() error {
	if r.Exit == nil {
		return errors.New("an installer without an exit code")
	}
	return nil
}

// InstallerOutcome is what an exit code of the installer means.
type InstallerOutcome int

// The outcomes of an installer.
const (
	InstallerFailed    InstallerOutcome = iota
	InstallerDone                       // 0
	InstallerReboot                     // 2, 3010: done, a reboot completes it
	InstallerRebooting                  // 1641: done, and it has begun the reboot itself
)

// Outcome reads an exit code. The installer's own are not documented; 2 is from practice, the others are those of
// Windows Installer. Every other code is a failure.
func (r *UpgradeResult) Outcome() InstallerOutcome {
	if r.Exit == nil {
		return InstallerFailed
	}
	switch *r.Exit {
	case 0:
		return InstallerDone
	case 2, 3010:
		return InstallerReboot
	case 1641:
		return InstallerRebooting
	}
	return InstallerFailed
}

// RunArgs is a script of the runbook's author with its parameters, which it reads as $lrun.name.
type RunArgs struct {
	Text   string            `json:"text"`
	Params map[string]string `json:"params"`
}

// FailoverArgs fails a pool over or back.
type FailoverArgs struct {
	Pool        string `json:"pool"`
	Disaster    bool   `json:"disaster,omitempty"` // of failover alone
	WaitSeconds int    `json:"waitSeconds"`        // 0 = the cmdlet's default
}

// FailoverCMSArgs moves the Central Management store.
type FailoverCMSArgs struct {
	SQLServer   string `json:"sqlServer"`
	SQLInstance string `json:"sqlInstance"`
}

// ComputerArgs takes one server out of service or puts it back.
type ComputerArgs struct {
	Computer     string `json:"computer"` // the same text in both directions
	WaitSeconds  int    `json:"waitSeconds"`
	DrainSeconds int    `json:"drainSeconds,omitempty"` // of failover alone
}

// Done is the answer of a cmdlet that returns nothing.
type Done struct {
	Done   bool     `json:"done"`
	Errors []string `json:"errors"` // what it could not do and went on: the state tells what came of it
}

func (d *Done) check() error {
	if !d.Done {
		return errors.New("it does not say that it is done")
	}
	return nil
}

// Texts decodes what a Run script returned.
func (r Result) Texts() ([]string, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	list := make([]string, 0, len(r.Out))
	for _, raw := range r.Out {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrNoResult, err) //nolint:errorlint // a detail of the unknown
		}
		list = append(list, s)
	}
	return list, nil
}
