package wsman

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

// direct calls a host without a network, so that a test can run on the fake clock of synctest.
type direct struct {
	t    *testing.T
	host *Host
}

func newDirect(t *testing.T, o Options, h Handler) *direct {
	if o.Auth == nil {
		o.Auth = []Auth{Basic(testAccounts)}
	}
	host := &Host{name: "fe01.contoso.com", server: NewServer(o), handler: h}
	addr := "127.0.0.1:5985"
	host.addr.Store(&addr)
	host.boot = host.newBoot()
	t.Cleanup(func() {
		host.Down()
		host.server.wg.Wait()
	})
	return &direct{t, host}
}

// post returns the status and the answer; status 0 is a connection that was cut.
func (d *direct) post(ctx context.Context, env string) (status int, root *xmltree.Element) {
	d.t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/wsman", strings.NewReader(env))
	req.Header.Set("Content-Type", soapType)
	req.Header.Set("Authorization", basicHeader(testUser, testPassword))
	rec := httptest.NewRecorder()
	d.host.mu.Lock()
	b := d.host.boot
	d.host.mu.Unlock()
	func() {
		defer func() {
			if e := recover(); e != nil {
				if err, ok := e.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					panic(e)
				}
				rec.Code = 0
			}
		}()
		b.ServeHTTP(rec, req)
	}()
	if rec.Code == 0 || rec.Body.Len() == 0 {
		return rec.Code, nil
	}
	root, err := xmltree.Parse(rec.Body.String())
	if err != nil {
		d.t.Fatal(err)
	}
	return rec.Code, root
}

// must posts and returns the first element of a good answer.
func (d *direct) must(env string) *xmltree.Element {
	d.t.Helper()
	status, root := d.post(context.Background(), env)
	if status != 200 {
		d.t.Fatalf("status %d, fault %s", status, faultCode(root))
	}
	if first := root.Child(nsSOAP, "Body").First(); first != nil {
		return first
	}
	return nil
}

func (d *direct) shell(inner string) string {
	d.t.Helper()
	d.must(envelope("Create", "", msg(), "", `<rsp:Shell ShellId="AAAAAAAA-0001">`+inner+`</rsp:Shell>`))
	return "AAAAAAAA-0001"
}

func (d *direct) command(shell, line string) string {
	d.t.Helper()
	return d.must(envelope("Command", shell, msg(), "", commandBody(line))).TextOf(nsShell, "CommandId")
}

func TestReceiveBlocks(t *testing.T) {
	for _, c := range []struct {
		timeout string
		want    time.Duration
	}{{"PT5S", 5 * time.Second}, {"PT0.250S", 250 * time.Millisecond}, {"PT20M", time.Minute}, {"", time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDirect(t, Options{}, HandlerFunc(actor))
			sh := d.shell("")
			cmd := d.command(sh, "wait")
			start := time.Now()
			status, root := d.post(context.Background(), envelope("Receive", sh, msg(), c.timeout, receiveBody(cmd)))
			if got := time.Since(start); status != 500 || faultCode(root) != fmt.Sprint(CodeOperationTimeout) || got != c.want {
				t.Errorf("%q: %v, status %d, fault %s; want the time-out fault after %v", c.timeout, got, status, faultCode(root), c.want)
			}
			text := root.Child(nsSOAP, "Body").Child(nsSOAP, "Fault").Child(nsSOAP, "Reason").TextOf(nsSOAP, "Text")
			if !strings.Contains(text, "OperationTimeout") {
				t.Errorf("text %q: clients look for the word OperationTimeout", text)
			}
		})
	}
}

func TestReceiveEndsWithOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
			time.Sleep(3 * time.Second)
			fmt.Fprint(c.Stdout, "three")
			time.Sleep(4 * time.Second)
			return 7
		}))
		sh := d.shell("")
		cmd := d.command(sh, "x")
		start := time.Now()
		var o output
		o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
		if got := time.Since(start); got != 3*time.Second || o.stdout != "three" || o.done {
			t.Errorf("first answer after %v: %+v", got, o)
		}
		o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
		if got := time.Since(start); got != 7*time.Second || !o.done || o.exit != "7" {
			t.Errorf("last answer after %v: %+v", got, o)
		}
	})
}

func TestNewestReceiveGetsTheOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
			time.Sleep(10 * time.Second)
			fmt.Fprint(c.Stdout, "late")
			return 0
		}))
		sh := d.shell("")
		cmd := d.command(sh, "x")
		first := make(chan string)
		go func() {
			_, root := d.post(context.Background(), envelope("Receive", sh, msg(), "", receiveBody(cmd)))
			first <- faultCode(root)
		}()
		synctest.Wait()
		start := time.Now()
		second := make(chan *xmltree.Element)
		go func() { second <- d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))) }()
		if code := <-first; code != fmt.Sprint(CodeOperationTimeout) || time.Since(start) != 0 {
			t.Errorf("the older Receive: fault %s after %v", code, time.Since(start))
		}
		var o output
		o.add(t, <-second)
		if o.stdout != "late" {
			t.Errorf("the newer Receive: %+v", o)
		}
	})
}

func TestIdleShellIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return 1
		}))
		sh := d.shell(`<rsp:IdleTimeOut>PT180S</rsp:IdleTimeOut>`)
		cmd := d.command(sh, "x")
		time.Sleep(179 * time.Second)
		// A message that takes 60 s holds the timer; the idle time starts again after it.
		d.post(context.Background(), envelope("Receive", sh, msg(), "PT60S", receiveBody(cmd)))
		time.Sleep(179 * time.Second)
		if d.host.Stats().Shells != 1 {
			t.Fatal("deleted while in use")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d.host.Stats().Shells != 0 {
			t.Fatal("not deleted after its idle time")
		}
		if err := <-cause; !errors.Is(err, ErrShellIdle) {
			t.Errorf("cause %v", err)
		}
		if status, root := d.post(context.Background(), envelope("Receive", sh, msg(), "", receiveBody(cmd))); faultCode(root) != fmt.Sprint(CodeShellNotFound) {
			t.Errorf("status %d, fault %s", status, faultCode(root))
		}
	})
}

func TestSendWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, Options{Limits: Limits{MaxInput: 10}}, HandlerFunc(func(ctx context.Context, c *Command) int {
			time.Sleep(30 * time.Second)
			return actor(ctx, c)
		}))
		sh := d.shell("")
		cmd := d.command(sh, "cat")
		d.must(envelope("Send", sh, msg(), "PT5S", sendBody(cmd, []byte("twelve bytes"), false)))
		start := time.Now()
		_, root := d.post(context.Background(), envelope("Send", sh, msg(), "PT5S", sendBody(cmd, []byte("more"), true)))
		if faultCode(root) != fmt.Sprint(CodeBusy) || time.Since(start) != 5*time.Second {
			t.Errorf("fault %s after %v", faultCode(root), time.Since(start))
		}
		// Busy means that nothing was taken: the same may be sent again.
		d.must(envelope("Send", sh, msg(), "PT60S", sendBody(cmd, []byte("more"), true)))
		var o output
		for !o.done {
			o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
		}
		if o != (output{"twelve bytesmore", "16 bytes", true, "0"}) {
			t.Errorf("got %+v", o)
		}
		if _, root := d.post(context.Background(), envelope("Send", sh, msg(), "", sendBody(cmd, []byte("x"), false))); faultCode(root) != fmt.Sprint(CodePipeClosed) {
			t.Errorf("Send after the end: fault %s", faultCode(root))
		}
	})
}

func TestClientLeavesDuringReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		write := make(chan struct{})
		d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
			<-write
			fmt.Fprint(c.Stdout, "for the one who stays")
			return 0
		}))
		sh := d.shell("")
		cmd := d.command(sh, "x")
		ctx, leave := context.WithCancel(context.Background())
		gone := make(chan int)
		go func() {
			status, _ := d.post(ctx, envelope("Receive", sh, msg(), "", receiveBody(cmd)))
			gone <- status
		}()
		synctest.Wait()
		leave()
		if status := <-gone; status != 0 {
			t.Errorf("a client that left was answered with %d", status)
		}
		close(write)
		synctest.Wait()
		var o output
		o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
		if o.stdout != "for the one who stays" {
			t.Errorf("got %+v", o)
		}
	})
}

func TestSameMessageIDGetsTheSameOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		more := make(chan struct{})
		d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
			fmt.Fprint(c.Stdout, "one")
			<-more
			fmt.Fprint(c.Stdout, "two")
			return 0
		}))
		sh := d.shell("")
		cmd := d.command(sh, "x")
		expect := func(id, want string) {
			t.Helper()
			var o output
			o.add(t, d.must(envelope("Receive", sh, id, "", receiveBody(cmd))))
			if o.stdout != want {
				t.Errorf("%s: got %+v, want %q", id, o, want)
			}
		}
		expect("uuid:a", "one")
		expect("uuid:a", "one")
		close(more)
		synctest.Wait()
		expect("uuid:a", "one")
		expect("uuid:b", "two")
		expect("uuid:b", "two")
		expect("uuid:c", "")
	})
}

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		signal string
		cause  error
		kept   bool
	}{{"terminate", ErrTerminated, false}, {"ctrl_c", ErrInterrupted, true}, {"ctrl_break", ErrInterrupted, true}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, cmd *Command) int {
				<-ctx.Done()
				if err := context.Cause(ctx); !errors.Is(err, c.cause) {
					t.Errorf("%s: cause %v", c.signal, err)
				}
				_, err := fmt.Fprint(cmd.Stdout, "stopped")
				if (err == nil) != c.kept {
					t.Errorf("%s: last words: %v", c.signal, err)
				}
				return 130
			}))
			sh := d.shell("")
			cmd := d.command(sh, "x")
			answer := make(chan *xmltree.Element)
			go func() {
				_, root := d.post(context.Background(), envelope("Receive", sh, msg(), "", receiveBody(cmd)))
				answer <- root
			}()
			synctest.Wait()
			d.must(envelope("Signal", sh, msg(), "", signalBody(cmd, c.signal)))
			root := <-answer
			synctest.Wait()
			if !c.kept {
				if code := faultCode(root); code != fmt.Sprint(CodeAborted) {
					t.Errorf("pending Receive: fault %s", code)
				}
				return
			}
			var o output
			o.add(t, root.Child(nsSOAP, "Body").First())
			for !o.done {
				o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
			}
			if o.stdout != "stopped" || o.exit != "130" {
				t.Errorf("%s: %+v", c.signal, o)
			}
		})
	}
}

func TestLatencyIsAddedBeforeTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, Options{Faults: func(m MessageInfo) Fault { return Fault{Latency: 200 * time.Millisecond} }}, HandlerFunc(actor))
		start := time.Now()
		sh := d.shell("")
		d.command(sh, "echo x")
		if got := time.Since(start); got != 400*time.Millisecond {
			t.Errorf("two messages took %v", got)
		}
	})
}

func TestStallEndsWithTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t, Options{Faults: func(m MessageInfo) Fault { return Fault{Kind: FaultStall} }}, HandlerFunc(actor))
		done := make(chan int)
		go func() {
			status, _ := d.post(context.Background(), envelope("Create", "", msg(), "PT5S", `<rsp:Shell/>`))
			done <- status
		}()
		time.Sleep(24 * time.Hour)
		select {
		case <-done:
			t.Fatal("answered")
		default:
		}
		d.host.Down()
		if status := <-done; status != 0 {
			t.Errorf("status %d", status)
		}
	})
}

func TestStdinIsBase64WithSpaces(t *testing.T) {
	d := newDirect(t, Options{}, HandlerFunc(actor))
	sh := d.shell("")
	cmd := d.command(sh, "cat")
	text := base64.StdEncoding.EncodeToString([]byte("wrapped input"))
	d.must(envelope("Send", sh, msg(), "", `<rsp:Send><rsp:Stream Name="stdin" CommandId="`+cmd+`" End="1">`+"\r\n  "+text[:8]+"\n\t"+text[8:]+"\r\n</rsp:Stream></rsp:Send>"))
	var o output
	for !o.done {
		o.add(t, d.must(envelope("Receive", sh, msg(), "", receiveBody(cmd))))
	}
	if o.stdout != "wrapped input" {
		t.Errorf("got %+v", o)
	}
}
