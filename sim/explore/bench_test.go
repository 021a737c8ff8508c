package explore

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/lrun/lrun/interp"
)

// benchProve proves a program again and again, and reports the figures that docs/prove.md names.
func benchProve(b *testing.B, prog *interp.Program, opts Options) {
	b.ReportAllocs()
	var a *Answer
	for b.Loop() {
		var err error
		if a, err = Prove(b.Context(), prog, opts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(a.States), "states")
	cores := opts.Workers
	if cores == 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	rate := float64(a.Transitions) * float64(b.N) / b.Elapsed().Seconds() / 1e6
	b.ReportMetric(rate, "Mtransitions/s")
	b.ReportMetric(rate/float64(cores), "Mtransitions/s/core")
}

// BenchmarkProve is the seed procedure on twelve servers in all shapes. One server dying costs a pool of three domains
// of four its quorum, so that shape is explored past the violation: all outcomes of all budgets are looked at.
func BenchmarkProve(b *testing.B) {
	for _, s := range []struct{ domains, size int }{{12, 1}, {6, 2}, {3, 4}} {
		prog := compileFor(b, "seed.lrun", seedText, poolOf(b, "lync2013", s.domains, s.size))
		for _, o := range []Options{{Faults: 1}, {Faults: 2}, {Faults: 2, Crashes: 1}} {
			o.goOn = true
			b.Run(fmt.Sprintf("%dx%d/K=%d/C=%d", s.domains, s.size, o.Faults, o.Crashes), func(b *testing.B) {
				benchProve(b, prog, o)
			})
		}
	}
}

// BenchmarkCores compares one core with all.
func BenchmarkCores(b *testing.B) {
	prog := compileFor(b, "seed.lrun", seedText, poolOf(b, "lync2013", 6, 2))
	for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			benchProve(b, prog, Options{Faults: 2, Crashes: 1, Workers: workers, goOn: true})
		})
	}
}

// BenchmarkTransition is one transition on one core, without the search around it.
func BenchmarkTransition(b *testing.B) {
	prog := compileFor(b, "seed.lrun", seedText, poolOf(b, "lync2013", 12, 1))
	e := New(prog, Options{Faults: 2, Crashes: 1})
	m := e.x.machine()
	first, _ := e.x.root(m)
	nodes := []node{first}
	var buf []choice
	var next node
	for i := 0; i < 60; i++ {
		buf = e.x.choices(&nodes[i], buf)
		e.x.transition(m, &nodes[i], &next, buf[0])
		nodes = append(nodes, next)
	}
	b.ReportAllocs()
	var child node
	i := 0
	for b.Loop() {
		n := &nodes[i%60]
		e.x.transition(m, n, &child, choice{op: opDone, slot: uint8(n.w.next())})
		i++
	}
}
