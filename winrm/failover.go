package winrm

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// ownEnd is what is kept back of a bound, so that a cmdlet that is told how long to wait comes to its own end before the
// bound passes.
func ownEnd(within time.Duration) int {
	if within <= 0 {
		return 0
	}
	return max(int((within-min(within/10, 2*time.Minute))/time.Second), 1)
}

// partners lists the front ends of the paired pool.
func (s *Servers) partners(ctx context.Context, hosts []string) ([]string, error) {
	s.mu.Lock()
	known := s.partner
	s.mu.Unlock()
	if len(known) > 0 {
		return known, nil
	}
	var r scripts.ComputersResult
	if err := s.ask(ctx, hosts, scripts.Computers, scripts.ComputersArgs{Pool: s.pool.Backup}, &r); err != nil {
		return nil, err
	}
	for i := range r.Computers {
		r.Computers[i] = strings.ToLower(clean(r.Computers[i]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partner = r.Computers
	return s.partner, nil
}

// conditions is what a failover and a failback ask about both pools, all of it read at one moment.
type conditions struct {
	edges       scripts.EdgeResult
	edgesErr    error
	partners    []string
	partnersErr error
	there       scripts.ReadinessResult // of the backup pool
	thereHost   string                  // who told it
	thereErr    error
	own, other  scripts.BackupResult // the backup service of this pool, and of the other
	ownErr      error
	otherErr    error
	cms         scripts.CMSResult
	cmsErr      error
}

// conditions reads them side by side.
func (s *Servers) conditions(ctx context.Context, hosts []string) *conditions {
	var c conditions
	var all sync.WaitGroup
	all.Go(func() { c.edgesErr = s.ask(ctx, hosts, scripts.Edge, nil, &c.edges) })
	all.Go(func() { c.ownErr = s.ask(ctx, hosts, scripts.Backup, scripts.PoolArgs{Pool: s.pool.Name}, &c.own) })
	all.Go(func() {
		c.otherErr = s.ask(ctx, hosts, scripts.Backup, scripts.PoolArgs{Pool: s.pool.Backup}, &c.other)
	})
	all.Go(func() { c.cmsErr = s.ask(ctx, hosts, scripts.CMS, scripts.CMSArgs{Replicas: true}, &c.cms) })
	all.Go(func() {
		if c.partners, c.partnersErr = s.partners(ctx, hosts); c.partnersErr != nil {
			c.thereErr = c.partnersErr
			return
		}
		c.thereHost, c.thereErr = s.askReadiness(ctx, c.partners, &c.there)
	})
	all.Wait()
	return &c
}

// steadyBoth says what is against the backup service of the two pools, or "".
func (s *Servers) steadyBoth(c *conditions, disaster bool) string {
	if !disaster {
		if err := firstError(c.ownErr, c.own.Steady); err != nil {
			return fmt.Sprintf("the backup service of %s is not steady: %s", s.pool.Name, why(err))
		}
	}
	if err := firstError(c.otherErr, c.other.Steady); err != nil {
		return fmt.Sprintf("the backup service of the backup pool %s is not steady: %s", s.pool.Backup, why(err))
	}
	return ""
}

func firstError(err error, check func() error) error {
	if err != nil {
		return err
	}
	return check()
}

// against says in words what forbids a failover, or "". The order is that of the vendor's procedure.
func (s *Servers) against(c *conditions, disaster bool) string {
	if c.edgesErr != nil {
		return "whether the pool is the next hop of an Edge pool cannot be read: " + why(c.edgesErr)
	}
	switch edges, err := c.edges.NextHopOf(s.pool.Name); {
	case err != nil:
		return why(err)
	case len(edges) > 0:
		return fmt.Sprintf("the pool is the next hop of an Edge pool (%s); change the next hop first", some(edges))
	}
	if c.thereErr != nil {
		return fmt.Sprintf("the readiness of the backup pool %s cannot be read: %s", s.pool.Backup, why(c.thereErr))
	}
	//exhaustive:enforce
	switch c.there.PoolState() {
	case scripts.StateInsufficient:
		return fmt.Sprintf("the backup pool %s is InsufficientActiveFrontEnds itself", s.pool.Backup)
	case scripts.StateUnknown:
		return fmt.Sprintf("the readiness of the backup pool %s cannot be understood: %s", s.pool.Backup, clean(c.there.Text))
	case scripts.StateReady, scripts.StateBusy:
	}
	if text := s.steadyBoth(c, disaster); text != "" {
		return text
	}
	if c.cmsErr != nil {
		return "where the Central Management Store is cannot be read: " + why(c.cmsErr)
	}
	at, err := c.cms.ActivePool()
	if err != nil {
		return why(err) + "; repair that by hand first"
	}
	if strings.EqualFold(at, s.pool.Name) && !disaster {
		if stale := staleReplicas(&c.cms); len(stale) > 0 {
			return "the Central Management Store cannot be moved: the replica is not up to date on " + some(stale)
		}
	}
	return ""
}

// staleReplicas lists the servers whose copy of the configuration is not known to be up to date.
func staleReplicas(c *scripts.CMSResult) []string {
	var list []string
	for _, r := range c.Replicas {
		if !strings.EqualFold(r.UpToDate, "True") {
			list = append(list, r.FQDN)
		}
	}
	return list
}

// cmsHere reports whether the Central Management Store is hosted on this pool.
func (s *Servers) cmsHere(c *conditions) bool {
	at, err := c.cms.ActivePool()
	return err == nil && strings.EqualFold(at, s.pool.Name)
}

// failover is the effect: the conditions, the Central Management Store where it is hosted here, then the pool.
func (t *task) failover(ctx context.Context) result {
	if !t.w.pool.Paired() {
		return failed("the pool is not paired")
	}
	move, over := t.cmsJob(), t.poolJob()
	if _, begun := t.w.placeOf(over.id); begun {
		return t.finishPool(ctx, over, interp.FailedOver)
	}
	if _, begun := t.w.placeOf(move.id); begun {
		if r := t.do(ctx, move); r.outcome != interp.Done {
			return r
		}
	}
	r, s, err := t.w.poolSurvey(ctx, "")
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return failed("the state of the pool could not be read: %s", why(err))
	case r.Pool == interp.FailedOver:
		return done("")
	case r.Pool != interp.Active:
		return failed("the pool is between failover and failback (%s)", r.Pool)
	}
	hosts := t.w.askable(&s)
	c := t.w.conditions(ctx, hosts)
	if ctx.Err() != nil {
		return cut()
	}
	if text := t.w.against(c, t.in.Disaster); text != "" {
		return failed("%s", text)
	}
	if !t.in.Disaster && !t.w.pool.Quorum(r.Running, r.SQL) {
		return failed("the pool is not in service; a failover without `disaster` needs it")
	}
	// The store is moved from a server of the pool that takes it, whatever host runs the other cmdlets.
	move.host, over.host = c.thereHost, t.w.place(c)
	if t.w.cmsHere(c) {
		if r := t.moveCMS(ctx, move, hosts); r.outcome != interp.Done {
			return r
		}
	}
	return t.finishPool(ctx, over, interp.FailedOver)
}

// place is where a pool-wide cmdlet that changes something is run: the management host, or a front end of the backup pool.
func (s *Servers) place(c *conditions) string {
	if s.pool.Connect.Via != "" {
		return s.pool.Connect.Via
	}
	return c.thereHost
}

func (t *task) cmsJob() *job {
	return &job{id: t.w.jobName(t.begunAs(), "cms"), script: scripts.FailoverCMS, args: scripts.FailoverCMSArgs{}, judge: judgeDone}
}

// poolJob is the job of a failover or failback of the pool.
func (t *task) poolJob() *job {
	of := t.e.Action
	if of == interp.Look {
		of = t.e.Of
	}
	j := &job{id: t.w.jobName(t.begunAs(), "pool"), script: scripts.FailoverPool, judge: judgeDone}
	args := scripts.FailoverArgs{Pool: t.w.pool.Name, Disaster: t.in.Disaster, WaitSeconds: 0}
	if of == interp.Failback {
		j.script, args.Disaster = scripts.FailbackPool, false
	}
	j.args = args
	return j
}

// judgeDone reads the end of a cmdlet that changes the state of a pool or a server. A text of one that is done is what it
// could not do and went on: the state has to tell what came of it.
func judgeDone(res scripts.Result) result {
	var d scripts.Done
	err := res.Into(&d)
	switch {
	case refused(err):
		return failed("%s", why(err))
	case err != nil:
		return result{outcome: interp.Unknown, text: why(err)}
	case len(d.Errors) > 0:
		return done("the cmdlet told of errors: " + some(d.Errors))
	}
	return done("")
}

// moveCMS moves the Central Management Store to the backup pool and makes sure that it is there.
func (t *task) moveCMS(ctx context.Context, move *job, hosts []string) result {
	t.w.fact(interp.ModelNote, interp.Pool, 0, fmt.Sprintf("the Central Management Store is hosted here and is moved to the backup pool %s first", t.w.pool.Backup))
	r := t.do(ctx, move)
	if r.outcome != interp.Done {
		return r
	}
	since := t.w.clock.now()
	for pace := newPacer(); ; {
		var cms scripts.CMSResult
		err := t.w.ask(ctx, hosts, scripts.CMS, scripts.CMSArgs{}, &cms)
		at := ""
		if err == nil {
			at, err = cms.ActivePool()
		}
		if err == nil && strings.EqualFold(at, t.w.pool.Backup) {
			t.w.fact(interp.ModelNote, interp.Pool, 0, fmt.Sprintf("the Central Management Store was moved to the backup pool %s and stays there", t.w.pool.Backup))
			return done("")
		}
		t.note("the Central Management Store was moved, and is not seen on the backup pool yet")
		if err != nil {
			t.note("the Central Management Store was moved, and cannot be read: %s", why(err))
		}
		if err == nil && r.text != "" && t.w.clock.now()-since >= settleTime {
			return failed("%s", r.text)
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

// finishPool runs the cmdlet, or waits for it where it has begun, and makes sure of the pool's state.
func (t *task) finishPool(ctx context.Context, j *job, want interp.PoolState) result {
	r := t.do(ctx, j)
	if r.outcome != interp.Done {
		return r
	}
	since := t.w.clock.now()
	for pace := newPacer(); ; {
		reading, _, err := t.w.poolSurvey(ctx, "")
		switch {
		case ctx.Err() != nil:
			return cut()
		case err == nil && reading.Pool == want:
			return r
		case err == nil && r.text != "" && t.w.clock.now()-since >= settleTime:
			return failed("%s; the pool says %s", r.text, reading.Pool)
		case err != nil:
			t.note("the cmdlet has ended well, and the state of the pool cannot be read: %s", why(err))
		default:
			t.note("the cmdlet has ended well, and the pool still says %s", reading.Pool)
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

// failback is the effect: the way back, with the checks that stand before it.
func (t *task) failback(ctx context.Context) result {
	back := t.poolJob()
	if _, begun := t.w.placeOf(back.id); begun {
		return t.finishPool(ctx, back, interp.Active)
	}
	r, s, err := t.w.poolSurvey(ctx, "")
	if err == nil && r.Pool == interp.FailedOver {
		if text := t.readiness(ctx, &s, &r); r.State == interp.Garbled || r.State == interp.Unread {
			err = fmt.Errorf("the readiness of the pool cannot be read: %s", text)
		}
	}
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return failed("the pool could not be read: %s", why(err))
	case r.Pool == interp.Active:
		return done("")
	case r.Pool != interp.FailedOver:
		return failed("the pool is between failover and failback (%s)", r.Pool)
	case r.State == interp.Insufficient:
		return failed("the pool reads InsufficientActiveFrontEnds")
	case r.Running.Len() < t.w.pool.StartQuorum():
		return failed("fewer than %d front ends run, which the pool wants for a start", t.w.pool.StartQuorum())
	}
	c := t.w.conditions(ctx, t.w.askable(&s))
	if ctx.Err() != nil {
		return cut()
	}
	if text := t.w.steadyBoth(c, false); text != "" {
		return failed("%s", text)
	}
	back.host = t.w.place(c)
	if back.host == "" {
		return failed("no front end of the backup pool %s answers: %s", t.w.pool.Backup, why(c.thereErr))
	}
	return t.finishPool(ctx, back, interp.Active)
}

// lookPool settles a failover or failback: by its jobs, and where they cannot tell, by the state of the pool.
func (t *task) lookPool(ctx context.Context) result {
	j, want := t.poolJob(), interp.FailedOver
	if t.e.Of == interp.Failback {
		want = interp.Active
	}
	if _, begun := t.w.placeOf(j.id); !begun {
		if _, moving := t.w.placeOf(t.cmsJob().id); !moving {
			return result{outcome: interp.NotBegun}
		}
		r := t.lookJob(ctx, t.cmsJob())
		if r.outcome == interp.Done { // the store is moved, the pool is not: to be begun again
			r = result{outcome: interp.NotBegun}
		}
		return r
	}
	r := t.lookJob(ctx, j)
	if r.outcome != interp.Done && r.outcome != interp.CannotTell {
		return r
	}
	reading, _, err := t.w.poolSurvey(ctx, "")
	switch {
	case ctx.Err() != nil:
		return cut()
	case err == nil && reading.Pool == want:
		return done(r.text)
	case r.outcome == interp.Done && err == nil:
		return result{outcome: interp.Going, text: fmt.Sprintf("the cmdlet has ended well, and the pool still says %s", reading.Pool)}
	case r.outcome == interp.Done:
		return result{outcome: interp.CannotTell, text: "the state of the pool cannot be read: " + why(err)}
	}
	return r
}

// moveServer takes one server out of service, or puts it back, by the cmdlets of 2015 and later.
func (t *task) moveServer(ctx context.Context) result {
	j := t.moveJob()
	if t.e.Attach {
		return t.judgeMove(ctx, t.e.Action, t.attach(ctx, j))
	}
	if _, begun := t.w.placeOf(j.id); !begun {
		s, r := t.firstLook(ctx)
		if r != nil {
			return *r
		}
		if s.moved(t.e.Action) {
			return done("")
		}
	}
	return t.judgeMove(ctx, t.e.Action, t.do(ctx, j))
}

// moved reports whether a server is as it is after its failover, or after its failback.
func (s status) moved(by interp.Action) bool {
	f, _ := s.service(frontEnd)
	if by == interp.FailoverServer {
		return f.Start == "Disabled" && len(s.notStopped()) == 0
	}
	return f.Start != "Disabled" && s.active() && len(s.starting()) == 0
}

// judgeMove is the end of a cmdlet that moved a server. Where that has told of errors the services decide.
func (t *task) judgeMove(ctx context.Context, by interp.Action, r result) result {
	if r.outcome != interp.Done || r.text == "" {
		return r
	}
	server := t.w.pool.Servers[t.begunAs().Server].Name
	for since, pace := t.w.clock.now(), newPacer(); ; {
		s, err := t.w.look(ctx, server, scripts.SurveyArgs{})
		switch {
		case ctx.Err() != nil:
			return cut()
		case err != nil:
			return unknown(err)
		case s.readable() == nil && s.moved(by):
			return r
		case t.w.clock.now()-since >= settleTime:
			return failed("%s", r.text)
		}
		if !pace.wait(ctx, &t.w.clock) {
			return cut()
		}
	}
}

// lookMove settles the move of a server.
func (t *task) lookMove(ctx context.Context) result {
	r := t.judgeMove(ctx, t.e.Of, t.lookJob(ctx, t.moveJob()))
	if r.outcome == interp.Unknown {
		r.outcome = interp.CannotTell
	}
	return r
}

// moveJob runs on the management host, or on the server itself.
func (t *task) moveJob() *job {
	server, of := t.w.pool.Servers[t.begunAs().Server].Name, t.e.Action
	if of == interp.Look {
		of = t.e.Of
	}
	j := &job{id: t.w.jobName(t.begunAs(), ""), host: server, script: scripts.FailoverComputer, judge: judgeDone}
	if t.w.pool.Connect.Via != "" {
		j.host = t.w.pool.Connect.Via
	}
	args := scripts.ComputerArgs{Computer: server, WaitSeconds: ownEnd(t.e.Within)}
	if of == interp.FailbackServer {
		j.script = scripts.FailbackComputer
	} else {
		args.DrainSeconds = int(t.in.Drain / time.Second)
	}
	j.args = args
	return j
}
