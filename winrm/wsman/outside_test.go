package wsman

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/internal/kdctest"
)

// Debian's own Python: its packages are not seen by another one that may come first on the path.
const systemPython = "/usr/bin/python3"

// needPython skips unless that module can be imported.
func needPython(t *testing.T, module, pkg string) {
	t.Helper()
	if out, err := exec.Command(systemPython, "-c", "import "+module).CombinedOutput(); err != nil {
		t.Skipf("%s cannot import %s (Debian: apt-get install %s): %v %s", systemPython, module, pkg, err, lastLine(out))
	}
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// pywinrm is what the test asks of it: a command with arguments, a PowerShell script, input and environment, a wrong
// shell. It prints what it got, one line each.
const pywinrm = `
import sys, winrm
from winrm.protocol import Protocol
url, transport, user, password, encryption, override, ca = sys.argv[1:8]
p = Protocol(endpoint=url, transport=transport, username=user, password=password, message_encryption=encryption,
             kerberos_hostname_override=override or None, ca_trust_path=ca or None, operation_timeout_sec=1, read_timeout_sec=20)
def show(what, r): print(what, repr(r[0].decode()), repr(r[1].decode()), r[2])
sh = p.open_shell(env_vars={'STEP': 'forty two'}, working_directory='C:\\temp')
def run(what, command, args=()):
    c = p.run_command(sh, command, args)
    show(what, p.get_command_output(sh, c))
    p.cleanup_command(sh, c)
run('args', 'echo', ['a', '<b>', '& "c"'])
run('both', 'both')
run('env', 'env', ['STEP'])
run('slow', 'slow')
p.close_shell(sh)
s = winrm.Session(url, auth=(user, password), transport=transport, message_encryption=encryption, kerberos_hostname_override=override or None, ca_trust_path=ca or None)
r = s.run_ps('Get-CsPool | % { "é" }')
print('ps', repr(r.std_out.decode()), r.status_code)
try:
    p.run_command(sh, 'echo', ['gone'])
except Exception as e:
    print('gone', type(e).__name__)
`

// runPywinrm runs the script above and returns its output. The NTLM of Debian 12's requests_ntlm needs MD4, which
// OpenSSL 3 keeps in its legacy provider.
func runPywinrm(t *testing.T, env []string, args ...string) string {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "openssl.cnf")
	text := "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, systemPython, append([]string{"-W", "ignore", "-c", pywinrm}, args...)...)
	cmd.Env = append(env, "OPENSSL_CONF="+conf, "PYTHONIOENCODING=utf-8", "no_proxy=*", "NO_PROXY=*")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errOut)
	}
	return out.String()
}

// slowActor is actor with a command that outlasts the operation time of its client: it ends only after a Receive was
// answered with the time-out fault, so that the client has to ask again.
func slowActor(o *Options) Handler {
	timedOut := make(chan struct{}, 1)
	o.OnAnswer = func(m MessageInfo, f *SOAPFault) {
		if m.Action == ActionReceive && f != nil && f.Code == CodeOperationTimeout {
			select {
			case timedOut <- struct{}{}:
			default:
			}
		}
	}
	return HandlerFunc(func(ctx context.Context, c *Command) int {
		if c.CommandLine != "slow" {
			return actor(ctx, c)
		}
		select {
		case <-timedOut:
		case <-ctx.Done():
		}
		fmt.Fprint(c.Stdout, "at last")
		return 5
	})
}

func wantPywinrm(user, scheme string) string {
	return `args 'a <b> & "c"\r\n' '' 0
both 'out1 out2' 'err1 ' 3
env 'STEP=forty two dir=C:\\temp page=437 user=` + user + ` scheme=` + scheme + `' '' 0
slow 'at last' '' 5
ps 'ran: Get-CsPool | % { "é" }' 0
gone WinRMError
`
}

func TestPywinrm(t *testing.T) {
	needPython(t, "winrm", "python3-winrm")
	ca := newTestCA(t)
	for _, c := range []struct {
		name, transport, encryption, scheme string
		o                                   Options
	}{
		{"basic", "basic", "never", "Basic", Options{Auth: []Auth{Basic(testAccounts)}}},
		{"ntlm", "ntlm", "never", "NTLM", Options{Auth: []Auth{NTLM(testAccounts)}}},
		{"ntlm sealed", "ntlm", "always", "NTLM", Options{Auth: []Auth{NTLM(testAccounts)}, RefuseUnencrypted: true}},
		{"ntlm tls", "ntlm", "auto", "NTLM", Options{Auth: []Auth{NTLM(testAccounts)}, TLS: serverConfig(ca)}},
		{"ssl", "ssl", "never", "Basic", Options{Auth: []Auth{Basic(testAccounts)}, TLS: serverConfig(ca)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log logonLog
			c.o.OnLogon = log.add
			slow := slowActor(&c.o)
			host := startHost(t, c.o, slow)
			got := runPywinrm(t, os.Environ(), host.URL(), c.transport, testUser, testPassword, c.encryption, "", ca.file())
			if want := wantPywinrm(testUser, c.scheme); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if log.failed() != 0 {
				t.Errorf("failed logons: %+v", log.all)
			}
			if st := host.Stats(); st.Shells != 0 {
				t.Errorf("%d shells left", st.Shells)
			}
		})
	}
}

// kinit gets a ticket for the test user into the cache of the KDC's environment.
func kinit(t *testing.T, kdc *kdctest.KDC) {
	t.Helper()
	program, err := kdctest.Find("kinit")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(program, testUser+"@"+testRealm)
	cmd.Env = kdc.Env()
	cmd.Stdin = strings.NewReader(testPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
}

func TestPywinrmKerberos(t *testing.T) {
	needPython(t, "winrm, requests_kerberos", "python3-winrm python3-requests-kerberos")
	var log logonLog
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser(testUser, testPassword)
	auth, err := KerberosKeytab(kdc.AddService("HTTP/fe01.contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Auth: []Auth{auth}, OnLogon: log.add}
	slow := slowActor(&o)
	host := startHost(t, o, slow)
	kinit(t, kdc)
	user := testUser + "@" + testRealm
	got := runPywinrm(t, kdc.Env(), host.URL(), "kerberos", user, "", "never", "fe01.contoso.com", "")
	if want := wantPywinrm(user, "Kerberos"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if log.failed() != 0 {
		t.Errorf("failed logons: %+v", log.all)
	}
}

func splitAddr(t *testing.T, host *Host) (ip, port string) {
	t.Helper()
	ip, port, err := net.SplitHostPort(host.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return ip, port
}

// runAnsible runs one module on the host and returns the output.
func runAnsible(t *testing.T, env []string, host *Host, vars, module, args string) string {
	t.Helper()
	dir := t.TempDir()
	ip, port := splitAddr(t, host)
	inventory := fmt.Sprintf("fe01 ansible_host=%s ansible_port=%s ansible_connection=winrm ansible_winrm_scheme=http ansible_shell_type=powershell ansible_user=%s %s\n",
		ip, port, testUser, vars)
	if err := os.WriteFile(filepath.Join(dir, "inventory"), []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ansible", "-i", "inventory", "fe01", "-m", module, "-a", args)
	cmd.Dir = dir
	cmd.Env = append(env, "ANSIBLE_LOCAL_TEMP="+dir, "ANSIBLE_HOME="+dir, "HOME="+dir, "ANSIBLE_NOCOLOR=1", "no_proxy=*", "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func needAnsible(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ansible"); err != nil {
		t.Skip("ansible is not installed (Debian: apt-get install ansible python3-winrm)")
	}
	needPython(t, "winrm", "python3-winrm")
}

func TestAnsibleRaw(t *testing.T) {
	needAnsible(t)
	host := startHost(t, Options{}, nil)
	got := runAnsible(t, os.Environ(), host, "ansible_winrm_transport=basic ansible_password="+testPassword, "raw", "Get-CsPoolUpgradeReadinessState | ConvertTo-Json")
	if want := "fe01 | CHANGED | rc=0 >>\nran: Get-CsPoolUpgradeReadinessState | ConvertTo-Json"; strings.TrimSpace(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnsibleRawKerberos(t *testing.T) {
	needAnsible(t)
	needPython(t, "requests_kerberos", "python3-requests-kerberos")
	kdc := kdctest.Start(t, testRealm)
	kdc.AddUser(testUser, testPassword)
	auth, err := KerberosKeytab(kdc.AddService("HTTP/fe01.contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	host := startHost(t, Options{Auth: []Auth{auth}}, nil)
	if _, err := kdctest.Find("kinit"); err != nil {
		t.Skip(err)
	}
	vars := fmt.Sprintf(`ansible_winrm_transport=kerberos ansible_winrm_message_encryption=never ansible_winrm_kerberos_hostname_override=fe01.contoso.com ansible_winrm_kinit_env_vars='["KRB5_CONFIG"]' ansible_password=%s ansible_user=%s@%s`,
		testPassword, testUser, testRealm)
	got := runAnsible(t, kdc.Env(), host, vars, "raw", "Stop-CsWindowsService -Graceful")
	if want := "fe01 | CHANGED | rc=0 >>\nran: Stop-CsWindowsService -Graceful"; strings.TrimSpace(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAnsibleModule runs a module that is not raw. Its call is nested twice and its program comes on standard input.
func TestAnsibleModule(t *testing.T) {
	needAnsible(t)
	type call struct {
		depth int
		input int
		ends  bool
	}
	calls := make(chan call, 10)
	host := startHost(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
		ps, ok := UnwrapPowerShell(c.CommandLine)
		if !ok {
			return 2
		}
		var in bytes.Buffer
		n, err := in.ReadFrom(c.Stdin)
		calls <- call{ps.Depth, int(n), err == nil && bytes.Contains(in.Bytes(), []byte("\x00\x00\x00\x00"))}
		fmt.Fprint(c.Stdout, `{"changed": false, "ping": "from the endpoint"}`)
		return 0
	}))
	got := runAnsible(t, os.Environ(), host, "ansible_winrm_transport=basic ansible_password="+testPassword, "win_ping", "data=x")
	if !strings.Contains(got, "from the endpoint") {
		t.Errorf("got\n%s", got)
	}
	c := <-calls
	if c.depth != 2 || c.input < 50_000 || !c.ends {
		t.Errorf("call %+v", c)
	}
}
