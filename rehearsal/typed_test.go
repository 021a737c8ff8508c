package rehearsal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm/transport"
	"github.com/lrun/lrun/winrm/wsman"
)

// typed runs a command line as a person would type it.
func typed(t *testing.T, s *transport.Session, line string) (stdout, stderr string, exit int) {
	t.Helper()
	res, err := s.Run(t.Context(), line, nil)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(res.Stdout), string(res.Stderr), res.Exit
}

func encoded(script string) string {
	return "powershell.exe -NoProfile -EncodedCommand " + wsman.EncodePowerShell(script)
}

func TestTypedReadiness(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	type answer struct {
		PoolFqdn             string
		PoolUpgradeState     string
		TotalFrontends       int
		TotalActiveFrontends int
		UpgradeDomains       []struct {
			Name              string
			IsReadyForUpgrade bool
			Frontends         []string
		}
	}
	for _, line := range []string{
		`powershell -Command "Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 4"`,
		`powershell -Command Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 4 -Compress`,
		encoded("$ProgressPreference='SilentlyContinue'; Import-Module Lync; get-cspoolupgradereadinessstate|convertto-json -dep 5"),
	} {
		out, errs, exit := typed(t, s, line)
		var a answer
		if err := json.Unmarshal([]byte(out), &a); err != nil || exit != 0 || errs != "" {
			t.Fatalf("%s: exit %d, %v\n%s%s", line, exit, err, out, errs)
		}
		if a.PoolFqdn != "pool01.contoso.com" || a.PoolUpgradeState != "Ready" || a.TotalActiveFrontends != 6 ||
			len(a.UpgradeDomains) != 6 || !a.UpgradeDomains[5].IsReadyForUpgrade || a.UpgradeDomains[5].Frontends[0] != "fe06.contoso.com" {
			t.Errorf("%s: %+v", line, a)
		}
	}
	// Without -Depth the lists of front ends lie too deep, and come as text.
	out, _, _ := typed(t, s, encoded("Get-CsPoolUpgradeReadinessState | ConvertTo-Json"))
	if !strings.Contains(out, `"Frontends": "fe01.contoso.com"`) {
		t.Errorf("depth 2:\n%s", out)
	}
}

func TestTypedStopAndStart(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	if out, errs, exit := typed(t, s, encoded("Stop-CsWindowsService -Graceful -Verbose -Confirm:$false")); exit != 0 || out+errs != "" {
		t.Fatalf("stop: exit %d %s%s", exit, out, errs)
	}
	if r.count(rehearsal.EventDrained, fe01) != 1 || r.count(rehearsal.EventStopped, fe01) != 1 {
		t.Fatal("the cmdlet came back before the server had stopped: ", r.story(fe01))
	}
	out, _, _ := typed(t, s, encoded("Get-CsWindowsService -Name RTCSRV | ConvertTo-Json -Compress"))
	if !strings.HasPrefix(out, `{"Status":"Stopped","Name":"RTCSRV",`) {
		t.Errorf("service: %s", out)
	}
	if _, errs, exit := typed(t, s, encoded("Start-CsWindowsService")); exit != 0 {
		t.Fatal(errs)
	}
	if r.count(rehearsal.EventStarted, fe01) != 1 {
		t.Error("the cmdlet came back before the server had started: ", r.story(fe01))
	}
	if _, errs, exit := typed(t, s, encoded("Stop-CsWindowsService -NoWait -WhatIf")); exit != 0 || r.count(rehearsal.EventStopped, fe01) != 1 {
		t.Error("-WhatIf stopped it", errs)
	}
	typed(t, s, encoded("Stop-CsWindowsService -NoWait -Confirm:$false"))
	r.wait(rehearsal.EventStopped, fe01, 2)
}

func TestTypedRestart(t *testing.T) {
	for server, line := range map[string]string{
		"fe01.contoso.com": encoded("Restart-Computer -Force"),
		"fe02.contoso.com": "shutdown.exe /r /t 3 /d p:4:1 /c \"an update\"",
		"fe03.contoso.com": `cmd /c C:\Windows\System32\shutdown.exe /r /f /t 0`,
	} {
		r := serve(t, nil)
		s := r.session(server)
		res, err := s.Run(t.Context(), line, nil)
		if err == nil && res.Exit != 0 {
			t.Fatalf("%s: %s", line, res.Stderr)
		}
		r.wait(rehearsal.EventDown, server, 1)
		r.wait(rehearsal.EventStarted, server, 1)
		if out, _, _ := typed(t, r.session(server), "hostname"); out != server[:4]+"\r\n" {
			t.Errorf("%s is not back: %q", server, out)
		}
	}
}

// What is not modelled says so on stderr, by its name, and nothing is done.
func TestTypedRefusals(t *testing.T) {
	r := serve(t, nil)
	s := r.session(fe01)
	for line, want := range map[string]string{
		encoded("Get-Process"):                                             "'Get-Process' is not recognized",
		encoded("Get-CsUpgradeDomainInfo"):                                 "'Get-CsUpgradeDomainInfo' is not recognized",
		encoded("Get-CsServerPatchVersion"):                                "'Get-CsServerPatchVersion' is not recognized",
		encoded("Stop-CsWindowsService -Gracious"):                         "matches parameter name 'Gracious'",
		encoded("Stop-CsWindowsService -Nam"):                              "missing an argument for parameter 'Nam'",
		encoded("Stop-CsWindowsService -Name RTCNONE"):                     "service name 'RTCNONE'",
		encoded("Stop-CsWindowsService -ComputerName fe02.contoso.com"):    "An operations error occurred",
		encoded("Stop-CsWindowsService | Out-Nowhere"):                     "Out-Nowhere : ",
		encoded("Stop-CsWindowsService | ConvertTo-Json -Depth x"):         "-Depth is a number",
		encoded("Stop-CsWindowsService 'RTCSRV"):                           "no closing '",
		encoded("Get-CsComputer -Pool pool01.contoso.com"):                 "An operations error occurred",
		encoded("(Get-CsWindowsService).Count"):                            "no expressions",
		encoded("Get-CsWindowsService; Stop-Everything; Restart-Computer"): "'Stop-Everything' is not recognized",
		encoded("Get-CsComputer -LocalStore -Pool pool09.contoso.com"):     `Cannot find pool "pool09.contoso.com"`,
		"powershell -File C:\\x.ps1":                                       "there are no files",
		"ipconfig /all":                                                    "'ipconfig' is not recognized",
		"shutdown.exe /s":                                                  "only knows /r",
	} {
		_, errs, exit := typed(t, s, line)
		if exit != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, stderr %q, want %q", line, exit, errs, want)
		}
	}
	if got := r.story(fe01); got != "" {
		t.Errorf("a refused command did something: %s", got)
	}
}

func TestTypedTopology(t *testing.T) {
	r := serve(t, nil)
	out, errs, exit := typed(t, r.session(fe01), encoded("Get-CsComputer -LocalStore -Pool pool02.contoso.com | Select-Object -ExpandProperty Fqdn"))
	const want = "pool02-fe01.contoso.com\r\npool02-fe02.contoso.com\r\npool02-fe03.contoso.com\r\n"
	if out != want || exit != 0 {
		t.Errorf("exit %d %s\n%s", exit, errs, out)
	}
	for _, a := range r.Addresses() {
		if r.Host(a.Server) == nil || !pool.IsLoopback(a.Address) {
			t.Errorf("%+v is not served on this machine", a)
		}
	}
	out, _, _ = typed(t, r.session(fe01), encoded("Get-CsServerVersion"))
	if !strings.HasPrefix(out, "Microsoft Lync Server 2013 (5.0.8308.0)") {
		t.Errorf("version %q", out)
	}
}

func TestTypedLaterProducts(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) { o.Pool = shipped(t, "contoso-16") })
	s := r.session("fe01.contoso.com")
	if out, errs, exit := typed(t, s, encoded("Get-CsUpgradeDomainInfo | ConvertTo-Json -Depth 4")); exit != 0 || !strings.Contains(out, `"TotalFrontends": 16`) {
		t.Errorf("exit %d %s%s", exit, out, errs)
	}
	if out, errs, exit := typed(t, s, encoded("Get-CsServerPatchVersion | Format-List")); exit != 0 || !strings.Contains(out, "Version       : 7.0.2046.252\r\n") {
		t.Errorf("exit %d %s%s", exit, out, errs)
	}
}
