package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/pool"
)

func notifierOf(n pool.Notify) *notifier {
	return &notifier{to: n, pool: "pool01.contoso.com", now: func() time.Time { return time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC) }}
}

// TestWebhook posts a JSON object, follows no redirect, and never shows the address, which is a secret.
func TestWebhook(t *testing.T) {
	var got map[string]string
	answer := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = nil
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json" {
			_ = json.NewDecoder(r.Body).Decode(&got)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(answer)
	}))
	defer srv.Close()
	n := notifierOf(pool.Notify{Webhook: srv.URL + "/hook-secret"})
	if err := n.Notify(t.Context(), "UD1 is done"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"text": "UD1 is done", "pool": "pool01.contoso.com"}, got); diff != "" {
		t.Error(diff)
	}
	for answer = range map[int]bool{http.StatusFound: true, http.StatusForbidden: true} {
		if err := n.Notify(t.Context(), "x"); err == nil || strings.Contains(err.Error(), "hook-secret") {
			t.Errorf("answer %d: %v", answer, err)
		}
	}
	srv.Close()
	if err := n.Notify(t.Context(), "x"); err == nil || strings.Contains(err.Error(), "hook-secret") {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Notify(ctx, "x"); err == nil || strings.Contains(err.Error(), "hook-secret") {
		t.Errorf("no time: %v", err)
	}
}

// mailServer takes one letter and gives what it was told.
func mailServer(t *testing.T) (addr string, told <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	out := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		var all strings.Builder
		r := bufio.NewReader(c)
		_, _ = io.WriteString(c, "220 mail\r\n")
		for data := false; ; {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			all.WriteString(line)
			switch {
			case data && line != ".\r\n":
				continue
			case line == "DATA\r\n":
				data = true
				_, _ = io.WriteString(c, "354 go on\r\n")
				continue
			}
			if data = false; line == "QUIT\r\n" {
				_, _ = io.WriteString(c, "221 bye\r\n")
				break
			}
			_, _ = io.WriteString(c, "250 ok\r\n")
		}
		out <- all.String()
	}()
	return l.Addr().String(), out
}

func TestMail(t *testing.T) {
	addr, told := mailServer(t)
	n := notifierOf(pool.Notify{Mail: &pool.Mail{Server: addr, From: "lrun@contoso.com", To: []string{"ops@contoso.com", "cio@contoso.com"}}})
	if err := n.Notify(t.Context(), "fe01 stopped\n.\nBcc: x@contoso.com\nStörung"); err != nil {
		t.Fatal(err)
	}
	got := <-told
	for _, want := range []string{
		"MAIL FROM:<lrun@contoso.com>", "RCPT TO:<ops@contoso.com>\r\n", "RCPT TO:<cio@contoso.com>\r\n",
		"To: <ops@contoso.com>, <cio@contoso.com>\r\n", "Subject: =?utf-8?q?lrun:_fe01_stopped_._Bcc:_x@contoso.com_St=C3=B6rung?=\r\n",
		"Date: Mon, 23 Nov 2026 22:00:00 +0000\r\n", "\r\n\r\nfe01 stopped\r\n..\r\nBcc: x@contoso.com\r\nStörung\r\n.\r\n", "QUIT",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the letter lacks %q:\n%s", want, got)
		}
	}
	if err := n.Notify(t.Context(), "again"); err == nil || !strings.HasPrefix(err.Error(), "mail: ") {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestOneChannelFails lets the others be heard, and tells which one failed.
func TestOneChannelFails(t *testing.T) {
	heard := make(chan bool, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard <- true }))
	defer srv.Close()
	n := notifierOf(pool.Notify{Webhook: srv.URL, Command: []string{"/nowhere/page"}})
	err := n.Notify(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "command /nowhere/page") || strings.Contains(err.Error(), "webhook") {
		t.Errorf("%v", err)
	}
	if !<-heard {
		t.Error("the webhook was not called")
	}
}

func TestNoChannel(t *testing.T) {
	if n := newNotifier(&pool.Pool{}); n != nil {
		t.Errorf("%+v", n)
	}
}
