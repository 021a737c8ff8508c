package winrm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

const (
	// restartDrain is how long `restart` drains what the installer has started.
	restartDrain = 10 * time.Minute
	// askAgain is when a restart that has not come is asked for once more: the nonce allows it once only.
	askAgain = 2 * time.Minute
	// settleTime is how long services must stay as they are to count as settled where not all of them run.
	settleTime = 3 * time.Minute
	// shutdownDelay is how long Windows waits before it goes down, in seconds, so that the answer arrives.
	shutdownDelay = 5
)

// restart stops what the installer may have started, reboots, and waits until the reboot is proven and the services have
// settled. It can be interrupted anywhere and gone on with: the nonce of the mark allows one restart.
func (t *task) restart(ctx context.Context) result {
	mark, ok := t.bootMark()
	if !ok && t.e.Attach {
		return failed("there is nothing going on that could be waited for")
	}
	if !ok {
		s, err := t.w.look(ctx, t.server(), scripts.SurveyArgs{})
		switch {
		case ctx.Err() != nil:
			return cut()
		case err != nil:
			return failed("the server does not answer: %s", why(err))
		}
		if s.readable() == nil && (s.active() || len(s.in("Paused", "PausePending")) > 0) {
			t.drainAgain(ctx)
		}
		var r *result
		if mark, r = t.setBootMark(ctx); r != nil {
			return *r
		}
	}
	if r := t.untilRebooted(ctx, mark); r != nil {
		return *r
	}
	return t.untilSettled(ctx)
}

// drainAgain stops the services, draining for a while. The reboot that follows ends what is left.
func (t *task) drainAgain(ctx context.Context) {
	ctx, cancel := t.w.clock.bound(ctx, restartDrain)
	defer cancel()
	if _, r := t.tellTo(ctx, scripts.Stop, scripts.StopArgs{Graceful: true, Run: t.w.jobs()}); r != nil && r.outcome != interp.Unknown {
		return
	}
	t.untilStopped(ctx)
}

func (t *task) bootKey() string { return "boot/" + t.w.jobName(t.begunAs(), "") }

func (t *task) bootMark() (mark scripts.BootMarkResult, ok bool) {
	raw, ok := t.w.opts.Memory.Get(t.bootKey())
	if !ok || json.Unmarshal([]byte(raw), &mark) != nil {
		return mark, false
	}
	return mark, true
}

// setBootMark leaves the nonce that the reboot is proven against. It is remembered before the reboot is asked for; where
// it is not, nothing was asked.
func (t *task) setBootMark(ctx context.Context) (scripts.BootMarkResult, *result) {
	var mark scripts.BootMarkResult
	var r result
	err := t.w.steady(ctx, t.server(), scripts.BootMark, scripts.BootMarkArgs{Nonce: scripts.NewNonce()}, &mark)
	switch {
	case ctx.Err() != nil:
		r = cut()
		return mark, &r
	case err != nil:
		r = failed("the reboot could not be prepared: %s", why(err))
		return mark, &r
	}
	raw, err := json.Marshal(mark)
	if err == nil {
		err = t.w.opts.Memory.Put(t.bootKey(), string(raw))
	}
	if err != nil {
		r = failed("%s", why(err))
		return mark, &r
	}
	return mark, nil
}

// untilRebooted asks for the reboot and waits until boot time and nonce both prove it.
func (t *task) untilRebooted(ctx context.Context, mark scripts.BootMarkResult) *result {
	t.note("the server has not come back")
	asked, told, moved, refusals := time.Duration(-1), false, false, 0
	for pace := newPacer(); ; {
		// Where a clock has moved the boot time under a mark that is still there, one reboot that was taken is not asked for again:
		// a server on which no boot erased the mark would be booted for ever.
		if now := t.w.clock.now(); asked < 0 || now-asked >= askAgain && !(told && moved) {
			asked = now
			took, r := t.askReboot(ctx, mark, told)
			if r != nil {
				return r
			}
			told = told || took
		}
		if !pace.wait(ctx, &t.w.clock) {
			r := cut()
			return &r
		}
		var s scripts.SurveyResult
		t.w.whileNobodyProves()
		if err := t.w.quick(ctx, t.server(), scripts.Survey, scripts.SurveyArgs{}, &s); err != nil {
			if loginRefused(err) {
				refusals++
				if r := t.refusedAtBoot(ctx, refusals, err); r != nil {
					return r
				}
			}
			continue // going down, down, or coming up
		}
		moved = !mark.SameBoot(&s)
		rebooted, known := mark.Rebooted(&s)
		switch {
		case !known:
			return &result{outcome: interp.Unknown, text: halfProof}
		case rebooted:
			return nil
		}
	}
}

const halfProof = "of the two proofs of a reboot only one is there: the mark of the boot before is gone, and the boot time is the same"

// askReboot asks for the one reboot that the mark allows, or asks once more. took reports that Windows may have taken it.
// After that no refusal counts: a Windows that goes down refuses most things. What went wrong on the way shows in the polls.
func (t *task) askReboot(ctx context.Context, mark scripts.BootMarkResult, told bool) (took bool, r *result) {
	args := scripts.RestartArgs{Nonce: mark.Nonce, Message: "lrun " + t.w.opts.Run, Delay: shutdownDelay, Run: t.w.jobs()}
	var res scripts.RestartResult
	err := t.w.quick(ctx, t.server(), scripts.Restart, args, &res)
	text := ""
	switch {
	case refused(err):
		text = "the reboot was refused: " + why(err)
	case err == nil && res.Asked && !res.UnderWay():
		text = fmt.Sprintf("Windows refused the reboot: shutdown.exe ended with %d", res.RC)
	default:
		return err == nil && res.Asked || err != nil && !notBegun(err), nil
	}
	if told {
		t.note("the server has not come back; asked again: %s", text)
		return false, nil
	}
	refusal := failed("%s", text)
	return false, &refusal
}

// untilSettled waits until no service that starts by itself is still starting.
func (t *task) untilSettled(ctx context.Context) result {
	expected := t.w.expected(t.server())
	before, since, refusals := "", t.w.clock.now(), 0
	for pace := newPacer(); ; {
		var r scripts.SurveyResult
		err := t.w.quick(ctx, t.server(), scripts.Survey, scripts.SurveyArgs{}, &r)
		s := status{&r}
		switch {
		case ctx.Err() != nil:
			return cut()
		case loginRefused(err):
			refusals++
			if r := t.refusedAtBoot(ctx, refusals, err); r != nil {
				return *r
			}
			before = ""
		case err != nil:
			t.note("the server does not answer after its reboot: %s", why(err))
			before = ""
		case s.readable() != nil:
			t.note("the services cannot be read: %s", why(s.readable()))
			before = ""
		default:
			missing := s.missing(expected)
			if len(missing) == 0 {
				return done("")
			}
			now := some(missing)
			t.note("these do not run yet: %s", now)
			if now != before {
				before, since = now, t.w.clock.now()
			}
			if len(s.starting()) == 0 && t.w.clock.now()-since >= settleTime {
				return done("")
			}
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

// lookRestart settles a restart by boot time and nonce. A mark without a reboot is still going: going on with it asks for
// the same one reboot again.
func (t *task) lookRestart(ctx context.Context) result {
	mark, ok := t.bootMark()
	if !ok {
		return result{outcome: interp.NotBegun}
	}
	server := t.w.pool.Servers[t.e.Ref.Server].Name
	var r scripts.SurveyResult
	err := t.w.quick(ctx, server, scripts.Survey, scripts.SurveyArgs{}, &r)
	if ctx.Err() != nil {
		return cut()
	}
	switch {
	case loginRefused(err): // asking again would be another strike against the account, and looking again no use
		return result{outcome: interp.CannotTell, text: why(err)}
	case err != nil:
		return result{outcome: interp.Going, text: "the server does not answer: " + why(err)}
	}
	s := status{&r}
	switch rebooted, known := mark.Rebooted(&r); {
	case !known:
		return result{outcome: interp.CannotTell, text: halfProof}
	case rebooted && s.readable() == nil && len(s.missing(t.w.expected(server))) == 0:
		return done("")
	}
	return result{outcome: interp.Going}
}
