//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lrun/lrun/winrm/wsman"
)

// oneAddress is a pool file whose servers are at one address of this machine.
const oneAddress = `pool: pool01.contoso.com
product: lync2013
domains: {UD1: [fe01.contoso.com], UD2: [fe02.contoso.com], UD3: [fe03.contoso.com]}
installer: C:\Updates\LyncServerUpdateInstaller.exe
connect:
  {tls: false, auth: basic, user: CONTOSO\lync-admin, hosts: {fe01.contoso.com: "%[1]s", fe02.contoso.com: "%[1]s", fe03.contoso.com: "%[1]s"}}
`

// TestServersThatTalkNonsense are refused by exec and preflight with the reason in one clean line, nothing begun and nothing
// left in the state folder, however much they say.
func TestServersThatTalkNonsense(t *testing.T) {
	web := func(status int, kind, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "http://127.0.0.1:9/elsewhere")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(srv.Close)
		return srv.Listener.Addr().String()
	}
	shell := func(answer func(c *wsman.Command)) string {
		srv := wsman.NewServer(wsman.Options{Auth: []wsman.Auth{wsman.Basic(wsman.StaticAccounts{testUser: testPassword})}})
		t.Cleanup(func() { _ = srv.Close() })
		h, err := srv.Listen(ownAddress()+":0", "fe01.contoso.com", wsman.HandlerFunc(func(_ context.Context, c *wsman.Command) int {
			answer(c)
			return 0
		}))
		if err != nil {
			t.Fatal(err)
		}
		return h.Addr()
	}
	for _, c := range []struct{ name, address, want string }{
		{"a web page", web(200, "text/html", "<html>hello</html>"), "not a valid answer"},
		{"a proxy", web(502, "text/html", "<html>bad gateway</html>"), "HTTP status 502 without a WS-Management fault"},
		{"a redirect", web(302, "text/html", ""), "HTTP status 302 without a WS-Management fault"},
		{"half an envelope", web(200, "application/soap+xml", `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>`), "not a valid answer"},
		{"an endless answer", web(200, "application/soap+xml", strings.Repeat(" ", 100<<20)), "larger than is accepted"},
		{"100 MB of output", shell(func(c *wsman.Command) {
			block := []byte(strings.Repeat("x", 1<<20))
			for range 100 {
				if _, err := c.Stdout.Write(block); err != nil {
					return
				}
			}
		}), "more output than is accepted"},
		{"no result", shell(func(c *wsman.Command) { _, _ = io.WriteString(c.Stdout, "PS C:\\>") }), "left no result"},
		{"control characters", shell(func(c *wsman.Command) {
			_, _ = io.WriteString(c.Stderr, "\x1b[2J\x1b]0;owned\x07all your base\r\n\x00")
		}), "all your base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &farm{t: t, dir: t.TempDir()}
			f.poolFile, f.state = filepath.Join(f.dir, "night.pool.yaml"), filepath.Join(f.dir, "state")
			f.write("night.pool.yaml", fmt.Sprintf(oneAddress, c.address))
			f.write("nightly.lrun", strings.Replace(nightly, " else failover", "", 1))
			for _, p := range []process{f.exec(""), f.lrun("", "preflight", "--pool", f.poolFile)} {
				if p.code != exitUsage || !strings.Contains(p.err, c.want) || !strings.Contains(p.err, "nothing was touched") {
					t.Errorf("%v, want %q", p, c.want)
				}
				if len(p.err)+len(p.out) > 2000 || strings.ContainsAny(p.err+p.out, "\x1b\x07\x00\r") {
					t.Errorf("not fit for a terminal: %q", p.err+p.out)
				}
			}
			if left, _ := os.ReadDir(f.state); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
