package main

import (
	"context"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
)

// steered is a World that the operator's wishes enter: a pause, an interrupt, an answer to a question asked before an
// action. Start and Next are called by one goroutine, all else by any.
type steered struct {
	interp.World
	now func() time.Duration // the time of the run

	mu     sync.Mutex
	wishes []wish
	wake   context.CancelFunc // ends the Next under way, so that it looks at the wishes

	last time.Duration // of the last event: times never go back
	// arrived is called, where it is set, before an event enters the machine.
	arrived func(*interp.Event)
	// gate, where it is set, is asked before effects are begun; see [stepper].
	gate *stepper
}

// wish is carried out on the goroutine that drives the run; ok says that it has an event for the machine.
type wish func() (ev interp.Event, ok bool)

func steer(w interp.World, now func() time.Duration) *steered { return &steered{World: w, now: now} }

// wish asks the driving goroutine to do something at the next occasion, which is at once.
func (s *steered) wish(w wish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wishes = append(s.wishes, w)
	if s.wake != nil {
		s.wake()
	}
}

// signal lets a pause or an interrupt enter the run.
func (s *steered) signal(kind interp.EventKind) {
	s.wish(func() (interp.Event, bool) {
		return interp.Event{Kind: kind, Server: interp.Pool, At: s.now()}, true
	})
}

// take gives the oldest wish, nil where there is none; ctx then is the one under which to wait.
func (s *steered) take(ctx context.Context) (wish, context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wishes) > 0 {
		w := s.wishes[0]
		s.wishes = s.wishes[1:]
		return w, nil, nil
	}
	inner, cancel := context.WithCancel(ctx)
	s.wake = cancel
	return nil, inner, cancel
}

func (s *steered) asleep(cancel context.CancelFunc) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cancel()
	s.wake = nil
	return len(s.wishes) > 0
}

// Start begins effects, by way of the gate where there is one.
func (s *steered) Start(effects []interp.Effect) {
	if s.gate == nil {
		s.World.Start(effects)
		return
	}
	s.gate.start(effects)
}

// Next gives the next event, the operator's wishes first.
func (s *steered) Next(ctx context.Context) (interp.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return interp.Event{}, err
		}
		w, inner, cancel := s.take(ctx)
		if w != nil {
			if ev, ok := w(); ok {
				return s.pass(ev), nil
			}
			continue
		}
		ev, err := s.World.Next(inner)
		more := s.asleep(cancel)
		if err == nil {
			return s.pass(ev), nil
		}
		if !more || ctx.Err() != nil {
			return ev, err
		}
	}
}

func (s *steered) pass(ev interp.Event) interp.Event {
	ev.At = max(ev.At, s.last)
	s.last = ev.At
	if s.arrived != nil {
		s.arrived(&ev)
	}
	return ev
}

// stepper asks before every action: exec --step. Effects that change nothing pass; the others wait, one question after
// the other, until the operator has said yes. The first no ends the run as an interrupt does: what was not begun fails,
// and is where resume goes on.
type stepper struct {
	s    *steered
	ask  func(ctx context.Context, e *interp.Effect) (yes bool)
	ctx  context.Context
	wait []interp.Effect
	busy bool
	no   bool
}

func (g *stepper) start(effects []interp.Effect) {
	for i := range effects {
		e := &effects[i]
		if !e.Action.Changes() || e.Attach {
			g.s.World.Start(effects[i : i+1])
			continue
		}
		g.wait = append(g.wait, *e)
	}
	g.next()
}

// next asks about the action that has waited longest.
func (g *stepper) next() {
	for g.no && len(g.wait) > 0 {
		e := g.wait[0]
		g.wait = g.wait[1:]
		g.refuse(e)
	}
	if g.busy || len(g.wait) == 0 {
		return
	}
	e := g.wait[0]
	g.wait = g.wait[1:]
	g.busy = true
	go func() {
		yes := g.ask(g.ctx, &e)
		g.s.wish(func() (interp.Event, bool) {
			g.busy = false
			if yes && !g.no {
				g.s.World.Start([]interp.Effect{e})
				g.next()
				return interp.Event{}, false
			}
			first := !g.no
			g.no = true
			g.refuse(e)
			g.next()
			return interp.Event{Kind: interp.Interrupt, Server: interp.Pool, At: g.s.now()}, first
		})
	}()
}

// refuse ends an action that was not begun.
func (g *stepper) refuse(e interp.Effect) {
	g.s.wish(func() (interp.Event, bool) {
		return interp.Event{
			Kind: interp.Ended, ID: e.ID, Server: e.Server, At: g.s.now(), Outcome: interp.Failed,
			Text: "not begun: the operator said no",
		}, true
	})
}
