package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/wsman"
)

// still is a served pool of two whose clock hardly moves.
func still(tb testing.TB) *Server {
	tb.Helper()
	p, err := pool.Decode("two.pool.yaml", []byte(
		"pool: pool01.contoso.com\nproduct: sfb2015\nbackup: pool02.contoso.com\ndomains:\n  UD1: [fe01.contoso.com]\n  UD2: [fe02.contoso.com]\n"))
	if err != nil {
		tb.Fatal(err)
	}
	srv, err := Serve(Options{Pool: p, Listen: "127.0.0.1:0", Password: "secret", Delegation: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := srv.Close(); err != nil {
			tb.Error(err)
		}
	})
	return srv
}

// FuzzTyped types any text into a server. It answers in a moment or waits for the model, and says what it cannot do.
func FuzzTyped(f *testing.F) {
	for _, s := range []string{
		"Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 4", "Get-CsWindowsService -Name RTCSRV|Select Status,Name | ft",
		"Stop-CsWindowsService -Graceful -NoWait", "shutdown /r /t 5", "$ProgressPreference='x'; Restart-Computer -Fo",
		"Get-CsComputer -Pool 'pool02.contoso.com'", "a|", "|", ";;", "'", "-", "Get-CsWindowsService -", "exit 7", "shutdown /t",
		"Start-CsWindowsService -Name W3SVC -Confirm:$false", "Get-CsServerPatchVersion | Select-Object -ExpandProperty Version",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		s := still(t).night.servers[0]
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // of a cmdlet that waits for a drain
		defer cancel()
		for _, line := range []string{script, "powershell -EncodedCommand " + wsman.EncodePowerShell(script)} {
			var out, errs bytes.Buffer
			exit := s.Run(ctx, &wsman.Command{
				Host: s.name, User: "lrun", Scheme: "Kerberos", CommandLine: line, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
			})
			if exit == 0 && errs.Len() > 0 {
				t.Errorf("%q: exit 0, and yet it says %q", line, &errs)
			}
			if exit == exitFailed && errs.Len() == 0 && ctx.Err() == nil && !strings.Contains(strings.ToLower(script), "exit") {
				t.Errorf("%q: it failed and does not say why", line)
			}
		}
	})
}

// FuzzScript hands any arguments to any script. Each has one reply at most, and each job that it reports can be polled.
func FuzzScript(f *testing.F) {
	all := scripts.All()
	for i, args := range []string{
		`{}`, `null`, `[]`, `{"pool":"pool01.contoso.com"}`, `{"names":["RTCRGS","W3SVC"],"graceful":true}`, `{"id":"a","offset":-5}`,
		`{"computer":"fe01.contoso.com","waitSeconds":-1,"drainSeconds":99999999}`, `{"path":"C:\\x"}`, `{"delay":-1}`,
		`{"op":"write","run":"r","ttl":9}`, `{"ports":[5061,-1]}`, `{"text":"Test-CsDatabase"}`,
	} {
		for k := range all {
			f.Add(uint8(k), args, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, args string, then uint8) {
		srv := still(t)
		s := srv.night.servers[0]
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		for _, name := range []scripts.Script{all[int(which)%len(all)], all[int(then)%len(all)], scripts.Survey} {
			stdin, err := scripts.Encode(name, json.RawMessage(args), nonce)
			if err != nil {
				return // not an object: no client of ours sends it
			}
			var out bytes.Buffer
			s.Run(ctx, &wsman.Command{
				Host: s.name, User: "lrun", Scheme: "Kerberos", CommandLine: scripts.CommandLine(), Stdin: bytes.NewReader(stdin),
				Stdout: &out, Stderr: &out,
			})
			if ctx.Err() != nil {
				return
			}
			if _, err := scripts.Decode(out.Bytes(), nonce); err != nil {
				t.Errorf("%s %s: %v\n%s", name, args, err, &out)
			}
		}
		if err := srv.Err(); err != nil {
			t.Error(err)
		}
	})
}

const nonce = "0123456789abcdef0123456789abcdef"

// BenchmarkScript is a survey without the wire: what the model and the encoding take.
func BenchmarkScript(b *testing.B) {
	s := still(b).night.servers[0]
	stdin, err := scripts.Encode(scripts.Survey, scripts.SurveyArgs{Activity: true}, nonce)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var out bytes.Buffer
		if s.Run(b.Context(), &wsman.Command{
			CommandLine: scripts.CommandLine(), Stdin: bytes.NewReader(stdin), Stdout: &out, Stderr: &out,
		}) != 0 {
			b.Fatal(out.String())
		}
	}
}
