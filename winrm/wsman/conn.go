package wsman

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// listener hands out connections that can be reset, at most max at one time.
type listener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	count *atomic.Uint64

	mu     sync.Mutex
	closed bool
	conns  map[uint64]*conn
	broken map[uint64]uint64 // connections that ended with their last answer unread, and the number of that answer
}

func newListener(l net.Listener, limit int, count *atomic.Uint64) *listener {
	return &listener{Listener: l, slots: make(chan struct{}, limit), done: make(chan struct{}), count: count,
		conns: map[uint64]*conn{}, broken: map[uint64]uint64{}}
}

// Accept waits for a free slot, then for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	c := &conn{Conn: nc, l: l, id: l.count.Add(1)}
	l.mu.Lock()
	closed := l.closed
	l.conns[c.id] = c
	l.mu.Unlock()
	if closed {
		c.reset()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close stops listening. Connections stay.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.done)
	return l.Listener.Close()
}

func (l *listener) resetAll() {
	l.mu.Lock()
	all := make([]*conn, 0, len(l.conns))
	for _, c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.reset()
	}
}

// lost reports whether a connection ended in a way that shows that its client has not read that answer: it was the
// last one, for a client that sends another message on a connection has read what came before.
func (l *listener) lost(at answerID) bool {
	l.mu.Lock()
	c, last := l.conns[at.conn], l.broken[at.conn]
	l.mu.Unlock()
	return last == at.number || (c != nil && c.number.Load() == at.number && c.isBroken())
}

func (l *listener) forget(c *conn, broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.conns[c.id]; !ok {
		return
	}
	delete(l.conns, c.id)
	if broken {
		// One entry for each broken connection of a boot is little, yet nothing may grow without a bound.
		if len(l.broken) >= 1<<16 {
			clear(l.broken)
		}
		l.broken[c.id] = c.number.Load()
	}
	<-l.slots
}

// answerID names an answer: a connection, and the number of the message on it, from 1. Zero is none of a listener.
type answerID struct{ conn, number uint64 }

// conn is a TCP connection that remembers how it ended.
type conn struct {
	net.Conn
	l         *listener
	id        uint64
	number    atomic.Uint64 // of messages that came in
	open      atomic.Bool   // the last of them is being worked on
	answering atomic.Bool   // ... and its answer has not begun to go out
	closing   atomic.Bool   // the server itself ends the connection: what the client does then tells nothing
	broken    atomic.Bool
	once      sync.Once
}

func (c *conn) begin() {
	c.number.Add(1)
	c.open.Store(true)
	c.answering.Store(true)
}

func (c *conn) end() {
	c.answering.Store(false)
	c.open.Store(false)
}

// Read notes how the client's side ends. A reset means that it left with data unread, and so does an ordinary end that
// comes before the answer.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !isTimeout(err) && (!errors.Is(err, io.EOF) || c.answering.Load() || c.isBroken()) && !c.closing.Load() {
		c.broken.Store(true)
	}
	return n, err
}

// Write notes a write between two messages: the farewell of TLS to a client that has closed already, which resets the
// connection and yet means nothing for the answer before.
func (c *conn) Write(p []byte) (int, error) {
	if c.number.Load() > 0 && !c.open.Load() {
		c.closing.Store(true)
	}
	return c.Conn.Write(p)
}

// isBroken reports whether the client has left without its last answer, as far as anybody can know by now. The kernel
// is asked first: a connection that is closed meanwhile has been marked before.
func (c *conn) isBroken() bool {
	if c.wasReset() && !c.closing.Load() {
		c.broken.Store(true)
	}
	return c.broken.Load()
}

// Close closes the connection and gives its slot back.
func (c *conn) Close() error {
	c.isBroken()
	err := c.Conn.Close()
	c.once.Do(func() { c.l.forget(c, c.broken.Load()) })
	return err
}

// reset closes the connection so that the client sees a reset and not an orderly end.
func (c *conn) reset() {
	c.broken.Store(true)
	switch t := c.Conn.(type) {
	case *net.TCPConn:
		// Without linger the close is orderly, which is still an end.
		_ = t.SetLinger(0)
	case resetter:
		t.Reset()
	}
	_ = c.Close() // it is given up either way
}

// resetter is a connection of another network than the kernel's that can be reset, and tells whether it was.
type resetter interface {
	Reset()
	WasReset() bool
}

// isTimeout tells the deadline by which net/http interrupts its own background read from an end of the connection.
func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

type connKey struct{}

// session is what a connection has agreed on. The messages of a connection come one after the other, so it needs no
// lock; conn is nil when a request does not come from a listener of ours.
type session struct {
	conn     *conn
	identity *identity
	ntlm     *ntlmHandshake
	sealer   sealer
	reported string // scheme and user last told to OnLogon
}

func (s *session) answer() answerID {
	if s.conn == nil {
		return answerID{}
	}
	return answerID{s.conn.id, s.conn.number.Load()}
}

// withConn is http.Server.ConnContext.
func withConn(ctx context.Context, nc net.Conn) context.Context {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	c, _ := nc.(*conn)
	return context.WithValue(ctx, connKey{}, &session{conn: c})
}

func sessionOf(ctx context.Context) *session {
	if s, ok := ctx.Value(connKey{}).(*session); ok {
		return s
	}
	return &session{}
}
