package winrm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// patience is how long a server may be silent before that is an answer: the time in which a switch restarts, or the
// operator's laptop finds its network again.
const patience = 5 * time.Minute

// again is the pause before a call that did not come through is made once more.
const again = 5 * time.Second

// steady makes a call that is safe to repeat, until it comes through or the server has been silent for patience. A
// script's own error, a refused login and a wrong certificate end it at once, and an answer that is none after a few tries.
func (w *World) steady(ctx context.Context, server string, script scripts.Script, args, out any) error {
	doubt, err := w.insist(ctx, server, script, args, out)
	if err != nil && doubt && notBegun(err) {
		return &afterDoubt{err}
	}
	return err
}

// insist is steady. It tells the last error as it is, and whether an earlier try may have been begun.
func (w *World) insist(ctx context.Context, server string, script scripts.Script, args, out any) (doubt bool, err error) {
	rubbish := 0
	for since := w.clock.now(); ; {
		err := w.quick(ctx, server, script, args, out)
		if errors.Is(err, scripts.ErrNoResult) {
			rubbish++
		}
		switch {
		case err == nil, refused(err), loginRefused(err), untrusted(err), rubbish >= 3, ctx.Err() != nil:
			return doubt, err
		case w.clock.now()-since >= patience, !w.clock.sleep(ctx, again):
			return doubt, err
		}
		doubt = doubt || !notBegun(err)
	}
}

// afterDoubt is the failure of a last try that was surely not begun, where an earlier one may have been.
type afterDoubt struct{ last error }

func (e *afterDoubt) Error() string { return e.last.Error() }

// look surveys one server.
func (w *World) look(ctx context.Context, server string, args scripts.SurveyArgs) (status, error) {
	var r scripts.SurveyResult
	if err := w.steady(ctx, server, scripts.Survey, args, &r); err != nil {
		return status{}, err
	}
	s := status{&r}
	return s, w.keepBaseline(server, s)
}

// seen is what one look at every server has found. A server that did not answer has an error.
type seen struct {
	status []status
	errs   []error
}

// lookAround surveys every server at once. One that does not answer does not run.
func (w *World) lookAround(ctx context.Context) seen {
	n := len(w.pool.Servers)
	s := seen{make([]status, n), make([]error, n)}
	var all sync.WaitGroup
	for i := range w.pool.Servers {
		all.Go(func() {
			name := w.pool.Servers[i].Name
			var r scripts.SurveyResult
			err := w.reread(ctx, name, scripts.Survey, scripts.SurveyArgs{}, &r)
			s.status[i] = status{&r}
			if err == nil {
				err = w.keepBaseline(name, s.status[i])
			}
			s.errs[i] = err
		})
	}
	all.Wait()
	return s
}

// answering is the set of servers that have answered.
func (s *seen) answering() pool.Set {
	var set pool.Set
	for i, err := range s.errs {
		if err == nil {
			set = set.Add(i)
		}
	}
	return set
}

// running is the set of servers that serve.
func (s *seen) running() pool.Set {
	var set pool.Set
	for i := range s.answering().All() {
		if s.status[i].active() {
			set = set.Add(i)
		}
	}
	return set
}

// reading is what the look says, without readiness and pool state.
func (s *seen) reading(version string) interp.Reading {
	r := interp.Reading{Running: s.running()}
	for i := range s.answering().All() {
		if len(s.status[i].Pending) > 0 {
			r.Pending = r.Pending.Add(i)
		}
		if s.status[i].atVersion(version) {
			r.AtVersion = r.AtVersion.Add(i)
		}
	}
	return r
}

// poolSurvey looks at the servers, and at the pool through one of them. The one that answered for the pool last is asked
// for it while the servers are looked at; where it does not answer now, others are asked that do.
func (w *World) poolSurvey(ctx context.Context, version string) (interp.Reading, seen, error) {
	facts := newPoolFacts()
	var early sync.WaitGroup
	changes, host := w.changes.Load(), w.answersForPool()
	if host != "" {
		early.Go(func() { w.askFacts(ctx, []string{host}, &facts) })
	}
	s := w.lookAround(ctx)
	early.Wait()
	if others := slices.DeleteFunc(w.askable(&s), func(h string) bool { return h == host }); len(others) > 0 {
		w.askFacts(ctx, others, &facts)
	}
	w.keepAnswered(&facts, &s, changes)
	r := s.reading(version)
	if facts.errState == nil {
		r.Pool = poolState(facts.registrar.State)
		if r.Pool == interp.StateUnread {
			facts.errState = fmt.Errorf("the pool's state is %q, which is none that is known", clean(facts.registrar.State))
		}
	}
	r.SQL = facts.errSQL == nil && facts.mirror.PrimaryIsPrincipal()
	return r, s, facts.errState
}

// keepAnswered keeps who is asked first in the next look: a server that told both, and that serves, where nothing has begun
// or ended since the look began. On one that does not serve, nothing of the product is loaded while others do: an installer
// may be at its files.
func (w *World) keepAnswered(f *poolFacts, s *seen, changes int64) {
	host := ""
	if i, ok := w.pool.Server(f.host); ok && s.running().Has(i) && w.changes.Load() == changes {
		host = f.host
	}
	w.Servers.mu.Lock()
	defer w.Servers.mu.Unlock()
	w.answered = host
}

// answersForPool is the host that is asked for the pool without a look at it: the management host where the pool file names
// one, else the server that answered last, unless something is being done to it; else "".
func (w *World) answersForPool() string {
	if w.pool.Connect.Via != "" {
		return w.pool.Connect.Via
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Servers.mu.Lock()
	host := w.answered
	w.Servers.mu.Unlock()
	i, ok := w.pool.Server(host)
	if !ok {
		return ""
	}
	for _, t := range w.flight {
		if int(t.e.Server) == i && (t.e.Action.Changes() || t.e.Action == interp.Look) {
			return ""
		}
	}
	return host
}

// doneTo is told of an action on a server before it begins: the next look finds out anew who is asked for the pool.
func (w *World) doneTo(server int8) {
	w.Servers.mu.Lock()
	defer w.Servers.mu.Unlock()
	if i, ok := w.pool.Server(w.answered); ok && i == int(server) {
		w.answered = ""
	}
}

// askable lists where pool-wide cmdlets can be run: the management host alone where the pool file names one, else the
// servers that answer, those that serve first.
func (w *World) askable(s *seen) []string {
	if w.pool.Connect.Via != "" {
		return []string{w.pool.Connect.Via}
	}
	running := s.running()
	return append(w.pool.Names(running), w.pool.Names(s.answering().Minus(running))...)
}

// poolState reads the PoolState of the registrar's configuration.
func poolState(text string) interp.PoolState {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "active", "failedback":
		return interp.Active
	case "failingover":
		return interp.FailingOver
	case "failedover":
		return interp.FailedOver
	case "failingback":
		return interp.FailingBack
	}
	return interp.StateUnread
}

// survey is the effect: how the pool is, without its readiness.
func (t *task) survey(ctx context.Context) result {
	if err := t.w.stillOurs(ctx); err != nil {
		return result{outcome: interp.Done, text: why(err)}
	}
	for {
		l, err := t.w.lookOrRecent(ctx, t.version)
		if ctx.Err() != nil {
			return cut()
		}
		if err == nil {
			t.w.keepLook(l)
			return result{outcome: interp.Done, reading: l.reading}
		}
		t.note("the state of the pool could not be read: %s", why(err))
		if loginRefused(err) || !t.w.clock.sleep(ctx, again) || t.w.clock.now()-t.began >= patience {
			return result{outcome: interp.Done, reading: l.reading, text: t.seen()}
		}
	}
}

// readWall is what the readiness cmdlet gets in a rehearsal at the least, in the time of the wall.
const readWall = time.Second

// read is the effect: readiness and survey of one moment. Its bound passes Unread while the servers are looked at, and
// Unanswered once the cmdlet was asked: only that can have waited for replicas.
func (t *task) read(ctx context.Context) result {
	look, cancel := t.w.clock.boundAtLeast(ctx, t.e.Within, answerWall)
	defer cancel()
	if err := t.w.stillOurs(look); err != nil {
		return result{outcome: interp.Done, reading: interp.Reading{State: interp.Unread}, text: why(err)}
	}
	l, errState := t.w.lookOrRecent(look, t.version)
	if look.Err() != nil {
		return t.unread(ctx)
	}
	r, s := l.reading, &l.seen
	left := t.e.Within
	if left > 0 {
		left = max(left-(t.w.clock.now()-t.began), time.Millisecond)
	}
	asked := t.w.clock.now()
	answer, cancel := t.w.clock.boundAtLeast(ctx, left, readWall)
	defer cancel()
	text := t.readiness(answer, s, &r)
	switch {
	case ctx.Err() != nil:
		return cut()
	case answer.Err() != nil:
		r.State, r.Domains = interp.Unanswered, 0
		return result{outcome: interp.Done, reading: r, bound: true, text: "the readiness cmdlet did not come back"}
	}
	if t.w.clock.now()-asked > time.Minute && t.w.clock.scale == 1 {
		// The cmdlet has waited for replicas: what was seen before is old.
		state, domains := r.State, r.Domains
		if r, _, errState = t.w.poolSurvey(answer, t.version); answer.Err() != nil {
			return t.unread(ctx)
		}
		r.State, r.Domains = state, domains
	}
	if text == "" && errState != nil {
		text = "the state of the pool could not be read: " + why(errState)
	}
	return result{outcome: interp.Done, reading: r, text: text}
}

// unread is a reading whose bound passed before the cmdlet was asked.
func (t *task) unread(ctx context.Context) result {
	if ctx.Err() != nil {
		return cut()
	}
	return result{
		outcome: interp.Done, bound: true, reading: interp.Reading{State: interp.Unread},
		text: "the servers could not be looked at before the reading's bound passed",
	}
}

// readiness asks one running front end after the other, outside of the turn's domain, until one answers.
func (t *task) readiness(ctx context.Context, s *seen, r *interp.Reading) string {
	hosts := r.Running
	if d := int(t.e.Domain); d >= 0 && d < len(t.w.pool.Domains) {
		hosts = hosts.Minus(t.w.pool.Domains[d].Servers)
	}
	r.State = interp.Unread
	text := "no front end of the pool runs that could be asked"
	for i := range hosts.All() {
		name := t.w.pool.Servers[i].Name
		var answer scripts.ReadinessResult
		// No limit of its own: on 2015 and later the cmdlet may wait for replicas. The effect's bound ends it.
		err := t.w.call(ctx, name, scripts.Readiness, nil, &answer)
		if ctx.Err() != nil {
			return ""
		}
		if err != nil {
			text = name + " could not tell the readiness: " + why(err)
			continue
		}
		r.State, r.Domains, text = t.w.understand(&answer)
		return text
	}
	for i, err := range s.errs {
		if err != nil && hosts.Empty() {
			return text + " (" + t.w.pool.Servers[i].Name + ": " + why(err) + ")"
		}
	}
	return text
}

// understand reads the cmdlet's answer. One that says anything that is not documented, of the pool or of a domain, is
// Garbled, and so is one whose domains are not those that the run goes by.
func (w *World) understand(a *scripts.ReadinessResult) (interp.ReadState, pool.Set, string) {
	garbled := func(format string, args ...any) (interp.ReadState, pool.Set, string) {
		return interp.Garbled, 0, fmt.Sprintf(format, args...) + ": " + clean(a.Text)
	}
	var state interp.ReadState
	switch a.PoolState() {
	case scripts.StateReady:
		state = interp.Ready
	case scripts.StateBusy:
		state = interp.Busy
	case scripts.StateInsufficient:
		return interp.Insufficient, 0, ""
	default:
		return garbled("the answer has no pool state that is known (%q)", clean(a.State))
	}
	var ready, told pool.Set
	for _, d := range a.Domains {
		i, ok := findDomain(w.pool, d)
		if !ok {
			return garbled("upgrade domain %q with servers %s is none of the run's", clean(d.Name), some(d.FrontEnds))
		}
		flag, known := d.IsReady()
		if !known {
			return garbled("upgrade domain %q says neither True nor False (%q)", clean(d.Name), clean(d.Ready))
		}
		if told.Has(i) {
			return garbled("upgrade domain %q is told twice", clean(d.Name))
		}
		told = told.Add(i)
		if flag {
			ready = ready.Add(i)
		}
	}
	if state == interp.Ready && told != pool.FirstN(len(w.pool.Domains)) {
		return garbled("the answer does not tell of every upgrade domain")
	}
	return state, ready, ""
}

// findDomain finds the pool's domain that a live one is: by its servers where they are told, else by its name. One of
// the same name with other servers is not it.
func findDomain(p *pool.Pool, d scripts.Domain) (int, bool) {
	if len(d.FrontEnds) == 0 {
		return p.Domain(d.Name)
	}
	var members pool.Set
	for _, name := range d.FrontEnds {
		i, ok := findServer(p, name)
		if !ok {
			return 0, false
		}
		members = members.Add(i)
	}
	for i := range p.Domains {
		if p.Domains[i].Servers == members {
			return i, true
		}
	}
	return 0, false
}

// findServer finds a server by its FQDN, or by its host name where that is all that is told.
func findServer(p *pool.Pool, name string) (int, bool) {
	if i, ok := p.Server(name); ok || strings.Contains(name, ".") {
		return i, ok
	}
	for i := range p.Servers {
		if host, _, _ := strings.Cut(p.Servers[i].Name, "."); strings.EqualFold(host, name) {
			return i, true
		}
	}
	return 0, false
}

// pollEvery is how often `hold` reads the pool.
const pollEvery = time.Minute

// hold is the effect: the pool has to read Ready without a break.
func (t *task) hold(ctx context.Context) result {
	since, last := time.Duration(-1), interp.Ready
	for next := t.w.clock.now(); ; {
		at := t.w.clock.now()
		r := t.pollOnce(ctx)
		if ctx.Err() != nil {
			return cut()
		}
		if r.State == interp.Ready && since < 0 {
			since = at
		}
		if r.State != interp.Ready {
			since = -1
			t.note("the pool reads %s", r.State)
		}
		if since >= 0 && at-since >= t.e.For {
			return result{outcome: interp.Done, reading: r}
		}
		if r.State != last {
			last = r.State
			t.w.tell(interp.Event{Kind: interp.Progress, ID: t.e.ID, Outcome: interp.Done, Reading: r, Server: t.e.Server})
		}
		next += pollEvery
		if since >= 0 {
			next = min(next, max(since+t.e.For, at)) // the last poll comes when the time is over
		}
		if !t.w.clock.sleep(ctx, next-t.w.clock.now()) {
			return cut()
		}
	}
}

// pollLimit is after how long a reading of a hold is given up.
const pollLimit = 10 * time.Minute

// pollOnce is one reading of a hold. One that is not answered in time is Unanswered.
func (t *task) pollOnce(ctx context.Context) interp.Reading {
	began := t.w.clock.now()
	look, cancel := t.w.clock.boundAtLeast(ctx, pollLimit, answerWall)
	defer cancel()
	r, s, _ := t.w.poolSurvey(look, t.version)
	answer, cancel := t.w.clock.boundAtLeast(ctx, max(pollLimit-(t.w.clock.now()-began), time.Millisecond), readWall)
	defer cancel()
	if look.Err() == nil {
		t.readiness(answer, &s, &r)
	}
	if overBound(look) || overBound(answer) {
		r.State, r.Domains = interp.Unanswered, 0
	}
	return r
}
