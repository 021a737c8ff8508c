package winrm_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/transport"
)

// BenchmarkStep carries out one step, a verify, on a server whose shell is kept open, by the code that exec uses: the
// effect, the script, the messages, the answer understood. Beside it the same messages, byte for byte, go over bare
// connections to somebody who answers at once: the command, then its input with the wait for its output beside it, as
// the transport sends them. Both are medians, in ms; over-ms is what a step takes beyond its round trips, the work of the
// endpoint that acts the server out included. The messages are those of Basic, which sealing makes a little longer.
func BenchmarkStep(b *testing.B) {
	for _, auth := range []pool.Auth{pool.Basic, pool.NTLM} {
		b.Run(string(auth), func(b *testing.B) {
			r := serve(b, "contoso-12", "", func(o *rehearsal.Options, _ *winrm.Credentials) {
				o.TimeScale, o.Auth = 1, []pool.Auth{auth, pool.Basic}
			})
			raw := bareStep(b, recorded(b, r))
			prog := compile(b, r.pool, procedure)
			w := winrm.NewWorld(r.servers, winrm.Options{Program: prog, Run: "bench"})
			defer w.Close()
			step := func(n int) {
				if ev := verify(b, w, n); ev.Outcome != interp.Done {
					b.Fatalf("%+v", ev)
				}
			}
			step(0) // connects, logs in and opens the shell
			var steps, raws []time.Duration
			for n := 1; b.Loop(); n++ {
				begun := time.Now()
				step(n)
				steps = append(steps, time.Since(begun))
			}
			for range steps {
				begun := time.Now()
				raw()
				raws = append(raws, time.Since(begun))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(steps), "step-ms")
			b.ReportMetric(median(raws), "raw-ms")
			b.ReportMetric(median(steps)-median(raws), "over-ms")
		})
	}
}

// verify carries out the step on the first server, as the n-th effect of the world.
func verify(b *testing.B, w *winrm.World, n int) interp.Event {
	b.Helper()
	id := interp.EffectID{Try: uint16(n), Phase: uint16(n >> 16)}
	w.Start([]interp.Effect{{ID: id, Action: interp.Verify, Domain: -1}})
	ev, err := w.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return ev
}

func median(list []time.Duration) (ms float64) {
	list = slices.Sorted(slices.Values(list))
	return float64(list[len(list)/2]) / float64(time.Millisecond)
}

// spoken is a message and its answer, as they went over the wire.
type spoken struct{ message, answer []byte }

// step is what a step says: the command, then its input and the wait for its output.
type step struct{ command, send, receive spoken }

// recorded carries out one step by Basic and listens.
func recorded(b *testing.B, r *rig) step {
	b.Helper()
	tape := &tape{}
	p := *r.pool
	p.Connect.Auth = pool.Basic
	servers, err := winrm.Connect(&p, winrm.Login{Dial: func(server string) (transport.Runner, error) {
		addr, err := net.ResolveTCPAddr("tcp", p.Connect.Address(server))
		if err != nil {
			return nil, err
		}
		return transport.Open(transport.Config{
			Host: addr.IP.String(), Port: addr.Port, Dial: tape.dial, ServerName: server,
			Auth: transport.Basic(transport.NewCredential(user, password)),
		})
	}})
	if err != nil {
		b.Fatal(err)
	}
	w := winrm.NewWorld(servers, winrm.Options{Program: compile(b, &p, procedure), Run: "tape"})
	ev := verify(b, w, 0)
	w.Close()
	// All good-byes are said before this returns.
	if err := servers.Close(b.Context()); err != nil || ev.Outcome != interp.Done {
		b.Fatalf("%v, %+v", err, ev)
	}
	return step{tape.find(b, "/shell/Command<"), tape.find(b, "/shell/Send<"), tape.find(b, "/shell/Receive<")}
}

// tape keeps what is spoken on the connections that it dials.
type tape struct {
	mu     sync.Mutex
	spoken []*spoken
}

func (t *tape) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &taped{Conn: c, tape: t}, nil
}

// find gives the one message that holds a text.
func (t *tape) find(b *testing.B, text string) spoken {
	b.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []spoken
	for _, s := range t.spoken {
		if bytes.Contains(s.message, []byte(text)) {
			found = append(found, *s)
		}
	}
	if len(found) != 1 || len(found[0].answer) == 0 {
		b.Fatalf("%d messages with %s", len(found), text)
	}
	return found[0]
}

// taped is a connection on which one message is answered after the other.
type taped struct {
	net.Conn
	tape *tape
	now  *spoken
}

func (c *taped) Write(p []byte) (int, error) {
	c.tape.mu.Lock()
	c.now = &spoken{message: bytes.Clone(p)} // the transport writes a message at once
	c.tape.spoken = append(c.tape.spoken, c.now)
	c.tape.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *taped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tape.mu.Lock()
	defer c.tape.mu.Unlock()
	if c.now != nil {
		c.now.answer = append(c.now.answer, p[:n]...)
	}
	return n, err
}

// bareStep makes what says a step's messages over connections that are open, and waits for their answers.
func bareStep(b *testing.B, s step) func() {
	b.Helper()
	first, second := bare(b, s.command, s.send), bare(b, s.receive)
	return func() {
		first()
		output := make(chan struct{})
		go func() { second(); close(output) }()
		first()
		<-output
	}
}

// bare opens a connection to somebody who knows what will be said on it, in turn, for ever.
func bare(b *testing.B, says ...spoken) func() {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		heard := make([]byte, 1<<20)
		for i := 0; ; i++ {
			s := says[i%len(says)]
			if _, err := io.ReadFull(far, heard[:len(s.message)]); err != nil {
				return
			}
			if _, err := far.Write(s.answer); err != nil {
				return
			}
		}
	}()
	b.Cleanup(func() {
		for _, c := range []io.Closer{c, far, l} {
			_ = c.Close() // nothing is said any more
		}
		<-ended
	})
	answer := make([]byte, 1<<20)
	i := 0
	return func() {
		s := says[i%len(says)]
		i++
		_, err := c.Write(s.message)
		if err == nil {
			_, err = io.ReadFull(c, answer[:len(s.answer)])
		}
		if err != nil {
			b.Error(err)
		}
	}
}
