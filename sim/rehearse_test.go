package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

func TestShortestAndLongestAreTheEnds(t *testing.T) {
	for _, r := range []pool.Range{
		{Low: time.Minute, High: time.Minute}, {Low: time.Minute, High: 61 * time.Second},
		{Low: time.Minute, High: 2 * time.Minute}, {Low: 0, High: 7 * time.Second},
	} {
		for name, draw := range map[string]func(sim.Chooser) int64{
			"Draw":     func(ch sim.Chooser) int64 { return sim.Draw(ch, "upgrade", r) },
			"DrawTail": func(ch sim.Chooser) int64 { return sim.DrawTail(ch, "drain", r) },
		} {
			low, high := draw(sim.Shortest{}), draw(sim.Longest{})
			if low != r.Low.Milliseconds() || high != r.High.Milliseconds() {
				t.Errorf("%s(%s) = %d to %d ms", name, r, low, high)
			}
		}
	}
}

// rehearsal prepares nights of the seed runbook on six servers.
func rehearsal(t *testing.T, sc *pool.Scenario) *sim.Rehearsal {
	t.Helper()
	r, err := sim.NewRehearsal(compile(t, loadPool(t, "contoso-6"), seedRunbook), sc, interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNightsOfOneRehearsalAreIndependent(t *testing.T) {
	r := rehearsal(t, nil)
	var first [20]sim.Night
	for i := range first {
		var err error
		if first[i], err = r.Night(context.Background(), sim.Seeded(uint64(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := len(first) - 1; i >= 0; i-- {
		again, err := r.Night(context.Background(), sim.Seeded(uint64(i)), &sim.Watcher{})
		if err != nil {
			t.Fatal(err)
		}
		again.Finish = interp.Record{} // a quiet night keeps no record
		if diff := cmp.Diff(first[i], again); diff != "" {
			t.Errorf("seed %d, quiet and watched, in another order (-first +again):\n%s", i, diff)
		}
	}
}

// TestKilledAfterEveryRecord kills lrun after each record of a night in turn. Whenever it was, every server is upgraded
// once, nothing is begun on a server whose installer runs, and each record is shown once.
func TestKilledAfterEveryRecord(t *testing.T) {
	whole, err := rehearsal(t, nil).Night(context.Background(), sim.First{}, &sim.Watcher{})
	if err != nil {
		t.Fatal(err)
	}
	last := int(whole.Finish.Seq)
	if last < 50 {
		t.Fatalf("the night has only %d records", last)
	}
	for after := 1; after < last; after++ {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			sc := &pool.Scenario{Faults: []pool.Fault{{
				Kind: pool.FaultCrash, After: after, Resume: 20 * time.Minute, Server: -1, Domain: -1,
			}}}
			seq := int64(0)
			n, err := rehearsal(t, sc).Night(context.Background(), sim.First{}, &sim.Watcher{
				Record: func(r *interp.Record) {
					if seq++; r.Seq != seq {
						t.Fatalf("record %d follows record %d", r.Seq, seq-1)
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if n.Crashes == 0 && after < last-2 { // the last three are written in one step, at the end of which nothing is left to kill
				t.Error("lrun was not killed")
			}
			if n.Result.Ending != interp.Completed || len(n.Result.Upgraded) != 6 {
				t.Errorf("%s, %d servers upgraded: %s", n.Result.Ending, len(n.Result.Upgraded), n.Result.Reason)
			}
			for s, times := range n.Stats.Installed[:6] {
				if times != 1 {
					t.Errorf("server %d: %d installers", s, times)
				}
			}
			if n.Stats.Collided != 0 || n.Stats.QuorumLosses != 0 {
				t.Errorf("collided on %b, %d quorum losses", n.Stats.Collided, n.Stats.QuorumLosses)
			}
		})
	}
}

func TestALostContextEndsTheNight(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rehearsal(t, nil).Night(ctx, sim.First{}, nil); err == nil {
		t.Error("no error")
	}
}

func BenchmarkRehearsal(b *testing.B) {
	r, err := sim.NewRehearsal(compile(b, loadPool(b, "contoso-12"), seedRunbook), nil, interp.Args{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	seed := uint64(0)
	for b.Loop() {
		seed++
		if _, err := r.Night(context.Background(), sim.Seeded(seed), nil); err != nil {
			b.Fatal(err)
		}
	}
}
