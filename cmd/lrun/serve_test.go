package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/transport"
)

// served is what `lrun serve` wrote, with the moment at which it did.
type watchedFiles struct {
	osFiles
	written []string
	wrote   func(name string, data []byte)
}

func (w *watchedFiles) Write(name string, data []byte) error {
	w.written = append(w.written, filepath.Base(name))
	w.wrote(name, data)
	return w.osFiles.Write(name, data)
}

// startServe runs the command until it says that it serves, and gives what ends it and tells its last words.
func startServe(t *testing.T, files filer, args ...string) (stdout string, end func() (code int, last string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	var errs bytes.Buffer
	e := processEnv()
	e.stdin, e.stdout, e.stderr, e.files = strings.NewReader(""), write, &errs, files
	e.getenv = func(name string) string {
		if name == "LRUN_PASSWORD" {
			return "not-for-any-log 2"
		}
		return ""
	}
	code := make(chan int, 1)
	go func() {
		code <- cli(ctx, e, append([]string{"serve"}, args...))
		_ = write.Close() // a pipe always closes
	}()
	t.Cleanup(cancel)
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		stdout += lines.Text() + "\n"
		if lines.Text() == "Ctrl-C ends it" {
			return stdout, func() (int, string) {
				cancel()
				last := ""
				for lines.Scan() {
					last += lines.Text() + "\n"
				}
				return <-code, last
			}
		}
	}
	t.Fatalf("lrun serve ended with %d\n%s%s", <-code, stdout, &errs)
	return "", nil
}

// The pool file appears when every address listens and the log is there, and with it all that is needed to connect.
func TestServeWritesThePoolFileLast(t *testing.T) {
	dir := t.TempDir()
	name, log := filepath.Join(dir, "night.pool.yaml"), filepath.Join(dir, "night.log")
	files := &watchedFiles{}
	files.wrote = func(file string, data []byte) {
		if file != name {
			return
		}
		if _, err := os.Stat(log); err != nil {
			t.Errorf("the pool file came before the log: %v", err)
		}
		p, err := pool.Decode(file, data)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		if len(p.Connect.Hosts) != 10 {
			t.Errorf("%d hosts", len(p.Connect.Hosts))
		}
		for _, h := range p.Connect.Hosts {
			c, err := net.Dial("tcp", h.Address)
			if err != nil {
				t.Errorf("%s: %v", h.Name, err)
				continue
			}
			_ = c.Close()
		}
	}
	out, end := startServe(t, files, "--pool", "contoso-6", "--listen", "127.0.0.1:0", "--write-pool", name, "--log", log,
		"--tls", "--auth", "certificate,basic", "--user", "night-admin", "--time-scale", "600")
	if got := strings.Join(files.written, " "); got != "night.pool.yaml.ca.pem night.pool.yaml" {
		t.Errorf("written: %s", got)
	}
	if !strings.HasPrefix(out, "serving pool01.contoso.com: 10 servers, 600 seconds of the model in one\n  fe01.contoso.com ") {
		t.Errorf("it says\n%s", out)
	}
	p, err := processEnv().poolFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Connect.TLS || p.Connect.Auth != pool.Certificate || p.Connect.User != "night-admin" || p.Rehearsal.TimeScale != 600 {
		t.Errorf("%+v", p.Connect)
	}
	trust(t, name, p)
	// The connections of trust carried no message; speak sends six, or more where the output comes in pieces.
	speak(t, name, p)
	code, last := end()
	var messages, commands int
	_, err = fmt.Sscanf(last, "%d messages came, with %d command\n", &messages, &commands)
	if code != exitDone || err != nil || messages < 6 || commands != 1 {
		t.Errorf("exit code %d, last words %q", code, last)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.HasPrefix(string(text), `{"t":0.0,"event":"night","pool":"pool01.contoso.com"}`) {
		t.Errorf("log: %v\n%s", err, text)
	}
	if _, err := net.Dial("tcp", p.Connect.Hosts[0].Address); err == nil {
		t.Error("it still listens")
	}
}

// trust connects with the certificates that were written.
func trust(t *testing.T, name string, p *pool.Pool) {
	t.Helper()
	ca, err := os.ReadFile(name + ".ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate in the file of the authority")
	}
	user, err := tls.LoadX509KeyPair(name+".user.pem", name+".user.pem")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name + ".user.pem"); err != nil || info.Mode()&fs.ModePerm != 0o600 {
		t.Errorf("the user's key can be read by others: %v", info.Mode())
	}
	for _, server := range []string{"fe01.contoso.com", "127.0.0.1"} {
		c, err := tls.Dial("tcp", p.Connect.Address("fe01.contoso.com"), &tls.Config{RootCAs: roots, ServerName: server, Certificates: []tls.Certificate{user}})
		if err != nil {
			t.Errorf("as %s: %v", server, err)
			continue
		}
		_ = c.Close()
	}
	if _, err := tls.Dial("tcp", p.Connect.Address("fe01.contoso.com"), &tls.Config{RootCAs: roots, ServerName: "fe99.contoso.com"}); err == nil {
		t.Error("the certificate holds for another server")
	}
}

// speak runs a command on the first server, in a shell: its beginning, the command, its input, its output, and both ends.
func speak(t *testing.T, name string, p *pool.Pool) {
	t.Helper()
	ca, err := os.ReadFile(name + ".ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(p.Connect.Address("fe01.contoso.com"))
	s, err := transport.Open(transport.Config{
		Host: addr.Addr().String(), Port: int(addr.Port()), TLS: true, CA: ca, ServerName: "fe01.contoso.com",
		Auth: transport.Basic(transport.NewCredential("night-admin", "not-for-any-log 2")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), "hostname", nil); err != nil || string(r.Stdout) != "fe01\r\n" {
		t.Errorf("%q, %v", r.Stdout, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
