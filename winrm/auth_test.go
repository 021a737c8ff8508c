package winrm_test

import (
	"io"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/internal/kdctest"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/wsman"
)

// TestEveryLogin rehearses a night with each way to log in, over TLS and without: the same story as the model's.
func TestEveryLogin(t *testing.T) {
	certificate := func(t *testing.T, o *rehearsal.Options, c *winrm.Credentials) {
		var err error
		if o.TLS, err = rehearsal.NewAuthority(); err != nil {
			t.Fatal(err)
		}
		c.CA = o.TLS.PEM()
	}
	for _, c := range []struct {
		name string
		set  func(*testing.T, *rehearsal.Options, *winrm.Credentials)
	}{
		{"basic over TLS", certificate},
		{"ntlm, sealed", func(_ *testing.T, o *rehearsal.Options, _ *winrm.Credentials) { o.Auth = []pool.Auth{pool.NTLM} }},
		{"client certificate", func(t *testing.T, o *rehearsal.Options, c *winrm.Credentials) {
			certificate(t, o, c)
			o.Auth = []pool.Auth{pool.Certificate}
			var err error
			if c.Cert, c.Key, err = o.TLS.Client(user); err != nil {
				t.Fatal(err)
			}
		}},
		{"kerberos, sealed", func(t *testing.T, o *rehearsal.Options, c *winrm.Credentials) {
			kdc := kdctest.Start(t, "CONTOSO.COM")
			kdc.AddUser("lync-admin", password)
			services := []string{"HTTP/pool02-fe01.contoso.com", "HTTP/pool02-fe02.contoso.com", "HTTP/pool02-fe03.contoso.com"}
			for _, name := range o.Pool.Names(o.Pool.All()) {
				services = append(services, "HTTP/"+name)
			}
			o.Auth, o.Keytab, o.User = []pool.Auth{pool.Kerberos}, kdc.AddService(services...), "lync-admin@CONTOSO.COM"
			conf, err := os.ReadFile(kdc.Config)
			if err != nil {
				t.Fatal(err)
			}
			c.Krb5Conf = string(conf)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := serve(t, "contoso-4", "", func(o *rehearsal.Options, cred *winrm.Credentials) {
				shortNight(o, cred)
				c.set(t, o, cred)
				sealed := o.TLS == nil
				o.OnMessage = func(m wsman.MessageInfo) {
					if m.Sealed != sealed {
						t.Errorf("%s by %s, sealed: %t", m.Action, m.Scheme, m.Sealed)
					}
				}
			})
			got, _ := r.exec(t, procedure)
			if diff := cmp.Diff(simulate(t, r.pool, "", procedure), got); diff != "" {
				t.Errorf("exec differs from the model (-model +exec):\n%s", diff)
			}
			if r.has(rehearsal.EventDenied) {
				t.Error("a logon was refused")
			}
		})
	}
}

func TestOtherAuthorityIsRefused(t *testing.T) {
	r := serve(t, "contoso-4", "", func(o *rehearsal.Options, c *winrm.Credentials) {
		o.ErrorLog = log.New(io.Discard, "", 0)
		mine, err := rehearsal.NewAuthority()
		if err != nil {
			t.Fatal(err)
		}
		if o.TLS, err = rehearsal.NewAuthority(); err != nil {
			t.Fatal(err)
		}
		c.CA = mine.PEM()
	})
	if _, err := r.servers.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("the error is %v", err)
	}
}

// TestRehearsalStaysHere: a file with a time scale is for this machine alone.
func TestRehearsalStaysHere(t *testing.T) {
	p := *shipped(t, "contoso-4")
	p.Rehearsal, p.Connect.Auth, p.Connect.User = &pool.Rehearsal{TimeScale: 60}, pool.NTLM, user
	login, err := winrm.NewLogin(&p, winrm.Credentials{Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := winrm.Connect(&p, login); err == nil || !strings.Contains(err.Error(), "time_scale") {
		t.Errorf("the error is %v", err)
	}
}
