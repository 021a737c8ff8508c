package lang

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/internal/golden"
)

const docFile = "../docs/language.md"

var fenced = regexp.MustCompile("(?s)```lrun\n(.*?)```")

func readDoc(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(src), "\r\n", "\n")
}

// TestDocRunbooks: each runbook of the reference loads, has no error, and is in canonical form.
func TestDocRunbooks(t *testing.T) {
	doc := readDoc(t)
	blocks := fenced.FindAllStringSubmatchIndex(doc, -1)
	if len(blocks) < 7 {
		t.Fatalf("%d runbooks in %s, want 7 at least", len(blocks), docFile)
	}
	for _, b := range blocks {
		src := doc[b[2]:b[3]]
		name := fmt.Sprintf("language.md:%d", strings.Count(doc[:b[2]], "\n")+1)
		p, ds := Load(name, []byte(src), nil)
		ds = append(ds, Check(p, PoolFacts{Known: true, Name: "pool01", Lync2013: true, Servers: 6, Domains: 3, Paired: true, Installer: true})...)
		if ds.HasErrors() {
			t.Errorf("%s:\n%s", name, ds.Render(p.Sources, RenderOptions{}))
		}
		out, _ := Format(name, []byte(src))
		if diff := cmp.Diff(src, string(out)); diff != "" {
			t.Errorf("%s is not in canonical form (-is +should be):\n%s", name, diff)
		}
	}
}

// TestDocCodes: the reference lists the codes of the code.
func TestDocCodes(t *testing.T) {
	const from, to = "<!-- codes: written by go test ./lang -update -->\n", "<!-- /codes -->"
	doc := readDoc(t)
	start, end := strings.Index(doc, from)+len(from), strings.Index(doc, to)
	if start < len(from) || end < start {
		t.Fatalf("%s has no place for the codes", docFile)
	}
	var table strings.Builder
	table.WriteString("\n| code | | meaning |\n|---|---|---|\n")
	last := ""
	for _, c := range Codes() {
		if c.ID <= last {
			t.Errorf("%s stands behind %s", c.ID, last)
		}
		last = c.ID
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", c.ID, c.Severity, c.About)
	}
	table.WriteString("\n")
	if golden.Update() {
		golden.Write(t, docFile, []byte(doc[:start]+table.String()+doc[end:]))
		return
	}
	if diff := cmp.Diff(doc[start:end], table.String()); diff != "" {
		t.Errorf("the codes in %s differ (-doc +code):\n%s", docFile, diff)
	}
}
