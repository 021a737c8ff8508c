package scripts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// parse gives texts to the PowerShell grammar and returns what it finds wrong.
func parse(t *testing.T, texts map[string]string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	if _, err := os.Stat(filepath.Join("syntax", "node_modules", "tree-sitter-powershell")); err != nil {
		t.Skip("the grammar is not installed: npm ci --ignore-scripts in winrm/scripts/syntax")
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	// The optimising compiler takes ten seconds for the grammar, which then works for a tenth of one.
	cmd := exec.CommandContext(t.Context(), node, "--liftoff-only", "check.mjs")
	cmd.Dir = "syntax"
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(out)
}

// The files as they are written, and the texts as they are sent, are PowerShell.
func TestSyntax(t *testing.T) {
	all := map[string]string{"job command": jobCommand}
	for name, text := range sources(t) {
		all[name] = text
	}
	for name := range names() {
		text := name.Text()
		all[string(name)+" as sent"] = text
	}
	if got := parse(t, all); got != "" {
		t.Errorf("not PowerShell:\n%s", got)
	}
}

// The grammar finds what it is there to find.
func TestSyntaxCanFail(t *testing.T) {
	wrong := map[string]string{"brace": "if ($a) {", "quote": "'open", "table": "$a = @{ b = 1", "ternary": "$x = $a ? 1 : 2",
		"coalesce": "$x = $a ?? 1", "quotes": `"it's" 's`}
	found := "\n" + parse(t, wrong)
	for name := range wrong {
		if !strings.Contains(found, "\n"+name+":") {
			t.Errorf("%q passes", wrong[name])
		}
	}
}
