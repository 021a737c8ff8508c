package rehearsal_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/runbooks"
)

// The file that is written is the pool that was read, but for how it is reached and whom it notifies.
func TestPoolFile(t *testing.T) {
	for _, f := range runbooks.Files() {
		if string(f.Kind) != "pool" {
			continue
		}
		p, err := pool.Decode(f.File, f.Text)
		if err != nil {
			t.Fatal(err)
		}
		p.Connect.Identity = pool.Identity{Kind: pool.Task, Account: `CONTOSO\lync "task"`}
		srv, err := rehearsal.Serve(rehearsal.Options{Pool: p, TimeScale: 60, Listen: "127.0.0.1:0", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		text := srv.PoolFile()
		addresses := srv.Addresses()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		got, err := pool.Decode("written.pool.yaml", text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", f.Name, err, text)
		}
		want := *p
		want.Source, want.Notify, want.Rehearsal = got.Source, pool.Notify{}, &pool.Rehearsal{TimeScale: 60}
		want.Connect.TLS, want.Connect.Auth, want.Connect.Port = false, pool.Basic, 5985
		want.Connect.Hosts = nil
		for _, a := range addresses {
			want.Connect.Hosts = append(want.Connect.Hosts, pool.Host{Name: a.Server, Address: a.Address})
		}
		if want.Connect.User == "" {
			want.Connect.User = "lrun"
		}
		if d := cmp.Diff(&want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, d)
		}
	}
}
