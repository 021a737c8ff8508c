package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/winrm/internal/memnet"
	"github.com/lrun/lrun/winrm/wsman"
)

// The first command of a session is four round trips, and every further one two: to connect, to open the shell, to begin
// the command, and its input beside the wait for its output. The connection for that wait is made meanwhile, and where it is
// slow to make is waited for: to make another would begin later.
func TestRoundTrips(t *testing.T) {
	for name, c := range map[string]struct {
		connect int // round trips
		trips   []int
	}{
		"connected at once": {1, []int{4, 2, 2}},
		"slow to connect":   {5, []int{11, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { roundTrips(t, c.connect, c.trips) })
		})
	}
}

func roundTrips(t *testing.T, connect int, trips []int) {
	const trip = 200 * time.Millisecond
	n := memnet.New()
	srv := wsman.NewServer(wsman.Options{
		Auth: []wsman.Auth{wsman.Basic(accounts)}, Listen: n.Listen,
		Faults: func(m wsman.MessageInfo) wsman.Fault {
			if m.Action == wsman.ActionSend {
				// The command has ended when its output is asked for, which is then one answer.
				return wsman.Fault{Latency: trip - time.Millisecond}
			}
			return wsman.Fault{Latency: trip}
		},
	})
	defer srv.Close()
	host, err := srv.Listen("127.0.0.1:0", "fe01.contoso.com", wsman.HandlerFunc(shellHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := configOf(t, host.Addr(), Basic(NewCredential(testUser, testPassword)))
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(time.Duration(connect) * trip)
		return n.Dial(ctx, network, address)
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range trips {
		began := time.Now()
		if res, err := s.Run(t.Context(), "cat", []byte("in")); err != nil || string(res.Stdout) != "in" {
			t.Fatalf("%+v, %v", res, err)
		}
		if took := time.Since(began); took != time.Duration(want)*trip {
			t.Errorf("command %d took %s: that is not %d round trips", i+1, took, want)
		}
		time.Sleep(time.Second) // its good-bye
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := host.Stats().Connections; n != 2 {
		t.Errorf("%d connections", n)
	}
}

// hole is a connection into which everything goes and from which nothing comes.
func hole() net.Conn {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far); _ = far.Close() }()
	return near
}

// A connection that is made ahead and never comes to its end takes little from the command that it was made for: another is
// made, and no output is missed.
func TestConnectionThatNeverComes(t *testing.T) {
	for name, c := range map[string]struct {
		takes  time.Duration
		second func(context.Context) (net.Conn, error)
	}{
		"its login hangs": {comingWait, func(context.Context) (net.Conn, error) { return hole(), nil }},
		"it is never made": {comingWait, func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}},
		"it is refused, late": {time.Second, func(context.Context) (net.Conn, error) {
			time.Sleep(time.Second)
			return nil, errors.New("refused")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := dialling(t, c.second)
				began := time.Now()
				res, err := s.Run(t.Context(), "cat", []byte("in"))
				if err != nil || string(res.Stdout) != "in" || res.Gap {
					t.Errorf("%+v, %v", res, err)
				}
				if took := time.Since(began); took != c.takes {
					t.Errorf("it took %s", took)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whoever waits for a connection goes when his time is over, or that of the session.
func TestNobodyWaitsForTooLong(t *testing.T) {
	for name, end := range map[string]func(s *Session, cancel context.CancelFunc){
		"the caller":  func(_ *Session, cancel context.CancelFunc) { cancel() },
		"the session": func(s *Session, _ context.CancelFunc) { _ = s.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := dialling(t, func(context.Context) (net.Conn, error) { return hole(), nil })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Second, func() { end(s, cancel) })
				began := time.Now()
				if _, err := s.Run(ctx, "cat", []byte("in")); err == nil || Repeatable(err) {
					t.Errorf("it ended with %v", err)
				}
				if took := time.Since(began); took != time.Second {
					t.Errorf("it took %s", took)
				}
				_ = s.Close(context.Background())
			})
		})
	}
}

// dialling is a session to a host that answers at once, whose second connection is made by second.
func dialling(t *testing.T, second func(context.Context) (net.Conn, error)) *Session {
	t.Helper()
	n := memnet.New()
	srv := wsman.NewServer(wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}, Listen: n.Listen})
	t.Cleanup(func() { _ = srv.Close() })
	host, err := srv.Listen("127.0.0.1:0", "fe01.contoso.com", wsman.HandlerFunc(shellHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := configOf(t, host.Addr(), NTLM(NewCredential(testUser, testPassword)))
	var mu sync.Mutex
	dials := 0
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		dials++
		nth := dials
		mu.Unlock()
		if nth == 2 {
			return second(ctx)
		}
		return n.Dial(ctx, network, address)
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// slowToAcknowledge serves one host that acts on input at once and acknowledges it late, and opens a session to it.
func slowToAcknowledge(t *testing.T, after time.Duration, seen func(wsman.MessageInfo)) (*wsman.Host, *Session) {
	t.Helper()
	n := memnet.New()
	srv := wsman.NewServer(wsman.Options{
		Auth: []wsman.Auth{wsman.Basic(accounts)}, Listen: n.Listen, OnMessage: seen,
		Faults: func(m wsman.MessageInfo) (f wsman.Fault) {
			if m.Action == wsman.ActionSend {
				f.Latency = after
			}
			return f
		},
	})
	t.Cleanup(func() { _ = srv.Close() })
	host, err := srv.Listen("127.0.0.1:0", "fe01.contoso.com", wsman.HandlerFunc(shellHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := configOf(t, host.Addr(), Basic(NewCredential(testUser, testPassword)))
	c.Dial, c.CleanupTimeout = n.Dial, 3*time.Second
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return host, s
}

// A caller who has his output leaves before the input is acknowledged. That breaks off no message, and so no connection.
func TestLateAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, s := slowToAcknowledge(t, time.Second, nil)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			if res, err := s.Run(ctx, "echo x", []byte("unread")); err != nil || string(res.Stdout) != "x" {
				t.Fatalf("%+v, %v", res, err)
			}
			cancel()
			time.Sleep(5 * time.Second)
		}
		if n := host.Stats().Connections; n != 2 {
			t.Errorf("%d connections", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An input that is never acknowledged takes nothing from the good-bye: the server is told to forget the command before its
// slot is free, or its quota would be passed.
func TestNeverAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		signals := 0
		_, s := slowToAcknowledge(t, time.Minute, func(m wsman.MessageInfo) {
			mu.Lock()
			defer mu.Unlock()
			if m.Action == wsman.ActionSignal {
				signals++
			}
		})
		if res, err := s.Run(t.Context(), "echo x", []byte("unread")); err != nil || string(res.Stdout) != "x" {
			t.Fatalf("%+v, %v", res, err)
		}
		time.Sleep(30 * time.Second)
		mu.Lock()
		if signals != 1 {
			t.Errorf("the server was told %d times that it may forget the command", signals)
		}
		mu.Unlock()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
