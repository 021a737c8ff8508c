package lang

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// nest writes n blocks, one in the other.
func nest(n int) string {
	return strings.Repeat("if paired:\n", n) + "note \"x\"\n" + strings.Repeat("end\n", n)
}

// doubling declares defines each of which calls the one before it twice.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("define d0: note \"x\"\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "define d%d: d%d; d%d\n", i, i-1, i-1)
	}
	fmt.Fprintf(&b, "d%d\n", n)
	return b.String()
}

// chain declares n defines, each calling the one before it.
func chain(n int) string {
	var b strings.Builder
	b.WriteString("define d0: note \"x\"\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "define d%d: d%d\n", i, i-1)
	}
	fmt.Fprintf(&b, "d%d\n", n-1)
	return b.String()
}

// TestBadInput: whatever comes in is answered by the one finding that says what is wrong, and by nothing that follows
// from it.
func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      string // the whole of what is said
	}{
		{"empty", "", "x.lrun:1:1: error: the file is empty: a runbook needs at least one step [L014]"},
		{"mark only", "\uFEFF", "x.lrun:1:1: error: the file is empty: a runbook needs at least one step [L014]"},
		{"comments only", "# x\n\n  # y\n", "x.lrun:1:1: error: the runbook has no step [L014]"},
		{"binary", "MZ\x90\x00\x03", "x.lrun:1:4: error: the file is binary: there is a NUL byte at offset 3 [L008]"},
		{"NUL in a string", "note \"a\x00b\"", "x.lrun:1:8: error: the file is binary: there is a NUL byte at offset 7 [L008]"},
		{"UTF-16", "\xFF\xFEn\x00o\x00", "x.lrun:1:1: error: the file is UTF-16, not UTF-8 [L008]"},
		{"Latin-1", "note \"a\"\nnote \"gr\xFC\xDFe\"", "x.lrun:2:9: error: the file is not UTF-8: byte 0xFC at offset 17 [L008]"},
		{"one long line", "note \"" + strings.Repeat("x", 1<<20) + "\"", "x.lrun:1:1: error: the file is larger than 1 MiB [L009]"},
		{"64 levels", nest(64), ""},
		{"65 levels", nest(65), "x.lrun:65:10: error: nested deeper than 64 levels [L009]"},
		{"10,000 blocks", nest(10_000), "x.lrun:65:10: error: nested deeper than 64 levels [L009]"},
		{"10,000 openers", strings.Repeat("for each domain:\n", 10_000), "x.lrun:65:16: error: nested deeper than 64 levels [L009]"},
		{"10,000 parentheses", "if " + strings.Repeat("(", 10_000) + "paired", "x.lrun:1:68: error: nested deeper than 64 levels [L009]"},
		{"10,000 else", "wait ready" + strings.Repeat(" else wait ready", 10_000), "x.lrun:1:1036: error: nested deeper than 64 levels [L009]"},
		{"100 steps with an else on one line", "if paired: " + strings.Repeat("wait ready else skip;", 100), ""},
		{"10,000 strings on one line", strings.Repeat("note \"x\";", 10_000), ""},
		{"10,000 end on one line", strings.Repeat("end;", 10_000), "x.lrun:1:1: error: `end` has no block to close [L004]"},
		{"10,000 else if", "if paired:\n" + strings.Repeat("else if paired:\n", 10_000) + "end", "x.lrun:66:1: error: an `if` with more than 64 `else` [L009]"},
		{"10,000 steps", strings.Repeat("note \"x\"\n", 10_000), ""},
		{"10,001 steps", strings.Repeat("note \"x\"\n", 10_001), "x.lrun:1:1: error: more than 10000 steps [L009]"},
		{"steps by doubling", doubling(60), "x.lrun:1:1: error: more than 10000 steps [L009]"},
		{"60 defines deep", chain(60), ""},
		{"100 defines deep", chain(100), "x.lrun:1:1: error: blocks and defines are nested deeper than 64 levels [L009]"},
		{"endless string", "note \"" + strings.Repeat("x", 1<<19), "x.lrun:1:6: error: the string that begins here is not closed [L005]"},
		{"control character", "note \"a\x1b[31m\"", "x.lrun:1:8: error: an invisible character, U+001B (escape) [L007]"},
		{"direction override", "note \"a\" # \u202Etxt", "x.lrun:1:12: error: an invisible character, U+202E (right-to-left override) [L007]"},
		{"no-break space", "note\u00A0\"a\"", "x.lrun:1:5: error: the character U+00A0 (no-break space) is not part of the language [L007]"},
		{"CRLF, tabs, mark", "\uFEFF\tfor each domain:\r\n\t\tverify\r\n\tend\r\n", ""},
		{"lone CR", "note \"a\"\rnote \"b\"\r", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ds := Load("x.lrun", []byte(tt.src), nil)
			if got := ds.Error(); got != tt.want {
				t.Errorf("Load said\n%s\nwant\n%s", clip(got), tt.want)
			}
			Check(p, PoolFacts{})
			if out := ds.Render(p.Sources, RenderOptions{}); len(out) > 1000 {
				t.Errorf("what is drawn is %d bytes long", len(out))
			}
		})
	}
}

// Chains of defines longer than anybody may recurse over are told without recursing.
func TestEndlessChain(t *testing.T) {
	_, ds := Load("x.lrun", []byte(chain(5000)), nil)
	if !ds.HasErrors() || ds[0].Code != codeLimit.id {
		t.Errorf("Load said %v", ds)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	for name, src := range map[string]string{
		"syntax":     strings.Repeat("stop stop\n", 20_000),
		"characters": strings.Repeat("& ", 400_000),
		"ends":       strings.Repeat("end\n", 200_000),
		"openers":    strings.Repeat("note \"x\" else:\nend end\n", 20_000),
		"unclosed":   strings.Repeat("if paired:\n", 60),
	} {
		_, ds := Load("x.lrun", []byte(src), nil)
		if n := len(ds); n != maxSyntaxErrors+1 || ds[n-1].Code != codeLimit.id && ds[0].Code != codeLimit.id && !hasCode(ds, codeLimit) {
			t.Errorf("%s: %d findings, want %d and the note that there are more\n%v", name, n, maxSyntaxErrors, ds)
		}
	}
}

func hasCode(ds Diagnostics, c code) bool {
	for _, d := range ds {
		if d.Code == c.id {
			return true
		}
	}
	return false
}

// An include that never ends is bounded by the number of files.
func TestIncludesAreBounded(t *testing.T) {
	n := 0
	_, ds := Load("x.lrun", []byte("include \"0.lrun\"\nnote \"x\""), func(string) ([]byte, error) {
		n++
		return fmt.Appendf(nil, "include \"%d.lrun\"\n", n), nil
	})
	if n >= maxFiles+1 || !hasCode(ds, codeLimit) {
		t.Errorf("%d files were read, and Load said %v", n, ds)
	}
}

func TestIncludePaths(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"a.lrun", "b.lrun", "b.lrun"},
		{"night/a.lrun", "b.lrun", "night/b.lrun"},
		{"night/a.lrun", "../lib/b.lrun", "lib/b.lrun"},
		{"night/a.lrun", "/lib/b.lrun", "/lib/b.lrun"},
		{`C:\night\a.lrun`, "b.lrun", `C:\night\b.lrun`},
		{`C:\night\a.lrun`, `D:\b.lrun`, `D:\b.lrun`},
		{"a.lrun", "./b.lrun", "b.lrun"},
	} {
		if got := joinPath(tt.from, tt.to); got != tt.want {
			t.Errorf("joinPath(%q, %q) = %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}

// Places are the same whatever ends a line, and count characters, not bytes.
func TestPlaces(t *testing.T) {
	src := "note \"ü€😀\"; verfy\nfoo\n"
	want := "x.lrun:1:13: error: unknown action \"verfy\" [L001]\nx.lrun:2:1: error: unknown action \"foo\" [L001]"
	for _, eol := range []string{"\n", "\r\n", "\r"} {
		_, ds := Load("x.lrun", bytes.ReplaceAll([]byte(src), []byte("\n"), []byte(eol)), nil)
		if got := ds.Error(); got != want {
			t.Errorf("with %q Load said\n%s\nwant\n%s", eol, got, want)
		}
	}
	f, _ := Parse("x.lrun", []byte("if paired:\n  stop else skip   # c\nend\n"))
	step := f.Items[0].(*If).Then[0].(*Step)
	if got := [2]int{step.EndPos.Line, step.EndPos.Column}; got != [2]int{2, 17} {
		t.Errorf("the step ends at %v, want 2:17", got)
	}
	if end := f.Items[0].End(); end.Line != 3 || end.Column != 4 {
		t.Errorf("the if ends at %v, want 3:4", end)
	}
}
