package transport

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bodgit/ntlmssp"
)

// ntlm logs each connection in and encrypts every message on it, with TLS and without.
type ntlm struct{ cred *Credential }

// NTLM logs in by NTLMv2 and encrypts every message (the server's AllowUnencrypted can stay false). A server that
// does not negotiate encryption with 128 bits is refused before it is sent anything derived from the password.
func NTLM(c *Credential) Auth { return &ntlm{cred: c} }

func (*ntlm) scheme() string             { return "NTLM" }
func (a *ntlm) user() string             { return a.cred.user }
func (*ntlm) private() bool              { return true }
func (a *ntlm) begin(t *target) connAuth { return &ntlmConn{ntlm: a, t: t} }

type ntlmConn struct {
	*ntlm
	t       *target
	session *ntlmssp.SecuritySession
}

func (a *ntlmConn) login(ctx context.Context, c *conn) error {
	domain, user := splitUser(a.cred.user)
	cl, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(user, a.cred.secret()), ntlmssp.SetDomain(domain),
		ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		return err
	}
	hello, err := cl.Authenticate(nil, nil)
	if err != nil {
		return err
	}
	r, err := a.step(ctx, c, hello)
	if err != nil {
		return err
	}
	token := challenge(r.header, "Negotiate")
	if r.status != http.StatusUnauthorized || token == nil {
		return a.refuse("the server does not accept NTLM", offered(r.header))
	}
	if err := checkChallenge(token); err != nil {
		return a.refuse(err.Error(), nil)
	}
	return a.cred.attempt(ctx, func() (verdict, error) {
		proof, err := authenticateTo(cl, token, channelBindings(a.t))
		if err != nil {
			return noVerdict, a.refuse(err.Error(), nil)
		}
		r, err := a.step(ctx, c, proof)
		switch {
		case err != nil:
			return noVerdict, err
		case r.status == http.StatusUnauthorized:
			return rejected, a.refuse("wrong password, locked account or missing right", nil)
		case r.last:
			return accepted, protocolf("the server does not keep the connection that was logged in")
		}
		a.session = cl.SecuritySession()
		if a.session == nil {
			return accepted, protocolf("no encryption was negotiated")
		}
		return accepted, nil
	})
}

func (a *ntlmConn) refuse(reason string, offered []string) error {
	return &AuthError{Host: a.t.host, User: a.cred.user, Scheme: "NTLM", Reason: reason, Offered: offered}
}

// step posts an empty message with a token. Windows wants the handshake without a body, since a body sent now
// would not be encrypted.
func (*ntlmConn) step(ctx context.Context, c *conn, token []byte) (reply, error) {
	r, _, err := c.exchange(ctx, http.Header{
		"Content-Type":  {soapType},
		"Authorization": {"Negotiate " + base64.StdEncoding.EncodeToString(token)},
	}, nil)
	return r, err
}

func (a *ntlmConn) send(ctx context.Context, c *conn, body []byte) (reply, bool, error) {
	return sendSealed(ctx, c, ntlmSealer{a.session}, sealSPNEGO, body)
}

// ntlmSealer is a session of the library as a sealer.
type ntlmSealer struct{ session *ntlmssp.SecuritySession }

func (s ntlmSealer) seal(plain []byte) (signature, sealed []byte, err error) {
	sealed, signature, err = s.session.Wrap(plain)
	return signature, sealed, err
}

func (s ntlmSealer) open(signature, sealed []byte) ([]byte, error) {
	if len(signature) != 16 {
		return nil, fmt.Errorf("a signature of %d bytes", len(signature))
	}
	return s.session.Unwrap(sealed, signature)
}

// The flags of a challenge without which messages would not be encrypted and signed as they must be
// ([MS-NLMP] 2.2.2.5).
var neededFlags = []struct {
	bit  uint32
	name string
}{
	{1 << 0, "Unicode"}, {1 << 4, "signing"}, {1 << 5, "encryption"}, {1 << 19, "extended session security"},
	{1 << 29, "128-bit keys"}, {1 << 30, "key exchange"},
}

func checkChallenge(token []byte) error {
	if len(token) < 32 || string(token[:8]) != "NTLMSSP\x00" || binary.LittleEndian.Uint32(token[8:]) != 2 {
		return errors.New("the server's challenge is malformed")
	}
	flags := binary.LittleEndian.Uint32(token[20:])
	for _, f := range neededFlags {
		if flags&f.bit == 0 {
			return fmt.Errorf("the server does not negotiate %s", f.name)
		}
	}
	return nil
}

// authenticateTo answers the challenge. The library can panic on one that is malformed, which must not end a night.
func authenticateTo(cl *ntlmssp.Client, token []byte, cbt *ntlmssp.ChannelBindings) (proof []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the server's challenge is malformed")
		}
	}()
	return cl.Authenticate(token, cbt)
}

// channelBindings ties the login to the TLS connection (RFC 5929, tls-server-end-point), so that it cannot be
// relayed from another one.
func channelBindings(t *target) *ntlmssp.ChannelBindings {
	if t.tls == nil || len(t.tls.PeerCertificates) == 0 {
		return nil
	}
	cert := t.tls.PeerCertificates[0]
	h := crypto.SHA256
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		h = crypto.SHA512
	}
	d := h.New()
	d.Write(cert.Raw)
	return &ntlmssp.ChannelBindings{ApplicationData: d.Sum([]byte(ntlmssp.TLSServerEndPoint + ":"))}
}

// splitUser takes DOMAIN\user apart. A user@domain name stays whole: the server looks it up, and the domain field
// is empty then.
func splitUser(s string) (domain, user string) {
	if d, u, ok := strings.Cut(s, `\`); ok {
		return d, u
	}
	return "", s
}
