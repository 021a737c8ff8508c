package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTeam plays many short rounds with members that look out and with members that sleep at once: each piece of work is done
// once, by somebody of the team, before the round is over.
func TestTeam(t *testing.T) {
	for _, size := range []int{1, 2, 3, 8} {
		for _, lookouts := range []int{0, 100} {
			t.Run(fmt.Sprintf("%d look %d times", size, lookouts), func(t *testing.T) {
				tm := newTeam(size)
				defer tm.dismiss()
				tm.members[0].lookouts = lookouts
				for round := range 300 {
					n := round % 21
					ends := tm.share(n)
					if round%2 > 0 { // a part may be empty, or hold all
						for i := range ends[:size-1] {
							ends[i] = rand.IntN(n + 1)
						}
						slices.Sort(ends)
					}
					done := make([]int, n)
					tm.do(ends, func(who, i int) {
						if who < 0 || who >= size {
							t.Errorf("member %d of %d", who, size)
						}
						done[i]++ // a race where two have one piece, or where a round is over too early
						if round%50 == 49 && i == 0 {
							time.Sleep(time.Millisecond) // the others sleep meanwhile
						}
					})
					if slices.ContainsFunc(done, func(times int) bool { return times != 1 }) {
						t.Fatalf("round %d: pieces were done %v times", round, done)
					}
				}
			})
		}
	}
}

// TestDismissed: no goroutine is left of a team, whatever it does when it is dismissed. A bubble ends only when all of its
// goroutines have.
func TestDismissed(t *testing.T) {
	for _, size := range []int{1, 2, 5} {
		for _, played := range []bool{false, true} {
			for _, asleep := range []bool{false, true} {
				synctest.Test(t, func(*testing.T) {
					tm := newTeam(size)
					if played {
						tm.do(tm.share(7), func(_, _ int) {})
						tm.do(tm.share(2), func(_, _ int) {})
					}
					if asleep {
						synctest.Wait()
					}
					tm.dismiss()
				})
			}
		}
	}
	if n := teamed.Load(); n != 0 {
		t.Errorf("%d members are counted where there is no team", n)
	}
}

// TestRousedForNothing: a member that is woken before what it waits for has come goes on waiting.
func TestRousedForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &member{wake: make(chan struct{}, 1)}
		var come, back atomic.Bool
		go func() { m.await(come.Load); back.Store(true) }()
		for range 3 {
			synctest.Wait()
			m.rouse()
			synctest.Wait()
			if back.Load() {
				t.Fatal("back before it has come")
			}
		}
		come.Store(true)
		m.rouse()
		synctest.Wait()
		if !back.Load() || m.asleep.Load() || len(m.wake) != 0 {
			t.Fatal("not back, or a token is left")
		}
	})
}

// TestSeenAsleep: what a member waits for comes while it looks for the last time, or right after. Nothing is left over that would
// wake it the next time.
func TestSeenAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []int{1, 2} {
			m, looks := &member{wake: make(chan struct{}, 1)}, 0
			m.await(func() bool { looks++; m.rouse(); return looks >= at })
			if m.asleep.Load() || len(m.wake) != 0 {
				t.Fatal("a token is left")
			}
		}
	})
}
