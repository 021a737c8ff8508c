package transport

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lrun/lrun/internal/kdctest"
	"github.com/lrun/lrun/winrm/wsman"
)

const testRealm = "CONTOSO.TEST"

// counter stands before a KDC and counts the requests by kind.
type counter struct {
	mu      sync.Mutex
	as, tgs int
}

func (c *counter) counts() (as, tgs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.as, c.tgs
}

// before listens for a KDC and passes each request on to it.
func (c *counter) before(t *testing.T, kdc string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { c.pass(in, kdc) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func (c *counter) pass(in net.Conn, kdc string) {
	defer in.Close()
	request, err := record(in)
	if err != nil {
		return
	}
	c.mu.Lock()
	switch request[4] {
	case 0x6a: // [APPLICATION 10] AS-REQ
		c.as++
	case 0x6c: // [APPLICATION 12] TGS-REQ
		c.tgs++
	}
	c.mu.Unlock()
	out, err := net.Dial("tcp", kdc)
	if err != nil {
		return
	}
	defer out.Close()
	if _, err := out.Write(request); err != nil {
		return
	}
	if answer, err := record(out); err == nil {
		_, _ = in.Write(answer)
	}
}

// record reads one length-prefixed Kerberos message, prefix included.
func record(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n == 0 || n > 1<<20 {
		return nil, errors.New("length")
	}
	b := make([]byte, 4+n)
	copy(b, head)
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// realm starts a KDC with one user and the service of 127.0.0.1, and returns a krb5.conf that leads through the
// counter.
func realm(t *testing.T) (conf string, server wsman.Auth, c *counter) {
	t.Helper()
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser("admin", testPassword)
	server, err := wsman.KerberosKeytab(kdc.AddService("HTTP/127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(kdc.Config)
	if err != nil {
		t.Fatal(err)
	}
	c = &counter{}
	return strings.ReplaceAll(string(raw), kdc.Addr, c.before(t, kdc.Addr)), server, c
}

func kerberosLogin(t *testing.T, conf, user, password string) Auth {
	t.Helper()
	a, err := Kerberos(KerberosConfig{Credential: NewCredential(user, password), Krb5Conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// One login for a run and one service ticket for a server, however many messages are sent at once.
func TestKerberosKeepsTickets(t *testing.T) {
	conf, server, kdc := realm(t)
	login := kerberosLogin(t, conf, "admin@"+testRealm, testPassword)
	var wg sync.WaitGroup
	for range 3 { // three servers under one service name
		w := serve(t, wsman.Options{Auth: []wsman.Auth{server}})
		c := w.config(t)
		c.Auth = login
		s := open(t, c)
		for range 4 {
			wg.Go(func() {
				if res, err := s.Run(t.Context(), "cat", []byte("in")); err != nil || string(res.Stdout) != "in" {
					t.Errorf("%+v, %v", res, err)
				}
			})
		}
	}
	wg.Wait()
	// The first AS request asks which key types the user has; the second carries the proof.
	if as, tgs := kdc.counts(); as != 2 || tgs != 1 {
		t.Errorf("%d AS and %d TGS requests for 12 commands, want 2 and 1", as, tgs)
	}
}

func TestKerberosRefusals(t *testing.T) {
	conf, server, kdc := realm(t)
	for _, tt := range []struct {
		user, password, want string
		as                   int // requests, of which the last at most carries a proof
	}{
		{"admin", "wrong", "wrong password", 2},
		{"nobody", "x", "no such user", 1},
	} {
		t.Run(tt.user, func(t *testing.T) {
			before, _ := kdc.counts()
			login := kerberosLogin(t, conf, tt.user, tt.password)
			var wg sync.WaitGroup
			for range 2 {
				w := serve(t, wsman.Options{Auth: []wsman.Auth{server}})
				c := w.config(t)
				c.Auth = login
				s := open(t, c)
				for range 3 {
					wg.Go(func() {
						_, err := s.Run(t.Context(), "echo", nil)
						wantState(t, err, NotBegun)
						var refusal *AuthError
						if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, tt.want) {
							t.Errorf("error is %v", err)
						}
					})
				}
			}
			wg.Wait()
			if as, _ := kdc.counts(); as-before != tt.as {
				t.Errorf("%d AS requests, want %d", as-before, tt.as)
			}
		})
	}
}

func TestKerberosUnknownService(t *testing.T) {
	conf, server, _ := realm(t)
	w := serve(t, wsman.Options{Auth: []wsman.Auth{server}})
	c := w.config(t)
	c.Auth = kerberosLogin(t, conf, "admin", testPassword)
	c.ServerName = "fe99.contoso.com"
	_, err := open(t, c).Run(t.Context(), "echo", nil)
	wantState(t, err, NotBegun)
	if err == nil || !strings.Contains(err.Error(), "no such service principal name") {
		t.Errorf("error is %v", err)
	}
	if len(w.messages) > 0 {
		t.Error("a message was sent without a ticket")
	}
}

func TestKerberosConfig(t *testing.T) {
	cred := NewCredential(`contoso.test\admin`, "x")
	a, err := Kerberos(KerberosConfig{Credential: cred, Realm: "OTHER"})
	if err != nil {
		t.Fatal(err)
	}
	if k := a.(*kerberos); k.realm != testRealm || k.name != "admin" {
		t.Errorf("%s in %s", k.name, k.realm)
	}
	for _, c := range []KerberosConfig{{}, {Credential: NewCredential("admin", "x")}} {
		if _, err := Kerberos(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
