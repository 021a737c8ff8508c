package winrm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// job is one piece of lasting work: a script under a name that the run and the effect give it.
type job struct {
	id     string
	host   string
	script scripts.Script
	args   any
	judge  func(scripts.Result) result // what a result means; the outcome is Done, Failed or Unknown
}

// jobsOf is what the names of all jobs of a run begin with: 16 hexadecimal digits. By it a server tells them from those of
// other runs, which forbid to stop, start, restart or update it. A mark dies before an installer need end.
func jobsOf(p *pool.Pool, run string) string {
	sum := sha256.Sum256([]byte(p.Name + "\x00" + run))
	return hex.EncodeToString(sum[:8])
}

// foreignJobs lists the jobs that are not of the run whose own begin so.
func foreignJobs(jobs []string, ours string) []string {
	return slices.DeleteFunc(slices.Clone(jobs), func(job string) bool { return strings.HasPrefix(job, ours+"-") })
}

// jobs is what the names of this run's jobs begin with.
func (w *World) jobs() string { return jobsOf(w.pool, w.opts.Run) }

// guard says which jobs on its host forbid a job. On the management host those of other pools are none of its business.
func (w *World) guard(j *job) scripts.Guard {
	_, frontEnd := w.pool.Server(j.host)
	switch {
	case j.host == w.pool.Connect.Via && !frontEnd:
		return scripts.Unguarded
	case j.script == scripts.Upgrade:
		return scripts.Alone
	}
	return scripts.ByRun
}

// jobName makes the name of a job of an effect. It is the same for the same effect of the same run, and for no other.
func (w *World) jobName(id interp.EffectID, part string) string {
	name := jobsOf(w.pool, w.opts.Run) + "-" + strings.ReplaceAll(strings.ReplaceAll(id.String(), "-1", "p"), ".", "-")
	if part != "" {
		name += "-" + part
	}
	return name
}

// begunAs is the effect whose job this one is about: the one that it goes on with, or looks for, or its own.
func (t *task) begunAs() interp.EffectID {
	if t.e.Attach || t.e.Action == interp.Look {
		return t.e.Ref
	}
	return t.e.ID
}

// jobEnd is the end of a job as it is kept: the job itself is removed once its end is in the journal.
type jobEnd struct {
	Outcome interp.Outcome `json:"o"`
	Text    string         `json:"t,omitempty"`
}

// endedJob is a job that can be removed.
type endedJob struct{ host, id string }

// placeOf tells where a job was begun; ok is false where it never was.
func (w *World) placeOf(id string) (host string, ok bool) { return w.opts.Memory.Get("job/" + id) }

func (w *World) endOf(id string) (result, bool) {
	raw, ok := w.opts.Memory.Get("end/" + id)
	var e jobEnd
	if !ok || json.Unmarshal([]byte(raw), &e) != nil {
		return result{}, false
	}
	return result{outcome: e.Outcome, text: e.Text}, true
}

// remember keeps the end of a job. Where it cannot, the job can be asked again.
func (w *World) remember(j *job, r result) (result, error) {
	r.text = w.redacted(r.text)
	raw, err := json.Marshal(jobEnd{r.outcome, r.text})
	if err == nil {
		err = w.opts.Memory.Put("end/"+j.id, string(raw))
	}
	return r, err
}

// keepEnd remembers the end of a job and lets the job be removed after the next event is on record.
func (w *World) keepEnd(j *job, r result) result {
	r, err := w.remember(j, r)
	if err != nil {
		return r
	}
	w.mu.Lock()
	w.finished = append(w.finished, endedJob{j.host, j.id})
	w.mu.Unlock()
	return r
}

// sweep removes the jobs whose end has been told and taken. Nobody waits for it.
func (w *World) sweep() {
	w.mu.Lock()
	list := w.finished
	if len(w.queue) > 0 || len(list) == 0 {
		w.mu.Unlock() // an end may still stand in the queue
		return
	}
	w.finished = nil
	w.mu.Unlock()
	for _, e := range list {
		w.forgetLater(e.host, e.id)
	}
}

// do begins a job, or finds it begun, and waits for its end.
func (t *task) do(ctx context.Context, j *job) result {
	if r, ok := t.w.endOf(j.id); ok {
		return r
	}
	host, earlier := t.w.placeOf(j.id)
	if earlier {
		j.host = host
	}
	if err := t.w.opts.Memory.Put("job/"+j.id, j.host); err != nil {
		return failed("%s", why(err))
	}
	start, err := scripts.NewJob(j.id, j.script, j.args, t.w.logon)
	if err != nil {
		return failed("%s", why(err))
	}
	start.Guard = t.w.guard(j)
	// The start is safe to repeat: what has begun is left alone.
	var started scripts.JobStarted
	err = t.w.steady(ctx, j.host, scripts.JobStart, start, &started)
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil && refused(err):
		return t.withdrawn(ctx, j, fmt.Sprintf("it could not be started: %s", why(err)))
	case err != nil && notBegun(err) && !earlier:
		return failed("the server does not answer: %s", why(err))
	case err != nil:
		return unknown(err)
	}
	return t.follow(ctx, j)
}

// withdraw makes sure that a job that has not begun never will, and tells how it stands. That it has not begun yet says
// nothing: a task may wait for its logon, and a call that starts it may still hang on the server.
func (t *task) withdraw(ctx context.Context, j *job) (s scripts.JobStatus, err error) {
	err = t.w.steady(ctx, j.host, scripts.JobVoid, scripts.JobVoidArgs{ID: j.id}, &s)
	return s, err
}

// withdrawn is the end of a job that is not to begin any more, with the text of its failure. One that has begun
// nevertheless is waited for.
func (t *task) withdrawn(ctx context.Context, j *job, text string) result {
	s, err := t.withdraw(ctx, j)
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return unknown(err)
	case s.Void:
		// What keeps it from beginning stays on the server, so that it is not among the jobs to be removed.
		r, _ := t.w.remember(j, failed("%s", text))
		return r
	}
	return t.follow(ctx, j)
}

// startLimit is how long a task may take to begin after it was started.
const startLimit = 3 * time.Minute

// follow waits for the end of a job that was started.
func (t *task) follow(ctx context.Context, j *job) result {
	began := t.w.clock.now()
	for pace := newPacer(); ; {
		var s scripts.JobStatus
		err := t.w.steady(ctx, j.host, scripts.JobPoll, scripts.JobPollArgs{ID: j.id}, &s)
		switch {
		case ctx.Err() != nil:
			return cut()
		case err != nil:
			return unknown(err)
		}
		switch s.State() {
		case scripts.JobDone:
			return t.ended(j, &s)
		case scripts.JobInterrupted:
			if r, ok := t.exited(j, &s); ok {
				return r
			}
			return result{outcome: interp.Unknown, text: "it ended without a result: the server was restarted, or its task was ended"}
		case scripts.JobCannotTell:
			return result{outcome: interp.Unknown, text: "its traces on the server contradict each other"}
		case scripts.JobNotBegun:
			if s.Void || t.w.clock.now()-began > startLimit {
				return t.withdrawn(ctx, j, fmt.Sprintf("its task as %s does not begin (task result %s)", t.account(), clean(s.TaskResult)))
			}
		case scripts.JobRunning:
			if log, err := s.LogText(); err == nil && len(log) > 0 {
				t.note("the last it wrote: %s", endOf(t.w.redacted(string(log))))
			}
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

func (t *task) account() string {
	if t.w.logon.Account == "" {
		return "the caller"
	}
	return t.w.logon.Account
}

// ended judges the result of a job that is done.
func (t *task) ended(j *job, s *scripts.JobStatus) result {
	res, err := s.Result()
	if err != nil {
		return result{outcome: interp.Unknown, text: why(err)}
	}
	r := j.judge(t.w.scrubbed(res))
	if r.outcome == interp.Unknown {
		return r
	}
	return t.w.keepEnd(j, r)
}

// exited is the end of an installer whose job was interrupted after it: the exit code was kept at once.
func (t *task) exited(j *job, s *scripts.JobStatus) (result, bool) {
	res, ok := s.ExitResult()
	if !ok || j.script != scripts.Upgrade {
		return result{}, false
	}
	r := j.judge(res)
	if r.outcome == interp.Unknown {
		return result{}, false
	}
	return t.w.keepEnd(j, r), true
}

// lookJob settles a job's effect. One that has not begun is withdrawn: what answers "not begun" is begun anew under another
// name, and there must never be two.
func (t *task) lookJob(ctx context.Context, j *job) result {
	if r, ok := t.w.endOf(j.id); ok {
		return r
	}
	host, ok := t.w.placeOf(j.id)
	if !ok {
		return result{outcome: interp.NotBegun}
	}
	j.host = host
	var s scripts.JobStatus
	err := t.w.steady(ctx, host, scripts.JobPoll, scripts.JobPollArgs{ID: j.id}, &s)
	if err == nil && s.State() == scripts.JobNotBegun && !s.Void {
		s, err = t.withdraw(ctx, j)
	}
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return result{outcome: interp.CannotTell, text: fmt.Sprintf("%s does not tell: %s", host, why(err))}
	}
	switch s.State() {
	case scripts.JobDone:
		r := t.ended(j, &s)
		if r.outcome == interp.Unknown {
			r.outcome = interp.CannotTell
		}
		return r
	case scripts.JobRunning:
		return result{outcome: interp.Going}
	case scripts.JobNotBegun:
		if s.Void {
			return result{outcome: interp.NotBegun}
		}
	case scripts.JobInterrupted:
		if r, ok := t.exited(j, &s); ok {
			return r
		}
		return result{outcome: interp.CannotTell, text: "it had begun and has ended without a result: the server was restarted, or its task was ended"}
	case scripts.JobCannotTell:
	}
	return result{outcome: interp.CannotTell, text: "its traces on the server contradict each other"}
}
