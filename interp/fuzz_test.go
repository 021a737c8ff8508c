package interp_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// fuzzPools and fuzzRunbooks are what the adversary plays on: between them they hold every action and every clause.
var fuzzPools = []string{`
pool: pool01.contoso.com
product: lync2013
backup: pool02.contoso.com
domains:
  UD1: [fe01.contoso.com]
  UD2: [fe02.contoso.com, fe03.contoso.com]
  UD3: [fe04.contoso.com]
installer: C:\Updates\LyncServerUpdateInstaller.exe
`, `
pool: pool01.contoso.com
product: sfb2015
domains:
  UD1: [fe01.contoso.com, fe02.contoso.com]
  UD2: [fe03.contoso.com, fe04.contoso.com, fe05.contoso.com]
installer: C:\Updates\SkypeServerUpdateInstaller.exe
`}

var fuzzRunbooks = []string{`
window 6h
on failure:
  notify "{runbook} stopped on {pool}: {reason}"
  start
end
on window:
  note "closed"
  failback
end
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade within 1h
  restart within 30m
  verify version "5.0.8308.1149" retry 3 every 1m
  hold ready 20m within 2h
end
if failed over:
  failback
end
`, `
define patch:
  upgrade else:
    note "no"
    upgrade args "/x" else skip
  end
  restart else restart
end
define check: verify retry 2 every 5m
on failure:
  run "Get-Date"
  if pool ready: note "ready"
  sleep 1m
  start within 5m
end
confirm "begin?" within 1h else abort "nobody is here"
for each domain:
  if pool busy or not domain ready:
    sleep 5m
    wait ready
  else:
    run "Get-Service" safe retry 2 every 1m
    notify "go" retry 2 every 10s else note "no mail"
  end
  for each server at most 1 at once:
    if server upgraded: skip
    stop
    patch
    check else:
      restart
      verify else note "left so"
    end
  end
  if reboot pending:
    confirm "again?" within 30m
    restart
    verify
  end
  notify "{domain} done"
end
if left 1h and pool upgraded: notify "all done"
run "Test-CsDatabase"
if pool ready: note "fine"
`, `
window until "05:00"
on failure: failback server
on window: notify "closed"
for each server:
  wait ready retry 2 every 5m within 8m
  failover server drain 10m within 30m else abort "{server} does not drain"
  upgrade
  restart
  failback server
  verify
  hold ready 5m
end
for each domain:
  stop
  start else start
  verify
end
`, `
if paired: failover else abort "cannot"
if failed over:
  for each domain: stop; upgrade; restart; verify
  wait ready retry 3 every 10m
  failback retry 2 every 10m
end
`}

// compileFuzz compiles every runbook for every pool it goes with.
func compileFuzz(tb testing.TB) []*interp.Program {
	tb.Helper()
	var progs []*interp.Program
	for _, pf := range fuzzPools {
		p, err := pool.Decode("fuzz.pool.yaml", []byte(pf))
		if err != nil {
			tb.Fatal(err)
		}
		for i, text := range fuzzRunbooks {
			src, diags := lang.Load(fmt.Sprintf("fuzz%d.lrun", i), []byte(text), nil)
			if diags.HasErrors() {
				tb.Fatal(diags.Error())
			}
			prog, err := interp.Compile(src, p, nil)
			if err != nil {
				tb.Fatal(err)
			}
			progs = append(progs, prog)
		}
	}
	return progs
}

// FuzzMachine lets an adversary choose every outcome, reading, crash, resume and signal.
func FuzzMachine(f *testing.F) {
	progs := compileFuzz(f)
	for i := range progs {
		f.Add([]byte{byte(i)})
		f.Add([]byte{byte(i), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || len(data) > 4000 {
			return
		}
		a := newAdversary(t, progs[int(data[0])%len(progs)], data[1:])
		a.play()
		a.replay()
	})
}

// key names an upgrade step on a server.
type key struct {
	server  int8
	upgrade uint8
}

type adversary struct {
	t    *testing.T
	prog *interp.Program
	m    *interp.Machine
	d    *interp.Describer
	data []byte
	now  time.Duration
	out  []interp.Effect
	past []interp.EffectID // ended
	ids  map[interp.EffectID]bool
	log  []interp.Record

	over      bool                     // the truth about the pool
	down      pool.Set                 // the truth about the servers
	going     map[int8]interp.Action   // an action whose end nobody knows, by server or Pool
	done      map[key]bool             // upgrades that came to their end
	answered  map[interp.EffectID]bool // effects that ended
	assume    interp.Assume
	readyAt   time.Duration // of the latest reading since the turn began and lrun started
	readyIn   bool
	ready     pool.Set // domains that it allows
	turnTaken bool     // this turn took a server out of service

	store       *interp.Store[int]
	before, got interp.State
	hashes      [pool.MaxServers]uint64
	kept        int
}

func newAdversary(t *testing.T, prog *interp.Program, data []byte) *adversary {
	a := &adversary{
		t: t, prog: prog, m: interp.New(prog, interp.Args{Clock: 22 * time.Hour}), d: interp.NewDescriber(prog, nil), data: data,
		ids: map[interp.EffectID]bool{}, going: map[int8]interp.Action{}, done: map[key]bool{}, answered: map[interp.EffectID]bool{},
	}
	return a
}

// next is the next choice; 255 where the adversary has none left, and all goes well from then on.
func (a *adversary) next() int {
	if len(a.data) == 0 {
		return 255
	}
	b := a.data[0]
	a.data = a.data[1:]
	return int(b)
}

func (a *adversary) play() {
	a.step(interp.Event{Kind: interp.Began})
	for quiet := 0; quiet < 3000; {
		_, over := a.m.Result()
		if len(a.data) == 0 {
			quiet++
			if over {
				return
			}
		}
		a.now += []time.Duration{0, 0, time.Second, time.Minute, 7 * time.Minute, time.Hour}[a.next()%6]
		switch op := a.next(); {
		case op < 8:
			a.step(interp.Event{Kind: interp.Pause, At: a.now})
		case op < 12:
			a.step(interp.Event{Kind: interp.Interrupt, At: a.now})
		case op < 28, over && op < 255:
			a.resume()
		case op < 34 && len(a.past) > 0:
			a.late(a.past[a.next()%len(a.past)])
		case op < 40:
			a.step(interp.Event{Kind: interp.Fact, At: a.now, Server: int8(a.next()), Fact: interp.FactKind(a.next() % 11), Text: "seen"})
		default:
			a.endOne()
		}
		if _, over := a.m.Result(); !over && len(a.out) == 0 {
			a.fatal("the run has not ended and waits for nothing")
		}
	}
	a.fatal("no end")
}

// late tells a second time that an effect ended: nothing may come of it.
func (a *adversary) late(id interp.EffectID) {
	before := a.m.State()
	out := a.m.Step(interp.Event{Kind: interp.Ended, ID: id, At: a.now, Outcome: interp.Done})
	if len(out.Effects)+len(out.Records) > 0 || a.m.State() != before {
		a.fatal("an end told twice changes something: " + id.String())
	}
}

func (a *adversary) resume() {
	ev := interp.Event{Kind: interp.Resumed, At: a.now}
	switch a.next() % 4 {
	case 1:
		ev.Assume = interp.Assume{Done: a.prog.Pool.All(), PoolDone: true}
	case 2:
		ev.Assume = interp.Assume{Redo: a.prog.Pool.All(), PoolRedo: true}
	}
	a.assume = interp.Assume{} // of what the operator says only that counts which is in doubt
	for at := range a.going {
		if at == interp.Pool {
			a.assume.PoolDone, a.assume.PoolRedo = ev.Assume.PoolDone, ev.Assume.PoolRedo
			continue
		}
		a.assume.Done |= ev.Assume.Done & pool.SetOf(int(at))
		a.assume.Redo |= ev.Assume.Redo & pool.SetOf(int(at))
	}
	if res, over := a.m.Result(); over && res.Ending == interp.Completed {
		a.assume = interp.Assume{}
	}
	a.out, a.readyIn = nil, false
	a.step(ev)
}

// endOne ends one of the effects that are out.
func (a *adversary) endOne() {
	if len(a.out) == 0 {
		return
	}
	i := a.next() % len(a.out)
	e := a.out[i]
	if e.Action == interp.Hold && a.next() < 40 {
		r := a.reading()
		a.sawReading(r, interp.Done)
		a.step(interp.Event{Kind: interp.Progress, ID: e.ID, At: a.now, Reading: r})
		return
	}
	a.out = slices.Delete(a.out, i, i+1)
	a.past = append(a.past, e.ID)
	if a.answered[e.ID] {
		a.fatal("answered twice: " + e.ID.String())
	}
	a.answered[e.ID] = true
	if e.Action == interp.Wait || e.Action == interp.Sleep {
		a.now += e.For
	}
	ev := interp.Event{Kind: interp.Ended, ID: e.ID, At: a.now, Outcome: interp.Done}
	switch c := a.next(); {
	case e.Action == interp.Look:
		ev.Outcome = []interp.Outcome{interp.Done, interp.Failed, interp.NotBegun, interp.Going, interp.CannotTell, interp.Done}[c%6]
		if c == 255 {
			ev.Outcome = interp.Done
		}
	case c < 40:
		ev.Outcome, ev.Text = interp.Failed, "it broke"
	case c < 70:
		ev.Outcome = interp.Unknown
	case c < 80:
		ev.Outcome, ev.Bound = interp.Unknown, true
	case c < 90:
		ev.Outcome, ev.Bound = interp.Failed, true
	}
	switch e.Action {
	case interp.Read, interp.Survey, interp.Hold:
		ev.Reading = a.reading()
	}
	a.book(e, &ev)
	a.step(ev)
}

// reading is what the pool reads: mostly the truth.
func (a *adversary) reading() interp.Reading {
	r := interp.Reading{State: interp.Ready, Pool: interp.Active, SQL: true, Running: a.prog.Pool.All() &^ a.down}
	if a.over {
		r.Pool = interp.FailedOver
	}
	for i := range a.prog.Pool.Domains {
		r.Domains = r.Domains.Add(i)
	}
	switch c := a.next(); {
	case c < 60:
		r.State = interp.ReadState(c % 7)
	case c < 80:
		r.Domains = pool.Set(c)
	case c < 90:
		r.Pool = interp.PoolState(c % 5)
	case c < 95:
		r.Running = pool.Set(a.next())
	case c < 100:
		r.AtVersion = pool.Set(a.next())
	case c < 110:
		r.SQL = false
	case c < 120:
		r.Pending = pool.Set(a.next())
	}
	return r
}

func (a *adversary) sawReading(r interp.Reading, o interp.Outcome) {
	a.readyIn = r.State == interp.Ready && o == interp.Done
	a.ready, a.readyAt = r.Domains, a.now
}

// book keeps the truth about what an end means.
func (a *adversary) book(e interp.Effect, ev *interp.Event) {
	action, at := e.Action, e.Server
	done := ev.Outcome == interp.Done
	settled := done || ev.Outcome == interp.Failed && !ev.Bound
	switch e.Action {
	case interp.Read:
		a.sawReading(ev.Reading, ev.Outcome)
		return
	case interp.Hold:
		if done && ev.Reading.State != interp.NoReading {
			a.sawReading(ev.Reading, ev.Outcome)
		}
		return
	case interp.Look:
		action = e.Of
		settled = done || ev.Outcome == interp.Failed || ev.Outcome == interp.NotBegun
		if ev.Outcome == interp.CannotTell {
			asDone, asRedo := a.assumed(e.ID.Server)
			done = asDone
			settled = done || asRedo
		}
		at = e.ID.Server
		a.forgetAssumption(at)
	}
	if settled {
		delete(a.going, at)
	}
	if !done {
		return
	}
	switch action {
	case interp.Upgrade:
		a.done[key{at, a.prog.At(e.ID.PC).Upgrade}] = true
	case interp.Failover:
		a.over = true
	case interp.Failback:
		a.over = false
	case interp.Stop, interp.FailoverServer:
		a.down |= pool.SetOf(int(at))
	case interp.Start, interp.Restart, interp.FailbackServer:
		a.down &^= pool.SetOf(int(at))
	}
}

func (a *adversary) assumed(server int8) (done, redo bool) {
	if server == interp.Pool {
		return a.assume.PoolDone, a.assume.PoolRedo && !a.assume.PoolDone
	}
	return a.assume.Done.Has(int(server)), a.assume.Redo.Has(int(server))
}

// forgetAssumption: what the operator said is for the first look only.
func (a *adversary) forgetAssumption(server int8) {
	if server == interp.Pool {
		a.assume.PoolDone, a.assume.PoolRedo = false, false
		return
	}
	bit := pool.SetOf(int(server))
	a.assume.Done, a.assume.Redo = a.assume.Done&^bit, a.assume.Redo&^bit
}

func (a *adversary) step(ev interp.Event) {
	_, over := a.m.Result()
	out := a.m.Step(ev)
	a.stored()
	for i := range out.Records {
		r := &out.Records[i]
		a.log = append(a.log, *r)
		_ = a.d.Line(r)
		_ = a.prog.AppendJSON(nil, r)
		if r.Kind == interp.RecTurn {
			a.readyIn, a.turnTaken = false, false
		}
	}
	if over && ev.Kind != interp.Resumed && len(out.Effects)+len(out.Records) > 0 {
		a.fatal("a finished run goes on")
	}
	for _, e := range out.Effects {
		a.check(e)
		a.out = append(a.out, e)
	}
}

// stored keeps the state in a store beside the one before it: what comes out again is all of both. The fingerprint is the
// same whether it is worked out for all servers or only where Rehash says so.
func (a *adversary) stored() {
	now := a.m.State()
	var in pool.Sets
	a.m.Sets(&in)
	if a.kept == 0 {
		a.store, a.before = interp.NewStore(a.prog, new(interp.Room[int])), now
		a.m.ServerHashes(&in, a.prog.Pool.All(), &a.hashes)
	}
	var hashes [pool.MaxServers]uint64
	a.m.ServerHashes(&in, a.prog.Pool.All(), &hashes)
	if a.m.ServerHashes(&in, a.m.Rehash(&in, &a.before), &a.hashes); a.hashes != hashes {
		a.fatal("the fingerprint of a server has changed, and nobody said so")
	}
	old, at := a.store.Put(&a.before), a.store.Put(&now)
	*a.store.With(old), *a.store.With(at) = -a.kept, a.kept
	if a.store.Get(at, &a.got); a.got != now {
		a.fatal(fmt.Sprintf("a state comes out of the store as another one:\n%+v\n%+v", now, a.got))
	}
	if a.store.Get(old, &a.got); a.got != a.before {
		a.fatal("a state in the store was changed by the next one")
	}
	if *a.store.With(old) != -a.kept || *a.store.With(at) != a.kept {
		a.fatal("what lies with a state was lost")
	}
	if a.kept++; a.kept%50 == 0 {
		a.store.Empty()
	}
	a.before = now
}

// check holds what must be true of every effect.
func (a *adversary) check(e interp.Effect) {
	if a.ids[e.ID] {
		a.fatal("an effect id comes twice: " + e.ID.String())
	}
	a.ids[e.ID] = true
	if e.Action == interp.Look || e.Action == interp.Read || e.Action == interp.Survey || e.Action == interp.Wait {
		return
	}
	if was := a.going[e.Server]; was != interp.NoAction && !e.Attach && (e.Server >= 0 || e.Action.Changes()) {
		a.fatal(fmt.Sprintf("%s begins at %d while nobody knows how %s ended", e.Action, e.Server, was))
	}
	if e.Action.Lasting() {
		a.going[e.Server] = e.Action
	}
	if e.Attach || !e.Action.OutOfService() {
		return
	}
	if e.Action == interp.Upgrade && a.done[key{e.Server, a.prog.At(e.ID.PC).Upgrade}] {
		a.fatal(fmt.Sprintf("upgrade begins again on %d", e.Server))
	}
	if a.m.FailedOver() {
		return
	}
	turn, domain := a.m.Turn()
	if !turn.Has(int(e.Server)) {
		a.fatal(fmt.Sprintf("%s on %d outside its turn", e.Action, e.Server))
	}
	if !a.turnTaken && (!a.readyIn || !a.ready.Has(domain) || a.now-a.readyAt > 15*time.Minute) {
		a.fatal(fmt.Sprintf("%s on %d without a reading that allows it", e.Action, e.Server))
	}
	a.turnTaken = true
}

// replay feeds what entered the machine to a fresh one, which must come to the same state by the same records.
func (a *adversary) replay() {
	m := interp.New(a.prog, interp.Args{Clock: 22 * time.Hour})
	n := 0
	for i := range a.log {
		if !a.log[i].Input {
			continue
		}
		for _, r := range m.Step(a.log[i].Ev).Records {
			if n >= len(a.log) || r != a.log[n] {
				a.fatal(fmt.Sprintf("record %d differs in the replay:\n%+v\n%+v", n, r, a.log[min(n, len(a.log)-1)]))
			}
			n++
		}
	}
	if n != len(a.log) || m.State() != a.m.State() {
		a.fatal("the replayed machine is in another state")
	}
}

func (a *adversary) fatal(what string) {
	a.t.Helper()
	d := interp.NewDescriber(a.prog, nil)
	for i := range a.log {
		if line := d.Line(&a.log[i]); line != "" {
			a.t.Log(line)
		}
	}
	for _, e := range a.out {
		a.t.Logf("out: %+v", e)
	}
	a.t.Fatal(what)
}

// TestAdversary plays nights of fixed seeds, from a few faults to nothing but faults.
func TestAdversary(t *testing.T) {
	progs := compileFuzz(t)
	nights := 4000
	if testing.Short() {
		nights = 400
	}
	for seed := range nights {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		data := make([]byte, r.IntN(600))
		mild := r.IntN(4) * 80
		for i := range data {
			data[i] = byte(r.IntN(256))
			if r.IntN(256) < mild {
				data[i] |= 128 // the choices of which all goes well
			}
		}
		a := newAdversary(t, progs[seed%len(progs)], data)
		a.play()
		a.replay()
	}
}
