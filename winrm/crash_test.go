package winrm_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/wsman"
)

// TestKilledAgainAndAgain kills lrun every few events: before an event is on record, after it, and once what it asks for
// is begun, in turn. The gaps differ from night to night, so that together the nights are killed nearly everywhere. That
// each record is tried, with a process that is really killed, is the test of the command.
func TestKilledAgainAndAgain(t *testing.T) {
	for _, gaps := range [][]int{{4, 9, 6}, {7, 6, 11}, {5, 5, 4}, {13}} {
		t.Run(fmt.Sprint(gaps), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newBubbleNight(t, "", func(wsman.MessageInfo) wsman.Fault { return wsman.Fault{} })
				events, next, how := 0, gaps[0], 0
				n.kill = func() killing {
					if events++; events < next {
						return notKilled
					}
					how++
					next += gaps[how%len(gaps)]
					return killedBefore + killing(how%3)
				}
				n.judge(n.run())
				t.Logf("%d events, %d kills, %s", events, n.kills, time.Since(n.begun))
			})
		})
	}
}

// TestConnectionsCutOnTCP is a night over the sockets of this machine, whose kernel has ways of its own to lose what was
// under way. TestCutAtEveryMessage is the thorough one.
func TestConnectionsCutOnTCP(t *testing.T) {
	t.Parallel()
	faults := []wsman.Fault{
		{Kind: wsman.FaultReset}, {Kind: wsman.FaultReset, After: true}, {Kind: wsman.FaultTruncate, After: true},
		{Kind: wsman.FaultRubbish, After: true},
	}
	var messages, cuts atomic.Int64
	var over atomic.Bool
	r := serve(t, "contoso-3", "", func(o *rehearsal.Options, c *winrm.Credentials) {
		shortNight(o, c)
		// What breaks is tried again in the time of the wall: its hours are to be long enough for that.
		o.TimeScale, o.Build = 300, "5.0.8308.1149"
		o.Faults = func(wsman.MessageInfo) wsman.Fault {
			// One in eleven, but not every eleventh: on a busy machine one look takes more messages than that, and would never
			// come to its end.
			if n := messages.Add(1); uint32(n)*2654435761>>16%11 == 0 && !over.Load() {
				return faults[cuts.Add(1)%int64(len(faults))]
			}
			return wsman.Fault{}
		}
	})
	if s, _ := r.exec(t, procedure); len(s["run"]) != 1 || s["run"][0] != "completed" {
		t.Errorf("the night ended %v", s["run"])
	}
	over.Store(true) // the good-byes are not to fail, and their errors are
	for _, server := range r.pool.Names(r.pool.All()) {
		if n := r.installs()[server]; n != 1 {
			t.Errorf("%s was updated %d times", server, n)
		}
	}
	if r.has(rehearsal.EventCollided) {
		t.Error("something was begun under an installer")
	}
	t.Logf("%d messages, %d cut", messages.Load(), cuts.Load())
}
