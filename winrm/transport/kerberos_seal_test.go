package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	krbclient "github.com/jcmturner/gokrb5/v8/client"
	krbconfig "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/lrun/lrun/internal/kdctest"
	"github.com/lrun/lrun/winrm/wsman"
)

// Without TLS every message is encrypted, small and large, and a connection is logged in once.
func TestKerberosEncrypts(t *testing.T) {
	conf, server, _ := realm(t)
	w := serve(t, wsman.Options{Auth: []wsman.Auth{server}, RefuseUnencrypted: true})
	c := w.config(t)
	c.Auth = kerberosLogin(t, conf, "admin@"+testRealm, testPassword)
	var mu sync.Mutex
	var dialled []*countingConn
	dial := new(net.Dialer).DialContext
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		cn := &countingConn{Conn: nc}
		dialled = append(dialled, cn)
		return cn, nil
	}
	s := open(t, c)
	long := strings.Repeat("a long input\n", 30_000)
	var wg sync.WaitGroup
	for _, in := range []string{"", "x", long} {
		wg.Go(func() {
			res, err := s.Run(t.Context(), "cat", []byte(in))
			if err != nil || string(res.Stdout) != in {
				t.Errorf("%d bytes came back as %d, %v", len(in), len(res.Stdout), err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	conns := map[uint64]bool{}
	for _, m := range w.messages {
		conns[m.Conn] = true
		if !m.Sealed {
			t.Errorf("%s came in the clear", m.Action)
		}
	}
	for _, cn := range dialled {
		if n := cn.logins.Load(); n != 1 {
			t.Errorf("%d logins on one connection", n)
		}
	}
	if len(dialled) < len(conns) { // one that was prepared may not have been needed
		t.Errorf("%d connections dialled, %d used", len(dialled), len(conns))
	}
}

// countingConn counts the logins that are sent over a connection.
type countingConn struct {
	net.Conn
	logins atomic.Int32
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.logins.Add(int32(bytes.Count(b, []byte("Authorization: ")))) //nolint:gosec // a few
	return c.Conn.Write(b)
}

// Over TLS each message is logged in, bound to the certificate, and nothing is sealed twice.
func TestKerberosOverTLS(t *testing.T) {
	const name = "fe01.contoso.com"
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser("admin", testPassword)
	server, err := wsman.KerberosKeytab(kdc.AddService("HTTP/" + name))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(kdc.Config)
	if err != nil {
		t.Fatal(err)
	}
	ca := newAuthority(t)
	w := serve(t, wsman.Options{Auth: []wsman.Auth{server}, TLS: ca.server([]string{name}, time.Hour)})
	c := w.config(t)
	c.TLS, c.CA, c.ServerName = true, ca.pem, name
	c.Auth = kerberosLogin(t, string(conf), "admin", testPassword)
	if res, err := open(t, c).Run(t.Context(), "cat", []byte("in")); err != nil || string(res.Stdout) != "in" {
		t.Errorf("%+v, %v", res, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if m.Sealed || m.Scheme != "Kerberos" {
			t.Errorf("%s came by %s, sealed %t", m.Action, m.Scheme, m.Sealed)
		}
	}
}

// mitServer is an acceptor on MIT's own GSS library: it completes each login, opens each message, and answers it sealed with
// an IdentifyResponse that names what it has opened.
const mitServer = `
import sys, base64, struct, http.server, gssapi
from gssapi.raw import IOV, IOVBufferType as T, wrap_iov, unwrap_iov
B = b'--Encrypted Boundary'
P = b'application/HTTP-Kerberos-session-encrypted'
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    ctx = None
    def log_message(self, *a): pass
    def reply(self, body, kind, extra=None):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        if extra: self.send_header('WWW-Authenticate', extra)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        auth = self.headers.get('Authorization')
        if auth:
            assert body == b'', 'a message came with the login'
            scheme, token = auth.split(' ')
            assert scheme == 'Kerberos', scheme
            self.ctx = gssapi.SecurityContext(usage='accept')
            out = self.ctx.step(base64.b64decode(token))
            assert self.ctx.complete
            F = gssapi.RequirementFlag
            want = F.mutual_authentication | F.confidentiality | F.integrity | F.out_of_sequence_detection
            assert self.ctx.actual_flags & want == want, self.ctx.actual_flags
            return self.reply(b'', 'application/soap+xml;charset=UTF-8', 'Kerberos ' + base64.b64encode(out).decode())
        kind = self.headers['Content-Type']
        assert kind == 'multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"' % P.decode(), kind
        head, part = body.split(b'application/octet-stream\r\n', 1)
        assert b'\tContent-Type: ' + P + b'\r\n' in head, head
        part = part[:part.rindex(B)]
        n = struct.unpack('<i', part[:4])[0]
        iov = IOV((T.header, False, part[4:4+n]), (T.data, False, part[4+n:]), std_layout=False)
        assert unwrap_iov(self.ctx, iov).encrypted
        plain = iov[1].value
        assert b'Length=%d\r\n' % len(plain) in head, head
        assert plain.startswith(b'<s:Envelope') and plain.endswith(b'</s:Envelope>'), plain
        answer = (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><i:IdentifyResponse '
            b'xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><i:ProtocolVersion>p</i:ProtocolVersion>'
            b'<i:ProductVersion>opened %d bytes</i:ProductVersion></i:IdentifyResponse></s:Body></s:Envelope>' % len(plain))
        iov = IOV(T.header, answer, T.padding, std_layout=False)
        wrap_iov(self.ctx, iov, confidential=True)
        sig, data = iov[0].value, iov[1].value + (iov[2].value or b'')
        self.reply(B + b'\r\n\tContent-Type: ' + P + b'\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n' % len(answer)
            + B + b'\r\n\tContent-Type: application/octet-stream\r\n' + struct.pack('<i', len(sig)) + sig + data + B + b'--\r\n',
            'multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"' % P.decode())
s = http.server.HTTPServer(('127.0.0.1', 0), H)
print(s.server_address[1], flush=True)
s.serve_forever()
`

// What is sent is what an implementation of others opens, and the other way round, message after message.
func TestKerberosAgainstMIT(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import gssapi").Run(); err != nil {
		t.Skip("python3-gssapi is not installed")
	}
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser("admin", testPassword)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, python, "-c", mitServer)
	cmd.Env = append(kdc.Env(), "KRB5_KTNAME="+kdc.AddService("HTTP/127.0.0.1"))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was ended
		if t.Failed() {
			t.Logf("the acceptor: %s", &said)
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	conf, err := os.ReadFile(kdc.Config)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, configOf(t, net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), kerberosLogin(t, string(conf), "admin", testPassword)))
	for range 3 {
		version, err := s.Identify(t.Context())
		if err != nil || !strings.HasPrefix(version, "opened ") {
			t.Fatalf("%q, %v", version, err)
		}
	}
}

// impostor answers logins with what it likes, and notes what it is sent with them.
func impostor(t *testing.T, proof func(token []byte) string) (addr string, bodies func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		n += len(body)
		mu.Unlock()
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		raw, _ := base64.StdEncoding.DecodeString(token)
		if header := proof(raw); header != "" {
			w.Header().Set("WWW-Authenticate", header)
		}
		w.Header().Set("Content-Type", soapType)
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// A server that does not prove itself is sent nothing but the token.
func TestKerberosDemandsProof(t *testing.T) {
	conf, server, _ := realm(t)
	login := kerberosLogin(t, conf, "admin", testPassword)
	genuine := serve(t, wsman.Options{Auth: []wsman.Auth{server}})
	c := genuine.config(t)
	c.Auth = login
	open(t, c).mustRun(t, "echo x", "")
	// A proof that the true server gave to another login.
	other := func(raw []byte) string {
		req, err := http.NewRequest(http.MethodPost, genuine.host.URL(), nil)
		if err != nil {
			t.Error(err)
			return ""
		}
		k := login.(*kerberos)
		krb, tkt, err := k.ticketFor(t.Context(), &target{host: "127.0.0.1", name: "127.0.0.1"})
		if err != nil {
			t.Error(err)
			return ""
		}
		_, token, err := newGSSContext(krb, tkt, nil)
		if err != nil {
			t.Error(err)
			return ""
		}
		req.Header.Set("Authorization", kerberosHeader(token))
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return ""
		}
		r.Body.Close()
		return r.Header.Get("WWW-Authenticate")
	}
	for name, proof := range map[string]func([]byte) string{
		"none":       func([]byte) string { return "" },
		"rubbish":    func([]byte) string { return "Kerberos AAAA" },
		"an echo":    func(token []byte) string { return kerberosHeader(token) },
		"of another": other,
	} {
		t.Run(name, func(t *testing.T) {
			addr, bodies := impostor(t, proof)
			_, err := open(t, configOf(t, addr, login)).Run(t.Context(), "echo secret", nil)
			wantState(t, err, NotBegun)
			var refusal *AuthError
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "did not prove") {
				t.Errorf("error is %v", err)
			}
			if n := bodies(); n > 0 {
				t.Errorf("%d bytes of messages were sent", n)
			}
		})
	}
}

// A ticket whose key cannot encrypt is not used without TLS, but for this machine and where the operator says so.
func TestKerberosThatCannotEncrypt(t *testing.T) {
	k := kerberosLogin(t, "[libdefaults]\n default_realm = CONTOSO.TEST\n", "admin", "x").(*kerberos)
	k.krb = krbclient.NewWithPassword("admin", testRealm, "x", krbconfig.New())
	k.tickets["HTTP/fe01"] = ticket{
		Ticket: messages.Ticket{SName: types.NewPrincipalName(2, "HTTP/fe01"), Realm: testRealm},
		key:    types.EncryptionKey{KeyType: etypeID.RC4_HMAC, KeyValue: make([]byte, 16)}, end: time.Now().Add(time.Hour),
	}
	addr, bodies := impostor(t, func([]byte) string { return "" })
	for _, insecure := range []bool{false, true} {
		c := configOf(t, addr, k)
		c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		c.Host, c.ServerName, c.Insecure = "10.0.0.1", "fe01", insecure
		_, err := open(t, c).Run(t.Context(), "echo", nil)
		if errors.Is(err, ErrPlainText) == insecure {
			t.Errorf("insecure %t: %v", insecure, err)
		}
		if sent := bodies() > 0; sent != insecure {
			t.Errorf("insecure %t: a message was sent: %t", insecure, sent)
		}
	}
}

// Sealed answers that were changed, repeated or put in another order are not opened.
func TestKerberosSealerRefuses(t *testing.T) {
	key := types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: bytes.Repeat([]byte{1}, 32)}
	// The sealed text is opened by the keys of its direction alone, so that a message comes back from nobody as an answer.
	a, b := newKerberosSealer(key, true, 7, 7), newKerberosSealer(key, true, 7, 7)
	sig, data, err := a.seal([]byte("a message"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := b.open(sig, data); err == nil {
		t.Errorf("a message of ours was taken for an answer: %q", plain)
	}
	sig[2] |= wrapByAcceptor
	if plain, err := b.open(sig, data); err == nil {
		t.Errorf("... and with the server's flag: %q", plain)
	}
	for _, n := range []int{0, 15, 16, 40} {
		if plain, err := b.open(sig[:n], nil); err == nil {
			t.Errorf("%d bytes: %q", n, plain)
		}
	}
	if newKerberosSealer(types.EncryptionKey{KeyType: etypeID.RC4_HMAC, KeyValue: make([]byte, 16)}, false, 0, 0) != nil {
		t.Error("a sealer for RC4")
	}
	if newKerberosSealer(types.EncryptionKey{KeyType: key.KeyType, KeyValue: key.KeyValue[:8]}, false, 0, 0) != nil {
		t.Error("a sealer for a key of the wrong size")
	}
}

// No proof makes complete panic, and none that was not made for the context is taken.
func FuzzKerberosProof(f *testing.F) {
	f.Add([]byte("\x60\x11\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00\x6f\x02\x30\x00"))
	f.Add([]byte("\xa1\x14\x30\x12\xa0\x03\x0a\x01\x00\xa1\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"))
	g := &gssContext{key: types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: make([]byte, 32)}}
	f.Fuzz(func(t *testing.T, token []byte) {
		if _, err := g.complete(token); err == nil {
			t.Fatalf("taken: %x", token)
		}
	})
}
