package transport

import (
	"context"
	"io"
	"sync/atomic"
	"testing"

	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/wsman"
)

// serveScripts answers requests as a Windows server would, by the script's name.
func serveScripts(t *testing.T, answer func(scripts.Request) (any, *scripts.ScriptError)) *world {
	t.Helper()
	w := serve(t, wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)}, RefuseUnencrypted: true})
	w.handle(func(_ context.Context, c *wsman.Command) int {
		if c.CommandLine != scripts.CommandLine() {
			return 9009
		}
		in, err := io.ReadAll(c.Stdin)
		if err != nil {
			return 1
		}
		r, err := scripts.DecodeRequest(in)
		if err != nil {
			return 1
		}
		out, failure := answer(r)
		b, err := scripts.EncodeResult(r.Nonce, out, failure)
		if err != nil {
			return 1
		}
		_, _ = c.Stdout.Write(b)
		return 0
	})
	return w
}

// One script there and back: the command line passes the server, the request arrives whole, the result is found.
func TestScriptRoundTrip(t *testing.T) {
	var asked atomic.Int32
	w := serveScripts(t, func(r scripts.Request) (any, *scripts.ScriptError) {
		asked.Add(1)
		switch r.Name {
		case scripts.Readiness:
			return scripts.ReadinessResult{Cmdlet: "Get-CsPoolUpgradeReadinessState", State: "Busy"}, nil
		default:
			return nil, &scripts.ScriptError{Msg: "Access is denied."}
		}
	})
	s := open(t, ntlmConfig(t, w))
	call := func(name scripts.Script, out any) error {
		t.Helper()
		nonce := scripts.NewNonce()
		in, err := scripts.Encode(name, nil, nonce)
		if err != nil {
			t.Fatal(err)
		}
		res, err := scripts.Decode(s.mustRun(t, scripts.CommandLine(), string(in)).Stdout, nonce)
		if err != nil {
			t.Fatal(err)
		}
		return res.Into(out)
	}
	var r scripts.ReadinessResult
	if err := call(scripts.Readiness, &r); err != nil || r.PoolState() != scripts.StateBusy {
		t.Errorf("%+v, %v", r, err)
	}
	if err := call(scripts.Stop, &scripts.Asked{}); err == nil || err.Error() != "Access is denied." {
		t.Errorf("error is %v", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
