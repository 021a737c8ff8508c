package explore

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counted is what a checker says of one point: how many distinct states and transitions, and whether all holds.
type counted struct {
	states      int
	transitions int64
	holds       bool
}

// TestSameStatesAsSpin has Spin explore bench/spin/rolling.pml, which says the seed procedure and its world a second time,
// and wants from it what the explorer says: the same number of distinct states, of transitions, and the same verdict. Spin
// tells alike servers apart, so the explorer does here too. bench/spin/run has more points, and the speed.
func TestSameStatesAsSpin(t *testing.T) {
	needSpin(t)
	model, err := os.ReadFile("../../bench/spin/rolling.pml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ domains, size, faults int }{
		{2, 1, 0}, {2, 1, 3}, {3, 1, 1}, {3, 1, 3}, {4, 1, 2}, {5, 1, 2}, {6, 1, 2}, {12, 1, 1}, {2, 2, 2}, {3, 2, 2}, {6, 2, 1}, {2, 3, 2}, {2, 4, 2}, {3, 4, 1},
	} {
		t.Run(fmt.Sprintf("%dx%d/K=%d", p.domains, p.size, p.faults), func(t *testing.T) {
			t.Parallel()
			spin := bySpin(t, string(model), p.domains, p.size, p.faults)
			if ours := byExplorer(t, p.domains, p.size, p.faults); ours != spin {
				t.Errorf("the explorer counts %+v, Spin %+v", ours, spin)
			}
		})
	}
}

// TestSpinCountsWhatItIsGiven: a model that is another procedure, by a little, has other states.
func TestSpinCountsWhatItIsGiven(t *testing.T) {
	needSpin(t)
	model, err := os.ReadFile("../../bench/spin/rolling.pml")
	if err != nil {
		t.Fatal(err)
	}
	ours := byExplorer(t, 3, 1, 2)
	for _, change := range [][2]string{
		{"tries < 3 ->", "tries < 2 ->"},                // wait ready retry 2
		{"#define SETTLE  721", "#define SETTLE  1321"}, // replicas take twenty minutes
		{"mrest = 600 - spent", "mrest = 1"},            // every 1s
	} {
		t.Run(change[1], func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(model), change[0]) {
				t.Fatalf("the model does not say %q", change[0])
			}
			if spin := bySpin(t, strings.Replace(string(model), change[0], change[1], 1), 3, 1, 2); spin == ours {
				t.Errorf("still %+v", spin)
			}
		})
	}
}

func needSpin(t *testing.T) {
	t.Helper()
	if raceOn {
		t.Skip("another program's work")
	}
	for _, tool := range []string{"spin", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// byExplorer goes past what is violated, for the counts, and asks again for the verdict. That a run can complete is no
// matter of a single state, and nothing that Spin is asked.
func byExplorer(t *testing.T, domains, size, faults int) counted {
	t.Helper()
	prog := compileFor(t, "seed.lrun", seedText, poolOf(t, "lync2013", domains, size))
	all := prove(t, prog, Options{Faults: faults, apart: true, goOn: true})
	verdict := prove(t, prog, Options{Faults: faults, apart: true}).Property
	return counted{all.States, all.Transitions, verdict == Holds || verdict == CanComplete}
}

var (
	spinStates      = regexp.MustCompile(`(?m)^ *(\d+) states, stored`)
	spinTransitions = regexp.MustCompile(`(?m)^ *(\d+) transitions \(`)
	spinErrors      = regexp.MustCompile(`errors: (\d+)`)
)

// bySpin explores twice as well: without the assertions, and with them. Spin counts the first state as a transition.
func bySpin(t *testing.T, model string, domains, size, faults int) counted {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rolling.pml"), []byte(model), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	run("spin", "-a", fmt.Sprintf("-DD=%d", domains), fmt.Sprintf("-DM=%d", size), fmt.Sprintf("-DK=%d", faults), "rolling.pml")
	run("cc", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c")
	pan := filepath.Join(dir, "pan")
	number := func(re *regexp.Regexp, out string) int {
		m := re.FindStringSubmatch(out)
		if m == nil || strings.Contains(out, "max search depth too small") {
			t.Fatalf("no count in\n%s", out)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := run(pan, "-A", "-m100000", "-w18")
	if number(spinErrors, all) != 0 {
		t.Fatalf("Spin did not come to the end:\n%s", all)
	}
	return counted{
		states: number(spinStates, all), transitions: int64(number(spinTransitions, all)) - 1,
		holds: number(spinErrors, run(pan, "-m100000", "-w18")) == 0,
	}
}

// BenchmarkBesideSpin is the explorer's side of bench/spin/run: one core, alike servers told apart as Spin does, all
// outcomes of all budgets. The point is given in the environment, as in LRUN_SPIN=12x1/K=2.
func BenchmarkBesideSpin(b *testing.B) {
	var domains, size, faults int
	if _, err := fmt.Sscanf(os.Getenv("LRUN_SPIN"), "%dx%d/K=%d", &domains, &size, &faults); err != nil {
		b.Skip("LRUN_SPIN names no point")
	}
	prog := compileFor(b, "seed.lrun", seedText, poolOf(b, "lync2013", domains, size))
	opts := Options{Faults: faults, Workers: 1, apart: true, goOn: true}
	a, err := Prove(b.Context(), prog, opts)
	if err != nil {
		b.Fatal(err)
	}
	alike := opts
	alike.apart = false
	merged, err := Prove(b.Context(), prog, alike)
	if err != nil {
		b.Fatal(err)
	}
	verdict, err := Prove(b.Context(), prog, Options{Faults: faults, apart: true})
	if err != nil {
		b.Fatal(err)
	}
	errors := 1
	if verdict.Property == Holds || verdict.Property == CanComplete {
		errors = 0
	}
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		before := b.Elapsed()
		if _, err := Prove(b.Context(), prog, opts); err != nil {
			b.Fatal(err)
		}
		best = min(best, b.Elapsed()-before)
	}
	b.ReportMetric(float64(best.Nanoseconds()), "ns-best")
	b.ReportMetric(float64(a.States), "states")
	b.ReportMetric(float64(a.Transitions), "transitions")
	b.ReportMetric(float64(merged.States), "states-alike-as-one")
	b.ReportMetric(float64(errors), "errors")
}
