package pile

import (
	"testing"

	_ "github.com/lrun/lrun/internal/golden" // the -update flag
)

// TestRuns takes runs of all lengths from two piles with one room, and finds in each what was put there, before and after they
// were emptied by turns.
func TestRuns(t *testing.T) {
	type run struct {
		at   uint32
		k, v int
	}
	var room Spare[int]
	piles := [2]Pile[int]{room.Pile(), room.Pile()}
	var runs [2][]run
	check := func() {
		for i := range piles {
			for _, r := range runs[i] {
				for j, v := range piles[i].At(r.at, r.k) {
					if v != r.v {
						t.Fatalf("pile %d: run %d holds %d at %d", i, r.v, v, j)
					}
				}
			}
		}
	}
	for round := range 5 {
		for v := range 3000 {
			i, k := v%2, v*v%(Most+1)
			at, values := piles[i].Take(k)
			if len(values) != k {
				t.Fatalf("room for %d where %d were asked for", len(values), k)
			}
			for j := range values {
				values[j] = v + round
			}
			runs[i] = append(runs[i], run{at, k, v + round})
		}
		check()
		piles[round%2].Empty()
		runs[round%2] = nil
		check()
	}
}

// TestRoom fills one pile where another was emptied: no room is added, and what was left last comes first.
func TestRoom(t *testing.T) {
	var room Spare[int]
	a, b := room.Pile(), room.Pile()
	fill := func(p *Pile[int]) {
		for range 1000 {
			p.Take(7)
		}
	}
	fill(&a)
	if n := testing.AllocsPerRun(10, func() { a.Empty(); fill(&a) }); n != 0 {
		t.Errorf("%v allocations in a pile that has been as full before", n)
	}
	at, _ := a.Take(1)
	last := &a.At(at, 1)[0]
	a.Empty()
	if _, first := b.Take(Most); last != &first[at&(Most-1)] {
		t.Error("what was left last does not come first")
	}
	b.Empty()
	fill(&a)
	if n := testing.AllocsPerRun(10, func() { a.Empty(); fill(&b); b.Empty(); fill(&a) }); n != 0 {
		t.Errorf("%v allocations where another pile has left its room", n)
	}
}
