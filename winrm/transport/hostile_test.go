package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// answerWith serves the same answer to everything.
func answerWith(t *testing.T, status int, kind string, body string) *Session {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return open(t, configOf(t, srv.Listener.Addr().String(), Basic(NewCredential("u", "p"))))
}

func TestRubbish(t *testing.T) {
	envelope := func(inner string) string {
		return `<s:Envelope xmlns:s="` + nsSOAP + `" xmlns:rsp="` + nsShell + `"><s:Body>` + inner + `</s:Body></s:Envelope>`
	}
	for _, tt := range []struct {
		name   string
		status int
		kind   string
		body   string
		want   any
	}{
		{"web page", 200, "text/html", "<html>", new(*ProtocolError)},
		{"not found", 404, "text/html", "<html>", new(*StatusError)},
		{"proxy", 502, "text/plain", "bad gateway", new(*StatusError)},
		{"redirect", 302, "text/plain", "", new(*StatusError)},
		{"empty", 200, "application/soap+xml", "", new(*ProtocolError)},
		{"not XML", 200, "application/soap+xml", "hello", new(*ProtocolError)},
		{"half", 200, "application/soap+xml", envelope("")[:80], new(*ProtocolError)},
		{"other root", 200, "application/soap+xml", "<a/>", new(*ProtocolError)},
		{"nothing asked", 200, "application/soap+xml", envelope(""), new(*ProtocolError)},
		{"entities", 200, "application/soap+xml", `<!DOCTYPE a [<!ENTITY b "c">]>` + envelope("&b;"), new(*ProtocolError)},
		{"deep", 200, "application/soap+xml", envelope(strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)), new(*ProtocolError)},
		{"wide", 200, "application/soap+xml", envelope(strings.Repeat("<a/>", 20_000)), new(*ProtocolError)},
		{"latin", 200, "application/soap+xml", `<?xml version="1.0" encoding="ISO-8859-1"?>` + envelope(""), new(*ProtocolError)},
		{"fault without a code", 500, "application/soap+xml", envelope("<s:Fault/>"), new(*Fault)},
		{"500 without a fault", 500, "application/soap+xml", envelope(""), new(*StatusError)},
		{"another's answer", 200, "application/soap+xml", `<s:Envelope xmlns:s="` + nsSOAP + `" xmlns:a="` + nsAddr + `" xmlns:rsp="` + nsShell +
			`"><s:Header><a:RelatesTo>uuid:other</a:RelatesTo></s:Header><s:Body><rsp:ShellId>S</rsp:ShellId></s:Body></s:Envelope>`, new(*ProtocolError)},
		{"bad base64", 200, "application/soap+xml", envelope(`<rsp:Stream Name="stdout">!!</rsp:Stream>`), new(*ProtocolError)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answerWith(t, tt.status, tt.kind, tt.body).Run(t.Context(), "echo", nil)
			wantState(t, err, NotBegun) // the shell was not opened
			if !errors.As(err, tt.want) {
				t.Errorf("error is %v (%T)", err, errors.Unwrap(err))
			}
		})
	}
}

func TestAnswersAreBounded(t *testing.T) {
	_, err := answerWith(t, 200, "application/soap+xml", strings.Repeat(" ", 3<<20)).Run(t.Context(), "echo", nil)
	if !errors.Is(err, errTooLarge) {
		t.Errorf("a large body: %v", err)
	}
}

// raw serves bytes that are no proper HTTP.
func raw(t *testing.T, answer func(net.Conn)) *Session {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
	return open(t, configOf(t, l.Addr().String(), Basic(NewCredential("u", "p"))))
}

func TestBrokenHTTP(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"endless header": func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
			line := []byte("X: " + strings.Repeat("y", 1000) + "\r\n")
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		},
		"not HTTP": func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n"); _, _ = io.Copy(io.Discard, c) },
		"unasked": func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		},
		"short body":   func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc") },
		"closes":       func(net.Conn) {},
		"bad chunking": func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := raw(t, answer).Run(t.Context(), "echo", nil)
			wantState(t, err, NotBegun)
			if errors.Is(err, errStalled) {
				t.Errorf("it was waited out: %v", err)
			}
			if name == "endless header" && !errors.Is(err, errTooLarge) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestFrozenServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts: the kernel connects and nothing is ever answered
	c := configOf(t, l.Addr().String(), Basic(NewCredential("u", "p")))
	c.OperationTimeout, c.AnswerMargin = time.Second, 100*time.Millisecond
	_, err = open(t, c).Run(t.Context(), "echo", nil)
	wantState(t, err, NotBegun)
	if !errors.Is(err, errStalled) {
		t.Errorf("error is %v", err)
	}
	c.TLS, c.DialTimeout = true, 100*time.Millisecond
	_, err = open(t, c).Run(t.Context(), "echo", nil)
	wantState(t, err, NotBegun)
	if !errors.Is(err, errNoConnection) {
		t.Errorf("error is %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	c := Config{Host: "127.0.0.1", Port: 1, Auth: Basic(NewCredential("u", "p"))}
	_, err := open(t, c).Identify(t.Context())
	wantState(t, err, NotBegun)
	c.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Name: "fe99", Err: "no such host", IsNotFound: true}
	}
	_, err = open(t, c).Identify(t.Context())
	wantState(t, err, NotBegun)
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		t.Errorf("error is %v", err)
	}
}

func TestMessagesAreFitForATerminal(t *testing.T) {
	got := oneLine("a\x1b[2J\r\n\tb\u200b\u202e c"+strings.Repeat("x", 100), 20)
	if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x202e || r == 0x200b }) || len([]rune(got)) > 21 {
		t.Errorf("%q", got)
	}
}

// No envelope makes the parser panic or take output that does not decode.
func FuzzEnvelope(f *testing.F) {
	for _, name := range []string{"receive", "fault"} {
		b, err := os.ReadFile("testdata/" + name + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseEnvelope(b)
		if err != nil {
			var p *ProtocolError
			if !errors.As(err, &p) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(a.stdout)+len(a.stderr) > len(b) || !bytes.Contains(b, []byte("Envelope")) {
			t.Fatalf("%+v", a)
		}
		if a.fault != nil && strings.ContainsAny(a.fault.Text, "\x1b\n\r") {
			t.Fatalf("%q", a.fault.Text)
		}
	})
}

func TestParseEnvelope(t *testing.T) {
	b, err := os.ReadFile("testdata/receive.xml")
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(a.stdout) != "one two" || string(a.stderr) != "bad" || !a.done || a.exit == nil || *a.exit != -1 || a.relatesTo != "uuid:1" {
		t.Errorf("%+v", a)
	}
	if b, err = os.ReadFile("testdata/fault.xml"); err != nil {
		t.Fatal(err)
	}
	if a, err = parseEnvelope(b); err != nil {
		t.Fatal(err)
	}
	want := Fault{Code: "Sender", Subcode: "InvalidSelectors", WSMan: FaultShellNotFound, Text: "The shell was not found on the server."}
	if a.fault == nil || *a.fault != want {
		t.Errorf("%+v, want %+v", a.fault, want)
	}
}
