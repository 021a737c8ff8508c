package winrm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

// taskLogon guards the password that scheduled tasks are registered with: Windows tries it at every registration, and an
// account is locked after a few wrong ones. So the first registration goes alone, and after a refusal there is no other, on
// any server. It is safe for concurrent use.
type taskLogon struct {
	account string
	first   chan struct{} // holds a token while nobody is at the first registration

	mu      sync.Mutex
	proven  bool
	refused error
}

func newTaskLogon(account string) *taskLogon {
	l := &taskLogon{account: account, first: make(chan struct{}, 1)}
	l.first <- struct{}{}
	return l
}

// logonFailure finds the codes by which the Task Scheduler refuses an account in its words: user name or password, account
// restriction, logon hours, password expired, account disabled or expired, password must change, account locked out.
var logonFailure = regexp.MustCompile(`(?i)0x8007(052E|052F|0530|0532|0533|0701|0773|0775)\b`)

// registers reports whether a script registers a task.
func registers(s scripts.Script) bool { return s == scripts.JobStart || s == scripts.JobRead }

// guard lets a registration through, the first one alone.
func (l *taskLogon) guard(ctx context.Context, server string, register func() error) error {
	proven, refused := l.known()
	if !proven && refused == nil {
		select {
		case <-l.first:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errNotBegun, context.Cause(ctx))
		}
		defer func() { l.first <- struct{}{} }() // where it has found nothing out the next one tries
		_, refused = l.known()
	}
	if refused != nil {
		return refused
	}
	return l.judge(server, register())
}

func (l *taskLogon) known() (proven bool, refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proven, l.refused
}

func (l *taskLogon) judge(server string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var s *scripts.ScriptError
	switch {
	case err == nil:
		l.proven = true
	case errors.As(err, &s) && logonFailure.MatchString(s.Msg):
		refused := &transport.AuthError{Host: server, User: l.account, Scheme: "scheduled task", Reason: clean(s.Msg)}
		l.refused = fmt.Errorf("%w: %w", errNotBegun, refused)
		return l.refused
	}
	return err
}

// takesPassword reports whether tasks of an account are registered with its password.
func takesPassword(account string) bool {
	return !strings.EqualFold(account, "SYSTEM") && !strings.HasSuffix(account, "$")
}

// sameAccount compares two ways to write an account by the name itself: its domain may be written before or behind it.
func sameAccount(a, b string) bool {
	bare := func(s string) string {
		if _, name, ok := strings.Cut(s, `\`); ok {
			return name
		}
		name, _, _ := strings.Cut(s, "@")
		return name
	}
	return strings.EqualFold(bare(a), bare(b))
}
