package winrm_test

import (
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/wsman"
)

// BenchmarkSurvey looks at a pool of twelve, with sessions kept open, over a network that takes 200 ms for each message,
// and over one that takes nothing. A look is six messages one after the other, whatever the number of servers: two each
// (the command, then its input with the wait for its output beside it) for the survey of all servers at once, the start
// of the task that reads the pool's state, and its end. overhead is what comes on top of these 1.2 s, as a share of them.
func BenchmarkSurvey(b *testing.B) {
	for _, c := range []struct {
		name    string
		latency time.Duration
	}{{"200ms", 200 * time.Millisecond}, {"0ms", 0}} {
		b.Run(c.name, func(b *testing.B) {
			r := serve(b, "contoso-12", "", func(o *rehearsal.Options, _ *winrm.Credentials) {
				o.TimeScale = 1
				o.Faults = func(wsman.MessageInfo) wsman.Fault { return wsman.Fault{Latency: c.latency} }
			})
			prog := compile(b, r.pool, procedure)
			w := winrm.NewWorld(r.servers, winrm.Options{Program: prog, Run: "bench"})
			defer w.Close()
			look := func(n int) {
				w.Start([]interp.Effect{{ID: interp.EffectID{Try: uint16(n)}, Action: interp.Survey, Server: interp.Pool, Domain: -1}})
				ev, err := w.Next(b.Context())
				if err != nil || ev.Reading.Pool != interp.Active || ev.Reading.Running.Len() != 12 {
					b.Fatalf("%+v, %v", ev, err)
				}
			}
			look(0) // connects, logs in and opens the shells
			for n := 1; b.Loop(); n++ {
				look(n)
			}
			if c.latency > 0 {
				critical := 6 * c.latency
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(critical)-1, "overhead")
			}
		})
	}
}
