//go:build unix

package main

import (
	"fmt"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/internal/kdctest"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
)

// TestTLS runs a night with a private authority by each login that TLS carries, and refuses servers that cannot prove who
// they are: with the reason, once, and nothing touched.
func TestTLS(t *testing.T) {
	ca, err := rehearsal.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Client(testUser)
	if err != nil {
		t.Fatal(err)
	}
	for _, auth := range []pool.Auth{pool.Basic, pool.NTLM, pool.Certificate} {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "", func(o *rehearsal.Options) { o.TLS, o.Auth = ca, []pool.Auth{auth} })
			env := []string{
				authorityVar + "=" + f.write("ca.pem", string(ca.PEM())), certificateVar + "=" + f.write("user.pem", string(cert)+string(key)),
			}
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
			cmd.Env = append(cmd.Env, env...)
			if p := f.finish(cmd); p.code != exitDone {
				t.Errorf("%v", p)
			}
			f.installedOnce()
		})
	}
	refused := func(name, want string, ca *rehearsal.Authority, spoil func(*farm) []string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "", func(o *rehearsal.Options) { o.TLS, o.ErrorLog = ca, log.New(io.Discard, "", 0) })
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
			cmd.Env = append(cmd.Env, spoil(f)...)
			p := f.finish(cmd)
			if p.code != exitUsage || strings.Count(p.err, want) != 1 || !strings.Contains(p.err, "nothing was touched") {
				t.Errorf("%v, want %q", p, want)
			}
			for _, ev := range f.events {
				if ev.Event != "night" {
					t.Errorf("the servers lived through %+v", ev)
				}
			}
		})
	}
	refused("unknown authority", "an authority that is not trusted here", ca, func(f *farm) []string {
		other, err := rehearsal.NewAuthority()
		if err != nil {
			f.t.Fatal(err)
		}
		return []string{authorityVar + "=" + f.write("ca.pem", string(other.PEM()))}
	})
	refused("wrong host name", "not for front01.contoso.com", ca, func(f *farm) []string {
		// The certificates speak of other names than the pool file.
		f.write("night.pool.yaml", strings.ReplaceAll(string(f.served.PoolFile()), "fe0", "front0"))
		return []string{authorityVar + "=" + f.write("ca.pem", string(ca.PEM()))}
	})
	expired, err := rehearsal.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	expired.ServersUntil = time.Now().Add(-time.Minute)
	refused("expired certificate", "expired", expired, func(f *farm) []string {
		return []string{authorityVar + "=" + f.write("ca.pem", string(expired.PEM()))}
	})
}

// TestKerberos runs a night with tickets of a real KDC, and refuses a wrong password after one attempt.
func TestKerberos(t *testing.T) {
	kdc := kdctest.Start(t, "CONTOSO.COM")
	kdc.AddUser("lync-admin", testPassword)
	var services []string
	for _, pool := range []string{"fe0", "b0"} {
		for n := range 6 {
			services = append(services, fmt.Sprintf("HTTP/%s%d.contoso.com", pool, n+1))
		}
	}
	keytab := kdc.AddService(services...)
	served := func(t *testing.T) *farm {
		return serveFarm(t, strings.Replace(quick, `user: CONTOSO\lync-admin`, "user: lync-admin@CONTOSO.COM", 1), "", func(o *rehearsal.Options) {
			o.Auth, o.Keytab, o.User = []pool.Auth{pool.Kerberos}, keytab, "lync-admin@CONTOSO.COM"
		})
	}
	run := func(f *farm, password string) process {
		cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
		cmd.Env = append(cmd.Env, krb5Var+"="+kdc.Config, passwordVar+"="+password)
		return f.finish(cmd)
	}
	f := served(t)
	if p := run(f, testPassword); p.code != exitDone {
		t.Errorf("%v", p)
	}
	f.installedOnce()
	f = served(t)
	if p := run(f, "wrong"); p.code != exitUsage || !strings.Contains(p.err, "password") || !strings.Contains(p.err, "nothing was touched") {
		t.Errorf("%v", p)
	}
	for _, ev := range f.events {
		if ev.Event != "night" {
			t.Errorf("the servers lived through %+v", ev)
		}
	}
}
