package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// flight is an effect that the fuzzer has started.
type flight struct {
	at, within time.Duration
}

// FuzzModel starts any effects in any order on any small pool with any faults. Whatever happens: nothing panics, time never
// goes back, every effect ends exactly once and by its bound, and the state never contradicts itself.
func FuzzModel(f *testing.F) {
	for seed := range uint64(150) {
		r := sim.Seeded(seed)
		data := make([]byte, 100+10*seed)
		for i := range data {
			data[i] = byte(r.Choose("", 256))
		}
		f.Add(data)
	}
	programs := map[string]*interp.Program{}
	f.Fuzz(func(t *testing.T, data []byte) {
		ch := &sim.Bytes{Data: data}
		prog := anyProgram(t, ch, programs)
		n := len(prog.Pool.Servers)
		sc := anyScenario(ch, n, len(prog.Pool.Domains))
		w, err := sim.New(prog, sc, ch)
		if err != nil {
			t.Fatal(err)
		}
		w.Check(t)
		h := &hand{Model: w, t: t, prog: prog, ids: map[string]interp.EffectID{}}
		z := &fuzzer{hand: h, out: map[interp.EffectID]flight{}, words: wordList()}
		for range 400 {
			if len(ch.Data) == 0 {
				break
			}
			z.anything(ch)
		}
		for len(z.out) > 0 {
			z.step()
		}
	})
}

type fuzzer struct {
	*hand
	out   map[interp.EffectID]flight
	words []string
	now   time.Duration
	past  []interp.EffectID
}

// wordList is the words for effects in an order that is always the same.
func wordList() []string {
	return []string{"drain", "stop", "start", "upgrade", "restart", "verify 2", "verify", "hold", "failover server drain",
		"failover server", "failback server", "run", "run database", "failover", "failover disaster", "failback", "confirm", "notify", "sleep",
		"read", "survey"}
}

// anything does one thing: it starts an effect, or lets something happen, or leaves the world alone for a while.
func (z *fuzzer) anything(ch *sim.Bytes) {
	servers := len(z.prog.Pool.Servers)
	switch k := ch.Choose("", 16); {
	case k < 7 && len(z.out) < 30:
		word := z.words[ch.Choose("", len(z.words))]
		server := ch.Choose("", servers+1)
		within := time.Duration(ch.Choose("", 200)) * time.Minute
		id := z.do(word, server, within)
		z.out[id] = flight{z.Now(), within}
		z.past = append(z.past, id)
	case k == 7 && len(z.past) > 0 && len(z.out) < 30:
		ref := z.past[ch.Choose("", len(z.past)+1)%len(z.past)]
		z.try++
		e := interp.Effect{
			ID:     interp.EffectID{Server: ref.Server, PC: ref.PC, Try: z.try},
			Action: z.prog.At(ref.PC).Action, Ref: ref, Server: ref.Server, Domain: -1,
		}
		if e.Of, e.Action = e.Action, interp.Look; ch.Choose("", 2) == 1 {
			e.Action, e.Attach = e.Of, true
		}
		z.Start([]interp.Effect{e})
		z.out[e.ID] = flight{z.Now(), 0}
	case k == 8 && ch.Choose("", 4) == 0:
		z.Away(time.Duration(ch.Choose("", 300)) * time.Minute)
		clear(z.out)
		z.Check(z.t)
	default:
		z.step()
	}
}

// step lets one thing happen.
func (z *fuzzer) step() {
	ev, err := z.Next(context.Background())
	if errors.Is(err, sim.ErrNothingDue) {
		if len(z.out) > 0 {
			z.t.Fatalf("%d effects never end: %v", len(z.out), z.out)
		}
		return
	}
	if err != nil {
		z.t.Fatal(err)
	}
	z.Check(z.t)
	if ev.At < z.now || ev.At != z.Now() {
		z.t.Fatalf("time goes from %s to %s, the model says %s", z.now, ev.At, z.Now())
	}
	z.now = ev.At
	if ev.Kind != interp.Ended {
		return
	}
	fl, ok := z.out[ev.ID]
	if !ok {
		z.t.Fatalf("%s ends, which is not in flight: %+v", ev.ID, ev)
	}
	delete(z.out, ev.ID)
	action := z.prog.At(ev.ID.PC).Action
	bounded := action != interp.Sleep && action != interp.Verify || ev.Bound
	if fl.within > 0 && ev.At > fl.at+fl.within && bounded && ev.Reading.State == interp.NoReading {
		z.t.Fatalf("%s of %s ends %s after its bound", ev.ID, action, ev.At-fl.at-fl.within)
	}
	if ev.Outcome == interp.NoOutcome {
		z.t.Fatalf("an end without an outcome: %+v", ev)
	}
}

// anyProgram is the program of all actions on a pool of two to sixteen servers in any domains.
func anyProgram(t *testing.T, ch sim.Chooser, known map[string]*interp.Program) *interp.Program {
	n := 2 + ch.Choose("", 15)
	domains := ""
	for s, d := 1, 1; s <= n; d++ {
		domains += fmt.Sprintf("  UD%d: [fe%02d.contoso.com", d, s)
		for s++; s <= n && ch.Choose("", 3) == 0; s++ {
			domains += fmt.Sprintf(", fe%02d.contoso.com", s)
		}
		domains += "]\n"
	}
	if known[domains] == nil {
		known[domains] = compile(t, drawn(t, domains), allActions)
	}
	return known[domains]
}

// anyScenario is any start and up to eight faults of any kind.
func anyScenario(ch sim.Chooser, servers, domains int) *pool.Scenario {
	set := func() pool.Set {
		if ch.Choose("", 4) != 0 {
			return 0
		}
		return pool.Set(ch.Choose("", 1<<servers))
	}
	sc := &pool.Scenario{Start: pool.Start{
		Stopped: set(), Disabled: set(), Down: set(), RebootPending: set(), RGSStuck: set(), Stale: set(),
		FailedOver: ch.Choose("", 5) == 1, SQL: pool.SQLState(ch.Choose("", 3)), CMS: pool.CMSPlace(ch.Choose("", 5)),
	}}
	for range ch.Choose("", 9) {
		kind := pool.FaultAction
		if ch.Choose("", 2) == 1 {
			kind = pool.FaultKind(1 + ch.Choose("", 17))
		}
		sc.Faults = append(sc.Faults, pool.Fault{
			Kind:   kind,
			State:  pool.PoolState(ch.Choose("", 5)),
			Action: pool.Action(1 + ch.Choose("", 11)), Effect: pool.Effect(1 + ch.Choose("", 11)),
			SQL: pool.SQLState(ch.Choose("", 3)), Backup: pool.BackupState(ch.Choose("", 5)),
			CMS: pool.CMSPlace(ch.Choose("", 5)), Services: pool.Services(1 + ch.Choose("", 3)),
			Server: ch.Choose("", 2)*(ch.Choose("", servers)+1) - 1, Domain: ch.Choose("", domains),
			Reading: 1 + ch.Choose("", 5), Times: ch.Choose("", 3), Slow: 2 + ch.Choose("", 5),
			Ready: ch.Choose("", 2) == 1, Landed: ch.Choose("", 2) == 1, Partner: ch.Choose("", 2) == 1,
			At: time.Duration(ch.Choose("", 250)*ch.Choose("", 2)) * time.Minute, For: time.Duration(ch.Choose("", 100)) * time.Minute,
			Takes: time.Duration(1+ch.Choose("", 200)) * time.Minute,
		})
	}
	return sc
}
