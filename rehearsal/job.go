package rehearsal

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lrun/lrun/winrm/scripts"
)

// job is a scheduled task with its folder on the disk of a server. It outlives connections, and not the server's power.
type job struct {
	id      string
	request string
	boot    string // when it began
	running bool
	done    bool
	void    bool // it was withdrawn, and there is no more of it than that
	result  string
	exit    string // of the installer
	log     string
}

// kill is the end of the power: the task and its folder stay, with no result.
func (j *job) kill() { j.running = false }

// ends is the end of its script.
func (j *job) ends(r reply) {
	if !j.running {
		return // it was killed, and what would have come of it does not matter
	}
	j.running = false
	var st scripts.JobStatus
	if err := st.SetResult(r.out, r.fail); err != nil {
		return
	}
	j.done, j.result = true, st.ResultJSON
	switch v := r.out.(type) {
	case scripts.UpgradeResult:
		j.log += v.Log + "\r\n"
		j.exit = strconv.Itoa(*v.Exit)
	case string:
		j.log += v
	}
	if r.fail != nil {
		j.log += "ERROR: " + r.fail.Msg + "\r\n"
	}
}

// Errors of the task scheduler, in its own words.
const (
	badLogon = "(29,8):UserId:\r\nThe user name or password is incorrect. (Exception from HRESULT: 0x8007052E)"
	otherJob = "there is another job under this id"
)

func jobStart(c *call) {
	args, ok := read[scripts.JobStartArgs](c)
	if !ok {
		return
	}
	if begun, ok := c.startJob(&args); ok {
		c.done(scripts.JobStarted{Begun: begun})
	}
}

// startJob starts a job, or finds it where it has begun. Where it is not ok the call has its reply, or gets none.
func (c *call) startJob(args *scripts.JobStartArgs) (begun, ok bool) {
	s := c.s
	if j := s.jobs[args.ID]; j != nil {
		if !j.void && j.request != args.Request {
			c.fail(typeRuntime, "%s", otherJob)
			return false, false
		}
		return true, true
	}
	req, err := args.JobRequest()
	act := actors[scriptOf()[req.Script]]
	if err != nil || act == nil {
		c.fail(typeRuntime, "this modelled server knows the scripts of lrun by their text, and this is none of them")
		return false, false
	}
	switch run, _, _ := strings.Cut(args.ID, "-"); {
	case args.Guard == scripts.ByRun && !c.alone(run):
		return false, false
	case args.Guard == scripts.Alone && !c.alone(""):
		return false, false
	}
	user, hops, ok := c.logsOn(args)
	if !ok {
		return false, false
	}
	j := &job{id: args.ID, request: args.Request, boot: s.boot, running: true}
	inner := &call{s: s, args: req.Args, user: user, hops: hops}
	inner.answer = func(r reply) {
		if r.lost {
			c.answer(r)
			return
		}
		j.ends(r)
	}
	act(inner)
	if inner.unsent {
		return false, false // the request never reaches the server: there is no job, and the connection is about to break
	}
	s.keepJob(j)
	return false, true
}

func (s *server) keepJob(j *job) {
	if s.jobs == nil {
		s.jobs = map[string]*job{}
	}
	s.jobs[j.id] = j
}

// changes matches the name of a job that does more than read: it begins with the name of its run.
var changes = regexp.MustCompile(`^[0-9a-f]{16}-`)

// jobsGoing lists the jobs on the server that do more than read and have not ended.
func (s *server) jobsGoing() []string {
	list := []string{}
	for id, j := range s.jobs {
		if j.running && changes.MatchString(id) {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// alone fails a script that would disturb a job of another run than the one whose jobs begin so.
func (c *call) alone(run string) bool {
	for _, id := range c.s.jobsGoing() {
		if id[:16] != run {
			c.fail(typeRuntime, "another job is under way on this server, and has to end first: lrun-%s", id)
			return false
		}
	}
	return true
}

// jobRead starts a job and waits for its end, for as long as it was asked to.
func jobRead(c *call) {
	args, ok := read[scripts.JobReadArgs](c)
	if !ok {
		return
	}
	if _, ok := c.startJob(&args.JobStartArgs); !ok {
		return
	}
	n := c.s.night
	wait := time.Duration(min(max(args.Wait, 0), 3600)) * time.Second
	until := n.clock().Add(wait)
	var look func()
	look = func() {
		j := c.s.jobs[args.ID]
		if j != nil && j.running && n.clock().Before(until) && c.again != nil {
			c.again(look)
			return
		}
		st := c.s.jobStatus(args.ID, 0)
		if st.Done {
			delete(c.s.jobs, args.ID)
			st.Exists = false
		}
		c.done(st)
	}
	look()
	if j := c.s.jobs[args.ID]; j != nil && j.running {
		n.after(wait*time.Duration(n.opts.TimeScale), func() {}) // so that it is looked at when the wait is over
	}
}

// logsOn checks the account of a task, and says whom it runs as and whether that reaches other machines.
func (c *call) logsOn(args *scripts.JobStartArgs) (user string, hops, ok bool) {
	n := c.s.night
	switch {
	case args.Account == "":
		return c.user, false, true // S4U: no password, no network
	case args.Account == "SYSTEM":
		return `NT AUTHORITY\SYSTEM`, false, true // the computer is nobody in the groups of administrators
	case strings.HasSuffix(args.Account, "$"):
		return args.Account, true, true
	case c.secret == "":
		c.fail(typeRuntime, "no password came for %s", args.Account)
		return "", false, false
	case !samePassword(c.secret, n.opts.Password):
		n.tell(n.farms[0].model.Now(), Event{Event: EventDenied, Server: c.s.name, Scheme: "Task"})
		c.fail("System.Runtime.InteropServices.COMException", "%s", badLogon)
		return "", false, false
	}
	return args.Account, true, true
}

// logPiece is how much of a log a poll reads at once.
const logPiece = 16 << 10

func jobPoll(c *call) {
	if args, ok := read[scripts.JobPollArgs](c); ok {
		c.done(c.s.jobStatus(args.ID, args.Offset))
	}
}

// jobStatus tells how a job stands, with a piece of its log.
func (s *server) jobStatus(id string, offset int64) scripts.JobStatus {
	st := scripts.JobStatus{Boot: s.boot, Task: "none"}
	j := s.jobs[id]
	if j == nil {
		return st
	}
	if j.void {
		st.Void = true
		return st
	}
	st.Exists, st.Begun, st.BegunBoot, st.Done, st.ResultJSON = true, true, j.boot, j.done, j.result
	st.Exit = j.exit
	st.Task, st.TaskResult = "ready", "1"
	if j.running {
		st.Task, st.TaskResult = "running", "267009"
	}
	if j.done && !strings.Contains(j.result, `"ok":false`) {
		st.TaskResult = "0"
	}
	st.Size = int64(len(j.log))
	if st.Offset = offset; st.Offset < 0 || st.Offset > st.Size {
		st.Offset = 0
	}
	piece := j.log[st.Offset:min(st.Size, st.Offset+logPiece)]
	st.Log, st.Offset = base64.StdEncoding.EncodeToString([]byte(piece)), st.Offset+int64(len(piece))
	return st
}

// jobVoid withdraws a job that has not begun.
func jobVoid(c *call) {
	args, ok := read[scripts.JobVoidArgs](c)
	if !ok {
		return
	}
	if c.s.jobs[args.ID] == nil {
		c.s.keepJob(&job{id: args.ID, void: true})
	}
	c.done(c.s.jobStatus(args.ID, 0))
}

func jobRemove(c *call) {
	args, ok := read[scripts.JobRemoveArgs](c)
	if !ok {
		return
	}
	if j := c.s.jobs[args.ID]; j != nil {
		if j.running {
			c.fail(typeRuntime, "the job still runs")
			return
		}
		delete(c.s.jobs, args.ID)
	}
	c.done(map[string]bool{"removed": true})
}
