package winrm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lrun/lrun/interp"
)

// Operator is the person in front of the run.
type Operator interface {
	// Confirm asks and waits for the answer. An error means that nobody could be asked.
	Confirm(ctx context.Context, question string) (yes bool, err error)
}

// Notifier sends the texts of `notify`.
type Notifier interface {
	Notify(ctx context.Context, text string) error
}

// Options of a World.
type Options struct {
	Program *interp.Program // compiled for the pool of the Servers
	Run     string          // the run's id: part of the name of every job
	From    time.Duration   // the run's time when the World is made: 0, or the last t of its journal
	Memory  Memory          // of this run; where nil it is forgotten at the end of the process

	// Render fills in the texts of the runbook, as [interp.Machine.Render] does. It is called within Start alone.
	Render func(t *interp.Text, server int8) string

	Operator Operator // nil: nobody is there, and every question fails
	Notifier Notifier // nil: there is no channel, and nothing is sent
}

// World carries the effects of a run out on real servers. It is made by [NewWorld]; its contract is that of
// [interp.World]. Start and Next are called by one goroutine, all else by any.
type World struct {
	*Servers
	opts  Options
	prog  *interp.Program
	clock clock

	ctx    context.Context // ends with the World
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	changes atomic.Int64 // actions that have begun, that have ended, and whose end was settled by a look

	mu       sync.Mutex
	queue    []interp.Event
	wake     chan struct{} // holds a token while the queue may have grown
	flight   map[interp.EffectID]*task
	looked   *recentLook // by the last survey; nil once a reading has gone by it
	finished []endedJob  // jobs whose end has been told, and may be in the journal by the next call of Next
}

var _ interp.World = (*World)(nil)

// NewWorld makes a World over servers. It sends nothing.
func NewWorld(s *Servers, o Options) *World {
	if o.Memory == nil {
		o.Memory = NoMemory()
	}
	if o.Render == nil {
		o.Render = constant
	}
	w := &World{
		Servers: s, opts: o, prog: o.Program, clock: newClock(o.From, s.scale()),
		wake: make(chan struct{}, 1), flight: map[interp.EffectID]*task{},
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

func constant(t *interp.Text, _ int8) string {
	s, _ := t.Const()
	return s
}

// task is one effect under way.
type task struct {
	w       *World
	e       interp.Effect
	in      *interp.Instr
	text    string // notify, confirm: what is said; upgrade: the installer; verify: the version
	args    string // upgrade
	version string // the version that the turn verifies, "" where it does not
	began   time.Duration
	cancel  context.CancelCauseFunc

	mu   sync.Mutex
	last string // what was seen last: why it has not ended yet
}

// errSuperseded is the cause of a context whose effect gave way to another action on the same server.
var errSuperseded = errors.New("another action on the server took its place")

// Start takes effects and does not block.
func (w *World) Start(effects []interp.Effect) {
	for _, e := range effects {
		pc := e.ID.PC
		if e.Action == interp.Look {
			pc = e.Ref.PC
		}
		in := w.prog.At(pc)
		t := &task{w: w, e: e, in: in, began: w.clock.now()}
		t.text, t.args = w.opts.Render(in.Text, e.ID.Server), w.opts.Render(in.Args, e.ID.Server)
		t.version = w.opts.Render(expected(w.prog, pc), e.ID.Server)
		ctx, cancel := context.WithCancelCause(w.ctx)
		t.cancel = cancel
		w.mu.Lock()
		w.supersede(t)
		if e.Action.Changes() {
			w.changes.Add(1)
			w.doneTo(e.Server)
		}
		w.flight[e.ID] = t
		w.tasks.Add(1)
		w.mu.Unlock()
		go t.run(ctx)
	}
}

// expected is the version that an instruction's turn verifies, or nil: its own, or that of the loop around it.
func expected(p *interp.Program, pc uint16) *interp.Text {
	if in := p.At(pc); in.Action == interp.Verify && in.Op == interp.OpStep {
		return in.Text
	}
	for i := int(pc); i >= 0; i-- {
		if in := p.At(uint16(i)); in.Op == interp.OpTurns {
			return in.Version
		}
	}
	return nil
}

// supersede ends what is still waited for on the server of a new action. Only a drain can be: everything else holds
// its server until it has ended.
func (w *World) supersede(t *task) {
	if !t.e.Action.Changes() || t.e.Server == interp.Pool {
		return
	}
	for _, other := range w.flight {
		if other.e.Server == t.e.Server && other.e.Action == interp.Stop {
			other.cancel(errSuperseded)
		}
	}
}

// result is how an effect ended. NoOutcome means that its context ended first.
type result struct {
	outcome interp.Outcome
	text    string
	reading interp.Reading
	count   int32
	bound   bool // it ended because its bound passed
}

func done(text string) result { return result{outcome: interp.Done, text: text} }

func failed(format string, args ...any) result {
	return result{outcome: interp.Failed, text: fmt.Sprintf(format, args...)}
}

// unknown is an outcome that has to be looked for.
func unknown(err error) result {
	return result{outcome: interp.Unknown, text: "the connection broke before its end was known: " + why(err)}
}

// cut is the result of an action whose context has ended.
func cut() result { return result{} }

func (t *task) run(ctx context.Context) {
	defer t.w.tasks.Done()
	defer t.cancel(nil)
	ctx, cancel := t.bound(ctx)
	defer cancel()
	r := t.carryOut(ctx)
	ev := interp.Event{
		Kind: interp.Ended, ID: t.e.ID, Server: t.e.Server, Outcome: r.outcome, Text: t.w.redacted(r.text),
		Reading: r.reading, Count: r.count, Bound: r.bound,
	}
	if r.outcome == interp.NoOutcome {
		switch {
		case overBound(ctx):
			t.boundPassed(&ev)
		case errors.Is(context.Cause(ctx), errSuperseded):
			ev.Outcome, ev.Text = interp.Failed, errSuperseded.Error()
		default:
			return // the World is closed: what was begun is found by the next one that looks
		}
	}
	t.w.tell(ev)
}

// answerWall is what a look at the pool, and the sending of a text, gets in a rehearsal at the least, in the time of the wall.
const answerWall = 10 * time.Second

// bound ends the effect's context when its bound passes. A reading sees to its own: rule 2 tells a cmdlet that does not
// answer from servers that do not.
func (t *task) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	switch t.e.Action {
	case interp.Read:
		return context.WithCancel(ctx)
	case interp.Survey, interp.Notify:
		return t.w.clock.boundAtLeast(ctx, t.e.Within, answerWall)
	}
	return t.w.clock.bound(ctx, t.e.Within)
}

// boundPassed is the end of an effect whose bound is over. What may still be going has to be looked at.
func (t *task) boundPassed(ev *interp.Event) {
	ev.Bound = true
	ev.Text = t.seen()
	switch {
	case t.e.Action.Lasting():
		ev.Outcome = interp.Unknown
	default:
		ev.Outcome = interp.Failed
	}
	if ev.Text == "" {
		ev.Text = "it had not ended when its bound passed"
	}
}

// note keeps what was seen last, as the reason should the bound pass.
func (t *task) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = fmt.Sprintf(format, args...)
}

func (t *task) seen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Seen tells what the effects under way have seen last of what they wait for, by server; [interp.Pool] is the pool's.
func (w *World) Seen() map[int8]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[int8]string{}
	for _, t := range w.flight {
		if text := t.seen(); text != "" {
			seen[t.e.Server] = w.redacted(text)
		}
	}
	return seen
}

// tell queues an event at the time that it is now.
func (w *World) tell(ev interp.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev.At = w.clock.now()
	if ev.Kind == interp.Ended {
		if t := w.flight[ev.ID]; t != nil && (t.e.Action.Changes() || t.e.Action == interp.Look) {
			w.changes.Add(1)
		}
		delete(w.flight, ev.ID)
	}
	w.queue = append(w.queue, ev)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// fact tells what nobody asked for.
func (w *World) fact(kind interp.FactKind, server int8, count int, text string) {
	w.tell(interp.Event{Kind: interp.Fact, Fact: kind, Server: server, Count: int32(count), Text: w.redacted(clean(text))})
}

// Signal tells the run that the operator wants it to stop: [interp.Pause] or [interp.Interrupt].
func (w *World) Signal(kind interp.EventKind) {
	w.tell(interp.Event{Kind: kind, Server: interp.Pool})
}

// Now is the time of the run.
func (w *World) Now() time.Duration { return w.clock.now() }

// Next waits for the next thing that happens. By calling it again the caller says that the event before is on record.
func (w *World) Next(ctx context.Context) (interp.Event, error) {
	w.sweep()
	for {
		w.mu.Lock()
		if len(w.queue) > 0 {
			ev := w.queue[0]
			w.queue = w.queue[1:]
			w.mu.Unlock()
			return ev, nil
		}
		w.mu.Unlock()
		select {
		case <-w.wake:
		case <-ctx.Done():
			return interp.Event{}, context.Cause(ctx)
		case <-w.ctx.Done():
			return interp.Event{}, errors.New("the world is closed")
		}
	}
}

// Close ends the waiting for whatever is under way and returns once every goroutine has ended. What was begun on the
// servers goes on. The sessions stay open: they are the Servers'.
func (w *World) Close() {
	w.cancel()
	w.tasks.Wait()
	w.sweep() // the ends that were kept are in the memory, whatever became of the journal
}

// carryOut does what the effect asks for.
func (t *task) carryOut(ctx context.Context) result {
	e := &t.e
	switch e.Action {
	case interp.Wait, interp.Sleep:
		if !t.w.clock.sleep(ctx, e.For) {
			return cut()
		}
		return done("")
	case interp.Read:
		return t.read(ctx)
	case interp.Survey:
		return t.survey(ctx)
	case interp.Hold:
		return t.hold(ctx)
	case interp.Look:
		return t.look(ctx)
	case interp.Confirm:
		return t.confirm(ctx)
	case interp.Notify:
		return t.notify(ctx)
	case interp.Failover:
		return t.failover(ctx)
	case interp.Failback:
		return t.failback(ctx)
	case interp.Run:
		return t.runScript(ctx)
	}
	if e.Server < 0 || int(e.Server) >= len(t.w.pool.Servers) {
		return failed("the pool has no server %d", e.Server)
	}
	switch e.Action {
	case interp.Stop:
		return t.stop(ctx)
	case interp.Start:
		return t.start(ctx)
	case interp.Upgrade:
		return t.upgrade(ctx)
	case interp.Restart:
		return t.restart(ctx)
	case interp.Verify:
		return t.verify(ctx)
	case interp.FailoverServer, interp.FailbackServer:
		return t.moveServer(ctx)
	}
	return failed("there is no way to carry out %q on servers", e.Action)
}

// server is the FQDN of the effect's server.
func (t *task) server() string { return t.w.pool.Servers[t.e.Server].Name }

func (t *task) confirm(ctx context.Context) result {
	if t.w.opts.Operator == nil {
		return failed("there is nobody who could be asked")
	}
	t.note("nobody answered")
	yes, err := t.w.opts.Operator.Confirm(ctx, t.text)
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return failed("nobody could be asked: %s", why(err))
	case !yes:
		return failed("the answer was no")
	}
	return done("")
}

func (t *task) notify(ctx context.Context) result {
	if t.w.opts.Notifier == nil {
		return failed("the pool file names no channel under notify:")
	}
	err := t.w.opts.Notifier.Notify(ctx, t.text)
	switch {
	case ctx.Err() != nil:
		return cut()
	case err != nil:
		return failed("the text could not be sent: %s", why(err))
	}
	return done("")
}
