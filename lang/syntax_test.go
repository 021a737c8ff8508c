package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/internal/golden"
)

const syntaxDir = "../testdata/syntax"

// TestSyntax holds each archive of testdata/syntax against what it says: in.lrun goes in; `ast`, `fmt` and `diag` must
// come out, the first two only where there is no error. Sections of other names are files that in.lrun can include.
func TestSyntax(t *testing.T) {
	files, err := filepath.Glob(syntaxDir + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in %s (%v)", syntaxDir, err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a := golden.ReadArchive(t, path)
			src := a.Get("in.lrun")
			f, _ := Parse("in.lrun", src)
			p, ds := Load("in.lrun", src, func(name string) ([]byte, error) {
				if data := a.Get(name); data != nil {
					return data, nil
				}
				return nil, os.ErrNotExist
			})
			got := map[string]string{"diag": ds.Render(p.Sources, RenderOptions{})}
			if out, fds := Format("in.lrun", src); !fds.HasErrors() {
				got["ast"], got["fmt"] = dump(f), string(out)
				laws(t, string(src), string(out))
			}
			for _, name := range []string{"ast", "fmt", "diag"} {
				if golden.Update() {
					if got[name] != "" || a.Get(name) != nil {
						a.Set(name, []byte(got[name]))
					}
				} else if diff := cmp.Diff(string(a.Get(name)), got[name]); diff != "" {
					t.Errorf("%s differs (-want +got):\n%s", name, diff)
				}
			}
			if golden.Update() {
				golden.Write(t, path, a.Format())
			}
		})
	}
}

// laws are what a formatted text must hold to: formatting it again changes nothing, it means the same, and every
// comment is there once, beside or above the words it was beside or above.
func laws(t *testing.T, src, out string) {
	t.Helper()
	again, ds := Format("x.lrun", []byte(out))
	if ds.HasErrors() {
		t.Fatalf("what was formatted does not parse: %v\n%s", ds, out)
	}
	if string(again) != out {
		t.Errorf("formatting twice differs:\n%s", cmp.Diff(out, string(again)))
	}
	before, _ := Parse("x.lrun", []byte(src))
	after, _ := Parse("x.lrun", []byte(out))
	if diff := cmp.Diff(dump(before), dump(after)); diff != "" {
		t.Errorf("formatting changed the tree:\n%s", diff)
	}
	if diff := cmp.Diff(commentPlaces(src), commentPlaces(out)); diff != "" {
		t.Errorf("formatting moved a comment:\n%s", diff)
	}
}

// place of a comment: how many words stand before it in the file, and whether one of them stands on its own line.
type commentPlace struct {
	Text   string
	Words  int
	Beside bool
}

func commentPlaces(src string) []commentPlace {
	toks := scan("x.lrun", []byte(src))
	var out []commentPlace
	for _, c := range toks.comments {
		place := commentPlace{Text: c.text}
		for _, tok := range toks.toks {
			if tok.Pos.Offset < c.pos.Offset && tok.Type != tokEOL && tok.Type != tokSemi && tok.Type != tokEOF {
				place.Words++
				place.Beside = tok.Pos.Line == c.pos.Line
			}
		}
		out = append(out, place)
	}
	return out
}

func TestEBNF(t *testing.T) {
	golden.Check(t, syntaxDir+"/grammar.ebnf", []byte(EBNF()+"\n"))
}
