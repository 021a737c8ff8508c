package winrm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

// poolAsks looks at the pool anew, and tells how often each server was asked for the pool.
func (f *farm) poolAsks(w *World) (asked [3]int) {
	f.t.Helper()
	names := []string{"fe01", "fe02", "fe03"}
	for i, name := range names {
		asked[i] = -f.called(name, scripts.PoolFacts)
	}
	if r, _, err := w.poolSurvey(f.t.Context(), ""); err != nil || r.Pool != interp.Active {
		f.t.Errorf("%+v, %v", r, err)
	}
	for i, name := range names {
		asked[i] += f.called(name, scripts.PoolFacts)
	}
	return asked
}

// TestAsksWhoServes: cmdlets that load the product's module are not run on a server that does not serve while others do: an
// installer may be at its files, that of a run whose lrun was killed as well.
func TestAsksWhoServes(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		if _, err := f.servers.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.set("fe01", func(h *host) { h.all("Stopped") })
		w := f.world(body)
		defer w.Close()
		if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
			t.Errorf("fe01 is down, and the servers are asked %d", got)
		}
		f.set("fe01", func(h *host) { h.all("Running") })
		for range 2 {
			if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
				t.Errorf("fe02 has answered last, and the servers are asked %d", got)
			}
		}
		if ev := f.end(w, effect(w, interp.Stop, 1, time.Hour)); ev.Outcome != interp.Done {
			t.Fatalf("stop: %+v", ev)
		}
		if got := f.poolAsks(w); got != [3]int{1, 0, 0} {
			t.Errorf("fe02 is stopped, and the servers are asked %d", got)
		}
	})
}

// TestAsksAHostThatHangsOnce: the one that answered last and hangs now is asked once in a look, and not first in the next.
func TestAsksAHostThatHangsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		if got := f.poolAsks(w); got != [3]int{1, 0, 0} {
			t.Errorf("the servers are asked %d", got)
		}
		f.set("fe01", func(h *host) {
			h.on[scripts.Registrar] = hangs
		})
		if got := f.poolAsks(w); got != [3]int{1, 1, 0} {
			t.Errorf("fe01 hangs, and the servers are asked %d", got)
		}
		if got := f.poolAsks(w); got != [3]int{0, 1, 0} {
			t.Errorf("fe01 hung the last time, and the servers are asked %d", got)
		}
	})
}

func hangs(json.RawMessage) (any, error) { return nil, errHangs }

func fails(text string) func(json.RawMessage) (any, error) {
	return func(json.RawMessage) (any, error) { return nil, &scripts.ScriptError{Msg: text} }
}

func says(value any) func(json.RawMessage) (any, error) {
	return func(json.RawMessage) (any, error) { return value, nil }
}

// table is what a host of the farm does for some scripts.
type table = map[scripts.Script]func(json.RawMessage) (any, error)

// poolFactsCase is what a look asks of the pool where some of its servers do other than they should.
type poolFactsCase struct {
	name   string
	hosts  [3]table // of fe01, fe02, fe03
	state  interp.PoolState
	sql    bool
	err    string // why the state is not known
	calls  string // what was asked for, by host
	direct time.Duration
	task   time.Duration // how long it takes, where it is run in tasks
}

func poolFactsCases(t *testing.T) []poolFactsCase {
	t.Helper()
	registrarDown, mirrorDown := fails("the registrar is down"), fails("the mirror is down")
	mirrorOnly, err := scripts.PartOf(scripts.MirrorResult{Databases: []scripts.Database{{Name: "rtcxds", Primary: "Principal"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return []poolFactsCase{
		{name: "both are told", state: interp.Active, sql: true, calls: "pool-facts; ; "},
		{
			name: "the registrar fails on one", hosts: [3]table{{scripts.Registrar: registrarDown}},
			state: interp.Active, sql: true, calls: "pool-facts; registrar; ",
		}, {
			name: "the mirror fails on one", hosts: [3]table{{scripts.Mirror: mirrorDown}},
			state: interp.Active, sql: true, calls: "pool-facts; mirror; ",
		}, {
			name:  "each fails on another one",
			hosts: [3]table{{scripts.Registrar: registrarDown, scripts.Mirror: mirrorDown}, {scripts.Registrar: registrarDown}},
			state: interp.Active, sql: true, calls: "pool-facts; pool-facts; registrar",
		}, {
			name:  "the registrar fails everywhere",
			hosts: [3]table{{scripts.Registrar: registrarDown}, {scripts.Registrar: registrarDown}, {scripts.Registrar: registrarDown}},
			sql:   true, err: "fe03.contoso.com: the registrar is down", calls: "pool-facts; registrar; registrar",
		}, {
			name:  "the mirror fails everywhere",
			hosts: [3]table{{scripts.Mirror: mirrorDown}, {scripts.Mirror: mirrorDown}, {scripts.Mirror: mirrorDown}},
			state: interp.Active, calls: "pool-facts; mirror; mirror",
		}, {
			name:  "the script fails as a whole",
			hosts: [3]table{{scripts.PoolFacts: fails("no module")}, {scripts.PoolFacts: fails("no module")}, {scripts.PoolFacts: fails("no module")}},
			err:   "fe03.contoso.com: no module", calls: "pool-facts; pool-facts; pool-facts",
		}, {
			name: "the mirror hangs on one", hosts: [3]table{{scripts.Mirror: hangs}},
			state: interp.Active, sql: true, calls: "pool-facts registrar; mirror; ", direct: answerLimit, task: 2 * answerLimit,
		}, {
			name: "the mirror hangs everywhere", hosts: [3]table{{scripts.Mirror: hangs}, {scripts.Mirror: hangs}, {scripts.Mirror: hangs}},
			state: interp.Active, calls: "pool-facts registrar; mirror; mirror", direct: 3 * answerLimit, task: 6 * answerLimit,
		}, {
			name:  "the mirror hangs everywhere, and the registrar fails on one",
			hosts: [3]table{{scripts.Registrar: registrarDown, scripts.PoolFacts: hangs}, {scripts.Mirror: hangs}, {scripts.Mirror: hangs}},
			state: interp.Active, calls: "pool-facts registrar; pool-facts registrar; mirror", direct: 3 * answerLimit, task: 6 * answerLimit,
		}, {
			name: "one hangs whatever it is asked", hosts: [3]table{{scripts.Registrar: hangs}},
			state: interp.Active, sql: true, calls: "pool-facts registrar; pool-facts; ", direct: sqlLimit + answerLimit, task: 2 * answerLimit,
		}, {
			name: "all hang whatever they are asked", hosts: [3]table{{scripts.Registrar: hangs}, {scripts.Registrar: hangs}, {scripts.Registrar: hangs}},
			err: "fe03.contoso.com", calls: "pool-facts registrar; pool-facts registrar; pool-facts registrar",
			direct: 3 * (sqlLimit + answerLimit), task: 6 * answerLimit,
		}, {
			name: "a registrar without its state", hosts: [3]table{{scripts.Registrar: says(scripts.RegistrarResult{})}},
			state: interp.Active, sql: true, calls: "pool-facts; registrar; ",
		}, {
			name: "a mirror of another shape", hosts: [3]table{{scripts.Mirror: says([]string{"Principal"})}},
			state: interp.Active, sql: true, calls: "pool-facts; mirror; ",
		}, {
			name: "a registrar left out", hosts: [3]table{{scripts.PoolFacts: says(scripts.PoolFactsResult{Mirror: mirrorOnly})}},
			state: interp.Active, sql: true, calls: "pool-facts; registrar; ",
		}, {
			name: "nothing told", hosts: [3]table{{scripts.PoolFacts: says(scripts.PoolFactsResult{})}},
			state: interp.Active, sql: true, calls: "pool-facts; pool-facts; ",
		}, {
			name: "rubbish", hosts: [3]table{{scripts.PoolFacts: says("rubbish")}},
			state: interp.Active, sql: true, calls: "pool-facts registrar; mirror; ",
		}, {
			name: "a login is refused", hosts: [3]table{{scripts.PoolFacts: func(json.RawMessage) (any, error) {
				return nil, &transport.AuthError{Host: "fe01.contoso.com", User: "u", Scheme: "NTLM", Reason: "no"}
			}}},
			err: "no", calls: "pool-facts; ; ",
		},
	}
}

// TestPoolFacts: what one call asks for fails apart, and what one server does not tell the next one does.
func TestPoolFacts(t *testing.T) {
	for _, c := range poolFactsCases(t) {
		for _, in := range []struct {
			name string
			pool.Identity
			most time.Duration
		}{
			{"directly", pool.Identity{Kind: pool.Direct}, c.direct}, {"in tasks", pool.Identity{Kind: pool.GMSA, Account: `CONTOSO\lrun`}, c.task},
		} {
			t.Run(c.name+", "+in.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, f *farm) {
					f.connectAs(in.Identity)
					for i, acts := range c.hosts {
						f.set(fmt.Sprintf("fe%02d", i+1), func(h *host) { h.on = acts })
					}
					w := f.world(body)
					defer w.Close()
					r, _, err := w.poolSurvey(t.Context(), "")
					if r.Pool != c.state || r.SQL != c.sql || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
						t.Errorf("it reads %s, sql %t, %v; want %s, %t, %q", r.Pool, r.SQL, err, c.state, c.sql, c.err)
					}
					if r.Running.Len() != 3 {
						t.Errorf("%d servers run", r.Running.Len())
					}
					if got := f.askedFor(); got != c.calls {
						t.Errorf("asked for %q, want %q", got, c.calls)
					}
					if took := w.Now(); took > in.most+2*time.Second {
						t.Errorf("it took %s, and may take %s", took, in.most)
					}
				})
			})
		}
	}
}

// connectAs lets cmdlets that reach on to other machines run under another name.
func (f *farm) connectAs(id pool.Identity) {
	f.t.Helper()
	f.pool.Connect.Identity = id
	var err error
	if f.servers, err = Connect(f.pool, f.servers.login); err != nil {
		f.t.Fatal(err)
	}
}

// askedFor lists what the front ends were asked for about the pool, those of each in order. What is asked for once more at
// once, as after an answer that is none, counts once.
func (f *farm) askedFor() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, name := range f.pool.Names(f.pool.All()) {
		var calls []string
		for _, call := range f.hosts[name].calls {
			switch scripts.Script(call) {
			case scripts.PoolFacts, scripts.Registrar, scripts.Mirror:
				calls = append(calls, call)
			}
		}
		all = append(all, strings.Join(slices.Compact(calls), " "))
	}
	return strings.Join(all, "; ")
}

// TestWhoToldBothIsAskedFirst: a server that does not tell both is not the one that is asked first in the next look.
func TestWhoToldBothIsAskedFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		look := func(what, first string) {
			t.Helper()
			if r, _, err := w.poolSurvey(t.Context(), ""); err != nil || r.Pool != interp.Active || !r.SQL {
				t.Errorf("%s: %+v, %v", what, r, err)
			}
			if got := w.answersForPool(); got != first {
				t.Errorf("%s: %q is asked first", what, got)
			}
		}
		f.set("fe01", func(h *host) { h.on[scripts.Registrar] = fails("the registrar is down") })
		look("two have told it", "")
		f.set("fe01", func(h *host) {
			h.on = map[scripts.Script]func(json.RawMessage) (any, error){scripts.Mirror: fails("the mirror is down")}
		})
		look("two have told it the other way", "")
		f.set("fe01", func(h *host) { h.on[scripts.PoolFacts] = fails("no module") })
		look("the second has told both", "fe02.contoso.com")
		f.set("fe02", func(h *host) { h.on[scripts.Mirror] = hangs })
		f.set("fe01", func(h *host) { h.on = nil })
		look("it has told one", "")
		look("the first tells both", "fe01.contoso.com")
	})
}

// TestASlowAnswerIsEnough: a call that is slow and comes back is all that is asked.
func TestASlowAnswerIsEnough(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.set("fe01", func(h *host) {
			h.delay = map[scripts.Script]time.Duration{scripts.PoolFacts: sqlLimit - time.Second}
		})
		w := f.world(body)
		defer w.Close()
		if r, _, err := w.poolSurvey(t.Context(), ""); err != nil || r.Pool != interp.Active || !r.SQL {
			t.Errorf("%+v, %v", r, err)
		}
		if got := w.answersForPool(); got != "fe01.contoso.com" {
			t.Errorf("%q is asked first", got)
		}
		if got := f.askedFor(); got != "pool-facts; ; " {
			t.Errorf("asked for %q", got)
		}
	})
}

// TestALookKeepsItsBound: servers that hang, and a cmdlet that hangs on every server, do not make a look outlast its bound, with
// the state of the pool known by then.
func TestALookKeepsItsBound(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.pool.Servers = append(f.pool.Servers, pool.Server{Name: "b01.contoso.com", Domain: 2})
		f.pool.Domains[2].Servers = f.pool.Domains[2].Servers.Add(3)
		f.connectAs(pool.Identity{Kind: pool.GMSA, Account: `CONTOSO\lrun`})
		for _, name := range []string{"fe01", "fe02", "fe03"} {
			f.set(name, func(h *host) { h.on[scripts.Mirror] = hangs })
		}
		f.set("b01", func(h *host) { h.on[scripts.Survey] = hangs })
		w := f.world(body)
		defer w.Close()
		survey := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		survey.Action = interp.Survey
		if ev := f.end(w, survey); ev.Outcome != interp.Done || ev.Bound || ev.Reading.Pool != interp.Active {
			t.Errorf("it ended %s at %s, bound %t, %q: %+v", ev.Outcome, ev.At, ev.Bound, ev.Text, ev.Reading)
		}
	})
}

// TestNothingOfALookIsLeft: once a look is over, nothing that it asked for goes on: the server that was asked may be the next
// to be upgraded, and nothing may load the product there meanwhile.
func TestNothingOfALookIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.set("fe01", func(h *host) {
			h.delay = map[scripts.Script]time.Duration{scripts.PoolFacts: sqlLimit + time.Second, scripts.Registrar: answerLimit - time.Second}
		})
		w := f.world(body)
		defer w.Close()
		_, _, _ = w.poolSurvey(t.Context(), "")
		before := f.askedFor()
		time.Sleep(10 * time.Minute)
		if after := f.askedFor(); after != before {
			t.Errorf("asked for %q when the look was over, and for %q later", before, after)
		}
	})
}
