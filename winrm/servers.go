package winrm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

// Dialer makes the Runner of a server by its FQDN. It sends nothing: the first command connects.
type Dialer func(server string) (transport.Runner, error)

// Login is what reaching the servers takes beside the pool file.
type Login struct {
	Dial Dialer
	// Secret is the password: of the account that tasks run as (identity task:ACCOUNT), and what is taken out of every
	// text that comes from a server. nil where there is none.
	Secret func() string
}

// Servers is a pool with the ways to its servers, one Runner each, opened at the first use. It is safe for concurrent use.
type Servers struct {
	pool   *pool.Pool
	login  Login
	logon  scripts.Logon
	tasks  *taskLogon // nil: no password is stored with tasks
	direct bool       // what reads on other machines is run in the network logon itself

	background sync.WaitGroup  // calls that nobody waits for; raised under mu only, while not closing
	life       context.Context // of those calls
	end        context.CancelFunc

	proving sync.Mutex // held while a login that was refused is tried elsewhere

	mu       sync.Mutex
	closing  bool
	runners  map[string]transport.Runner
	partner  []string // front ends of the paired pool, once they are known
	answered string   // the front end that told the pool's state and databases in the last look, if it served then; else ""
	marks    *Marks   // of the run that works through these Servers; nil = none
}

// Connect makes the Servers of a pool. It refuses a rehearsal's pool file for servers that are not on this machine, and
// sends nothing.
func Connect(p *pool.Pool, login Login) (*Servers, error) {
	if login.Dial == nil {
		return nil, errors.New("no way to reach the servers is given")
	}
	if p.Rehearsal != nil {
		if err := onlyLoopback(p); err != nil {
			return nil, err
		}
	}
	s := &Servers{pool: p, login: login, runners: map[string]transport.Runner{}}
	s.life, s.end = context.WithCancel(context.Background())
	switch id := p.Connect.Identity; id.Kind {
	case pool.Direct:
		s.direct = true
	case pool.Task:
		if takesPassword(id.Account) {
			s.tasks = newTaskLogon(id.Account)
		}
		s.logon = scripts.Logon{Account: id.Account, Password: login.Secret}
		if login.Secret == nil {
			s.logon.Password = func() string { return "" }
		}
	case pool.GMSA:
		s.logon = scripts.Logon{Account: managedAccount(id.Account)}
	}
	return s, nil
}

// managedAccount is a group managed service account as a task names it: with a dollar at its end.
func managedAccount(name string) string {
	if name != "" && name[len(name)-1] != '$' {
		return name + "$"
	}
	return name
}

// onlyLoopback refuses a rehearsal that would reach another machine: in its faster time bounds pass far too early.
func onlyLoopback(p *pool.Pool) error {
	names := p.Names(p.All())
	if p.Connect.Via != "" {
		names = append(names, p.Connect.Via)
	}
	for _, n := range names {
		if p.Connect.Local(n) {
			return fmt.Errorf("the pool file is of a rehearsal (rehearsal: time_scale), which is for modelled servers alone, and %s is this machine itself", n)
		}
		if a := p.Connect.Address(n); !pool.IsLoopback(a) {
			return fmt.Errorf("the pool file is of a rehearsal (rehearsal: time_scale), which is for servers of this machine alone, and %s is at %s", n, a)
		}
	}
	return nil
}

// Pool is the pool that the servers belong to.
func (s *Servers) Pool() *pool.Pool { return s.pool }

// scale is how much faster than the wall the run's time is.
func (s *Servers) scale() int {
	if s.pool.Rehearsal == nil {
		return 1
	}
	return s.pool.Rehearsal.TimeScale
}

func (s *Servers) runner(server string) (transport.Runner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runners[server]; r != nil {
		return r, nil
	}
	if s.closing {
		return nil, transport.ErrClosed
	}
	if s.pool.Rehearsal != nil && (s.pool.Connect.Local(server) || !pool.IsLoopback(s.pool.Connect.Address(server))) {
		return nil, fmt.Errorf("a rehearsal reaches servers of this machine alone, and not %s", server)
	}
	r, err := s.login.Dial(server)
	if err != nil {
		return nil, err
	}
	s.runners[server] = r
	return r, nil
}

// Close closes the sessions. Its context bounds the good-byes.
func (s *Servers) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	runners := s.runners
	s.mu.Unlock()
	quiet := make(chan struct{})
	go func() { s.background.Wait(); close(quiet) }()
	select {
	case <-quiet:
	case <-ctx.Done():
	}
	s.end()
	<-quiet
	errs := make(chan error, len(runners))
	for _, r := range runners {
		go func() { errs <- r.Close(ctx) }()
	}
	var all []error
	for range runners {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// answerLimit bounds one call that answers at once, in the time of the wall: a server that does not answer by then is
// taken for one that does not answer.
const answerLimit = 90 * time.Second

// errNotBegun marks an error after which it is certain that nothing was begun.
var errNotBegun = errors.New("it was not begun")

// notBegun reports whether an error proves that the script was not begun.
func notBegun(err error) bool { return errors.Is(err, errNotBegun) || transport.Repeatable(err) }

// refused reports whether an error is the script's own: it ran, and says why it failed.
func refused(err error) bool {
	var s *scripts.ScriptError
	return errors.As(err, &s)
}

// loginRefused reports whether an error is final for every server: the password is wrong.
func loginRefused(err error) bool {
	var a *transport.AuthError
	return errors.As(err, &a)
}

// untrusted reports whether an error is a certificate that does not convince: asking again gives the same one.
func untrusted(err error) bool {
	var t *transport.TLSError
	return errors.As(err, &t)
}

// call runs one script on a server and decodes its answer into out. The error is a [*scripts.ScriptError] where the
// script itself failed, [scripts.ErrNoResult] where its answer cannot be understood, or one of transport's.
func (s *Servers) call(ctx context.Context, server string, script scripts.Script, args, out any) error {
	if s.tasks != nil && registers(script) {
		return s.tasks.guard(ctx, server, func() error { return s.send(ctx, server, script, args, out) })
	}
	return s.send(ctx, server, script, args, out)
}

func (s *Servers) send(ctx context.Context, server string, script scripts.Script, args, out any) error {
	r, err := s.runner(server)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	return s.sendBy(ctx, r, server, script, args, out)
}

// sendBy is send by way of a Runner to the server.
func (s *Servers) sendBy(ctx context.Context, r transport.Runner, server string, script scripts.Script, args, out any) error {
	nonce := scripts.NewNonce()
	stdin, err := scripts.Encode(script, args, nonce)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	res, err := r.Run(ctx, scripts.CommandLine(), stdin)
	if err != nil {
		return err
	}
	got, err := scripts.Decode(res.Stdout, nonce)
	if err == nil && res.Gap {
		err = fmt.Errorf("%w: a piece of its output may be missing", scripts.ErrNoResult)
	}
	if err != nil {
		if text := scripts.StderrText(res.Stderr); text != "" {
			return fmt.Errorf("%w (exit code %d; it wrote: %s)", scripts.ErrNoResult, res.Exit, s.redacted(text))
		}
		return fmt.Errorf("%w (exit code %d)", scripts.ErrNoResult, res.Exit)
	}
	if err := s.scrubbed(got).Into(out); err != nil {
		return err
	}
	if r, ok := out.(*scripts.SurveyResult); ok && !sameHost(r.FQDN, server) {
		return &WrongServerError{Want: server, Got: clean(r.FQDN)}
	}
	return nil
}

// WrongServerError is a server that says it is another one: an address under `connect: hosts` that leads elsewhere, or a
// name that DNS resolves wrongly. A certificate need not tell, since one may be good for the whole pool.
type WrongServerError struct {
	Want, Got string // FQDNs
}

func (e *WrongServerError) Error() string {
	return fmt.Sprintf("the server at the address of %s says that it is %s: look at connect: hosts and at DNS", e.Want, e.Got)
}

// sameHost compares what a server calls itself with what it is called. The first label decides: the domain behind it may
// be written in two ways, and servers of a pool differ in the first.
func sameHost(says, called string) bool {
	first := func(name string) string {
		host, _, _ := strings.Cut(name, ".")
		return host
	}
	return strings.EqualFold(first(says), first(called))
}

// quick is call for what answers at once, under a limit of its own.
func (s *Servers) quick(ctx context.Context, server string, script scripts.Script, args, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return s.call(ctx, server, script, args, out)
}

// reread is quick for what is safe to repeat: a call whose connection breaks on the way is made again at once, a few
// times. A server that cannot even be connected to, or that hangs, is not asked again: others wait for the answer.
func (s *Servers) reread(ctx context.Context, server string, script scripts.Script, args, out any) error {
	for pause := time.Duration(0); ; pause = pause*4 + 5*time.Millisecond {
		err := s.quick(ctx, server, script, args, out)
		var dial *net.OpError
		var wrong *WrongServerError
		switch {
		case errors.As(err, &wrong), errors.Is(err, transport.ErrOutputLimit):
			return err
		case err == nil, refused(err), loginRefused(err), untrusted(err), ctx.Err() != nil, pause > 400*time.Millisecond:
			return err
		case errors.As(err, &dial) && dial.Op == "dial", errors.Is(err, context.DeadlineExceeded):
			return err
		}
		if !sleepWall(ctx, pause) {
			return err
		}
	}
}

func (s *Servers) redacted(text string) string {
	if s.login.Secret == nil {
		return text
	}
	return redact(text, s.login.Secret())
}

// scrubbed is a result without the password, before anything is cut out of its texts.
func (s *Servers) scrubbed(r scripts.Result) scripts.Result {
	if s.login.Secret == nil {
		return r
	}
	secret := s.login.Secret()
	for i := range r.Out {
		r.Out[i] = scrub(r.Out[i], secret)
	}
	if r.Err != nil {
		r.Err.Msg, r.Err.Position = redact(r.Err.Msg, secret), ""
	}
	return r
}
