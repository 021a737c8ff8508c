package wsman

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

func TestQuotas(t *testing.T) {
	release := make(chan struct{})
	host := startHost(t, Options{Auth: []Auth{Basic(StaticAccounts{testUser: testPassword, "other": "pw"})},
		Limits: Limits{MaxShellsPerUser: 2, MaxProcessesPerShell: 2, MaxCommandLine: 50, MaxEnvelope: 20_000}},
		HandlerFunc(func(ctx context.Context, c *Command) int {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return 0
		}))
	r, other := newRaw(t, host.URL()), newRaw(t, host.URL())
	other.auth = basicHeader("other", "pw")
	sh := r.create("")
	r.create("")
	r.fails(envelope("Create", "", msg(), "", `<rsp:Shell/>`), CodeTooManyShells)
	other.create("")
	other.fails(envelope("Command", sh, msg(), "", commandBody("x")), CodeAccessDenied)
	a := r.command(sh, "a")
	r.command(sh, "b")
	r.fails(envelope("Command", sh, msg(), "", commandBody("c")), CodeTooManyProcesses)
	close(release)
	r.drain(sh, a)
	r.fails(envelope("Command", sh, msg(), "", commandBody(strings.Repeat("x", 51))), CodeCommandTooLong)
	r.command(sh, strings.Repeat("x", 50))
	r.fails(envelope("Command", sh, msg(), "", commandBody(strings.Repeat("x", 20_000))), CodeEncodingLimit)
	r.fails(envelope("Command", sh, msg(), "", commandBody(strings.Repeat("x", 30_000))), CodeEncodingLimit)
	r.must(envelope("Delete", sh, msg(), "", ""))
	r.create("")
}

func TestOperationQuota(t *testing.T) {
	asked := make(chan struct{}, 10)
	host := startHost(t, Options{Limits: Limits{MaxOperationsPerUser: 1}, OnMessage: func(m MessageInfo) {
		if m.Action == ActionReceive {
			asked <- struct{}{}
		}
	}}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "wait")
	ctx, leave := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.post(ctx, envelope("Receive", sh, msg(), "PT60S", receiveBody(cmd)))
	}()
	<-asked
	host.mu.Lock()
	ops := host.boot.shells
	host.mu.Unlock()
	for busy := false; !busy; {
		ops.mu.Lock()
		busy = ops.ops[testUser] == 1
		ops.mu.Unlock()
	}
	r.fails(envelope("Signal", sh, msg(), "", signalBody(cmd, "terminate")), CodeTooManyOperations)
	leave()
	<-ended
}

func TestAnswersFitTheClientsEnvelope(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "big 100000")
	env := strings.Replace(envelope("Receive", sh, msg(), "", receiveBody(cmd)), "</a:MessageID>", "</a:MessageID><w:MaxEnvelopeSize>20000</w:MaxEnvelopeSize>", 1)
	if n := len(r.bytes(env)); n > 20_000 || n < 15_000 {
		t.Errorf("answer of %d bytes", n)
	}
}

func TestIdentify(t *testing.T) {
	host := startHost(t, Options{Product: "OS: 6.1.7601 SP: 1.0 Stack: 2.0"}, nil)
	env := `<s:Envelope xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><i:Identify xmlns:i="` + nsIdentity + `"/></s:Body></s:Envelope>`
	identify := func(auth, header string) (int, string) {
		req, err := http.NewRequest(http.MethodPost, host.URL(), strings.NewReader(env))
		if err != nil {
			t.Fatal(err)
		}
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		if header != "" {
			req.Header.Set("WSMANIDENTIFY", header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		if resp.StatusCode != 200 {
			return resp.StatusCode, b.String()
		}
		root, err := xmltree.Parse(b.String())
		if err != nil {
			t.Fatal(err)
		}
		return 200, root.Child(nsSOAP, "Body").Child(nsIdentity, "IdentifyResponse").TextOf(nsIdentity, "ProductVersion")
	}
	for _, c := range []struct {
		auth, header string
		status       int
		version      string
	}{
		{"", "", 401, ""},
		{"", "unauthenticated", 200, "OS: 0.0.0 SP: 0.0 Stack: 3.0"},
		{basicHeader(testUser, testPassword), "", 200, "OS: 6.1.7601 SP: 1.0 Stack: 2.0"},
		{basicHeader(testUser, "wrong"), "unauthenticated", 401, ""},
	} {
		if status, version := identify(c.auth, c.header); status != c.status || version != c.version {
			t.Errorf("%q %q: %d %q", c.auth, c.header, status, version)
		}
	}
	// The header opens nothing else.
	env = envelope("Create", "", msg(), "", `<rsp:Shell/>`)
	if status, _ := identify("", "unauthenticated"); status != 401 {
		t.Errorf("Create without a logon: %d", status)
	}
}

func TestBadMessages(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "wait")
	good := envelope("Receive", sh, msg(), "", receiveBody(cmd))
	for name, c := range map[string]struct {
		env  string
		code uint32
	}{
		"not XML":             {"hello", CodeSchema},
		"unclosed":            {good[:len(good)-3], CodeSchema},
		"two roots":           {good + good, CodeSchema},
		"document type":       {`<!DOCTYPE x [<!ENTITY a "b">]>` + good, CodeSchema},
		"unknown entity":      {strings.Replace(good, "stdout stderr", "&a;", 1), CodeSchema},
		"too deep":            {strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40), CodeSchema},
		"too many elements":   {"<a>" + strings.Repeat("<b/>", 5000) + "</a>", CodeSchema},
		"SOAP 1.1":            {strings.ReplaceAll(good, nsSOAP, "http://schemas.xmlsoap.org/soap/envelope/"), CodeSchema},
		"no body":             {`<e:Envelope xmlns:e="` + nsSOAP + `"/>`, CodeSchema},
		"no header":           {`<e:Envelope xmlns:e="` + nsSOAP + `"><e:Body/></e:Envelope>`, CodeAction},
		"unknown action":      {strings.Replace(good, "/shell/Receive<", "/shell/Dance<", 1), CodeAction},
		"no MessageID":        {strings.Replace(good, "a:MessageID", "a:Other", 2), CodeMissingHeader},
		"bad time":            {envelope("Receive", sh, msg(), "20 seconds", receiveBody(cmd)), CodeSchema},
		"other resource":      {strings.Replace(good, resourceCmd, "http://schemas.microsoft.com/powershell/Microsoft.PowerShell", 1), CodeResourceURI},
		"no shell":            {envelope("Receive", "", msg(), "", receiveBody(cmd)), CodeShellNotFound},
		"no such command":     {envelope("Receive", sh, msg(), "", receiveBody("11111111")), CodeShellNotFound},
		"empty Receive":       {envelope("Receive", sh, msg(), "", ""), CodeSchema},
		"empty Command":       {envelope("Command", sh, msg(), "", ""), CodeSchema},
		"empty Create":        {envelope("Create", "", msg(), "", ""), CodeSchema},
		"empty Signal":        {envelope("Signal", sh, msg(), "", ""), CodeSchema},
		"unknown signal":      {envelope("Signal", sh, msg(), "", signalBody(cmd, "wave")), CodeSchema},
		"empty Send":          {envelope("Send", sh, msg(), "", ""), CodeSchema},
		"Send to stdout":      {envelope("Send", sh, msg(), "", strings.Replace(sendBody(cmd, nil, true), "stdin", "stdout", 1)), CodeSchema},
		"Send not base64":     {envelope("Send", sh, msg(), "", strings.Replace(sendBody(cmd, []byte("abc"), true), ">YWJj<", ">%%<", 1)), CodeSchema},
		"bad IdleTimeOut":     {envelope("Create", "", msg(), "", `<rsp:Shell><rsp:IdleTimeOut>P1Y</rsp:IdleTimeOut></rsp:Shell>`), CodeSchema},
		"ShellId not a GUID":  {envelope("Create", "", msg(), "", `<rsp:Shell ShellId="a&lt;b"/>`), CodeSchema},
		"ShellId taken":       {envelope("Create", "", msg(), "", `<rsp:Shell ShellId="`+sh+`"/>`), CodeShellExists},
		"CommandId injection": {envelope("Command", sh, msg(), "", `<rsp:CommandLine CommandId="&quot;/&gt;"><rsp:Command>x</rsp:Command></rsp:CommandLine>`), CodeSchema},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, host.URL())
			f := r.fails(c.env, c.code)
			if text := f.Child(nsSOAP, "Reason").TextOf(nsSOAP, "Text"); len(text) < 10 {
				t.Errorf("text %q", text)
			}
		})
	}
}

// TestEveryAnswerRelates checks the headers that clients insist on.
func TestEveryAnswerRelates(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create("")
	cmd := r.command(sh, "echo x")
	for _, env := range []string{
		envelope("Receive", sh, "uuid:<&>", "", receiveBody(cmd)),
		envelope("Signal", sh, "uuid:<&>", "", signalBody(cmd, "terminate")),
		envelope("Signal", sh, "uuid:<&>", "", signalBody(cmd, "terminate")), // a fault: it is forgotten
		envelope("Delete", sh, "uuid:<&>", "", ""),
	} {
		env = strings.Replace(env, "uuid:<&>", "uuid:&lt;&amp;&gt;", 1)
		_, root, err := r.post(context.Background(), env)
		if err != nil {
			t.Fatal(err)
		}
		h := root.Child(nsSOAP, "Header")
		if got := h.TextOf(nsAddr, "RelatesTo"); got != "uuid:<&>" || h.TextOf(nsAddr, "Action") == "" || h.TextOf(nsAddr, "MessageID") == "" {
			t.Errorf("RelatesTo %q, Action %q", got, h.TextOf(nsAddr, "Action"))
		}
	}
}

func TestHTTPErrors(t *testing.T) {
	host := startHost(t, Options{}, nil)
	for _, c := range []struct {
		method, path string
		want         int
	}{{"GET", "/wsman", 405}, {"POST", "/", 404}, {"POST", "/wsman/", 401}, {"POST", "/wsman?PSVersion=5.1", 401}} {
		req, err := http.NewRequest(c.method, strings.TrimSuffix(host.URL(), "/wsman")+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"PT20S": 20 * time.Second, "PT1M30S": 90 * time.Second, "P1DT1H": 25 * time.Hour, "PT0.5S": 500 * time.Millisecond, "PT7200.000S": 2 * time.Hour, "P1D": 24 * time.Hour,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
	for _, s := range []string{"", "P", "PT", "20", "PT20", "PTS", "P1Y", "P1M", "PT1D", "-PT1S", "PT1ST1S", "PT.S", "PT1.2.3S", "P99999D", "PT1e9S", "PT-1S"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestJoinCommandLine(t *testing.T) {
	for _, c := range []struct {
		command string
		args    []string
		want    string
	}{
		{"echo", []string{"a b"}, "echo a b"},
		{`"echo"`, []string{"a", "b"}, "echo a b"},
		{`"powershell.exe"`, []string{"-Command", `"x y"`}, `powershell.exe -Command "x y"`},
		{`"C:\Program Files\x.exe"`, []string{"/q"}, `"C:\Program Files\x.exe" /q`},
		{`"a&b"`, nil, `"a&b"`},
		{`"echo"x`, nil, `"echo"x`},
		{`""`, nil, `""`},
		{`"open`, nil, `"open`},
		{"  hostname  ", nil, "hostname"},
		{"", nil, ""},
	} {
		if got := JoinCommandLine(c.command, c.args); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.command, c.args, got, c.want)
		}
	}
}

func TestUnwrapPowerShell(t *testing.T) {
	script := `Get-CsPool | % { "é𝄞" }`
	enc := EncodePowerShell(script)
	nested := EncodePowerShell("PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand " + enc)
	for _, c := range []struct {
		line string
		want PowerShell
	}{
		{"powershell -encodedcommand " + enc, PowerShell{script, []string{"encodedcommand"}, 1, false}},
		{"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand " + enc, PowerShell{script, []string{"noprofile", "noninteractive", "executionpolicy", "encodedcommand"}, 1, false}},
		{"PowerShell -NoProfile -EncodedCommand " + nested, PowerShell{script, []string{"noprofile", "encodedcommand"}, 2, false}},
		{`"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe" -nop -e ` + enc, PowerShell{script, []string{"noprofile", "encodedcommand"}, 1, false}},
		{`powershell -ep bypass -Command "Get-Service \"RTC SRV\""`, PowerShell{`Get-Service "RTC SRV"`, []string{"executionpolicy", "command"}, 1, false}},
		{`powershell Get-Date -Format o`, PowerShell{`Get-Date -Format o`, nil, 1, false}},
		{`powershell -File C:\x.ps1 -a 1`, PowerShell{`C:\x.ps1 -a 1`, []string{"file"}, 1, true}},
	} {
		got, ok := UnwrapPowerShell(c.line)
		if !ok || got.Script != c.want.Script || got.Depth != c.want.Depth || got.File != c.want.File || !slices.Equal(got.Options, c.want.Options) {
			t.Errorf("%s\n got %+v %v\nwant %+v", c.line, got, ok, c.want)
		}
	}
	for _, line := range []string{"", "cmd /c dir", "powershell", "powershell -EncodedCommand", "powershell -EncodedCommand ???", "powershell -EncodedCommand QQ==", "powershell -Nonsense x", "powershellx -c 1"} {
		if got, ok := UnwrapPowerShell(line); ok {
			t.Errorf("%q: %+v", line, got)
		}
	}
	deep := script
	for range 20 {
		deep = "powershell -EncodedCommand " + EncodePowerShell(deep)
		if len(deep) > 1<<20 {
			break
		}
	}
	if got, ok := UnwrapPowerShell(deep); !ok || got.Depth > maxUnwrap {
		t.Errorf("depth %d %v", got.Depth, ok)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(envelope("Create", "", "uuid:1", "PT20S", `<rsp:Shell><rsp:Environment><rsp:Variable Name="a">b</rsp:Variable></rsp:Environment></rsp:Shell>`)))
	f.Add([]byte(envelope("Command", "AAAA", "uuid:2", "", commandBody("echo x"))))
	f.Add([]byte(envelope("Send", "AAAA", "uuid:3", "", sendBody("BBBB", []byte("x"), true))))
	f.Add([]byte(envelope("Receive", "AAAA", "uuid:4", "PT0.5S", receiveBody("BBBB"))))
	f.Add([]byte(envelope("Signal", "AAAA", "uuid:5", "", signalBody("BBBB", "terminate"))))
	f.Add([]byte(`<?xml version="1.0" encoding="utf-16"?><a/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		req, fault := parseRequest(data)
		if req == nil {
			t.Fatal("no request")
		}
		if fault == nil && req.action == "" {
			t.Fatal("neither an action nor a fault")
		}
		if fault == nil && req.action != ActionIdentify && req.messageID == "" {
			t.Fatal("an action without a MessageID")
		}
		if req.timeout < 0 || req.maxEnvelope < 0 {
			t.Fatalf("timeout %v, envelope %d", req.timeout, req.maxEnvelope)
		}
		// Whatever came in, what goes out is well-formed.
		for _, out := range [][]byte{answerFault(req, faultSchema(fmt.Sprint(fault)), "fe01"), answerEmpty(req, "x")} {
			if _, err := xmltree.Parse(string(out)); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
		}
	})
}

func FuzzSealedAndNTLM(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 16)
	const flags = ntlmExtended | ntlmSeal | ntlm128 | ntlmKeyExchange
	f.Add(sealMessage(newNTLMSealer(flags, key), sealSPNEGO, []byte("<a/>")))
	f.Add(ntlmChallenge(flags, [8]byte{1}, "fe01.contoso.com", time.Unix(0, 0)))
	f.Add(append([]byte("NTLMSSP\x00\x03\x00\x00\x00"), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, err := unsealMessage(newNTLMSealer(flags, key), data); err == nil {
			t.Fatalf("forged: %q", plain)
		}
		if m, err := parseNTLMAuthenticate(data); err == nil {
			if _, ok := m.baseKey("x", [8]byte{}); ok && len(m.user) > 0 {
				t.Fatal("guessed")
			}
			m.hasMIC()
		}
	})
}
