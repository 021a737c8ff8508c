package scripts

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources holds each file as it is written.
func sources(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(files, "ps/*.ps1")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	all := make(map[string]string)
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(raw)
	}
	return all
}

// forbidden is what no script may hold, and why.
var forbidden = []struct {
	re  *regexp.Regexp
	why string
}{
	{regexp.MustCompile(`[^\x09\x0a\x20-\x7e]`), "a character outside of ASCII: typographic quotes are quotes to PowerShell"},
	{regexp.MustCompile(`(?i)\bInvoke-Expression\b|\biex\b`), "text must not become code"},
	{regexp.MustCompile(`(?i)-WhatIf\b|\bWhatIf\s*=`), "with -Force a WhatIf is ignored and the real failover starts"},
	{regexp.MustCompile(`(?i)\bForce\s*=|Cs\w+ .*-Force\b`), "no Cs cmdlet is forced"},
	{regexp.MustCompile(`(?i)\bGet-FileHash\b|\bNew-TemporaryFile\b|\bExpand-Archive\b|\bGet-ComputerInfo\b|\bNew-Guid\b|\bTest-Json\b`), "not in PowerShell 3.0"},
	{regexp.MustCompile(`(?i)\b\w+-ScheduledTask\w*|\bGet-Net\w+`), "not on Windows Server 2008 R2"},
	{regexp.MustCompile(`(?i)::new\(|^\s*(class|enum|using)\s`), "PowerShell 5.0"},
	{regexp.MustCompile(`(?i)\.(Where|ForEach)\(`), "PowerShell 4.0"},
	{regexp.MustCompile(`&&|\|\||\?\?|\?\.`), "PowerShell 7"},
	{regexp.MustCompile(`(?i)\bWin32_Product\b`), "reading it repairs every installed product"},
	{regexp.MustCompile(`(?i)\bWrite-Host\b|\bRead-Host\b|\bOut-Default\b`), "there is nobody at the console"},
	{regexp.MustCompile(`(?i)\[ScriptBlock\]::Create\([^)]*\+`), "code put together from pieces"},
	{regexp.MustCompile(`\$[A-Za-z]+\?|"[^"]*\$\(`), "an expression inside a text"},
}

// allowed are the exceptions, each with its reason.
var allowed = map[string]string{
	"ps/lib-version.ps1:Win32_Product":                                                   "named in a comment",
	"ps/upgrade.ps1:\"the installer at $path is not the expected one: its SHA-256 is $(": "a message",
	"ps/lib-hash.ps1:Get-FileHash":                                                       "named in a comment",
}

func TestLint(t *testing.T) {
	for name, text := range sources(t) {
		for i, line := range strings.Split(text, "\n") {
			for _, f := range forbidden {
				for _, hit := range f.re.FindAllString(line, -1) {
					if allowed[name+":"+hit] == "" {
						t.Errorf("%s:%d: %q: %s", name, i+1, hit, f.why)
					}
				}
			}
		}
	}
}

// Every lint rule finds an example of what it forbids.
func TestLintCanFail(t *testing.T) {
	examples := []string{"\u2019", "iex $a", "-WhatIf", "Force = $true", "Get-FileHash x", "Get-NetTCPConnection", "[X]::new()",
		"$a.Where({})", "a && b", "Win32_Product", "Write-Host x", "[ScriptBlock]::Create('a' + $b)", `"a $(b)"`}
	if len(examples) != len(forbidden) {
		t.Fatalf("%d examples for %d rules", len(examples), len(forbidden))
	}
	for i, f := range forbidden {
		if !f.re.MatchString(examples[i]) {
			t.Errorf("rule %q misses %q", f.why, examples[i])
		}
	}
}

// Every script says what it takes and gives, takes its arguments as $a, and forces nothing unattended.
func TestHeaders(t *testing.T) {
	for _, s := range All() {
		text := sources(t)["ps/"+string(s)+".ps1"]
		if !strings.Contains(text, "\n# args: ") || !strings.Contains(text, "\n# out:  ") {
			t.Errorf("%s: no args or out in its header", s)
		}
		if !strings.HasPrefix(s.Text(), "param($a)\n") {
			t.Errorf("%s does not begin with param($a)", s)
		}
		if strings.Contains(s.Text(), "# include") {
			t.Errorf("%s: an include was not put in", s)
		}
	}
}

// A failover in disaster mode loses data, so that the switch has one place and one condition.
func TestDisasterModeIsAskedFor(t *testing.T) {
	for name, text := range sources(t) {
		n := strings.Count(text, "DisasterMode")
		if name != "ps/failover-pool.ps1" && n > 0 {
			t.Errorf("%s knows DisasterMode", name)
		}
		if name == "ps/failover-pool.ps1" && (n != 1 || !strings.Contains(text, "if ($a.disaster -eq $true) {\n    $options.DisasterMode = $true\n}")) {
			t.Errorf("%s: DisasterMode without its condition", name)
		}
	}
}

// The password is read by the bootstrap and given to the task scheduler. Nothing whose parameters Windows can log sees it,
// and neither does what prints the input as a whole.
func TestThePasswordHasTwoPlaces(t *testing.T) {
	use := regexp.MustCompile(`.*\$lrunPassword.*`)
	for name, text := range sources(t) {
		for _, line := range use.FindAllString(text, -1) {
			line = strings.TrimSpace(line)
			ok := strings.HasPrefix(line, "#")
			switch name {
			case "ps/bootstrap.ps1":
				ok = ok || line == `$n='-';$r='';$lrunPassword=$null` ||
					line == `if($r -eq ''){$r=$l}else{$lrunPassword=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($l))}`
			case "ps/lib-job-start.ps1":
				ok = ok || line == `} elseif ($null -eq $lrunPassword) {` ||
					regexp.MustCompile(`^\$registered = \$service\.GetFolder\('\\'\)\.RegisterTaskDefinition\([^|;]*, \$lrunPassword, \$logon\)$`).MatchString(line)
			}
			if !ok {
				t.Errorf("%s: %s", name, line)
			}
		}
		if regexp.MustCompile(`\$input\s*\||@\(\$input\)\s*\|`).MatchString(text) {
			t.Errorf("%s gives the input to a cmdlet", name)
		}
	}
	if n := strings.Count(JobStart.Text(), "$lrunPassword"); n != 2 {
		t.Errorf("job-start names the password %d times", n)
	}
}

// Whatever would disturb a job of another run looks for one first.
func TestGuards(t *testing.T) {
	for s, before := range map[Script]string{
		Stop: "Stop-CsWindowsService @options", Start: "Start-CsWindowsService @options", Restart: "& $shutdown /r",
		JobStart: ".RegisterTaskDefinition(",
	} {
		text := s.Text()
		if i := strings.LastIndex(text, "Assert-LrunAlone "); i < 0 || i > strings.Index(text, before) {
			t.Errorf("%s does not look for jobs of other runs before %s", s, before)
		}
	}
}

// The process that runs the installer loads nothing of the product, whose files are replaced: what does is another process,
// and it is gone before.
func TestTheInstallerIsInNobodysWay(t *testing.T) {
	for _, s := range []Script{Upgrade, jobRun} {
		if hit := regexp.MustCompile(`(?i)Import-Module|Import-LrunModule|\w+-Cs\w+`).FindString(s.Text()); hit != "" {
			t.Errorf("%s: %s", s, hit)
		}
	}
	if !strings.Contains(versions.Text(), "Get-CsServerPatchVersion") {
		t.Error("the process that reads the versions does not")
	}
	if want := "$lrunVersions = '" + encodeUTF16(versions.Text()) + "'\n"; !strings.Contains(Upgrade.Text(), want) {
		t.Error("upgrade does not hold the text of versions")
	}
	// A process can be given 32,767 characters.
	if n := len(powershell) + len(encodeUTF16(versions.Text())); n > 30_000 {
		t.Errorf("the command line has %d characters", n)
	}
	text := Upgrade.Text()
	for _, order := range [][2]string{
		{"::Copy($path, $copy", "Get-LrunInstaller $copy"}, // what is compared is what runs
		{"Get-LrunInstaller $copy", "Start-Process @start"},
		{"Start-Process @start", "$process.WaitForExit()"},
		{"$process.WaitForExit()", "'exit.txt'"},
		{"'exit.txt'", "$after = @(Read-LrunVersions"},
	} {
		if a, b := strings.Index(text, order[0]), strings.Index(text, order[1]); a < 0 || b < a {
			t.Errorf("%q does not come before %q", order[0], order[1])
		}
	}
	if strings.Contains(text, "Get-LrunInstaller $path") {
		t.Error("the original is compared, and the copy runs")
	}
}

// After the installer has been started nothing but its end decides: every other line stands in a try.
func TestNothingFailsAfterTheInstaller(t *testing.T) {
	_, after, _ := strings.Cut(Upgrade.Text(), "Start-Process @start\n")
	depth, tries := 0, 0
	for line := range strings.Lines(after) {
		code := strings.TrimSpace(line)
		switch {
		case code == "@{": // the answer
			depth = -1 << 10
		case code == "try {", strings.HasPrefix(code, "} catch"):
			tries++
		case depth == 0 && !regexp.MustCompile(`^(\$\w+ = (\$null|''|@\(\))|\})$`).MatchString(code):
			t.Errorf("outside of a try: %s", code)
		}
		depth += strings.Count(line, "{") - strings.Count(line, "}")
	}
	if tries < 8 {
		t.Errorf("%d tries and catches", tries)
	}
}

// A task at the default priority is a background task.
func TestJobsAreNoBackgroundTasks(t *testing.T) {
	if !strings.Contains(JobStart.Text(), "$task.Settings.Priority = 5\n") {
		t.Error("the priority is not set")
	}
}

// A cmdlet that changes something is not ended half way by an error that would not end it, what it could not do is told, and
// what it returns, if anything, is not taken for the script's answer.
func TestCmdletsThatChangeSomethingComeToTheirEnd(t *testing.T) {
	cmdlet := regexp.MustCompile(`\b(?:Stop|Start|Invoke)-Cs\w+ @options`)
	n := 0
	for name, text := range sources(t) {
		for _, i := range cmdlet.FindAllStringIndex(text, -1) {
			n++
			if !strings.HasSuffix(text[:i[0]], "$null = ") {
				t.Errorf("%s: %s returns into the answer", name, text[i[0]:i[1]])
			}
			_, after, _ := strings.Cut(text[i[1]:], "\n")
			line, _, _ := strings.Cut(after, "\n")
			if !strings.Contains(line, "ConvertTo-LrunProblems $problems") {
				t.Errorf("%s: nobody reads what %s could not do", name, text[i[0]:i[1]])
			}
		}
		if cmdlet.MatchString(text) && (!strings.Contains(text, "ErrorAction = 'Continue'; ErrorVariable = 'problems' }") || !strings.Contains(text, "errors = $errors }")) {
			t.Errorf("%s: an error ends the cmdlet, or is not told", name)
		}
	}
	if n != 9 {
		t.Errorf("%d calls of such cmdlets", n)
	}
}

// The settings of a pool are not asked for by name: where it has none of its own that is an error, and means nothing.
func TestThePoolStateIsAskedForByScope(t *testing.T) {
	for _, s := range []Script{Registrar, PoolFacts} {
		text := s.Text()
		if strings.Contains(text, "Get-CsRegistrarConfiguration -Identity") || !strings.Contains(text, "Get-CsRegistrarConfiguration -Filter 'service:*'") {
			t.Errorf("%s asks for it by name", s)
		}
	}
}

// Of the two that are asked in one process neither hides the other: each stands in a try of its own, the registrar's first,
// and nothing that can fail comes between them or after them.
func TestThePartsOfThePoolFactsFailApart(t *testing.T) {
	_, after, _ := strings.Cut(sources(t)["ps/pool-facts.ps1"], "$null = Import-LrunModule\n")
	part := func(name, cmdlet string) string {
		return "try {\n    $answer." + name + ".told = " + cmdlet + " $a.pool\n} catch {\n    $answer." + name + ".error = [string]$_.Exception.Message\n}\n"
	}
	if !strings.HasSuffix(after, "\n"+part("registrar", "Get-LrunRegistrar")+part("mirror", "Get-LrunMirror")+"$answer\n") {
		t.Errorf("it does not end with the two, each in its try:\n%s", after)
	}
	for part, alone := range map[string]Script{"lib-registrar": Registrar, "lib-mirror": Mirror} {
		text, err := load(part, map[string]bool{})
		if err != nil || !strings.Contains(PoolFacts.Text(), text) || !strings.Contains(alone.Text(), text) {
			t.Errorf("%s is not the same in both (%v)", part, err)
		}
	}
}

// What changes a pool never asks a question that nobody would answer.
func TestUnattended(t *testing.T) {
	asks := regexp.MustCompile(`(Invoke-Cs\w+Fail\w+|Stop-CsWindowsService) @options`)
	for name, text := range sources(t) {
		if asks.MatchString(text) && !strings.Contains(text, "Confirm = $false") {
			t.Errorf("%s can wait for an answer", name)
		}
	}
}

// Every field that Go sends is read by the script, and every field that Go reads is set by it.
func TestFieldsMatch(t *testing.T) {
	for _, f := range fields {
		text := f.script.Text()
		for _, name := range jsonNames(f.args) {
			if !regexp.MustCompile(`\$a\.` + name + `\b`).MatchString(text) {
				t.Errorf("%s does not read $a.%s", f.script, name)
			}
		}
		for _, name := range jsonNames(f.out) {
			if !regexp.MustCompile(fmt.Sprintf(`(?m)(\b%s\s*=|\.%s = )`, name, name)).MatchString(text) {
				t.Errorf("%s does not set %s", f.script, name)
			}
		}
	}
	if len(fields) != len(All()) {
		t.Errorf("%d scripts in the table, there are %d", len(fields), len(All()))
	}
}

// TestIndentationSaysNothing: scripts are sent without it, so that no text may go over the end of a line, nor a line that goes on
// in the next one.
func TestIndentationSaysNothing(t *testing.T) {
	for _, s := range slices.Concat(All(), []Script{bootstrap, jobRun, versions}) {
		for i, line := range strings.Split(s.Text(), "\n") {
			if !standsAlone(line) {
				t.Errorf("%s, line %d of what is sent goes on in the next: %s", s, i+1, line)
			}
		}
	}
	for _, line := range []string{"$a = 'b", `$a = "b`, "$a = @'", "$a = @\"", "Get-Item `", `$a = 'it''s`, "$a = \"`\""} {
		if standsAlone(line) {
			t.Errorf("%s is taken for a line that stands alone", line)
		}
	}
}

// standsAlone reports whether no text is open at the end of a line, and the line does not go on in the next one.
func standsAlone(line string) bool {
	open := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '`' && open != '\'':
			if i++; i == len(line) {
				return false
			}
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		case c == open:
			open = 0 // a quote that is doubled opens it again
		}
	}
	return open == 0
}
