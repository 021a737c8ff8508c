package interp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
)

// standing is where each server stands, in a line.
func standing(m *interp.Machine) string {
	var b strings.Builder
	for _, s := range m.Servers() {
		name, _, _ := strings.Cut(s.Server, ".")
		fmt.Fprintf(&b, "%s %s", name, s.State)
		if s.Action != interp.NoAction {
			fmt.Fprintf(&b, " %s", s.Doing)
		}
		if s.Down {
			b.WriteString(" down")
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// TestServers tells where the servers stand at the end of nights that go wrong, from the journal alone.
func TestServers(t *testing.T) {
	for scenario, want := range map[string]string{
		"quiet":           "fe01 done; fe02 done; fe03 done; fe04 done; fe05 done; fe06 done",
		"installer-fails": "fe01 done; fe02 failed upgrade down; fe03 due; fe04 due; fe05 due; fe06 due",
		"installer-hangs": "fe01 done; fe02 in-doubt upgrade down; fe03 due; fe04 due; fe05 due; fe06 due",
	} {
		prog := loadProgram(t, "contoso-6.pool.yaml")
		n := newNight(t, prog, loadScenario(t, scenario, prog.Pool))
		if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
			t.Fatal(err)
		}
		n.reopen(t)
		if got := standing(n.m); got != want {
			t.Errorf("%s:\n got %s\nwant %s", scenario, got, want)
		}
	}
}

// TestServersUnderWay tells where they stand while the journal grows.
func TestServersUnderWay(t *testing.T) {
	prog := loadProgram(t, "contoso-6.pool.yaml")
	n := newNight(t, prog, nil)
	k := &killedAfter{n.world, n.sink, 10}
	if _, err := interp.DriveJournaled(context.Background(), n.m, k, n.w, interp.Event{Kind: interp.Began}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	n.reopen(t)
	want := "fe01 busy stop down; fe02 due; fe03 due; fe04 due; fe05 due; fe06 due"
	if got := standing(n.m); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
