package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// testSuite is a test file that is loaded.
type testSuite struct {
	file  string
	cases []*testCase
}

// testCase is a test that is ready to be played, and then what came of it.
type testCase struct {
	test     *pool.Test
	prog     *interp.Program
	scenario *pool.Scenario
	expect   *pool.Expect
	begin    start
	golden   string  // the file; "" where there is none
	want     *string // what it holds; nil where it is not there

	log      string // of the night, where there is but one
	failures []string
	written  bool
}

// testLoader loads test files and all that they name.
type testLoader struct {
	e       *env
	files   *testFiles
	progs   map[string]loaded // each runbook once for each pool and setting
	goldens map[string]string // whose each golden log is, by fileKey
	shown   map[string]bool   // findings in runbooks that were shown
}

type loaded struct {
	prog *interp.Program
	err  error
}

func newTestLoader(e *env) *testLoader {
	l := &testLoader{files: newTestFiles(e.files), progs: map[string]loaded{}, goldens: map[string]string{}, shown: map[string]bool{}}
	own := *e
	own.files = l.files
	l.e = &own
	return l
}

// load loads the test files that are meant by the arguments. What is wrong with any of them is said together.
func (l *testLoader) load(ctx context.Context, args []string) ([]testSuite, error) {
	files, err := l.files.find(ctx, l.e, args)
	if err != nil {
		return nil, err
	}
	var suites []testSuite
	var wrong mistakes
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		suite, err := l.suite(file)
		if err := wrong.add(err); err != nil {
			return nil, err
		}
		suites = append(suites, suite)
	}
	for _, s := range suites {
		for _, c := range s.cases {
			if c.golden != "" && l.files.opened[fileKey(c.golden)] {
				_ = wrong.add(usagef("", "%s:%d: test %q: golden: %s would be overwritten: tests are made of it", s.file, c.test.Line, c.test.Name,
					displayPath(c.golden)))
			}
		}
	}
	return suites, wrong.err()
}

// checkResults refuses to write the results over what tests are made of.
func (l *testLoader) checkResults(name string) error {
	switch {
	case name == "":
		return usagef("as in --junit results.xml", "--junit wants a file to write")
	case l.files.opened[fileKey(name)] || l.goldens[fileKey(name)] != "":
		return usagef("", "--junit %s would overwrite what tests are made of", name)
	}
	f, err := l.files.filer.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return usagef("", "cannot write %s: it is no file", name)
	}
	return nil
}

// errTold is what is wrong with a runbook that another test has named before.
var errTold = errors.New("it was told before")

// mistakes gathers what is wrong with files, each thing once.
type mistakes struct {
	msgs []string
	hint string // the first
	told bool   // there is something that was told before
}

// add takes a mistake in. An error that is none comes back.
func (m *mistakes) add(err error) error {
	var usage *usageError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTold):
		m.told = true
		return nil
	case !errors.As(err, &usage):
		return err
	}
	if m.hint == "" {
		m.hint = usage.hint
	}
	for msg := range strings.SplitSeq(usage.msg, "\n") {
		if !slices.Contains(m.msgs, msg) {
			m.msgs = append(m.msgs, msg)
		}
	}
	return nil
}

func (m *mistakes) err() error {
	switch {
	case len(m.msgs) > 0:
		return usagef(m.hint, "%s", strings.Join(m.msgs, "\n"))
	case m.told:
		return errTold
	}
	return nil
}

func (l *testLoader) suite(file string) (testSuite, error) {
	s := testSuite{file: displayPath(file)}
	src, err := l.e.read(file, "test", pool.MaxFile+1)
	if err != nil {
		return s, err
	}
	tests, err := pool.DecodeTests(s.file, src)
	if err != nil {
		return s, usagef("", "%s", err)
	}
	var wrong mistakes
	for i := range tests.Tests {
		t := &tests.Tests[i]
		c, err := l.test(file, t)
		var usage *usageError
		if errors.As(err, &usage) {
			err = usagef(usage.hint, "%s", inTest(s.file, t, usage.msg))
		}
		if err := wrong.add(err); err != nil {
			return s, err
		}
		s.cases = append(s.cases, c)
	}
	return s, wrong.err()
}

// inTest puts before each line of a message which test it is about, unless the line names a place of its own in the file.
func inTest(file string, t *pool.Test, msg string) string {
	lines := strings.Split(msg, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, file+":") {
			lines[i] = fmt.Sprintf("%s:%d: test %q: %s", file, t.Line, t.Name, line)
		}
	}
	return strings.Join(lines, "\n")
}

// test makes a test ready to be played.
func (l *testLoader) test(file string, t *pool.Test) (*testCase, error) {
	c := &testCase{test: t}
	folder := filepath.Dir(file)
	var wrong mistakes
	var err error
	if c.begin, err = startOf("start", t.Start); err != nil {
		_ = wrong.add(err)
	}
	if err := l.readGolden(c, folder, file); err != nil {
		_ = wrong.add(err)
	}
	if c.prog, err = l.program(folder, t); err != nil {
		if err := wrong.add(err); err != nil {
			return nil, err
		}
		return c, wrong.err()
	}
	sc, expect, err := t.Bind(c.prog.Pool)
	if err != nil {
		_ = wrong.add(usagef("", "%s", err))
	}
	c.expect, c.scenario = expect, sc
	if sc == nil && t.Scenario != "" || err == nil && sc == nil {
		if c.scenario, err = l.e.scenarioFile(l.files.beside(folder, t.Scenario, "scenario"), c.prog.Pool); err != nil {
			_ = wrong.add(err)
		}
	}
	if wrong.err() == nil {
		if _, err := c.rehearsal(); err != nil {
			_ = wrong.add(usagef("", "%s", err))
		}
	}
	return c, wrong.err()
}

// rehearsal is made anew for the nights of each test: hundreds of models need not be there at once.
func (c *testCase) rehearsal() (*sim.Rehearsal, error) {
	return sim.NewRehearsal(c.prog, c.scenario, interp.Args{Clock: c.begin.clock})
}

// maxGolden is the largest golden log that is read, in bytes. A long night has a twentieth of it.
const maxGolden = 1 << 20

// readGolden reads the golden log of a test, where it is there.
func (l *testLoader) readGolden(c *testCase, folder, file string) error {
	if c.golden = l.files.beside(folder, c.test.Golden, ""); c.golden == "" {
		return nil
	}
	name, at := displayPath(c.golden), fileKey(c.golden)
	if other := l.goldens[at]; other != "" {
		return usagef("", "%s is the golden of %s already: each night has its own", name, other)
	}
	l.goldens[at] = fmt.Sprintf("%s:%d", displayPath(file), c.test.Line)
	f, err := l.files.filer.Open(c.golden)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef("", "cannot read %s: %s", name, cause(err))
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return usagef("", "cannot read %s: it is a folder", name)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxGolden+1))
	switch {
	case err != nil:
		return usagef("", "cannot read %s: %s", name, cause(err))
	case len(src) > maxGolden || bytes.IndexByte(src, 0) >= 0:
		return usagef("", "%s is no log of a night: it is larger than %d KiB, or no text", name, maxGolden>>10)
	}
	want := strings.ReplaceAll(string(src), "\r\n", "\n") // as a checkout on Windows has it
	c.want = &want
	return nil
}

// program compiles the runbook of a test for its pool.
func (l *testLoader) program(folder string, t *pool.Test) (*interp.Program, error) {
	runbook, poolName := l.files.beside(folder, t.Runbook, "runbook"), l.files.beside(folder, t.Pool, "pool")
	key := fmt.Sprintf("%q %q %q", runbook, poolName, t.Set)
	p, known := l.progs[key]
	switch {
	case known && p.err != nil:
		return nil, errTold
	case known:
		return p.prog, nil
	}
	// What is found in the runbook is shown once, whatever parameters it is tried with.
	var findings bytes.Buffer
	quiet := *l.e
	quiet.stderr = &findings
	quiet.terminal = func(io.Writer) bool { return l.e.terminal(l.e.stderr) }
	if poolName == "" {
		var usage *usageError
		if poolName, p.err = l.e.poolFor(runbook); errors.As(p.err, &usage) {
			p.err = usagef("name one in the test file, as pool: pool01.pool.yaml", "%s", usage.msg)
		}
	}
	if p.err == nil {
		p.prog, p.err = quiet.compileWith(runbook, poolName, t.Set)
	}
	if text := findings.String(); !l.shown[text] {
		l.shown[text] = true
		l.e.errorText(text)
	}
	l.progs[key] = p
	return p.prog, p.err
}
