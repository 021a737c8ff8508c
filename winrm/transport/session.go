package transport

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Session runs commands on one server, in one shell that it keeps open and opens anew after the server has lost
// it. It is safe for concurrent use; at most Config.MaxCommands commands are under way at once.
type Session struct {
	c     *client
	slots chan struct{}
	open  chan struct{} // the right to open a shell

	ctx    context.Context // ends with the Session
	cancel context.CancelCauseFunc

	// background counts calls and the good-byes that outlive them. It is raised from zero under mu only, while the
	// Session is not closed, so that Close can wait for it.
	background sync.WaitGroup

	mu     sync.Mutex
	shell  *shell
	closed bool
}

// shell is one WinRS shell on the server.
type shell struct {
	id      string
	users   int  // commands under way in it
	retired bool // deleted once it has no users
}

// Open makes a Session. It checks the configuration and sends nothing: the first Run or Identify connects.
func Open(cfg Config) (*Session, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Session{c: c, slots: make(chan struct{}, c.cfg.MaxCommands), open: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Host is the server's name as configured.
func (s *Session) Host() string { return s.c.cfg.Host }

func (s *Session) fail(op string, state State, err error) error {
	return &Error{Host: s.c.cfg.Host, Op: op, State: state, Err: err}
}

// Identify connects, logs in and asks for the version of the remote service, without opening a shell. It proves
// that the listener answers and that the login is accepted, and no more.
func (s *Session) Identify(ctx context.Context) (version string, err error) {
	a, f := s.c.post(ctx, identifyMessage())
	if f != nil {
		return "", s.fail("identify", NotBegun, f.err)
	}
	if !a.identify {
		return "", s.fail("identify", NotBegun, protocolf("no IdentifyResponse"))
	}
	return a.version, nil
}

// Run is described at Runner. It returns when the command has ended on the server, when it cannot be told any more
// whether it has, or at the end of ctx; a command left behind is then terminated in the background.
func (s *Session) Run(ctx context.Context, commandLine string, stdin []byte) (Result, error) {
	if err := checkLine(commandLine); err != nil {
		return Result{}, s.fail("command", NotBegun, err)
	}
	if !s.begin() {
		return Result{}, s.fail("command", NotBegun, ErrClosed)
	}
	defer s.background.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()

	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		defer cancel(nil)
		return Result{}, s.fail("command", NotBegun, context.Cause(ctx))
	}
	free := func() { cancel(nil); <-s.slots }
	sh, id, err := s.start(ctx, commandLine)
	if err != nil {
		free()
		return Result{}, err
	}
	cmd := &command{s: s, shell: sh, id: id}
	res, err := cmd.follow(ctx, stdin)
	// The slot is held until the server has forgotten the command, so that its quota is never passed.
	cmd.end(free)
	return res, err
}

// begin counts a call, unless the Session is closed.
func (s *Session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.background.Add(1)
	}
	return !s.closed
}

// start begins the command in the open shell, or in a new one if the server says that it has lost that one.
func (s *Session) start(ctx context.Context, line string) (*shell, string, error) {
	for reopened := false; ; reopened = true {
		sh, err := s.enter(ctx)
		if err != nil {
			return nil, "", err
		}
		a, f := s.c.post(ctx, s.c.commandMessage(sh.id, line))
		if f == nil && a.commandID != "" {
			return sh, a.commandID, nil
		}
		if f == nil {
			f = &failure{sent: true, err: protocolf("no CommandId")}
		}
		var fault *Fault
		isFault := errors.As(f.err, &fault)
		lost := isFault && fault.shellGone()
		refused := !f.sent || isFault && fault.refusal()
		if !refused {
			// The command may be running under an id that nobody knows. Only the end of its shell ends it.
			s.retire(sh)
		}
		if lost {
			s.forget(sh)
		}
		s.leave(sh)
		if lost && !reopened {
			continue
		}
		state := InDoubt
		if refused {
			state = NotBegun
		}
		return nil, "", s.fail("command", state, f.err)
	}
}

// enter returns the open shell with one more user.
func (s *Session) enter(ctx context.Context) (*shell, error) {
	select {
	case s.open <- struct{}{}:
		defer func() { <-s.open }()
	case <-ctx.Done():
		return nil, s.fail("create", NotBegun, context.Cause(ctx))
	}
	s.mu.Lock()
	sh, closed := s.shell, s.closed
	if sh != nil {
		sh.users++
	}
	s.mu.Unlock()
	if closed {
		return nil, s.fail("create", NotBegun, ErrClosed)
	}
	if sh != nil {
		return sh, nil
	}
	m := s.c.createMessage()
	m.loggedIn = func() {
		// The first Receive is two messages away: its connection is made meanwhile.
		s.background.Add(1)
		s.c.prepare(s.ctx, laneReceive, s.background.Done)
	}
	a, f := s.c.post(ctx, m)
	if f == nil && a.shellID == "" {
		f = &failure{err: protocolf("no ShellId")}
	}
	if f != nil {
		// A shell whose id was lost holds nothing and is dropped by the server after ShellIdle.
		return nil, s.fail("create", NotBegun, f.err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shell = &shell{id: a.shellID, users: 1}
	return s.shell, nil
}

func (s *Session) leave(sh *shell) {
	s.mu.Lock()
	sh.users--
	last := sh.retired && sh.users == 0
	s.mu.Unlock()
	if last {
		s.later(func(ctx context.Context) { s.delete(ctx, sh) })
	}
}

// retire lets nobody else into the shell; it is deleted when the last has left.
func (s *Session) retire(sh *shell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.retired = true
	if s.shell == sh {
		s.shell = nil
	}
}

// forget drops a shell that the server does not have any more.
func (s *Session) forget(sh *shell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shell == sh {
		s.shell = nil
	}
}

func (s *Session) delete(ctx context.Context, sh *shell) {
	// Its failure changes nothing: the server drops the shell by itself after ShellIdle.
	_, _ = s.c.post(ctx, s.c.deleteMessage(sh.id))
}

// later runs a good-bye under its own short deadline, whatever has become of the caller's.
func (s *Session) later(f func(context.Context)) {
	s.background.Add(1)
	go func() {
		defer s.background.Done()
		ctx, cancel := context.WithTimeout(context.Background(), s.c.cfg.CleanupTimeout)
		defer cancel()
		f(ctx)
	}()
}

// Close deletes the shell, which ends whatever still runs in it, and closes the connections. Commands under way
// fail in doubt.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	sh, closed := s.shell, s.closed
	s.shell, s.closed = nil, true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel(ErrClosed)
	quiet := make(chan struct{})
	go func() { s.background.Wait(); close(quiet) }()
	select {
	case <-quiet:
	case <-ctx.Done():
	}
	var err error
	if sh != nil {
		ctx, cancel := context.WithTimeout(ctx, s.c.cfg.CleanupTimeout)
		defer cancel()
		if _, f := s.c.post(ctx, s.c.deleteMessage(sh.id)); f != nil {
			var fault *Fault
			if !errors.As(f.err, &fault) || !fault.shellGone() {
				err = s.fail("delete", NotBegun, f.err)
			}
		}
	}
	s.c.close()
	return err
}

// pause waits for d or for the end of ctx, and reports whether ctx lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
