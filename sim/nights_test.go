package sim_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

var pools = []string{
	"contoso-2", "contoso-3", "contoso-4", "contoso-6", "contoso-8", "contoso-9", "contoso-12", "contoso-12-6x2",
	"contoso-12-3x4", "contoso-16",
}

// TestQuietNights: in every night without trouble each server is upgraded exactly once, servers of two domains are never
// down together, and nobody is cut off.
func TestQuietNights(t *testing.T) {
	for _, name := range pools {
		t.Run(name, func(t *testing.T) {
			p := loadPool(t, name)
			prog := compile(t, p, seedRunbook)
			for seed := range uint64(100) {
				n := rehearse(t, prog, nil, sim.Seeded(seed))
				if n.result.Ending != interp.Completed {
					t.Fatalf("seed %d: %s: %s", seed, n.result.Ending, n.result.Reason)
				}
				if s := n.stats; s.UsersCut != 0 || s.QuorumLosses != 0 || s.Collided != 0 || s.Failovers != 0 {
					t.Fatalf("seed %d: %+v", seed, s)
				}
				for s := range p.Servers {
					if n.stats.Installed[s] != 1 {
						t.Fatalf("seed %d: server %d was installed %d times", seed, s, n.stats.Installed[s])
					}
				}
				if n.events > 300 {
					t.Errorf("seed %d: %d events", seed, n.events)
				}
				oneDomainDown(t, p, n.records)
			}
		})
	}
}

// oneDomainDown follows the records of a night: a server is down from the start of its stop to the end of its verify.
func oneDomainDown(t *testing.T, p *pool.Pool, records []interp.Record) {
	t.Helper()
	var down pool.Set
	for i := range records {
		r := &records[i]
		if r.Server < 0 {
			continue
		}
		switch {
		case r.Kind == interp.RecStart && r.Action == interp.Stop:
			down = down.Add(int(r.Server))
		case r.Kind == interp.RecEnd && r.Action == interp.Verify && r.Outcome == interp.Done:
			down = down.Remove(int(r.Server))
		}
		for s := range down.All() {
			if p.Servers[s].Domain != p.Servers[r.Server].Domain {
				t.Fatalf("%s: servers of two domains are down: %v", r.At, p.Names(down))
			}
		}
	}
}

// TestSameNight: the same seed gives the same night, and another seed another one.
func TestSameNight(t *testing.T) {
	p := loadPool(t, "contoso-12")
	prog := compile(t, p, seedRunbook)
	one, two, other := rehearse(t, prog, nil, sim.Seeded(7)), rehearse(t, prog, nil, sim.Seeded(7)), rehearse(t, prog, nil, sim.Seeded(8))
	if one.log != two.log {
		t.Error("seed 7 gives two different nights")
	}
	if one.log == other.log {
		t.Error("seeds 7 and 8 give the same night")
	}
}

// TestCrashes kills lrun after every event of a night, with machine and model as they are, and resumes it 20 minutes
// later: the night completes, and each server is upgraded exactly once.
func TestCrashes(t *testing.T) {
	p := loadPool(t, "contoso-3")
	prog := compile(t, p, seedRunbook)
	for crash := 1; ; crash++ {
		m := interp.New(prog, interp.Args{})
		w, err := sim.New(prog, nil, sim.Seeded(uint64(crash)))
		if err != nil {
			t.Fatal(err)
		}
		ev := interp.Event{Kind: interp.Began}
		crashed := false
		var log bytes.Buffer
		d := interp.NewDescriber(prog, nil)
		for n := 1; ; n++ {
			out := m.Step(ev)
			for i := range out.Records {
				log.WriteString(d.Line(&out.Records[i]) + "\n")
			}
			w.Start(out.Effects)
			w.Check(t)
			if _, done := m.Result(); done {
				break
			}
			if n == crash {
				w.Away(20 * time.Minute)
				ev, crashed = interp.Event{Kind: interp.Resumed, At: w.Now(), Reading: w.Survey()}, true
				continue
			}
			if ev, err = w.Next(context.Background()); err != nil {
				t.Fatalf("crash %d: %v\n%s", crash, err, log.String())
			}
		}
		if !crashed {
			return
		}
		res, _ := m.Result()
		if res.Ending != interp.Completed || w.Stats().Collided != 0 || w.Stats().UsersCut != 0 {
			t.Errorf("crash %d: %s: %s, %+v\n%s", crash, res.Ending, res.Reason, w.Stats(), log.String())
		}
		for s := range p.Servers {
			if w.Stats().Installed[s] != 1 {
				t.Errorf("crash %d: server %d was installed %d times\n%s", crash, s, w.Stats().Installed[s], log.String())
			}
		}
	}
}

// TestFork: a copy goes its own way and leaves the other one alone.
func TestFork(t *testing.T) {
	p := loadPool(t, "contoso-12")
	prog := compile(t, p, seedRunbook)
	ctx := context.Background()
	r := sim.Seeded(3)
	w, err := sim.New(prog, nil, r)
	if err != nil {
		t.Fatal(err)
	}
	m := interp.New(prog, interp.Args{})
	ev := interp.Event{Kind: interp.Began}
	for range 20 {
		w.Start(m.Step(ev).Effects)
		if ev, err = w.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	w.Start(m.Step(ev).Effects)
	before := w.State()
	chance := *r
	fork := *w
	fork.SetChooser(&chance)
	var left, right []interp.Event
	for range 6 {
		a, err := w.Next(ctx)
		if err != nil {
			break
		}
		left = append(left, a)
	}
	for range 6 {
		a, err := fork.Next(ctx)
		if err != nil {
			break
		}
		right = append(right, a)
	}
	if len(left) == 0 || len(left) != len(right) {
		t.Fatalf("%d events and %d", len(left), len(right))
	}
	for i := range left {
		if left[i] != right[i] {
			t.Errorf("%+v\n%+v", left[i], right[i])
		}
	}
	if w.State() != fork.State() {
		t.Error("the same events lead to different states")
	}
	if before == w.State() {
		t.Error("the state has not changed")
	}
	w.SetState(&before)
	if a, err := w.Next(ctx); err != nil || a.At != left[0].At {
		t.Errorf("%+v, %v", a, err)
	}
}
