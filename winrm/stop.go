package winrm

import (
	"context"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// tellDrain is how often a drain that goes on is told.
const tellDrain = 10 * time.Minute

// stop stops the services of a server: draining, or at once. Asking twice does no harm.
func (t *task) stop(ctx context.Context) result {
	graceful := t.in.Graceful
	s, r := t.firstLook(ctx)
	if r != nil {
		return *r
	}
	if len(s.toStop()) == 0 {
		return done("")
	}
	cutOff := 0
	if !graceful {
		cutOff = s.sessions()
	}
	if len(s.notStopped()) > 0 && (!t.e.Attach || len(s.ending()) == 0) {
		errors, r := t.tellTo(ctx, scripts.Stop, scripts.StopArgs{Graceful: graceful, Run: t.w.jobs()})
		if r == nil {
			r = t.inVain(ctx, errors, func(now status) bool {
				return len(now.ending()) == 0 && len(now.toStop()) >= len(s.toStop())
			})
		}
		if r != nil {
			return *r
		}
	}
	r = t.untilStopped(ctx)
	if r.outcome == interp.Done {
		r.count = int32(cutOff)
	}
	return *r
}

// inVain judges what a cmdlet about services has reported and gone on. The state tells whether it did anything: where it did
// not the action has failed with that, and else the services are waited for. The result is nil where they are.
func (t *task) inVain(ctx context.Context, errors []string, nothing func(status) bool) *result {
	if len(errors) == 0 {
		return nil
	}
	text := some(errors)
	if !t.w.clock.sleep(ctx, again) {
		r := cut()
		return &r
	}
	s, err := t.w.look(ctx, t.server(), scripts.SurveyArgs{})
	switch {
	case ctx.Err() != nil:
		r := cut()
		return &r
	case err == nil && s.readable() == nil && nothing(s):
		r := failed("%s", text)
		return &r
	}
	t.w.fact(interp.ModelNote, t.e.Server, 0, "not everything could be asked of the services: "+text)
	return nil
}

// firstLook surveys the effect's server before anything is begun. The result is not nil where the action ends with it: the
// server does not answer, or a job of another run is going on it. What would disturb that is refused by the server itself
// too, but not where a cmdlet on another host does it, nor where nothing has to be asked of the server.
func (t *task) firstLook(ctx context.Context) (status, *result) {
	s, err := t.w.look(ctx, t.server(), scripts.SurveyArgs{Activity: true, Jobs: true})
	if err == nil {
		err = s.readable()
	}
	var others []string
	if s.SurveyResult != nil {
		others = foreignJobs(s.Jobs, t.w.jobs())
	}
	switch {
	case ctx.Err() != nil:
		r := cut()
		return s, &r
	case err != nil:
		r := failed("the server does not answer: %s", why(err))
		if s.SurveyResult != nil {
			r = failed("the services cannot be read: %s", why(err))
		}
		return s, &r
	case len(others) > 0:
		r := failed("another job is under way on this server, and has to end first: %s", some(others))
		return s, &r
	}
	return s, nil
}

// tellTo asks the server to stop or to start services, until it is known to have taken it: asking twice does no harm. The
// result is nil where the server has taken it, with what it could not ask of single services. It is failed only where no try
// can have begun anything, but for the last one, whose script says itself why it did not.
func (t *task) tellTo(ctx context.Context, script scripts.Script, args any) (errors []string, r *result) {
	var asked scripts.Asked
	doubt, err := t.w.insist(ctx, t.server(), script, args, &asked)
	var res result
	switch {
	case err == nil:
		return asked.Errors, nil
	case ctx.Err() != nil:
		res = cut()
	case refused(err) && !doubt:
		res = failed("%s", why(err))
	case notBegun(err) && !doubt:
		res = failed("the server does not answer: %s", why(err))
	default:
		res = unknown(err)
	}
	return nil, &res
}

// untilStopped polls until every service has stopped that a stop waits for.
func (t *task) untilStopped(ctx context.Context) *result {
	told, forced, webAsked := t.w.clock.now(), false, false
	for pace := newPacer(); ; {
		s, err := t.w.look(ctx, t.server(), scripts.SurveyArgs{Activity: true})
		var r result
		switch {
		case ctx.Err() != nil:
			r = cut()
			return &r
		case err != nil:
			r = unknown(err)
			return &r
		case s.readable() != nil:
			t.note("the services cannot be read: %s", why(s.readable()))
		case len(s.toStop()) == 0:
			r = done("")
			return &r
		default:
			t.noteStopping(s)
		}
		if now := t.w.clock.now(); now-told >= tellDrain && s.readable() == nil {
			told = now
			t.w.fact(interp.StillDraining, t.e.Server, s.sessions(), "still to stop: "+some(s.toStop()))
		}
		if s.readable() == nil && s.webAlone() && !webAsked {
			webAsked = true
			if _, r := t.tellTo(ctx, scripts.Stop, scripts.StopArgs{Names: []string{web}, Run: t.w.jobs()}); r != nil {
				return r
			}
		}
		if s.readable() == nil && s.brokenCounter() && !forced {
			// Nothing but a counter is left: it shows calls by the thousand million and never drains.
			forced = true
			t.w.fact(interp.ModelNote, t.e.Server, 0, response+" counts an impossible number of calls and is stopped without draining")
			if _, r := t.tellTo(ctx, scripts.Stop, scripts.StopArgs{Names: []string{response}, Run: t.w.jobs()}); r != nil {
				return r
			}
		}
		if !pace.wait(ctx, &t.w.clock) {
			r = cut()
			return &r
		}
	}
}

func (t *task) noteStopping(s status) {
	left := s.toStop()
	if n := s.sessions(); n > 0 && len(s.in("Paused", "PausePending")) > 0 {
		t.note("%d sessions are left; still to stop: %s", n, some(left))
		return
	}
	if s.ActivityError != "" {
		t.note("still to stop: %s; how many sessions are left cannot be read: %s", some(left), clean(s.ActivityError))
		return
	}
	t.note("still to stop: %s", some(left))
}

// lookStop settles a stop by what the services show.
func (t *task) lookStop(ctx context.Context) result {
	s, r := t.lookServer(ctx)
	switch {
	case r != nil:
		return *r
	case len(s.toStop()) == 0:
		return done("")
	case len(s.ending()) > 0:
		return result{outcome: interp.Going, text: "still to stop: " + some(s.toStop())}
	}
	return result{outcome: interp.NotBegun}
}

// lookServer surveys the server of a look; the result is not nil where it cannot be told.
func (t *task) lookServer(ctx context.Context) (status, *result) {
	s, err := t.w.look(ctx, t.w.pool.Servers[t.e.Ref.Server].Name, scripts.SurveyArgs{})
	if err == nil {
		err = s.readable()
	}
	switch {
	case ctx.Err() != nil:
		r := cut()
		return s, &r
	case err != nil:
		return s, &result{outcome: interp.CannotTell, text: "the server does not tell: " + why(err)}
	}
	return s, nil
}

// start starts the services and waits until they run. Asking twice does no harm.
func (t *task) start(ctx context.Context) result {
	s, r := t.firstLook(ctx)
	if r != nil {
		return *r
	}
	expected := t.w.expected(t.server())
	if len(s.missing(expected)) == 0 {
		return done("")
	}
	if f, ok := s.service(frontEnd); ok && f.Start == "Disabled" {
		return failed("the services are disabled; Invoke-CsComputerFailBack enables them")
	}
	if !t.e.Attach || len(s.starting()) == 0 {
		errors, r := t.tellTo(ctx, scripts.Start, scripts.StartArgs{Run: t.w.jobs()})
		if r == nil {
			r = t.inVain(ctx, errors, func(now status) bool {
				return len(now.starting()) == 0 && len(now.missing(expected)) >= len(s.missing(expected))
			})
		}
		if r != nil {
			return *r
		}
	}
	return t.untilStarted(ctx, expected)
}

// untilStarted polls until every service runs that has to. Where the web server alone does not it is asked for by itself: a
// stop may have stopped it so.
func (t *task) untilStarted(ctx context.Context, expected []string) result {
	webAsked := false
	for pace := newPacer(); ; {
		s, err := t.w.look(ctx, t.server(), scripts.SurveyArgs{})
		switch {
		case ctx.Err() != nil:
			return cut()
		case err != nil:
			return unknown(err)
		case s.readable() != nil:
			t.note("the services cannot be read: %s", why(s.readable()))
		case len(s.missing(expected)) == 0:
			return done("")
		default:
			t.note("these do not run yet: %s", some(s.missing(expected)))
			v, ok := s.service(web)
			if !webAsked && ok && v.State == "Stopped" && len(s.missing(expected)) == 1 && slices.Contains(expected, web) {
				webAsked = true
				if _, r := t.tellTo(ctx, scripts.Start, scripts.StartArgs{Names: []string{web}, Run: t.w.jobs()}); r != nil {
					return *r
				}
			}
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

// lookStart settles a start by what the services show.
func (t *task) lookStart(ctx context.Context) result {
	s, r := t.lookServer(ctx)
	switch {
	case r != nil:
		return *r
	case len(s.missing(t.w.expected(t.w.pool.Servers[t.e.Ref.Server].Name))) == 0:
		return done("")
	case len(s.starting()) > 0:
		return result{outcome: interp.Going}
	}
	return result{outcome: interp.NotBegun}
}

// look settles what nobody knows the end of. It changes nothing.
func (t *task) look(ctx context.Context) result {
	switch t.e.Of {
	case interp.Failover, interp.Failback:
		return t.lookPool(ctx)
	case interp.Run:
		return t.lookJob(ctx, t.scriptJob())
	}
	if s := t.e.Ref.Server; s < 0 || int(s) >= len(t.w.pool.Servers) {
		return result{outcome: interp.CannotTell, text: "the pool has no such server"}
	}
	switch t.e.Of {
	case interp.Stop:
		return t.lookStop(ctx)
	case interp.Start:
		return t.lookStart(ctx)
	case interp.Upgrade:
		return t.lookJob(ctx, t.upgradeJob())
	case interp.Restart:
		return t.lookRestart(ctx)
	case interp.FailoverServer, interp.FailbackServer:
		return t.lookMove(ctx)
	}
	return result{outcome: interp.CannotTell, text: "nothing can be told of this action"}
}
