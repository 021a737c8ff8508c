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
		if err = s.askOn(ctx, host, script, args, out); err == nil || loginRefused(err) {
			return err
		}
		err = fmt.Errorf("%s: %w", host, err)
	}
	return err
}

// askOn runs it on one host: in the network logon itself, or as the account that may reach on to other machines.
func (s *Servers) askOn(ctx context.Context, host string, script scripts.Script, args, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerLimit)
	defer cancel()
	if s.direct {
		return s.reread(ctx, host, script, args, out)
	}
	id := "read-" + scripts.NewNonce()
	job, err := scripts.NewJob(id, script, args, s.logon)
	if err != nil {
		return err
	}
	defer s.forgetLater(host, id)
	var started scripts.JobStarted
	if err := s.reread(ctx, host, scripts.JobStart, job, &started); err != nil {
		return err
	}
	// These polls are in the time of the wall, as the answer of a single call is.
	for pause, since := 20*time.Millisecond, time.Now(); ; pause = min(pause*2, time.Second) {
		var status scripts.JobStatus
		if err := s.reread(ctx, host, scripts.JobPoll, scripts.JobPollArgs{ID: id}, &status); err != nil {
			return err
		}
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
			if time.Since(since) > 20*time.Second {
				return fmt.Errorf("the task as %s does not start (task result %s)", s.logon.Account, clean(status.TaskResult))
			}
		case scripts.JobRunning:
		}
		if !sleepWall(ctx, pause) {
			return context.Cause(ctx)
		}
	}
}

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
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		var removed struct{}
		_ = s.reread(ctx, host, scripts.JobRemove, scripts.JobRemoveArgs{ID: id}, &removed)
	})
}
