package sim_test

import (
	"context"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/sim"
)

// BenchmarkNight12 is one whole night of a pool of twelve: machine and model, without a log, as `simulate --runs` plays it.
func BenchmarkNight12(b *testing.B) {
	r, err := sim.NewRehearsal(compile(b, loadPool(b, "contoso-12"), seedRunbook), nil, interp.Args{})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	events := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n, err := r.Night(ctx, sim.Seeded(uint64(i)), nil)
		if err != nil {
			b.Fatal(err)
		}
		events += n.Events
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/night")
}

// BenchmarkModel is the model's part of that night alone: the same effects at the same times.
func BenchmarkModel(b *testing.B) {
	prog := compile(b, loadPool(b, "contoso-12"), seedRunbook)
	ctx := context.Background()
	w, err := sim.New(prog, nil, sim.First{})
	if err != nil {
		b.Fatal(err)
	}
	var steps [][]interp.Effect
	m := interp.New(prog, interp.Args{})
	for ev := (interp.Event{Kind: interp.Began}); ; {
		steps = append(steps, append([]interp.Effect(nil), m.Step(ev).Effects...))
		w.Start(steps[len(steps)-1])
		if _, done := m.Result(); done {
			break
		}
		if ev, err = w.Next(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Again(sim.First{})
		for i, s := range steps {
			w.Start(s)
			if i == len(steps)-1 {
				break
			}
			if _, err := w.Next(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkFork copies the whole model, as an explorer does at every branch.
func BenchmarkFork(b *testing.B) {
	prog := compile(b, loadPool(b, "contoso-12"), seedRunbook)
	w, err := sim.New(prog, nil, sim.First{})
	if err != nil {
		b.Fatal(err)
	}
	forks := [2]sim.Model{}
	for i := 0; b.Loop(); i++ {
		forks[i&1] = *w
	}
}

// BenchmarkBareHeap is the limit: a heap that pops as many empty events as a night has, and nothing else.
func BenchmarkBareHeap(b *testing.B) {
	prog := compile(b, loadPool(b, "contoso-12"), seedRunbook)
	w, err := sim.New(prog, nil, sim.First{})
	if err != nil {
		b.Fatal(err)
	}
	m := interp.New(prog, interp.Args{})
	if _, err := interp.Drive(context.Background(), m, w); err != nil {
		b.Fatal(err)
	}
	n := w.Pushed()
	for b.Loop() {
		sim.BareHeap(n, 8)
	}
	b.ReportMetric(float64(n), "events/night")
}
