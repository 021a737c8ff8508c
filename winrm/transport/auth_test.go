package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/wsman"
)

// A wrong password is sent once, however many servers and commands want it at once.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	for name, auth := range passwordSchemes {
		t.Run(name, func(t *testing.T) {
			a, b := serve(t, wsman.Options{Auth: auth.server}), serve(t, wsman.Options{Auth: auth.server})
			login := auth.client(NewCredential(testUser, "wrong"))
			var wg sync.WaitGroup
			for _, w := range []*world{a, b} {
				c := w.config(t)
				c.Auth = login
				s := open(t, c)
				for range 4 {
					wg.Go(func() {
						_, err := s.Run(t.Context(), "echo x", nil)
						wantState(t, err, NotBegun)
						var refusal *AuthError
						if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "wrong password") {
							t.Errorf("error is %v, want an *AuthError", err)
						}
					})
				}
			}
			wg.Wait()
			if n := a.refusals() + b.refusals(); n != 1 {
				t.Errorf("the wrong password was tried %d times", n)
			}
		})
	}
}

type passwordScheme struct {
	server []wsman.Auth
	client func(*Credential) Auth
}

var passwordSchemes = map[string]passwordScheme{
	"Basic": {[]wsman.Auth{wsman.Basic(accounts)}, Basic},
	"NTLM":  {[]wsman.Auth{wsman.NTLM(accounts)}, NTLM},
}

func TestLoginRunsCommands(t *testing.T) {
	for name, auth := range passwordSchemes {
		t.Run(name, func(t *testing.T) {
			w := serve(t, wsman.Options{Auth: auth.server})
			c := w.config(t)
			c.Auth = auth.client(NewCredential(testUser, testPassword))
			c.MaxCommands = 3
			s := open(t, c)
			var wg sync.WaitGroup
			in := strings.Repeat("größer ", 30_000)
			for range 9 {
				wg.Go(func() {
					if res, err := s.Run(t.Context(), "cat", []byte(in)); err != nil || string(res.Stdout) != in {
						t.Errorf("%d bytes, %v", len(res.Stdout), err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// A password that was accepted and is then refused by one server is tried once more at most, elsewhere.
func TestCredentialGate(t *testing.T) {
	c := NewCredential("u", "p")
	tries := 0
	try := func(v verdict) error {
		return c.attempt(t.Context(), func() (verdict, error) {
			tries++
			if v == rejected {
				return v, &AuthError{User: "u", Reason: "no"}
			}
			return v, nil
		})
	}
	for i, step := range []struct {
		v     verdict
		tries int
		fails bool
	}{
		{noVerdict, 1, false}, {accepted, 2, false}, {rejected, 3, true}, {accepted, 4, false},
		{rejected, 5, true}, {rejected, 6, true}, {accepted, 6, true}, {accepted, 6, true},
	} {
		if err := try(step.v); (err != nil) != step.fails || tries != step.tries {
			t.Errorf("step %d: %v after %d tries", i, err, tries)
		}
	}
}

// Of logins that are under way side by side, with a password that was accepted before, several may be refused: it was one
// moment. The next one that begins decides.
func TestRefusedSideBySide(t *testing.T) {
	c := NewCredential("u", "p")
	no := &AuthError{User: "u", Reason: "no"}
	try := func(v verdict, err error) error {
		return c.attempt(t.Context(), func() (verdict, error) { return v, err })
	}
	if err := try(accepted, nil); err != nil {
		t.Fatal(err)
	}
	began, end := make(chan struct{}), make(chan struct{})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			_ = c.attempt(t.Context(), func() (verdict, error) {
				began <- struct{}{}
				<-end
				return rejected, no
			})
		})
	}
	<-began
	<-began
	close(end)
	both.Wait()
	if err := try(accepted, nil); err != nil {
		t.Errorf("refused at one moment, and dead: %v", err)
	}
	if err := try(rejected, no); err == nil {
		t.Error("a refusal is none")
	}
	if err := try(rejected, no); err == nil {
		t.Error("a second refusal is none")
	}
	if err := try(accepted, nil); err == nil {
		t.Error("used again after two refusals in a row")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	cred := NewCredential(testUser, testPassword)
	krb, err := Kerberos(KerberosConfig{Credential: cred, Realm: "CONTOSO.COM"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{cred, Basic(cred), NTLM(cred), krb, Config{Auth: Basic(cred)}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			s := fmt.Sprintf(verb, v)
			if strings.Contains(s, testPassword) || strings.Contains(s, fmt.Sprintf("%x", testPassword)) {
				t.Errorf("%s of %T shows the password", verb, v)
			}
		}
		if b, err := json.Marshal(v); err == nil && strings.Contains(string(b), testPassword) {
			t.Errorf("JSON of %T shows the password", v)
		}
	}
}

func TestPlainTextIsRefused(t *testing.T) {
	cred := NewCredential("u", "p")
	krb, err := Kerberos(KerberosConfig{Credential: cred, Realm: "CONTOSO.COM"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c  Config
		ok bool
	}{
		{Config{Host: "fe01", Auth: Basic(cred)}, false},
		{Config{Host: "10.0.0.1", Auth: Basic(cred)}, false},
		{Config{Host: "127.0.0.1.contoso.com", Auth: Basic(cred)}, false},
		{Config{Host: "fe01", Auth: krb}, true}, // it encrypts; TestKerberosThatCannotEncrypt
		{Config{Host: "fe01", Auth: Basic(cred), Insecure: true}, true},
		{Config{Host: "fe01", Auth: Basic(cred), TLS: true}, true},
		{Config{Host: "127.0.0.9", Auth: Basic(cred)}, true},
		{Config{Host: "::1", Auth: Basic(cred)}, true},
		{Config{Host: "localhost", Auth: Basic(cred)}, true},
		{Config{Host: "fe01", Auth: NTLM(cred)}, true},
	} {
		if _, err := Open(tt.c); errors.Is(err, ErrPlainText) == tt.ok {
			t.Errorf("%+v: %v", tt.c, err)
		}
	}
}

func TestSchemeNotOffered(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits++
		w.Header().Add("WWW-Authenticate", "Negotiate")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	cred := NewCredential("u", "p")
	s := open(t, configOf(t, srv.Listener.Addr().String(), Basic(cred)))
	for range 2 {
		_, err := s.Run(t.Context(), "echo", nil)
		wantState(t, err, NotBegun)
		if err == nil || !strings.Contains(err.Error(), "it offers Negotiate") {
			t.Errorf("error is %v", err)
		}
	}
	if hits != 1 {
		t.Errorf("%d requests", hits)
	}
	if _, err := cred.state(); err != nil {
		t.Errorf("the password counts as refused although nobody judged it: %v", err)
	}
}

func configOf(t *testing.T, addr string, a Auth) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	fmt.Sscan(port, &n)
	return Config{Host: host, Port: n, Auth: a, CleanupTimeout: 300 * time.Millisecond}
}

// authority issues certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem, _ = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, time.Hour)
	return a
}

// issue makes a certificate that is valid until life from now; a negative life is an expired one.
func (a *authority) issue(tpl *x509.Certificate, life time.Duration) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	a.t.Helper()
	must := func(err error) {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	tpl.SerialNumber = big.NewInt(time.Now().UnixNano())
	tpl.NotBefore, tpl.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(life)
	parent, signer := tpl, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, &key.PublicKey, signer)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func (a *authority) server(names []string, life time.Duration) *tls.Config {
	a.t.Helper()
	_, _, cert, key := a.issue(&x509.Certificate{DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, life)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := []string{"fe01.contoso.com"}
	for _, tt := range []struct {
		name   string
		server *tls.Config
		ca     []byte
		want   string // in the reason; empty means that it works
	}{
		{"private CA", ca.server(good, time.Hour), ca.pem, ""},
		{"wrong name", ca.server([]string{"fe02.contoso.com"}, time.Hour), ca.pem, "is for fe02.contoso.com, not for fe01.contoso.com"},
		{"expired", ca.server(good, -time.Hour), ca.pem, "the certificate expired on 20"},
		{"other CA", other.server(good, time.Hour), ca.pem, "not trusted here"},
		{"system CAs", ca.server(good, time.Hour), nil, "not trusted here"},
		{"no TLS", nil, ca.pem, "does not speak TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := serve(t, wsman.Options{TLS: tt.server})
			c := w.config(t)
			c.TLS, c.CA, c.ServerName = true, tt.ca, "fe01.contoso.com"
			s := open(t, c)
			res, err := s.Run(t.Context(), "echo hi", nil)
			if tt.want == "" {
				if err != nil || string(res.Stdout) != "hi" {
					t.Fatalf("%+v, %v", res, err)
				}
				return
			}
			wantState(t, err, NotBegun)
			var bad *TLSError
			if !errors.As(err, &bad) || !strings.Contains(bad.Reason, tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if len(w.messages)+len(w.logons) > 0 {
				t.Error("something was sent to a server that is not the right one")
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	known := func(c *x509.Certificate) (string, bool) {
		return c.Subject.CommonName, c.Subject.CommonName == "operator"
	}
	for name, ok := range map[string]bool{"operator": true, "stranger": false} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, wsman.Options{TLS: ca.server([]string{"fe01.contoso.com"}, time.Hour),
				Auth: []wsman.Auth{wsman.Certificate(pool, known)}})
			_, _, cert, key := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, time.Hour)
			auth, err := Certificate(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			c := w.config(t)
			c.TLS, c.CA, c.ServerName, c.Auth = true, ca.pem, "fe01.contoso.com", auth
			res, err := open(t, c).Run(t.Context(), "echo hi", nil)
			if ok && (err != nil || string(res.Stdout) != "hi") {
				t.Errorf("%+v, %v", res, err)
			}
			var refusal *AuthError
			if !ok && (!errors.As(err, &refusal) || !Repeatable(err)) {
				t.Errorf("error is %v, want an *AuthError", err)
			}
			c.TLS = false
			if _, err := Open(c); err == nil {
				t.Error("a certificate is taken without TLS")
			}
		})
	}
	t.Run("other CA", func(t *testing.T) {
		w := serve(t, wsman.Options{TLS: ca.server([]string{"fe01.contoso.com"}, time.Hour),
			Auth: []wsman.Auth{wsman.Certificate(pool, known)}})
		_, _, cert, key := newAuthority(t).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "operator"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, time.Hour)
		auth, err := Certificate(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		c := w.config(t)
		c.TLS, c.CA, c.ServerName, c.Auth = true, ca.pem, "fe01.contoso.com", auth
		_, err = open(t, c).Run(t.Context(), "echo hi", nil)
		wantState(t, err, NotBegun)
		var bad *TLSError
		if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "the server refused") {
			t.Errorf("error is %v", err)
		}
	})
}
