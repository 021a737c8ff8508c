package explore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// TestReplay writes the counterexample of every wrong runbook, and of right ones on pools that are too small, as a
// scenario, reads it as a file, and simulates that. Those that simulate cannot follow stand in the file with the reason.
func TestReplay(t *testing.T) {
	var b strings.Builder
	files, err := filepath.Glob("../../testdata/prove/wrong/*.lrun")
	if err != nil || len(files) == 0 {
		t.Fatal("no wrong runbooks", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head := wrongHead.FindSubmatch(src)
		var opts Options
		_, _ = fmt.Sscan(string(head[2]), &opts.Faults)
		_, _ = fmt.Sscan(string(head[3]), &opts.Crashes)
		replay(t, &b, compile(t, filepath.Base(file), string(src), string(head[1])), opts)
	}
	for _, c := range []struct {
		runbook, pool   string
		faults, crashes int
	}{
		{"lync2013-cu", "contoso-4", 2, 0},
		{"lync2013-cu-hold", "contoso-12-3x4", 2, 0},
		{"lync2013-downtime", "contoso-2", 1, 1},
		{"lync2013-paired-first", "contoso-3", 2, 0},
		{"lync2013-paired-first", "contoso-8", 0, 0},
		{"sfb-server-by-server", "contoso-3", 2, 1},
	} {
		replay(t, &b, shipped(t, c.runbook, c.pool), Options{Faults: c.faults, Crashes: c.crashes})
	}
	golden.Check(t, "../../testdata/prove/replay.golden", []byte(b.String()))
}

func replay(t *testing.T, b *strings.Builder, prog *interp.Program, opts Options) {
	t.Helper()
	a := prove(t, prog, opts)
	if a.Trace == nil {
		t.Fatalf("%s holds", prog.Name)
	}
	r, err := a.Replay(t.Context(), prog)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "%s: %s: ", prog.Name, a.Property)
	if !r.Same {
		fmt.Fprintf(b, "not excluded: %s\n%s\n", r.Why, r.Scenario)
		return
	}
	fmt.Fprintf(b, "replayed\n%s\n", r.Scenario)
	sc, err := pool.DecodeScenario("saved", r.Scenario, prog.Pool)
	if err != nil {
		t.Fatalf("%s: the scenario cannot be read: %v\n%s", prog.Name, err, r.Scenario)
	}
	w := &writer{prog: prog, trace: a.Trace, faults: sc.Faults}
	for _, x := range sc.Answers.Confirm {
		w.asked = append(w.asked, map[pool.Answer]string{pool.Yes: "yes", pool.No: "no", pool.Silent: "silent"}[x])
	}
	n, err := w.simulate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if why := w.differs(a, n); why != "" {
		t.Errorf("%s: the file that was read goes another way: %s\n%s", prog.Name, why, r.Scenario)
	}
}
