package explore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// TestMutate drops each guard of the seed procedure and of two shipped runbooks, and compares what is noticed with a file.
func TestMutate(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	var b strings.Builder
	for _, name := range []string{"lync2013-cu", "lync2013-cu-hold", "lync2013-paired-first"} {
		prog := shipped(t, name, "contoso-6")
		before := prove(t, prog, Options{Faults: 1}).Text(prog, nil)
		mutants, err := Mutate(t.Context(), prog, Options{Faults: 1})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s on contoso-6, up to 1 fault\n", name)
		for _, m := range mutants {
			by := "not noticed"
			switch {
			case m.Noticed:
				by = "noticed by " + m.By
			case m.Endings:
				by += ", but the endings or the worst case differ"
			}
			fmt.Fprintf(&b, "  %d:%d: %s: %s\n", m.Line, m.Col, m.Dropped, by)
		}
		b.WriteString("\n" + MutantsText(mutants) + "\n")
		again := shipped(t, name, "contoso-6")
		if after := prove(t, again, Options{Faults: 1}).Text(again, nil); after != before {
			t.Errorf("%s: the tree is not what it was:\n%s", name, after)
		}
		undone, err := Mutate(t.Context(), prog, Options{Faults: 0})
		if err != nil || len(undone) != len(mutants) {
			t.Errorf("%s: %d guards the second time, %d the first: %v", name, len(undone), len(mutants), err)
		}
	}
	golden.Check(t, "../../testdata/prove/mutants.golden", []byte(b.String()))
}
