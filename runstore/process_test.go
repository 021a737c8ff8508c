package runstore

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
)

// childDir tells the test binary that it is the other lrun: it begins a run in that state folder and then waits to be
// killed.
const childDir = "LRUN_TEST_CHILD_STATE"

// TestOtherProcess lets another process hold the pool, and kills it: the lock goes with it, the journal stays.
func TestOtherProcess(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	id := ""
	for lines := bufio.NewScanner(out); id == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "holding: "); ok {
			id = strings.TrimSpace(after)
		}
	}
	if id == "" {
		t.Fatal("the other process did not begin a run")
	}
	s := storeAt(t, dir, "bert@mgmt01", osFiles{})
	wantState(t, s, id, Running)
	_, err = s.Resume(id)
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Holder.PID != cmd.Process.Pid || busy.Holder.Run != id {
		t.Errorf("resume while another process runs it: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	wantState(t, s, id, BrokenOff)
	r, err := s.Resume(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Machine.Begun() {
		t.Error("what the killed process had on record is lost")
	}
}

func child(t *testing.T, dir string) {
	s := storeAt(t, dir, "anna@mgmt01", osFiles{})
	r := s.mustCreate(t, program(t, "contoso-2.pool.yaml"))
	if err := r.Journal.Step(r.Machine, r.Machine.Step(interp.Event{Kind: interp.Began})); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("\nholding: " + r.ID + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed, or its parent is gone
}
