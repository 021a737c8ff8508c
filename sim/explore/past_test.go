package explore

import (
	"strings"
	"testing"
)

// TestDifferencesPastAViolation compares runbooks that violate the same property: that says nothing of all else they do.
func TestDifferencesPastAViolation(t *testing.T) {
	full := `
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade within 1h
  restart within 30m
  verify retry 5 every 1m
  hold ready 20m within 2h
end
if failed over: failback
`
	less := full
	for _, line := range []string{"  verify retry 5 every 1m\n", "  hold ready 20m within 2h\n", "if failed over: failback\n"} {
		less = strings.Replace(less, line, "", 1)
	}
	p := poolOf(t, "lync2013", 3, 1)
	answer := func(src string) *Answer {
		a := prove(t, compileFor(t, "test.lrun", src, p), Options{Faults: 1})
		if a.Property != Quorum {
			t.Fatalf("violated: %s", a.Name())
		}
		past, err := Past(t.Context(), compileFor(t, "test.lrun", src, p), Options{Faults: 1})
		if err != nil {
			t.Fatal(err)
		}
		a.Past = past
		return a
	}
	prog := compileFor(t, "test.lrun", full, p)
	text, differs := Differences(prog, compileFor(t, "test.lrun", less, p), answer(full), answer(less), nil)
	for _, want := range []string{"Both violate quorum", "the new runbook violates failed-back as well", "worst case"} {
		if !differs || !strings.Contains(text, want) {
			t.Errorf("differs: %v, no %q in\n%s", differs, want, text)
		}
	}
	if text, differs := Differences(prog, prog, answer(full), answer(full), nil); differs || !strings.Contains(text, "Nothing else differs") {
		t.Errorf("the same again: %v\n%s", differs, text)
	}
}
