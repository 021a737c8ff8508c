package explore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// TestNightsAreExplored draws small pools, runbooks, and nights with up to two faults in the model of package sim: each
// night ends as some explored one does, and takes no longer than the worst case. It is the law between the two packages;
// what stands in docs/prove.md under what is not looked at is not drawn. LRUN_NIGHTS=20000 draws so many runbooks.
func TestNightsAreExplored(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	n := 150
	if more := os.Getenv("LRUN_NIGHTS"); more != "" {
		var err error
		if n, err = strconv.Atoi(more); err != nil {
			t.Fatal(err)
		}
	}
	var explored, held atomic.Int64
	t.Run("drawn", func(t *testing.T) {
		for seed := range n {
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				if a := nightsAreExplored(t, uint64(seed)); a != nil {
					explored.Add(1)
					if a.Property == Holds {
						held.Add(1)
					}
				}
			})
		}
	})
	if explored.Load() < int64(n)*4/5 || held.Load() < int64(n)/2 {
		t.Errorf("of %d runbooks only %d were explored, and only %d had a worst case", n, explored.Load(), held.Load())
	}
}

// nightsAreExplored draws one runbook and its nights; nil where it draws none that is small enough.
func nightsAreExplored(t *testing.T, seed uint64) *Answer {
	d := &drawn{rand.New(rand.NewPCG(seed, 1))}
	product := d.pick("lync2013", "lync2013", "sfb2015")
	text := sizedText(product, d.model(), d.sizes())
	p, err := pool.Decode("drawn.pool.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	src := d.runbook(product)
	l, ds := lang.Load("drawn.lrun", []byte(src), nil)
	if ds.HasErrors() {
		return nil
	}
	prog, err := interp.Compile(l, p, nil)
	if err != nil {
		return nil
	}
	faults := d.IntN(3)
	a, err := Prove(t.Context(), prog, Options{Faults: faults, MaxStates: 60_000, Clock: -1, goOn: true, Workers: 1})
	if errors.Is(err, ErrTooLarge) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		scenario := "faults: []\n"
		if faults > 0 {
			scenario = d.scenario(p, faults)
		}
		if _, why := covered(t, a, prog, scenario, i); why != "" {
			t.Errorf("night %d: %s\n%s\n%s\n%s\nexplored with up to %d faults: %s", i, why, text, src, scenario, faults, strings.Join(a.Ways(), "; "))
			break
		}
	}
	return a
}

// drawn draws pools, runbooks and scenarios.
type drawn struct{ *rand.Rand }

func (d *drawn) pick(list ...string) string { return list[d.IntN(len(list))] }

// maybe is text in so many of a hundred cases, else empty.
func (d *drawn) maybe(percent int, text string) string {
	if d.IntN(100) < percent {
		return text
	}
	return ""
}

func (d *drawn) sizes() []int {
	list := make([]int, 3+d.IntN(3))
	for i := range list {
		list[i] = 1 + d.IntN(2)
	}
	if len(list) > 4 {
		list[0], list[1] = 1, 1
	}
	return list
}

func (d *drawn) model() string {
	return d.maybe(30, fmt.Sprintf("settle: %s, reboot: %s, upgrade: %s", d.pick("1m..12m", "5m..25m"), d.pick("5m..15m", "5m..40m"), d.pick("10m..20m", "10m..50m")))
}

func (d *drawn) orElse(depth int) string {
	switch d.IntN(7) {
	case 0:
		return ` else note "x"`
	case 1:
		return ` else abort "a"`
	case 2:
		return " else skip"
	case 3:
		if depth > 0 {
			return " else " + d.onServer(depth-1)
		}
	}
	return ""
}

// onServer is any step on a server.
func (d *drawn) onServer(depth int) string {
	switch d.IntN(7) {
	case 0:
		return "stop graceful within " + d.pick("1h", "30m", "10m") + " else stop"
	case 1:
		return "stop" + d.orElse(depth)
	case 2:
		return "upgrade within 1h" + d.orElse(depth)
	case 3:
		return "restart within " + d.pick("30m", "1h", "12m", "7m") + d.orElse(depth)
	case 4:
		return "verify retry " + d.pick("1", "3", "8") + " every " + d.pick("1m", "5m") + d.orElse(depth)
	case 5:
		return "start" + d.orElse(depth)
	}
	return `run "x"` + d.maybe(50, " safe retry 2 every 5m") + d.orElse(depth)
}

// onPool is any step about the pool.
func (d *drawn) onPool() string {
	switch d.IntN(5) {
	case 0:
		return "sleep " + d.pick("5m", "10m", "20m")
	case 1:
		return "hold ready " + d.pick("5m", "20m") + " within " + d.pick("30m", "1h", "2h") + d.maybe(30, ` else note "h"`)
	case 2:
		return `notify "n"`
	}
	return "wait ready retry " + d.pick("1", "2", "3") + " every " + d.pick("5m", "10m") + d.pick("", " else failover", ` else note "b"`, ` else abort "b"`)
}

// runbook is mostly the usual order, with steps left out, doubled, changed or put in.
func (d *drawn) runbook(product string) string {
	var b strings.Builder
	b.WriteString(d.maybe(30, "window "+d.pick("2h", "4h", "8h")+"\n"))
	b.WriteString(d.maybe(50, "on failure: "+d.pick(`note "f"`, "start", `notify "x"`)+"\n"))
	add := func(percent int, step string) {
		b.WriteString(d.maybe(percent, "  "+step+"\n"))
		b.WriteString(d.maybe(6, "  "+d.onServer(1)+"\n"))
		b.WriteString(d.maybe(6, "  "+d.onPool()+"\n"))
	}
	b.WriteString("for each " + d.pick("domain", "domain", "domain", "server") + ":\n")
	add(92, "wait ready retry "+d.pick("1", "2", "3")+" every "+d.pick("5m", "10m")+d.pick("", " else failover", ` else note "b"`, ` else abort "b"`))
	if product == "sfb2015" && d.IntN(2) == 0 {
		add(100, "failover server"+d.pick("", " drain 10m")+d.pick("", " else stop", ` else note "s"`))
		add(90, "upgrade within 1h"+d.orElse(1))
		add(90, "restart within 1h"+d.orElse(1))
		add(95, "failback server"+d.pick("", " retry 2 every 5m", " else start"))
	} else {
		add(90, d.pick("stop graceful within 1h else stop", "stop", "stop graceful within 20m else stop"))
		add(90, "upgrade within 1h"+d.orElse(1))
		add(93, "restart"+d.pick(" within 1h", "", " within 12m")+d.orElse(1))
	}
	add(93, "verify retry "+d.pick("2", "5")+" every 1m"+d.orElse(1))
	add(60, "hold ready "+d.pick("5m", "20m")+" within "+d.pick("1h", "2h")+d.maybe(20, ` else note "h"`))
	b.WriteString("end\n")
	b.WriteString(d.maybe(70, "if failed over: failback\n"))
	return b.String()
}

// scenario draws so many faults that the explorer has too.
func (d *drawn) scenario(p *pool.Pool, faults int) string {
	var b strings.Builder
	b.WriteString("faults:\n")
	for range faults {
		server := p.Servers[d.IntN(len(p.Servers))].Name
		switch d.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "  - {server: %s, down: %ds}\n", server, d.IntN(5*3600))
		case 1:
			fmt.Fprintf(&b, "  - {pool: %s, at: %ds, for: %ds}\n", d.pick("busy", "insufficient", "garbled", "unanswered"), d.IntN(5*3600), 1+d.IntN(5*3600))
		default:
			on := d.pick("stop", "upgrade", "restart", "verify", "start", "run")
			if p.Product >= pool.SfB2015 && d.IntN(2) == 0 {
				on = d.pick("failover server", "failback server")
			}
			is := d.pick("fail", "hang", "slow 3x", "unknown", "unknown, landed: true")
			if on == "verify" {
				is = d.pick("fail", "slow 3x")
			}
			fmt.Fprintf(&b, "  - {server: %s, on: %s, is: %s, times: 1}\n", server, on, is)
		}
	}
	return b.String()
}
