package wsman

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
)

// Auth is one way to log on. [Basic], [NTLM], [Kerberos] and [Certificate] make one.
type Auth interface {
	challenges() []string       // what a 401 says in WWW-Authenticate
	accept(a *attempt) *verdict // nil means that the attempt is of another kind
}

// Accounts knows the passwords. It may be asked from many goroutines at once.
type Accounts interface {
	// Lookup returns the password of a user. The domain is "" when the client named none.
	Lookup(domain, user string) (password string, ok bool)
}

// StaticAccounts are passwords by account name. A name is `user`, which is found under any domain, or `DOMAIN\user`
// or `user@domain`, which are found under that domain only. Names are compared without regard to case.
type StaticAccounts map[string]string

// Lookup implements Accounts.
func (s StaticAccounts) Lookup(domain, user string) (string, bool) {
	for name, password := range s {
		d, u := splitAccount(name)
		if strings.EqualFold(u, user) && (d == "" || strings.EqualFold(d, domain)) {
			return password, true
		}
	}
	return "", false
}

// splitAccount reads DOMAIN\user and user@domain.
func splitAccount(name string) (domain, user string) {
	if d, u, ok := strings.Cut(name, `\`); ok {
		return d, u
	}
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		return name[i+1:], name[:i]
	}
	return "", name
}

// identity is a user who has logged on.
type identity struct {
	user   string // as given
	owner  string // the same without regard to case: whose shells and quotas they are
	scheme string
}

func newIdentity(user, scheme string) *identity {
	return &identity{user: user, owner: strings.ToLower(user), scheme: scheme}
}

// attempt is a request that carries a logon.
type attempt struct {
	r      *http.Request
	sess   *session
	host   *Host
	scheme string // of Authorization, lower case
	param  string
	token  []byte // the parameter decoded, nil when it is not base64
}

// verdict is what an Auth says.
type verdict struct {
	id     *identity // logged on
	keep   bool      // for the whole connection
	sealer sealer    // nil when the logon cannot seal messages
	header string    // for WWW-Authenticate: the next step of a handshake, or the server's own proof
	scheme string    // of a refusal
	user   string    // of a refusal
	reason string    // of a refusal; "" with no id means that the handshake goes on
}

// drop forgets the logon of the connection.
func (s *session) drop() {
	s.identity, s.ntlm, s.sealer = nil, nil, nil
}

// authenticate returns the user of a message. Without one, header is the next step of a handshake, or "" for a new start.
//
// A message without Authorization belongs to the logon of its connection. An empty one starts over, because that is how
// clients probe for schemes.
func (x *exchange) authenticate(sealed bool, bodyLen int) (id *identity, header string, ok bool) {
	sess := x.sess
	value := x.r.Header.Get("Authorization")
	if value == "" {
		if sess.identity != nil && (sealed || bodyLen > 0) {
			return sess.identity, "", true
		}
		sess.drop()
		return nil, "", false
	}
	scheme, param, _ := strings.Cut(value, " ")
	a := &attempt{r: x.r, sess: sess, host: x.b.host, scheme: strings.ToLower(scheme), param: strings.TrimSpace(param)}
	if t, err := base64.StdEncoding.DecodeString(a.param); err == nil {
		a.token = t
	}
	for _, auth := range x.b.host.server.opts.Auth {
		v := auth.accept(a)
		if v == nil {
			continue
		}
		switch {
		case v.id != nil:
			x.admitted(v)
			return v.id, v.header, true
		case v.reason != "":
			x.refused(v)
			return nil, "", false
		default:
			return nil, v.header, false
		}
	}
	sess.drop()
	return nil, "", false
}

// admitted remembers a logon and reports it, once for each connection.
func (x *exchange) admitted(v *verdict) {
	known := x.sess.reported
	x.sess.reported = v.id.scheme + " " + v.id.user
	if v.keep {
		x.sess.identity, x.sess.sealer = v.id, v.sealer
	}
	if known != x.sess.reported {
		x.report(Logon{Scheme: v.id.scheme, User: v.id.user, OK: true})
	}
}

func (x *exchange) refused(v *verdict) {
	x.sess.drop()
	x.sess.reported = ""
	x.b.host.refused.Add(1)
	x.report(Logon{Scheme: v.scheme, User: v.user, Reason: v.reason})
}

func (x *exchange) report(l Logon) {
	if hook := x.b.host.server.opts.OnLogon; hook != nil {
		l.Host, l.Remote = x.b.host.name, x.r.RemoteAddr
		l.User = printable(l.User, 200)
		hook(l)
	}
}

// reasonPassword is the same for a wrong password and an unknown user: a client learns neither.
const reasonPassword = "wrong user or password"

// samePassword compares in a time that does not depend on the content or the length of either.
func samePassword(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

type basicAuth struct{ accounts Accounts }

// Basic checks user and password on each message.
func Basic(accounts Accounts) Auth { return basicAuth{accounts} }

func (basicAuth) challenges() []string { return []string{`Basic realm="WSMAN"`} }

func (b basicAuth) accept(a *attempt) *verdict {
	if a.scheme != "basic" {
		return nil
	}
	user, password, ok := a.r.BasicAuth()
	if !ok {
		return &verdict{scheme: "Basic", reason: "malformed credentials"}
	}
	want, known := b.accounts.Lookup(splitAccount(user))
	if same := samePassword(password, want); !same || !known {
		return &verdict{scheme: "Basic", user: user, reason: reasonPassword}
	}
	return &verdict{id: newIdentity(user, "Basic")}
}

// secprofileMutual in Authorization says that the client's certificate is its logon.
const secprofileMutual = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

type certificateAuth struct {
	ca   *x509.CertPool
	user func(*x509.Certificate) (string, bool)
}

// Certificate takes a client certificate issued under ca as a logon. The function maps a verified certificate to its
// user, as a winrm/config/service/certmapping does; nil maps it to its common name.
func Certificate(ca *x509.CertPool, user func(*x509.Certificate) (string, bool)) Auth {
	if user == nil {
		user = func(c *x509.Certificate) (string, bool) { return c.Subject.CommonName, c.Subject.CommonName != "" }
	}
	return certificateAuth{ca, user}
}

func (certificateAuth) challenges() []string { return nil }

func (c certificateAuth) accept(a *attempt) *verdict {
	if a.scheme != secprofileMutual {
		return nil
	}
	if a.r.TLS == nil || len(a.r.TLS.VerifiedChains) == 0 {
		return &verdict{scheme: "Certificate", reason: "no verified client certificate"}
	}
	cert := a.r.TLS.VerifiedChains[0][0]
	user, ok := c.user(cert)
	if !ok {
		return &verdict{scheme: "Certificate", user: cert.Subject.CommonName, reason: "the certificate is mapped to no user"}
	}
	return &verdict{id: newIdentity(user, "Certificate")}
}

// serverTLS adapts a configuration: HTTP/1.1 only, and client certificates are verified when an Auth wants them.
func serverTLS(base *tls.Config, auth []Auth) *tls.Config {
	cfg := base.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	for _, a := range auth {
		if c, ok := a.(certificateAuth); ok {
			cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, c.ca
		}
	}
	return cfg
}
