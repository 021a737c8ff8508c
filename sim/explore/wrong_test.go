package explore

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

var wrongHead = regexp.MustCompile(`(?m)^# pool: (\S+) +faults: (\d+) +crashes: (\d+) +breaks: (\S+)$`)

// TestWrongRunbooks proves that each runbook of testdata/prove/wrong breaks the property that its head names, with no
// fewer faults than it says, and compares the shortest night with a file.
func TestWrongRunbooks(t *testing.T) {
	files, err := filepath.Glob("../../testdata/prove/wrong/*.lrun")
	if err != nil || len(files) < 15 {
		t.Fatal("too few wrong runbooks", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".lrun"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head := wrongHead.FindSubmatch(src)
			if head == nil {
				t.Fatal("the file does not say what it breaks")
			}
			var opts Options
			_, _ = fmt.Sscan(string(head[2]), &opts.Faults)
			_, _ = fmt.Sscan(string(head[3]), &opts.Crashes)
			prog := compile(t, filepath.Base(file), string(src), string(head[1]))
			a := prove(t, prog, opts)
			if a.Property.String() != string(head[4]) {
				t.Errorf("breaks %q, want %q", a.Property, head[4])
			}
			golden.Check(t, strings.TrimSuffix(file, ".lrun")+".night", []byte(a.Text(prog, nil)))
			if opts.Faults > 0 {
				opts.Faults--
				if fewer := prove(t, prog, opts); fewer.Property == a.Property {
					t.Errorf("%s is broken with %d faults already", fewer.Property, opts.Faults)
				}
			}
		})
	}
}
