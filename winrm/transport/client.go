package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// client sends messages to one server over pooled connections.
type client struct {
	cfg Config
	tls *tls.Config

	messages *templates

	mu      sync.Mutex
	idle    [lanes][]*conn
	coming  [lanes]chan struct{} // closed when the connection that is being prepared is idle, or has failed; nil once one waits
	all     map[*conn]struct{}
	refused *AuthError
	closed  bool
}

// lane keeps connections apart: a Receive holds its connection for as long as the server likes, and with NTLM
// everything behind it on the same security context would wait.
type lane int

const (
	laneCommand lane = iota
	laneReceive
	lanes
)

func newClient(cfg Config) (*client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, &Error{Host: cfg.Host, Op: "connect", State: NotBegun, Err: err}
	}
	t, err := cfg.tlsConfig()
	if err != nil {
		return nil, &Error{Host: cfg.Host, Op: "connect", State: NotBegun, Err: err}
	}
	return &client{cfg: cfg, tls: t, messages: templatesOf(&cfg), all: make(map[*conn]struct{})}, nil
}

// message is a request as it goes on the wire.
type message struct {
	op   string
	id   string // MessageID, which the answer must relate to
	body []byte
	lane lane

	buffer *bytes.Buffer // that body lies in, where it is one of buffers
	// repeat marks a message that may be acted on twice without harm, so that a connection found dead is replaced.
	repeat bool
	// loggedIn is called, where it is set, with each connection that the message is about to be sent on: the server has
	// accepted the login, or wants it with the message.
	loggedIn func()
}

// failure is what post knows about a message that has no answer: sent is false only when the server cannot have
// acted on it.
type failure struct {
	sent bool
	err  error
}

// post sends one message, once, and returns its answer. Faults come back as errors, with the answer.
func (c *client) post(ctx context.Context, m *message) (*answer, *failure) {
	defer m.free()
	if err := c.usable(); err != nil {
		return nil, &failure{err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.OperationTimeout+c.cfg.AnswerMargin, errStalled)
	defer cancel()
	for logins := 1; ; {
		cn, reused, err := c.get(ctx, m.lane)
		if err != nil {
			return nil, c.failed(false, err)
		}
		if m.loggedIn != nil {
			m.loggedIn()
		}
		r, sent, err := cn.auth.send(ctx, cn, m.body)
		stale := reused && err != nil && ctx.Err() == nil && !isAuth(err)
		if stale && (!sent || m.repeat) {
			// A connection that died while it was idle is no news about the server.
			c.drop(cn)
			continue
		}
		if err != nil {
			c.drop(cn)
			if c.tls != nil {
				// A certificate of ours that is refused is told after the handshake, in place of an answer.
				err = explainTLS(c.cfg.Host, c.cfg.ServerName, err)
			}
			var refusal *AuthError
			if errors.As(err, &refusal) {
				sent = false // a server that refuses the login has not looked at the message
			}
			return nil, c.failed(sent, err)
		}
		if r.status == http.StatusUnauthorized {
			c.drop(cn)
			if logins < 2 {
				// The server has forgotten the login of this connection, which it had accepted. It has not looked at
				// the message.
				logins++
				continue
			}
			return nil, c.failed(false, &AuthError{Host: c.cfg.Host, User: c.cfg.Auth.user(), Scheme: c.cfg.Auth.scheme(),
				Reason: "the server asks for a login again", Offered: offered(r.header)})
		}
		if r.last {
			c.drop(cn)
		} else {
			c.put(m.lane, cn)
		}
		a, err := parseReply(r)
		if err != nil {
			return a, &failure{sent: true, err: err}
		}
		if a.relatesTo != m.id && (a.relatesTo != "" || m.id == "") {
			return nil, &failure{sent: true, err: protocolf("it is the answer to another message")}
		}
		return a, nil
	}
}

func isAuth(err error) bool {
	var refusal *AuthError
	return errors.As(err, &refusal)
}

// failed notes a refused login, after which this client sends nothing any more.
func (c *client) failed(sent bool, err error) *failure {
	var refusal *AuthError
	if errors.As(err, &refusal) {
		c.mu.Lock()
		c.refused = refusal
		c.mu.Unlock()
	}
	return &failure{sent: sent, err: err}
}

func (c *client) usable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.refused != nil:
		return c.refused
	}
	return nil
}

// get takes an idle connection that is alive and fresh, waits for the one that is being prepared, or makes a new one and
// logs in on it.
func (c *client) get(ctx context.Context, l lane) (cn *conn, reused bool, err error) {
	for {
		cn, coming := c.takeIdle(l)
		switch {
		case coming != nil:
			if err := c.await(ctx, coming); err != nil {
				return nil, false, err
			}
		case cn == nil:
			cn, err = c.fresh(ctx)
			return cn, false, err
		case c.usableConn(cn):
			return cn, true, nil
		default:
			c.drop(cn)
		}
	}
}

// comingWait is how long the connection that is being prepared is waited for. Where its handshake hangs that of another may
// not. It is less than CleanupTimeout, for which an input that was refused waits for the output.
const comingWait = 2 * time.Second

// await waits until the connection that is being prepared is idle or has failed, or for comingWait.
func (c *client) await(ctx context.Context, coming <-chan struct{}) error {
	t := time.NewTimer(comingWait)
	defer t.Stop()
	select {
	case <-coming:
	case <-t.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return c.usable()
}

// fresh makes a connection and logs in on it.
func (c *client) fresh(ctx context.Context) (*conn, error) {
	cn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := cn.auth.login(ctx, cn); err != nil {
		c.drop(cn)
		return nil, err
	}
	return cn, nil
}

// prepare begins to make an idle connection for a lane that has none, so that whoever needs one waits for what is left of
// its handshakes, and calls done at the end. Nothing is lost where that fails: who needs one makes it, and has the error.
func (c *client) prepare(ctx context.Context, l lane, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.refused != nil || c.coming[l] != nil || slices.ContainsFunc(c.idle[l], c.usableConn) {
		done()
		return
	}
	coming := make(chan struct{})
	c.coming[l] = coming
	go func() {
		defer done()
		ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.OperationTimeout+c.cfg.AnswerMargin, errStalled)
		defer cancel()
		if cn, err := c.fresh(ctx); err == nil {
			c.put(l, cn)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.coming[l] == coming {
			c.coming[l] = nil
		}
		close(coming)
	}()
}

// usableConn reports whether an idle connection is alive and fresh.
func (c *client) usableConn(cn *conn) bool {
	return cn.alive() && time.Since(cn.idleSince) < c.cfg.ConnIdle
}

// takeIdle takes an idle connection, or where there is none the right to wait for the one that is being prepared: it will
// serve one, so that a second who waited would have done better to make his own.
func (c *client) takeIdle(l lane) (cn *conn, coming <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle[l])
	if n == 0 {
		coming = c.coming[l]
		c.coming[l] = nil
		return nil, coming
	}
	cn = c.idle[l][n-1]
	c.idle[l] = c.idle[l][:n-1]
	return cn, nil
}

func (c *client) put(l lane, cn *conn) {
	cn.idleSince = time.Now()
	c.mu.Lock()
	if !c.closed && len(c.idle[l]) < c.cfg.MaxCommands+1 {
		c.idle[l] = append(c.idle[l], cn)
		cn = nil
	}
	c.mu.Unlock()
	if cn != nil {
		c.drop(cn)
	}
}

func (c *client) drop(cn *conn) {
	c.mu.Lock()
	delete(c.all, cn)
	c.mu.Unlock()
	cn.close()
}

func (c *client) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.DialTimeout, errNoConnection)
	defer cancel()
	nc, err := c.cfg.Dial(ctx, "tcp", c.cfg.address())
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	t := &target{host: c.cfg.Host, name: c.cfg.ServerName, plain: c.cfg.Insecure || isLoopback(c.cfg.Host)}
	if c.tls != nil {
		tc := tls.Client(nc, c.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			nc.Close()
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, explainTLS(c.cfg.Host, c.cfg.ServerName, err)
		}
		state := tc.ConnectionState()
		t.tls = &state
		nc = tc
	}
	cn := newConn(nc, c.cfg.address(), c.cfg.MaxAnswer)
	cn.auth = c.cfg.Auth.begin(t)
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.all[cn] = struct{}{}
	}
	c.mu.Unlock()
	if closed {
		cn.close()
		return nil, ErrClosed
	}
	return cn, nil
}

// close ends every connection; messages under way fail.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	conns := c.all
	c.all = nil
	c.idle = [lanes][]*conn{}
	c.mu.Unlock()
	for cn := range conns {
		cn.close()
	}
}
