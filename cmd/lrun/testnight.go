package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// play rehearses the nights of a test and notes what is not as expected. Of many nights the first that is wrong is told.
func (c *testCase) play(ctx context.Context) error {
	r, err := c.rehearsal()
	if err != nil {
		return err
	}
	seed := c.test.Seed
	if seed == nil {
		seed = c.scenario.Seed
	}
	if c.test.Runs == 0 {
		var ch sim.Chooser = sim.First{}
		if seed != nil {
			ch = sim.Seeded(*seed)
		}
		c.log, c.failures, err = c.night(ctx, r, ch)
		return err
	}
	next := uint64(1)
	if seed != nil {
		next = *seed
	}
	wrong := 0
	for range c.test.Runs {
		good, err := c.quiet(ctx, r, sim.Seeded(next))
		if err != nil {
			return err
		}
		if !good {
			_, failures, err := c.night(ctx, r, sim.Seeded(next))
			if err != nil {
				return err
			}
			if wrong += min(len(failures), 1); wrong == 1 && c.failures == nil {
				c.failures = append([]string{fmt.Sprintf("the night of seed %d:", next)}, failures...)
			}
		}
		next++
	}
	if wrong > 0 {
		c.failures[0] = fmt.Sprintf("wrong are %d of %d nights, first %s", wrong, c.test.Runs, c.failures[0])
	}
	return nil
}

// quiet reports whether a night is as expected, by a rehearsal without a log, which takes a tenth of the time. Where that is
// not enough to tell it is not.
func (c *testCase) quiet(ctx context.Context, r *sim.Rehearsal, ch sim.Chooser) (bool, error) {
	if len(c.expect.Log)+len(c.expect.Never) > 0 || c.expect.Reason != "" {
		return false, nil
	}
	n, err := r.Night(ctx, ch, nil)
	if err != nil {
		return false, err
	}
	x := expectations{want: c.expect, prog: c.prog}
	x.judge(&n, nil)
	return len(x.failures) == 0, nil
}

// night plays one night: its log as simulate prints it, and what is wrong with it.
func (c *testCase) night(ctx context.Context, r *sim.Rehearsal, ch sim.Chooser) (log string, failures []string, err error) {
	n, story, err := tell(ctx, r, c.prog, ch, c.begin, func(*interp.Record) {}, func(string) {})
	if err != nil {
		return "", nil, err
	}
	log = strings.Join(story.lines, "\n") + "\n\n" + story.summary(&n)
	x := expectations{want: c.expect, prog: c.prog}
	x.judge(&n, strings.Split(log, "\n"))
	return log, x.failures, nil
}

func (c *testCase) failf(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

// mostDifference is how many lines of a difference are shown: whoever has changed all of a night reads the two.
const mostDifference = 200

// difference tells how the night differs from its golden log.
func (c *testCase) difference() string {
	name := displayPath(c.golden)
	if c.want == nil {
		return fmt.Sprintf("there is no %s; lrun test --update writes it", name)
	}
	lines := strings.Split(strings.TrimRight(string(diff.Diff(name, []byte(*c.want), "this night", []byte(c.log))), "\n"), "\n")
	lines = lines[1:] // it names both again
	if more := len(lines) - mostDifference; more > 0 {
		lines = append(lines[:mostDifference], fmt.Sprintf("… and %d lines more", more))
	}
	return fmt.Sprintf("the night differs from %s\n%s", name, strings.Join(lines, "\n"))
}

// expectations judges a night.
type expectations struct {
	want     *pool.Expect
	prog     *interp.Program
	failures []string
}

func (x *expectations) failf(format string, args ...any) {
	x.failures = append(x.failures, fmt.Sprintf(format, args...))
}

func (x *expectations) judge(n *sim.Night, lines []string) {
	w, r := x.want, &n.Result
	if got := r.Ending.String(); w.Outcome != "" && got != w.Outcome {
		x.failf("outcome: want %s, got %s%s", w.Outcome, got, because(r.Reason))
	}
	if w.FailedOver != nil && r.FailedOver != *w.FailedOver {
		x.failf("failed_over: want %t, got %t", *w.FailedOver, r.FailedOver)
	}
	x.servers("upgraded", w.Upgraded, r.Upgraded)
	x.servers("remaining", w.Remaining, r.Remaining)
	x.servers("skipped", w.Skipped, r.Skipped)
	x.servers("down", w.Down, r.Down)
	if !strings.Contains(r.Reason, w.Reason) {
		x.failf("reason: want %q in it, got %q", w.Reason, r.Reason)
	}
	if w.Within > 0 && r.Elapsed > w.Within {
		x.failf("within: want %s at most, got %s", took(w.Within), took(r.Elapsed))
	}
	x.atMost("users_cut", w.UsersCut, n.Stats.UsersCut)
	x.atMost("sessions_cut", w.SessionsCut, n.Stats.SessionsCut)
	x.lines(lines)
}

// because adds a reason to what is told, where there is one.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func (x *expectations) servers(key string, want *pool.Set, got []string) {
	if want == nil {
		return
	}
	names := func(list []string) string {
		if len(list) == 0 {
			return "none"
		}
		return strings.Join(list, " ")
	}
	if w, g := names(x.prog.Pool.Names(*want)), names(got); w != g {
		x.failf("%s: want %s, got %s", key, w, g)
	}
}

func (x *expectations) atMost(key string, want *int, got int) {
	if want != nil && got > *want {
		x.failf("%s: want %d at most, got %d", key, *want, got)
	}
}

// lines looks for parts of lines, each in a line behind that of the one before it.
func (x *expectations) lines(lines []string) {
	plain := make([]string, len(lines))
	for i, line := range lines {
		plain[i] = singleSpaced(line)
	}
	at, before := 0, ""
	for _, part := range x.want.Log {
		i := slices.IndexFunc(plain[at:], has(part))
		if i < 0 {
			if before != "" {
				before = " after\n  " + before
			}
			x.failf("log: no line has %q%s", part, before)
			break
		}
		before = lines[at+i]
		at += i + 1
	}
	for _, part := range x.want.Never {
		if i := slices.IndexFunc(plain, has(part)); i >= 0 {
			x.failf("never: %q is in\n  %s", part, lines[i])
		}
	}
}

// has finds a part in lines that are singleSpaced.
func has(part string) func(line string) bool {
	part = singleSpaced(part)
	return func(line string) bool { return strings.Contains(line, part) }
}

// singleSpaced is a text with its runs of blanks made one: the columns of the log are no matter of a test.
func singleSpaced(s string) string { return strings.Join(strings.Fields(s), " ") }
