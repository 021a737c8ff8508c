package winrm

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// moved lets the backup pool carry out a failover, and the pool say so.
func (f *farm) moved() {
	state := "Active"
	for _, h := range f.hosts {
		h.on[scripts.Registrar] = func(json.RawMessage) (any, error) { return scripts.RegistrarResult{State: state}, nil }
		h.job[scripts.FailoverPool] = func() (time.Duration, any, *scripts.ScriptError) {
			time.AfterFunc(20*time.Minute, func() { f.set("fe01", func(*host) { state = "FailedOver" }) })
			return 20 * time.Minute, scripts.Done{Done: true}, nil
		}
		h.job[scripts.FailbackPool] = func() (time.Duration, any, *scripts.ScriptError) {
			time.AfterFunc(20*time.Minute, func() { f.set("fe01", func(*host) { state = "Active" }) })
			return 20 * time.Minute, scripts.Done{Done: true}, nil
		}
	}
}

// every sets what a script answers on all hosts.
func (f *farm) every(s scripts.Script, act func(json.RawMessage) (any, error)) {
	for _, h := range f.hosts {
		h.on[s] = act
	}
}

func (f *farm) jobs(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.hosts[name+".contoso.com"].jobs)
}

func TestFailoverConditions(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(f *farm)
		outcome interp.Outcome
		text    string
	}{
		{"all hold", func(*farm) {}, interp.Done, ""},
		{"next hop of an Edge", func(f *farm) {
			f.every(scripts.Edge, func(json.RawMessage) (any, error) {
				return scripts.EdgeResult{Edges: []scripts.EdgePool{{Pool: "edge01.contoso.com", NextHop: "POOL01.contoso.com"}}}, nil
			})
		}, interp.Failed, "next hop of an Edge pool (edge01.contoso.com)"},
		{"Edge not read", func(f *farm) {
			f.every(scripts.Edge, func(json.RawMessage) (any, error) { return nil, &scripts.ScriptError{Msg: "access is denied"} })
		}, interp.Failed, "access is denied"},
		{"backup pool insufficient", func(f *farm) {
			h := f.hosts["b01.contoso.com"]
			h.on[scripts.Readiness] = func(json.RawMessage) (any, error) { return h.readiness("InsufficientActiveFrontEnds", "False"), nil }
		}, interp.Failed, "the backup pool pool02.contoso.com is InsufficientActiveFrontEnds itself"},
		{"backup pool says something else", func(f *farm) {
			h := f.hosts["b01.contoso.com"]
			h.on[scripts.Readiness] = func(json.RawMessage) (any, error) { return h.readiness("Well", "False"), nil }
		}, interp.Failed, "cannot be understood"},
		{"backup service behind", func(f *farm) {
			f.every(scripts.Backup, func(json.RawMessage) (any, error) {
				return scripts.BackupResult{BackupPool: "pool02.contoso.com", Modules: []scripts.BackupModule{{Text: "UserServices.PresenceFocus:[NonSteadyState,NormalState]"}}}, nil
			})
		}, interp.Failed, "the backup service of pool01.contoso.com is not steady"},
		{"backup service of the other pool", func(f *farm) {
			f.every(scripts.Backup, func(raw json.RawMessage) (any, error) {
				var a scripts.PoolArgs
				_ = json.Unmarshal(raw, &a)
				if a.Pool == "pool01.contoso.com" {
					return nil, nil
				}
				return scripts.BackupResult{Status: "no modules"}, nil
			})
		}, interp.Failed, "the backup service of the backup pool pool02.contoso.com is not steady"},
		{"CMS on both", func(f *farm) {
			f.every(scripts.CMS, func(json.RawMessage) (any, error) {
				return scripts.CMSResult{Master: "x", Stores: []scripts.Store{{Pool: "pool01.contoso.com", Active: "True"}, {Pool: "pool02.contoso.com", Active: "True"}}}, nil
			})
		}, interp.Failed, "2 pools carry an active Central Management store"},
		{"in between", func(f *farm) {
			f.every(scripts.Registrar, func(json.RawMessage) (any, error) { return scripts.RegistrarResult{State: "FailingBack"}, nil })
		}, interp.Failed, "between failover and failback"},
		{"quorum lost", func(f *farm) {
			f.hosts["fe01.contoso.com"].all("Stopped")
			f.hosts["fe02.contoso.com"].all("Stopped")
		}, interp.Failed, "not in service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				f.moved()
				c.prepare(f)
				w := f.world(body)
				defer w.Close()
				expect(t, f.end(w, effect(w, interp.Failover, interp.Pool, time.Hour)), c.outcome, false, c.text)
				if n := f.jobs("b01"); n > 0 != (c.outcome == interp.Done) {
					t.Errorf("%d cmdlets were started on the backup pool", n)
				}
			})
		})
	}
}

// A cmdlet that told of errors and came to its end is judged by the state of the pool.
func TestFailoverWithErrors(t *testing.T) {
	const text = "the Response Group settings of user 7 were not copied"
	for state, want := range map[string]interp.Outcome{"FailedOver": interp.Done, "FailingOver": interp.Failed, "Active": interp.Failed} {
		inBubble(t, func(t *testing.T, f *farm) {
			now := "Active"
			f.every(scripts.Registrar, func(json.RawMessage) (any, error) { return scripts.RegistrarResult{State: now}, nil })
			f.hosts["b01.contoso.com"].job[scripts.FailoverPool] = func() (time.Duration, any, *scripts.ScriptError) {
				now = state
				return 5 * time.Minute, scripts.Done{Done: true, Errors: []string{text}}, nil
			}
			w := f.world(body)
			defer w.Close()
			ev := f.end(w, effect(w, interp.Failover, interp.Pool, time.Hour))
			expect(t, ev, want, false, text)
			if ev.At > 15*time.Minute {
				t.Errorf("%s: it ended at %s", state, ev.At)
			}
		})
	}
}

// The same of a server, by its services.
func TestServerFailoverWithErrors(t *testing.T) {
	const text = "the conference 7 could not be moved"
	for left, want := range map[string]interp.Outcome{"Stopped": interp.Done, "Running": interp.Failed} {
		inBubble(t, func(t *testing.T, f *farm) {
			f.pool.Product = pool.SfB2015
			h := f.hosts["fe01.contoso.com"]
			h.job[scripts.FailoverComputer] = func() (time.Duration, any, *scripts.ScriptError) {
				h.all("Stopped")
				h.state["RTCRGS"], h.start = left, "Disabled"
				return 5 * time.Minute, scripts.Done{Done: true, Errors: []string{text}}, nil
			}
			w := f.world("for each domain:\n  failover server within 2h\nend\n")
			defer w.Close()
			e := effect(w, interp.FailoverServer, 0, time.Hour)
			ev := f.end(w, e)
			expect(t, ev, want, false, text)
			if ev.At > 10*time.Minute {
				t.Errorf("it ended at %s", ev.At)
			}
			expect(t, f.end(w, lookFor(e)), want, false, text)
		})
	}
}

// A Central Management Store that is hosted here is moved before the pool, by a server of the backup pool.
func TestFailoverMovesTheStoreFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.moved()
		at := "pool01.contoso.com"
		f.every(scripts.CMS, func(json.RawMessage) (any, error) {
			return scripts.CMSResult{Master: "m", Stores: []scripts.Store{{Pool: at, Active: "True"}}, Replicas: []scripts.Replica{{FQDN: "fe01.contoso.com", UpToDate: "True"}}}, nil
		})
		var order []scripts.Script
		h := f.hosts["b01.contoso.com"]
		h.job[scripts.FailoverCMS] = func() (time.Duration, any, *scripts.ScriptError) {
			order = append(order, scripts.FailoverCMS)
			time.AfterFunc(4*time.Minute, func() { f.set("b01", func(*host) { at = "pool02.contoso.com" }) })
			return 4 * time.Minute, scripts.Done{Done: true}, nil
		}
		over := h.job[scripts.FailoverPool]
		h.job[scripts.FailoverPool] = func() (time.Duration, any, *scripts.ScriptError) {
			order = append(order, scripts.FailoverPool)
			return over()
		}
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Failover, interp.Pool, time.Hour)
		expect(t, f.end(w, e), interp.Done, false, "")
		if !slices.Equal(order, []scripts.Script{scripts.FailoverCMS, scripts.FailoverPool}) {
			t.Errorf("the order was %v", order)
		}
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")
	})
}

func TestFailback(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.moved()
		w := f.world(body)
		defer w.Close()
		back := effect(w, interp.Failback, interp.Pool, 2*time.Hour)
		expect(t, f.end(w, back), interp.Done, false, "") // nothing is failed over
		over := effect(w, interp.Failover, interp.Pool, time.Hour)
		expect(t, f.end(w, over), interp.Done, false, "")
		f.set("fe02", func(h *host) { h.all("Stopped") })
		back.ID.Phase = 5
		expect(t, f.end(w, back), interp.Failed, false, "fewer than 3 front ends run")
		f.set("fe02", func(h *host) { h.all("Running") })
		back.ID.Phase = 7
		expect(t, f.end(w, back), interp.Done, false, "")
		expect(t, f.end(w, lookFor(back)), interp.Done, false, "")
	})
}

// A failover that goes on when its bound passes is found going, and found done.
func TestFailoverIsFoundAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.moved()
		w := f.world(body)
		e := effect(w, interp.Failover, interp.Pool, 10*time.Minute)
		expect(t, f.end(w, e), interp.Unknown, true, "")
		w.Close()
		w = f.world(body)
		defer w.Close()
		expect(t, f.end(w, lookFor(e)), interp.Going, false, "")
		again := goOn(e)
		again.Within = time.Hour
		expect(t, f.end(w, again), interp.Done, false, "")
		if n := f.jobs("b01"); n != 1 {
			t.Errorf("%d jobs were begun", n)
		}
	})
}
