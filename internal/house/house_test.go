package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// root is the top of the repository, as seen from this folder.
var root = os.DirFS("../..")

// pure are the packages that may hold no `go` statement: whatever they do happens in one order.
var pure = map[string]bool{"lang": true, "interp": true, "sim": true, "pool": true}

// longest is how many lines a file may have, and how many a function. A file has one subject.
const longest, longestTest, longestFunc = 600, 900, 100

// goFiles calls f with every Go file of the module.
func goFiles(t *testing.T, f func(name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	if golden.Update() {
		t.Log("nothing here is golden")
	}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "tools"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, src, parser.ParseComments)
		if err != nil {
			return err
		}
		f(name, fset, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPurePackagesStartNoGoroutine(t *testing.T) {
	looked := 0
	goFiles(t, func(name string, fset *token.FileSet, file *ast.File) {
		if !pure[path.Dir(name)] || strings.HasSuffix(name, "_test.go") {
			return
		}
		looked++
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a `go` statement in a pure package", fset.Position(g.Pos()))
			}
			return true
		})
	})
	if looked < 40 {
		t.Errorf("only %d files of the pure packages were found", looked)
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	goFiles(t, func(name string, fset *token.FileSet, file *ast.File) {
		most := longest
		if strings.HasSuffix(name, "_test.go") {
			most = longestTest
		}
		if n := fset.Position(file.End()).Line; n > most {
			t.Errorf("%s has %d lines, at most %d: it has more than one subject", name, n, most)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := fset.Position(f.Pos()), fset.Position(f.End())
			if n := to.Line - from.Line + 1; n > longestFunc {
				t.Errorf("%s: %s has %d lines, at most %d", from, f.Name.Name, n, longestFunc)
			}
		}
	})
}

// TestEveryPackageSaysWhatItIs wants a package comment, and in every package with tests the one -update flag: without it
// `go test ./... -update` fails there.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented, tested, flagged := map[string]bool{}, map[string]bool{}, map[string]bool{}
	goFiles(t, func(name string, _ *token.FileSet, file *ast.File) {
		dir := path.Dir(name)
		if strings.HasSuffix(name, "_test.go") {
			tested[dir] = true
			for _, i := range file.Imports {
				flagged[dir] = flagged[dir] || i.Path.Value == `"github.com/lrun/lrun/internal/golden"`
			}
			flagged[dir] = flagged[dir] || dir == "internal/golden" || dir == "winrm/wsman" // it declares the flag itself
			return
		}
		documented[dir] = documented[dir] || file.Doc != nil
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
	for dir := range tested {
		if !flagged[dir] {
			t.Errorf("the tests of %s do not import internal/golden", dir)
		}
	}
}
