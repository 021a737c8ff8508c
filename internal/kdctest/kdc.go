// Package kdctest starts a real MIT Kerberos key distribution centre on loopback, for tests only. It touches no file
// outside a temporary directory and needs no privileges: realm, database, configuration and port are its own.
//
// Debian packages: krb5-kdc, krb5-admin-server (kadmin.local), and krb5-user for kinit. A test is skipped when the
// programs are not installed.
package kdctest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// KDC is a running key distribution centre.
type KDC struct {
	Realm  string
	Addr   string // 127.0.0.1:port, UDP and TCP
	Dir    string
	Config string // path of krb5.conf; the value of KRB5_CONFIG

	t     testing.TB
	admin string
}

// Find returns the path of an MIT program, looking where Debian hides the servers as well.
func Find(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (Debian: krb5-kdc krb5-admin-server krb5-user)", name)
}

// Start creates the realm, such as LRUN.TEST, and starts its KDC, which is stopped at the end of the test.
func Start(t testing.TB, realm string) *KDC {
	t.Helper()
	programs := map[string]string{}
	for _, name := range []string{"krb5kdc", "kadmin.local", "kdb5_util"} {
		p, err := Find(name)
		if err != nil {
			t.Skip(err)
		}
		programs[name] = p
	}
	k := &KDC{Realm: realm, Dir: t.TempDir(), t: t, admin: programs["kadmin.local"]}
	k.Addr = freePort(t)
	k.Config = filepath.Join(k.Dir, "krb5.conf")
	k.write("krb5.conf", fmt.Sprintf(`[libdefaults]
	default_realm = %[1]s
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	udp_preference_limit = 1
	default_ccache_name = FILE:%[3]s/ccache
	default_tkt_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
	default_tgs_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
	permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
[realms]
	%[1]s = {
		kdc = %[2]s
	}
[domain_realm]
	.contoso.com = %[1]s
	contoso.com = %[1]s
	127.0.0.1 = %[1]s
	localhost = %[1]s
`, realm, k.Addr, k.Dir))
	k.write("kdc.conf", fmt.Sprintf(`[kdcdefaults]
	kdc_listen = %[2]s
	kdc_tcp_listen = %[2]s
[realms]
	%[1]s = {
		database_name = %[3]s/principal
		key_stash_file = %[3]s/stash
		acl_file = %[3]s/kadm5.acl
		max_life = 1h
		supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
	}
[logging]
	kdc = STDERR
	default = FILE:%[3]s/krb5.log
`, realm, k.Addr, k.Dir))
	k.run(programs["kdb5_util"], "create", "-s", "-r", realm, "-P", "master-of-a-test")
	k.serve(programs["krb5kdc"])
	return k
}

// AddUser creates a user principal with a password.
func (k *KDC) AddUser(name, password string) {
	k.t.Helper()
	k.run(k.admin, "-r", k.Realm, "-q", "addprinc +requires_preauth -pw "+quote(password)+" "+name+"@"+k.Realm)
}

// AddService creates service principals such as HTTP/fe01.contoso.com with random keys and returns the path of a
// keytab that holds them all.
func (k *KDC) AddService(names ...string) string {
	k.t.Helper()
	path := filepath.Join(k.Dir, strings.NewReplacer("/", "_").Replace(names[0])+".keytab")
	for _, n := range names {
		k.run(k.admin, "-r", k.Realm, "-q", "addprinc -randkey "+n+"@"+k.Realm)
		k.run(k.admin, "-r", k.Realm, "-q", "ktadd -k "+path+" "+n+"@"+k.Realm)
	}
	return path
}

// Env is the environment of programs that are to use this KDC: os.Environ with the variables of Kerberos replaced.
func (k *KDC) Env() []string {
	env := os.Environ()
	return append(env, "KRB5_CONFIG="+k.Config, "KRB5_KDC_PROFILE="+filepath.Join(k.Dir, "kdc.conf"), "KRB5CCNAME=FILE:"+filepath.Join(k.Dir, "ccache"))
}

// quote protects a password from the small parser of kadmin.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (k *KDC) write(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.Dir, name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *KDC) run(name string, args ...string) {
	k.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = k.Env()
	out, err := cmd.CombinedOutput()
	// kadmin.local reports failures of a query in words and exits with 0.
	if err != nil || bytes.Contains(out, []byte("while creating")) || bytes.Contains(out, []byte("while adding")) {
		k.t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}

// serve starts krb5kdc in the foreground and waits for its own word that it listens.
func (k *KDC) serve(program string) {
	k.t.Helper()
	cmd := exec.Command(program, "-n", "-r", k.Realm)
	cmd.Env = k.Env()
	errs, err := cmd.StderrPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ready, ended := make(chan bool, 1), make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "commencing operation") {
				ready <- true
			}
			fmt.Fprintln(&log, lines.Text())
		}
		close(ready)
	}()
	k.t.Cleanup(func() {
		// The process may have ended by itself; Wait tells it and there is nothing else to stop.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = cmd.Wait()
		if k.t.Failed() {
			k.t.Logf("krb5kdc:\n%s", log.String())
		}
	})
	if !<-ready {
		k.t.Fatalf("krb5kdc did not start:\n%s", log.String())
	}
}

// freePort finds a port that is free for TCP and UDP at this moment.
func freePort(t testing.TB) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		u, err := net.ListenPacket("udp", addr)
		l.Close()
		if err == nil {
			u.Close()
			return addr
		}
	}
	t.Fatal("no port is free for TCP and UDP")
	return ""
}
