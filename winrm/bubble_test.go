package winrm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/internal/memnet"
	"github.com/lrun/lrun/winrm/wsman"
)

// bubbleNight is a whole night as `lrun exec` goes through it: marks, discovery, preflight, the run with its journal, and
// the good-byes, against the modelled pool over real WS-Management messages. It lives in a bubble of package synctest, on a
// network inside the process, at the pace of a real night: the clock jumps whenever everybody waits. lrun can be killed
// in it, and comes back by its journal and its memory alone.
type bubbleNight struct {
	t      *testing.T
	net    *memnet.Network
	served *rehearsal.Server
	pool   *pool.Pool
	prog   *interp.Program
	begun  time.Time

	journal []byte            // what is durable
	memory  map[string]string // likewise
	lives   int               // of lrun: 1 + the times it was killed or started over
	openers int               // ... of which were given up before the run, untouched
	kills   int

	kill func() killing // asked once an event has come

	mu        sync.Mutex
	installed map[string]int
	booted    map[string]int // reboots of each server
	collided  bool
	denied    bool
}

// killing is where lrun is killed when an event has come.
type killing int

const (
	notKilled    killing = iota
	killedBefore         // before the event is on record
	killedAfter          // once it is, and before anything that it asks for is begun
	killedBegun          // once that was begun
)

const bubbleRun = "run-in-a-bubble"

// newBubbleNight serves a pool of six within the bubble that t belongs to, on a night that a scenario bends; "" is quiet.
func newBubbleNight(t *testing.T, scenario string, faults func(wsman.MessageInfo) wsman.Fault) *bubbleNight {
	n := &bubbleNight{
		t: t, net: memnet.New(), memory: map[string]string{}, installed: map[string]int{}, booted: map[string]int{},
		kill: func() killing { return notKilled },
	}
	p := shipped(t, "contoso-6")
	p.Connect.Identity = pool.Identity{Kind: pool.Task, Account: user}
	p.Connect.Via = ""
	seed := uint64(7)
	o := rehearsal.Options{
		Pool: p, Scenario: scenarioOf(t, p, scenario), Seed: &seed, TimeScale: 1, Listen: "127.0.0.1:0", User: user, Password: password,
		Auth: []pool.Auth{pool.Basic}, Faults: faults, Network: n.net.Listen, OnEvent: n.observe,
	}
	quickPhases(&o)
	served, err := rehearsal.Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	n.served = served
	t.Cleanup(func() {
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	if n.pool, err = pool.Decode("served.pool.yaml", served.PoolFile()); err != nil {
		t.Fatal(err)
	}
	n.prog = compile(t, n.pool, strings.Replace(procedure, "retry 3 every 10m", "retry 30 every 1m", 1))
	return n
}

// quickPhases makes every phase of a server take less than a minute: the same messages, with fewer of the same kind.
func quickPhases(o *rehearsal.Options) {
	o.Build = "5.0.8308.1149"
	short := pool.Range{Low: 20 * time.Second, High: 40 * time.Second}
	m := &o.Pool.Model
	m.Drain, m.Stop, m.Start, m.Upgrade, m.Reboot, m.Settle = short, short, short, short, short, short
	m.Failover, m.Failback, m.CMS, m.FailoverServer, m.FailbackServer = short, short, short, short, short
}

func (n *bubbleNight) observe(ev rehearsal.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch ev.Event {
	case rehearsal.EventInstalled:
		n.installed[ev.Server]++
	case rehearsal.EventBooted:
		n.booted[ev.Server]++
	case rehearsal.EventCollided:
		n.collided = true
	case rehearsal.EventDenied:
		n.denied = true
	}
}

// life is one process of lrun.
type life struct {
	n *bubbleNight

	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

var errKilled = errors.New("lrun was killed")

// dial is the network as the process has it.
func (l *life) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.n.net.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		c.Close()
		return nil, errKilled
	}
	l.conns = append(l.conns, c)
	return c, nil
}

// kill is SIGKILL as others see it: every connection closes, and nothing more is sent or kept.
func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for _, c := range l.conns {
		c.Close()
	}
}

// Get and Put are the memory of the run, of which a dead process keeps nothing more.
func (l *life) Get(key string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.n.memory[key]
	return v, ok
}

func (l *life) Put(key, value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errKilled
	}
	l.n.memory[key] = value
	return nil
}

// Append is the file of the journal.
func (l *life) Append(lines []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errKilled
	}
	l.n.journal = append(l.n.journal, lines...)
	return nil
}

func (l *life) connect() *winrm.Servers {
	s, err := winrm.Connect(l.n.pool, winrm.Login{
		Secret: func() string { return password }, Dial: dialOn(l.n.pool, l.dial),
	})
	if err != nil {
		l.n.t.Fatal(err)
	}
	return s
}

// mostLives is how often lrun may be started in one night; every night must come to an end.
const mostLives = 400

// comeBackAfter is how long it takes a person to start lrun again. The shells of a process that was killed stay for their
// idle time of three minutes, and a user has thirty.
const comeBackAfter = 20 * time.Second

// run lets lrun be started until the night is over.
func (n *bubbleNight) run() interp.Result {
	n.begun = time.Now()
	for n.lives < mostLives {
		n.lives++
		l := &life{n: n}
		servers := l.connect()
		res, over := n.live(l, servers)
		l.end(servers)
		if over {
			return res
		}
		time.Sleep(comeBackAfter)
	}
	n.t.Fatalf("lrun was started %d times and the night is not over", n.lives)
	return interp.Result{}
}

// end is what is left of a process: nothing where it was killed, and the good-byes elsewhere.
func (l *life) end(s *winrm.Servers) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.Close(ctx) // a session that is not closed ends by itself
	l.kill()
}

// live is one process. over is false where it was killed, or ended before the run began.
func (n *bubbleNight) live(l *life, servers *winrm.Servers) (res interp.Result, over bool) {
	ctx := n.t.Context()
	m, w := n.comeBack(l)
	if res, done := m.Result(); done {
		return res, true
	}
	marks, err := servers.Mark(ctx, bubbleRun, "alice on mgmt01", func(err error) { n.t.Error(err) })
	if err != nil {
		n.openers++
		n.t.Logf("-- not begun: %v", err)
		return res, false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = marks.Release(ctx) // a mark that stays behind dies by itself
	}()
	if !m.Begun() {
		// A resume looks around as well, in the same messages. Here that would be most of what a night sends.
		err = n.preflight(ctx, servers)
	}
	if err != nil {
		n.openers++
		n.t.Logf("-- not begun: %v", err)
		return res, false
	}
	if err := w.Session(interp.Session{}); err != nil {
		n.t.Fatal(err)
	}
	at := max(time.Since(n.begun), m.Now())
	world := winrm.NewWorld(servers, winrm.Options{Program: n.prog, Run: bubbleRun, Memory: l, From: at, Render: m.Render})
	defer world.Close()
	return n.drive(ctx, l, m, w, world, interp.Event{Kind: interp.Resumed, At: at})
}

func (n *bubbleNight) preflight(ctx context.Context, servers *winrm.Servers) error {
	found, err := servers.Discover(ctx)
	if err != nil {
		return err
	}
	if r := servers.Preflight(ctx, found, n.prog, bubbleRun); r.Worst() == winrm.Fail {
		return fmt.Errorf("preflight: %+v", r.Checks)
	}
	return nil
}

// comeBack brings the machine to where the journal ends.
func (n *bubbleNight) comeBack(l *life) (*interp.Machine, *interp.JournalWriter) {
	if len(n.journal) == 0 {
		h := interp.NewHeader(n.prog, interp.Args{}, nil, "served.pool.yaml")
		line, err := h.Line()
		if err != nil {
			n.t.Fatal(err)
		}
		n.journal = line
	}
	j, err := interp.DecodeJournal("journal.jsonl", bytes.Clone(n.journal))
	if err != nil {
		n.t.Fatalf("the journal: %v", err)
	}
	m, w, err := j.Replay(n.prog, l)
	if err != nil {
		n.t.Fatalf("the journal does not replay: %v", err)
	}
	return m, w
}

// drive is interp.DriveJournaled with places to be killed at.
func (n *bubbleNight) drive(ctx context.Context, l *life, m *interp.Machine, j *interp.JournalWriter, w *winrm.World, ev interp.Event) (interp.Result, bool) {
	if !m.Begun() {
		ev.Kind = interp.Began
	}
	for {
		if time.Since(n.begun) > 72*time.Hour {
			n.t.Fatal("the night does not end")
		}
		kill := n.kill()
		if kill == killedBefore {
			n.killed(l)
			return interp.Result{}, false
		}
		out := m.Step(ev)
		if err := j.Step(m, out); err != nil {
			n.t.Fatal(err)
		}
		if kill == killedAfter {
			n.killed(l)
			return interp.Result{}, false
		}
		w.Start(out.Effects)
		if res, done := m.Result(); done {
			return res, true
		}
		if kill == killedBegun {
			time.Sleep(time.Millisecond) // which passes once all that can be done at once is done
			n.killed(l)
			return interp.Result{}, false
		}
		var err error
		if ev, err = w.Next(ctx); err != nil {
			n.t.Fatalf("the run broke off: %v", err)
		}
	}
}

func (n *bubbleNight) killed(l *life) {
	n.kills++
	l.kill()
}

// judge tells whether the night was what every night has to be.
func (n *bubbleNight) judge(res interp.Result) {
	n.t.Helper()
	if res.Ending != interp.Completed {
		n.t.Errorf("the night ended %s", res.Ending)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, server := range n.pool.Names(n.pool.All()) {
		if c := n.installed[server]; c != 1 {
			n.t.Errorf("%s was updated %d times", server, c)
		}
	}
	if n.collided {
		n.t.Error("something was begun under an installer")
	}
	if n.denied {
		n.t.Error("a password was tried that is wrong")
	}
	j, err := interp.DecodeJournal("journal.jsonl", n.journal)
	if err != nil {
		n.t.Fatalf("the journal: %v", err)
	}
	if outcome, done := j.Finished(); !done || outcome != "completed" {
		n.t.Errorf("the journal ends %q", outcome)
	}
}
