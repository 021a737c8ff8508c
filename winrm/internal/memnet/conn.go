package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection.
type conn struct {
	in, out     *stream
	here, there net.Addr
}

// pair makes both ends of a connection.
func pair(here, there net.Addr) (a, b *conn) {
	x, y := newStream(), newStream()
	return &conn{in: x, out: y, here: here, there: there}, &conn{in: y, out: x, here: there, there: here}
}

// stream is what goes one way.
type stream struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	unread   []byte
	ended    bool // its writer has closed: the end comes after what is unread
	reset    bool // ... and the end is a reset
	gone     bool // its reader has closed
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// notify wakes the reader. The lock is held.
func (s *stream) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (c *conn) LocalAddr() net.Addr  { return c.here }
func (c *conn) RemoteAddr() net.Addr { return c.there }

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.here, Addr: c.there, Err: err}
}

func (c *conn) Read(p []byte) (int, error) {
	s := c.in
	for {
		s.mu.Lock()
		changed := s.changed
		switch {
		case s.gone:
			s.mu.Unlock()
			return 0, c.fail("read", net.ErrClosed)
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			s.mu.Unlock()
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(p) == 0, len(s.unread) > 0:
			n := copy(p, s.unread)
			if s.unread = s.unread[n:]; len(s.unread) == 0 {
				s.unread = nil
			}
			s.mu.Unlock()
			return n, nil
		case s.reset:
			s.mu.Unlock()
			return 0, c.fail("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case s.ended:
			s.mu.Unlock()
			return 0, io.EOF
		}
		s.mu.Unlock()
		<-changed
	}
}

// Write never waits. What is written to an end that has been closed is lost, and answered with a reset, as the kernel
// of the other side does; the next Write fails.
func (c *conn) Write(p []byte) (int, error) {
	c.in.mu.Lock()
	closed, reset := c.in.gone, c.in.reset
	c.in.mu.Unlock()
	switch {
	case closed:
		return 0, c.fail("write", net.ErrClosed)
	case reset:
		return 0, c.fail("write", os.NewSyscallError("write", syscall.EPIPE))
	}
	c.out.mu.Lock()
	lost := c.out.gone
	if !lost {
		c.out.unread = append(c.out.unread, p...)
		c.out.notify()
	}
	c.out.mu.Unlock()
	if lost {
		c.in.end(true)
	}
	return len(p), nil
}

// end is what the other side sends when it closes.
func (s *stream) end(reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.reset = s.reset || reset
	s.notify()
}

// leave lets nobody read any more, and reports whether something was left unread.
func (s *stream) leave() (first, unread bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false, false
	}
	unread = len(s.unread) > 0
	s.gone, s.unread = true, nil
	if s.timer != nil {
		s.timer.Stop()
	}
	s.notify()
	return true, unread
}

func (c *conn) close(reset bool) error {
	first, unread := c.in.leave()
	if !first {
		return c.fail("close", net.ErrClosed)
	}
	c.out.end(reset || unread)
	return nil
}

// Close ends the connection in order; with data unread it is a reset, as with TCP.
func (c *conn) Close() error { return c.close(false) }

// Reset closes the connection so that the other side sees a reset.
func (c *conn) Reset() { _ = c.close(true) } // one that is closed already has nobody left to tell

// WasReset reports whether the other side has reset the connection, read or not.
func (c *conn) WasReset() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.reset
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline does nothing, since no Write waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

func (c *conn) SetReadDeadline(t time.Time) error {
	s := c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return c.fail("set", net.ErrClosed)
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.deadline = t
	if !t.IsZero() {
		s.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notify()
		})
	}
	s.notify()
	return nil
}
