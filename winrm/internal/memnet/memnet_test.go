package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connect makes both ends of a connection through a listener.
func connect(t *testing.T) (client, server net.Conn) {
	t.Helper()
	n := New()
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = n.Dial(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("%d bytes written, %v", n, err)
	}
}

// reads wants a text and then an end, nil for io.EOF.
func reads(t *testing.T, c net.Conn, text string, end error) {
	t.Helper()
	got, err := io.ReadAll(c)
	if string(got) != text || !errors.Is(err, end) {
		t.Errorf("read %q and %v, want %q and %v", got, err, text, end)
	}
}

// Each way a connection ends is seen on the other side as with TCP on a loopback.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, here, there net.Conn)
	}{
		{"in order, after what was written", func(t *testing.T, here, there net.Conn) {
			write(t, here, "last words")
			here.Close()
			reads(t, there, "last words", nil)
		}},
		{"reset, after what was written", func(t *testing.T, here, there net.Conn) {
			write(t, here, "last words")
			here.(*conn).Reset()
			reads(t, there, "last words", syscall.ECONNRESET)
		}},
		{"with data unread", func(t *testing.T, here, there net.Conn) {
			write(t, there, "never read")
			here.Close()
			if !there.(*conn).WasReset() {
				t.Error("no reset")
			}
			reads(t, there, "", syscall.ECONNRESET)
		}},
		{"written to when closed", func(t *testing.T, here, there net.Conn) {
			here.Close()
			if there.(*conn).WasReset() {
				t.Error("a reset before anything was written")
			}
			write(t, there, "nobody there")
			if !there.(*conn).WasReset() {
				t.Error("no reset")
			}
			if _, err := there.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("the second write: %v", err)
			}
		}},
		{"used when closed here", func(t *testing.T, here, _ net.Conn) {
			here.Close()
			if _, err := here.Write(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
			if _, err := here.Read(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
			if err := here.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("close: %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := connect(t)
			c.do(t, here, there)
		})
	}
}

// Reads wait for data, for the end or for their deadline, and in a bubble that takes no time.
func TestReadsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := connect(t)
		time.AfterFunc(time.Hour, func() { write(t, there, "late") })
		began := time.Now()
		if err := here.SetReadDeadline(began.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if _, err := here.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := here.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if n, err := here.Read(buf); string(buf[:n]) != "late" || err != nil || time.Since(began) != time.Hour {
			t.Errorf("%q, %v after %s", buf[:n], err, time.Since(began))
		}
		// A deadline that is set while a Read waits ends it.
		time.AfterFunc(time.Second, func() { _ = here.SetReadDeadline(time.Now()) })
		if _, err := here.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAddresses(t *testing.T) {
	n := New()
	if _, err := n.Dial(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	l, err := n.Listen("127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("127.0.0.1:7"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listened twice: %v", err)
	}
	waiting, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	reads(t, waiting, "", syscall.ECONNRESET)
	if _, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("closed: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	again, err := n.Listen("127.0.0.1:7")
	if err != nil {
		t.Fatalf("the same address again: %v", err)
	}
	again.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Dial(ctx, "tcp", "127.0.0.1:7"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
