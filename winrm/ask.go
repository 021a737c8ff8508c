package winrm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lrun/lrun/winrm/scripts"
)

// mostAsked is on how many servers a pool-wide question is tried: what three refuse, the others refuse as well.
const mostAsked = 3

// errNobody is why a pool-wide question has no answer where there is nobody to ask.
var errNobody = errors.New("no server answers that could be asked")

// ask runs a cmdlet that reads on other machines on one host after the other until one answers.
func (s *Servers) ask(ctx context.Context, hosts []string, script scripts.Script, args, out any) error {
	err := errNobody
	for i, host := range hosts {
		if i == mostAsked || ctx.Err() != nil {
			break
		}
		if err = on(host, s.askOn(ctx, host, script, args, out)); err == nil || loginRefused(err) {
			break
		}
	}
	return err
}

// on names the host in an error of it.
func on(host string, err error) error {
	if err == nil || loginRefused(err) {
		return err // which names it
	}
	return fmt.Errorf("%s: %w", host, err)
}

// poolFacts is what one look asks of the pool as a whole. What has an error is not known yet.
type poolFacts struct {
	registrar        scripts.RegistrarResult
	mirror           scripts.MirrorResult
	errState, errSQL error
	host             string // that told both; "" where none did
	asked            int    // how many hosts were
}

func newPoolFacts() poolFacts { return poolFacts{errState: errNobody, errSQL: errNobody} }

// askFacts asks one host after the other for what is not known yet: for both in one call, since for each of them a process
// would load the product's module. Those that were asked before count: one cmdlet that hangs on every host must not outlast the
// bound of a survey, with all that is known by then.
func (s *Servers) askFacts(ctx context.Context, hosts []string, f *poolFacts) {
	args := scripts.PoolArgs{Pool: s.pool.Name}
	for _, host := range hosts {
		if f.asked == mostAsked || ctx.Err() != nil {
			return
		}
		f.asked++
		switch {
		case f.errState != nil && f.errSQL != nil:
			s.askBoth(ctx, host, args, f)
		case f.errState != nil:
			f.errState = on(host, s.askOn(ctx, host, scripts.Registrar, args, &f.registrar))
		case f.errSQL != nil:
			s.askSQL(ctx, host, args, f)
		default:
			return
		}
		if loginRefused(f.errState) || loginRefused(f.errSQL) {
			return
		}
	}
}

// sqlLimit is how long a cmdlet that connects to the SQL servers is waited for: it may hang where they are gone.
const sqlLimit = 60 * time.Second

// askBoth asks a host for both, and where that does not come, or is rubbish, for the registrar alone within what is left of the
// host's limit: without the state of the pool a night stops.
func (s *Servers) askBoth(ctx context.Context, host string, args scripts.PoolArgs, f *poolFacts) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerLimit)
	defer cancel()
	limited, cancel := context.WithTimeout(ctx, sqlLimit)
	defer cancel()
	var both scripts.PoolFactsResult
	err := s.askOn(limited, host, scripts.PoolFacts, args, &both)
	if err == nil {
		f.errState, f.errSQL = on(host, both.Registrar.Into(&f.registrar)), on(host, both.Mirror.Into(&f.mirror))
		if f.errState == nil && f.errSQL == nil {
			f.host = host
		}
		return
	}
	f.errState, f.errSQL = on(host, err), on(host, err)
	if limited.Err() != nil || errors.Is(err, scripts.ErrNoResult) {
		f.errState = on(host, s.askOn(ctx, host, scripts.Registrar, args, &f.registrar))
	}
}

// askSQL asks a host for the databases alone.
func (s *Servers) askSQL(ctx context.Context, host string, args scripts.PoolArgs, f *poolFacts) {
	ctx, cancel := context.WithTimeout(ctx, sqlLimit)
	defer cancel()
	f.errSQL = on(host, s.askOn(ctx, host, scripts.Mirror, args, &f.mirror))
}

// mostUnanswered is how many hosts are waited for in vain: the first may be what hangs, and after the second it is the
// cmdlet, which waits for replicas.
const mostUnanswered = 2

// askReadiness reads the readiness of a pool on one of its front ends after the other, outside of any step, until one
// answers, and tells which one did.
func (s *Servers) askReadiness(ctx context.Context, hosts []string, out *scripts.ReadinessResult) (host string, err error) {
	err = errNobody
	unanswered := 0
	for _, host := range hosts {
		limited, cancel := context.WithTimeout(ctx, s.readinessLimit())
		err = s.reread(limited, host, scripts.Readiness, nil, out)
		late := limited.Err() != nil
		cancel()
		if err == nil {
			return host, nil
		}
		if late {
			unanswered++
			err = fmt.Errorf("%s: the readiness cmdlet did not come back: %w", host, err)
		}
		if unanswered == mostUnanswered || loginRefused(err) || ctx.Err() != nil {
			break
		}
	}
	return "", err
}

// readinessLimit is how long the cmdlet is waited for outside of a step, in the time of the wall. A rehearsal leaves the
// machine that acts it out a few seconds at the least.
func (s *Servers) readinessLimit() time.Duration {
	return max(answerLimit/time.Duration(max(s.scale(), 1)), 5*time.Second)
}

// askOn runs it on one host: in the network logon itself, or as the account that may reach on to other machines.
func (s *Servers) askOn(ctx context.Context, host string, script scripts.Script, args, out any) error {
	if s.direct {
		ctx, cancel := context.WithTimeout(ctx, 2*answerLimit)
		defer cancel()
		return s.reread(ctx, host, script, args, out)
	}
	return s.askInTask(ctx, host, script, args, out)
}

// askInTask runs it in a scheduled task, as all lasting work is run.
func (s *Servers) askInTask(ctx context.Context, host string, script scripts.Script, args, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerLimit)
	defer cancel()
	id := "read-" + scripts.NewNonce()
	job, err := scripts.NewJob(id, script, args, s.logon)
	if err != nil {
		return err
	}
	var status scripts.JobStatus
	if err := s.reread(ctx, host, scripts.JobRead, scripts.JobReadArgs{JobStartArgs: job, Wait: readingWait}, &status); err != nil {
		s.forgetLater(host, id)
		return err
	}
	if status.Exists {
		defer s.forgetLater(host, id)
	}
	// These polls are in the time of the wall, as the answer of a single call is.
	for pause := 500 * time.Millisecond; ; pause = min(pause*2, 5*time.Second) {
		switch status.State() {
		case scripts.JobDone:
			res, err := status.Result()
			if err != nil {
				return err
			}
			return s.scrubbed(res).Into(out)
		case scripts.JobInterrupted, scripts.JobCannotTell:
			return fmt.Errorf("%w: its task ended without a result (task result %s)", scripts.ErrNoResult, clean(status.TaskResult))
		case scripts.JobNotBegun:
			return fmt.Errorf("the task as %s does not start (task result %s)", s.logon.Account, clean(status.TaskResult))
		case scripts.JobRunning:
		}
		if !sleepWall(ctx, pause) {
			return context.Cause(ctx)
		}
		if err := s.reread(ctx, host, scripts.JobPoll, scripts.JobPollArgs{ID: id}, &status); err != nil {
			return err
		}
	}
}

// readingWait is how many seconds a server waits for the end of what reads, before it is asked again.
const readingWait = 30

func sleepWall(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// forgetLater removes a reading job. Nobody waits for it and its failure harms nobody: the job only read.
func (s *Servers) forgetLater(host, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.life, 20*time.Second)
		defer cancel()
		var removed struct{}
		_ = s.reread(ctx, host, scripts.JobRemove, scripts.JobRemoveArgs{ID: id}, &removed)
	})
}
