package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runbooks"
)

// TestMergedStatesGoOnAlike holds the fingerprint to its word: where two different states have the same one, everything
// that can come next is the same as well, with the same fingerprints. So nothing that matters is left out of it. Servers
// are told apart here, since of two that are alike the one that comes first in the pool goes first.
func TestMergedStatesGoOnAlike(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	check := func(name string, prog *interp.Program, all ...Options) {
		for _, o := range all {
			t.Run(fmt.Sprintf("%s/K=%d/C=%d", name, o.Faults, o.Crashes), func(t *testing.T) {
				t.Parallel()
				goOnAlike(t, prog, o)
			})
		}
	}
	for _, s := range [][2]int{{3, 1}, {2, 2}, {2, 3}} {
		prog := compileFor(t, "seed.lrun", seedText, poolOf(t, "lync2013", s[0], s[1]))
		check(fmt.Sprintf("seed/%dx%d", s[0], s[1]), prog,
			Options{Faults: 2}, Options{Faults: 1, Crashes: 1}, Options{Faults: 1, Crashes: 2})
	}
	odd, err := pool.Decode("made.pool.yaml", []byte(oddPool))
	if err != nil {
		t.Fatal(err)
	}
	for i, src := range handled {
		prog := compileFor(t, "test.lrun", src, odd)
		check(fmt.Sprintf("handled/%d", i+1), prog,
			Options{Faults: 2}, Options{Faults: 1, Crashes: 1}, Options{Faults: 1, Crashes: 2})
	}
	for _, f := range runbooks.Files() {
		for _, pf := range runbooks.Files() {
			if f.Kind != runbooks.Runbook || pf.Kind != runbooks.Pool {
				continue
			}
			if prog := compileIfFit(t, &f, &pf); prog != nil && len(prog.Pool.Servers) <= 4 {
				check(f.Name+"/"+pf.Name, prog, Options{Faults: 1}, Options{Faults: 1, Crashes: 1})
			}
		}
	}
}

const oddPool = `pool: pool01.contoso.com
product: sfb2015
backup: pool02.contoso.com
installer: C:\u.exe
domains:
  UD1: [fe01.contoso.com, fe02.contoso.com]
  UD2: [fe03.contoso.com]
  UD3: [fe04.contoso.com]
`

// handled are runbooks whose handlers act, whose pool steps fail while servers are down, and whose loops, forks and
// conditions no shipped runbook has.
var handled = []string{
	`
on failure: start
for each domain:
  wait ready retry 2 every 5m
  stop
  hold ready 5m within 1h
  upgrade
  restart
  verify retry 2 every 1m
end
`, `
on failure: run "Get-Date"
for each domain:
  wait ready retry 2 every 5m
  stop
  sleep 5m
  confirm "go on?" within 5m
  confirm "really?" within 5m
  restart
  verify
end
`, `
window 3h
on window: failback
for each server:
  wait ready else failover
  if left 2h: note "early"
  stop
  upgrade
  restart else start
  verify
end
if failed over and left 1h: failback
`, `
on failure:
  failback server
  notify "left"
end
for each domain:
  wait ready
  for each server at most 1 at once:
    failover server within 20m else skip
    upgrade
    restart
    failback server
    verify retry 2 every 1m
  end
  if pool busy: abort "unquiet"
end
`, `
for each domain:
  wait ready
  restart within 7m else note "slow"
  restart within 7m
  verify
end
`, `
window 8h
for each domain:
  wait ready retry 3 every 5m else note "b"
  stop
  restart within 12m else restart within 1h
  verify retry 2 every 1m else abort "a"
end
`,
}

// mostAlike is how many states of a runbook are kept: the first ones to be come to.
const mostAlike = 50_000

// goOnAlike explores one core's way, keeps every state, and compares what follows two states that were taken for one.
func goOnAlike(t *testing.T, prog *interp.Program, opts Options) {
	opts.goOn, opts.apart = true, true
	e := New(prog, opts)
	m := e.x.machine()
	root, _ := e.x.root(m)
	seen := map[uint64]*node{e.x.hash(m, &root, nil, 0): &root}
	queue := []*node{&root}
	merged := 0
	for len(queue) > 0 && !t.Failed() && len(seen) < mostAlike {
		n := queue[0]
		queue = queue[1:]
		e.x.each(m, n, func(c choice, s step, child *node) {
			if m.Now() != child.w.now {
				t.Errorf("after %v the machine's clock is at %s, the world's at %s: the fingerprint counts from both", c, m.Now(), child.w.now)
			}
			if int(child.w.faults) > opts.Faults || int(child.w.crashes) > opts.Crashes {
				t.Errorf("%v costs a fault or a crash where none is left", c)
			}
			old := seen[s.hash]
			switch {
			case old == nil:
				seen[s.hash] = child
				if s.flags&flagEnd == 0 {
					queue = append(queue, child)
				}
			case s.flags&flagEnd == 0 && *old != *child:
				merged++
				if parted := e.x.partWays(m, old, child, alikeSteps); parted != "" {
					t.Error(parted)
				}
			}
		})
	}
	if merged == 0 && len(prog.Pool.Servers) > 2 {
		t.Errorf("no two of %d states were taken for one", len(seen))
	}
}

// each makes every choice in a state, each with a node of its own.
func (x *model) each(m *interp.Machine, n *node, f func(choice, step, *node)) {
	for _, c := range x.choices(n, nil) {
		x.variants(c, func(c choice) (interp.Asked, time.Duration) {
			child := new(node)
			s := x.transition(m, n, child, c)
			f(c, s, child)
			return s.asked, s.left
		})
	}
}

// alikeSteps is how many steps two states that were taken for one are followed. What comes after the second of them is
// explored no further, so that a difference which shows only later would not be seen.
const alikeSteps = 3

// partWays tells where what follows two states of one fingerprint is not the same, "" where it is, so many steps far.
func (x *model) partWays(m *interp.Machine, a, b *node, steps int) string {
	after, than := x.following(m, a), x.following(m, b)
	if !slices.EqualFunc(after, than, func(f, g follower) bool { return f.what == g.what }) {
		texts := func(all []follower) string {
			var text strings.Builder
			for _, f := range all {
				text.WriteString(f.what + "\n")
			}
			return text.String()
		}
		return fmt.Sprintf("two states of one fingerprint go on differently: they differ in\n%s\nwhat follows (choice, fingerprint, time, end):\n%s\n%s",
			unlike(a, b), texts(after), texts(than))
	}
	if steps == 1 {
		return ""
	}
	for i := range after {
		if f, g := &after[i], &than[i]; !f.end && *f.node != *g.node {
			if parted := x.partWays(m, f.node, g.node, steps-1); parted != "" {
				return parted
			}
		}
	}
	return ""
}

// follower is a state that comes after another one.
type follower struct {
	what string // the choice, the fingerprint, the time, the ending
	node *node
	end  bool
}

// following is what comes after a state, sorted.
func (x *model) following(m *interp.Machine, n *node) []follower {
	var all []follower
	x.each(m, n, func(c choice, s step, child *node) {
		all = append(all, follower{fmt.Sprintf("%v %x %d %x", c, s.hash, s.dt, s.end), child, s.flags&flagEnd != 0})
	})
	slices.SortFunc(all, func(f, g follower) int { return strings.Compare(f.what, g.what) })
	return all
}

// unlike is what two states differ in.
func unlike(a, b *node) string {
	x, y := strings.Fields(fmt.Sprintf("%+v", *a)), strings.Fields(fmt.Sprintf("%+v", *b))
	var out []string
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			out = append(out, x[i]+" and "+y[i])
		}
	}
	return strings.Join(out, "; ")
}
