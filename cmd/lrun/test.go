package main

import (
	"context"
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
where a file does not load: then no night was rehearsed.

Example:

    lrun test runbooks --junit results.xml
    lrun test lync2013-cu-nights
`

type testRun struct {
	update bool
	junit  string
}

func setupTest(fs *pflag.FlagSet) action {
	var ts testRun
	fs.BoolVar(&ts.update, "update", false, "")
	fs.StringVar(&ts.junit, "junit", "", "")
	return ts.run
}

func (ts *testRun) run(ctx context.Context, e *env, args []string) error {
	files, err := e.testFiles(args)
	if err != nil {
		return err
	}
	suites, err := e.loadTests(files)
	if err != nil {
		return err
	}
	count := tally{}
	for _, s := range suites {
		if err := e.printf("%s\n", s.file); err != nil {
			return err
		}
		for _, c := range s.cases {
			if err := c.play(ctx); err != nil {
				return err
			}
			if err := ts.keep(e, c); err != nil {
				return err
			}
			count.add(c)
			if err := e.print(c.told(e)); err != nil {
				return err
			}
		}
	}
	if ts.junit != "" {
		if err := e.files.Write(ts.junit, junit(suites)); err != nil {
			return usagef("", "cannot write %s: %s", ts.junit, cause(err))
		}
	}
	if err := e.printf("\n%s\n", count); err != nil {
		return err
	}
	if count.failed > 0 {
		return exitCode(exitViolated)
	}
	return nil
}

// keep compares the night with its golden log, and writes that with --update unless the night is wrong in what is expected.
func (ts *testRun) keep(e *env, c *testCase) error {
	if c.golden == "" {
		return nil
	}
	differs, err := c.compare(e)
	if err != nil || differs == "" {
		return err
	}
	if !ts.update || len(c.failures) > 0 {
		c.failures = append(c.failures, differs)
		return nil
	}
	if err := e.writeIn(c.golden, []byte(c.log)); err != nil {
		return err
	}
	c.written = true
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
	text := plural(t.all, "test", "tests") + ": "
	switch t.failed {
	case 0:
		text += "each night is as it has to be"
	case 1:
		text += "1 night is not as it has to be"
	default:
		text += fmt.Sprintf("%d nights are not as they have to be", t.failed)
	}
	if t.written > 0 {
		text += "; wrote " + plural(t.written, "golden log", "golden logs")
	}
	return text
}

// told is the line of a test, and what was wrong below it.
func (c *testCase) told(e *env) string {
	switch {
	case len(c.failures) > 0:
	case c.written:
		return fmt.Sprintf("  wrote %s: %s\n", c.test.Name, displayPath(c.golden))
	default:
		return fmt.Sprintf("  ok    %s\n", c.test.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s  %s (line %d)\n", e.paint(e.stdout, sgrError, "FAIL"), c.test.Name, c.test.Line)
	for _, f := range c.failures {
		for line := range strings.Lines(f) {
			b.WriteString("        " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}
