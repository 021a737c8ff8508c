package interp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// BenchmarkNight runs one night of twelve servers in six domains through the machine alone: every answer is at hand and
// good, so that nothing is measured but the machine. quiet is the machine of one who explores: no records.
func BenchmarkNight(b *testing.B) {
	var pf strings.Builder
	pf.WriteString("pool: pool01.contoso.com\nproduct: lync2013\nbackup: pool02.contoso.com\ninstaller: C:\\u.exe\ndomains:\n")
	for d := range 6 {
		fmt.Fprintf(&pf, "  UD%d: [fe%02d.contoso.com, fe%02d.contoso.com]\n", d+1, 2*d+1, 2*d+2)
	}
	p, err := pool.Decode("bench.pool.yaml", []byte(pf.String()))
	if err != nil {
		b.Fatal(err)
	}
	src, diags := lang.Load("bench.lrun", []byte(`
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade
  restart
  verify retry 60 every 1m
  hold ready 20m within 2h
end
if failed over: failback
`), nil)
	if diags.HasErrors() {
		b.Fatal(diags.Error())
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, quiet := range []bool{true, false} {
		b.Run(fmt.Sprintf("quiet=%t", quiet), func(b *testing.B) {
			b.ReportAllocs()
			events, queue := 0, make([]interp.Effect, 0, 32)
			m := interp.New(prog, interp.Args{})
			if quiet {
				m.Quiet()
			}
			first := m.State()
			good := interp.Reading{State: interp.Ready, Pool: interp.Active, SQL: true, Domains: pool.FirstN(6), Running: p.All()}
			for b.Loop() {
				m.SetState(&first)
				queue = append(queue[:0], m.Step(interp.Event{Kind: interp.Began}).Effects...)
				at := m.Now()
				for len(queue) > 0 {
					e := queue[0]
					queue = append(queue[:0], queue[1:]...)
					at += e.For
					queue = append(queue, m.Step(interp.Event{Kind: interp.Ended, ID: e.ID, At: at, Outcome: interp.Done, Reading: good}).Effects...)
					events++
				}
				if res, _ := m.Ending(); res != interp.Completed {
					b.Fatal(res)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			b.ReportMetric(float64(events)/float64(b.N), "events/night")
		})
	}
}
