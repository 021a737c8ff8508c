package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

const testEnding = ".test.yaml"

// mostFolders bounds the search for test files: who calls it in the root of a disk has made a mistake.
const mostFolders = 10_000

// testFiles is the test files that are meant by the arguments, each once.
func (e *env) testFiles(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var files []string
	for _, name := range expand(e, args) {
		found, err := e.testFilesIn(name)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	return files, nil
}

// testFilesIn is a file itself, or the test files of a folder and those below it, by name. Folders that begin with a dot are
// left out, but for the one that was named.
func (e *env) testFilesIn(name string) ([]string, error) {
	f, err := e.files.Open(name)
	if err != nil {
		if _, ok := shipped(name, "test"); ok && errors.Is(err, fs.ErrNotExist) {
			return []string{name}, nil
		}
		return nil, openError(name, "test", err)
	}
	info, err := f.Stat()
	_ = f.Close()
	switch {
	case err != nil:
		return nil, usagef("", "cannot read %s: %s", name, cause(err))
	case !info.IsDir() && !endsWith(name, testEnding):
		return nil, usagef("", "%s is no test file: its name has to end in %s", name, testEnding)
	case !info.IsDir():
		return []string{filepath.Clean(name)}, nil
	}
	var files []string
	folders := []string{filepath.Clean(name)}
	for i := 0; i < len(folders); i++ {
		if i == mostFolders {
			return nil, usagef("name a folder with fewer below it", "%s has more than %d folders", name, mostFolders)
		}
		entries, err := e.entries(folders[i])
		if err != nil && i > 0 && errors.Is(err, fs.ErrPermission) {
			e.warn(fmt.Sprintf("cannot look into %s: %s", folders[i], cause(err)))
			continue
		}
		if err != nil {
			return nil, usagef("", "cannot read %s: %s", folders[i], cause(err))
		}
		for _, entry := range entries {
			path := filepath.Join(folders[i], entry.Name())
			switch {
			case entry.IsDir() && !strings.HasPrefix(entry.Name(), "."):
				folders = append(folders, path)
			case !entry.IsDir() && endsWith(entry.Name(), testEnding):
				files = append(files, path)
			}
		}
	}
	if len(files) == 0 {
		return nil, usagef("docs/files.md describes them", "there is no *%s in %s or below it", testEnding, name)
	}
	slices.Sort(files)
	return files, nil
}

// entries is what lies in a folder.
func (e *env) entries(folder string) ([]fs.DirEntry, error) {
	f, err := e.files.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: folder, Err: errors.New("not a folder")}
	}
	return d.ReadDir(-1)
}

// testSuite is a test file that is loaded.
type testSuite struct {
	file  string
	cases []*testCase
}

// testCase is a test that is ready to be played, and then what came of it.
type testCase struct {
	test      *pool.Test
	prog      *interp.Program
	rehearsal *sim.Rehearsal
	expect    *pool.Expect
	begin     start
	seed      *uint64 // nil = none is given
	golden    string  // the file; "" where there is none

	log      string // of the night, where there is but one
	failures []string
	written  bool
}

// loadTests loads test files and all that they name. What is wrong with any of them is said together, and none is played.
func (e *env) loadTests(files []string) ([]testSuite, error) {
	var suites []testSuite
	var wrong []*usageError
	l := testLoader{e: e, progs: map[string]loaded{}, goldens: map[string]string{}}
	for _, file := range files {
		suite, err := l.suite(file)
		var usage *usageError
		switch {
		case errors.As(err, &usage):
			wrong = append(wrong, usage)
		case err != nil:
			return nil, err
		}
		suites = append(suites, suite)
	}
	if len(wrong) == 0 {
		return suites, nil
	}
	hint := ""
	var msgs []string
	for _, w := range wrong {
		msgs = append(msgs, w.msg)
		if hint == "" {
			hint = w.hint
		}
	}
	return nil, usagef(hint, "%s", strings.Join(msgs, "\n"))
}

// testLoader loads each runbook once for each pool and setting, so that what is wrong with it is shown once.
type testLoader struct {
	e       *env
	progs   map[string]loaded
	goldens map[string]string // whose each golden log is
}

type loaded struct {
	prog *interp.Program
	err  error
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
	var msgs []string
	hint := ""
	said := map[string]bool{}
	for i := range tests.Tests {
		c, err := l.test(file, &tests.Tests[i])
		var usage *usageError
		switch {
		case errors.As(err, &usage):
			if hint == "" {
				hint = usage.hint
			}
			if !said[usage.msg] {
				msgs = append(msgs, l.places(s.file, &tests.Tests[i], usage.msg))
			}
			said[usage.msg] = true
		case err != nil:
			return s, err
		}
		s.cases = append(s.cases, c)
	}
	if len(msgs) > 0 {
		return s, usagef(hint, "%s", strings.Join(msgs, "\n"))
	}
	return s, nil
}

// places puts before each line of a message which test it is about, unless the line names a place of its own in the file.
func (l *testLoader) places(file string, t *pool.Test, msg string) string {
	lines := strings.Split(msg, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, file+":") {
			lines[i] = fmt.Sprintf("%s:%d: test %q: %s", file, t.Line, t.Name, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (l *testLoader) test(file string, t *pool.Test) (*testCase, error) {
	c := &testCase{test: t}
	folder := filepath.Dir(file)
	var err error
	if c.begin, err = startOf("start", t.Start); err != nil {
		return nil, err
	}
	if c.prog, err = l.program(folder, t); err != nil {
		return nil, err
	}
	sc, expect, err := t.Bind(c.prog.Pool)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	c.expect = expect
	if sc == nil {
		if sc, err = l.e.scenarioFile(beside(folder, t.Scenario, "scenario"), c.prog.Pool); err != nil {
			return nil, err
		}
	}
	if c.seed = t.Seed; c.seed == nil {
		c.seed = sc.Seed
	}
	if c.golden = beside(folder, t.Golden, ""); c.golden != "" {
		if other := l.goldens[c.golden]; other != "" {
			return nil, usagef("", "%s is the golden of %s already: each night has its own", displayPath(c.golden), other)
		}
		l.goldens[c.golden] = fmt.Sprintf("%s:%d", displayPath(file), t.Line)
	}
	if c.rehearsal, err = sim.NewRehearsal(c.prog, sc, interp.Args{Clock: c.begin.clock}); err != nil {
		return nil, usagef("", "%s", err)
	}
	return c, nil
}

// program compiles the runbook of a test for its pool.
func (l *testLoader) program(folder string, t *pool.Test) (*interp.Program, error) {
	runbook := beside(folder, t.Runbook, "runbook")
	to := target{pool: beside(folder, t.Pool, "pool")}
	for _, name := range slices.Sorted(maps.Keys(t.Set)) {
		to.set = append(to.set, name+"="+t.Set[name])
	}
	key := strings.Join(append([]string{runbook, to.pool}, to.set...), "\x00")
	p, known := l.progs[key]
	if !known {
		p.prog, p.err = l.e.compile(runbook, &to)
		l.progs[key] = p
	}
	return p.prog, p.err
}

// beside is a file that a test file names: it is looked for from that one's folder on, and a bare name that is no file there
// may be that of a shipped one.
func beside(folder, name, kind string) string {
	name = filepath.FromSlash(name)
	switch {
	case name == "" || filepath.IsAbs(name):
		return name
	case name == "-":
		return "." + string(filepath.Separator) + name // a file, and not the standard input
	}
	if _, ok := shipped(name, kind); ok {
		return name
	}
	return filepath.Join(folder, name)
}

// displayPath is a file's name as it is shown on every platform.
func displayPath(name string) string { return filepath.ToSlash(name) }
