//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/rehearsal"
)

// TestExecDoesWhatWasSimulated holds exec against a served pool to simulate with the same pool, scenario and seed: the
// same actions in the same order, for each server and for the pool.
func TestExecDoesWhatWasSimulated(t *testing.T) {
	for _, c := range []struct {
		name, scenario string
		code           int
	}{
		{"quiet", "", 0},
		{"failover", "faults:\n  - {pool: insufficient, at: 0s, for: 24h}\n", 0},
		{"installer fails", "faults:\n  - {server: fe02.contoso.com, on: upgrade, is: fail}\n", 1},
		{"drain hangs", "faults:\n  - {server: fe03.contoso.com, on: stop, is: hang}\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, c.scenario, nil)
			args := []string{"simulate", "nightly.lrun", "--pool", f.poolFile, "--seed", "7", "--json"}
			if c.scenario != "" {
				f.write("night.scenario.yaml", c.scenario)
				args = append(args, "--scenario", "night.scenario.yaml")
			}
			want := f.lrun("", args...)
			got := f.exec("", "--json")
			if got.code != c.code || want.code != c.code {
				t.Fatalf("simulate ends with %d, exec with %v", want.code, got)
			}
			if diff := cmp.Diff(deedsOf(t, want.out), deedsOf(t, got.out)); diff != "" {
				t.Errorf("exec differs from simulate (-simulate +exec):\n%s", diff)
			}
		})
	}
}

// TestTheOpeningQuestion lets nothing happen to the servers before the pool's name is typed.
func TestTheOpeningQuestion(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	args := []string{"exec", "nightly.lrun", "--pool", f.poolFile}
	for _, answer := range []string{"", "yes\n", "pool02.contoso.com\n"} {
		cmd := f.command("", args...)
		cmd.Stdin = strings.NewReader(answer)
		p := f.finish(cmd)
		if p.code != exitUsage || !strings.Contains(p.err, "nothing was touched") {
			t.Errorf("answer %q: %v", answer, p)
		}
	}
	for _, ev := range f.events {
		switch ev.Event {
		case "night", "read", "marked", "unmarked":
		default:
			t.Errorf("the servers lived through %+v", ev)
		}
	}
	if runs, _ := filepath.Glob(filepath.Join(f.state, "*", "journal.jsonl")); len(runs) > 0 {
		t.Errorf("there are runs: %v", runs)
	}
	cmd := f.command("", args...)
	cmd.Stdin = strings.NewReader("POOL01.contoso.com\n")
	if p := f.finish(cmd); p.code != exitDone {
		t.Errorf("%v", p)
	}
	f.installedOnce()
}

// TestNoSecretAnywhere searches all that a night leaves behind for the password: what was printed, the state folder, and
// the command lines and environments of children.
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	f.write("night.pool.yaml", string(f.served.PoolFile())+"notify:\n  command: [sh, -c, 'env > env.txt; cat > text.txt']\n")
	f.write("nightly.lrun", nightly+"notify \"done\"\n")
	p := f.exec("")
	if p.code != exitDone {
		t.Fatalf("%v", p)
	}
	all := map[string]string{"stdout": p.out, "stderr": p.err}
	for _, more := range [][]string{{"status"}, {"status", "--json"}, {"runs", "--json"}, {"resume"}, {"report", "-o", f.dir + "/page.html"}} {
		p := f.lrun("", more...)
		all[strings.Join(more, " ")] = p.out + p.err
	}
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all[filepath.Join(f.dir, "text.txt")] != "done" || all[filepath.Join(f.dir, "env.txt")] == "" {
		t.Errorf("the command was not run with the text as its input")
	}
	for where, text := range all {
		if strings.Contains(text, testPassword) {
			t.Errorf("the password is in %s", where)
		}
	}
}

// TestAWrongPasswordIsTriedOnce ends with the reason, before anything is touched, and the servers see one attempt.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	cmd := f.command("", "exec", "nightly.lrun", "--pool", f.poolFile, "--yes")
	cmd.Env = append(cmd.Env, passwordVar+"=wrong")
	p := f.finish(cmd)
	if p.code != exitUsage || !strings.Contains(p.err, "password") || !strings.Contains(p.err, "nothing was touched") {
		t.Errorf("%v", p)
	}
	total := 0
	for _, n := range f.happened("denied") {
		total += n
	}
	if total != 1 {
		t.Errorf("the servers refused %d attempts", total)
	}
}

// TestRequireProof begins only with a certificate of this runbook on this pool.
func TestRequireProof(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	proof := strings.Replace(nightly, " else failover", "", 1)
	f.write("nightly.lrun", proof)
	refused := func(what, want string) {
		t.Helper()
		p := f.exec("", "--require-proof")
		if p.code != exitUsage || !strings.Contains(p.err, want) || !strings.Contains(p.err, "nothing was touched") {
			t.Errorf("%s: %v, want %q", what, p, want)
		}
	}
	refused("no certificate", "no certificate")
	if p := f.lrun("", "prove", "nightly.lrun", "--pool", f.poolFile, "--save", f.dir); p.code != exitDone {
		t.Fatalf("%v", p)
	}
	f.write("nightly.lrun", strings.Replace(proof, "retry 60", "retry 59", 1))
	refused("another runbook", "not proved")
	f.write("nightly.lrun", proof)
	p := f.exec("", "--require-proof")
	if p.code != exitDone || !strings.Contains(p.out, "Proof: proved for up to 1 fault") {
		t.Errorf("%v", p)
	}
}

// TestInDoubt stops when an installer is still going at its bound, asks, and goes by what the operator says of it.
func TestInDoubt(t *testing.T) {
	for _, word := range []string{"done", "redo"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			f := serveFarm(t, quick, "faults:\n  - {server: fe02.contoso.com, on: upgrade, is: hang}\n", nil)
			f.write("nightly.lrun", strings.Replace(nightly, "upgrade within 2h", "upgrade within 20m", 1))
			p := f.exec("")
			if p.code != exitUnfinished || !strings.Contains(p.out, "In doubt") || !strings.Contains(p.out, "fe02.contoso.com") {
				t.Fatalf("%v", p)
			}
			for _, wrong := range []string{"fe09=done", "fe02=perhaps", "fe02", "fe01=done", "fe05=redo"} {
				if p := f.lrun("", "resume", "--yes", "--assume", wrong); p.code != exitUsage || !strings.Contains(p.err, "--assume") {
					t.Errorf("--assume %s: %v", wrong, p)
				}
			}
			p = f.lrun("", "resume", "--yes", "--assume", "fe02="+word)
			// The installer is going still: neither word makes lrun run into it, or do it twice.
			if p.code != exitUnfinished {
				t.Errorf("--assume fe02=%s: %v", word, p)
			}
			if n := f.happened("installing"); n["fe02.contoso.com"] != 1 {
				t.Errorf("the installer was begun %d times on fe02", n["fe02.contoso.com"])
			}
			if n := f.happened("collided"); len(n) > 0 {
				t.Errorf("installers met: %v", n)
			}
		})
	}
}

// TestAChangedRunbook is accepted where it does the same in what is done already.
func TestAChangedRunbook(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	if p := f.exec("after:30"); p.code >= 0 {
		t.Fatalf("%v", p)
	}
	f.write("other.lrun", strings.Replace(nightly, "stop graceful", "note \"hello\"\n  stop graceful", 1))
	p := f.lrun("", "resume", "--yes", "--runbook", "other.lrun")
	if p.code != exitUsage || !strings.Contains(p.err, "differs in what is done already") {
		t.Errorf("%v", p)
	}
	f.write("more.lrun", nightly+"note \"all is well\"\n")
	if p = f.lrun("", "resume", "--yes", "--runbook", "more.lrun"); p.code != exitDone || !strings.Contains(p.out, "all is well") {
		t.Errorf("%v", p)
	}
	f.installedOnce()
	p = f.lrun("", "resume")
	if p.code != exitDone || !strings.Contains(p.out, "Completed") {
		t.Errorf("a finished run: %v", p)
	}
}

// TestTheInstallerIsTheSame runs no other file than the one that preflight saw, in a resumed run as well.
func TestTheInstallerIsTheSame(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	if p := f.exec("after:30"); p.code >= 0 {
		t.Fatalf("%v", p)
	}
	upgraded := len(f.happened(rehearsal.EventInstalled))
	found, _ := filepath.Glob(filepath.Join(f.state, "*", "memory.jsonl"))
	memory, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	hash := regexp.MustCompile(`[0-9a-f]{64}`)
	if !hash.Match(memory) {
		t.Fatalf("no installer is on record:\n%s", memory)
	}
	// Without the memory nobody knows what was begun, and a new runbook's installer is looked at as the first one was.
	if err := os.Rename(found[0], found[0]+".away"); err != nil {
		t.Fatal(err)
	}
	if p := f.lrun("", "resume", "--yes"); p.code != exitUnfinished || !strings.Contains(p.err, "memory.jsonl is missing") {
		t.Errorf("%v", p)
	}
	if err := os.Rename(found[0]+".away", found[0]); err != nil {
		t.Fatal(err)
	}
	changed := hash.ReplaceAll(memory, []byte(strings.Repeat("0123456789abcdef", 4)))
	if err := os.WriteFile(found[0], changed, 0o600); err != nil {
		t.Fatal(err)
	}
	p := f.lrun("", "resume", "--yes")
	if p.code != exitFailed || !strings.Contains(p.out, "is not the expected one") {
		t.Errorf("%v", p)
	}
	if n := len(f.happened(rehearsal.EventInstalled)); n != upgraded {
		t.Errorf("%d servers were upgraded with another file", n-upgraded)
	}
}

// TestInterruptedAtTheQuestion leaves nothing behind.
func TestInterruptedAtTheQuestion(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	r := f.startExec()
	r.until("Proof:")
	r.ctrlC()
	r.end(exitInterrupted)
	if p := f.lrun("", "runs"); p.code != exitDone || !strings.HasPrefix(p.out, "no runs in ") {
		t.Errorf("%v", p)
	}
	for _, ev := range f.events {
		if ev.Event != "night" && ev.Event != "read" && ev.Event != "marked" && ev.Event != "unmarked" {
			t.Errorf("the servers lived through %+v", ev)
		}
	}
}

// TestTheWindow closes on a night, which goes on in a window of its own.
func TestTheWindow(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	f.write("nightly.lrun", strings.Replace(nightly, "\nfor each", "window 3m\n\nfor each", 1))
	p := f.exec("")
	if p.code != exitUnfinished || !strings.Contains(p.out, "The window closed") {
		t.Errorf("%v", p)
	}
	for range 3 * len(f.pool.Servers) { // on a busy machine a window may be over before its first turn
		if p = f.lrun("", "resume", "--yes"); p.code == exitDone {
			break
		}
		if p.code != exitUnfinished {
			t.Fatalf("%v", p)
		}
	}
	f.installedOnce()
}
