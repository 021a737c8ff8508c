package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Rehearsal plays nights of one runbook on one modelled pool. It keeps its model between nights, so that ten thousand
// of them need no more memory than one. It is not safe for concurrent use; each goroutine takes its own.
type Rehearsal struct {
	prog    *interp.Program
	args    interp.Args
	model   *Model
	machine *interp.Machine // of the quiet nights, which need no texts
	fresh   interp.State    // of a machine that has not begun
	crashes []pool.Fault    // kills of lrun, by the record they come after
}

// Night is how one rehearsed night ended.
type Night struct {
	Result  interp.Result
	Stats   Stats
	Finish  interp.Record // the last record; zero where nobody watched
	Crashes int           // how often lrun was killed and resumed
	Events  int           // events that entered the machine
}

// Watcher is told of a night as it goes on. Each field may be nil; the record holds until the call returns.
type Watcher struct {
	Record func(*interp.Record)
	Killed func(at time.Duration, seq int64) // lrun is killed once record seq is in the journal
	Back   func(at time.Duration)            // and started again
}

// maxEvents bounds a night. The longest runbook that check lets through, with every try failing, stays far below.
const maxEvents = 5_000_000

var errEndless = errors.New("the night does not end: more than 5 million events")

// NewRehearsal prepares nights of a program under a scenario; nil is a night without trouble. The error is that of [New].
func NewRehearsal(prog *interp.Program, sc *pool.Scenario, args interp.Args) (*Rehearsal, error) {
	m, err := New(prog, sc, First{})
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{prog: prog, args: args, model: m, machine: interp.New(prog, args)}
	r.fresh = r.machine.State()
	r.machine.Quiet()
	if sc != nil {
		for _, f := range sc.Faults {
			if f.Kind == pool.FaultCrash {
				r.crashes = append(r.crashes, f)
			}
		}
		slices.SortStableFunc(r.crashes, func(a, b pool.Fault) int { return cmp.Compare(a.After, b.After) })
	}
	return r, nil
}

// Night plays one night; all that is left to chance is decided by ch. Without a watcher the night leaves no texts, and is
// some times faster. The error is that of the context, or that of a night that cannot go on, which is a defect.
func (r *Rehearsal) Night(ctx context.Context, ch Chooser, w *Watcher) (Night, error) {
	r.model.Again(ch)
	if w == nil && len(r.crashes) == 0 {
		r.machine.SetState(&r.fresh)
		return r.quiet(ctx)
	}
	if w == nil {
		w = &Watcher{}
	}
	n := &watched{r: r, w: w, machine: interp.New(r.prog, r.args), crashes: r.crashes}
	return n.play(ctx)
}

func (r *Rehearsal) quiet(ctx context.Context) (Night, error) {
	ev := interp.Event{Kind: interp.Began}
	for events := 1; ; events++ {
		r.model.Start(r.machine.Step(ev).Effects)
		if res, done := r.machine.Result(); done {
			return Night{Result: res, Stats: r.model.Stats(), Events: events}, nil
		}
		if events == maxEvents {
			return Night{}, errEndless
		}
		var err error
		if ev, err = r.model.Next(ctx); err != nil {
			return Night{}, fmt.Errorf("rehearsal: %w", err)
		}
	}
}

// watched is a night with a journal: every event that entered the machine, so that lrun can be killed and resumed.
type watched struct {
	r       *Rehearsal
	w       *Watcher
	machine *interp.Machine
	crashes []pool.Fault // those still to come
	journal []interp.Event
	shown   int64 // the last record that was shown
	night   Night
}

func (n *watched) play(ctx context.Context) (Night, error) {
	ev := interp.Event{Kind: interp.Began}
	for {
		n.night.Events++
		effects, killed := n.step(ev)
		n.r.model.Start(effects)
		if res, done := n.machine.Result(); done {
			n.night.Result, n.night.Stats = res, n.r.model.Stats()
			return n.night, nil
		}
		if n.night.Events >= maxEvents {
			return Night{}, errEndless
		}
		var err error
		if killed {
			ev, err = n.comeBack()
		} else if ev, err = n.r.model.Next(ctx); err != nil {
			err = fmt.Errorf("rehearsal: %w", err)
		}
		if err != nil {
			return Night{}, err
		}
	}
}

// step takes an event in and shows the records that were written before lrun was killed, if it is. The effects of the step
// are carried out unless the kill came between its records.
func (n *watched) step(ev interp.Event) (effects []interp.Effect, killed bool) {
	if len(n.r.crashes) > 0 {
		n.journal = append(n.journal, ev)
	}
	out := n.machine.Step(ev)
	for i := range out.Records {
		rec := &out.Records[i]
		n.show(rec)
		if len(n.crashes) > 0 && rec.Seq >= int64(n.crashes[0].After) && rec.Kind != interp.RecFinish {
			if _, done := n.machine.Result(); done {
				continue
			}
			if i < len(out.Records)-1 {
				return nil, true
			}
			return out.Effects, true
		}
	}
	return out.Effects, false
}

func (n *watched) show(rec *interp.Record) {
	if rec.Seq <= n.shown {
		return
	}
	n.shown = rec.Seq
	if rec.Kind == interp.RecFinish {
		n.night.Finish = *rec
	}
	if n.w.Record != nil {
		n.w.Record(rec)
	}
}

// comeBack lets lrun be away, and makes a new machine out of the journal. That machine has to be the old one, or what is
// resumed would not be what was begun.
func (n *watched) comeBack() (interp.Event, error) {
	crash := n.crashes[0]
	n.crashes = n.crashes[1:]
	n.night.Crashes++
	if n.w.Killed != nil {
		n.w.Killed(n.r.model.Now(), n.shown)
	}
	n.r.model.Away(crash.Resume)
	replayed := interp.New(n.r.prog, n.r.args)
	for _, ev := range n.journal {
		for i, out := 0, replayed.Step(ev); i < len(out.Records); i++ {
			n.show(&out.Records[i])
		}
	}
	if replayed.State() != n.machine.State() {
		return interp.Event{}, fmt.Errorf("the machine replayed from its %d events is not the one that was killed", len(n.journal))
	}
	n.machine = replayed
	if n.w.Back != nil {
		n.w.Back(n.r.model.Now())
	}
	return interp.Event{Kind: interp.Resumed, At: n.r.model.Now()}, nil
}
