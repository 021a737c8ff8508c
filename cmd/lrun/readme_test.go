package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/internal/golden"
)

// capture runs a command line in the test's own process.
func capture(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := processEnv()
	e.stdin, e.stdout, e.stderr = strings.NewReader(""), &out, &errs
	code = cli(context.Background(), e, args)
	return code, out.String(), errs.String()
}

// mistaken is the runbook that README has checked.
const mistaken = `for each domain:
  wait ready retry 3 every 10m
  stop gracefull
  upgrade
  restart within 30m
  verfy
end
`

var (
	yamlBlock    = regexp.MustCompile("(?s)```yaml\n(.*?)```\n")
	lrunBlock    = regexp.MustCompile("(?s)```lrun\n(.*?)```\n")
	consoleBlock = regexp.MustCompile("(?s)```console\n\\$ (lrun [^\n]*)\n(.*?)```\n")
)

// TestReadme runs what README shows, in a folder with its runbook, and compares what it prints. A line of "…" stands for
// lines left out.
func TestReadme(t *testing.T) {
	const file = "../../README.md"
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	runbook, tests := lrunBlock.FindStringSubmatch(text), yamlBlock.FindStringSubmatch(text)
	blocks := consoleBlock.FindAllStringSubmatch(text, -1)
	if runbook == nil || tests == nil || len(blocks) < 5 {
		t.Fatalf("README shows %d commands", len(blocks))
	}
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"upgrade.lrun": runbook[1], "mistaken.lrun": mistaken, "upgrade.test.yaml": tests[1]} {
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range blocks {
		command, want := b[1], b[2]
		_, out, _ := capture(strings.Fields(command)[1:]...)
		got := elide(out, want)
		if golden.Update() {
			text = strings.Replace(text, "$ "+command+"\n"+want, "$ "+command+"\n"+got, 1)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("$ %s (-README +got):\n%s", command, diff)
		}
	}
	if golden.Update() {
		golden.Write(t, path, []byte(text))
	}
}

// elide leaves out of a text what the example leaves out: all between as many lines at its start and at its end.
func elide(text, example string) string {
	head, tail, elided := strings.Cut(example, "…\n")
	lines := strings.SplitAfter(text, "\n")
	from, to := strings.Count(head, "\n"), len(lines)-1-strings.Count(tail, "\n")
	if !elided || from > to {
		return text
	}
	return strings.Join(lines[:from], "") + "…\n" + strings.Join(lines[to:], "")
}
