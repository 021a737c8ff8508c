package explore

import (
	"os"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// TestEachGuardIsNeeded switches one guard of the interlock off at a time and finds a night that it would have prevented:
// the properties can fail, and no guard is there for nothing.
func TestEachGuardIsNeeded(t *testing.T) {
	large, err := pool.Decode("made.pool.yaml", []byte(`pool: pool01.contoso.com
product: lync2013
installer: C:\u.exe
domains:
  UD1: [fe01.contoso.com]
  UD2: [fe02.contoso.com, fe03.contoso.com]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		guards  interp.Guards
		runbook string
		pool    *pool.Pool
		faults  int
		with    Property // what is violated although the guard is on: the runbook relies on it
		without Property
	}{
		{"reading", interp.Guards{NoReading: true}, "no-wait", loadPool(t, "contoso-6"), 0, GuardReading, Service},
		{"verified", interp.Guards{NoVerified: true}, "verify-else-note", loadPool(t, "contoso-6"), 1, GuardVerified, OneDomain},
		// Two of three servers lie in one domain: without them the pool has no quorum. The cmdlet says Ready all the same.
		{"quorum", interp.Guards{NoQuorum: true}, "seed", large, 1, CanComplete, Quorum},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := seedText
			if c.runbook != "seed" {
				b, err := os.ReadFile("../../testdata/prove/wrong/" + c.runbook + ".lrun")
				if err != nil {
					t.Fatal(err)
				}
				src = string(b)
			}
			prog := compileFor(t, c.runbook+".lrun", src, c.pool)
			opts := Options{Faults: c.faults, noDeaths: true} // a death costs the pool of three its quorum, guard or not
			if a := prove(t, prog, opts); a.Property != c.with {
				t.Errorf("with the guard %q is violated, want %q\n%s", a.Property, c.with, a.Text(prog, nil))
			}
			opts.guards = c.guards
			if a := prove(t, prog, opts); a.Property != c.without {
				t.Errorf("without the guard %q is violated, want %q\n%s", a.Property, c.without, a.Text(prog, nil))
			}
		})
	}
}

// TestEveryOrder compares the exploration that takes alike servers for one, lets effects end in one order only and lets
// servers die only where it is noticed, with one that does nothing of this.
func TestEveryOrder(t *testing.T) {
	verifyShort := `
for each domain:
  wait ready retry 2 every 10m else failover
  stop graceful within 1h else stop
  upgrade within 1h
  restart within 30m
  verify retry 2 every 1m
end
if failed over: failback
`
	atMost := `
for each domain:
  wait ready retry 2 every 10m
  for each server at most 1 at once:
    stop within 10m
    upgrade within 1h
    restart within 30m
    verify retry 2 every 1m
  end
end
`
	// Of two servers in a domain the one that comes first is stopped first, alive or dead.
	firstInLine := `
sleep 30m
for each domain:
  if not domain ready: skip
  wait ready
  for each server at most 1 at once:
    stop
    upgrade within 1h
    restart within 1h
    verify retry 3 every 1m
  end
  hold ready 20m within 2h
end
`
	byServer := `
for each server:
  wait ready retry 2 every 10m else failover
  stop
  upgrade within 1h
  restart within 1h else abort "a"
  verify retry 2 every 1m
end
if failed over: failback
`
	// The one that comes first has begun, or has not, when the other aborts.
	oneAborts := `
for each domain:
  wait ready retry 2 every 10m
  stop
  upgrade within 1h else note "again"
  for each server:
    if not server upgraded: abort "no"
    upgrade within 1h
    restart within 1h
    verify retry 2 every 1m
  end
end
`
	for _, c := range []struct {
		name, src      string
		domains, size  int
		faults, crashs int
	}{
		{"two pairs", verifyShort, 2, 2, 0, 1},
		{"two pairs", verifyShort, 2, 2, 1, 0},
		{"three pairs", verifyShort, 3, 2, 0, 1},
		{"three pairs", verifyShort, 3, 2, 1, 0},
		{"three pairs", verifyShort, 3, 2, 1, 1},
		{"four", verifyShort, 4, 1, 2, 0},
		{"three at a time", verifyShort, 3, 3, 1, 0},
		{"six", seedText, 6, 1, 1, 1},
		{"one by one", atMost, 3, 2, 1, 0},
		{"no wait", "for each domain: stop; upgrade; restart; verify", 3, 2, 0, 0},
		{"the first in line is dead", firstInLine, 2, 2, 2, 0},
		{"server by server", byServer, 3, 2, 1, 0},
		{"server by server", byServer, 2, 2, 1, 1},
		{"one aborts", oneAborts, 3, 2, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			prog := compileFor(t, "test.lrun", c.src, poolOf(t, "lync2013", c.domains, c.size))
			few := prove(t, prog, Options{Faults: c.faults, Crashes: c.crashs})
			all := prove(t, prog, Options{Faults: c.faults, Crashes: c.crashs, EveryOrder: true})
			t.Logf("%s: %d states, %d without reduction", few.Bounds(), few.States, all.States)
			if few.Property != all.Property {
				t.Fatalf("violated: %q, without reduction %q\n%s", few.Property, all.Property, all.Text(prog, nil))
			}
			if few.Property != Holds {
				return
			}
			if x, y := few.Text(prog, nil), all.Text(prog, nil); x[:len(x)-lastLine(x)] != y[:len(y)-lastLine(y)] {
				t.Errorf("two answers:\n%s\n%s", x, y)
			}
		})
	}
}

// lastLine is the length of the last line, which counts states.
func lastLine(s string) int {
	n := 1
	for n < len(s) && s[len(s)-1-n] != '\n' {
		n++
	}
	return n
}
