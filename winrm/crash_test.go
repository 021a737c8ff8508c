package winrm_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

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
				n := newBubbleNight(t, "contoso-6", func(wsman.MessageInfo) wsman.Fault { return wsman.Fault{} })
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
