package wsman

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/masterzen/winrm"

	"github.com/lrun/lrun/internal/kdctest"
)

const testRealm = "LRUN.TEST"

func TestBasicRefused(t *testing.T) {
	var log logonLog
	host := startHost(t, Options{OnLogon: log.add}, nil)
	for _, auth := range []string{"none", basicHeader(testUser, "wrong"), basicHeader("nobody", ""), basicHeader("nobody", testPassword), "Basic ???", "Negotiate ????"} {
		r := newRaw(t, host.URL())
		r.auth = auth
		status, body, err := r.post(context.Background(), envelope("Create", "", msg(), "", `<rsp:Shell/>`))
		if err != nil || status != http.StatusUnauthorized || body != nil {
			t.Errorf("%q: status %d, body %v, error %v", auth, status, body, err)
		}
	}
	if n := log.failed(); n != 4 || host.Stats().FailedLogons != 4 {
		t.Errorf("%d failures told, %d counted, want 4: a message without a logon and an unknown scheme are none", n, host.Stats().FailedLogons)
	}
	for _, e := range log.all {
		if strings.Contains(fmt.Sprint(e), testPassword) {
			t.Errorf("a password in %+v", e)
		}
	}
}

func TestLogonIsToldOncePerConnection(t *testing.T) {
	var log logonLog
	host := startHost(t, Options{OnLogon: log.add}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	r.drain(sh, r.command(sh, "echo hello"))
	want := Logon{Host: "fe01.contoso.com", Scheme: "Basic", User: testUser, OK: true}
	if len(log.all) != 1 {
		t.Fatalf("told %+v", log.all)
	}
	got := log.all[0]
	got.Remote = ""
	if got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
}

func TestAccounts(t *testing.T) {
	a := StaticAccounts{`CONTOSO\alice`: "1", "bob@contoso.com": "2", "carol": "3"}
	for _, c := range []struct {
		domain, user, want string
		ok                 bool
	}{
		{"contoso", "ALICE", "1", true}, {"", "alice", "", false}, {"fabrikam", "alice", "", false},
		{"contoso.com", "bob", "2", true}, {"any", "carol", "3", true}, {"", "carol", "3", true}, {"", "", "", false},
	} {
		if got, ok := a.Lookup(c.domain, c.user); got != c.want || ok != c.ok {
			t.Errorf("%s\\%s: %q %v", c.domain, c.user, got, ok)
		}
	}
}

func TestStockClientNTLM(t *testing.T) {
	var log logonLog
	host := startHost(t, Options{Auth: []Auth{NTLM(testAccounts)}, OnLogon: log.add}, nil)
	c := stock(t, host.URL(), func() winrm.Transporter { return &winrm.ClientNTLM{} })
	// Without input: the stock transport mixes up its handshakes when it sends two messages at once.
	var out, errOut bytes.Buffer
	exit, err := c.RunWithContext(context.Background(), "env x", &out, &errOut)
	if err != nil || exit != 0 || errOut.Len() != 0 || out.String() != "x= dir= page=65001 user=admin scheme=NTLM" {
		t.Fatalf("got %q %q %d %v", &out, &errOut, exit, err)
	}
	if log.failed() != 0 {
		t.Errorf("failures: %+v", log.all)
	}
}

func TestStockClientNTLMSealed(t *testing.T) {
	var plain, sealed atomic.Int64
	host := startHost(t, Options{Auth: []Auth{NTLM(testAccounts)}, RefuseUnencrypted: true, OnMessage: func(m MessageInfo) {
		if m.Sealed {
			sealed.Add(1)
		} else {
			plain.Add(1)
		}
	}}, nil)
	enc, err := winrm.NewEncryption("ntlm")
	if err != nil {
		t.Fatal(err)
	}
	c := stock(t, host.URL(), func() winrm.Transporter { return enc })
	// Without input: the stock transport seals one message at a time and races with itself otherwise.
	var out, errOut bytes.Buffer
	exit, err := c.RunWithContext(context.Background(), "both", &out, &errOut)
	if err != nil || exit != 3 || out.String() != "out1 out2" || errOut.String() != "err1 " {
		t.Fatalf("got %q %q %d %v", &out, &errOut, exit, err)
	}
	if plain.Load() != 0 || sealed.Load() < 5 {
		t.Errorf("%d messages in the clear, %d sealed", plain.Load(), sealed.Load())
	}
}

func TestNTLMWrongPasswordIsOneFailure(t *testing.T) {
	var log logonLog
	host := startHost(t, Options{Auth: []Auth{NTLM(StaticAccounts{testUser: "another"})}, OnLogon: log.add}, nil)
	c := stock(t, host.URL(), func() winrm.Transporter { return &winrm.ClientNTLM{} })
	if _, err := c.CreateShell(); err == nil {
		t.Fatal("logged on with a wrong password")
	}
	if log.failed() != 1 || log.all[0].Reason != reasonPassword || log.all[0].User != testUser {
		t.Errorf("told %+v", log.all)
	}
}

func TestUnencryptedRefused(t *testing.T) {
	host := startHost(t, Options{RefuseUnencrypted: true}, nil)
	newRaw(t, host.URL()).fails(envelope("Create", "", msg(), "", `<rsp:Shell/>`), CodeAccessDenied)
}

// testCA issues certificates for the tests.
type testCA struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newTestCA(t *testing.T) *testCA {
	ca := &testCA{t: t, pool: x509.NewCertPool()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca.key = key
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.pool.AddCert(ca.cert)
	return ca
}

// file writes the certificate of the authority for clients that want a path.
func (ca *testCA) file() string {
	ca.t.Helper()
	path := filepath.Join(ca.t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
	return path
}

func (ca *testCA) issue(name string) tls.Certificate {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, key.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLSAndCertificate(t *testing.T) {
	ca, other := newTestCA(t), newTestCA(t)
	var log logonLog
	mapping := func(c *x509.Certificate) (string, bool) { return testUser, c.Subject.CommonName == "alice" }
	host := startHost(t, Options{Auth: []Auth{Basic(testAccounts), Certificate(ca.pool, mapping)}, OnLogon: log.add,
		TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue("fe01.contoso.com")}}}, nil)
	connect := func(cert *tls.Certificate, auth string) *raw {
		r := newRaw(t, host.URL())
		cfg := &tls.Config{RootCAs: ca.pool, ServerName: "fe01.contoso.com"}
		if cert != nil {
			// GetClientCertificate sends it even if the server would not take its issuer.
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
		}
		r.client.Transport.(*http.Transport).TLSClientConfig = cfg
		r.auth = auth
		return r
	}
	r := connect(nil, "")
	sh := r.create("")
	if got := r.drain(sh, r.command(sh, "env x")); got.stdout != "x= dir= page=437 user=admin scheme=Basic" {
		t.Errorf("Basic over TLS: %+v", got)
	}
	alice, mallory, stranger := ca.issue("alice"), ca.issue("mallory"), other.issue("alice")
	r = connect(&alice, secprofileMutual)
	sh = r.create("")
	if got := r.drain(sh, r.command(sh, "env x")); got.stdout != "x= dir= page=437 user=admin scheme=Certificate" {
		t.Errorf("certificate: %+v", got)
	}
	for name, r := range map[string]*raw{"unmapped": connect(&mallory, secprofileMutual), "no certificate": connect(nil, secprofileMutual), "certificate without the scheme": connect(&alice, "none")} {
		if status, _, err := r.post(context.Background(), envelope("Create", "", msg(), "", `<rsp:Shell/>`)); err != nil || status != 401 {
			t.Errorf("%s: status %d, error %v", name, status, err)
		}
	}
	if _, _, err := connect(&stranger, secprofileMutual).post(context.Background(), envelope("Create", "", msg(), "", `<rsp:Shell/>`)); err == nil {
		t.Error("a certificate of another issuer was accepted")
	}
	if n := log.failed(); n != 2 {
		t.Errorf("%d failed logons told, want 2: %+v", n, log.all)
	}
}

// newKerberosHost starts a KDC with a user, and a host with a ticket for its name.
func newKerberosHost(t *testing.T, o Options) (*kdctest.KDC, *Host) {
	t.Helper()
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser(testUser, testPassword)
	auth, err := KerberosKeytab(kdc.AddService("HTTP/fe01.contoso.com", "HTTP/fe02.contoso.com", "HTTP/127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	o.Auth = append(o.Auth, auth)
	return kdc, startHost(t, o, nil)
}

func TestKerberos(t *testing.T) {
	var log logonLog
	kdc, host := newKerberosHost(t, Options{OnLogon: log.add})
	text, err := os.ReadFile(kdc.Config)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.NewFromString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	cl := client.NewWithPassword(testUser, testRealm, testPassword, cfg)
	if err := cl.Login(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Destroy)
	ticket := func(spn string) string {
		s := spnego.SPNEGOClient(cl, spn)
		tok, err := s.InitSecContext()
		if err != nil {
			t.Fatal(err)
		}
		b, err := tok.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return "Negotiate " + base64.StdEncoding.EncodeToString(b)
	}
	post := func(auth string) int {
		r := newRaw(t, host.URL())
		r.auth = auth
		status, _, err := r.post(context.Background(), envelope("Create", "", msg(), "", `<rsp:Shell/>`))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	good := ticket("HTTP/fe01.contoso.com")
	if got := post(good); got != 200 {
		t.Errorf("a good ticket: %d", got)
	}
	if got := post(good); got != 401 {
		t.Errorf("a ticket that is sent twice: %d", got)
	}
	if got := post(ticket("HTTP/fe02.contoso.com")); got != 401 {
		t.Errorf("a ticket for another host: %d", got)
	}
	if got := post("Negotiate " + base64.StdEncoding.EncodeToString([]byte("rubbish"))); got != 401 {
		t.Errorf("rubbish: %d", got)
	}
	if log.failed() != 3 || log.all[0].User != testUser+"@"+testRealm {
		t.Errorf("told %+v", log.all)
	}
}

func serverConfig(ca *testCA) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.issue("fe01.contoso.com")}}
}

// TestChannelBinding logs on over TLS with the binding of this server's certificate, of another's, and with none.
func TestChannelBinding(t *testing.T) {
	ca := newTestCA(t)
	own, foreign := ca.issue("fe01.contoso.com"), ca.issue("fe01.contoso.com")
	host := &Host{name: "fe01", server: NewServer(Options{TLS: &tls.Config{Certificates: []tls.Certificate{own}}})}
	a := &attempt{host: host, r: &http.Request{TLS: &tls.ConnectionState{}}}
	hash := func(c tls.Certificate) []byte {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return channelBindingHash(leaf)
	}
	for name, c := range map[string]struct {
		sent []byte
		want bool
	}{"own": {hash(own), true}, "foreign": {hash(foreign), false}, "none": {nil, true}, "zeros": {make([]byte, 16), true}} {
		if got := channelBound(c.sent, a); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
