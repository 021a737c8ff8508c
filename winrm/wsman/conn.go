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
	return last == at.number || (c != nil && c.number.Load() == at.number && (c.broken.Load() || c.wasReset()))
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
	answering atomic.Bool   // the last of them is being answered
	broken    atomic.Bool
	once      sync.Once
}

// Read notes how the client's side ends. A reset means that it left with data unread. An ordinary end does so too
// while an answer is still being made.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !isTimeout(err) && (!errors.Is(err, io.EOF) || c.answering.Load() || c.wasReset()) {
		c.broken.Store(true)
	}
	return n, err
}

// Close closes the connection and gives its slot back.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.l.forget(c, c.broken.Load()) })
	return err
}

// reset closes the connection so that the client sees a reset and not an orderly end.
func (c *conn) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		// Without linger the close is orderly, which is still an end.
		_ = t.SetLinger(0)
	}
	c.broken.Store(true)
	c.Close()
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
