package pile

import (
	"testing"

	_ "github.com/lrun/lrun/internal/golden" // the -update flag
)

// TestRuns takes runs of all lengths, and finds in each what was put there, before and after the pile was emptied.
func TestRuns(t *testing.T) {
	var p Pile[int]
	for round := range 2 {
		type run struct {
			at   uint32
			k, v int
		}
		var runs []run
		for v := range 3000 {
			k := v * v % (Most + 1)
			at, room := p.Take(k)
			if len(room) != k {
				t.Fatalf("room for %d where %d were asked for", len(room), k)
			}
			for i := range room {
				room[i] = v
			}
			runs = append(runs, run{at, k, v})
		}
		for _, r := range runs {
			for i, v := range p.At(r.at, r.k) {
				if v != r.v {
					t.Fatalf("round %d: run %d holds %d at %d", round, r.v, v, i)
				}
			}
		}
		p.Empty()
	}
}

// TestRoom takes as much again after the pile was emptied: no room is added.
func TestRoom(t *testing.T) {
	var p Pile[int]
	fill := func() {
		for range 1000 {
			p.Take(7)
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, func() { p.Empty(); fill() }); n != 0 {
		t.Errorf("%v allocations in a pile that has been as full before", n)
	}
}
