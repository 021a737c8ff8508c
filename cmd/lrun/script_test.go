package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lrun/lrun/internal/golden"
)

// beforeTests lets the test binary be something else than a test.
var beforeTests func()

func TestMain(m *testing.M) {
	if beforeTests != nil {
		beforeTests()
	}
	_ = flag.Set("test.parallel", "8") // nights of served pools wait most of their time; the command line has the last word
	testscript.Main(m, map[string]func(){
		"lrun": func() {
			e := processEnv()
			e.keyring = func(string, string) (string, error) { return "", errors.New("no keyring in tests") }
			os.Exit(cli(context.Background(), e, os.Args[1:]))
		},
	})
}

// TestScripts runs the command as an admin would. Beside testscript's own words there are:
//
//	code N COMMAND…      run a command, which has to exit with code N
//	fill FILE BYTE SIZE  make a file of one byte, so many times; a hole of zeros where BYTE is 0
//	once PATTERN FILE    the file has just one line that contains the pattern
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       golden.Update(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "fill": fill, "once": once,
		},
	})
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fill FILE BYTE SIZE")
	}
	size, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { _ = f.Close() }()
	if args[1] == "0" {
		ts.Check(f.Truncate(size))
		return
	}
	_, err = f.WriteString(strings.Repeat(args[1], int(size)))
	ts.Check(err)
}

func once(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: once PATTERN FILE")
	}
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if strings.Contains(line, args[0]) {
			n++
		}
	}
	if n != 1 {
		ts.Fatalf("%d lines of %s contain %q", n, args[1], args[0])
	}
}
