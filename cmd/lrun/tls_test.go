//go:build unix

package main

import (
	"strings"
	"testing"

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
	refused := func(name, want string, spoil func(*farm) []string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "", func(o *rehearsal.Options) { o.TLS = ca })
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
			cmd.Env = append(cmd.Env, spoil(f)...)
			p := f.finish(cmd)
			if p.code != exitUsage || !strings.Contains(p.err, want) || !strings.Contains(p.err, "nothing was touched") {
				t.Errorf("%v, want %q", p, want)
			}
			for _, ev := range f.events {
				if ev.Event != "night" {
					t.Errorf("the servers lived through %+v", ev)
				}
			}
		})
	}
	refused("unknown authority", "authority", func(f *farm) []string {
		other, err := rehearsal.NewAuthority()
		if err != nil {
			f.t.Fatal(err)
		}
		return []string{authorityVar + "=" + f.write("ca.pem", string(other.PEM()))}
	})
	refused("wrong host name", "front01.contoso.com", func(f *farm) []string {
		// The certificates speak of other names than the pool file.
		f.write("night.pool.yaml", strings.ReplaceAll(string(f.served.PoolFile()), "fe0", "front0"))
		return []string{authorityVar + "=" + f.write("ca.pem", string(ca.PEM()))}
	})
}
