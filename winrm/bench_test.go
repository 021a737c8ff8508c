package winrm_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/internal/memnet"
	"github.com/lrun/lrun/winrm/wsman"
)

// slow is a network that takes a while for each message, and knows when each one came.
type slow struct {
	takes time.Duration

	mu   sync.Mutex
	came []time.Time
}

func (s *slow) fault(wsman.MessageInfo) wsman.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = append(s.came, time.Now())
	return wsman.Fault{Latency: s.takes}
}

// begin forgets the messages so far.
func (s *slow) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = nil
}

// critical is the longest chain of messages each of which came after the delay of the one before it was over: how often
// one had to be waited for before the next could be sent. What is still delayed, nobody has waited for.
func (s *slow) critical() (chain, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	came, now := slices.SortedFunc(slices.Values(s.came), time.Time.Compare), time.Now()
	longest := make([]int, len(came)) // of the chains that end with a message
	for i, at := range came {
		if now.Sub(at) < s.takes {
			break
		}
		longest[i] = 1
		for j := range i {
			if at.Sub(came[j]) >= s.takes {
				longest[i] = max(longest[i], longest[j]+1)
			}
		}
		chain = max(chain, longest[i])
	}
	return chain, len(came)
}

const latency = 200 * time.Millisecond

// surveyor looks at a pool of twelve over a slow network, with sessions that are kept open.
func surveyor(t testing.TB, n *memnet.Network, s *slow) (look func()) {
	r := serveOn(t, n, "contoso-12", "", func(o *rehearsal.Options, _ *winrm.Credentials) {
		o.TimeScale, o.Faults = 1, s.fault
	})
	prog := compile(t, r.pool, procedure)
	look = func() {
		w := winrm.NewWorld(r.servers, winrm.Options{Program: prog, Run: "bench"}) // one that knows no look of a moment ago
		defer w.Close()
		w.Start([]interp.Effect{{ID: interp.EffectID{Try: 1}, Action: interp.Survey, Server: interp.Pool, Domain: -1}})
		ev, err := w.Next(t.Context())
		if err != nil || ev.Reading.Pool != interp.Active || ev.Reading.Running.Len() != 12 {
			t.Fatalf("%+v, %v", ev, err)
		}
	}
	look() // connects, logs in and opens the shells
	return look
}

// TestSurveyTakesTwoRoundTrips: a look at the pool is two messages one after the other, whatever the number of servers: the
// command, then its input with the wait for its output beside it. The servers are surveyed at once, and what is read of the
// pool as a task is read beside them.
func TestSurveyTakesTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: latency}
		look := surveyor(t, memnet.New(), s)
		time.Sleep(time.Minute) // the good-byes of the first look
		s.begin()
		began := time.Now()
		look()
		if took := time.Since(began); took != 2*latency {
			t.Errorf("a survey takes %s where a message takes %s and all else nothing", took, latency)
		}
		time.Sleep(time.Minute)
		// Each server is asked once, and one of them for the pool's state and its databases, in four messages each.
		if _, messages := s.critical(); messages != (12+1)*4 {
			t.Errorf("a survey is %d messages", messages)
		}
	})
}

// BenchmarkSurvey looks at a pool of twelve over a network that takes 200 ms for each message, and over one that takes
// nothing. critical-s is the critical path of the injected delays, overhead what the wall takes on top of it, as a share.
func BenchmarkSurvey(b *testing.B) {
	for _, c := range []struct {
		name string
		slow *slow
	}{{"200ms", &slow{takes: latency}}, {"0ms", &slow{}}} {
		b.Run(c.name, func(b *testing.B) {
			look := surveyor(b, nil, c.slow)
			path := time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				time.Sleep(5 * c.slow.takes) // the good-byes of the look before
				c.slow.begin()
				b.StartTimer()
				look()
				chain, _ := c.slow.critical()
				path += time.Duration(chain) * c.slow.takes
			}
			report(b, path)
		})
	}
}

// BenchmarkNight is a whole night of twelve servers that take no time for anything, over a network that takes 200 ms for
// each message. What is left are the round trips, and the pauses between polls, which are short at this time scale.
func BenchmarkNight(b *testing.B) {
	path := time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		s := &slow{takes: latency}
		r := serve(b, "contoso-12", "", func(o *rehearsal.Options, _ *winrm.Credentials) {
			o.TimeScale, o.Faults, o.Build = 1000, s.fault, "5.0.8308.1149"
			m := &o.Pool.Model
			for _, phase := range []*pool.Range{&m.Drain, &m.Stop, &m.Start, &m.Upgrade, &m.Reboot, &m.Settle, &m.Verify} {
				*phase = pool.Range{}
			}
		})
		s.begin()
		b.StartTimer()
		r.exec(b, strings.NewReplacer("within 1h", "within 12h", "within 30m", "within 12h").Replace(procedure))
		b.StopTimer()
		chain, messages := s.critical()
		path += time.Duration(chain) * latency
		b.ReportMetric(float64(messages), "messages")
		if n := len(r.installs()); n != 12 {
			b.Fatalf("%d servers were updated", n)
		}
		b.StartTimer()
	}
	report(b, path)
}

func report(b *testing.B, path time.Duration) {
	if path > 0 {
		b.ReportMetric(path.Seconds()/float64(b.N), "critical-s")
		b.ReportMetric(float64(b.Elapsed())/float64(path)-1, "overhead")
	}
}
