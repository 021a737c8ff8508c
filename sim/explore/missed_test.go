package explore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runbooks"
	"github.com/lrun/lrun/sim"
)

// sizedPool makes a pool of domains of the sizes given.
func sizedPool(t testing.TB, product, model string, sizes ...int) *pool.Pool {
	t.Helper()
	p, err := pool.Decode("made.pool.yaml", []byte(sizedText(product, model, sizes)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sizedText(product, model string, sizes []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool: pool01.contoso.com\nproduct: %s\nbackup: pool02.contoso.com\ninstaller: C:\\Updates\\u.exe\ndomains:\n", product)
	n := 0
	for d, size := range sizes {
		var names []string
		for range size {
			n++
			names = append(names, fmt.Sprintf("fe%02d.contoso.com", n))
		}
		fmt.Fprintf(&b, "  UD%d: [%s]\n", d+1, strings.Join(names, ", "))
	}
	if model != "" {
		fmt.Fprintf(&b, "model: {%s}\n", model)
	}
	return b.String()
}

// missed is a runbook with a night of the model that the explorer once had no night for.
type missed struct {
	name            string
	product, model  string
	sizes           []int
	src             string
	faults, crashes int
	props           string
	scenario        string // of the simulated nights; "" = healthy ones
	nights          int    // how many of them
	ends            string // how at least one of them ends: without it the case shows nothing
	breaks          string // the property that is violated; "" = none is, "any" = not asked
	never           string // an ending that the explorer must not have without a fault
}

// missedNights are nights that were once outside of what the explorer had, the truth being package sim.
var missedNights = []missed{
	{
		name: "a failed-over pool loses its quorum", product: "lync2013", sizes: []int{2, 3}, nights: 20,
		src: "shipped lync2013-paired-first", faults: 1, crashes: 1, ends: "failed over=true left=true down=true", breaks: "can-complete",
	},
	{
		name: "a server dies in a failed-over pool", product: "lync2013", sizes: []int{1, 1, 1}, nights: 20, faults: 1,
		src:      "failover\nfor each domain:\n  stop\n  upgrade within 1h\n  restart within 30m\n  verify retry 3 every 1m\nend\nfailback",
		scenario: "{server: fe02.contoso.com, down: 40m}", ends: "failed over=true left=true down=true",
	},
	{
		name: "what stops is rebuilt: hold", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 50,
		src: "for each domain:\n  wait ready\n  stop\n  hold ready 5m within 10m\n  upgrade within 1h\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m\nend",
		ends: "failed over=false left=true down=false",
	},
	{
		name: "what stops is rebuilt: time", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 50,
		src: "for each domain:\n  wait ready\n  stop\n  hold ready 5m within 1h\n  upgrade within 1h\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		ends: "completed over=false left=false down=false",
	},
	{
		name: "what stops is rebuilt: wait", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 200,
		src: "for each domain:\n  wait ready\n  stop\n  wait ready retry 3 every 5m else abort \"busy\"\n  upgrade within 1h\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		ends: "aborted over=false left=true down=true",
	},
	{
		name: "what is quick leaves the replicas less time", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 200,
		src: "for each domain:\n  wait ready retry 2 every 10m else abort \"busy\"\n  stop graceful within 1h else stop\n  upgrade within 1h\n" +
			"  restart within 30m\n  verify retry 60 every 1m\n  run \"Get-CsService\"\nend",
		ends: "aborted over=false left=true down=false",
	},
	{
		name: "a second installer while services start", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 100,
		src: "for each domain:\n  wait ready\n  stop\n  upgrade within 1h\n  restart within 10m else upgrade within 1h\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		ends: "completed over=false left=false down=false", breaks: "stopped-first",
	},
	{
		name: "a slow reboot ends after its bound", product: "lync2013", sizes: []int{1, 1, 1}, nights: 40, faults: 1,
		src: "for each domain:\n  wait ready retry 6 every 10m\n  stop\n  upgrade within 1h\n  restart within 20m else note \"slow\"\n" +
			"  verify retry 60 every 1m\n  hold ready 20m within 2h\nend",
		scenario: "{server: fe02.contoso.com, on: restart, is: slow 3x, times: 1}",
		ends:     "completed over=false left=false down=false", breaks: "any",
	},
	{
		name: "a reboot after its bound is no failure", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 200,
		src: "for each domain:\n  wait ready\n  stop\n  upgrade within 1h\n  restart within 10m else note \"slow\"\n" +
			"  verify retry 20 every 1m\n  hold ready 20m within 2h\nend",
		ends: "completed over=false left=false down=false", never: "failed",
	},
	{
		name: "nothing is done on a server that reboots", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 100,
		src: "for each domain:\n  wait ready\n  stop\n  upgrade within 1h\n  restart within 6m else stop else abort \"gone\"\n  restart within 1h\n" +
			"  verify retry 20 every 1m\n  hold ready 20m within 2h\nend",
		ends: "aborted over=false left=true down=true", breaks: "any",
	},
	{
		name: "a rolling reboot drains", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 60, breaks: "any",
		src:  "for each domain:\n  wait ready\n  restart within 20m\n  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		ends: "failed over=false left=false down=true",
	},
	{
		name: "a rolling reboot takes its drain", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 30,
		src:  "for each domain:\n  wait ready\n  restart within 1h\n  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		ends: "completed over=false left=false down=false",
	},
	{
		name: "a server dies between two of its actions", product: "lync2013", sizes: []int{2, 2, 2}, nights: 100, faults: 1,
		src: "for each domain:\n  wait ready\n  stop\n  upgrade within 1h else upgrade within 1h else abort \"dead\"\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		scenario: "{server: fe02.contoso.com, down: 100s}", ends: "aborted over=false left=true down=true",
	},
	{
		name: "a server dies while the runbook sleeps", product: "lync2013", sizes: []int{1, 1, 1, 1}, nights: 10, faults: 1,
		src: "for each domain:\n  wait ready\n  stop\n  sleep 10m\n  upgrade within 1h else upgrade within 1h else abort \"dead\"\n  restart within 1h\n" +
			"  verify retry 5 every 1m\n  hold ready 20m within 2h\nend",
		scenario: "{server: fe01.contoso.com, down: 6m}", ends: "aborted over=false left=true down=true",
	},
	{
		name: "services that a failover disabled do not start", product: "sfb2015", sizes: []int{1, 1, 1, 1}, nights: 20,
		src: "for each server:\n  wait ready retry 3 every 10m\n  failover server\n  upgrade within 1h\n  restart within 1h\n" +
			"  start else abort \"disabled\"\n  failback server\n  verify retry 3 every 1m\n  hold ready 5m\nend",
		ends: "aborted over=false left=true down=true", breaks: "can-complete",
	},
	{
		name: "a bound as long as the range is kept", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 100,
		src: "for each domain:\n  wait ready\n  stop\n  upgrade within 20m\n  restart within 15m\n  verify retry 20 every 1m\n" +
			"  hold ready 20m within 2h\nend",
		ends: "completed over=false left=false down=false", never: "failed",
	},
	{
		name: "a notification that hangs", product: "lync2013", sizes: []int{1, 1, 1, 1}, nights: 5, faults: 1,
		src:      "for each domain:\n  wait ready\n  notify \"x\" within 5h\n  stop\n  start\n  verify retry 3 every 1m within 8h\n  hold ready 1m within 1h\nend",
		scenario: "{on: notify, is: hang, times: 1}", ends: "completed over=false left=false down=false",
	},
	{
		name: "a test that hangs", product: "lync2013", sizes: []int{1, 1, 1, 1}, nights: 5, faults: 1,
		src:      "for each domain:\n  wait ready\n  stop\n  start\n  verify within 8h\n  hold ready 1m within 1h\nend",
		scenario: "{server: fe01.contoso.com, on: verify, is: hang, times: 1}", ends: "failed over=false left=false down=true",
	},
	{
		name: "a cmdlet that does not answer", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 5, faults: 1,
		src:      "for each domain:\n  run \"x\"\n  wait ready retry 3 every 2h else note \"x\"\nend",
		scenario: "{pool: unanswered, at: 11m}", ends: "failed over=false left=false down=false",
	},
	{
		name: "a hold reads once a minute", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 30,
		src: "shipped lync2013-cu-hold", ends: "completed over=false left=false down=false",
	},
	{
		name: "a hold is delayed", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 10, faults: 1,
		src: "shipped lync2013-cu-hold", scenario: "{pool: busy, at: 77m, for: 98m}", ends: "completed over=false left=false down=false",
	},
	{
		name: "a hold begins anew after a death", product: "lync2013", sizes: []int{1, 1, 1, 1, 1, 1}, nights: 20, faults: 1,
		src:      "for each domain:\n  wait ready\n  stop within 12m\n  start within 36m\n  verify retry 3 every 1m\n  hold ready 1h within 150m\nend\nsleep 6h",
		scenario: "{server: fe06.contoso.com, down: 70m}", ends: "failed over=false left=false down=true",
	},
}

// TestMissedNights plays nights that the explorer once had none for: each of them ends as it says, takes no longer than it
// says, and where a property was missed it is violated.
func TestMissedNights(t *testing.T) {
	for _, c := range missedNights {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := sizedPool(t, c.product, c.model, c.sizes...)
			name, src := "test.lrun", c.src
			if short, ok := strings.CutPrefix(src, "shipped "); ok {
				for _, f := range runbooks.Files() {
					if f.Name == short {
						name, src = f.File, string(f.Text)
					}
				}
			}
			prog := compileFor(t, name, src, p)
			opts := Options{Faults: c.faults, Crashes: c.crashes, Clock: -1}
			if c.props != "" {
				props, err := ParseProps("test.props", []byte(c.props))
				if err != nil {
					t.Fatal(err)
				}
				opts.Props = props
			}
			judged := prove(t, prog, opts)
			if c.breaks != "any" && judged.Property.String() != c.breaks {
				t.Errorf("%q is violated, want %q\n%s", judged.Property, c.breaks, judged.Text(prog, nil))
			}
			opts.goOn, opts.Props = true, nil
			a := prove(t, prog, opts)
			if c.never != "" {
				for _, w := range a.Endings {
					if w.Ending.String() == c.never && w.Faults == 0 {
						t.Errorf("it ends %s without a fault", c.never)
					}
				}
			}
			text := "faults: []\n"
			if c.scenario != "" {
				text = "faults:\n  - " + c.scenario + "\n"
			}
			ends := map[string]int{}
			for i := range c.nights {
				got, why := covered(t, a, prog, text, i)
				ends[got.String()]++
				if why != "" {
					t.Errorf("night %d: %s\nwith %s%s", i, why, text, strings.Join(a.Ways(), "\n"))
					break
				}
			}
			if ends[c.ends] == 0 {
				t.Errorf("no simulated night ends %s: %v", c.ends, ends)
			}
		})
	}
}

// nightChoosers are the ways in which chance may go: the first nights are the longest, the shortest and the usual one.
func chooserOf(i int) sim.Chooser {
	switch i {
	case 0:
		return sim.Longest{}
	case 1:
		return sim.Shortest{}
	case 2:
		return sim.First{}
	}
	return sim.Seeded(uint64(i))
}

// covered simulates one night and says why it is none that the explorer has, "" where it is one: it ends as no explored one
// does, or takes longer than the worst case.
func covered(t *testing.T, a *Answer, prog *interp.Program, scenario string, i int) (got seen, why string) {
	t.Helper()
	sc, err := pool.DecodeScenario("drawn", []byte(scenario), prog.Pool)
	if err != nil {
		t.Fatalf("%v\n%s", err, scenario)
	}
	r, err := sim.NewRehearsal(prog, sc, interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Night(t.Context(), chooserOf(i), nil)
	if err != nil {
		t.Fatal(err)
	}
	res := &n.Result
	got = seen{res.Ending, res.FailedOver, len(res.Remaining)+len(res.Skipped) > 0, len(res.Down) > 0}
	switch {
	case !endsOf(a)[got]:
		return got, fmt.Sprintf("it ends %s, which no explored night does: %s", got, res.Reason)
	case a.Property == Holds && n.Crashes == 0 && res.Elapsed > a.WorstCase:
		return got, fmt.Sprintf("it takes %v, the worst case is %v", res.Elapsed, a.WorstCase)
	}
	return got, ""
}
