package winrm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// slow lets the jobs of a host begin only after a while, as the logon of a managed service account can: the call that starts
// one answers at once, or hangs and is given up. begun counts those that have begun.
func (h *host) slow(takes time.Duration, hangs bool, begun *int) {
	h.on[scripts.JobStart] = func(raw json.RawMessage) (any, error) {
		var a scripts.JobStartArgs
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, err
		}
		time.AfterFunc(takes, func() {
			h.farm.mu.Lock()
			defer h.farm.mu.Unlock()
			j := h.jobs[a.ID]
			if j != nil && (j.Void || j.Begun) {
				return // the file is there that its runner would make
			}
			*begun++
			done := &scripts.JobStatus{Exists: true, Begun: true, BegunBoot: h.boot, Boot: h.boot, Task: "ready"}
			_ = done.SetResult(exit(0, true), nil)
			h.jobs[a.ID] = done
		})
		if hangs {
			return nil, broken()
		}
		return scripts.JobStarted{}, nil
	}
}

// A task that has not begun after three minutes has failed, and from then on it cannot begin any more.
func TestALateTaskNeverBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		begun := 0
		f.hosts["fe01.contoso.com"].slow(10*time.Minute, false, &begun)
		w := f.world(body)
		e := effect(w, interp.Upgrade, 0, time.Hour)
		expect(t, f.end(w, e), interp.Failed, false, "does not begin")
		// The end of the step is on record, and everything that is swept away is gone.
		w.Close()
		time.Sleep(20 * time.Minute) // of the bubble
		if begun != 0 {
			t.Error("it began after it had failed")
		}
		if n := f.called("fe01", scripts.JobRemove); n != 0 {
			t.Errorf("what keeps it from beginning was removed %d times", n)
		}
		w = f.world(body)
		defer w.Close()
		expect(t, f.end(w, lookFor(e)), interp.Failed, false, "does not begin")
	})
}

// One that begins in time is waited for, whatever the call that started it said.
func TestATaskThatBeginsInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		begun := 0
		f.hosts["fe01.contoso.com"].slow(2*time.Minute, false, &begun)
		w := f.world(body)
		defer w.Close()
		expect(t, f.end(w, effect(w, interp.Upgrade, 0, time.Hour)), interp.Done, false, "")
		if begun != 1 {
			t.Errorf("it began %d times", begun)
		}
	})
}

// lrun dies while the call that starts the installer hangs on the server. What the look says not to have begun is begun
// anew under another name: the first must not come to life after that.
func TestWhatWasLookedForNeverBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		begun := 0
		f.hosts["fe01.contoso.com"].slow(10*time.Minute, true, &begun)
		w := f.world(body)
		e := effect(w, interp.Upgrade, 0, time.Hour)
		w.Start([]interp.Effect{e})
		time.Sleep(time.Second) // of the bubble
		w.Close()
		w = f.world(body)
		defer w.Close()
		expect(t, f.end(w, lookFor(e)), interp.NotBegun, false, "")
		time.Sleep(20 * time.Minute) // of the bubble
		if begun != 0 {
			t.Error("it began after it was told not to have begun")
		}
		if n := f.called("fe01", scripts.JobVoid); n != 1 {
			t.Errorf("it was withdrawn %d times", n)
		}
		expect(t, f.end(w, lookFor(e)), interp.NotBegun, false, "")
	})
}

// Where the server cannot decide, nothing is told as not begun and nothing as failed.
func TestWithdrawingFails(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		h, begun := f.hosts["fe01.contoso.com"], 0
		h.slow(10*time.Minute, false, &begun)
		h.on[scripts.JobVoid] = func(json.RawMessage) (any, error) { return nil, &scripts.ScriptError{Msg: "the disk is full"} }
		w := f.world(body)
		defer w.Close()
		e := effect(w, interp.Upgrade, 0, time.Hour)
		expect(t, f.end(w, e), interp.Unknown, false, "the disk is full")
		expect(t, f.end(w, lookFor(e)), interp.CannotTell, false, "the disk is full")
		time.Sleep(10 * time.Minute) // of the bubble: it has begun
		expect(t, f.end(w, lookFor(e)), interp.Done, false, "")
	})
}

// What would disturb a job of another run is told which jobs are this run's; an installer wants to be alone; on the
// management host the jobs of other pools are nobody's business.
func TestGuardsOfJobs(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		w := f.world(body)
		defer w.Close()
		for _, c := range []struct {
			via, host string
			script    scripts.Script
			want      scripts.Guard
		}{
			{"", "fe01.contoso.com", scripts.Upgrade, scripts.Alone},
			{"", "fe01.contoso.com", scripts.Run, scripts.ByRun},
			{"", "b01.contoso.com", scripts.FailoverPool, scripts.ByRun},
			{"mgmt01.contoso.com", "mgmt01.contoso.com", scripts.FailoverComputer, scripts.Unguarded},
			{"fe01.contoso.com", "fe01.contoso.com", scripts.FailoverComputer, scripts.ByRun},
		} {
			f.pool.Connect.Via = c.via
			if got := w.guard(&job{host: c.host, script: c.script}); got != c.want {
				t.Errorf("%+v: guarded by %q", c, got)
			}
		}
		f.pool.Connect.Via = ""
		var got []string
		keep := func(raw json.RawMessage) (any, error) {
			var a struct{ Run, ID, Guard string }
			err := json.Unmarshal(raw, &a)
			if got = append(got, a.Run+a.Guard); a.ID != "" && a.ID[:16] != w.jobs() {
				t.Errorf("the job %s is not named after its run %s", a.ID, w.jobs())
			}
			return nil, err
		}
		h := f.hosts["fe01.contoso.com"]
		for _, s := range []scripts.Script{scripts.Stop, scripts.Restart, scripts.JobStart} {
			h.on[s] = keep
		}
		h.job[scripts.Upgrade] = func() (time.Duration, any, *scripts.ScriptError) { return time.Minute, exit(0, true), nil }
		f.end(w, effect(w, interp.Stop, 0, time.Hour))
		f.end(w, effect(w, interp.Upgrade, 0, time.Hour))
		f.end(w, effect(w, interp.Restart, 0, time.Hour))
		if len(got) != 3 || got[0] != w.jobs() || got[1] != "alone" || got[2] != w.jobs() {
			t.Errorf("they say %q, and the jobs of the run begin with %s", got, w.jobs())
		}
	})
}
