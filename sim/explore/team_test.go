package explore

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestTeam plays many short rounds with members that look out and with members that sleep at once: each piece of work is done
// once, by somebody of the team, before the round is over.
func TestTeam(t *testing.T) {
	for _, size := range []int{1, 2, 3, 8} {
		for _, lookouts := range []int{0, 100} {
			t.Run(fmt.Sprintf("%d look %d times", size, lookouts), func(t *testing.T) {
				tm := newTeam(size, lookouts)
				defer tm.dismiss()
				for round := range 300 {
					n := round % 21
					done := make([]int, n)
					tm.do(n, func(who, i int) {
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
