package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestWhoeverExpands deals the chunks of each level to the workers at random, in any order, as no team would: the states get
// the same numbers, parents and links as with one worker, and none is lost.
func TestWhoeverExpands(t *testing.T) {
	prog := compileFor(t, "seed.lrun", seedText, poolOf(t, "lync2013", 3, 4))
	explored := func(workers int, dice *rand.Rand) *Explorer {
		e := New(prog, Options{Faults: 1, Crashes: 1, Workers: workers, goOn: true})
		e.crew()
		defer e.dismiss()
		deal := func(ends []int, f func(who, i int)) {
			for _, i := range dice.Perm(ends[len(ends)-1]) {
				f(dice.IntN(workers), i)
			}
		}
		if workers == 1 {
			deal = e.team.do
		}
		e.first()
		for n := -1; e.states() > n; {
			n = e.states()
			e.levelBy(deal)
		}
		return e
	}
	one := explored(1, nil)
	for _, workers := range []int{2, 3, 20} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d workers, seed %d", workers, seed), func(t *testing.T) {
				many := explored(workers, rand.New(rand.NewPCG(seed, 1)))
				if one.states() != many.states() || one.transitions != many.transitions || one.depth != many.depth {
					t.Fatalf("%d states, %d transitions, depth %d; want %d, %d, %d",
						many.states(), many.transitions, many.depth, one.states(), one.transitions, one.depth)
				}
				for id, want := range one.everyState() {
					got := many.record(id)
					if got.parent != want.parent || got.choice != want.choice || got.flags != want.flags || got.head != want.head ||
						!slices.Equal(many.links.from(got), one.links.from(want)) {
						t.Fatalf("state %d: %+v %v, want %+v %v", id, *got, many.links.from(got), *want, one.links.from(want))
					}
				}
			})
		}
	}
}

// TestRoomIsUsedAgain: two levels lie in less room than twice the widest one takes, because the states of one give up theirs
// while those of the next one are found.
func TestRoomIsUsedAgain(t *testing.T) {
	e := New(compileFor(t, "seed.lrun", seedText, poolOf(t, "lync2013", 12, 1)), Options{Faults: 2, Workers: 1, goOn: true})
	e.crew()
	defer e.dismiss()
	e.first()
	wk := e.workers[0]
	widest := 0
	for n := 0; e.states() > n; {
		n = e.states()
		e.level()
		width := 0
		for s := range wk.next {
			width += len(wk.next[s].todo)
		}
		widest = max(widest, width)
	}
	if room := wk.room.States(); room > 2*widest {
		t.Errorf("there is room for %d states, and no level has more than %d", room, widest)
	}
}
