package winrm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

const body = `for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  start
  upgrade args "/silentmode" within 1h
  restart within 30m
  verify version "5.0.8308.1149"
  hold ready 20m within 2h
end
failback
`

func expect(t *testing.T, ev interp.Event, o interp.Outcome, bound bool, text string) {
	t.Helper()
	if ev.Outcome != o || ev.Bound != bound || !strings.Contains(ev.Text, text) {
		t.Errorf("it ended %s, bound %t, %q; want %s, bound %t, with %q", ev.Outcome, ev.Bound, ev.Text, o, bound, text)
	}
}

func TestReadings(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(f *farm)
		state   interp.ReadState
		text    string
	}{
		{"ready", func(*farm) {}, interp.Ready, ""},
		{"the next front end answers", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) { return nil, broken() }
		}, interp.Ready, ""},
		{"nobody answers", func(f *farm) {
			for _, h := range f.hosts {
				h.on[scripts.Readiness] = func(json.RawMessage) (any, error) { return nil, broken() }
			}
		}, interp.Unread, "connection reset"},
		{"it hangs", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) { return nil, errHangs }
		}, interp.Unanswered, "did not come back"},
		{"an unknown state", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) {
				return f.hosts["fe02.contoso.com"].readiness("3", "True"), nil
			}
		}, interp.Garbled, `"3"`},
		{"an unknown flag", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) {
				return f.hosts["fe02.contoso.com"].readiness("Ready", ""), nil
			}
		}, interp.Garbled, "neither True nor False"},
		{"another topology", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) {
				r := f.hosts["fe02.contoso.com"].readiness("Ready", "True")
				r.Domains[0].FrontEnds = append(r.Domains[0].FrontEnds, "fe09.contoso.com")
				return r, nil
			}
		}, interp.Garbled, "fe09"},
		{"a domain is missing", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) {
				r := f.hosts["fe02.contoso.com"].readiness("Ready", "True")
				r.Domains = r.Domains[:2]
				return r, nil
			}
		}, interp.Garbled, "every upgrade domain"},
		{"control characters", func(f *farm) {
			f.hosts["fe02.contoso.com"].on[scripts.Readiness] = func(json.RawMessage) (any, error) {
				return f.hosts["fe02.contoso.com"].readiness("\x1b[2J\x07Ready", "True"), nil
			}
		}, interp.Garbled, "[2J Ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				c.prepare(f)
				w := f.world(body)
				defer w.Close()
				e := effect(w, interp.Read, interp.Pool, 10*time.Minute)
				e.Domain = 0 // asked outside of UD1, and so of fe02 first
				ev := f.end(w, e)
				if ev.Outcome != interp.Done || ev.Reading.State != c.state || !strings.Contains(ev.Text, c.text) {
					t.Errorf("it ended %s with %s, %q", ev.Outcome, ev.Reading.State, ev.Text)
				}
				if strings.ContainsAny(ev.Text, "\x1b\x07") {
					t.Errorf("control characters came through: %q", ev.Text)
				}
				if f.called("fe01", scripts.Readiness) > 0 {
					t.Error("a server of the domain itself was asked")
				}
			})
		})
	}
}

// Where it never came to asking for the readiness, no answer does not mean that the pool is busy.
func TestServersHangBeforeTheReading(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.every(scripts.Survey, func(json.RawMessage) (any, error) { return nil, errHangs })
		w := f.world(body)
		defer w.Close()
		ev := f.end(w, effect(w, interp.Read, interp.Pool, time.Minute))
		if ev.Outcome != interp.Done || !ev.Bound || ev.Reading.State != interp.Unread {
			t.Errorf("it ended %s, bound %t, with %s", ev.Outcome, ev.Bound, ev.Reading.State)
		}
		later := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		later.ID.Phase = 9
		if ev := f.end(w, later); ev.Reading.State != interp.Unread || ev.At > 4*time.Minute {
			t.Errorf("with more time: %s after %s", ev.Reading.State, ev.At)
		}
	})
}

// TestAHungMirrorHidesNothing: SQL servers that are gone, and a cmdlet that hangs at them, end no look and no reading. The state of
// the pool is known, and that the primary is principal is not. The pool has a fourth server that could be asked in vain.
func TestAHungMirrorHidesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.pool.Servers = append(f.pool.Servers, pool.Server{Name: "b01.contoso.com", Domain: 2})
		f.pool.Domains[2].Servers = f.pool.Domains[2].Servers.Add(3)
		f.connectAs(pool.Identity{Kind: pool.GMSA, Account: `CONTOSO\lrun`})
		w := f.world(body)
		defer w.Close()
		look := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		look.Action = interp.Survey
		if ev := f.end(w, look); ev.Outcome != interp.Done || ev.Reading.Pool != interp.Active || !ev.Reading.SQL {
			t.Errorf("before: it ended %s, %q: %+v", ev.Outcome, ev.Text, ev.Reading)
		}
		f.every(scripts.Mirror, hangs)
		for _, a := range []interp.Action{interp.Survey, interp.Read} {
			time.Sleep(time.Minute)
			look.ID.Phase, look.Action = look.ID.Phase+1, a
			ev := f.end(w, look)
			if ev.Outcome != interp.Done || ev.Bound || ev.Text != "" || ev.Reading.Pool != interp.Active || ev.Reading.SQL || ev.Reading.Running.Len() != 4 {
				t.Errorf("%s: it ended %s, bound %t, %q: %+v", a, ev.Outcome, ev.Bound, ev.Text, ev.Reading)
			}
		}
		time.Sleep(time.Minute) // what is removed in the background
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		h.on[scripts.Stop] = func(json.RawMessage) (any, error) {
			h.all("Stopped")
			h.state["RTCSRV"], h.activity["RTCSRV"] = "Paused", "Concurrent Calls=7,Incoming Requests per Second=900"
			return scripts.Asked{Asked: true}, nil
		}
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Stop, 0, time.Hour)
		ev := f.end(w, e)
		expect(t, ev, interp.Failed, true, "7 sessions are left; still to stop: RTCSRV")
		if ev.At < time.Hour || ev.At > time.Hour+time.Minute {
			t.Errorf("it ended at %s", ev.At)
		}
		f.later(20*time.Minute, "fe01", func(h *host) { h.all("Stopped") })
		if ev := f.end(w, lookFor(e)); ev.Outcome != interp.Going {
			t.Errorf("a look at the drain answers %s", ev.Outcome)
		}
		expect(t, f.end(w, goOn(e)), interp.Done, false, "")
		if n := f.called("fe01", scripts.Stop); n != 1 {
			t.Errorf("it was asked to stop %d times", n)
		}
		if ev := f.end(w, lookFor(e)); ev.Outcome != interp.Done {
			t.Errorf("a look at what has stopped answers %s", ev.Outcome)
		}
	})
}

// The counter of the Response Group service can show 10^9 calls for ever. Once nothing else is left, it is stopped at once.
func TestBrokenCounter(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		h.activity["RTCRGS"] = "Concurrent Calls=1073741824"
		var names []string
		h.on[scripts.Stop] = func(raw json.RawMessage) (any, error) {
			var a scripts.StopArgs
			_ = json.Unmarshal(raw, &a)
			h.all("Stopped")
			if names = append(names, a.Names...); len(a.Names) == 0 {
				h.state["RTCRGS"] = "Paused"
			}
			return scripts.Asked{Asked: true}, nil
		}
		w := f.world(body)
		defer w.Close()
		expect(t, f.end(w, effect(w, interp.Stop, 0, time.Hour)), interp.Done, false, "")
		if len(names) != 1 || names[0] != "RTCRGS" {
			t.Errorf("stopped by name: %v", names)
		}
	})
}

func TestStopBreaksOff(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		h.on[scripts.Stop] = func(json.RawMessage) (any, error) {
			h.all("Paused")
			h.silent = broken()
			return nil, broken()
		}
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Stop, 0, time.Hour)
		expect(t, f.end(w, e), interp.Unknown, false, "connection broke")
		expect(t, f.end(w, lookFor(e)), interp.CannotTell, false, "does not tell")
		f.set("fe01", func(h *host) { h.silent = nil })
		expect(t, f.end(w, lookFor(e)), interp.Going, false, "")
		f.set("fe01", func(h *host) { h.all("Running") })
		expect(t, f.end(w, lookFor(e)), interp.NotBegun, false, "")
	})
}

func TestRestart(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Restart, 0, 30*time.Minute)
		if ev := f.end(w, lookFor(e)); ev.Outcome != interp.NotBegun {
			t.Errorf("before: %s", ev.Outcome)
		}
		expect(t, f.end(w, e), interp.Done, false, "")
		if f.called("fe01", scripts.Stop) != 1 || f.called("fe01", scripts.Restart) != 1 {
			t.Error("it was not drained once and restarted once")
		}
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")
	})
}

// lrun is killed between the mark and the end: another World goes on with the same one reboot.
func TestRestartGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		e := effect(w, interp.Restart, 0, 30*time.Minute)
		f.set("fe01", func(h *host) { h.all("Stopped") })
		w.Start([]interp.Effect{e})
		time.Sleep(4 * time.Second) // of the bubble: the reboot is asked for and has not come
		w.Close()
		w = f.world(body)
		defer w.Close()
		expect(t, f.end(w, lookFor(e)), interp.Going, false, "")
		expect(t, f.end(w, goOn(e)), interp.Done, false, "")
		if n := f.called("fe01", scripts.BootMark); n != 1 {
			t.Errorf("it was marked %d times", n)
		}
	})
}

// A server that comes back and refuses the login may not be done booting: the login is tried again once another server has
// accepted it, a few times, minutes apart. Where it is refused everywhere, or there to the end, a person looks at it.
func TestLoginRefusedAfterReboot(t *testing.T) {
	refusal := func(h *host) error {
		return &transport.Error{Host: h.name, Op: "create", State: transport.NotBegun, Err: &transport.AuthError{Reason: "the password was refused"}}
	}
	for _, c := range []struct {
		name      string
		refusals  int  // of the server that boots; then it lets in
		elsewhere bool // the others let in
		want      interp.Outcome
		text      string
	}{
		{"twice", 2, true, interp.Done, ""},
		{"to the end", 100, true, interp.Unknown, "tried 3 times"},
		{"everywhere", 100, false, interp.Unknown, "could not be seen elsewhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				w := f.world(body)
				defer w.Close()
				e := effect(w, interp.Restart, 0, 30*time.Minute)
				before := f.hosts["fe01.contoso.com"].boot
				f.set("fe01", func(h *host) { h.all("Stopped") })
				var tries []time.Time
				refuses := func(h *host) func(json.RawMessage) (any, error) {
					return func(json.RawMessage) (any, error) {
						if h.name == "fe01.contoso.com" {
							if h.boot == before || len(tries) == c.refusals {
								return nil, nil // it has not booted yet, or is done
							}
							tries = append(tries, time.Now())
						}
						return nil, refusal(h)
					}
				}
				f.set("fe01", func(h *host) { h.on[scripts.Survey] = refuses(h) })
				if !c.elsewhere {
					for _, other := range []string{"fe02", "fe03"} {
						f.set(other, func(h *host) { h.on[scripts.Survey] = refuses(h) })
					}
				}
				expect(t, f.end(w, e), c.want, false, c.text)
				if want := min(c.refusals, mostBootRefusals); c.elsewhere && len(tries) != want || !c.elsewhere && len(tries) != 1 {
					t.Errorf("refused %d times", len(tries))
				}
				for i := 1; i < len(tries); i++ {
					if tries[i].Sub(tries[i-1]) < bootRefusalPause {
						t.Errorf("tried again after %s", tries[i].Sub(tries[i-1]))
					}
				}
				if n := f.called("fe02", scripts.Survey) + f.called("fe03", scripts.Survey); n != min(len(tries), mostBootRefusals-1) {
					t.Errorf("%d logins elsewhere after %d refusals", n, len(tries))
				}
			})
		})
	}
}

func TestHalfAReboot(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		h.on[scripts.Restart] = func(json.RawMessage) (any, error) {
			h.nonce = "" // somebody's hand; the boot time is the same
			return scripts.RestartResult{Asked: true}, nil
		}
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Restart, 0, 30*time.Minute)
		expect(t, f.end(w, e), interp.Unknown, false, "only one is there")
		expect(t, f.end(w, lookFor(e)), interp.CannotTell, false, "only one is there")
	})
}

// A clock that is set moves the boot time. The mark in the memory of Windows tells that nothing was booted: the one reboot
// that was taken is waited for, and not asked for again.
func TestAClockIsSetBeforeTheReboot(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.set("fe01", func(h *host) { h.all("Stopped") })
		h := f.hosts["fe01.contoso.com"]
		h.on[scripts.Restart] = func(json.RawMessage) (any, error) {
			h.boot = "2026-11-02T00:00:00.0000000Z"
			return scripts.RestartResult{Asked: true}, nil
		}
		f.later(12*time.Minute, "fe01", func(h *host) { h.silent, h.nonce = off(), "" })
		f.later(15*time.Minute, "fe01", func(h *host) {
			h.silent, h.boot = nil, "2026-11-02T00:15:00.0000000Z"
			h.all("Running")
		})
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Restart, 0, 30*time.Minute)
		ev := f.end(w, e)
		expect(t, ev, interp.Done, false, "")
		if ev.At < 15*time.Minute {
			t.Errorf("it ended at %s", ev.At)
		}
		if n := f.called("fe01", scripts.Restart); n != 1 {
			t.Errorf("it was asked for %d times", n)
		}
	})
}

// A Windows that goes down says so in several ways, and refuses most of what it is asked. None of that is a refusal of the
// reboot that it has begun.
func TestAskedAgainWhileItGoesDown(t *testing.T) {
	for name, answers := range map[string][]func() (any, error){
		"1115": {
			func() (any, error) { return scripts.RestartResult{Asked: true}, nil },
			func() (any, error) { return scripts.RestartResult{Asked: true, RC: 1115}, nil },
		},
		"an error of the script": {
			func() (any, error) { return scripts.RestartResult{Asked: true}, nil },
			func() (any, error) { return nil, &scripts.ScriptError{Msg: "a system shutdown is in progress"} },
		},
		"the first answer is lost": {
			func() (any, error) { return nil, broken() },
			func() (any, error) { return scripts.RestartResult{Asked: true, RC: 5}, nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				f.set("fe01", func(h *host) { h.all("Stopped") })
				h, n := f.hosts["fe01.contoso.com"], 0
				h.on[scripts.Restart] = func(json.RawMessage) (any, error) {
					n++
					return answers[min(n, len(answers))-1]()
				}
				f.later(9*time.Minute, "fe01", func(h *host) { h.silent, h.nonce = off(), "" })
				f.later(12*time.Minute, "fe01", func(h *host) {
					h.silent, h.boot = nil, "2026-11-02T00:15:00.0000000Z"
					h.all("Running")
				})
				w := f.world(body)
				defer w.Close()
				expect(t, f.end(w, effect(w, interp.Restart, 0, 30*time.Minute)), interp.Done, false, "")
				if n < 2 {
					t.Errorf("it was asked for %d times", n)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T, f *farm) {
		f.tell("fe01", scripts.Restart, scripts.RestartResult{Asked: true, RC: 5})
		w := f.world(body)
		defer w.Close()
		expect(t, f.end(w, effect(w, interp.Restart, 0, 30*time.Minute)), interp.Failed, false, "ended with 5")
	})
}

func exit(code int, changed bool) scripts.UpgradeResult {
	r := scripts.UpgradeResult{Exit: &code, Before: []scripts.Component{{Component: "Core", Version: "1.0"}}, Log: "the log\x1b[31m secret-of-the-test"}
	r.After = append(r.After, r.Before...)
	if changed {
		r.After = []scripts.Component{{Component: "Core", Version: "2.0"}}
	}
	return r
}

func TestInstaller(t *testing.T) {
	for _, c := range []struct {
		name    string
		result  any
		fail    *scripts.ScriptError
		outcome interp.Outcome
		text    string
	}{
		{"0", exit(0, true), nil, interp.Done, ""},
		{"3010", exit(3010, true), nil, interp.Done, "waits for a reboot"},
		{"2", exit(2, true), nil, interp.Done, "waits for a reboot"},
		{"1641", exit(1641, true), nil, interp.Done, "begun a reboot"},
		{"nothing installed", exit(3010, false), nil, interp.Failed, "nothing was installed"},
		{"1603", exit(1603, false), nil, interp.Failed, "exit code 1603; the last it wrote: the log [31m ********"},
		{"no installer", nil, &scripts.ScriptError{Msg: "there is no installer at C:\\x.exe"}, interp.Failed, "there is no installer"},
		{"no result", map[string]string{}, nil, interp.Unknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				f.hosts["fe01.contoso.com"].job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) {
					return 15 * time.Minute, c.result, c.fail
				}
				w := f.world(body)
				defer w.Close()
				e := effect(w, interp.Upgrade, 0, time.Hour)
				ev := f.end(w, e)
				expect(t, ev, c.outcome, false, c.text)
				if ev.At < 15*time.Minute || ev.At > 16*time.Minute {
					t.Errorf("it ended at %s", ev.At)
				}
			})
		})
	}
}

// The installer survives lrun and its connections, is found again, and is never begun twice.
func TestInstallerIsFoundAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		begun := 0
		h.job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) {
			begun++
			return 40 * time.Minute, exit(0, true), nil
		}
		w := f.world(body)
		e := effect(w, interp.Upgrade, 0, 30*time.Minute)
		expect(t, f.end(w, lookFor(e)), interp.NotBegun, false, "")
		expect(t, f.end(w, e), interp.Unknown, true, "")
		w.Close()
		w = f.world(body)
		expect(t, f.end(w, lookFor(e)), interp.Going, false, "")
		again := goOn(e)
		again.Within = time.Hour
		expect(t, f.end(w, again), interp.Done, false, "")
		w.Close()
		w = f.world(body)
		defer w.Close()
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")
		if begun != 1 {
			t.Errorf("it was begun %d times", begun)
		}
	})
}

// A server that went down under its installer cannot tell how far that came.
func TestInstallerIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.hosts["fe01.contoso.com"].job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) {
			return 40 * time.Minute, exit(0, true), nil
		}
		f.later(10*time.Minute, "fe01", func(h *host) {
			for _, j := range h.jobs {
				j.Boot, j.Task = "2026-11-23T00:00:00Z", "ready"
			}
		})
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Upgrade, 0, 30*time.Minute)
		expect(t, f.end(w, e), interp.Unknown, false, "without a result")
		expect(t, f.end(w, lookFor(e)), interp.CannotTell, false, "without a result")
	})
}

// The installer's exit code is kept before anything else can go wrong: a machine that goes down right after it, as the
// installer wanted, does not leave the night in doubt.
func TestTheExitCodeIsEnough(t *testing.T) {
	for code, want := range map[string]interp.Outcome{"0": interp.Done, "1641": interp.Done, "3010": interp.Done, "1603": interp.Failed, "": interp.Unknown} {
		inBubble(t, func(t *testing.T, f *farm) {
			f.hosts["fe01.contoso.com"].job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) {
				return 40 * time.Minute, exit(0, true), nil
			}
			f.later(10*time.Minute, "fe01", func(h *host) {
				for _, j := range h.jobs {
					j.Exit, j.Task = code, "ready"
				}
			})
			w := f.world(body)
			defer w.Close()
			e := effect(w, interp.Upgrade, 0, 30*time.Minute)
			if ev := f.end(w, e); ev.Outcome != want || ev.At > 12*time.Minute {
				t.Errorf("%q: it ended %s at %s, %q", code, ev.Outcome, ev.At, ev.Text)
			}
			if want == interp.Unknown {
				want = interp.CannotTell
			}
			if ev := f.end(w, lookFor(e)); ev.Outcome != want {
				t.Errorf("%q: a look answers %s", code, ev.Outcome)
			}
		})
	}
}

// An installer that has ended without an exit code that anybody knows is looked at, and neither done nor failed.
func TestAnUnknownExitCode(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.hosts["fe01.contoso.com"].job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) {
			r := exit(0, true)
			r.Exit = nil
			return time.Minute, r, nil
		}
		w := f.world(body)
		defer w.Close()
		expect(t, f.end(w, effect(w, interp.Upgrade, 0, 30*time.Minute)), interp.Unknown, false, "without an exit code")
	})
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(h *host)
		outcome interp.Outcome
		text    string
	}{
		{"well", func(h *host) { h.version = "5.0.8308.1149" }, interp.Done, ""},
		{"version", func(*host) {}, interp.Failed, "the version is 5.0.8308.887, not 5.0.8308.1149"},
		{"later version", func(h *host) { h.version = "5.0.8308.1200" }, interp.Failed, "the version is 5.0.8308.1200"},
		{"starting", func(h *host) { h.state["RTCSRV"] = "StartPending" }, interp.Failed, "still starting"},
		{"one is stopped", func(h *host) { h.state["RTCIMMCU"] = "Stopped" }, interp.Failed, "these do not run: RTCIMMCU (Stopped)"},
		{"disabled", func(h *host) { h.all("Stopped"); h.start = "Disabled" }, interp.Failed, "disabled"},
		{"off", func(h *host) { h.silent = off() }, interp.Failed, "does not answer"},
		{"port", func(h *host) {
			h.on[scripts.Survey] = func(json.RawMessage) (any, error) {
				r := h.survey(nil)
				r.Ports = []scripts.Port{{Port: 5061, Accepts: true}, {Port: 443}}
				return r, nil
			}
		}, interp.Failed, "port 443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				w := f.world(body)
				defer w.Close()
				f.end(w, interp.Effect{ID: interp.EffectID{Try: 9}, Action: interp.Survey, Server: interp.Pool, Domain: -1})
				f.set("fe01", c.change)
				expect(t, f.end(w, effect(w, interp.Verify, 0, 0)), c.outcome, false, c.text)
			})
		})
	}
}

func TestHold(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		state := "Ready"
		h.on[scripts.Readiness] = func(json.RawMessage) (any, error) { return h.readiness(state, "True"), nil }
		f.later(10*time.Minute, "fe01", func(*host) { state = "Busy" })
		f.later(15*time.Minute, "fe01", func(*host) { state = "Ready" })
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Hold, interp.Pool, 2*time.Hour)
		e.For = 20 * time.Minute
		ev := f.end(w, e)
		expect(t, ev, interp.Done, false, "")
		if ev.At < 35*time.Minute || ev.At > 37*time.Minute {
			t.Errorf("the break at 10m to 15m starts the 20m anew; it ended at %s", ev.At)
		}
	})
}

// A password that a server sends back is taken out before its text is cut, however the server has escaped it.
func TestPasswordIsTakenOut(t *testing.T) {
	secret := `p&"ss\'word`
	raw := `{"a":["x p\u0026\u0022ss\\\u0027word y"],"n":12345678901234567890}`
	if got := string(scrub(json.RawMessage(raw), secret)); got != `{"a":["x ******** y"],"n":12345678901234567890}` {
		t.Errorf("scrubbed: %s", got)
	}
	for raw, want := range map[string]string{
		`{"a":"x plainly y"}`: `{"a":"x ******** y"}`, `{"a": "harmless"}`: `{"a": "harmless"}`, `{"a":"\u0070lainly"}`: `{"a":"********"}`,
	} {
		if got := string(scrub(json.RawMessage(raw), "plainly")); got != want {
			t.Errorf("%s scrubbed: %s", raw, got)
		}
	}
	inBubble(t, func(t *testing.T, f *farm) {
		long := strings.Repeat("x", maxText-10) + "secret-of-the-test"
		f.hosts["fe01.contoso.com"].on[scripts.Stop] = func(json.RawMessage) (any, error) { return nil, &scripts.ScriptError{Msg: long} }
		w := f.world(body)
		defer w.Close()
		ev := f.end(w, effect(w, interp.Stop, 0, time.Hour))
		if ev.Outcome != interp.Failed || strings.Contains(ev.Text, "secret") {
			t.Errorf("it ended %s, %q", ev.Outcome, ev.Text)
		}
	})
}

func TestVersions(t *testing.T) {
	s := status{&scripts.SurveyResult{Versions: []scripts.Component{
		{Component: "Microsoft Lync Server 2013, Web Components Server", Version: "5.0.8308.1200"},
		{Component: "Microsoft Lync Server 2013, Core Components", Version: "5.0.8308.1149"},
		{Component: "Microsoft Lync Server 2013, Front End Server", Version: "5.0.8308.992"},
	}}}
	for want, is := range map[string]bool{
		"5.0.8308.1149": true, "5.0.8308.1200": true, "5.0.8308.992": false, "5.0.8308.1150": false, "": false,
	} {
		if s.atVersion(want) != is {
			t.Errorf("at %q: %t", want, !is)
		}
	}
	s.VersionsError = "the registry cannot be read"
	if s.atVersion("5.0.8308.1149") {
		t.Error("a version that was not read whole is taken for right")
	}
	for _, c := range []struct {
		a, b string
		is   bool
	}{{"5.0.8308.1000", "5.0.8308.999", true}, {"5.0.8308.999", "5.0.8308.1000", false}, {"5.0", "5.0", false}, {"x", "1.0", false}, {"6.0", "5.0.8308", true}} {
		if laterVersion(c.a, c.b) != c.is {
			t.Errorf("%s later than %s: %t", c.a, c.b, !c.is)
		}
	}
}

// A stop that its server does not take: what will not get better by asking again ends it at once, and whether anything was
// asked of the server at all decides between failed and in doubt.
func TestStopIsNotTaken(t *testing.T) {
	certificate := &transport.Error{Host: "x", Op: "connect", State: transport.NotBegun, Err: &transport.TLSError{Host: "x", Reason: "it has expired"}}
	for _, c := range []struct {
		name    string
		errs    []error // of the tries; the last one of all further tries
		outcome interp.Outcome
		text    string
		tries   int
	}{
		{"a certificate that does not convince", []error{certificate}, interp.Failed, "it has expired", 1},
		{"a certificate after a broken connection", []error{broken(), certificate}, interp.Unknown, "it has expired", 2},
		{"the script's own error", []error{&scripts.ScriptError{Msg: "access is denied"}}, interp.Failed, "access is denied", 1},
		{"the script's own error after a broken connection", []error{broken(), &scripts.ScriptError{Msg: "access is denied"}}, interp.Unknown, "access is denied", 2},
		{"rubbish", []error{scripts.ErrNoResult}, interp.Unknown, "", 3},
		{"nobody is there", []error{off()}, interp.Failed, "does not answer", 61},
		{"a broken connection, and then nobody is there", []error{broken(), off()}, interp.Unknown, "", 61},
		{"a broken connection, and then it is taken", []error{broken(), nil}, interp.Done, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				h, tries := f.hosts["fe01.contoso.com"], 0
				h.on[scripts.Stop] = func(json.RawMessage) (any, error) {
					err := c.errs[min(tries, len(c.errs)-1)]
					if tries++; err != nil {
						return nil, err
					}
					h.all("Stopped")
					return scripts.Asked{Asked: true}, nil
				}
				w := f.world(body)
				defer w.Close()
				expect(t, f.end(w, effect(w, interp.Stop, 0, time.Hour)), c.outcome, false, c.text)
				if tries != c.tries {
					t.Errorf("it was asked %d times, not %d", tries, c.tries)
				}
			})
		})
	}
}
