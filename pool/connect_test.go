package pool_test

import (
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
)

func TestIsLoopback(t *testing.T) {
	for _, yes := range []string{"127.0.0.1", "127.0.0.9:15985", "127.255.255.254", "localhost", "LOCALHOST:80", "::1", "[::1]", "[::1]:5985"} {
		if !pool.IsLoopback(yes) {
			t.Errorf("%s is this machine", yes)
		}
	}
	for _, no := range []string{"", "10.1.2.3", "127.0.0.1.contoso.com", "127.0.0.1:x", "127.0.0.1:0", "localhost.contoso.com", "[::1", "[::1]x", "::2",
		"x@127.0.0.1", "127.1", "0.0.0.0", "[]", "fe01.contoso.com:5985"} {
		if pool.IsLoopback(no) {
			t.Errorf("%s passes for this machine", no)
		}
	}
}

// One machine at most is the one that lrun runs on.
func TestLocal(t *testing.T) {
	p, err := pool.Decode("x", []byte(base+"connect: {via: mgmt01.contoso.com, hosts: {MGMT01.contoso.com: local, fe01.contoso.com: 10.0.0.1}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c := &p.Connect; !c.Local("mgmt01.contoso.com") || c.Local("fe01.contoso.com") || c.Local("fe02.contoso.com") {
		t.Errorf("%+v", c.Hosts)
	}
	_, err = pool.Decode("x", []byte(base+"connect: {hosts: {fe01.contoso.com: local, fe02.contoso.com: local}}\n"))
	if err == nil || !strings.Contains(err.Error(), "cannot both be local") {
		t.Errorf("two machines: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	for text, want := range map[string]pool.Identity{
		"direct":                {},
		`'task:CONTOSO\run'`:    {Kind: pool.Task, Account: `CONTOSO\run`},
		`"gmsa:lrun$"`:          {Kind: pool.GMSA, Account: "lrun$"},
		"task:lrun@contoso.com": {Kind: pool.Task, Account: "lrun@contoso.com"},
	} {
		p, err := pool.Decode("x", []byte(base+"connect: {identity: "+text+"}\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if p.Connect.Identity != want {
			t.Errorf("%s is read as %+v", text, p.Connect.Identity)
		}
	}
	for _, bad := range []string{"'task:'", "gmsa", "'direct:x'", "'local:x'"} {
		if _, err := pool.Decode("x", []byte(base+"connect: {identity: "+bad+"}\n")); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// What decides about a failover fails closed.
func TestSteady(t *testing.T) {
	for state, want := range map[pool.BackupState]bool{
		pool.BackupSteady: true, pool.BackupFinal: true, pool.BackupNonSteady: false, pool.BackupNotInitialized: false, pool.BackupError: false,
	} {
		if state.Steady() != want {
			t.Errorf("%s is steady: %v", state, !want)
		}
	}
}
