package lang

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func find(pos, end Pos) Diagnostics {
	return Diagnostics{{Code: "L001", Pos: pos, End: end, Summary: "wrong", Hint: "mend it"}}
}

func at(line, column, offset int) Pos {
	return Pos{Filename: "x.lrun", Line: line, Column: column, Offset: offset}
}

func TestRender(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name string
		src  string
		ds   Diagnostics
		want string
	}{
		{"a word", "stop\nverfy now", find(at(2, 1, 5), at(2, 6, 10)),
			"x.lrun:2:1: error: wrong [L001]\n    1 | stop\n    2 | verfy now\n      | ^^^^^ mend it\n"},
		{"nothing, at the end of the line", "stop", find(at(1, 5, 4), at(1, 5, 4)),
			"x.lrun:1:5: error: wrong [L001]\n    1 | stop\n      |     ^ mend it\n"},
		{"over two lines", "stop\nstart", find(at(1, 3, 2), at(2, 2, 6)),
			"x.lrun:1:3: error: wrong [L001]\n    1 | stop\n      |   ^ mend it\n"},
		{"behind a tab", "\tstop", find(at(1, 2, 1), at(1, 6, 5)),
			"x.lrun:1:2: error: wrong [L001]\n    1 |   stop\n      |   ^^^^ mend it\n"},
		{"letters of several bytes", "note \"ü€😀\" x", find(at(1, 12, 17), at(1, 13, 18)),
			"x.lrun:1:12: error: wrong [L001]\n    1 | note \"ü€😀\" x\n      |            ^ mend it\n"},
		{"a blank line before", "\nstop", find(at(2, 1, 1), at(2, 5, 5)),
			"x.lrun:2:1: error: wrong [L001]\n    2 | stop\n      | ^^^^ mend it\n"},
		{"far out in a long line", long, find(at(1, 200, 199), at(1, 203, 202)),
			"x.lrun:1:200: error: wrong [L001]\n    1 | …" + long[:140] + "…\n      | " + strings.Repeat(" ", 60) + "^^^ mend it\n"},
		{"something that a terminal would obey", "note \"\x1b[2J\"", find(at(1, 7, 6), at(1, 8, 7)),
			"x.lrun:1:7: error: wrong [L001]\n    1 | note \"\uFFFD[2J\"\n      |       ^ mend it\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.ds.Render(map[string][]byte{"x.lrun": []byte(tt.src)}, RenderOptions{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderWithoutSource(t *testing.T) {
	got := find(at(3, 1, 9), at(3, 2, 10)).Render(nil, RenderOptions{})
	if want := "x.lrun:3:1: error: wrong [L001]\n      = mend it\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRenderInColor(t *testing.T) {
	src := map[string][]byte{"x.lrun": []byte("stop")}
	plain := find(at(1, 1, 0), at(1, 5, 4)).Render(src, RenderOptions{})
	colored := find(at(1, 1, 0), at(1, 5, 4)).Render(src, RenderOptions{Color: true})
	if !strings.Contains(colored, "\x1b[1;31m^^^^\x1b[0m") {
		t.Errorf("the caret is not red: %q", colored)
	}
	strip := strings.NewReplacer("\x1b[1m", "", "\x1b[1;31m", "", "\x1b[2m", "", "\x1b[0m", "")
	if diff := cmp.Diff(plain, strip.Replace(colored)); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
}

func TestDiagnosticJSON(t *testing.T) {
	got, err := json.Marshal(find(at(2, 1, 5), at(2, 6, 10)))
	want := `[{"file":"x.lrun","line":2,"column":1,"end_line":2,"end_column":6,"severity":"error","code":"L001","message":"wrong","hint":"mend it"}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestDiagnosticsAreAnError(t *testing.T) {
	warning := Diagnostics{{Code: "L067", Severity: Warning}}
	if err := warning.Err(); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
	var ds Diagnostics
	if err := find(at(1, 1, 0), at(1, 1, 0)).Err(); !errors.As(err, &ds) || len(ds) != 1 {
		t.Errorf("the findings are not in the error %v", err)
	}
}

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
	}{
		{"90s", 90 * time.Second}, {"10m", 10 * time.Minute}, {"90m", 90 * time.Minute}, {"1h30m", 90 * time.Minute},
		{"2d", 48 * time.Hour}, {"1d23h59m59s", 48*time.Hour - time.Second}, {"0s", 0}, {"100d", 2400 * time.Hour},
		{"2400h", 2400 * time.Hour}, {"1h5s", time.Hour + 5*time.Second},
	} {
		if got, err := ParseDuration(tt.text); err != nil || got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "m", "10", "10 m", "-5m", "+5m", "1e9h", "1.5h", "30m1h", "1h90m", "1h60m", "1h1h",
		"1h30", "5M", "5min", "5ms", "101d", "100d1s", "99999999999999999999s", "٣m"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, time.Hour, 25*time.Hour + 61*time.Second} {
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%v is written %s and read as %v, %v", d, FormatDuration(d), got, err)
		}
	}
}

// A title and a default are taken with {{ undone; a text is cut at its insertions.
func TestTexts(t *testing.T) {
	p, ds := Load("night/x.lrun", []byte("runbook \"a {{b}\"\nparam q = \"{{c} \"\"d\"\"\"\nnote \"{q}{{e}\"\n"), nil)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if p.Name != "a {b}" || p.Params[0].Default.Text != `{c} "d"` {
		t.Errorf("Name = %q, default = %q", p.Name, p.Params[0].Default.Text)
	}
	parts := p.Body[0].(*Step).Action.(*Note).Text.Parts
	if len(parts) != 2 || parts[0].Name != "q" || parts[1].Literal != "{e}" {
		t.Errorf("Parts = %+v", parts)
	}
	if p, _ := Load(`C:\night\x.lrun`, []byte("note \"x\""), nil); p.Name != "x" {
		t.Errorf("without a title Name = %q, want x", p.Name)
	}
}
