//go:build unix

package main

import (
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReport shows a run that was killed in its middle, and the same run once it has been resumed to its end.
func TestReport(t *testing.T) {
	t.Parallel()
	f := serveFarm(t, quick, "", nil)
	if p := f.exec("after:27"); p.code >= 0 {
		t.Fatalf("%v", p)
	}
	file := filepath.Join(f.dir, "night.html")
	page := func() string {
		t.Helper()
		if p := f.lrun("", "report", "-o", file); p.code != exitDone {
			t.Fatalf("%v", p)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return html.UnescapeString(string(data))
	}
	contains := func(page string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %q:\n%s", want, page)
			}
		}
	}
	killed := page()
	contains(killed, "goes on with it", "<td>under way</td>", `runbook "nightly"`, "begun by ", `<rect class="`)
	if strings.Contains(killed, `class="outcome good"`) {
		t.Error("a broken-off run looks good")
	}
	f.completes()
	whole := page()
	contains(whole, "Completed after ", "6 of 6 servers", "resumed by ", `class="outcome good"`, "UD6 fe06.contoso.com</td><td>verify</td><td>done</td>")
	if strings.Contains(whole, "<td>under way</td>") {
		t.Error("a step of a completed run is under way")
	}
	for _, args := range [][]string{{"report"}, {"report", "-o", filepath.Join(f.dir, "no", "night.html")}, {"report", "nothing", "-o", file}} {
		if p := f.lrun("", args...); p.code != exitUsage {
			t.Errorf("lrun %v: %v", args, p)
		}
	}
}
