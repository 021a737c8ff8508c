package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/wsman"
)

const (
	testUser     = "CONTOSO\\admin"
	testPassword = "Tr0ub4dor&3-never-printed"
)

var accounts = wsman.StaticAccounts{testUser: testPassword}

// world is one modelled server with what it saw.
type world struct {
	host *wsman.Host

	mu       sync.Mutex
	logons   []wsman.Logon
	messages []wsman.MessageInfo
	faults   func(wsman.MessageInfo) wsman.Fault
	handler  wsman.HandlerFunc
}

// handle replaces shellHandler.
func (w *world) handle(h wsman.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = h
}

func (w *world) run(ctx context.Context, c *wsman.Command) int {
	w.mu.Lock()
	h := w.handler
	w.mu.Unlock()
	return h(ctx, c)
}

func (w *world) fault(f func(wsman.MessageInfo) wsman.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = f
}

// count tells how many messages of an action arrived.
func (w *world) count(a wsman.Action) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, m := range w.messages {
		if m.Action == a {
			n++
		}
	}
	return n
}

// refusals tells how many logons were checked and refused.
func (w *world) refusals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, l := range w.logons {
		if !l.OK {
			n++
		}
	}
	return n
}

// serve starts a server that runs the commands of shellHandler.
func serve(t *testing.T, o wsman.Options) *world {
	t.Helper()
	w := &world{handler: shellHandler}
	if o.Auth == nil {
		o.Auth = []wsman.Auth{wsman.Basic(accounts)}
	}
	o.OnLogon = func(l wsman.Logon) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.logons = append(w.logons, l)
	}
	o.OnMessage = func(m wsman.MessageInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.messages = append(w.messages, m)
	}
	o.Faults = func(m wsman.MessageInfo) wsman.Fault {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.faults == nil {
			return wsman.Fault{}
		}
		return w.faults(m)
	}
	s := wsman.NewServer(o)
	t.Cleanup(func() { s.Close() })
	h, err := s.Listen("127.0.0.1:0", "fe01.contoso.com", wsman.HandlerFunc(w.run))
	if err != nil {
		t.Fatal(err)
	}
	w.host = h
	return w
}

// shellHandler acts out a few commands: echo TEXT, cat, exit N, sleep (until it is ended), flood N (bytes).
func shellHandler(ctx context.Context, c *wsman.Command) int {
	verb, rest, _ := strings.Cut(c.CommandLine, " ")
	switch verb {
	case "echo":
		fmt.Fprint(c.Stdout, rest)
	case "cat":
		if _, err := io.Copy(c.Stdout, c.Stdin); err != nil {
			return 9
		}
	case "exit":
		n, _ := strconv.Atoi(rest)
		fmt.Fprint(c.Stderr, "leaving")
		return n
	case "sleep":
		fmt.Fprint(c.Stdout, "begun")
		<-ctx.Done()
		return 7
	case "flood":
		n, _ := strconv.Atoi(rest)
		block := []byte(strings.Repeat("x", 1<<16))
		for n > 0 && ctx.Err() == nil {
			if _, err := c.Stdout.Write(block); err != nil {
				return 8
			}
			n -= len(block)
		}
	default:
		return 1
	}
	return 0
}

func (w *world) config(t *testing.T) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(w.host.Addr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Host: host, Port: n, Auth: Basic(NewCredential(testUser, testPassword)), OperationTimeout: time.Second,
		CleanupTimeout: 500 * time.Millisecond}
}

func open(t *testing.T, c Config) *Session {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

func (s *Session) mustRun(t *testing.T, line, stdin string) Result {
	t.Helper()
	res, err := s.Run(t.Context(), line, []byte(stdin))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return res
}

func wantState(t *testing.T, err error, want State) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *Error", err)
	}
	if e.State != want {
		t.Fatalf("%v: state is %q, want %q", err, e.State, want)
	}
}
