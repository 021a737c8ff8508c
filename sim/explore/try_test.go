package explore

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

const seedText = `
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

func load(t testing.TB, src, poolFile string) *interp.Program {
	b, err := os.ReadFile("../../runbooks/pools/" + poolFile)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.Decode(poolFile, b)
	if err != nil {
		t.Fatal(err)
	}
	l, d := lang.Load("x.lrun", []byte(src), nil)
	if d.HasErrors() {
		t.Fatal(d.Error())
	}
	prog, err := interp.Compile(l, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func TestTry(t *testing.T) {
	for _, pf := range []string{os.Getenv("POOL")} {
		if pf == "" {
			t.Skip()
		}
		var k, c int
		fmt.Sscan(os.Getenv("KC"), &k, &c)
		prog := load(t, seedText, pf)
		t0 := time.Now()
		a, err := Prove(context.Background(), prog, Options{Faults: k, Crashes: c})
		d := time.Since(t0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(pf, "K", k, "C", c, a.Property, a.States, a.Transitions, a.Depth, a.WorstCase, d, fmt.Sprintf("%.2fM/s", float64(a.Transitions)/d.Seconds()/1e6))
		for _, x := range a.LatestStart {
			fmt.Println(prog.Pool.Domains[x.Domain].Name, x.Behind)
		}
		for _, x := range a.Unreached {
			fmt.Println("unreached", prog.Instrs[x].Line, prog.Instrs[x].Phrase())
		}
		if a.Trace != nil {
			ds := interp.NewDescriber(prog, nil)
			for _, l := range a.Trace.Lines {
				if l.Record == nil {
					fmt.Println("  !!", l.At, l.Befell, l.Cost)
				} else if x := ds.Line(l.Record); x != "" {
					fmt.Println(x)
				}
			}
			fmt.Println(a.Property.Text())
		}
	}
}
