package rehearsal

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// night is the model in the time of the wall. All time is here: nothing else in the package asks for it or waits for it.
// Everything below mu changes under mu alone, and with the model brought to the present, which [night.enter] does.
type night struct {
	opts *Options
	log  log

	mu      sync.Mutex
	begun   time.Time
	farms   []*farm // the pool, and its paired pool where it has one
	servers []*server
	touched bool // somebody has changed something
	held    bool // the clock stands at 0 until a run begins in earnest
	marked  bool // a run has left its mark
	ids     uint32
	ends    map[interp.EffectID]func(interp.Event)
	alarms  []alarm
	timer   *time.Timer
	changed chan struct{} // closed and replaced whenever something has happened
	err     error         // the model cannot go on
	closed  bool
}

// alarm is something that this package itself lets happen, at a time of the model.
type alarm struct {
	at time.Duration
	do func()
}

func newNight(o *Options) *night {
	return &night{
		opts: o, log: log{to: o.Log, told: o.OnEvent}, ends: map[interp.EffectID]func(interp.Event){},
		changed: make(chan struct{}),
	}
}

// longest is where the time of the model stops: far beyond any night, and far below what a Duration holds.
const longest = 100 * 365 * 24 * time.Hour

// now is the time of the model.
func (n *night) now() time.Duration {
	if n.held {
		return 0
	}
	scale := time.Duration(n.opts.TimeScale)
	return min(time.Since(n.begun), longest/scale) * scale
}

// clock is what the clocks of the servers show.
func (n *night) clock() time.Time { return time.Now().UTC() }

// enter locks the night and brings it to the present; leave is to be called, or deferred, after it.
func (n *night) enter() {
	n.mu.Lock()
	n.advance()
}

// leave tells what the visitor has changed, and unlocks the night.
func (n *night) leave() {
	n.happened()
	n.advance()
	n.mu.Unlock()
}

// begin starts the night, or starts it anew.
func (n *night) begin() {
	n.begun = time.Now()
	n.ends = map[interp.EffectID]func(interp.Event){}
	n.alarms = nil
	for _, f := range n.farms {
		f.model.Again(f.chooser())
		f.collided, f.state = 0, f.model.Survey().Pool
	}
	n.tell(0, Event{Event: EventNight, Pool: n.opts.Pool.Name})
	for _, f := range n.farms {
		f.observe()
	}
}

// run lets the clock run, if it was held.
func (n *night) run() {
	if n.held {
		n.held = false
		n.begun = time.Now()
	}
}

// touch notes that somebody changes something. The night does not begin anew any more.
func (n *night) touch() {
	n.touched = true
	n.run()
}

// tell logs an event of time t.
func (n *night) tell(t time.Duration, ev Event) {
	ev.T = secondsOf(t)
	n.log.add(ev)
}

// advance carries out all that is due by now, in order of time.
func (n *night) advance() {
	if n.closed || n.err != nil {
		return
	}
	now := n.now()
	for n.step(now) {
	}
	n.arm()
}

// step carries out the next thing that is due by until.
func (n *night) step(until time.Duration) bool {
	var next *farm
	at := until + 1
	for _, f := range n.farms {
		if due, ok := f.model.DueAt(); ok && due < at {
			next, at = f, due
		}
	}
	if len(n.alarms) > 0 && n.alarms[0].at < at {
		a := n.alarms[0]
		n.alarms = n.alarms[1:]
		n.pass(a.at)
		a.do()
		n.happened()
		return true
	}
	if next == nil || at > until {
		n.pass(until)
		return false
	}
	ev, told, _, err := next.model.Pass(until)
	if err != nil {
		n.err = fmt.Errorf("the model cannot go on: %w", err)
		n.tell(next.model.Now(), Event{Event: "failed", Text: n.err.Error()})
		return false
	}
	if told {
		next.take(ev)
	}
	n.happened()
	return true
}

// pass lets time go by in which nothing is due.
func (n *night) pass(until time.Duration) {
	for _, f := range n.farms {
		if due, ok := f.model.DueAt(); !ok || due > until {
			_, _, _, _ = f.model.Pass(until) // nothing is due, so nothing is told; a limit that was passed shows in step
		}
	}
}

// happened looks at what has changed and wakes who waits for it.
func (n *night) happened() {
	for _, f := range n.farms {
		f.observe()
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// arm sets the timer to the next thing that is due.
func (n *night) arm() {
	at, some := time.Duration(0), false
	for _, f := range n.farms {
		if due, ok := f.model.DueAt(); ok && (!some || due < at) {
			at, some = due, true
		}
	}
	if len(n.alarms) > 0 && (!some || n.alarms[0].at < at) {
		at, some = n.alarms[0].at, true
	}
	if n.timer != nil {
		n.timer.Stop()
	}
	if !some || n.held || n.err != nil {
		return
	}
	scale := time.Duration(n.opts.TimeScale)
	wait := max((at-n.now()+scale-1)/scale, 0)
	n.timer = time.AfterFunc(wait, func() {
		n.enter()
		n.mu.Unlock()
	})
}

// after lets something happen d later, in the time of the model.
func (n *night) after(d time.Duration, do func()) {
	a := alarm{n.farms[0].model.Now() + d, do}
	i, _ := slices.BinarySearchFunc(n.alarms, a, func(x, y alarm) int {
		if x.at <= y.at {
			return -1
		}
		return 1
	})
	n.alarms = slices.Insert(n.alarms, i, a)
}

// id names a new effect.
func (n *night) id(pc int, server int) interp.EffectID {
	n.ids++
	return interp.EffectID{
		Epoch: uint16(n.ids >> 16), Turn: 1, Server: int8(server), PC: uint16(pc), Try: 1, Phase: uint16(n.ids),
	}
}

// stop ends the night for good.
func (n *night) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
}

// farm is a pool with its model.
type farm struct {
	night   *night
	pool    *pool.Pool
	model   *sim.Model
	prog    *interp.Program
	servers []*server // by the number of the server
	seed    *uint64

	state    interp.PoolState
	collided pool.Set
}

func (f *farm) chooser() sim.Chooser {
	if f.seed == nil {
		return sim.First{}
	}
	return sim.Seeded(*f.seed)
}

// take is an event that the model tells.
func (f *farm) take(ev interp.Event) {
	switch ev.Kind {
	case interp.Ended:
		if end := f.night.ends[ev.ID]; end != nil {
			delete(f.night.ends, ev.ID)
			end(ev)
		}
	case interp.Fact:
		told := Event{Event: ev.Fact.String(), Text: ev.Text, Pool: f.pool.Name}
		if ev.Server >= 0 {
			told.Server, told.Pool = f.pool.Servers[ev.Server].Name, ""
		}
		if ev.Fact == interp.SessionsCut {
			told.Sessions = int(ev.Count)
		} else {
			told.Users = int(ev.Count)
		}
		f.night.tell(f.model.Now(), told)
	}
}

// observe compares the model with what was seen last, tells what has changed and lets hosts come and go.
func (f *farm) observe() {
	now := f.model.Now()
	st := f.model.Stats()
	for _, s := range f.servers {
		s.observe(now, int(st.Installed[s.number]))
	}
	for i := range st.Collided.Minus(f.collided).All() {
		f.night.tell(now, Event{Event: EventCollided, Server: f.pool.Servers[i].Name})
	}
	f.collided = st.Collided
	if state := f.model.Survey().Pool; state != f.state {
		f.state = state
		f.night.tell(now, Event{Event: poolEvents[state], Pool: f.pool.Name})
	}
}

var poolEvents = map[interp.PoolState]string{
	interp.FailingOver: EventFailingOver, interp.FailedOver: EventFailedOver, interp.FailingBack: EventFailingBack,
	interp.Active: EventFailedBack,
}
