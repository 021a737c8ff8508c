package scripts

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"sync"
)

//go:embed ps/*.ps1
var files embed.FS

// Script names one of the constant scripts.
type Script string

// The scripts, by the names of their files. Those marked as jobs run through JobStart.
const (
	Survey    Script = "survey"    // SurveyArgs → SurveyResult
	Readiness Script = "readiness" // nothing → ReadinessResult
	Stop      Script = "stop"      // StopArgs → Asked
	Start     Script = "start"     // StartArgs → Asked
	BootMark  Script = "boot-mark" // BootMarkArgs → BootMarkResult
	Restart   Script = "restart"   // RestartArgs → RestartResult
	Mark      Script = "mark"      // MarkArgs → MarkResult
	Hop       Script = "hop"       // nothing → HopResult
	Facts     Script = "facts"     // nothing → FactsResult
	Installer Script = "installer" // InstallerArgs → InstallerResult
	Registrar Script = "registrar" // PoolArgs → RegistrarResult
	Backup    Script = "backup"    // PoolArgs → BackupResult
	CMS       Script = "cms"       // CMSArgs → CMSResult
	Edge      Script = "edge"      // nothing → EdgeResult
	Mirror    Script = "mirror"    // PoolArgs → MirrorResult
	Computers Script = "computers" // ComputersArgs → ComputersResult

	PoolFacts Script = "pool-facts" // PoolArgs → PoolFactsResult: what Registrar and Mirror tell

	JobStart  Script = "job-start"  // JobStartArgs → JobStarted
	JobRead   Script = "job-read"   // JobReadArgs → JobStatus
	JobPoll   Script = "job-poll"   // JobPollArgs → JobStatus
	JobVoid   Script = "job-void"   // JobVoidArgs → JobStatus
	JobRemove Script = "job-remove" // JobRemoveArgs → nothing of interest

	Upgrade          Script = "upgrade"           // job: UpgradeArgs → UpgradeResult
	Run              Script = "run"               // job: RunArgs → texts
	FailoverPool     Script = "failover-pool"     // job: FailoverArgs → Done
	FailbackPool     Script = "failback-pool"     // job: FailoverArgs → Done
	FailoverCMS      Script = "failover-cms"      // job: FailoverCMSArgs → Done
	FailoverComputer Script = "failover-computer" // job: ComputerArgs → Done
	FailbackComputer Script = "failback-computer" // job: ComputerArgs → Done
)

// Three are no requests of their own: bootstrap executes all of them, jobRun what a job does, and versions is a process
// that upgrade starts.
const (
	bootstrap Script = "bootstrap"
	jobRun    Script = "job-run"
	versions  Script = "versions"
)

// isRequest reports whether a script exists and can be sent.
func (s Script) isRequest() bool {
	return names()[s] && s != bootstrap && s != jobRun && s != versions
}

// texts holds scripts that were asked for, by Script: with their includes put in and their comments taken out.
var texts sync.Map

// names are the scripts there are. The files of includes are none.
var names = sync.OnceValue(func() map[Script]bool {
	files, err := fs.Glob(files, "ps/*.ps1")
	if err != nil {
		panic(err)
	}
	all := make(map[Script]bool)
	for _, file := range files {
		if name := strings.TrimSuffix(strings.TrimPrefix(file, "ps/"), ".ps1"); !strings.HasPrefix(name, "lib-") {
			all[Script(name)] = true
		}
	}
	return all
})

// All lists the scripts that can be encoded, in order of name.
func All() []Script {
	var list []Script
	for s := range names() {
		if s.isRequest() {
			list = append(list, s)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// Text is the script as it is sent, empty for a name that does not exist. A broken include is a programmer's error, found
// by the first test.
func (s Script) Text() string {
	if text, ok := texts.Load(s); ok {
		return text.(string)
	}
	if !names()[s] {
		return ""
	}
	text, err := load(string(s), map[string]bool{})
	if err != nil {
		panic(err)
	}
	texts.Store(s, text)
	return text
}

func load(base string, seen map[string]bool) (string, error) {
	if seen[base] {
		return "", fmt.Errorf("%s is included twice", base)
	}
	seen[base] = true
	raw, err := files.ReadFile("ps/" + base + ".ps1")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(string(raw), "\r\n", "\n")) {
		code := strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(code, "# include: "); ok {
			text, err := load(name, seen)
			if err != nil {
				return "", fmt.Errorf("%s: %w", base, err)
			}
			b.WriteString(text)
			continue
		}
		if name, ok := strings.CutPrefix(code, "# encoded: "); ok {
			text, err := load(name, map[string]bool{})
			if err != nil {
				return "", fmt.Errorf("%s: %w", base, err)
			}
			fmt.Fprintf(&b, "$lrun%s = '%s'\n", strings.ToUpper(name[:1])+name[1:], encodeUTF16(text))
			continue
		}
		if code == "" || strings.HasPrefix(code, "#") {
			continue
		}
		// The indentation is for people; it would be a seventh of what a call sends.
		b.WriteString(code)
		b.WriteByte('\n')
	}
	return b.String(), nil
}
