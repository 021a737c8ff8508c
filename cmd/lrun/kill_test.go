//go:build unix

package main

import (
	"fmt"
	"os"
	"testing"
)

// killsVar is "all" where every record of the night is to be tried; that takes minutes.
const killsVar = "LRUN_TEST_KILLS"

// TestKilledAnywhere kills lrun before and after each record of a night and resumes it. Every night is completed, every
// server is updated once by its own count, and the journal holds what it held when lrun was killed.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	whole := serveFarm(t, quick, "", nil)
	if p := whole.exec(""); p.code != exitDone {
		t.Fatalf("%v", p)
	}
	whole.installedOnce()
	records := whole.journal().Records()
	stride := 6
	if os.Getenv(killsVar) == "all" {
		stride = 1
	}
	t.Logf("%d records, every %d. is tried", records, stride)
	for seq := 1; seq <= records; seq += stride {
		for _, when := range []string{"before", "after"} {
			kill := fmt.Sprintf("%s:%d", when, seq)
			t.Run(kill, func(t *testing.T) {
				t.Parallel()
				killedAndResumed(t, kill, when, seq)
			})
		}
	}
}

func killedAndResumed(t *testing.T, kill, when string, seq int) {
	f := serveFarm(t, quick, "", nil)
	p := f.exec(kill)
	if p.code >= 0 {
		t.Skipf("this night is over before record %d: exit code %d", seq, p.code)
	}
	held := f.journal().Records()
	if when == "before" && held >= seq+8 || when == "after" && held < seq {
		t.Errorf("killed %s, the journal holds %d records", kill, held)
	}
	again := f.lrun("", "resume", "--yes")
	if again.code != exitDone {
		t.Fatalf("resumed after %s: %v\nbefore that: %v", kill, again, p)
	}
	f.installedOnce()
	if j := f.journal(); j.Records() < held {
		t.Errorf("the journal held %d records and now holds %d", held, j.Records())
	}
}
