package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// seed gives a fuzz target every runbook of the test data.
func seed(f *testing.F) {
	archives, err := filepath.Glob(syntaxDir + "/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no archives in %s (%v)", syntaxDir, err)
	}
	for _, path := range archives {
		f.Add(string(golden.ReadArchive(f, path).Get("in.lrun")))
	}
	checks, err := filepath.Glob(checkDir + "/*.lrun")
	if err != nil || len(checks) == 0 {
		f.Fatalf("no runbooks in %s (%v)", checkDir, err)
	}
	for _, path := range checks {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for chunk := range strings.SplitSeq(string(src), "\n---\n") {
			f.Add(chunk)
		}
	}
}

// FuzzParse: no input panics, hangs, or gives a finding outside the source; each has a code of the table.
func FuzzParse(f *testing.F) {
	seed(f)
	known := map[string]bool{}
	for _, c := range Codes() {
		known[c.ID] = true
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, ds := Load("x.lrun", []byte(src), nil)
		ds = append(ds, Check(p, PoolFacts{Known: true, Name: "p", Lync2013: true})...)
		for _, d := range ds {
			if !known[d.Code] || d.Summary == "" || strings.Contains(d.Summary, "%!") || strings.Contains(d.Hint, "%!") {
				t.Errorf("a finding that nobody understands: %+v", d)
			}
			if d.Pos.Line < 1 || d.Pos.Column < 1 || d.Pos.Offset > len(src) || d.End.Offset > len(src) || d.End.Offset < d.Pos.Offset {
				t.Errorf("a finding outside the source: %+v", d)
			}
		}
		ds.Render(p.Sources, RenderOptions{Color: true})
	})
}

// FuzzFormat: the three laws of the formatter.
func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		out, ds := Format("x.lrun", []byte(src))
		if ds.HasErrors() {
			return
		}
		laws(t, src, string(out))
	})
}
