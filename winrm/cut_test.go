package winrm_test

import (
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lrun/lrun/winrm/wsman"
)

// cutsVar is "all" where every message is to be cut in every way; that takes minutes.
const cutsVar = "LRUN_TEST_CUTS"

const (
	// cutsApart is how many messages pass unharmed between two cuts of a night: a survey of all servers and more. Where
	// lrun is killed at the next event, it is to be worth its while.
	cutsApart  = 32
	killsApart = 8
	// cutsEvents is how many events have to come between a kill and the next cut: the resume, the survey and the look at
	// what was under way. Without it a night would be killed at the same place for ever.
	cutsEvents = 3
)

// cutSeries are the ways in which the connection breaks at a message, and where lrun is killed with it: at the next event.
var cutSeries = []struct {
	name  string
	fault wsman.Fault
	kill  killing
}{
	{"request lost", wsman.Fault{Kind: wsman.FaultReset}, notKilled},
	{"answer lost", wsman.Fault{Kind: wsman.FaultReset, After: true}, notKilled},
	{"answer broken off", wsman.Fault{Kind: wsman.FaultTruncate, After: true}, notKilled},
	{"answer is rubbish", wsman.Fault{Kind: wsman.FaultRubbish, After: true}, notKilled},
	{"request stalls", wsman.Fault{Kind: wsman.FaultStall}, notKilled},
	{"answer stalls", wsman.Fault{Kind: wsman.FaultStall, After: true}, notKilled},
	// To a process that is dead by the next event it is all the same how its answer did not come.
	{"request lost, killed before the next event is on record", wsman.Fault{Kind: wsman.FaultReset}, killedBefore},
	{"answer lost, killed after it", wsman.Fault{Kind: wsman.FaultReset, After: true}, killedAfter},
}

// cuts is a series of nights that together cut the connection at every message, by its number in its night.
type cuts struct {
	scenario string
	fault    wsman.Fault
	kill     killing // at the next event
	last     int     // message of an undisturbed night

	mu     sync.Mutex
	done   map[int]bool // by the number of the message
	nights int
	kills  int
	most   int // messages of a night
}

// night is one night of the series: it cuts what no night before it has.
func (c *cuts) night(t *testing.T) {
	messages, before, quiet, pending, apart := 0, -cutsApart, 0, notKilled, cutsApart
	if c.kill != notKilled {
		apart = killsApart
	}
	n := newBubbleNight(t, c.scenario, func(wsman.MessageInfo) wsman.Fault {
		c.mu.Lock()
		defer c.mu.Unlock()
		messages++
		c.most = max(c.most, messages)
		if c.done[messages] || messages-before < apart || quiet > 0 ||
			c.kill != notKilled && messages > c.last { // a night that is killed is a longer one, and has been cut often enough
			return wsman.Fault{}
		}
		c.done[messages], before, pending = true, messages, c.kill
		return c.fault
	})
	n.kill = func() (k killing) {
		c.mu.Lock()
		defer c.mu.Unlock()
		quiet--
		if k, pending = pending, notKilled; k != notKilled {
			quiet = cutsEvents
			c.kills++
		}
		return k
	}
	n.judge(n.run())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nights++
}

// missing are the first few messages up to the last that were not cut.
func (c *cuts) missing() (list []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 1; n <= c.last && len(list) < 10; n++ {
		if !c.done[n] {
			list = append(list, n)
		}
	}
	return list
}

// undisturbed counts the messages of a night in which nothing breaks.
func undisturbed(t *testing.T, scenario string) int {
	var mu sync.Mutex
	messages := 0
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNight(t, scenario, func(wsman.MessageInfo) wsman.Fault {
			mu.Lock()
			defer mu.Unlock()
			messages++
			return wsman.Fault{}
		})
		n.judge(n.run())
	})
	return messages
}

// TestCutAtEveryMessage goes through whole nights of six servers, from the marks and the preflight to the good-byes, in
// which the connection breaks at one message after the other: its request is lost, its answer is lost, breaks off or is
// rubbish, or nothing comes any more. In two more series lrun is killed as well at the next event, before it is on record
// or after, and comes back by what is durable. Each night has to complete, with every server updated once by its own
// count, nothing begun under an installer, and a journal that is whole.
//
// A night is cut at many messages, some way from each other; messages are counted through the whole night, with
// those that repeat others. With LRUN_TEST_CUTS=all the nights of each series go on until each number from 1 to the last
// of an undisturbed night has been cut; otherwise a series is one night.
func TestCutAtEveryMessage(t *testing.T) {
	for _, scenario := range []string{"quiet", "insufficient"} { // of the second all users are failed over, and back
		text := shippedText(t, "scenario", scenario)
		last := undisturbed(t, text)
		for _, s := range cutSeries {
			t.Run(scenario+", "+s.name, func(t *testing.T) {
				t.Parallel()
				c := &cuts{scenario: text, fault: s.fault, kill: s.kill, last: last, done: map[int]bool{}}
				c.run(t, os.Getenv(cutsVar) == "all")
			})
		}
	}
}

// run goes on until all messages are cut, or is one night.
func (c *cuts) run(t *testing.T, all bool) {
	for len(c.missing()) > 0 && c.nights < 12*cutsApart && !t.Failed() {
		synctest.Test(t, c.night)
		if !all {
			break
		}
	}
	if list := c.missing(); all && len(list) > 0 {
		t.Errorf("these messages of 1 to %d were never cut: %v", c.last, list)
	}
	t.Logf("%d nights of up to %d messages, %d cuts, %d kills", c.nights, c.most, len(c.done), c.kills)
}
