package sim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// allActions has every step that a test may ask the model for, in the order of the number behind its action.
const allActions = `
param version = "2"
for each domain:
  wait ready
  stop graceful
  stop
  start
  upgrade with "C:\u.exe"
  restart
  verify version "{version}"
  verify
  hold ready 20m
  failover server drain 10m
  failover server
  failback server
  run "exit 0"
end
failover
failover disaster
failback
run "Test-CsDatabase -ConfiguredDatabases"
run "exit 0"
confirm "now?" within 1h
notify "done"
sleep 1m
`

// newest is a pool with fixed durations: what is measured is the model and not a draw.
func newest(t testing.TB, domains string) *pool.Pool {
	t.Helper()
	return poolOf(t, domains, "users: 12000, sessions: 1200, drain: 20m, stop: 2m, start: 5m, upgrade: 15m, reboot: 10m, "+
		"settle: 6m, verify: 10s, failover: 20m, failback: 30m, cms: 3m, failover_server: 25m, failback_server: 8m, "+
		"run: 1m, notify: 1s, confirm: 5m")
}

// drawn is a pool with the durations of the defaults.
func drawn(t testing.TB, domains string) *pool.Pool {
	t.Helper()
	return poolOf(t, domains, "users: 12001, sessions: 1201")
}

func poolOf(t testing.TB, domains, model string) *pool.Pool {
	t.Helper()
	product := "sfb2019"
	if strings.Count(domains, "fe") == 2 {
		product = "sfb2015" // the last one that has pools of two
	}
	src := "pool: pool01.contoso.com\nproduct: " + product + "\nbackup: pool02.contoso.com\ndomains:\n" + domains +
		"installer: C:\\u.exe\nmodel: {" + model + "}\n"
	p, err := pool.Decode("test.pool.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// singles writes the domains of n servers, each its own.
func singles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  UD%d: [fe%02d.contoso.com]\n", i+1, i+1)
	}
	return b.String()
}

// hand drives a model by hand.
type hand struct {
	*sim.Model
	t    testing.TB
	prog *interp.Program
	try  uint16
	ids  map[string]interp.EffectID
}

func byHand(t testing.TB, p *pool.Pool, sc string) *hand {
	t.Helper()
	prog := compile(t, p, allActions)
	var s *pool.Scenario
	if sc != "" {
		s = scenario(t, p, sc)
	}
	m, err := sim.New(prog, s, sim.First{})
	if err != nil {
		t.Fatal(err)
	}
	return &hand{Model: m, t: t, prog: prog, ids: map[string]interp.EffectID{}}
}

// pc is the instruction of the nth step with an action, counted from 0.
func (h *hand) pc(a interp.Action, nth int) uint16 {
	for i := range h.prog.Instrs {
		if in := &h.prog.Instrs[i]; in.Op == interp.OpStep && in.Action == a {
			if nth == 0 {
				return uint16(i)
			}
			nth--
		}
	}
	h.t.Fatalf("no step %s", a)
	return 0
}

// steps are the words that a test uses for effects.
var steps = map[string]struct {
	action interp.Action
	nth    int
}{
	"drain": {interp.Stop, 0}, "stop": {interp.Stop, 1}, "start": {interp.Start, 0}, "upgrade": {interp.Upgrade, 0},
	"restart": {interp.Restart, 0}, "verify 2": {interp.Verify, 0}, "verify": {interp.Verify, 1},
	"hold": {interp.Hold, 0}, "failover server drain": {interp.FailoverServer, 0},
	"failover server": {interp.FailoverServer, 1}, "failback server": {interp.FailbackServer, 0},
	"run": {interp.Run, 0}, "run database": {interp.Run, 1}, "failover": {interp.Failover, 0}, "failover disaster": {interp.Failover, 1},
	"failback": {interp.Failback, 0}, "confirm": {interp.Confirm, 0}, "notify": {interp.Notify, 0},
	"sleep": {interp.Sleep, 0}, "read": {interp.Read, 0}, "survey": {interp.Survey, 0},
}

// do starts an effect: a step by its word, on a server (from 1) or on the pool (0), with a bound.
func (h *hand) do(word string, server int, within time.Duration) interp.EffectID {
	h.t.Helper()
	st, ok := steps[word]
	if !ok {
		h.t.Fatalf("no word %q", word)
	}
	e := interp.Effect{Action: st.action, Server: int8(server - 1), Domain: -1, Within: within}
	switch st.action {
	case interp.Read, interp.Survey:
		e.ID.PC = h.pc(interp.Verify, 0)
	case interp.Hold:
		e.For = 20 * time.Minute
		e.ID.PC = h.pc(st.action, st.nth)
	case interp.Sleep:
		e.For = time.Minute
		e.ID.PC = h.pc(st.action, st.nth)
	default:
		e.ID.PC = h.pc(st.action, st.nth)
	}
	h.try++
	e.ID.Server, e.ID.Try = e.Server, h.try
	h.Start([]interp.Effect{e})
	h.ids[fmt.Sprintf("%s %d", word, server)] = e.ID
	return e.ID
}

// look asks what has become of an effect.
func (h *hand) look(ref interp.EffectID, of interp.Action) interp.Outcome {
	h.t.Helper()
	h.try++
	id := interp.EffectID{Server: ref.Server, PC: ref.PC, Try: h.try}
	h.Start([]interp.Effect{{ID: id, Action: interp.Look, Of: of, Ref: ref, Server: ref.Server, Domain: -1}})
	return h.end(id).Outcome
}

// next is the next event.
func (h *hand) next() interp.Event {
	h.t.Helper()
	ev, err := h.Next(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.Check(h.t)
	return ev
}

// end waits for the end of an effect, and drops what comes before.
func (h *hand) end(id interp.EffectID) interp.Event {
	h.t.Helper()
	for {
		if ev := h.next(); ev.Kind == interp.Ended && ev.ID == id {
			return ev
		}
	}
}

// fact waits for a fact.
func (h *hand) fact(f interp.FactKind) interp.Event {
	h.t.Helper()
	for {
		if ev := h.next(); ev.Kind == interp.Fact && ev.Fact == f {
			return ev
		}
	}
}

// wants compares an end with what it should be.
func (h *hand) wants(ev interp.Event, o interp.Outcome, at time.Duration, text string) {
	h.t.Helper()
	if ev.Outcome != o || ev.At != at || !strings.Contains(ev.Text, text) {
		h.t.Errorf("%s at %s (%s), want %s at %s (…%s…)", ev.Outcome, ev.At, ev.Text, o, at, text)
	}
}

const minute = time.Minute
