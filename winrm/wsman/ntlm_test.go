package wsman

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"

	"github.com/bodgit/ntlmssp"
)

// handshake runs NTLM between bodgit's client and the acceptor; change may alter the last message.
func handshake(t *testing.T, user, domain, password string, change func([]byte) []byte) (*verdict, *ntlmssp.Client) {
	t.Helper()
	cl, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(user, password), ntlmssp.SetDomain(domain), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		t.Fatal(err)
	}
	host := &Host{name: "fe01.contoso.com", server: NewServer(Options{})}
	a := &attempt{r: &http.Request{}, sess: &session{}, host: host, scheme: "negotiate"}
	auth := NTLM(StaticAccounts{testUser: testPassword})
	if a.token, err = cl.Authenticate(nil, nil); err != nil {
		t.Fatal(err)
	}
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(auth.accept(a).header, "Negotiate "))
	if err != nil {
		t.Fatal(err)
	}
	if a.token, err = cl.Authenticate(challenge, nil); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		a.token = change(bytes.Clone(a.token))
	}
	return auth.accept(a), cl
}

func TestNTLMHandshake(t *testing.T) {
	v, cl := handshake(t, testUser, "CONTOSO", testPassword, nil)
	if v.id == nil || v.id.user != `CONTOSO\admin` || v.sealer == nil {
		t.Fatalf("%+v", v)
	}
	// Both directions, several messages: the ciphers run on from one to the next.
	for _, text := range []string{"", "first", strings.Repeat("second ", 1000)} {
		sealed, sig, err := cl.SecuritySession().Wrap([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.sealer.unseal(sig, sealed); err != nil || string(got) != text {
			t.Errorf("unseal: %q %v", got, err)
		}
		sig, sealed = v.sealer.seal([]byte(text))
		if got, err := cl.SecuritySession().Unwrap(sealed, sig); err != nil || string(got) != text {
			t.Errorf("seal: %q %v", got, err)
		}
	}
	sealed, sig, err := cl.SecuritySession().Wrap([]byte("<s:Envelope/>"))
	if err != nil {
		t.Fatal(err)
	}
	sealed[0] ^= 1
	if _, err := v.sealer.unseal(sig, sealed); err == nil {
		t.Error("a changed message was opened")
	}
}

func TestNTLMRefuses(t *testing.T) {
	field := func(b []byte, at, n int) []byte { binary.LittleEndian.PutUint16(b[at:], uint16(n)); return b }
	for name, c := range map[string]struct {
		user, password string
		change         func([]byte) []byte
		reason         string
	}{
		"wrong password": {testUser, "guess", nil, reasonPassword},
		"unknown user":   {"nobody", testPassword, nil, reasonPassword},
		"empty password": {"nobody", "", nil, reasonPassword},
		"no user":        {testUser, testPassword, func(b []byte) []byte { return field(b, 36, 0) }, "anonymous logon"},
		"NTLMv1":         {testUser, testPassword, func(b []byte) []byte { return field(b, 20, 24) }, "the response is not NTLMv2"},
		"changed MIC":    {testUser, testPassword, func(b []byte) []byte { b[72] ^= 1; return b }, "the MIC of the handshake does not match"},
		"changed flags":  {testUser, testPassword, func(b []byte) []byte { b[63] &^= 0x20; return b }, "the MIC of the handshake does not match"},
		"changed proof":  {testUser, testPassword, func(b []byte) []byte { b[binary.LittleEndian.Uint32(b[24:])] ^= 1; return b }, reasonPassword},
		"cut":            {testUser, testPassword, func(b []byte) []byte { return b[:len(b)-20] }, errNTLMMessage.Error()},
		"field outside":  {testUser, testPassword, func(b []byte) []byte { b[27] = 0xff; return b }, errNTLMMessage.Error()},
	} {
		if v, _ := handshake(t, c.user, "", c.password, c.change); v.id != nil || v.reason != c.reason {
			t.Errorf("%s: id %v, reason %q, want %q", name, v.id, v.reason, c.reason)
		}
	}
}

// TestTamperedMessageEndsTheSession sends a sealed message that does not fit the connection.
func TestTamperedMessageEndsTheSession(t *testing.T) {
	host := startHost(t, Options{Auth: []Auth{NTLM(testAccounts)}}, nil)
	body := sealMessage(newNTLMSealer(ntlmExtended|ntlmSeal|ntlm128, bytes.Repeat([]byte{9}, 16)), sealSPNEGO, []byte(envelope("Create", "", msg(), "", `<rsp:Shell/>`)))
	x := &exchange{sess: &session{sealer: newNTLMSealer(ntlmExtended|ntlmSeal|ntlm128, bytes.Repeat([]byte{8}, 16))}}
	if _, err := unsealMessage(x.sess.sealer, body); err == nil {
		t.Error("opened with another key")
	}
	req, err := http.NewRequest(http.MethodPost, host.URL(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", sealedType(sealSPNEGO))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("a sealed message on a connection without a logon: %d", resp.StatusCode)
	}
}
