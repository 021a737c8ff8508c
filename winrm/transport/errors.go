package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"
)

// WS-Management fault codes that decide something here. The first two are part of the normal life of a shell.
const (
	FaultTimedOut      = 2150858793 // nothing within OperationTimeout: ask again
	FaultShellNotFound = 2150858843 // the shell is gone, as after a reboot
	FaultShellQuota    = 2150859173 // too many shells of this user
	FaultOpsQuota      = 2150859174 // too many operations of this user
	FaultTooLong       = 2147942606 // the command line is too long
	FaultBusy          = 170        // the command does not take input now
	FaultAccessDenied  = 5
	FaultAccessDenied2 = 2147942405 // the same as an HRESULT
)

// Fault is a SOAP fault that a server answered with.
type Fault struct {
	HTTP    int    // status of the HTTP answer, mostly 500
	Code    string // local name of s:Code/s:Value: Sender, Receiver
	Subcode string // local name of s:Subcode/s:Value: TimedOut, InvalidSelectors, QuotaLimit ...
	WSMan   uint32 // f:WSManFault/@Code, 0 where absent
	Text    string // the reason, one line, at most 500 characters
}

func (f *Fault) Error() string {
	text := f.Text
	if text == "" {
		text = "no reason given"
	}
	return fmt.Sprintf("WS-Management fault %d (%s): %s", f.WSMan, f.Subcode, text)
}

func (f *Fault) timedOut() bool {
	return f.WSMan == FaultTimedOut || f.WSMan == 0 && f.Subcode == "TimedOut"
}
func (f *Fault) shellGone() bool {
	return f.WSMan == FaultShellNotFound || f.Subcode == "InvalidSelectors"
}

// refusal reports a fault that a server gives before it begins a command. A fault not listed here may have come
// from halfway through.
func (f *Fault) refusal() bool {
	switch f.WSMan {
	case FaultShellNotFound, FaultShellQuota, FaultOpsQuota, FaultTooLong, FaultBusy, FaultAccessDenied, FaultAccessDenied2:
		return true
	}
	switch f.Subcode {
	case "InvalidSelectors", "QuotaLimit", "AccessDenied", "SchemaValidationError", "InvalidOptions", "EncodingLimit":
		return true
	}
	return false
}

// AuthError is a refused login. It is final: the Client never tries again, and a refused password is not tried on
// any other server either.
type AuthError struct {
	Host    string
	User    string
	Scheme  string // Basic, NTLM, Kerberos, Certificate
	Reason  string
	Offered []string // the schemes the server offers instead, where it said so
}

func (e *AuthError) Error() string {
	s := fmt.Sprintf("%s login as %s on %s refused: %s", e.Scheme, e.User, e.Host, e.Reason)
	if len(e.Offered) > 0 {
		s += " (it offers " + strings.Join(e.Offered, ", ") + ")"
	}
	return s
}

// StatusError is an HTTP answer that is neither success nor a fault.
type StatusError struct{ Status int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("HTTP status %d without a WS-Management fault", e.Status)
}

// ProtocolError is an answer that is not WS-Management, or not the answer to what was asked.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return "not a valid answer: " + e.Reason }

func protocolf(format string, args ...any) error {
	return &ProtocolError{Reason: oneLine(fmt.Sprintf(format, args...), 300)}
}

// TLSError is a failed TLS handshake, told in plain words.
type TLSError struct {
	Host   string
	Reason string
	Err    error
}

func (e *TLSError) Error() string { return "TLS to " + e.Host + ": " + e.Reason }

func (e *TLSError) Unwrap() error { return e.Err }

// explainTLS names what is wrong with a handshake; an error that is no TLS error comes back as it is.
func explainTLS(host, name string, err error) error {
	say := func(format string, args ...any) error {
		return &TLSError{Host: host, Reason: fmt.Sprintf(format, args...), Err: err}
	}
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var remote *net.OpError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &wrongName):
		return say("the certificate is for %s, not for %s", certNames(wrongName.Certificate), name)
	case errors.As(err, &unknown):
		return say("the certificate was issued by an authority that is not trusted here")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		const minute = "2006-01-02 15:04 UTC"
		if c := invalid.Cert; time.Now().Before(c.NotBefore) {
			return say("the certificate is not valid before %s: compare the clocks", c.NotBefore.UTC().Format(minute))
		}
		return say("the certificate expired on %s", invalid.Cert.NotAfter.UTC().Format(minute))
	case errors.As(err, &invalid), errors.As(err, &verify):
		return say("the certificate is not valid: %s", oneLine(err.Error(), 200))
	case errors.As(err, &record):
		return say("the port does not speak TLS")
	case errors.As(err, &remote) && remote.Op == "remote error":
		return say("the server refused: %s", oneLine(remote.Err.Error(), 200))
	}
	return err
}

func certNames(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host name at all"
	}
	if len(names) > 5 {
		names = append(names[:5], "…")
	}
	return oneLine(strings.Join(names, ", "), 200)
}

// oneLine makes a text from outside fit for a message: control characters become blanks, and limit characters
// are kept.
func oneLine(s string, limit int) string {
	var b strings.Builder
	n := 0
	blank := true
	for _, r := range s {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			r = ' '
		}
		if r == ' ' && blank {
			continue
		}
		blank = r == ' '
		if n == limit {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}
