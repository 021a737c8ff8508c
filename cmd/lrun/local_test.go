//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/transport"
)

// hereVar holds the address of a served machine that plays the one that lrun runs on. The test binary under the name
// powershell.exe carries its command lines there.
const hereVar = "LRUN_TEST_HERE"

func init() {
	if filepath.Base(os.Args[0]) == "powershell.exe" {
		beforeTests = func() { os.Exit(relay(os.Getenv(hereVar))) }
	}
}

func relay(address string) int {
	if os.Getenv(passwordVar) != "" {
		panic("a child has the password in its environment")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	s, err := transport.Open(transport.Config{Host: host, Port: n, Auth: transport.Basic(transport.NewCredential(testUser, testPassword))})
	if err != nil {
		panic(err)
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	res, err := s.Run(context.Background(), "powershell.exe "+strings.Join(os.Args[1:], " "), stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = os.Stdout.Write(res.Stdout)
	_, _ = os.Stderr.Write(res.Stderr)
	_ = s.Close(context.Background())
	return res.Exit
}

// TestOnTheMachineItself runs lrun on the management host, and on a front end: what goes there goes through a powershell.exe
// of its own and over no connection, and the rest over WinRM.
func TestOnTheMachineItself(t *testing.T) {
	for _, c := range []struct{ name, says string }{
		{"mgmt01.contoso.com", ""},
		{"fe02.contoso.com", "lrun runs on this server itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, strings.Replace(quick, "  identity:", "  via: mgmt01.contoso.com\n  identity:", 1), "", nil)
			// Where a connection to that machine were tried, nobody would answer it.
			text := string(f.served.PoolFile())
			here, ok := addressIn(text, c.name)
			if !ok {
				t.Fatalf("no %s in\n%s", c.name, text)
			}
			text = strings.Replace(text, here, pool.Local, 1)
			f.write("timed.pool.yaml", text)
			text = text[:strings.Index(text, "rehearsal:")]
			f.write("night.pool.yaml", text)
			f.write("nightly.lrun", "runbook \"a look\"\n\nfor each domain:\n  verify\nend\n")
			if err := os.Symlink(os.Args[0], filepath.Join(f.dir, "powershell.exe")); err != nil {
				t.Fatal(err)
			}
			env := []string{"PATH=" + f.dir + ":" + os.Getenv("PATH"), hereVar + "=" + here}
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
			cmd.Env = append(cmd.Env, env...)
			p := f.finish(cmd)
			if p.code != exitDone || !strings.Contains(p.out, c.says) {
				t.Errorf("%v", p)
			}
			if n := f.happened(rehearsal.EventMarked); n["fe02.contoso.com"] == 0 {
				t.Errorf("fe02 bears no mark: %v", n)
			}
			// No rehearsal's time for cmdlets of a machine that is no model.
			cmd = f.command("", "exec", "nightly.lrun", "--pool", "timed.pool.yaml", "--yes")
			cmd.Env = append(cmd.Env, env...)
			if p := f.finish(cmd); p.code != exitUsage || !strings.Contains(p.err, "this machine itself") {
				t.Errorf("%v", p)
			}
		})
	}
}

// addressIn finds the address of a server in a pool file that serve wrote.
func addressIn(text, name string) (string, bool) {
	for line := range strings.Lines(text) {
		if at, address, ok := strings.Cut(line, ": "); ok && strings.Trim(at, " \"") == name {
			return strings.Trim(address, " \"\n"), true
		}
	}
	return "", false
}
