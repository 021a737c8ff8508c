package rehearsal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
	"github.com/lrun/lrun/winrm/wsman"
)

// Every way to log on that needs no more than a password or a certificate, plain and under TLS.
func TestLogons(t *testing.T) {
	ca, err := rehearsal.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Client("lync-admin")
	if err != nil {
		t.Fatal(err)
	}
	byCertificate, err := transport.Certificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		offers []pool.Auth
		tls    *rehearsal.Authority
		auth   transport.Auth
	}{
		{"basic", nil, nil, transport.Basic(transport.NewCredential(user, password))},
		{"ntlm", nil, nil, transport.NTLM(transport.NewCredential(user, password))},
		{"basic tls", nil, ca, transport.Basic(transport.NewCredential(user, password))},
		{"ntlm tls", []pool.Auth{pool.NTLM}, ca, transport.NTLM(transport.NewCredential(user, password))},
		{"certificate", []pool.Auth{pool.Certificate}, ca, byCertificate},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := serve(t, func(o *rehearsal.Options) { o.Auth, o.TLS = test.offers, test.tls })
			cfg := transport.Config{Auth: test.auth, TLS: test.tls != nil, CA: ca.PEM(), ServerName: fe01}
			s := r.sessionWith(fe01, cfg)
			if f := run[scripts.FactsResult](t, s, scripts.Facts, nil); !strings.Contains(f.User, "lync-admin") || f.Module != "Lync" {
				t.Errorf("%+v", f)
			}
			if test.tls == nil {
				return
			}
			cfg.ServerName = "fe99.contoso.com"
			var refused *transport.TLSError
			if _, err := try(t, r.sessionWith(fe01, cfg), scripts.Facts, nil); !errors.As(err, &refused) {
				t.Errorf("a wrong name in the certificate: %v", err)
			}
		})
	}
}

// A wrong password is told once for each attempt, and neither it nor the right one is in the log.
func TestDenied(t *testing.T) {
	r := serve(t, nil)
	const guess = "guess-that-must-not-show"
	for i, auth := range []transport.Auth{
		transport.Basic(transport.NewCredential(user, guess)), transport.NTLM(transport.NewCredential(user, guess)),
		transport.Basic(transport.NewCredential(guess, password)),
	} {
		var refused *transport.AuthError
		if _, err := try(t, r.sessionBy(fe01, auth), scripts.Facts, nil); !errors.As(err, &refused) {
			t.Errorf("attempt %d: %v", i+1, err)
		}
		if n := r.count(rehearsal.EventDenied, fe01); n != i+1 {
			t.Errorf("after %d attempts %d were told", i+1, n)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{guess, password} {
		if strings.Contains(r.file.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, &r.file)
		}
	}
}

// What the servers lived through is told in the order of the model's time, one JSON object a line, as it was told to the
// observer. The times of the golden file are left out, because they depend on when each command came.
func TestLog(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	run[scripts.ReadinessResult](t, s, scripts.Readiness, nil)
	run[scripts.MarkResult](t, s, scripts.Mark, scripts.MarkArgs{Op: "write", Run: "run-1", TTL: 600})
	run[scripts.Asked](t, s, scripts.Stop, scripts.StopArgs{Graceful: true})
	r.wait(rehearsal.EventStopped, fe01, 1)
	job(t, s, "up-1", scripts.Upgrade, scripts.UpgradeArgs{Path: `C:\Updates\x.exe`}, scripts.Logon{Account: "SYSTEM"})
	r.wait(rehearsal.EventInstalled, fe01, 1)
	_, _ = s.Run(t.Context(), "shutdown.exe /r /t 0", nil) // its answer may be lost with the server
	r.wait(rehearsal.EventStarted, fe01, 1)
	run[scripts.MarkResult](t, r.session(fe01), scripts.Mark, scripts.MarkArgs{Op: "remove", Run: "run-1", TTL: 600})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	last := rehearsal.Seconds(0)
	for i, ev := range lines(t, r.file.String()) {
		if ev.T < last && ev.Event != rehearsal.EventNight {
			t.Errorf("line %d goes back from %v to %v", i+1, last, ev.T)
		}
		last = ev.T
		told, err := json.Marshal(r.events[i])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.file.String(), string(told)+"\n") {
			t.Errorf("the log lacks %s", told)
		}
	}
	golden.Check(t, "testdata/log.golden", []byte(regexp.MustCompile(`"t":[0-9.]+`).ReplaceAllString(r.file.String(), `"t":…`)))
}

// The pool can be closed at any moment, whatever its clients are at, and a message can be broken on the wire.
func TestClose(t *testing.T) {
	broken := make(chan struct{})
	var once sync.Once
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "faults: [{pool: unanswered, at: 0s}]")
		o.Faults = func(m wsman.MessageInfo) wsman.Fault {
			if m.Host == fe02 {
				once.Do(func() { close(broken) })
				return wsman.Fault{Kind: wsman.FaultReset}
			}
			return wsman.Fault{}
		}
	})
	if _, err := try(t, r.session(fe02), scripts.Facts, nil); err == nil {
		t.Error("a message that was reset had an answer")
	}
	<-broken
	run[scripts.Asked](t, r.session("fe05.contoso.com"), scripts.Stop, scripts.StopArgs{Graceful: true})
	var done sync.WaitGroup
	for _, name := range []string{fe01, "fe03.contoso.com", "fe04.contoso.com"} {
		s := r.session(name)
		done.Go(func() {
			if _, err := try(t, s, scripts.Readiness, nil); err == nil {
				t.Errorf("%s: a reading that never comes back was answered", name)
			}
		})
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	done.Wait()
	if _, err := try(t, r.session(fe01), scripts.Facts, nil); err == nil {
		t.Error("it still answers")
	}
}

// The rehearsal is of this machine alone, and says what does not fit before it listens.
func TestOptionsThatDoNotFit(t *testing.T) {
	p := shipped(t, "contoso-2")
	for want, o := range map[string]rehearsal.Options{
		"no pool is given":                    {},
		"want a number from 1 to 1000000":     {Pool: p, TimeScale: -1, Password: "x"},
		"auth basic needs a password":         {Pool: p},
		"needs a keytab":                      {Pool: p, Auth: []pool.Auth{pool.Kerberos}},
		"auth certificate needs TLS":          {Pool: p, Auth: []pool.Auth{pool.Certificate}},
		`there is no auth "magic"`:            {Pool: p, Auth: []pool.Auth{"magic"}},
		"listens on this machine alone":       {Pool: p, Password: "x", Listen: "192.0.2.1:0"},
		"want host:port":                      {Pool: p, Password: "x", Listen: "127.0.0.1"},
		"there is no room for":                {Pool: p, Password: "x", Listen: "127.0.0.1:65535"},
		"about a server or domain that the p": {Pool: p, Password: "x", Scenario: &pool.Scenario{Faults: []pool.Fault{{Kind: pool.FaultDown, Server: 9}}}},
	} {
		srv, err := rehearsal.Serve(o)
		if err == nil {
			t.Errorf("%s: it serves", want)
			_ = srv.Close()
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

// The log that cannot be written ends with an error and has no gap.
func TestLogThatCannotBeWritten(t *testing.T) {
	srv, err := rehearsal.Serve(rehearsal.Options{
		Pool: shipped(t, "contoso-2"), Listen: "127.0.0.1:0", Password: password, Log: full{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// The certificates hold by a judge that is not ours.
func TestAuthorityByOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	ca, err := rehearsal.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, _, err := ca.Client("lync-admin")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"ca.pem": ca.PEM(), "user.pem": cert} {
		if err := os.WriteFile(dir+"/"+name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(openssl, "verify", "-purpose", "sslclient", "-CAfile", dir+"/ca.pem", dir+"/user.pem").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("user.pem: OK")) {
		t.Errorf("%v\n%s", err, out)
	}
}
