package winrm

import (
	"context"
	"fmt"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// A server that boots may take connections before it can ask a domain controller who logs in, and refuses everybody until
// then. A login that was good all night is then tried again, under rules that keep it from being locked out where it is the
// password after all: before each further try the same login is accepted by another server, two minutes pass, and after a few
// refusals a person looks at it.
const (
	mostBootRefusals = 3
	bootRefusalPause = 2 * time.Minute
)

// refusedAtBoot is what to do about a login that a server which boots has refused, for the n-th time: nil to try it once
// more, after a while.
func (t *task) refusedAtBoot(ctx context.Context, n int, refusal error) *result {
	t.note("it refuses the login: %s", why(refusal))
	unknown := func(format string, args ...any) *result {
		return &result{outcome: interp.Unknown, text: fmt.Sprintf("the server refuses the login after its reboot: %s", why(refusal)) + fmt.Sprintf(format, args...)}
	}
	if n >= mostBootRefusals {
		return unknown("; tried %d times, and accepted elsewhere in between", n)
	}
	other, err := t.w.loginElsewhere(ctx, t.server())
	switch {
	case ctx.Err() != nil:
		r := cut()
		return &r
	case err != nil:
		return unknown("; that the login is still good could not be seen elsewhere: %s", why(err))
	}
	t.note("it refuses the login, which %s has accepted since; it may not be done booting", other)
	t.w.redial(t.server())
	if !t.w.clock.sleep(ctx, bootRefusalPause) {
		r := cut()
		return &r
	}
	return nil
}

// loginElsewhere logs in anew on another server of the pool, and tells which one has accepted. One refusal ends it, and so
// do a few servers that do not answer: others that boot wait for it.
func (s *Servers) loginElsewhere(ctx context.Context, except string) (string, error) {
	s.proving.Lock()
	defer s.proving.Unlock()
	err, tried := errNobody, 0
	for _, name := range s.pool.Names(s.pool.All()) {
		if name == except || s.pool.Connect.Local(name) || ctx.Err() != nil || tried == mostAsked {
			continue
		}
		tried++
		if err = s.loginOn(ctx, name); err == nil || loginRefused(err) {
			return name, err
		}
	}
	return "", err
}

// loginOn logs in on a server with a session of its own, and lets go of it.
func (s *Servers) loginOn(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	r, err := s.login.Dial(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close(ctx) }() // what stays behind on the server ends by itself
	var seen scripts.SurveyResult
	return s.sendBy(ctx, r, name, scripts.Survey, scripts.SurveyArgs{}, &seen)
}

// redial lets go of the session on a server, so that the next call makes a new one.
func (s *Servers) redial(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runners[server]
	if r == nil || s.closing {
		return
	}
	delete(s.runners, server)
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.life, answerLimit)
		defer cancel()
		_ = r.Close(ctx)
	})
}

// whileNobodyProves waits until no other server's refusal is being looked into: a login on another server that boots would
// be refused in the same minute, and taken for the second refusal in a row.
func (s *Servers) whileNobodyProves() {
	s.proving.Lock()
	s.proving.Unlock() //nolint:staticcheck // an empty section: it is waited for its end
}
