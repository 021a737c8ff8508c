package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary is the fake powershell.exe when this variable is set.
const fakeVariable = "LRUN_FAKE_POWERSHELL"

func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) != "" {
		os.Exit(fakePowerShell(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func fakePowerShell(args []string) int {
	switch verb := args[len(args)-1]; verb {
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "args":
		fmt.Print(strings.Join(args, "|"))
	case "flood":
		block := bytes.Repeat([]byte("x"), 1<<16)
		for {
			if _, err := os.Stdout.Write(block); err != nil {
				return 1
			}
		}
	case "hang":
		fmt.Print("begun")
		_, _ = io.Copy(io.Discard, os.Stdin)
		select {}
	default:
		n, _ := strconv.Atoi(verb)
		fmt.Fprint(os.Stderr, "leaving")
		return n
	}
	return 0
}

func fakeLocal(t *testing.T) *Local {
	t.Helper()
	t.Setenv(fakeVariable, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Local{Program: self, MaxOutput: 1 << 20, Grace: time.Second}
}

func TestLocal(t *testing.T) {
	l := fakeLocal(t)
	long := strings.Repeat("0123456789abcdef", 30_000)
	for _, tt := range []struct {
		line, stdin string
		want        Result
	}{
		{"powershell.exe -NoProfile cat", long, Result{Stdout: []byte(long)}},
		{"powershell.exe -NoProfile  -EncodedCommand args", "", Result{Stdout: []byte("-NoProfile|-EncodedCommand|args")}},
		{"powershell.exe 3", "not read by it", Result{Stderr: []byte("leaving"), Exit: 3}},
		{"powershell.exe 3", long, Result{Stderr: []byte("leaving"), Exit: 3}},
	} {
		got, err := l.Run(t.Context(), tt.line, []byte(tt.stdin))
		if err != nil || !bytes.Equal(got.Stdout, tt.want.Stdout) || !bytes.Equal(got.Stderr, tt.want.Stderr) || got.Exit != tt.want.Exit {
			t.Errorf("%s: %d bytes, %q, exit %d, %v", tt.line, len(got.Stdout), got.Stderr, got.Exit, err)
		}
	}
}

func TestLocalFailures(t *testing.T) {
	l := fakeLocal(t)
	res, err := l.Run(t.Context(), "powershell.exe flood", nil)
	wantState(t, err, InDoubt)
	if !errors.Is(err, ErrOutputLimit) || len(res.Stdout) != 1<<20 {
		t.Errorf("%d bytes, %v", len(res.Stdout), err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = l.Run(ctx, "powershell.exe hang", nil)
	wantState(t, err, InDoubt)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}

	_, err = l.Run(ctx, "powershell.exe cat", nil)
	wantState(t, err, NotBegun)

	_, err = (&Local{Program: "/does/not/exist"}).Run(t.Context(), "powershell.exe", nil)
	wantState(t, err, NotBegun)
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	for _, line := range []string{"", `powershell.exe "a b"`} {
		_, err = l.Run(t.Context(), line, nil)
		wantState(t, err, NotBegun)
	}
}
