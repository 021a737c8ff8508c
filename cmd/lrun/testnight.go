package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// play rehearses the nights of a test and notes what is not as expected. Of many nights the first that is wrong is told.
func (c *testCase) play(ctx context.Context) (err error) {
	if c.test.Runs == 0 {
		var ch sim.Chooser = sim.First{}
		if c.seed != nil {
			ch = sim.Seeded(*c.seed)
		}
		c.log, c.failures, err = c.night(ctx, ch)
		return err
	}
	seed := uint64(1)
	if c.seed != nil {
		seed = *c.seed
	}
	wrong, first := 0, uint64(0)
	for range c.test.Runs {
		_, failures, err := c.night(ctx, sim.Seeded(seed))
		if err != nil {
			return err
		}
		if len(failures) > 0 {
			if wrong++; wrong == 1 {
				c.failures, first = failures, seed
			}
		}
		seed++
	}
	if wrong > 0 {
		c.failures = append([]string{fmt.Sprintf("%d of %d nights are wrong; that of seed %d:", wrong, c.test.Runs, first)}, c.failures...)
	}
	return nil
}

// night plays one night: its log as simulate prints it, and what is wrong with it.
func (c *testCase) night(ctx context.Context, ch sim.Chooser) (log string, failures []string, err error) {
	n, story, err := tell(ctx, c.rehearsal, c.prog, ch, c.begin, func(*interp.Record) {}, func(string) {})
	if err != nil {
		return "", nil, err
	}
	x := expectations{want: c.expect, prog: c.prog}
	x.judge(&n, story.lines)
	return strings.Join(story.lines, "\n") + "\n\n" + story.summary(&n), x.failures, nil
}

// maxGolden is the largest golden log that is read, in bytes. A long night has a thousandth of it.
const maxGolden = 64 << 20

// compare tells how the night differs from its golden log, "" where it does not.
func (c *testCase) compare(e *env) (string, error) {
	name := displayPath(c.golden)
	f, err := e.files.Open(c.golden)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("golden: there is no %s; lrun test --update writes it", name), nil
	case err != nil:
		return "", usagef("", "cannot read %s: %s", name, cause(err))
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, maxGolden))
	if err != nil {
		return "", usagef("", "cannot read %s: %s", name, cause(err))
	}
	want := strings.ReplaceAll(string(src), "\r\n", "\n") // as a checkout on Windows has it
	if want == c.log {
		return "", nil
	}
	_, hunks, _ := strings.Cut(string(diff.Diff(name, []byte(want), "this night", []byte(c.log))), "\n") // its first line names both again
	return fmt.Sprintf("golden: the night differs from %s\n%s", name, strings.TrimRight(hunks, "\n")), nil
}

// writeIn writes a file, and makes its folder where there is none.
func (e *env) writeIn(name string, data []byte) error {
	if maker, ok := e.files.(folderMaker); ok {
		if err := maker.MakeFolder(filepath.Dir(name)); err != nil {
			return usagef("", "cannot make the folder %s: %s", filepath.Dir(name), cause(err))
		}
	}
	if err := e.files.Write(name, data); err != nil {
		return usagef("", "cannot write %s: %s", name, cause(err))
	}
	return nil
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
		i := at
		for i < len(plain) && !strings.Contains(plain[i], singleSpaced(part)) {
			i++
		}
		switch {
		case i < len(plain):
			at, before = i+1, lines[i]
			continue
		case before == "":
			x.failf("log: no line has %q", part)
		default:
			x.failf("log: no line has %q after\n  %s", part, before)
		}
		break
	}
	for _, part := range x.want.Never {
		for i, line := range plain {
			if strings.Contains(line, singleSpaced(part)) {
				x.failf("never: %q is in\n  %s", part, lines[i])
				break
			}
		}
	}
}

// singleSpaced is a text with its runs of blanks made one: the columns of the log are no matter of a test.
func singleSpaced(s string) string { return strings.Join(strings.Fields(s), " ") }
