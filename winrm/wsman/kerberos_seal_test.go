package wsman

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// sealedClient is an initiator on MIT's own GSS library: it logs on, then sends each envelope of its input sealed and
// prints the status and the opened answer.
const sealedClient = `
import sys, base64, struct, http.client, gssapi
from gssapi.raw import IOV, IOVBufferType as T, wrap_iov, unwrap_iov
host, port, scheme, protocol, spn = sys.argv[1:6]
kind = gssapi.MechType.kerberos if scheme == 'Kerberos' else gssapi.OID.from_int_seq('1.3.6.1.5.5.2')
ctx = gssapi.SecurityContext(name=gssapi.Name(spn, gssapi.NameType.hostbased_service), mech=kind, usage='initiate',
    flags=gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.confidentiality | gssapi.RequirementFlag.integrity)
conn = http.client.HTTPConnection(host, int(port))
conn.request('POST', '/wsman', b'', {'Authorization': scheme + ' ' + base64.b64encode(ctx.step()).decode(), 'Content-Type': 'application/soap+xml;charset=UTF-8'})
r = conn.getresponse(); r.read()
assert r.status == 200, r.status
ctx.step(base64.b64decode(r.getheader('WWW-Authenticate').split(' ')[1]))
assert ctx.complete
B = b'--Encrypted Boundary'
for plain in sys.stdin.buffer.read().split(b'\0'):
    iov = IOV(T.header, plain, T.padding, std_layout=False)
    wrap_iov(ctx, iov, confidential=True)
    sig = iov[0].value
    data = iov[1].value + (iov[2].value or b'')
    body = (B + b'\r\n\tContent-Type: ' + protocol.encode() + b'\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n' % len(plain)
        + B + b'\r\n\tContent-Type: application/octet-stream\r\n' + struct.pack('<i', len(sig)) + sig + data + B + b'--\r\n')
    conn.request('POST', '/wsman', body, {'Content-Type': 'multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"' % protocol})
    r = conn.getresponse()
    answer = r.read()
    assert protocol in r.getheader('Content-Type'), r.getheader('Content-Type')
    part = answer.split(b'application/octet-stream\r\n', 1)[1]
    part = part[:part.rindex(B)]
    n = struct.unpack('<i', part[:4])[0]
    iov = IOV((T.header, False, part[4:4+n]), (T.data, False, part[4+n:]), std_layout=False)
    u = unwrap_iov(ctx, iov)
    assert u.encrypted
    print(r.status, n, iov[1].value.decode())
`

func TestKerberosSealed(t *testing.T) {
	needPython(t, "gssapi", "python3-gssapi")
	kdc, host := newKerberosHost(t, Options{RefuseUnencrypted: true})
	kinit(t, kdc)
	for _, c := range []struct{ scheme, protocol string }{{"Kerberos", sealKerberos}, {"Negotiate", sealSPNEGO}} {
		in := bytes.Join([][]byte{
			[]byte(envelope("Create", "", msg(), "", `<rsp:Shell ShellId="AAAAAAAA-0001"/>`)),
			[]byte(envelope("Command", "AAAAAAAA-0001", msg(), "", `<rsp:CommandLine CommandId="CCCCCCCC-0001"><rsp:Command>env x</rsp:Command></rsp:CommandLine>`)),
			[]byte(envelope("Receive", "BBBBBBBB-0001", msg(), "", receiveBody("CCCCCCCC-0001"))),
			[]byte(envelope("Delete", "AAAAAAAA-0001", msg(), "", "")),
		}, []byte{0})
		ip, port := splitAddr(t, host)
		cmd := exec.Command(systemPython, "-c", sealedClient, ip, port, c.scheme, c.protocol, "HTTP@fe01.contoso.com")
		cmd.Env = kdc.Env()
		cmd.Stdin = bytes.NewReader(in)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", c.scheme, err, out, &errs)
		}
		lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		want := []string{"200 60 ", "200 60 ", "500 60 ", "200 60 "}
		if len(lines) != len(want) {
			t.Fatalf("%s: got\n%s", c.scheme, out)
		}
		for i, w := range want {
			if !bytes.HasPrefix(lines[i], []byte(w)) || !bytes.HasSuffix(lines[i], []byte("</s:Envelope>")) {
				t.Errorf("%s: answer %d is %s", c.scheme, i, lines[i])
			}
		}
	}
	if n := host.Stats().FailedLogons; n != 0 {
		t.Errorf("%d failed logons", n)
	}
}

// TestKerberosSealerRefuses changes, repeats and reorders tokens of a client's side made from the same code.
func TestKerberosSealerRefuses(t *testing.T) {
	req := &messages.APReq{}
	req.Ticket.DecryptedEncPart.Key = types.EncryptionKey{KeyType: 18, KeyValue: bytes.Repeat([]byte{1}, 32)}
	req.Authenticator.SeqNumber = 1 << 31
	sub := newSubkey(req)
	pair := func() (*clientSealer, sealer) { return newClientSealer(req, sub), newKerberosSealer(req, sub) }

	c, s := pair()
	for _, text := range []string{"", "a", "exactly 16 bytes", "<s:Envelope>and more than that</s:Envelope>"} {
		if got, err := s.unseal(c.seal([]byte(text))); err != nil || string(got) != text {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	sig, data := c.seal([]byte("once"))
	if _, err := s.unseal(sig, data); err != nil {
		t.Error(err)
	}
	if _, err := s.unseal(sig, data); err == nil {
		t.Error("opened twice")
	}
	for name, change := range map[string]func(sig, data []byte) ([]byte, []byte){
		"text":      func(sig, data []byte) ([]byte, []byte) { data[0] ^= 1; return sig, data },
		"checksum":  func(sig, data []byte) ([]byte, []byte) { sig[len(sig)-1] ^= 1; return sig, data },
		"flags":     func(sig, data []byte) ([]byte, []byte) { sig[2] ^= wrapAcceptorSubkey; return sig, data },
		"extra":     func(sig, data []byte) ([]byte, []byte) { sig[5] = 1; return sig, data },
		"sequence":  func(sig, data []byte) ([]byte, []byte) { sig[15]++; return sig, data },
		"rotation":  func(sig, data []byte) ([]byte, []byte) { sig[7]++; return sig, data },
		"cut":       func(sig, data []byte) ([]byte, []byte) { return sig[:20], nil },
		"empty":     func(sig, data []byte) ([]byte, []byte) { return nil, nil },
		"no cipher": func(sig, data []byte) ([]byte, []byte) { return sig[:16], nil },
	} {
		c, s := pair()
		if got, err := s.unseal(change(c.seal([]byte("some text that is long enough")))); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
	req.Ticket.DecryptedEncPart.Key.KeyType = 23
	if newKerberosSealer(req, newSubkey(req)) != nil {
		t.Error("a sealer for RC4")
	}
}

// clientSealer is the other direction of kerberosSealer.
type clientSealer struct{ *kerberosSealer }

func newClientSealer(req *messages.APReq, sub types.EncryptionKey) *clientSealer {
	return &clientSealer{newKerberosSealer(req, sub).(*kerberosSealer)}
}

func (c *clientSealer) seal(plain []byte) (signature, sealed []byte) {
	flags := wrapSealed | c.flag
	_, body, err := c.e.EncryptMessage(c.key.KeyValue, append(bytes.Clone(plain), c.header(flags, 0, 0, c.sendSeq)...), keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		panic(err)
	}
	cut := len(body) - c.rotation
	rotated := append(bytes.Clone(body[cut:]), body[:cut]...)
	signature = append(c.header(flags, 0, c.rotation, c.sendSeq), rotated[:c.rotation+16]...)
	c.sendSeq++
	return signature, rotated[c.rotation+16:]
}

func FuzzKerberosTokens(f *testing.F) {
	req := &messages.APReq{}
	req.Ticket.DecryptedEncPart.Key = types.EncryptionKey{KeyType: 18, KeyValue: bytes.Repeat([]byte{1}, 32)}
	sig, data := newClientSealer(req, types.EncryptionKey{}).seal([]byte("text"))
	f.Add(append(sig, data...))
	// An AP-REQ in SPNEGO as far as its first fields, and a raw one.
	f.Add([]byte("\x60\x20\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x16\x30\x14\xa0\x0d\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\xa2\x03\x04\x01\x00"))
	f.Add([]byte("\x60\x11\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e\x02\x30\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if req, _, err := parseAPReq(data); err == nil && req == nil {
			t.Fatal("neither a request nor an error")
		}
		s := newKerberosSealer(req, newSubkey(req))
		n := min(60, len(data))
		if plain, err := s.unseal(data[:n], data[n:]); err == nil {
			t.Fatalf("forged: %q", plain)
		}
	})
}
