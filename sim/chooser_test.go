package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// TestSeeded compares with the published numbers of splitmix64 for seed 0, the upper 30 bits of each: they must be the same on every platform.
func TestSeeded(t *testing.T) {
	r := sim.Seeded(0)
	for i, want := range []int{0xe220a839 >> 2, 0x6e789e6a >> 2, 0x06c45d18 >> 2} {
		if got := r.Choose("", 1<<30); got != want {
			t.Errorf("number %d is %x, want %x", i, got, want)
		}
	}
	seen := map[int]bool{}
	for range 200 {
		seen[r.Choose("", 5)] = true
	}
	if len(seen) != 5 {
		t.Errorf("of five possibilities these came up: %v", seen)
	}
}

func TestDraw(t *testing.T) {
	r := pool.Range{Low: 5 * time.Minute, High: 40 * time.Minute}
	fixed := pool.Range{Low: time.Hour, High: time.Hour}
	never := &sim.Trace{}
	if sim.Draw(never, "", fixed) != 3_600_000 || sim.DrawTail(never, "", fixed) != 3_600_000 || len(never.Made) != 0 {
		t.Error("a fixed duration is drawn")
	}
	if got := sim.Draw(sim.First{}, "", r); got != 22*60_000+30_000 {
		t.Errorf("the usual case is %d ms, want the middle", got)
	}
	if got := sim.DrawTail(sim.First{}, "", r); got != 9*60_000+23_000 {
		t.Errorf("the usual drain is %d ms", got)
	}
	// Every choice gives another second of the range, and both ends are reached.
	var all []int64
	for k := range 2101 {
		all = append(all, sim.Draw(&sim.Trace{Next: []int{k}}, "", r))
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 2101 || all[0] != r.Low.Milliseconds() || all[2100] != r.High.Milliseconds() {
		t.Errorf("from %d to %d", all[0], all[2100])
	}
	var tail []int64
	for k := range 1024 {
		tail = append(tail, sim.DrawTail(&sim.Trace{Next: []int{k}}, "", r))
	}
	slices.Sort(tail)
	if tail[0] != r.Low.Milliseconds() || tail[1023] != r.High.Milliseconds() || tail[512] > 10*60_000 {
		t.Errorf("from %d over %d to %d: half of all drains end in the first eighth of the range", tail[0], tail[512], tail[1023])
	}
	if got := sim.Draw(sim.Shortest{}, "", r); got != r.Low.Milliseconds() {
		t.Errorf("the shortest is %d", got)
	}
	if got := sim.DrawTail(sim.Longest{}, "", r); got != r.High.Milliseconds() {
		t.Errorf("the longest is %d", got)
	}
}

func TestTraceReplays(t *testing.T) {
	p := loadPool(t, "contoso-6")
	prog := compile(t, p, seedRunbook)
	made := &sim.Trace{Then: sim.Seeded(5)}
	first := rehearse(t, prog, nil, made)
	again := &sim.Trace{}
	for _, c := range made.Made {
		again.Next = append(again.Next, c.Took)
		if c.N < 2 || c.Took < 0 || c.Took >= c.N || c.Label == "" {
			t.Fatalf("choice %+v", c)
		}
	}
	if second := rehearse(t, prog, nil, again); second.log != first.log || !slices.Equal(again.Made, made.Made) {
		t.Error("the replay of a night's choices is another night")
	}
}

func TestBytes(t *testing.T) {
	b := &sim.Bytes{Data: []byte{7, 9, 1, 2}}
	for i, want := range []struct{ n, got int }{{5, 2}, {2, 1}, {1000, 513}, {1000, 0}, {3, 0}} {
		if got := b.Choose("", want.n); got != want.got {
			t.Errorf("choice %d of %d is %d, want %d", i, want.n, got, want.got)
		}
	}
}
