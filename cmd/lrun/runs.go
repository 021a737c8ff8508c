package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

const (
	maxRuns = 100_000_000
	batch   = 64 // nights that a worker takes at once
)

// histogram counts how often each value came. It holds as many entries as there are different values, not as there are
// nights; times are counted in minutes, users by routing groups, so these are few.
type histogram map[int64]int64

// quantile is the smallest value that p percent of the counted ones do not pass.
func (h histogram) quantile(p int64) int64 {
	var n int64
	for _, c := range h {
		n += c
	}
	rank := max((n*p+99)/100, 1)
	keys := slices.Sorted(maps.Keys(h))
	var seen int64
	for _, k := range keys {
		if seen += h[k]; seen >= rank {
			return k
		}
	}
	return 0
}

func (h histogram) add(other histogram) {
	for k, c := range other {
		h[k] += c
	}
}

// worst is a night, as far as one night is worse than another.
type worst struct {
	seed    uint64
	ending  interp.Ending
	down    int
	users   int
	elapsed time.Duration
	some    bool
}

// worse orders nights: by ending, servers left down, users cut off, time used; of equals the lower seed is the worse one,
// so that the answer does not depend on who looked first.
func (w worst) worse(than worst) bool {
	if !w.some || !than.some {
		return w.some
	}
	c := cmp.Or(cmp.Compare(w.ending, than.ending), cmp.Compare(w.down, than.down), cmp.Compare(w.users, than.users),
		cmp.Compare(w.elapsed, than.elapsed), cmp.Compare(than.seed, w.seed))
	return c > 0
}

// spread is what many nights have in common. Adding two is the same in either order.
type spread struct {
	nights    int64
	endings   map[interp.Ending]int64
	skipping  int64 // completed with servers skipped
	minutes   histogram
	longest   time.Duration
	users     histogram
	failovers histogram
	worst     worst
}

func newSpread() *spread {
	return &spread{endings: map[interp.Ending]int64{}, minutes: histogram{}, users: histogram{}, failovers: histogram{}}
}

func (s *spread) take(seed uint64, n *sim.Night) {
	s.nights++
	s.endings[n.Result.Ending]++
	if n.Result.Ending == interp.Completed && len(n.Result.Skipped) > 0 {
		s.skipping++
	}
	s.minutes[int64((n.Result.Elapsed+time.Minute-1)/time.Minute)]++
	s.longest = max(s.longest, n.Result.Elapsed)
	s.users[int64(n.Stats.UsersCut)]++
	s.failovers[int64(n.Stats.Failovers)]++
	w := worst{seed, n.Result.Ending, len(n.Result.Down), n.Stats.UsersCut, n.Result.Elapsed, true}
	if w.worse(s.worst) {
		s.worst = w
	}
}

func (s *spread) add(o *spread) {
	s.nights += o.nights
	s.skipping += o.skipping
	for k, c := range o.endings {
		s.endings[k] += c
	}
	s.minutes.add(o.minutes)
	s.users.add(o.users)
	s.failovers.add(o.failovers)
	s.longest = max(s.longest, o.longest)
	if o.worst.worse(s.worst) {
		s.worst = o.worst
	}
}

// many rehearses nights on all cores and shows how they spread.
func (s *simulation) many(ctx context.Context, e *env, prog *interp.Program, sc *pool.Scenario, begin start) error {
	all, err := rehearse(ctx, e, prog, sc, begin, s.seed, s.runs)
	if err != nil {
		return err
	}
	if s.json {
		err = all.json(e)
	} else {
		err = e.print(all.table(prog, s.seed))
	}
	if err != nil {
		return err
	}
	if all.endings[interp.Completed] != all.nights {
		return exitCode(exitFailed)
	}
	return nil
}

// rehearse plays the nights of the seeds from base on, shared out among the cores.
func rehearse(ctx context.Context, e *env, prog *interp.Program, sc *pool.Scenario, begin start, base uint64, runs int) (*spread, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(max(e.cores, 1), (runs+batch-1)/batch)
	parts := make([]*spread, workers)
	errs := make([]error, workers)
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			parts[i] = newSpread()
			if errs[i] = play(ctx, prog, sc, begin, base, int64(runs), &next, &done, parts[i]); errs[i] != nil {
				cancel()
			}
		})
	}
	stop := e.heartbeat(&done, int64(runs))
	wg.Wait()
	stop()
	all := newSpread()
	for i := range parts {
		if errs[i] != nil && ctx.Err() == nil {
			return nil, errs[i]
		}
		all.add(parts[i])
	}
	return all, firstReal(errs)
}

// firstReal is the first error that is not the echo of another.
func firstReal(errs []error) error {
	var echo error
	for _, err := range errs {
		switch {
		case err == nil:
		case strings.Contains(err.Error(), context.Canceled.Error()):
			echo = err
		default:
			return err
		}
	}
	return echo
}

func play(ctx context.Context, prog *interp.Program, sc *pool.Scenario, begin start, base uint64, runs int64,
	next, done *atomic.Int64, into *spread) error {
	r, err := sim.NewRehearsal(prog, sc, interp.Args{Clock: begin.clock})
	if err != nil {
		return usagef("", "%s", err)
	}
	for {
		from := next.Add(batch) - batch
		if from >= runs {
			return nil
		}
		to := min(from+batch, runs)
		for i := from; i < to; i++ {
			seed := base + uint64(i)
			n, err := r.Night(ctx, sim.Seeded(seed), nil)
			if err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			into.take(seed, &n)
		}
		done.Add(to - from)
	}
}

// heartbeat shows on a terminal how far it is; what it gives stops it.
func (e *env) heartbeat(done *atomic.Int64, runs int64) (stop func()) {
	if !e.terminal(e.stderr) {
		return func() {}
	}
	tick := time.NewTicker(500 * time.Millisecond)
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		shown := false
		for {
			select {
			case <-tick.C:
				shown = true
				e.errorText(fmt.Sprintf("\r%d of %d nights", done.Load(), runs))
			case <-quit:
				if shown {
					e.errorText("\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		tick.Stop()
		close(quit)
		<-gone
	}
}

// listed is the order in which outcomes are told, the best first.
var listed = []interp.Ending{
	interp.Completed, interp.Paused, interp.WindowClosed, interp.FailedRun, interp.AbortedRun, interp.InDoubt, interp.Interrupted,
}

func (s *spread) table(prog *interp.Program, base uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %s, seeds %d to %d\n\n", prog.Name, prog.Pool.Name, plural(int(s.nights), "night", "nights"),
		base, base+uint64(s.nights)-1)
	fmt.Fprintf(&b, "  %-24s %9s\n", "outcome", "nights")
	for _, k := range listed {
		c := s.endings[k]
		if c == 0 {
			continue
		}
		fmt.Fprintf(&b, "  %-24s %9d  %5s %%\n", k, c, percent(c, s.nights))
		if k == interp.Completed && s.skipping > 0 {
			fmt.Fprintf(&b, "  %-24s %9d  %5s %%\n", "  with servers skipped", s.skipping, percent(s.skipping, s.nights))
		}
	}
	fmt.Fprintf(&b, "\n  %-14s %9s %9s %9s %9s\n", "", "p50", "p90", "p99", "max")
	minutes := func(m int64) string { return took(time.Duration(m) * time.Minute) }
	number := func(n int64) string { return fmt.Sprint(n) }
	for _, r := range []struct {
		name  string
		h     histogram
		words func(int64) string
	}{{"time used", s.minutes, minutes}, {"users cut off", s.users, number}, {"failovers", s.failovers, number}} {
		fmt.Fprintf(&b, "  %-14s %9s %9s %9s %9s\n", r.name, r.words(r.h.quantile(50)), r.words(r.h.quantile(90)),
			r.words(r.h.quantile(99)), r.words(r.h.quantile(100)))
	}
	w := s.worst
	fmt.Fprintf(&b, "\nThe worst night is that of seed %d: %s after %s", w.seed, w.ending, took(w.elapsed))
	if w.down > 0 {
		fmt.Fprintf(&b, ", %s left down", plural(w.down, "server", "servers"))
	}
	if w.users > 0 {
		fmt.Fprintf(&b, ", %d users cut off", w.users)
	}
	fmt.Fprintf(&b, ". To see it, give --seed %d instead of --runs.\n", w.seed)
	return b.String()
}

// percent is a share in percent with one decimal, rounded down so that 100 means all of them.
func percent(part, whole int64) string {
	tenths := part * 1000 / whole
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

type quantiles struct {
	P50 int64 `json:"p50"`
	P90 int64 `json:"p90"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

func (h histogram) quantiles() quantiles {
	return quantiles{h.quantile(50), h.quantile(90), h.quantile(99), h.quantile(100)}
}

func (s *spread) json(e *env) error {
	outcomes := map[string]int64{}
	for k, c := range s.endings {
		outcomes[k.String()] = c
	}
	return json.NewEncoder(e.stdout).Encode(struct {
		Runs     int64            `json:"runs"`
		Outcomes map[string]int64 `json:"outcomes"`
		Skipping int64            `json:"completed_with_skipped"`
		Minutes  quantiles        `json:"minutes"`
		Users    quantiles        `json:"users_cut"`
		Fails    quantiles        `json:"failovers"`
		Longest  float64          `json:"longest"`
		Worst    uint64           `json:"worst_seed"`
		WorstEnd string           `json:"worst_outcome"`
	}{s.nights, outcomes, s.skipping, s.minutes.quantiles(), s.users.quantiles(), s.failovers.quantiles(),
		s.longest.Seconds(), s.worst.seed, s.worst.ending.String()})
}
