package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// Auth is a way to log in: [Basic], [NTLM], [Kerberos] or [Certificate]. One Auth may serve many servers.
type Auth interface {
	// scheme names it in messages and Offered lists.
	scheme() string
	// user names the account in messages.
	user() string
	// private reports that messages are encrypted without TLS, or not sent.
	private() bool
	// begin makes the security context of one new connection.
	begin(t *target) connAuth
}

// target is the server as an Auth sees it.
type target struct {
	host string // as configured, for messages
	name string // the name that tickets and certificates are for
	tls  *tls.ConnectionState
	// plain allows messages in the clear without TLS: the server is this machine, or the operator has said so.
	plain bool
}

// connAuth is the security context of one connection. Its methods are called by one goroutine at a time.
type connAuth interface {
	// login runs whatever comes before the first message. sent is true once anything was written.
	login(ctx context.Context, c *conn) error
	// send exchanges one message, sealed where the scheme seals.
	send(ctx context.Context, c *conn, body []byte) (r reply, sent bool, err error)
}

// basic sends the password with each message.
type basic struct{ cred *Credential }

// Basic logs in with a password in the clear, so that TLS is demanded (or loopback, or Config.Insecure). Windows
// accepts it for local accounts only.
func Basic(c *Credential) Auth { return &basic{cred: c} }

func (*basic) scheme() string             { return "Basic" }
func (b *basic) user() string             { return b.cred.user }
func (*basic) private() bool              { return false }
func (b *basic) begin(t *target) connAuth { return &basicConn{b, t} }

type basicConn struct {
	*basic
	t *target
}

func (*basicConn) login(context.Context, *conn) error { return nil }

func (b *basicConn) send(ctx context.Context, c *conn, body []byte) (r reply, sent bool, err error) {
	err = b.cred.attempt(ctx, func() (verdict, error) {
		token := base64.StdEncoding.EncodeToString([]byte(b.cred.user + ":" + b.cred.secret()))
		var err error
		r, sent, err = c.exchange(ctx, http.Header{
			"Content-Type":  {soapType},
			"Authorization": {"Basic " + token},
		}, body)
		switch {
		case err != nil:
			return noVerdict, err
		case r.status == http.StatusUnauthorized:
			return b.refusal(r)
		}
		return accepted, nil
	})
	return r, sent, err
}

func (b *basicConn) refusal(r reply) (verdict, error) {
	e := &AuthError{Host: b.t.host, User: b.cred.user, Scheme: "Basic", Offered: offered(r.header)}
	if !offers(e.Offered, "Basic") && len(e.Offered) > 0 {
		e.Reason = "the server does not accept Basic"
		return noVerdict, e
	}
	e.Offered = nil
	e.Reason = "wrong password, locked account or missing right"
	return rejected, e
}

// offered lists the schemes of a 401 answer.
func offered(h http.Header) []string {
	var schemes []string
	for _, v := range h.Values(authenticate) {
		if name, _, _ := strings.Cut(v, " "); name != "" && len(schemes) < 8 {
			schemes = append(schemes, oneLine(name, 30))
		}
	}
	return schemes
}

func offers(schemes []string, scheme string) bool {
	for _, s := range schemes {
		if strings.EqualFold(s, scheme) {
			return true
		}
	}
	return false
}

// challenge returns the token that a server sent for a scheme, nil where it sent none.
func challenge(h http.Header, scheme string) []byte {
	for _, v := range h.Values(authenticate) {
		name, token, _ := strings.Cut(v, " ")
		if !strings.EqualFold(name, scheme) || len(token) > maxAuthBlob {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token)); err == nil && len(b) > 0 {
			return b
		}
	}
	return nil
}

// certificate logs in by the client certificate of the TLS connection.
type certificate struct {
	pair tls.Certificate
	name string
}

// Certificate logs in with a client certificate that the server maps to an account. It needs TLS.
func Certificate(certPEM, keyPEM []byte) (Auth, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &certificate{pair: pair, name: oneLine(leaf.Subject.CommonName, 100)}, nil
}

// mutualTLS is what WS-Management wants as Authorization where the certificate is the login (DSP0226, annex C).
const mutualTLS = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

func (*certificate) scheme() string             { return "Certificate" }
func (a *certificate) user() string             { return a.name }
func (*certificate) private() bool              { return false }
func (a *certificate) begin(t *target) connAuth { return &certificateConn{a, t} }

// Format keeps the private key out of every verb.
func (a *certificate) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "certificate of %s", a.name) }

type certificateConn struct {
	*certificate
	t *target
}

func (*certificateConn) login(context.Context, *conn) error { return nil }

func (a *certificateConn) send(ctx context.Context, c *conn, body []byte) (reply, bool, error) {
	r, sent, err := c.exchange(ctx, http.Header{"Content-Type": {soapType}, "Authorization": {mutualTLS}}, body)
	if err == nil && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) {
		return r, sent, &AuthError{Host: a.t.host, User: a.name, Scheme: "Certificate", Offered: offered(r.header),
			Reason: "the server maps this certificate to no account"}
	}
	return r, sent, err
}
