package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/wsman"
)

func ntlmConfig(t *testing.T, w *world) Config {
	t.Helper()
	c := w.config(t)
	c.Auth = NTLM(NewCredential(testUser, testPassword))
	return c
}

// Every message is encrypted, so that a server with AllowUnencrypted=false takes it.
func TestNTLMSealsEverything(t *testing.T) {
	w := serve(t, wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}, RefuseUnencrypted: true})
	s := open(t, ntlmConfig(t, w))
	if got := s.mustRun(t, "cat", "secret"); string(got.Stdout) != "secret" {
		t.Errorf("%+v", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if !m.Sealed {
			t.Errorf("%s came in the clear", m.Action)
		}
	}
}

// With TLS the login is bound to the connection and the messages are encrypted all the same.
func TestNTLMOverTLS(t *testing.T) {
	ca := newAuthority(t)
	w := serve(t, wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}, TLS: ca.server([]string{"fe01.contoso.com"}, time.Hour)})
	c := ntlmConfig(t, w)
	c.TLS, c.CA, c.ServerName = true, ca.pem, "fe01.contoso.com"
	if got := open(t, c).mustRun(t, "echo hi", ""); string(got.Stdout) != "hi" {
		t.Errorf("%+v", got)
	}
}

// A connection is logged in once, not once a message.
func TestNTLMLogsInOncePerConnection(t *testing.T) {
	w := serve(t, wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}})
	s := open(t, ntlmConfig(t, w))
	for range 5 {
		s.mustRun(t, "echo x", "")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// One connection for Receive; Send, and the Signal of the command before, can each want another one beside
	// the Command's.
	if n := len(w.logons); n > 5 {
		t.Errorf("%d logins for five commands", n)
	}
}

func TestNTLMSurvivesAForgottenLogin(t *testing.T) {
	w := serve(t, wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}})
	s := open(t, ntlmConfig(t, w))
	s.mustRun(t, "echo x", "")
	hit := false
	w.fault(func(m wsman.MessageInfo) (f wsman.Fault) {
		if m.Action == wsman.ActionCommand && !hit {
			hit = true
			f.Kind = wsman.FaultUnauthorized
		}
		return f
	})
	if got := s.mustRun(t, "echo y", ""); string(got.Stdout) != "y" {
		t.Errorf("%+v", got)
	}
}

// fakeChallenge is a challenge without any flag but those given.
func fakeChallenge(flags uint32) string {
	b := make([]byte, 56)
	copy(b, "NTLMSSP\x00")
	binary.LittleEndian.PutUint32(b[8:], 2)
	binary.LittleEndian.PutUint32(b[20:], flags)
	return "Negotiate " + base64.StdEncoding.EncodeToString(b)
}

// A server that would have messages go unencrypted is told nothing that was made with the password.
func TestNTLMRefusesWeakChallenges(t *testing.T) {
	all := uint32(0)
	for _, f := range neededFlags {
		all |= f.bit
	}
	for _, f := range neededFlags {
		t.Run(f.name, func(t *testing.T) {
			var tokens [][]byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Negotiate ")); err == nil {
					tokens = append(tokens, b)
				}
				w.Header().Set("WWW-Authenticate", fakeChallenge(all&^f.bit))
				w.WriteHeader(http.StatusUnauthorized)
			}))
			defer srv.Close()
			s := open(t, configOf(t, srv.Listener.Addr().String(), NTLM(NewCredential("u", "p"))))
			_, err := s.Run(t.Context(), "echo", nil)
			wantState(t, err, NotBegun)
			var refusal *AuthError
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, f.name) {
				t.Errorf("error is %v", err)
			}
			for _, b := range tokens {
				if len(b) > 12 && b[8] == 3 {
					t.Error("the password's proof was sent")
				}
			}
		})
	}
}

func TestFrame(t *testing.T) {
	sig, data := []byte("0123456789abcdef"), []byte("--Encrypted Boundary--\r\nLength=3\r\n\x00\xff")
	framed := frame(sealSPNEGO, sig, data, len(data))
	for name, b := range map[string][]byte{
		"as sent":      framed,
		"without CRLF": bytes.TrimSuffix(framed, []byte("\r\n")),
		"spaced end":   slices.Concat(bytes.TrimSuffix(framed, []byte("--Encrypted Boundary--\r\n")), []byte("-- Encrypted Boundary--\r\n")),
	} {
		gotSig, gotData, n, err := unframe(b)
		if err != nil || !bytes.Equal(gotSig, sig) || !bytes.Equal(gotData, data) || n != len(data) {
			t.Errorf("%s: %q %q %d %v", name, gotSig, gotData, n, err)
		}
	}
}

// No frame makes unframe panic, and what it returns was in the frame.
func FuzzUnframe(f *testing.F) {
	f.Add(frame(sealSPNEGO, []byte("0123456789abcdef"), []byte("data"), 4))
	f.Add([]byte("--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sig, data, n, err := unframe(b)
		if err != nil {
			var p *ProtocolError
			if !errors.As(err, &p) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(sig) < 16 || len(sig) > maxSignature || n < 0 || !bytes.Contains(b, data) {
			t.Fatalf("%q %q %d", sig, data, n)
		}
	})
}
