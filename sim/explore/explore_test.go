package explore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	_ "github.com/lrun/lrun/internal/golden" // the -update flag of `go test ./... -update`
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// TestProve proves what testdata/prove/*.txt says and compares the whole answer. The verbs:
//
//	runbook                                          the text that follows
//	prove pool=NAME [runbook=NAME] [faults=N] [crashes=N] [every-order]
func TestProve(t *testing.T) {
	datadriven.Walk(t, "../../testdata/prove", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			t.Skip("not a transcript")
		}
		text := ""
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			if td.Cmd == "runbook" {
				text = td.Input
				return ""
			}
			var poolName, name string
			opts := Options{}
			for _, a := range td.CmdArgs {
				switch a.Key {
				case "pool":
					poolName = a.Vals[0]
				case "runbook":
					name = a.Vals[0]
				case "faults":
					fmt.Sscan(a.Vals[0], &opts.Faults)
				case "crashes":
					fmt.Sscan(a.Vals[0], &opts.Crashes)
				case "every-order":
					opts.EveryOrder = true
				default:
					t.Fatalf("unknown argument %s", a.Key)
				}
			}
			var prog *interp.Program
			if name != "" {
				prog = shipped(t, name, poolName)
			} else {
				prog = compile(t, "test.lrun", text, poolName)
			}
			return prove(t, prog, opts).Text(prog, nil)
		})
	})
}

func prove(t testing.TB, prog *interp.Program, opts Options) *Answer {
	t.Helper()
	a, err := Prove(t.Context(), prog, opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func loadPool(t testing.TB, name string) *pool.Pool {
	t.Helper()
	file := "../../runbooks/pools/" + name + ".pool.yaml"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.Decode(filepath.Base(file), b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t testing.TB, name, src, poolName string) *interp.Program {
	t.Helper()
	return compileFor(t, name, src, loadPool(t, poolName))
}

func compileFor(t testing.TB, name, src string, p *pool.Pool) *interp.Program {
	t.Helper()
	l, ds := lang.Load(name, []byte(src), nil)
	if ds.HasErrors() {
		t.Fatal(ds.Error())
	}
	prog, err := interp.Compile(l, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func shipped(t testing.TB, name, poolName string) *interp.Program {
	t.Helper()
	b, err := os.ReadFile("../../runbooks/" + name + ".lrun")
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, name+".lrun", string(b), poolName)
}

// poolOf makes a pool of domains of the same size.
func poolOf(t testing.TB, product string, domains, size int) *pool.Pool {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "pool: pool01.contoso.com\nproduct: %s\nbackup: pool02.contoso.com\ninstaller: C:\\Updates\\u.exe\ndomains:\n", product)
	n := 0
	for d := range domains {
		fmt.Fprintf(&b, "  UD%d: [", d+1)
		for i := range size {
			n++
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "fe%02d.contoso.com", n)
		}
		b.WriteString("]\n")
	}
	p, err := pool.Decode("made.pool.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seedText is the procedure that the vendor describes, with its pause.
const seedText = `
window 24h
on failure: notify "{runbook} stopped: {reason}"
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade within 1h
  restart within 30m
  verify retry 10 every 1m
  hold ready 20m within 2h
end
if failed over:
  failback
end
`

// same compares what must not depend on how an exploration was carried out.
func same(t *testing.T, what string, a, b *Answer, prog *interp.Program) {
	t.Helper()
	if x, y := a.Text(prog, nil), b.Text(prog, nil); x != y {
		t.Errorf("%s: two answers\n%s\n%s", what, x, y)
	}
}

func TestSameOnAnyNumberOfWorkers(t *testing.T) {
	wrong := strings.Replace(seedText, "wait ready retry 3 every 10m else failover", "", 1)
	for _, src := range []string{seedText, wrong} {
		for _, name := range []string{"contoso-9", "contoso-3"} {
			prog := compile(t, "seed.lrun", src, name)
			one := prove(t, prog, Options{Faults: 1, Crashes: 1, Workers: 1})
			for _, workers := range []int{2, 3, 8} {
				same(t, fmt.Sprintf("%s with %d workers", name, workers), one,
					prove(t, prog, Options{Faults: 1, Crashes: 1, Workers: workers}), prog)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	prog := compile(t, "seed.lrun", seedText, "contoso-9")
	if _, err := Prove(t.Context(), prog, Options{Faults: 2, MaxStates: 1000}); err != ErrTooLarge {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestWindowEnd(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		w     interp.Window
		clock time.Duration
		want  time.Duration
		ok    bool
	}{
		{interp.Window{For: 6 * time.Hour, Until: -1}, -1, 6 * time.Hour, true},
		{interp.Window{Until: -1}, 0, 0, false},
		{interp.Window{Until: 5 * time.Hour}, -1, 0, false},
		{interp.Window{Until: 5 * time.Hour}, 22 * time.Hour, 7 * time.Hour, true},
		{interp.Window{Until: 5 * time.Hour}, 5 * time.Hour, day, true},
	} {
		got, ok := windowEnd(&interp.Program{Window: c.w}, c.clock)
		if got != c.want || ok != c.ok {
			t.Errorf("%+v from %v: got %v %v, want %v %v", c.w, c.clock, got, ok, c.want, c.ok)
		}
	}
}
