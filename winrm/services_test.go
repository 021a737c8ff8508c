package winrm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// lingering lets a host's web server and agents run on when all services are stopped, and be stopped and started by name.
// asked gathers the names.
func (h *host) lingering(asked *[]string) {
	lingers := []string{"W3SVC", "REPLICA", "RTCCLSAGT"}
	h.on[scripts.Stop] = func(raw json.RawMessage) (any, error) {
		var a scripts.StopArgs
		_ = json.Unmarshal(raw, &a)
		*asked = append(*asked, strings.Join(a.Names, " "))
		for _, s := range fakeServices {
			if len(a.Names) == 0 && !slices.Contains(lingers, s) || slices.Contains(a.Names, s) {
				h.state[s] = "Stopped"
			}
		}
		return scripts.Asked{Asked: true}, nil
	}
	h.on[scripts.Start] = func(raw json.RawMessage) (any, error) {
		var a scripts.StartArgs
		_ = json.Unmarshal(raw, &a)
		*asked = append(*asked, "start "+strings.Join(a.Names, " "))
		for _, s := range fakeServices {
			if len(a.Names) == 0 && s != "W3SVC" || slices.Contains(a.Names, s) {
				h.state[s] = "Running"
			}
		}
		return scripts.Asked{Asked: true}, nil
	}
}

// Whatever Stop-CsWindowsService does with the web server, it is stopped after the others, and the agents are nobody's concern.
func TestAStopComesToItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		var asked []string
		h := f.hosts["fe01.contoso.com"]
		h.lingering(&asked)
		w := f.world(body)
		defer w.Close()
		f.end(w, interp.Effect{ID: interp.EffectID{Try: 9}, Action: interp.Survey, Server: interp.Pool, Domain: -1})
		e := effect(w, interp.Stop, 0, time.Hour)
		expect(t, f.end(w, e), interp.Done, false, "")
		if !slices.Equal(asked, []string{"", "W3SVC"}) || h.state["W3SVC"] != "Stopped" || h.state["REPLICA"] != "Running" {
			t.Errorf("asked to stop %q: %v", asked, h.state)
		}
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")

		// By itself it is neither drained for nor forgotten.
		f.set("fe01", func(h *host) { h.state["W3SVC"] = "Running" })
		expect(t, f.end(w, lookFor(e)), interp.NotBegun, false, "")
		asked = nil
		again := e
		again.ID.Try++
		expect(t, f.end(w, again), interp.Done, false, "")
		if !slices.Equal(asked, []string{"W3SVC"}) {
			t.Errorf("asked to stop %q", asked)
		}

		asked = nil
		expect(t, f.end(w, effect(w, interp.Start, 0, time.Hour)), interp.Done, false, "")
		if !slices.Equal(asked, []string{"start ", "start W3SVC"}) || h.state["W3SVC"] != "Running" {
			t.Errorf("asked to start %q: %v", asked, h.state)
		}
	})
}

// The broken counter of the Response Group service is seen beside a web server that runs.
func TestBrokenCounterBesideTheWebServer(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		var asked []string
		h := f.hosts["fe01.contoso.com"]
		h.lingering(&asked)
		stops := h.on[scripts.Stop]
		h.on[scripts.Stop] = func(raw json.RawMessage) (any, error) {
			out, err := stops(raw)
			if len(asked) == 1 {
				h.state["RTCRGS"] = "Paused"
			}
			return out, err
		}
		h.activity["RTCRGS"] = "Concurrent Calls=1073741824"
		w := f.world(body)
		defer w.Close()
		expect(t, f.end(w, effect(w, interp.Stop, 0, time.Hour)), interp.Done, false, "")
		if !slices.Equal(asked, []string{"", "RTCRGS", "W3SVC"}) {
			t.Errorf("asked to stop %q", asked)
		}
	})
}

// A cmdlet that could not ask one of the services goes on with the others: the state tells what came of it.
func TestErrorsOfServiceCmdlets(t *testing.T) {
	const text = "service RTCRGS could not be controlled"
	for name, c := range map[string]struct {
		action  interp.Action
		script  scripts.Script
		before  string
		after   string // of all services
		later   string // of all, a minute later
		outcome interp.Outcome
		text    string
	}{
		"nothing stops":  {interp.Stop, scripts.Stop, "Running", "Running", "Running", interp.Failed, text},
		"all but one":    {interp.Stop, scripts.Stop, "Running", "StopPending", "Stopped", interp.Done, ""},
		"all":            {interp.Stop, scripts.Stop, "Running", "Stopped", "Stopped", interp.Done, ""},
		"nothing starts": {interp.Start, scripts.Start, "Stopped", "Stopped", "Stopped", interp.Failed, text},
		"some start":     {interp.Start, scripts.Start, "Stopped", "StartPending", "Running", interp.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				h := f.hosts["fe01.contoso.com"]
				h.all(c.before)
				h.on[c.script] = func(json.RawMessage) (any, error) {
					h.all(c.after)
					return scripts.Asked{Asked: true, Errors: []string{text}}, nil
				}
				f.later(time.Minute, "fe01", func(h *host) { h.all(c.later) })
				w := f.world(body)
				defer w.Close()
				ev := f.end(w, effect(w, c.action, 0, time.Hour))
				expect(t, ev, c.outcome, false, c.text)
				if ev.At > 5*time.Minute {
					t.Errorf("it ended at %s", ev.At)
				}
			})
		})
	}
}

// The activity cannot be read, and the services can: a stop goes on by those.
func TestTheActivityCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h := f.hosts["fe01.contoso.com"]
		h.on[scripts.Survey] = func(raw json.RawMessage) (any, error) {
			r := h.survey(raw)
			r.ActivityError = "the performance counters are broken"
			return r, nil
		}
		h.on[scripts.Stop] = func(json.RawMessage) (any, error) {
			h.all("Paused")
			return scripts.Asked{Asked: true}, nil
		}
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Stop, 0, 10*time.Minute)
		expect(t, f.end(w, e), interp.Failed, true, "cannot be read: the performance counters are broken")
		f.set("fe01", func(h *host) { h.all("Stopped") })
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")
	})
}
