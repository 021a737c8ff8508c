package winrm_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lrun/lrun/winrm/wsman"
)

// TestNightWhoseServersRefuseLoginsAsTheyBoot: each server lets nobody open a shell for a while after its reboot. The night
// takes some minutes longer.
func TestNightWhoseServersRefuseLoginsAsTheyBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		refused := map[string]int{}
		var n *bubbleNight
		n = newBubbleNight(t, "", func(m wsman.MessageInfo) wsman.Fault {
			if m.Action != wsman.ActionCreate {
				return wsman.Fault{}
			}
			n.mu.Lock()
			booted := n.booted[m.Host]
			n.mu.Unlock()
			mu.Lock()
			defer mu.Unlock()
			if booted == 0 || refused[m.Host] == 2 {
				return wsman.Fault{}
			}
			refused[m.Host]++
			return wsman.Fault{Kind: wsman.FaultUnauthorized}
		})
		n.judge(n.run())
		mu.Lock()
		defer mu.Unlock()
		if len(refused) != 6 {
			t.Errorf("%d servers refused a login, want 6: %v", len(refused), refused)
		}
	})
}
