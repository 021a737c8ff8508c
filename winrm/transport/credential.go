package transport

import (
	"context"
	"fmt"
	"sync"
)

// Credential is an account with its password. One Credential is shared by every server that the account is used
// on, because a lock-out counts tries wherever they are made:
//
//   - until a server (or KDC) has accepted the password, one login is under way at a time, and the others wait;
//   - if that first login is refused the Credential is dead: no login is ever sent with it again;
//   - if a login is refused after others were accepted, logins go one at a time again, and if the next one that
//     begins is refused it is the last.
//
// A login whose answer was lost has told nothing, and is made again when the next message wants it.
//
// A Credential is safe for concurrent use. Its password is shown by no formatting verb.
type Credential struct {
	user   string
	secret func() string // a closure, so that no reflection prints it

	turn chan struct{} // holds the right to log in while the password is not proven

	mu       sync.Mutex
	accepted bool // some login was accepted
	proven   bool // the last login that told was accepted
	refused  *AuthError
}

// NewCredential makes a Credential. The user is "user", "DOMAIN\user" or "user@domain".
func NewCredential(user, password string) *Credential {
	return &Credential{user: user, secret: func() string { return password }, turn: make(chan struct{}, 1)}
}

// User is the account's name as given.
func (c *Credential) User() string { return c.user }

// Format writes the user alone, whatever the verb.
func (c *Credential) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "credential of %s", c.user) }

// MarshalJSON writes the user alone.
func (c *Credential) MarshalJSON() ([]byte, error) { return []byte(fmt.Sprintf("%q", c.user)), nil }

// verdict is what a login told about the password.
type verdict int

const (
	noVerdict verdict = iota // it broke before the password was judged
	accepted
	rejected
)

// attempt runs one login under the rules above. The login returns its verdict beside its error; a rejected one
// must return an *AuthError.
func (c *Credential) attempt(ctx context.Context, login func() (verdict, error)) error {
	proven, err := c.state()
	if err != nil {
		return err
	}
	if !proven {
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if _, err := c.state(); err != nil {
			return err
		}
	}
	v, err := login()
	c.record(v, err, proven)
	return err
}

func (c *Credential) state() (proven bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused != nil {
		return false, c.refused
	}
	return c.proven, nil
}

// record notes how a login ended, which began with a password that was proven or not.
func (c *Credential) record(v verdict, err error, proven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch v {
	case accepted:
		c.accepted, c.proven = true, true
	case rejected:
		if !c.accepted || !proven {
			if refusal, ok := err.(*AuthError); ok {
				c.refused = refusal
			} else {
				c.refused = &AuthError{User: c.user, Reason: "the password was refused"}
			}
		}
		c.proven = false
	}
}
