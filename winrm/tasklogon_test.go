package winrm

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// TestAWrongTaskPasswordIsTriedOnce asks every server at once for something that wants a task. The scheduler refuses the
// account, and hears of it one time.
func TestAWrongTaskPasswordIsTriedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.pool.Connect.Identity = pool.Identity{Kind: pool.Task, Account: `CONTOSO\lync-admin`}
		login := f.servers.login
		var err error
		if f.servers, err = Connect(f.pool, login); err != nil {
			t.Fatal(err)
		}
		tried := 0
		refuse := func(json.RawMessage) (any, error) {
			tried++
			return nil, &scripts.ScriptError{Msg: "The user name or password is incorrect. (Exception from HRESULT: 0x8007052E)"}
		}
		for _, s := range []scripts.Script{scripts.JobStart, scripts.JobRead} {
			f.every(s, refuse)
		}
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			host := fmt.Sprintf("fe%02d.contoso.com", i%3+1)
			all.Go(func() {
				var hop scripts.HopResult
				errs[i] = f.servers.askOn(t.Context(), host, scripts.Hop, nil, &hop)
			})
		}
		all.Wait()
		for _, err := range errs {
			if !loginRefused(err) || !strings.Contains(err.Error(), `scheduled task login as CONTOSO\lync-admin`) {
				t.Errorf("%v", err)
			}
		}
		if tried != 1 {
			t.Errorf("the password was tried %d times", tried)
		}
		time.Sleep(time.Minute) // what is removed in the background
	})
}

// TestTheTaskAccountIsTheUser: the password that lrun knows is that of connect: user:.
func TestTheTaskAccountIsTheUser(t *testing.T) {
	for account, good := range map[string]bool{
		`CONTOSO\lync-admin`: true, `contoso\LYNC-Admin`: true, "lync-admin@contoso.com": true, "SYSTEM": true, `CONTOSO\lrun$`: true,
		`CONTOSO\somebody`: false, "somebody": false,
	} {
		p := &pool.Pool{Connect: pool.Connect{
			TLS: true, Auth: pool.NTLM, User: `CONTOSO\lync-admin`, Identity: pool.Identity{Kind: pool.Task, Account: account},
		}}
		if _, err := NewLogin(p, Credentials{Password: "secret-of-the-test"}); (err == nil) != good {
			t.Errorf("task:%s: %v", account, err)
		}
	}
}
