package winrm_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/wsman"
)

// crashes drives a run that is killed again and again, and gone on with by what is on record alone.
type crashes struct {
	t      *testing.T
	r      *rig
	prog   *interp.Program
	path   string // of the memory
	events []interp.Event
	kills  int

	world   *winrm.World
	servers *winrm.Servers
	memory  interface{ Close() error }
	machine *interp.Machine
}

// open begins, or comes back: a machine replayed from the events, and a World that knows what is in the memory's file.
func (c *crashes) open() {
	m, err := winrm.OpenMemory(c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	c.memory = m
	login, err := winrm.NewLogin(c.r.pool, winrm.Credentials{Password: password})
	if err != nil {
		c.t.Fatal(err)
	}
	if c.servers, err = winrm.Connect(c.r.pool, login); err != nil {
		c.t.Fatal(err)
	}
	c.machine = interp.New(c.prog, interp.Args{})
	from := time.Duration(0)
	for _, ev := range c.events {
		c.machine.Step(ev)
		from = ev.At
	}
	c.world = winrm.NewWorld(c.servers, winrm.Options{
		Program: c.prog, Run: "crash-run", Memory: m, From: from, Render: c.machine.Render,
	})
}

func (c *crashes) close() {
	c.world.Close()
	if err := c.servers.Close(context.Background()); err != nil {
		c.t.Log(err) // the connections may be cut
	}
	if err := c.memory.Close(); err != nil {
		c.t.Error(err)
	}
}

// run goes on to the end. killed tells before each event whether lrun is killed there: 1 once the event is on record and
// before anything it asks for is begun, 2 once that was begun.
func (c *crashes) run(killed func(n int) int) interp.Result {
	ctx, cancel := context.WithTimeout(c.t.Context(), 4*time.Minute)
	defer cancel()
	d := interp.NewDescriber(c.prog, nil)
	c.open()
	ev := interp.Event{Kind: interp.Began}
	for n := 1; ; n++ {
		c.events = append(c.events, ev)
		out := c.machine.Step(ev)
		for i := range out.Records {
			if line := d.Line(&out.Records[i]); line != "" {
				c.t.Log(line)
			}
		}
		if res, done := c.machine.Result(); done {
			c.close()
			return res
		}
		kill := killed(n)
		if kill != 1 {
			c.world.Start(out.Effects)
		}
		if kill > 0 {
			c.kills++
			c.t.Logf("-- killed after event %d (%d)", n, kill)
			c.close()
			c.open()
			ev = interp.Event{Kind: interp.Resumed, At: c.world.Now()}
			continue
		}
		var err error
		if ev, err = c.world.Next(ctx); err != nil {
			c.t.Fatalf("the run broke off: %v", err)
		}
	}
}

func (c *crashes) onceEach(res interp.Result) {
	c.t.Helper()
	if res.Ending != interp.Completed {
		c.t.Errorf("the night ended %s", res.Ending)
	}
	n := c.r.installs()
	for _, server := range c.r.pool.Names(c.r.pool.All()) {
		if n[server] != 1 {
			c.t.Errorf("%s was updated %d times", server, n[server])
		}
	}
	if c.r.has(rehearsal.EventCollided) {
		c.t.Error("something was begun under an installer")
	}
}

func newCrashes(t *testing.T, name string, set func(*rehearsal.Options, *winrm.Credentials)) *crashes {
	r := serve(t, name, "", func(o *rehearsal.Options, c *winrm.Credentials) {
		shortNight(o, c)
		if set != nil {
			set(o, c)
		}
	})
	return &crashes{t: t, r: r, prog: compile(t, r.pool, procedure), path: filepath.Join(t.TempDir(), "servers.jsonl")}
}

// TestKilledAgainAndAgain kills lrun every few events, in turn before and after what an event asks for is begun. The
// gaps differ from night to night, so that together the nights are killed nearly everywhere.
func TestKilledAgainAndAgain(t *testing.T) {
	for _, gaps := range [][]int{{4, 9, 6}, {7, 6, 11}} {
		t.Run(fmt.Sprint(gaps), func(t *testing.T) {
			c := newCrashes(t, "contoso-6", nil)
			next, how := gaps[0], 0
			res := c.run(func(n int) int {
				if n != next {
					return 0
				}
				how++
				next += gaps[how%len(gaps)]
				return 1 + how%2
			})
			c.onceEach(res)
			t.Logf("%d events, %d kills", len(c.events), c.kills)
		})
	}
}

func TestConnectionsCutAgainAndAgain(t *testing.T) {
	for _, f := range []struct {
		name  string
		fault wsman.Fault
	}{
		{"request lost", wsman.Fault{Kind: wsman.FaultReset}},
		{"answer lost", wsman.Fault{Kind: wsman.FaultReset, After: true}},
		{"answer broken", wsman.Fault{Kind: wsman.FaultTruncate, After: true}},
		{"rubbish", wsman.Fault{Kind: wsman.FaultRubbish, After: true}},
	} {
		t.Run(f.name, func(t *testing.T) {
			var messages, cut atomic.Int64
			c := newCrashes(t, "contoso-3", func(o *rehearsal.Options, _ *winrm.Credentials) {
				// What breaks is tried again in the time of the wall: the night is short, and its hours are long enough for that.
				o.TimeScale, o.Build = 300, "5.0.8308.1149"
				o.Faults = func(wsman.MessageInfo) wsman.Fault {
					if n := messages.Add(1); n%11 == 0 {
						cut.Add(1)
						return f.fault
					}
					return wsman.Fault{}
				}
			})
			c.onceEach(c.run(func(int) int { return 0 }))
			t.Logf("%d messages, %d of them cut", messages.Load(), cut.Load())
		})
	}
}
