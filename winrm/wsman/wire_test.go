package wsman

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chatter writes in many small pieces, each after the one before was taken, so that its output takes many Receives.
func chatter(ctx context.Context, c *Command) int {
	for i := range 8 {
		if i%3 == 2 {
			fmt.Fprintf(c.Stderr, "e%d ", i)
		}
		fmt.Fprintf(c.Stdout, "line %d\n", i)
	}
	return 4
}

const (
	chatterOut = "line 0\nline 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\n"
	chatterErr = "e2 e5 "
)

// persistent drains a command as a careful client does: a Receive that failed in any way is tried again.
func (r *raw) persistent(shell, command string) output {
	r.t.Helper()
	var o output
	for tries := 0; !o.done; tries++ {
		if tries > 100 {
			r.t.Fatalf("no end in sight: %+v", o)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		status, root, err := r.post(ctx, envelope("Receive", shell, msg(), "PT1S", receiveBody(command)))
		cancel()
		if err != nil || status != http.StatusOK {
			continue
		}
		o.add(r.t, root.Child(nsSOAP, "Body").First())
	}
	return o
}

// TestOutputSurvivesEveryFault breaks each Receive of a conversation once, in each way, before and after it was acted on,
// and wants the whole output each time.
func TestOutputSurvivesEveryFault(t *testing.T) {
	kinds := map[string]FaultKind{"reset": FaultReset, "truncate": FaultTruncate, "401": FaultUnauthorized, "fault": FaultReply, "rubbish": FaultRubbish}
	for name, kind := range kinds {
		for _, after := range []bool{false, true} {
			for nth := int32(1); nth <= 4; nth++ {
				t.Run(fmt.Sprintf("%s after=%v nth=%d", name, after, nth), func(t *testing.T) {
					var receives atomic.Int32
					host := startHost(t, Options{Limits: Limits{MaxOutput: 16}, Faults: func(m MessageInfo) Fault {
						if m.Action == ActionReceive && receives.Add(1) == nth {
							return Fault{Kind: kind, After: after}
						}
						return Fault{}
					}}, HandlerFunc(chatter))
					r := newRaw(t, host.URL())
					sh := r.create("")
					got := r.persistent(sh, r.command(sh, "x"))
					if got != (output{chatterOut, chatterErr, true, "4"}) {
						t.Errorf("got %+v", got)
					}
					if receives.Load() <= nth {
						t.Errorf("only %d Receives: the fault was not met", receives.Load())
					}
				})
			}
		}
	}
}

// TestStalledReceive gives up on an answer that never comes and asks again.
func TestStalledReceive(t *testing.T) {
	for _, after := range []bool{false, true} {
		stalled := make(chan struct{})
		var once sync.Once
		host := startHost(t, Options{Faults: func(m MessageInfo) Fault {
			f := Fault{}
			if m.Action == ActionReceive {
				once.Do(func() { f = Fault{Kind: FaultStall, After: after}; close(stalled) })
			}
			return f
		}}, HandlerFunc(chatter))
		r := newRaw(t, host.URL())
		sh := r.create("")
		cmd := r.command(sh, "x")
		ctx, leave := context.WithCancel(context.Background())
		gone := make(chan error)
		go func() {
			_, _, err := r.post(ctx, envelope("Receive", sh, msg(), "PT1S", receiveBody(cmd)))
			gone <- err
		}()
		<-stalled
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("after=%v: %v", after, err)
		}
		if got := r.persistent(sh, cmd); got != (output{chatterOut, chatterErr, true, "4"}) {
			t.Errorf("after=%v: got %+v", after, got)
		}
	}
}

// rawReceive sends a Receive on a bare connection and returns it with the answer unread.
func rawReceive(t *testing.T, host *Host, shell, command string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", host.Addr())
	if err != nil {
		t.Fatal(err)
	}
	body := envelope("Receive", shell, msg(), "PT20S", receiveBody(command))
	_, err = fmt.Fprintf(c, "POST /wsman HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		basicHeader(testUser, testPassword), soapType, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUnreadAnswerIsHandedOutAgain is the client that is killed between the arrival of an answer and its reading.
func TestUnreadAnswerIsHandedOutAgain(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "both")
	c := rawReceive(t, host, sh, cmd)
	// One byte shows that the answer is there; the rest stays unread, so that closing resets the connection.
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got := r.persistent(sh, cmd); got != (output{"out1 out2", "err1 ", true, "3"}) {
		t.Errorf("got %+v", got)
	}
}

// TestReadAnswerIsNotHandedOutAgain is the client that reads an answer, closes its connection and goes on with another.
func TestReadAnswerIsNotHandedOutAgain(t *testing.T) {
	ca := newTestCA(t)
	for name, o := range map[string]Options{"plain": {}, "TLS": {TLS: serverConfig(ca)}} {
		t.Run(name, func(t *testing.T) {
			more := make(chan struct{})
			host := startHost(t, o, HandlerFunc(func(ctx context.Context, c *Command) int {
				fmt.Fprint(c.Stdout, "first ")
				<-more
				fmt.Fprint(c.Stdout, "second")
				return 0
			}))
			r := newRaw(t, host.URL())
			r.client.Transport.(*http.Transport).DisableKeepAlives = true
			r.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: ca.pool}
			sh := r.create("")
			cmd := r.command(sh, "x")
			var o output
			o.add(t, r.must(envelope("Receive", sh, msg(), "PT20S", receiveBody(cmd))))
			if o.stdout != "first " {
				t.Fatalf("got %+v", o)
			}
			close(more)
			for !o.done {
				o.add(t, r.must(envelope("Receive", sh, msg(), "PT20S", receiveBody(cmd))))
			}
			if o.stdout != "first second" {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// TestNewerReceiveTakesPendingOutput asks again while the answer with the output is held up on its way out: the newer
// Receive gets it, and the older one never does.
func TestNewerReceiveTakesPendingOutput(t *testing.T) {
	var receives atomic.Int32
	held := make(chan struct{})
	host := startHost(t, Options{
		Faults: func(m MessageInfo) Fault {
			if m.Action == ActionReceive && receives.Add(1) == 1 {
				return Fault{Kind: FaultStall, After: true}
			}
			return Fault{}
		},
		OnAnswer: func(m MessageInfo, f *SOAPFault) {
			if m.Action == ActionReceive && receives.Load() == 1 {
				close(held)
			}
		},
	}, HandlerFunc(chatter))
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "x")
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() {
		_, _, err := r.post(ctx, envelope("Receive", sh, msg(), "PT20S", receiveBody(cmd)))
		gone <- err
	}()
	<-held
	if got := r.drain(sh, cmd); got != (output{chatterOut, chatterErr, true, "4"}) {
		t.Errorf("got %+v", got)
	}
	leave()
	if err := <-gone; err == nil {
		t.Error("the older Receive was answered")
	}
}

// TestAfterMeansActedOn loses the answer to a Command: the command has run, and the client can know it by the
// CommandId that it chose.
func TestAfterMeansActedOn(t *testing.T) {
	var ran atomic.Int32
	var faults atomic.Int32
	host := startHost(t, Options{Faults: func(m MessageInfo) Fault {
		if m.Action == ActionCommand && faults.Add(1) <= 2 {
			return Fault{Kind: FaultReset, After: faults.Load() == 2}
		}
		return Fault{}
	}}, HandlerFunc(func(ctx context.Context, c *Command) int { ran.Add(1); return 0 }))
	r := newRaw(t, host.URL())
	sh := r.create("")
	const id = "11111111-2222-3333-4444-555555555555"
	env := func() string {
		return envelope("Command", sh, msg(), "", strings.Replace(commandBody("x"), "<rsp:CommandLine>", `<rsp:CommandLine CommandId="`+id+`">`, 1))
	}
	for range 2 {
		if _, _, err := r.post(context.Background(), env()); err == nil {
			t.Fatal("answered")
		}
	}
	r.fails(env(), CodeCommandExists)
	if got := r.drain(sh, id); !got.done || ran.Load() != 1 {
		t.Errorf("ran %d times, %+v", ran.Load(), got)
	}
}

func TestDownAndUp(t *testing.T) {
	causes := make(chan error, 1)
	started := make(chan struct{}, 1)
	srv := NewServer(Options{Auth: []Auth{Basic(testAccounts)}})
	t.Cleanup(func() { srv.Close() })
	// An address of its own: nobody else can take the port while the host is down.
	host, err := srv.Listen("127.0.0.143:0", "fe01.contoso.com", HandlerFunc(func(ctx context.Context, c *Command) int {
		started <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return 1
	}))
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "x")
	<-started
	cut := make(chan error)
	go func() {
		_, _, err := r.post(context.Background(), envelope("Receive", sh, msg(), "PT60S", receiveBody(cmd)))
		cut <- err
	}()
	idle, err := net.Dial("tcp", host.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	addr := host.Addr()
	host.Down()
	if err := <-causes; !errors.Is(err, ErrHostDown) {
		t.Errorf("cause %v", err)
	}
	if err := <-cut; err == nil {
		t.Error("the pending Receive was answered")
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle connection survived")
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the address still accepts")
	}
	if host.IsUp() {
		t.Error("IsUp")
	}
	for range 2 {
		if err := host.Up(); err != nil {
			t.Fatal(err)
		}
	}
	if host.Addr() != addr {
		t.Errorf("came back at %s, was %s", host.Addr(), addr)
	}
	r.fails(envelope("Receive", sh, msg(), "", receiveBody(cmd)), CodeShellNotFound)
	r.create("")
}

// TestCommandTakesItsHostDown is a shutdown.exe: the command that ends the server runs on it.
func TestCommandTakesItsHostDown(t *testing.T) {
	var host *Host
	down := make(chan struct{})
	ready := make(chan struct{})
	host = startHost(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
		<-ready
		host.Down()
		close(down)
		return 0
	}))
	close(ready)
	r := newRaw(t, host.URL())
	sh := r.create("")
	_, _, err := r.post(context.Background(), envelope("Command", sh, msg(), "", commandBody("shutdown /r")))
	t.Logf("the answer to the command may be lost as well: %v", err)
	<-down
	if host.IsUp() {
		t.Error("still up")
	}
}

func TestServiceRestartKeepsConnections(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "wait")
	host.RestartService()
	r.fails(envelope("Receive", sh, msg(), "", receiveBody(cmd)), CodeShellNotFound)
	if st := host.Stats(); st.Connections != 1 {
		t.Errorf("%d connections", st.Connections)
	}
}

func TestTwoHostsAreTwoServers(t *testing.T) {
	srv := NewServer(Options{Auth: []Auth{Basic(testAccounts)}})
	t.Cleanup(func() { srv.Close() })
	var shells [2]string
	var clients [2]*raw
	for i := range 2 {
		host, err := srv.Listen(fmt.Sprintf("127.0.0.%d:0", i+2), fmt.Sprintf("fe0%d.contoso.com", i+1), HandlerFunc(func(ctx context.Context, c *Command) int {
			fmt.Fprint(c.Stdout, c.Host)
			return 0
		}))
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = newRaw(t, host.URL())
		shells[i] = clients[i].create("")
	}
	for i, r := range clients {
		if got := r.drain(shells[i], r.command(shells[i], "x")).stdout; got != fmt.Sprintf("fe0%d.contoso.com", i+1) {
			t.Errorf("host %d answered as %q", i, got)
		}
		r.fails(envelope("Delete", shells[1-i], msg(), "", ""), CodeShellNotFound)
	}
	srv.Hosts()[0].Down()
	if got := clients[1].drain(shells[1], clients[1].command(shells[1], "x")).stdout; got != "fe02.contoso.com" {
		t.Errorf("the other host answered %q", got)
	}
}

// TestMuchOutput sends 100 MB (10 MB under the race detector) through a buffer of 1 MiB.
func TestMuchOutput(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, fmt.Sprint("big ", muchOutput))
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	total := 0
	for done := false; !done; {
		answer := r.bytes(envelope("Receive", sh, msg(), "PT20S", receiveBody(cmd)))
		done = bytes.Contains(answer, []byte("CommandState/Done"))
		// Without a parser, which would be most of the time of this test.
		_, rest, found := bytes.Cut(answer, []byte(`<rsp:Stream Name="stdout" CommandId="`+cmd+`">`))
		if !found {
			continue
		}
		text, _, _ := bytes.Cut(rest, []byte("<"))
		data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(data, text)
		if err != nil {
			t.Fatal(err)
		}
		if from := total % 16; !bytes.Equal(data[:n], want[from:from+n]) {
			t.Fatalf("other content at %d", total)
		}
		total += n
	}
	if total != muchOutput {
		t.Errorf("%d bytes", total)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	host := startHost(t, Options{Limits: Limits{MaxConnections: 1}}, nil)
	first := newRaw(t, host.URL())
	var only net.Conn
	first.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		only = c
		return c, err
	}
	sh := first.create("")
	second := newRaw(t, host.URL())
	got := make(chan int)
	go func() {
		status, _, _ := second.post(context.Background(), envelope("Delete", sh, msg(), "", ""))
		got <- status
	}()
	for range 5 {
		first.drain(sh, first.command(sh, "echo x"))
	}
	select {
	case status := <-got:
		t.Fatalf("a second connection was served: %d", status)
	default:
	}
	only.Close()
	if status := <-got; status != 200 {
		t.Errorf("after the first connection ended: %d", status)
	}
}

// TestHookTakesHostDown cuts the power at a message: the message is lost unseen.
func TestHookTakesHostDown(t *testing.T) {
	var host atomic.Pointer[Host]
	var ran atomic.Bool
	h := startHost(t, Options{Faults: func(m MessageInfo) Fault {
		if m.Action == ActionCommand {
			host.Load().Down()
		}
		return Fault{}
	}}, HandlerFunc(func(ctx context.Context, c *Command) int { ran.Store(true); return 0 }))
	host.Store(h)
	r := newRaw(t, h.URL())
	sh := r.create("")
	if _, _, err := r.post(context.Background(), envelope("Command", sh, msg(), "", commandBody("x"))); err == nil {
		t.Error("answered")
	}
	h.server.Close()
	if ran.Load() {
		t.Error("the command ran on a server without power")
	}
}

// TestCloseWaits checks that nothing of the server runs any more after Close.
func TestCloseWaits(t *testing.T) {
	var ended atomic.Bool
	h := startHost(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
		<-ctx.Done()
		ended.Store(true)
		return 0
	}))
	r := newRaw(t, h.URL())
	r.command(r.create(""), "x")
	h.server.Close()
	if !ended.Load() {
		t.Error("a command was still running")
	}
	if err := h.Up(); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Up after Close: %v", err)
	}
	if _, err := h.server.Listen("127.0.0.1:0", "x", nil); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Listen after Close: %v", err)
	}
}
