//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	for _, more := range [][]string{{"status"}, {"status", "--json"}, {"runs", "--json"}, {"resume"}} {
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
