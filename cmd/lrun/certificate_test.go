package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim/explore"
)

// TestProven proves a runbook by the command, and asks as exec does whether it is proved: as it is, changed, with other
// properties, and for a pool that differs.
func TestProven(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "night.lrun")
	text := "for each domain:\n  wait ready\n  stop\n  upgrade\n  restart\n  verify retry 3 every 1m\nend\n"
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, text)
	var errs bytes.Buffer
	e := &env{
		stdout: io.Discard, stderr: &errs, files: osFiles{}, cores: 1, getenv: func(string) string { return "" },
		terminal: func(io.Writer) bool { return false },
	}
	stopped, over := -1, false
	proven := func(pool string) (string, bool) {
		t.Helper()
		prog, err := e.compile(file, &target{pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		live := &livePool{state: interp.Active}
		for i, s := range prog.Pool.Servers {
			live.servers = append(live.servers, liveServer{name: s.Name, answers: true, active: i != stopped})
		}
		if over {
			live.state = interp.FailedOver
		}
		return e.proven(prog, live, 22*time.Hour)
	}
	if words, ok := proven("contoso-4"); ok || !strings.Contains(words, "no certificate") {
		t.Errorf("before: %v %q", ok, words)
	}
	if code := cli(context.Background(), e, []string{"prove", file, "--pool", "contoso-4", "--crashes", "1", "--save", dir}); code != 0 {
		t.Fatal(code, errs.String())
	}
	if words, ok := proven("contoso-4"); !ok || !strings.HasPrefix(words, "proved for up to 1 fault and 1 crash of lrun, worst case ") {
		t.Errorf("proved: %v %q", ok, words)
	}
	stopped = 2
	if words, ok := proven("contoso-4"); ok || !strings.HasSuffix(words, "not in service: fe03.contoso.com") {
		t.Errorf("with a server that is stopped: %v %q", ok, words)
	}
	stopped, over = -1, true
	if words, ok := proven("contoso-4"); ok || !strings.HasSuffix(words, "the state of the pool is FailedOver") {
		t.Errorf("failed over: %v %q", ok, words)
	}
	over = false
	if words, ok := proven("contoso-6"); ok || !strings.Contains(words, "the topology or the model of the pool") {
		t.Errorf("another pool: %v %q", ok, words)
	}
	if code := cli(context.Background(), e, []string{"prove", file, "--pool", "contoso-4", "--faults", "0", "--save", dir}); code != 0 {
		t.Fatal(code, errs.String())
	}
	if words, ok := proven("contoso-4"); ok || !strings.Contains(words, "no proof of a night") {
		t.Errorf("without faults: %v %q", ok, words)
	}
	write(filepath.Join(dir, "night.props"), "never failed over\n")
	if words, ok := proven("contoso-4"); ok || !strings.Contains(words, "the properties") {
		t.Errorf("other properties: %v %q", ok, words)
	}
	if err := os.Remove(filepath.Join(dir, "night.props")); err != nil {
		t.Fatal(err)
	}
	write(file, text+"# changed\n")
	if words, ok := proven("contoso-4"); ok || !strings.Contains(words, "the runbook, what it includes") {
		t.Errorf("changed: %v %q", ok, words)
	}
	write(certificateFile(file, &pool.Pool{Name: "pool01.contoso.com"}), strings.Repeat("x", explore.MaxCertificate+10))
	if words, ok := proven("contoso-4"); ok || !strings.Contains(words, "cannot be read") {
		t.Errorf("damaged: %v %q", ok, words)
	}
}
