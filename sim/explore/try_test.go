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
		e := New(prog, Options{Faults: k, Crashes: c})
		t0 := time.Now()
		err := e.Run(context.Background())
		d := time.Since(t0)
		fmt.Println(pf, "K", k, "C", c, err, "states", e.states(), "trans", e.transitions, "depth", e.depth, e.property, d, fmt.Sprintf("%.2fM/s", float64(e.transitions)/d.Seconds()/1e6))
		for _, x := range e.ends {
			fmt.Printf("%+v\n", *x)
		}
		if e.broken != noState {
			e.printTrace()
		}
	}
}

func (e *Explorer) printTrace() {
	var path []choice
	for id := e.broken; e.shards[id.shard()].parent[id.place()] != noState; id = e.shards[id.shard()].parent[id.place()] {
		path = append(path, e.shards[id.shard()].choice[id.place()])
	}
	m := interp.New(e.x.prog, interp.Args{})
	d := interp.NewDescriber(e.x.prog, nil)
	n := node{w: e.x.begin()}
	out := m.Step(interp.Event{Kind: interp.Began})
	e.x.start(&n.w, out.Effects)
	n.m = m.State()
	for i := len(path) - 1; i >= 0; i-- {
		var ch node
		c := path[i]
		fmt.Printf("  %+v %v\n", c, n.w.slots[c.slot].action)
		st := e.x.transition(m, &n, &ch, c)
		if st.out != nil {
			for j := range st.out.Records {
				if l := d.Line(&st.out.Records[j]); l != "" {
					fmt.Println(l)
				}
			}
		}
		n = ch
	}
	fmt.Println("broken:", n.w.broken)
}
