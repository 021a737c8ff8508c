package lang

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const checkDir = "../testdata/check"

var (
	expectation = regexp.MustCompile("###(.*)$")
	quoted      = regexp.MustCompile("\"[^\"]*\"")
)

// TestCheck runs each chunk of testdata/check/*.lrun, chunks being parted by `---`. A finding is expected on the line
// that says so: ### "error: … [L040]"; the text may be any part of what is said. Every finding must be expected, and
// every expectation met. A line `### pool WORDS` says what is known of the pool.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob(checkDir + "/*.lrun")
	if err != nil || len(files) == 0 {
		t.Fatalf("no runbooks in %s (%v)", checkDir, err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".lrun"), func(t *testing.T) {
			line := 0
			for chunk := range strings.SplitSeq(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n---\n") {
				checkChunk(t, path, chunk, line, seen)
				line += strings.Count(chunk, "\n") + 2
			}
		})
	}
	for _, c := range codes {
		if !seen[c.id] && !syntaxOnly[c.id] {
			t.Errorf("%s is shown by no runbook in %s", c.id, checkDir)
		}
	}
}

// syntaxOnly are the codes of findings about whole files or include trees, shown in testdata/syntax and TestBadInput.
var syntaxOnly = map[string]bool{"L005": true, "L008": true, "L009": true, "L020": true, "L021": true, "L022": true, "L014": true}

func checkChunk(t *testing.T, path, chunk string, first int, seen map[string]bool) {
	t.Helper()
	var facts PoolFacts
	want := map[int][]string{}
	for i, text := range strings.Split(chunk, "\n") {
		m := expectation.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if words := strings.Fields(m[1]); len(words) > 0 && words[0] == "pool" {
			facts = poolFacts(t, words[1:])
			continue
		}
		for _, q := range quoted.FindAllString(m[1], -1) {
			want[i+1] = append(want[i+1], strings.Trim(q, `"`))
		}
	}
	p, ds := Load("x.lrun", []byte(chunk), nil)
	ds = append(ds, Check(p, facts)...)
	for _, d := range ds {
		seen[d.Code] = true
		text := fmt.Sprintf("%s: %s [%s]", d.Severity, strings.ReplaceAll(d.Summary, `"`, "'"), d.Code)
		met := false
		for i, w := range want[d.Pos.Line] {
			if strings.Contains(text, w) {
				want[d.Pos.Line] = append(want[d.Pos.Line][:i:i], want[d.Pos.Line][i+1:]...)
				met = true
				break
			}
		}
		if !met {
			t.Errorf("%s:%d: unexpected: %s", path, first+d.Pos.Line, text)
		}
	}
	for line, ws := range want {
		for _, w := range ws {
			t.Errorf("%s:%d: expected but not said: %s", path, first+line, w)
		}
	}
}

func poolFacts(t *testing.T, words []string) PoolFacts {
	f := PoolFacts{Known: true, Name: "pool01", Servers: 6, Domains: 3, Paired: true, Installer: true}
	for _, w := range words {
		switch w {
		case "lync2013":
			f.Lync2013 = true
		case "two":
			f.Servers = 2
		case "unpaired":
			f.Paired = false
		case "no-installer":
			f.Installer = false
		default:
			t.Fatalf("unknown pool word %q", w)
		}
	}
	return f
}

// TestRefusedDurationsAreToldOfOnce: what the lexer refused is no zero that the runbook says.
func TestRefusedDurationsAreToldOfOnce(t *testing.T) {
	for _, d := range []string{"10min", "1h90m", "1e9h", "1.5h"} {
		p, ds := Load("x.lrun", []byte("window "+d+"\nsleep "+d+"\n"), nil)
		if more := Check(p, PoolFacts{}); len(ds) != 2 || len(more) != 0 {
			t.Errorf("sleep %s: loading says\n%s\nand checking\n%s", d, ds.Error(), more.Error())
		}
	}
	p, _ := Load("x.lrun", []byte("sleep 0m\n"), nil)
	if ds := Check(p, PoolFacts{}); len(ds) != 1 {
		t.Errorf("sleep 0m: %s", ds.Error())
	}
}
