package wsman

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options are common to all hosts of a Server. Hooks are called from many goroutines at once.
type Options struct {
	Auth      []Auth                        // offered in this order; without any, every message but Identify is refused
	TLS       *tls.Config                   // nil serves plain HTTP; it is copied
	Limits    Limits                        // zero fields mean the defaults
	Faults    func(MessageInfo) Fault       // asked for each message before it is acted on; nil means never
	OnMessage func(MessageInfo)             // told of each message before it is acted on
	OnLogon   func(Logon)                   // told of each failed logon attempt and of each successful one
	OnAnswer  func(MessageInfo, *SOAPFault) // told after each answer was made, with its fault or nil
	Product   string                        // ProductVersion of Identify for a known user; a Windows Server 2012 R2 if empty
	// RefuseUnencrypted answers "Access is denied" to messages that are neither sealed nor under TLS, as a Windows
	// server does that has AllowUnencrypted=false, its default.
	RefuseUnencrypted bool
	Listen            func(address string) (net.Listener, error) // replaces the network, for tests; nil is TCP
	ErrorLog          *log.Logger                                // of failed TLS handshakes and of panics while a message is answered; nil is standard error
}

// Logon is one attempt to log on: a password or ticket that was checked. It never holds a secret.
type Logon struct {
	Host   string
	Remote string // address of the client
	Scheme string // Basic, NTLM, Kerberos or Certificate
	User   string // as the client gave it
	OK     bool
	Reason string // of a refusal
}

// Server serves any number of hosts, each on its own address.
type Server struct {
	opts Options

	mu     sync.Mutex
	hosts  []*Host
	closed bool
	wg     sync.WaitGroup // HTTP servers, messages being answered, commands
}

// NewServer returns a server without hosts.
func NewServer(o Options) *Server {
	o.Limits = o.Limits.withDefaults()
	if o.TLS != nil {
		o.TLS = serverTLS(o.TLS, o.Auth)
	}
	if o.Product == "" {
		o.Product = "OS: 6.3.9600 SP: 0.0 Stack: 3.0"
	}
	if o.Listen == nil {
		o.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	return &Server{opts: o}
}

// Host is one modelled server. It is up or down; all that its clients made is forgotten when it goes down.
type Host struct {
	name    string
	server  *Server
	handler Handler
	addr    atomic.Pointer[string] // fixed by the first listen

	messages atomic.Uint64
	refused  atomic.Uint64
	conns    atomic.Uint64

	mu   sync.Mutex
	boot *boot
}

// boot is the time between a start of a host and its end.
type boot struct {
	host   *Host
	ctx    context.Context
	cancel context.CancelCauseFunc
	shells *shells
	ln     *listener
	http   *http.Server
}

// Listen starts a host on an address such as 127.0.0.2:15985; port 0 picks a free one. The name is what the server
// calls itself, in faults and in [Command.Host].
func (s *Server) Listen(addr, name string, h Handler) (*Host, error) {
	host := &Host{name: name, server: s, handler: h}
	host.addr.Store(&addr)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, http.ErrServerClosed
	}
	s.hosts = append(s.hosts, host)
	s.mu.Unlock()
	if err := host.Up(); err != nil {
		return nil, err
	}
	return host, nil
}

// Hosts returns the hosts in the order of their Listen.
func (s *Server) Hosts() []*Host {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Host(nil), s.hosts...)
}

// begin counts something that Close waits for, unless Close was called already. The caller ends it by wg.Done.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// Close takes all hosts down and waits until their messages and commands have ended. It must not be called from a
// Handler or a hook.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	hosts := append([]*Host(nil), s.hosts...)
	s.mu.Unlock()
	for _, h := range hosts {
		h.Down()
	}
	s.wg.Wait()
	return nil
}

// Name returns the name given to Listen.
func (h *Host) Name() string { return h.name }

// Addr returns host:port of the listener, the same for every boot.
func (h *Host) Addr() string { return *h.addr.Load() }

// URL returns the endpoint, such as http://127.0.0.2:15985/wsman.
func (h *Host) URL() string {
	scheme := "http"
	if h.server.opts.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + h.Addr() + "/wsman"
}

// Up starts the host on its address. It does nothing when the host is up already.
func (h *Host) Up() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boot != nil {
		return nil
	}
	s := h.server
	if !s.begin() {
		return http.ErrServerClosed
	}
	l, err := s.opts.Listen(h.Addr())
	if err != nil {
		s.wg.Done()
		return fmt.Errorf("wsman: host %s: %w", h.name, err)
	}
	addr := l.Addr().String()
	h.addr.Store(&addr)
	b := h.newBoot()
	b.ln = newListener(l, s.opts.Limits.MaxConnections, &h.conns)
	h.boot = b
	go func() {
		defer s.wg.Done()
		var front net.Listener = b.ln
		if s.opts.TLS != nil {
			front = tls.NewListener(b.ln, s.opts.TLS)
		}
		// Serve always returns an error; after Down it is that the server is closed, and nothing else can be done here.
		_ = b.http.Serve(front)
	}()
	return nil
}

// newBoot makes the state of a start, without a listener.
func (h *Host) newBoot() *boot {
	b := &boot{host: h}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	b.shells = newShells(b.ctx, h.server.opts.Limits)
	b.http = &http.Server{
		Handler:           b,
		ConnContext:       withConn,
		ReadHeaderTimeout: time.Minute,
		// As http.sys does: a client that is silent for so long has to log on again.
		IdleTimeout:    2 * time.Minute,
		ErrorLog:       h.server.opts.ErrorLog,
		MaxHeaderBytes: 64 << 10,
		// A logon belongs to a TCP connection whose messages come one after the other, so HTTP/2 is out.
		Protocols: func() *http.Protocols { p := new(http.Protocols); p.SetHTTP1(true); return p }(),
	}
	return b
}

// Down is a power failure: connections are reset, the address refuses new ones, shells are forgotten, commands are
// cancelled with [ErrHostDown]. It does not wait for the commands, so a command or a hook may call it.
func (h *Host) Down() {
	h.mu.Lock()
	b := h.boot
	h.boot = nil
	h.mu.Unlock()
	if b == nil {
		return
	}
	b.cancel(ErrHostDown)
	b.shells.removeAll(ErrHostDown)
	if b.ln != nil {
		_ = b.ln.Close() // an address that was not open is closed as well
		b.ln.resetAll()
	}
	// The connections are closed already; what is left is the server's own bookkeeping.
	_ = b.http.Close()
}

// IsUp reports whether the host listens.
func (h *Host) IsUp() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boot != nil
}

// RestartService forgets all shells, as a restart of the WinRM service does, and keeps the connections.
func (h *Host) RestartService() {
	h.mu.Lock()
	b := h.boot
	h.mu.Unlock()
	if b != nil {
		b.shells.removeAll(ErrShellDeleted)
	}
}

// Stats are counters of a host since its first start; Shells is the number of the moment.
type Stats struct {
	Connections  uint64
	Messages     uint64
	FailedLogons uint64
	Shells       int
}

// Stats returns the counters.
func (h *Host) Stats() Stats {
	st := Stats{Connections: h.conns.Load(), Messages: h.messages.Load(), FailedLogons: h.refused.Load()}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boot != nil {
		st.Shells = h.boot.shells.count()
	}
	return st
}

// errGone ends an HTTP exchange without an answer.
var errGone = errors.New("the client or the host has gone")
