//go:build unix

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/lrun/lrun/pool"
)

// running is an lrun that is watched as it goes on.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	said  strings.Builder
}

// start starts lrun; what it says on both streams is read together, in its order.
func (f *farm) start(args ...string) *running {
	f.t.Helper()
	r := &running{t: f.t.(*testing.T), cmd: f.command("", args...)}
	read, write, err := os.Pipe()
	if err != nil {
		f.t.Fatal(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = write, write
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	_ = write.Close()
	f.t.Cleanup(func() { _ = read.Close() })
	r.lines = bufio.NewScanner(read)
	return r
}

// until reads on to a line that holds the text.
func (r *running) until(text string) {
	r.t.Helper()
	for r.lines.Scan() {
		r.said.WriteString(r.lines.Text() + "\n")
		if strings.Contains(r.lines.Text(), text) {
			return
		}
	}
	r.t.Fatalf("lrun never said %q:\n%s", text, r.said.String())
}

func (r *running) ctrlC() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the end, which has to have this exit code.
func (r *running) end(code int) {
	r.t.Helper()
	for r.lines.Scan() {
		r.said.WriteString(r.lines.Text() + "\n")
	}
	_ = r.cmd.Wait()
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Fatalf("exit code %d, want %d\n%s", got, code, r.said.String())
	}
}

func (f *farm) startExec(flags ...string) *running {
	f.t.Helper()
	return f.start(append([]string{"exec", "nightly.lrun", "--pool", f.poolFile}, flags...)...)
}

// completes resumes the run to its good end.
func (f *farm) completes() {
	f.t.Helper()
	if p := f.lrun("", "resume", "--yes"); p.code != exitDone {
		f.t.Fatalf("resumed: %v", p)
	}
	f.installedOnce()
}

// TestCtrlC presses it once, twice and three times in the middle of an upgrade, and asks by lrun pause.
func TestCtrlC(t *testing.T) {
	for _, c := range []struct {
		name  string
		stop  func(*testing.T, *farm, *running)
		code  int
		state string
	}{
		{"once", func(_ *testing.T, _ *farm, r *running) { r.ctrlC() }, exitUnfinished, "paused"},
		{"twice", func(_ *testing.T, _ *farm, r *running) {
			r.ctrlC()
			r.until("the operator pauses")
			r.ctrlC()
		}, exitInterrupted, "interrupted"},
		{"three times", func(_ *testing.T, _ *farm, r *running) {
			r.ctrlC()
			r.until("the operator pauses")
			r.ctrlC()
			r.until("the operator interrupts")
			r.ctrlC()
		}, exitInterrupted, "broken-off"},
		{"the terminal is gone", func(t *testing.T, _ *farm, r *running) {
			for range 3 {
				if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			}
		}, exitUnfinished, "paused"},
		{"lrun pause", func(t *testing.T, f *farm, _ *running) {
			if p := f.lrun("", "pause"); p.code != exitDone {
				t.Errorf("lrun pause: %v", p)
			}
		}, exitUnfinished, "paused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			slow := strings.Replace(quick, "upgrade: 30s", "upgrade: 10m", 1)
			f := serveFarm(t, slow, "", nil)
			r := f.startExec("--yes")
			r.until("upgrade begins")
			c.stop(t, f, r)
			r.end(c.code)
			if p := f.lrun("", "runs"); !strings.Contains(p.out, c.state) {
				t.Errorf("the run is not %s: %v", c.state, p)
			}
			if p := f.exec(""); p.code != exitUsage || !strings.Contains(p.err, "unfinished") {
				t.Errorf("another exec: %v", p)
			}
			if c.state == "paused" && f.happened("installed")["fe01.contoso.com"] != 1 {
				t.Error("the turn under way was not brought to its end")
			}
			f.completes()
		})
	}
}

// TestNobodyReadsAnyMore lets the night go on to its end when what its output is piped into has ended.
func TestNobodyReadsAnyMore(t *testing.T) {
	for flag, begun := range map[string]string{"--json": `"action":"upgrade"`, "--json=false": "upgrade begins"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "", nil)
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes", flag)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), begun); {
			}
			_ = out.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			f.installedOnce()
			if p := f.lrun("", "status"); !strings.Contains(p.out, ": completed\n") {
				t.Errorf("%v", p)
			}
		})
	}
}

// TestTwoOperators refuses the second one, on the same machine by the lock and on another by the marks on the servers.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	r := f.startExec("--yes")
	r.until("upgrade begins")
	p := f.exec("")
	if p.code != exitUsage || !strings.Contains(p.err, "unfinished") && !strings.Contains(p.err, "worked on") {
		t.Errorf("a second exec: %v", p)
	}
	p = f.lrun("", "resume", "--yes")
	if p.code != exitUsage || !strings.Contains(p.err, "worked on") {
		t.Errorf("a resume meanwhile: %v", p)
	}
	p = f.exec("", "--state", filepath.Join(f.dir, "elsewhere"))
	if p.code != exitUsage || !strings.Contains(p.err, "another run is under way") || !strings.Contains(p.err, "nothing was touched") {
		t.Errorf("a second exec on another machine: %v", p)
	}
	if p = f.lrun("", "status"); !strings.Contains(p.out, "worked on by") {
		t.Errorf("status: %v", p)
	}
	r.end(exitDone)
	f.installedOnce()
}

// TestStepByStep asks before every action, and a no stops the run where resume goes on.
func TestStepByStep(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes", "--step")
	cmd.Stdin = strings.NewReader("yes\nmaybe\ny\nno\n")
	p := f.finish(cmd)
	if p.code != exitInterrupted || !strings.Contains(p.err, "restart on fe01.contoso.com? [yes/no]") {
		t.Errorf("%v", p)
	}
	if n := f.happened("installed"); len(n) != 1 {
		t.Errorf("installed: %v", n)
	}
	f.completes()
}

// TestConfirm is not answered by --yes.
func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		answer string
		code   int
	}{{"yes\n", exitDone}, {"no\n", exitFailed}, {"", exitFailed}} {
		t.Run(c.answer, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "", nil)
			f.write("nightly.lrun", "confirm \"go?\" within 10h\n"+nightly[strings.Index(nightly, "for each"):])
			cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
			cmd.Stdin = strings.NewReader(c.answer)
			if p := f.finish(cmd); p.code != c.code || !strings.Contains(p.err, "go? [yes/no]") {
				t.Errorf("%v", p)
			}
		})
	}
}

// TestWhatIsToBeTypedNamesTheFolder: a run whose folder was named on the command line says so where it says how to go on, and
// what it says finds it.
func TestWhatIsToBeTypedNamesTheFolder(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	f.write("nightly.lrun", "confirm \"go?\" within 10h\n"+nightly[strings.Index(nightly, "for each"):])
	dir := filepath.Join(f.dir, "a folder")
	cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes", "--state", dir)
	cmd.Stdin = strings.NewReader("no\n")
	p := f.finish(cmd)
	next := regexp.MustCompile(`(?m)^  next +lrun resume (\S+) --state "(.*)"$`).FindStringSubmatch(p.out)
	if next == nil || next[2] != dir {
		t.Fatalf("%v", p)
	}
	line := "lrun resume " + next[1] + ` --state "` + dir + `" goes on with it`
	if q := f.lrun("", "status", "--state", dir); q.code != exitDone || !strings.Contains(q.out, line) {
		t.Errorf("%v", q)
	}
	if q := f.exec("", "--state", dir); q.code != exitUsage || !strings.Contains(q.err, strings.TrimSuffix(line, " goes on with it")) {
		t.Errorf("a second run: %v", q)
	}
	if q := f.lrun("", "resume", next[1], "--state", next[2], "--abandon"); q.code != exitDone {
		t.Errorf("%v", q)
	}
}

// TestTheDiskIsFull lets the journal reach the largest size that a file may have. The run stops before it begins anything
// that is not on record, and goes on when there is room again.
func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
	cmd.Env = append(cmd.Env, fileSizeVar+"=14000")
	p := f.finish(cmd)
	if p.code != exitUnfinished || !strings.Contains(p.err, "the journal cannot be written, nothing further was begun") ||
		!strings.Contains(p.err, "lrun resume") {
		t.Fatalf("%v", p)
	}
	if n := f.happened("installed"); len(n) == 0 || len(n) == len(f.pool.Servers) {
		t.Errorf("the disk was full too early or too late: %v", n)
	}
	f.completes()
}

// TestTheLivePoolDiffers stops before anything is touched, and goes by the live domains where that is accepted.
func TestTheLivePoolDiffers(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	text := string(f.served.PoolFile())
	text = strings.Replace(text, "[fe01.contoso.com]", "[fe01.contoso.com, fe02.contoso.com]", 1)
	text = strings.Replace(text, "  \"UD2\": [fe02.contoso.com]\n", "", 1)
	f.write("night.pool.yaml", text)
	p := f.exec("")
	if p.code != exitUsage || !strings.Contains(p.out, "UD2") || !strings.Contains(p.err, "--accept-topology") {
		t.Errorf("%v", p)
	}
	if n := f.happened("marked"); len(n) > 0 {
		t.Errorf("the servers were touched: %v", n)
	}
	if p = f.exec("", "--accept-topology"); p.code != exitDone {
		t.Errorf("accepted: %v", p)
	}
	f.installedOnce()
	if j := f.journal(); len(j.Header.Domains) != 6 {
		t.Errorf("the journal speaks of %v", j.Header.Domains)
	}
	if _, err := pool.Decode("", []byte(f.journal().Header.PoolFile.Text)); err != nil {
		t.Error(err)
	}
}

// TestJournalsThatCannotBeFollowed refuses them with the place, and touches nothing.
func TestJournalsThatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	if p := f.exec("after:20"); p.code >= 0 {
		t.Fatalf("%v", p)
	}
	found, _ := filepath.Glob(filepath.Join(f.state, "*", "journal.jsonl"))
	whole, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	lines := strings.SplitAfter(text, "\n")
	for _, c := range []struct{ name, text, want string }{
		{"another version", strings.Replace(text, `"format":1`, `"format":2`, 1), "journal format 2"},
		{"another pool", strings.Replace(text, `"pool":"pool01.contoso.com"`, `"pool":"pool09.contoso.com"`, 1), "checksum"},
		{"edited", strings.Replace(text, `"outcome":"done"`, `"outcome":"fail"`, 1), "checksum"},
		{"a line lost", lines[0] + strings.Join(lines[2:], ""), ":2: "},
		{"no header", strings.Join(lines[1:], ""), ":1: "},
		{"cut in line 1", text[:100], "cut off"},
		{"empty", "", ":1: "},
	} {
		if c.text == text {
			t.Fatalf("%s: nothing was changed", c.name)
		}
		if err := os.WriteFile(found[0], []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(f.events)
		for _, args := range [][]string{{"resume", "--yes"}, {"status"}, {"exec", "nightly.lrun", "--pool", f.poolFile, "--yes"}} {
			p := f.lrun("", args...)
			if p.code != exitUsage || !strings.Contains(p.err, c.want) {
				t.Errorf("%s: lrun %s: %v, want %q", c.name, args[0], p, c.want)
			}
		}
		if len(f.events) != before {
			t.Errorf("%s: the servers were touched: %v", c.name, f.events[before:])
		}
	}
	if err := os.WriteFile(found[0], whole[:len(whole)-7], 0o600); err != nil { // torn, as a crash leaves it
		t.Fatal(err)
	}
	f.completes()
}

// TestAbandon frees the pool.
func TestAbandon(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	if p := f.exec("after:3"); p.code >= 0 {
		t.Fatalf("%v", p)
	}
	if p := f.lrun("", "resume", "--abandon"); p.code != exitDone {
		t.Fatalf("%v", p)
	}
	if p := f.lrun("", "resume", "--yes"); p.code != exitUsage || !strings.Contains(p.err, "abandoned") {
		t.Errorf("%v", p)
	}
}

const fileSizeVar = "LRUN_TEST_FILE_SIZE" // the most bytes that a file may have

// limitFiles makes every disk small.
func limitFiles(size uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size})
}
