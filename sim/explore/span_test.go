package explore

import (
	"testing"
	"time"
)

// TestLongWaits: the worst case of a night with waits of many days is not cut.
func TestLongWaits(t *testing.T) {
	prog := compileFor(t, "test.lrun", "sleep 20d\nfor each domain: wait ready\nsleep 90d\n", poolOf(t, "lync2013", 3, 1))
	if a := prove(t, prog, Options{Clock: -1}); a.WorstCase < 110*24*time.Hour || a.WorstCase > 111*24*time.Hour {
		t.Errorf("worst case %s", a.WorstCase)
	}
}
