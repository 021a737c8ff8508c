package rehearsal

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm/wsman"
)

// Options say which pool is served, and how.
type Options struct {
	Pool      *pool.Pool     // required
	Scenario  *pool.Scenario // nil is a night without trouble
	Seed      *uint64        // nil is the scenario's; where that has none, every duration is a middling one
	TimeScale int            // seconds of the model in one second of the wall; 1 where it is 0
	Build     string         // version that the installer brings; that of DefaultBuild where empty

	Listen   string      // address of the first server, 127.0.0.1:15985 where empty; the others follow, one port each; port 0 picks free ones
	User     string      // the one account; that of the pool file where empty, "lrun" where that has none
	Password string      // required with basic and ntlm
	Auth     []pool.Auth // offered in this order, basic and ntlm where empty; the first is what PoolFile names
	Keytab   string      // file with the keys of the servers, for kerberos
	TLS      *Authority  // nil serves plain HTTP

	// Delegation lets a Kerberos logon reach other machines, as where constrained delegation has been set up for the
	// servers. Without it a network logon reaches none.
	Delegation bool

	// StaysUp lets the web server and the agents run on when all services are stopped, until they are stopped by name. The
	// vendor's procedures differ: some stop the web server by itself, and a switch of Stop-CsWindowsService says that it would.
	StaysUp bool
	// Unmirrored pools have databases without a mirror: the cmdlets say of each what they say of one that is lost.
	Unmirrored bool

	Log     io.Writer   // one JSON object a line for each Event
	OnEvent func(Event) // told of each Event, in order, under a lock: it must not call back

	Faults    func(wsman.MessageInfo) wsman.Fault // breaks messages on the wire; see wsman.Options
	OnMessage func(wsman.MessageInfo)
	Limits    wsman.Limits
	// Network replaces that of this machine, for tests: it listens on an address, whose port 0 picks a free one.
	Network  func(address string) (net.Listener, error)
	ErrorLog *stdlog.Logger // of failed TLS handshakes; nil is standard error
}

func (o *Options) setDefaults() error {
	switch {
	case o.Pool == nil:
		return errors.New("no pool is given")
	case o.TimeScale < 0 || o.TimeScale > maxScale:
		return fmt.Errorf("a time scale of %d: want a number from 1 to %d", o.TimeScale, maxScale)
	}
	if o.Scenario == nil {
		o.Scenario = &pool.Scenario{}
	}
	if o.Seed == nil {
		o.Seed = o.Scenario.Seed
	}
	def := func(s *string, values ...string) {
		for _, v := range values {
			if *s == "" {
				*s = v
			}
		}
	}
	o.TimeScale = max(o.TimeScale, 1)
	def(&o.Build, DefaultBuild(o.Pool.Product))
	def(&o.Listen, "127.0.0.1:15985")
	def(&o.User, o.Pool.Connect.User, "lrun")
	if len(o.Auth) == 0 {
		o.Auth = []pool.Auth{pool.Basic, pool.NTLM}
	}
	return nil
}

// maxScale is the largest time scale, that of the pool file.
const maxScale = 1_000_000

// auths makes the ways to log on.
func (o *Options) auths() ([]wsman.Auth, error) {
	accounts := wsman.StaticAccounts{o.User: o.Password}
	var list []wsman.Auth
	for _, a := range o.Auth {
		switch a {
		case pool.Basic, pool.NTLM:
			if o.Password == "" {
				return nil, fmt.Errorf("auth %s needs a password", a)
			}
			if a == pool.NTLM {
				list = append(list, wsman.NTLM(accounts))
				continue
			}
			list = append(list, wsman.Basic(accounts))
		case pool.Kerberos:
			if o.Keytab == "" {
				return nil, errors.New("auth kerberos needs a keytab with the keys of the servers")
			}
			k, err := wsman.KerberosKeytab(o.Keytab)
			if err != nil {
				return nil, err
			}
			list = append(list, k)
		case pool.Certificate:
			if o.TLS == nil {
				return nil, errors.New("auth certificate needs TLS")
			}
			list = append(list, wsman.Certificate(o.TLS.pool(), nil))
		default:
			return nil, fmt.Errorf("there is no auth %q", a)
		}
	}
	return list, nil
}

// Server is a modelled pool that is being served.
type Server struct {
	opts     Options
	night    *night
	wsman    *wsman.Server
	held     []*os.File // the addresses
	messages atomic.Uint64
	commands atomic.Uint64
}

// Serve listens on an address for each server and begins the night. The error says what does not fit; nothing listens then.
func Serve(o Options) (*Server, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	_ = scriptOf() // takes all scripts apart, now and not while somebody waits for an answer
	s := &Server{opts: o}
	auth, err := s.opts.auths()
	if err != nil {
		return nil, err
	}
	s.night = newNight(&s.opts)
	if err := s.night.populate(); err != nil {
		return nil, err
	}
	var conf *tls.Config
	if o.TLS != nil {
		if conf, err = o.TLS.server(s.night.names(), o.Listen); err != nil {
			return nil, err
		}
	}
	s.wsman = wsman.NewServer(wsman.Options{
		Auth: auth, TLS: conf, Faults: o.Faults, OnMessage: s.count, Limits: o.Limits, ErrorLog: o.ErrorLog,
		OnLogon: s.night.logon, Listen: o.Network,
	})
	s.night.mu.Lock()
	defer s.night.mu.Unlock()
	if err := s.listen(); err != nil {
		s.night.closed = true
		return nil, errors.Join(err, s.wsman.Close(), s.release())
	}
	s.night.begin()
	s.night.advance()
	return s, nil
}

// populate makes the models and their servers.
func (n *night) populate() error {
	p := n.opts.Pool
	add := func(p *pool.Pool, sc *pool.Scenario) error {
		f := &farm{night: n, pool: p, prog: newProgram(p, n.opts.Build), seed: n.opts.Seed}
		var err error
		if f.model, err = sim.New(f.prog, sc, f.chooser()); err != nil {
			return err
		}
		for i := range p.Servers {
			s := &server{night: n, farm: f, number: i, name: p.Servers[i].Name, phase: sim.PhaseRunning}
			f.servers = append(f.servers, s)
			n.servers = append(n.servers, s)
		}
		n.farms = append(n.farms, f)
		return nil
	}
	if err := add(p, n.opts.Scenario); err != nil {
		return err
	}
	if p.Paired() {
		if err := add(partner(p), nil); err != nil {
			return err
		}
	}
	if via := p.Connect.Via; via != "" && n.server(via) == nil {
		n.servers = append(n.servers, &server{night: n, name: via, phase: sim.PhaseRunning})
	}
	// Every server has been up for a while, each for another one.
	for i, s := range n.servers {
		s.boot = n.clock().Add(-time.Duration(240+7*i) * time.Hour).Format(dotnet)
	}
	return nil
}

// partnerServers is the size of the modelled paired pool, about which the pool file says nothing.
const partnerServers = 3

// partner makes the paired pool, with servers named after it.
func partner(p *pool.Pool) *pool.Pool {
	label, domain, _ := strings.Cut(p.Backup, ".")
	q := &pool.Pool{Name: p.Backup, Product: p.Product, Backup: p.Name, Model: p.Model, Installer: p.Installer}
	for i := range partnerServers {
		q.Domains = append(q.Domains, pool.Domain{Name: "UD" + strconv.Itoa(i+1), Servers: pool.SetOf(i)})
		q.Servers = append(q.Servers, pool.Server{Name: fmt.Sprintf("%s-fe%02d.%s", label, i+1, domain), Domain: i})
	}
	return q
}

func (n *night) names() []string {
	var names []string
	for _, s := range n.servers {
		names = append(names, s.name)
	}
	return names
}

// listen opens the addresses, in the order of the servers.
func (s *Server) listen() error {
	host, text, err := net.SplitHostPort(s.opts.Listen)
	if err != nil {
		return fmt.Errorf("the address %s: want host:port", s.opts.Listen)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 0 && port+len(s.night.servers) > 1<<16 {
		return fmt.Errorf("the address %s: there is no room for %d ports", s.opts.Listen, len(s.night.servers))
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return fmt.Errorf("the address %s: a rehearsal listens on this machine alone, as on 127.0.0.1", s.opts.Listen)
	}
	for i, srv := range s.night.servers {
		at := port
		if port > 0 {
			at += i
		}
		held, addr, err := s.hold(ip.Unmap(), at)
		if err != nil {
			return err
		}
		if held != nil {
			s.held = append(s.held, held)
		}
		if srv.host, err = s.wsman.Listen(addr.String(), srv.name, srv); err != nil {
			return err
		}
	}
	return nil
}

// hold reserves an address on the network of this machine. Another network needs no reserving.
func (s *Server) hold(ip netip.Addr, port int) (*os.File, netip.AddrPort, error) {
	if s.opts.Network != nil {
		return nil, netip.AddrPortFrom(ip, uint16(port)), nil
	}
	return hold(ip, port)
}

// logon tells of a logon that was refused. Neither the name nor the reason is told: people type passwords into both.
func (n *night) logon(l wsman.Logon) {
	if l.OK {
		return
	}
	n.enter()
	defer n.mu.Unlock()
	n.tell(n.farms[0].model.Now(), Event{Event: EventDenied, Server: l.Host, Scheme: l.Scheme})
}

func samePassword(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// Address is a server with the address that it listens on.
type Address struct {
	Server  string // FQDN
	Address string // host:port
	Pool    string // its pool, "" for a management host
}

// Addresses lists the servers: those of the pool, of the paired pool, and the management host.
func (s *Server) Addresses() []Address {
	var list []Address
	for _, srv := range s.night.servers {
		a := Address{Server: srv.name, Address: srv.host.Addr()}
		if srv.frontEnd() {
			a.Pool = srv.farm.pool.Name
		}
		list = append(list, a)
	}
	return list
}

// Address is where a server listens, "" where there is none of that name.
func (s *Server) Address(name string) string {
	if srv := s.night.server(name); srv != nil {
		return srv.host.Addr()
	}
	return ""
}

// Host is the endpoint of a server, nil where there is none of that name.
func (s *Server) Host(name string) *wsman.Host {
	if srv := s.night.server(name); srv != nil {
		return srv.host
	}
	return nil
}

// count counts a message, and hands it on to who asked for it.
func (s *Server) count(m wsman.MessageInfo) {
	s.messages.Add(1)
	if m.Action == wsman.ActionCommand {
		s.commands.Add(1)
	}
	if s.opts.OnMessage != nil {
		s.opts.OnMessage(m)
	}
}

// Messages is how many messages have come to all servers together, those of logons not counted, and how many of them
// were to begin a command.
func (s *Server) Messages() (all, commands uint64) { return s.messages.Load(), s.commands.Load() }

// User is the one account that may log on.
func (s *Server) User() string { return s.opts.User }

// Stats are the model's own figures of the pool: what was installed how often, who was cut off.
func (s *Server) Stats() sim.Stats {
	s.night.enter()
	defer s.night.leave()
	return s.night.farms[0].model.Stats()
}

// Now is the time of the model since the night began.
func (s *Server) Now() time.Duration {
	s.night.enter()
	defer s.night.leave()
	return s.night.farms[0].model.Now()
}

// Err is why the night cannot go on or the log cannot be written, nil while both can.
func (s *Server) Err() error {
	s.night.mu.Lock()
	defer s.night.mu.Unlock()
	return errors.Join(s.night.err, s.night.log.failure())
}

// Close ends the night and takes all servers down. It gives the errors of Err.
func (s *Server) Close() error {
	s.night.stop()
	return errors.Join(s.wsman.Close(), s.release(), s.Err())
}

// release gives the addresses back.
func (s *Server) release() error {
	var errs []error
	for _, f := range s.held {
		errs = append(errs, f.Close())
	}
	s.held = nil
	return errors.Join(errs...)
}
