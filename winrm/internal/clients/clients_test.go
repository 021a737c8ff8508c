package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/masterzen/winrm"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/internal/kdctest"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
)

var _ = golden.Update // go test -update reaches this package too

const (
	user     = "lync-admin"
	password = "Not-for-any-log-1"
	realm    = "CONTOSO.COM"
	fe01     = "fe01.contoso.com"

	readiness = "Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 4 -Compress"
	drain     = "Stop-CsWindowsService -Graceful"
	state     = "Get-CsWindowsService -Name RTCSRV -ExcludeActivityLevel | ConvertTo-Json -Compress"
)

// served is a pool of two that is served, and what it has told.
type served struct {
	*rehearsal.Server
	events chan rehearsal.Event
}

func serve(t *testing.T, set func(*rehearsal.Options)) *served {
	t.Helper()
	p, err := pool.Decode("two.pool.yaml", []byte("pool: pool01.contoso.com\nproduct: lync2013\ndomains:\n  UD1: [fe01.contoso.com]\n  UD2: [fe02.contoso.com]\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &served{events: make(chan rehearsal.Event, 1000)}
	o := rehearsal.Options{
		Pool: p, TimeScale: 3600, Listen: "127.0.0.1:0", User: user, Password: password,
		OnEvent: func(ev rehearsal.Event) {
			select {
			case s.events <- ev:
			default:
			}
		},
	}
	if set != nil {
		set(&o)
	}
	if s.Server, err = rehearsal.Serve(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check looks at the three answers of a client, and at what the server lived through.
func (s *served) check(t *testing.T, read, stopped, after string) {
	t.Helper()
	var r struct {
		PoolUpgradeState string
		UpgradeDomains   []struct{ IsReadyForUpgrade bool }
	}
	if err := json.Unmarshal([]byte(read), &r); err != nil || r.PoolUpgradeState != "Ready" || len(r.UpgradeDomains) != 2 {
		t.Errorf("readiness: %v %+v\n%s", err, r, read)
	}
	if strings.TrimSpace(stopped) != "" {
		t.Errorf("the stop says %q", stopped)
	}
	var service struct{ Status, Name string }
	if err := json.Unmarshal([]byte(after), &service); err != nil || service.Name != "RTCSRV" || service.Status != "Stopped" {
		t.Errorf("the service: %v\n%s", err, after)
	}
	var story []string
	for {
		select {
		case ev := <-s.events:
			if ev.Server == fe01 {
				story = append(story, ev.Event)
			}
			continue
		default:
		}
		break
	}
	if got := strings.Join(story, " "); got != "read draining drained stopped" {
		t.Errorf("the server lived through %s", got)
	}
}

func (s *served) address(t *testing.T) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Address(fe01))
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// The library that our transport is built on, with its own transport.
func TestMasterzen(t *testing.T) {
	s := serve(t, nil)
	host, text := s.address(t)
	port, _ := strconv.Atoi(text)
	c, err := winrm.NewClient(winrm.NewEndpoint(host, port, false, false, nil, nil, nil, time.Minute), user, password)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, script := range []string{readiness, drain, state} {
		stdout, stderr, exit, err := c.RunPSWithContext(t.Context(), script)
		if err != nil || exit != 0 {
			t.Fatalf("%s: exit %d, %v\n%s", script, exit, err, stderr)
		}
		out = append(out, stdout)
	}
	s.check(t, out[0], out[1], out[2])
}

const systemPython = "/usr/bin/python3"

func needPython(t *testing.T, modules string) {
	t.Helper()
	if err := exec.Command(systemPython, "-c", "import "+modules).Run(); err != nil {
		t.Skipf("%s cannot import %s (Debian: python3-winrm, python3-requests-kerberos)", systemPython, modules)
	}
}

const pywinrm = `
import sys, winrm
url, transport, user, password, encryption, override = sys.argv[1:7]
s = winrm.Session(url, auth=(user, password), transport=transport, message_encryption=encryption, kerberos_hostname_override=override or None)
for script in sys.argv[7:]:
    r = s.run_ps(script)
    if r.status_code != 0: sys.exit('exit %d: %s' % (r.status_code, r.std_err))
    sys.stdout.write(r.std_out.decode().strip() + '\n')
`

// runPywinrm runs the three scripts. The MD4 of NTLM is in OpenSSL's legacy provider.
func runPywinrm(t *testing.T, s *served, env []string, args ...string) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "openssl.cnf")
	text := "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port := s.address(t)
	args = append([]string{"-W", "ignore", "-c", pywinrm, "http://" + net.JoinHostPort(host, port) + "/wsman"}, args...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, systemPython, append(args, readiness, drain, state)...)
	cmd.Env = append(env, "OPENSSL_CONF="+conf, "no_proxy=*", "NO_PROXY=*")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	lines := strings.SplitN(out.String(), "\n", 3)
	if len(lines) != 3 {
		t.Fatalf("got\n%s", &out)
	}
	s.check(t, lines[0], lines[1], lines[2])
}

func TestPywinrm(t *testing.T) {
	needPython(t, "winrm")
	for _, c := range [][]string{{"basic", "never"}, {"ntlm", "never"}, {"ntlm", "always"}} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			runPywinrm(t, serve(t, nil), os.Environ(), c[0], user, password, c[1], "")
		})
	}
}

// kerberized is a pool that only Kerberos opens, and the environment of a user who has a ticket.
func kerberized(t *testing.T) (*served, []string) {
	t.Helper()
	kinit, err := kdctest.Find("kinit")
	if err != nil {
		t.Skip(err)
	}
	kdc := kdctest.Start(t, realm)
	kdc.AddUser(user, password)
	keytab := kdc.AddService("HTTP/" + fe01)
	cmd := exec.Command(kinit, user+"@"+realm)
	cmd.Env = kdc.Env()
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
	return serve(t, func(o *rehearsal.Options) {
		o.Auth, o.Keytab, o.Password = []pool.Auth{pool.Kerberos}, keytab, ""
	}), kdc.Env()
}

func TestPywinrmKerberos(t *testing.T) {
	needPython(t, "winrm, requests_kerberos")
	s, env := kerberized(t)
	runPywinrm(t, s, env, "kerberos", user+"@"+realm, "", "never", fe01)
}

// runAnsible runs the three scripts by the module raw.
func runAnsible(t *testing.T, s *served, env []string, vars string) {
	t.Helper()
	dir := t.TempDir()
	host, port := s.address(t)
	inventory := fmt.Sprintf("fe01 ansible_host=%s ansible_port=%s ansible_connection=winrm ansible_winrm_scheme=http ansible_shell_type=powershell "+
		"ansible_winrm_message_encryption=never %s\n", host, port, vars)
	if err := os.WriteFile(filepath.Join(dir, "inventory"), []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, script := range []string{readiness, drain, state} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, "ansible", "-i", "inventory", "fe01", "-m", "raw", "-a", script)
		cmd.Dir = dir
		cmd.Env = append(env, "ANSIBLE_LOCAL_TEMP="+dir, "ANSIBLE_HOME="+dir, "HOME="+dir, "ANSIBLE_NOCOLOR=1", "no_proxy=*",
			"LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore")
		out, err := cmd.CombinedOutput()
		cancel()
		answer, ok := strings.CutPrefix(string(out), "fe01 | CHANGED | rc=0 >>\n")
		if err != nil || !ok {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		answers = append(answers, answer)
	}
	s.check(t, answers[0], answers[1], answers[2])
}

func needAnsible(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ansible"); err != nil {
		t.Skip("ansible is not installed (Debian: ansible, python3-winrm)")
	}
	needPython(t, "winrm")
}

func TestAnsible(t *testing.T) {
	needAnsible(t)
	runAnsible(t, serve(t, nil), os.Environ(), "ansible_winrm_transport=basic ansible_user="+user+" ansible_password="+password)
}

func TestAnsibleKerberos(t *testing.T) {
	needAnsible(t)
	needPython(t, "requests_kerberos")
	s, env := kerberized(t)
	runAnsible(t, s, env, fmt.Sprintf(`ansible_winrm_transport=kerberos ansible_winrm_kerberos_hostname_override=%s ansible_winrm_kinit_env_vars='["KRB5_CONFIG"]' ansible_user=%s@%s ansible_password=%s`,
		fe01, user, realm, password))
}
