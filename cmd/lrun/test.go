package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

var testCommand = &command{name: "test", about: "rehearse nights that have to end as you say", usage: testUsage, setup: setupTest, args: "tests"}

const testUsage = `Usage: lrun test [PATH…] [--update] [--junit F]

Rehearses the nights of test files, *.test.yaml, and tells which of them end
otherwise than they have to: in their outcome, in what is upgraded or left down, in
lines of the log, or in any byte of a golden log. PATH is a test file, the name of a
shipped one, or a folder that is searched with those below it; without one it is
the folder that lrun is called in. No server is touched.

      --update           write the golden logs that differ, or are not there yet:
                         read the difference before you commit it
      --junit F          write the results as JUnit XML, for a build server

The exit code is 0 where every night is as it has to be, 3 where one is not, and 2
where a file does not load, so that no night was rehearsed, or cannot be written.

Example:

    lrun test runbooks --junit results.xml
    lrun test lync2013-cu-nights
`

type testRun struct {
	update  bool
	junit   string
	results bool // --junit is given
}

func setupTest(fs *pflag.FlagSet) action {
	var ts testRun
	fs.BoolVar(&ts.update, "update", false, "")
	fs.StringVar(&ts.junit, "junit", "", "")
	return func(ctx context.Context, e *env, args []string) error {
		ts.results = fs.Changed("junit")
		return ts.run(ctx, e, args)
	}
}

func (ts *testRun) run(ctx context.Context, e *env, args []string) error {
	l := newTestLoader(e)
	suites, err := l.load(ctx, args)
	if err == nil && ts.results {
		err = l.checkResults(ts.junit)
	}
	if err != nil {
		var usage *usageError
		if ts.results && errors.As(err, &usage) && l.checkResults(ts.junit) == nil {
			_ = e.writeIn(ts.junit, junitError(usage.msg)) // the results of yesterday must not be taken for these
		}
		return err
	}
	count, unwritten := tally{}, error(nil)
	for _, s := range suites {
		if err := e.printf("%s\n", s.file); err != nil {
			return err
		}
		for _, c := range s.cases {
			if err := c.play(ctx); err != nil {
				return err
			}
			if err := ts.keep(e, c); err != nil && unwritten == nil {
				unwritten = err
			}
			count.add(c)
			if err := e.print(c.told(e)); err != nil {
				return err
			}
		}
	}
	if err := e.printf("\n%s\n", count); err != nil {
		return err
	}
	if ts.results {
		if err := e.writeIn(ts.junit, junit(suites)); err != nil {
			return err
		}
	}
	switch {
	case unwritten != nil:
		return unwritten
	case count.failed > 0:
		return exitCode(exitViolated)
	}
	return nil
}

// keep compares the night with its golden log, and writes that with --update unless the night is wrong in what is expected.
func (ts *testRun) keep(e *env, c *testCase) error {
	if c.golden == "" || c.want != nil && *c.want == c.log {
		return nil
	}
	switch {
	case ts.update && len(c.failures) == 0:
		if err := e.writeIn(c.golden, []byte(c.log)); err != nil {
			c.failf("golden: %s is not written", displayPath(c.golden))
			return err
		}
		c.written = true
	case ts.update:
		c.failf("golden: %s is not written of a night that is not as expected", displayPath(c.golden))
	default:
		c.failf("golden: %s", c.difference())
	}
	return nil
}

// tally counts tests.
type tally struct{ all, failed, written int }

func (t *tally) add(c *testCase) {
	t.all++
	if len(c.failures) > 0 {
		t.failed++
	}
	if c.written {
		t.written++
	}
}

func (t tally) String() string {
	text := plural(t.all, "test", "tests") + " passed"
	if t.failed > 0 {
		text = fmt.Sprintf("%d of %s failed", t.failed, plural(t.all, "test", "tests"))
	}
	if t.written > 0 {
		text += "; wrote " + plural(t.written, "golden log", "golden logs")
	}
	return text
}

// told is the line of a test, and what was wrong below it.
func (c *testCase) told(e *env) string {
	name := oneLine(c.test.Name)
	switch {
	case len(c.failures) > 0:
	case c.written:
		return fmt.Sprintf("  wrote %s: %s\n", name, displayPath(c.golden))
	default:
		return fmt.Sprintf("  ok    %s\n", name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s  %s (line %d)\n", e.paint(e.stdout, sgrError, "FAIL"), name, c.test.Line)
	for _, f := range c.failures {
		for line := range strings.Lines(f) {
			b.WriteString("        " + oneLine(strings.TrimRight(line, "\n")) + "\n")
		}
	}
	return b.String()
}
