package explore

import (
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
)

// TestProperties shows that each property of a world can fail, with worlds that no machine should bring about: the
// machine keeps the rules, so no runbook shows these.
func TestProperties(t *testing.T) {
	prog := compile(t, "seed.lrun", seedText, "contoso-12-6x2")
	x := &New(prog, Options{Faults: 2, Crashes: 1}).x
	upgrade, stop := -1, -1
	for pc := range prog.Instrs {
		switch in := &prog.Instrs[pc]; {
		case in.Op == interp.OpStep && in.Action == interp.Upgrade:
			upgrade = pc
		case in.Op == interp.OpStep && in.Action == interp.Stop && stop < 0:
			stop = pc
		}
	}
	effect := func(a interp.Action, server int8, pc int) []interp.Effect {
		return []interp.Effect{{
			ID: interp.EffectID{Server: server, PC: uint16(pc), Turn: 1, Try: 1, Phase: 1}, Action: a, Server: server, Within: time.Hour,
		}}
	}
	for _, c := range []struct {
		name string
		make func(w *world)
		want Property
	}{
		{"a healthy pool", func(w *world) { x.checkState(w) }, Holds},
		{"a whole domain out", func(w *world) { w.out, w.up = 0b11, w.up&^0b11; x.checkState(w) }, Holds},
		{"servers of two domains out", func(w *world) { w.out, w.up = 0b110, w.up&^0b110; x.checkState(w) }, OneDomain},
		{"one of them died", func(w *world) { w.out, w.up, w.dead = 0b110, w.up&^0b110, 0b010; x.checkState(w) }, Holds},
		{"one of them is sick", func(w *world) { w.out, w.up, w.sick = 0b100, w.up&^0b100, 0b010; x.checkState(w) }, OneDomain},
		{"all of it, failed over", func(w *world) { w.state, w.out, w.up = interp.FailedOver, x.all, 0; x.checkState(w) }, Holds},
		{"replicas of another domain are being built", func(w *world) {
			x.putBack(w, 0)
			w.out, w.up = 0b100, w.up&^0b100
			x.checkState(w)
		}, Service},
		{"five of nine are needed", func(w *world) { w.dead = 0b11110; x.checkState(w) }, Holds},
		{"and not there", func(w *world) { w.dead = 0b11111; x.checkState(w) }, Quorum},
		{"an upgrade on a stopped server", func(w *world) { w.stopped = 1; x.start(w, effect(interp.Upgrade, 0, upgrade)) }, Holds},
		{"on one that runs", func(w *world) { x.start(w, effect(interp.Upgrade, 0, upgrade)) }, StoppedFirst},
		{"twice", func(w *world) {
			w.stopped, w.installed[0] = 1, 1
			x.start(w, effect(interp.Upgrade, 0, upgrade))
		}, UpgradeOnce},
		{"a stop while an installer may be going", func(w *world) {
			w.slots[0].limbo, w.slots[0].lost = maybe, interp.Upgrade
			x.start(w, effect(interp.Stop, 0, stop))
		}, HandsOff},
		{"a stop while a drain may be going", func(w *world) {
			w.slots[0].limbo, w.slots[0].lost = maybe, interp.Stop
			x.start(w, effect(interp.Stop, 0, stop))
		}, Holds},
		{"a stop while the pool may be failing over", func(w *world) {
			w.live |= 1 << mainSlot
			w.slots[mainSlot].limbo, w.slots[mainSlot].lost = begun, interp.Failover
			x.start(w, effect(interp.Stop, 0, stop))
		}, HandsOff},
		{"a failback while the pool may be failing over", func(w *world) {
			w.live |= 1 << mainSlot
			w.slots[mainSlot].limbo, w.slots[mainSlot].lost = begun, interp.Failover
			x.start(w, effect(interp.Failback, interp.Pool, 0))
		}, HandsOff},
		{"a refusal after a fault", func(w *world) { w.fault(); x.checkVerdict(w, interp.InterlockBusy) }, Holds},
		{"after a fault and a reading that passes", func(w *world) {
			w.fault()
			w.passes(&slot{domain: 1}, &interp.Reading{State: interp.Ready, Domains: 0b10})
			x.checkVerdict(w, interp.InterlockBusy)
		}, GuardReading},
		{"after one that does not", func(w *world) {
			w.fault()
			w.passes(&slot{domain: 1}, &interp.Reading{State: interp.Ready, Domains: 0b01})
			x.checkVerdict(w, interp.InterlockDomain)
		}, Holds},
		{"what is not verified", func(w *world) { x.checkVerdict(w, interp.InterlockUnverified) }, GuardVerified},
		{"the quorum", func(w *world) { x.checkVerdict(w, interp.InterlockQuorum) }, GuardQuorum},
		{"an end that names nobody", func(w *world) { x.checkEnd(w, x.machine()) }, Holds},
		{"with a server stopped", func(w *world) { w.up, w.out = w.up.Remove(3), 1<<3; x.checkEnd(w, x.machine()) }, DownNamed},
		{"with a server that died", func(w *world) { w.dead = w.dead.Add(3); x.checkEnd(w, x.machine()) }, Holds},
		{"failed over, and not told", func(w *world) { w.state = interp.FailedOver; x.checkEnd(w, x.machine()) }, FailedBack},
	} {
		w := x.begin()
		c.make(&w)
		if w.broken != c.want {
			t.Errorf("%s: %q, want %q", c.name, w.broken, c.want)
		}
	}
}

// TestWorseByCrash compares endings after a crash with those of runs without one.
func TestWorseByCrash(t *testing.T) {
	failed := EndingSeen{Ending: interp.FailedRun, Left: 2, Down: 1, Faults: 1}
	for _, c := range []struct {
		name  string
		crash EndingSeen
		worse bool
	}{
		{"the same", failed, false},
		{"earlier", EndingSeen{Ending: interp.FailedRun, Left: 5, Down: 2, Faults: 1}, false},
		{"nothing left", EndingSeen{Ending: interp.FailedRun, Faults: 1}, false},
		{"in doubt", EndingSeen{Ending: interp.InDoubt, Left: 2, Down: 1, Faults: 1}, false},
		{"without a fault", EndingSeen{Ending: interp.FailedRun, Left: 2, Down: 1}, true},
		{"failed over", EndingSeen{Ending: interp.FailedRun, FailedOver: true, Left: 2, Faults: 2}, true},
		{"aborted", EndingSeen{Ending: interp.AbortedRun, Left: 2, Faults: 1}, true},
		{"completed", EndingSeen{Ending: interp.Completed, Faults: 1}, false},
		{"completed with servers left out", EndingSeen{Ending: interp.Completed, Left: 1, Faults: 1}, true},
	} {
		e := &Explorer{ends: map[signature]*ending{1: {EndingSeen: failed, clean: true}, 2: {EndingSeen: c.crash}}}
		if got := e.worseByCrash() != nil; got != c.worse {
			t.Errorf("%s: worse %v, want %v", c.name, got, c.worse)
		}
	}
}

// TestTable puts fingerprints in and finds them again, 0 among them, across several growths.
func TestTable(t *testing.T) {
	var tb table
	key := func(i int) uint64 { return interp.Mix(uint64(i), 7) * uint64(min(i, 1)) }
	for i := range 5000 {
		if _, found := tb.find(key(i)); found {
			t.Fatalf("%d is there before it was put in", i)
		}
		if n, isNew := tb.insert(key(i)); !isNew || n != i {
			t.Fatalf("%d: %d %v", i, n, isNew)
		}
	}
	for i := range 5000 {
		if n, found := tb.find(key(i)); !found || n != i {
			t.Fatalf("%d: found %d %v", i, n, found)
		}
		if n, isNew := tb.insert(key(i)); isNew || n != i {
			t.Fatalf("%d again: %d %v", i, n, isNew)
		}
	}
}

// TestFingerprint walks at random through the nights of a pool, and holds against each other the fingerprint of which only
// the parts of some servers were worked out anew, the one that is worked out as a whole, and that of the state as it comes
// out of a frontier.
func TestFingerprint(t *testing.T) {
	for _, shape := range [][2]int{{12, 1}, {6, 2}, {3, 4}} {
		e := New(compileFor(t, "seed.lrun", seedText, poolOf(t, "lync2013", shape[0], shape[1])), Options{Faults: 3, Crashes: 2, Workers: 1})
		e.crew()
		wk := e.workers[0]
		chance := uint64(shape[0])
		var buf []choice
		var next, again node
		for range 60 {
			n, _ := e.x.root(wk.m)
			for depth := range 200 {
				if buf = e.x.choices(&n, buf); len(buf) == 0 {
					break
				}
				chance = interp.Mix(chance, 5)
				c := buf[chance%uint64(len(buf))]
				if chance>>32%3 > 0 {
					c = buf[0] // mostly the night in which nothing goes wrong
				}
				step := e.x.transition(wk.m, &n, &next, c)
				if wk.next[0].get(wk.next[0].put(&next), &again); again != next {
					t.Fatalf("depth %d: a state comes out of the frontier as another one:\n%+v\n%+v", depth, next, again)
				}
				if h := e.x.hash(wk.m, &again, nil, e.x.all); h != step.hash || again.servers != next.servers {
					t.Fatalf("depth %d, %+v: the fingerprint of some server has changed, and nobody said so", depth, c)
				}
				n = next
				if step.flags&(flagEnd|flagBroken) != 0 {
					break
				}
			}
			wk.turnOver(0)
		}
		e.dismiss()
	}
}

// TestGraph finds the longest way, and a cycle.
func TestGraph(t *testing.T) {
	var e *Explorer
	graph := func(links ...[3]int) {
		e = &Explorer{}
		e.x.closes = 100 * time.Second
		var lk linker
		for s := range 4 {
			e.shards[s].known = make([]record, 1)
			r := &e.shards[s].known[0]
			r.links = lk.begin(&e.links, len(links))
			for _, l := range links {
				if l[0] == s {
					_, out := lk.add(uint32(l[2]))
					out.to = stateID(l[1])
				}
			}
			r.degree = lk.since(r.links)
		}
	}
	graph([3]int{0, 1, 5}, [3]int{0, 2, 1}, [3]int{1, 3, 1}, [3]int{2, 3, 7 | spanThinks}, [3]int{2, 1, 2})
	order, latest, cyclic := e.order()
	if cyclic != noState {
		t.Fatal("a cycle where there is none")
	}
	if rest := e.longest(order); rest[0] != 6 || rest[2] != 3 || rest[3] != 0 {
		t.Errorf("longest %v", rest)
	}
	if latest[0] != 0 || latest[1] != 5 || latest[3] != 8 {
		t.Errorf("latest %v", latest)
	}
	late := [][3]int{{0, 1, 99}, {0, 2, 100}, {1, 3, spanLate}}
	graph(late...)
	if _, at, _ := e.order(); at[3] != -1 {
		t.Errorf("a window of 100 s is over after 99: %v", at)
	}
	late = append(late, [3]int{2, 3, spanLate})
	graph(late...)
	if _, at, _ := e.order(); at[3] != 100 {
		t.Errorf("a window of 100 s is over after 100: %v", at)
	}
	graph(append(late, [3]int{3, 0, 1})...)
	if _, _, cyclic := e.order(); cyclic == noState {
		t.Error("no cycle where there is one")
	}
}
