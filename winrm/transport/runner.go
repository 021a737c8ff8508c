package transport

import (
	"context"
	"errors"
	"fmt"
)

// Runner is a place where a command line can be run: a server, or this machine.
type Runner interface {
	// Run starts commandLine, gives it stdin whole and returns when it has ended. The error, where there is one,
	// holds an *Error; the exit code of a command that ended is in the Result and is never an error.
	Run(ctx context.Context, commandLine string, stdin []byte) (Result, error)
	// Close lets go of what the Runner holds on the server. Its context bounds the good-bye, not the letting go.
	Close(ctx context.Context) error
}

// Result is what a command that ended has left behind.
type Result struct {
	Stdout []byte
	Stderr []byte
	Exit   int // the process exit code

	// Gap tells that a connection broke while output was awaited. A server may then have handed a piece of output
	// to nobody, so a Result with a Gap can be whole or can lack a middle. It proves nothing: read again.
	Gap bool
}

// State is what is known about a command that has no Result.
type State int

const (
	// InDoubt means that the command may have run, wholly or in part, or may still be running.
	InDoubt State = iota
	// NotBegun means that the server has not begun the command, so that it can be sent again.
	NotBegun
)

func (s State) String() string {
	if s == NotBegun {
		return "not begun"
	}
	return "in doubt"
}

// Error is the failure of one call on one server. Its cause is a *Fault, *AuthError, *TLSError, *StatusError,
// *ProtocolError, one of this package's Err values, a network error or the context's own.
type Error struct {
	Host  string // as in Config.Host
	Op    string // connect, identify, create, command, send, receive, signal, delete
	State State
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Host, e.Op, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Repeatable reports whether err proves that the command has not begun. Every other error, nil included, does not.
func Repeatable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.State == NotBegun
}

var (
	// ErrOutputLimit ends a command that wrote more than Config.MaxOutput; it has been killed midway.
	ErrOutputLimit = errors.New("the command wrote more output than is accepted; it was ended")
	// ErrClosed is returned by a Runner after Close.
	ErrClosed = errors.New("the session is closed")
	// ErrPlainText refuses a password or a command without encryption to a host that is not this one.
	ErrPlainText = errors.New("plain HTTP would carry the password or the commands unencrypted; use TLS, NTLM or Kerberos")
	// ErrCommandLine refuses a command line that the shell could not take.
	ErrCommandLine = errors.New("the command line cannot be sent")
)
