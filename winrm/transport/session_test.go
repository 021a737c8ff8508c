package transport

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/wsman"
)

func TestRun(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	if got := s.mustRun(t, "echo hello", ""); string(got.Stdout) != "hello" || got.Exit != 0 {
		t.Errorf("echo: %+v", got)
	}
	if got := s.mustRun(t, "exit 3010", ""); got.Exit != 3010 || string(got.Stderr) != "leaving" {
		t.Errorf("exit: %+v", got)
	}
	if got := s.mustRun(t, "exit -1", ""); got.Exit != -1 {
		t.Errorf("exit -1: %+v", got)
	}
	long := strings.Repeat("0123456789abcdef", 20_000) // 320 kB: four chunks
	if got := s.mustRun(t, "cat", long); string(got.Stdout) != long || got.Gap {
		t.Errorf("cat: %d bytes of %d, gap %v", len(got.Stdout), len(long), got.Gap)
	}
	if n := w.count(wsman.ActionCreate); n != 1 {
		t.Errorf("%d shells were opened for four commands, want 1", n)
	}
}

func TestParallelCommandsAreCapped(t *testing.T) {
	w := serve(t, wsman.Options{})
	c := w.config(t)
	c.MaxCommands = 2
	s := open(t, c)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if res, err := s.Run(t.Context(), "cat", []byte("x")); err != nil || string(res.Stdout) != "x" {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
	wg.Wait()
	if n := w.count(wsman.ActionCreate); n != 1 {
		t.Errorf("%d shells were opened, want 1", n)
	}
}

func TestDeadlineIsTheCallersOwn(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the operator said stop")
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			cancel(stop)
			return wsman.Fault{Kind: wsman.FaultStall}
		}
		return wsman.Fault{}
	})
	_, err := s.Run(ctx, "sleep", nil)
	wantState(t, err, InDoubt)
	if !errors.Is(err, stop) {
		t.Errorf("error is %v, want the context's cause", err)
	}
	w.fault(nil)
	if got := s.mustRun(t, "echo on", ""); string(got.Stdout) != "on" {
		t.Errorf("after it: %+v", got)
	}
}

func TestOutputLimit(t *testing.T) {
	w := serve(t, wsman.Options{})
	c := w.config(t)
	c.MaxOutput = 1 << 20
	s := open(t, c)
	res, err := s.Run(t.Context(), "flood 100000000", nil)
	wantState(t, err, InDoubt)
	if !errors.Is(err, ErrOutputLimit) || len(res.Stdout) != 1<<20 {
		t.Errorf("%d bytes, %v", len(res.Stdout), err)
	}
}

func TestShellLostBetweenCommandsIsReopened(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	s.mustRun(t, "echo one", "")
	w.host.Down()
	if err := w.host.Up(); err != nil {
		t.Fatal(err)
	}
	if got := s.mustRun(t, "echo two", ""); string(got.Stdout) != "two" {
		t.Errorf("%+v", got)
	}
}

func TestPowerLossDuringCommandIsInDoubt(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			once.Do(func() { go w.host.Down() })
		}
		return wsman.Fault{}
	})
	_, err := s.Run(t.Context(), "sleep", nil)
	wantState(t, err, InDoubt)
	_, err = s.Run(t.Context(), "echo x", nil)
	wantState(t, err, NotBegun)
}

func TestServiceRestartDuringCommandIsTold(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			once.Do(w.host.RestartService)
		}
		return wsman.Fault{}
	})
	_, err := s.Run(t.Context(), "sleep", nil)
	wantState(t, err, InDoubt)
	var f *Fault
	if errors.As(err, &f) && f.WSMan != FaultShellNotFound {
		t.Errorf("fault %+v", f)
	}
	if got := s.mustRun(t, "echo again", ""); string(got.Stdout) != "again" {
		t.Errorf("after it: %+v", got)
	}
}

// A cut at any message must end in the right kind of error, or in none; never in a second command.
func TestCutAtEveryMessage(t *testing.T) {
	kinds := map[string]wsman.FaultKind{"reset": wsman.FaultReset, "truncate": wsman.FaultTruncate, "rubbish": wsman.FaultRubbish,
		"fault": wsman.FaultReply, "stall": wsman.FaultStall}
	for scheme, auth := range passwordSchemes {
		for name, kind := range kinds {
			if name == "stall" && scheme != "NTLM" {
				continue // it waits for real, and nothing in it depends on the login
			}
			for _, action := range []wsman.Action{wsman.ActionCreate, wsman.ActionCommand, wsman.ActionSend, wsman.ActionReceive} {
				for side, after := range map[string]bool{"before": false, "after": true} {
					t.Run(strings.Join([]string{scheme, name, string(action), side}, "/"), func(t *testing.T) {
						t.Parallel()
						cutOnce(t, auth, action, wsman.Fault{Kind: kind, After: after})
					})
				}
			}
		}
	}
}

func cutOnce(t *testing.T, auth passwordScheme, action wsman.Action, f wsman.Fault) {
	w := serve(t, wsman.Options{Auth: auth.server})
	c := w.config(t)
	c.Auth = auth.client(NewCredential(testUser, testPassword))
	c.AnswerMargin = 200 * time.Millisecond
	s := open(t, c)
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) (hit wsman.Fault) {
		if m.Action == action {
			once.Do(func() { hit = f })
		}
		return hit
	})
	res, err := s.Run(t.Context(), "cat", []byte("input"))
	switch {
	case err == nil:
		if !res.Gap && string(res.Stdout) != "input" {
			t.Errorf("a result without its output and without a gap: %+v", res)
		}
	case action == wsman.ActionCreate:
		wantState(t, err, NotBegun)
	default:
		wantState(t, err, InDoubt)
	}
	if n := w.count(wsman.ActionCommand); n > 1 {
		t.Errorf("the command was sent %d times", n)
	}
	w.fault(nil)
	if got := s.mustRun(t, "echo alive", ""); string(got.Stdout) != "alive" {
		t.Errorf("after it: %+v", got)
	}
}

func TestCommandLineLimits(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	for _, line := range []string{"", strings.Repeat("x", 8001), "echo ]]>", "echo \x01"} {
		_, err := s.Run(t.Context(), line, nil)
		wantState(t, err, NotBegun)
		if !errors.Is(err, ErrCommandLine) {
			t.Errorf("%.20q: %v", line, err)
		}
	}
	if len(w.messages) > 0 {
		t.Error("a refused command line was sent")
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	began := make(chan struct{})
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			once.Do(func() { close(began) })
		}
		return wsman.Fault{}
	})
	failed := make(chan error, 1)
	go func() {
		_, err := s.Run(t.Context(), "sleep", nil)
		failed <- err
	}()
	<-began
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	err := <-failed
	wantState(t, err, InDoubt)
	if !errors.Is(err, ErrClosed) {
		t.Errorf("error is %v", err)
	}
	if n := w.host.Stats().Shells; n != 0 {
		t.Errorf("%d shells are left on the server", n)
	}
	_, err = s.Run(t.Context(), "echo x", nil)
	wantState(t, err, NotBegun)
}

func TestQuotaIsNotBegun(t *testing.T) {
	w := serve(t, wsman.Options{Limits: wsman.Limits{MaxShellsPerUser: 1}})
	first := open(t, w.config(t))
	first.mustRun(t, "echo x", "")
	_, err := open(t, w.config(t)).Run(t.Context(), "echo y", nil)
	wantState(t, err, NotBegun)
	var f *Fault
	if !errors.As(err, &f) || f.WSMan != FaultShellQuota {
		t.Errorf("error is %v, want the quota fault", err)
	}
}

// The time-out fault means ask again, as often as it takes.
func TestLongSilenceIsWaitedOut(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t)) // the server may hold a Receive for 1 s
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receives := 0
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			if receives++; receives == 4 { // the first brings output, two bring the fault
				cancel()
			}
		}
		return wsman.Fault{}
	})
	res, err := s.Run(ctx, "sleep", nil)
	wantState(t, err, InDoubt)
	if !errors.Is(err, context.Canceled) || !bytes.Equal(res.Stdout, []byte("begun")) || res.Gap {
		t.Errorf("%+v, %v", res, err)
	}
}
