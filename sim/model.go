package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// config is what a night never changes; forks share it.
type config struct {
	prog   *interp.Program
	pool   *pool.Pool
	model  pool.Model
	faults []pool.Fault
	start  pool.Start
	answer pool.Answers
	edges  []int64 // when faults begin or are over, in order

	n            int // servers
	groups       int
	replicas     int // of a group
	need         int // replicas without which a group is without service
	all          pool.Set
	every        uint32                    // all routing groups
	mates        [pool.MaxServers]pool.Set // the servers of each server's domain
	builds       []build                   // texts of the builds; 0 is the one of the night's start where the scenario names none
	installs     []uint8                   // the build that each upgrade step brings, by Instr.Upgrade
	firstInstall uint8                     // the builds from here on are what an installer brings
	actionFaults bool
}

// build is the text of a build; known is false where the runbook only tells it as it runs.
type build struct {
	text  string
	known bool
}

// Model is a night of one pool, an [interp.World] on a virtual clock. Copied by assignment it is a fork: the copy shares
// what never changes and, until [Model.SetChooser] gives it another, the Chooser.
type Model struct {
	cfg *config
	ch  Chooser
	st  State
}

var _ interp.World = (*Model)(nil)

// New makes the model of the program's pool as the scenario finds it at second 0; a nil scenario is a healthy night. It
// fails where the scenario does not fit the pool or has more than 64 faults.
func New(prog *interp.Program, sc *pool.Scenario, ch Chooser) (*Model, error) {
	if sc == nil {
		sc = &pool.Scenario{}
	}
	cfg, err := newConfig(prog, sc)
	if err != nil {
		return nil, err
	}
	m := &Model{cfg: cfg, ch: ch}
	m.reset()
	return m, nil
}

// Again makes the night begin anew with other choices, without a new configuration.
func (m *Model) Again(ch Chooser) {
	m.ch = ch
	m.reset()
}

func newConfig(prog *interp.Program, sc *pool.Scenario) (*config, error) {
	p := prog.Pool
	n := len(p.Servers)
	switch {
	case n < 2 || n > pool.MaxServers:
		return nil, fmt.Errorf("a pool of %d servers cannot be modelled", n)
	case len(sc.Faults) > maxFaults:
		return nil, fmt.Errorf("the scenario has %d faults, the limit is %d", len(sc.Faults), maxFaults)
	case len(sc.Start.Version) > n:
		return nil, fmt.Errorf("the scenario names versions of %d servers, the pool has %d", len(sc.Start.Version), n)
	}
	c := &config{
		prog: prog, pool: p, model: p.Model, faults: sc.Faults, start: sc.Start, answer: sc.Answers,
		n: n, groups: min(2*n, maxGroups), replicas: 3, need: 2, all: p.All(),
	}
	c.every = uint32(uint64(1)<<c.groups - 1)
	if n == 2 {
		c.replicas, c.need = 2, 1
	}
	for s := range p.Servers {
		c.mates[s] = p.Domains[p.Servers[s].Domain].Servers
	}
	for i := range sc.Faults {
		f := &sc.Faults[i]
		if f.Server >= n || f.Domain >= len(p.Domains) {
			return nil, fmt.Errorf("fault %d of the scenario is about a server or domain that the pool has not", i+1)
		}
		switch f.Kind {
		case pool.FaultAction:
			c.actionFaults = true
			continue
		case pool.FaultReading, pool.FaultCrash:
			continue
		}
		c.edges = append(c.edges, f.At.Milliseconds())
		if f.For > 0 {
			c.edges = append(c.edges, (f.At + f.For).Milliseconds())
		}
	}
	slices.SortFunc(c.edges, cmp.Compare[int64])
	c.edges = slices.Compact(c.edges)
	return c, c.readBuilds()
}

// readBuilds gives every build of the night a number: those the scenario starts with, and what each upgrade step brings,
// which is what the verify step behind it expects.
func (c *config) readBuilds() error {
	c.builds = append(c.builds, build{"", true})
	for _, v := range c.start.Version {
		if v != "" && !slices.Contains(c.builds, build{v, true}) {
			c.builds = append(c.builds, build{v, true})
		}
	}
	c.firstInstall = uint8(len(c.builds))
	pending := -1
	for i := range c.prog.Instrs {
		in := &c.prog.Instrs[i]
		switch {
		case in.Op != interp.OpStep:
		case in.Action == interp.Upgrade:
			for len(c.installs) <= int(in.Upgrade) {
				c.installs = append(c.installs, 0)
			}
			c.installs[in.Upgrade] = uint8(len(c.builds))
			pending = len(c.builds)
			c.builds = append(c.builds, build{})
		case in.Action == interp.Verify && pending >= 0:
			if s, known := in.Text.Const(); s != "" || !known {
				c.builds[pending] = build{s, known}
				pending = -1
			}
		}
		if len(c.builds) > 250 {
			return errors.New("the runbook has too many upgrade steps for the model")
		}
	}
	return nil
}

// reset puts the model to second 0.
func (m *Model) reset() {
	c := m.cfg
	m.st = State{state: interp.Active, quorate: true, cutSince: -1}
	st := &m.st
	st.stats.CutAt = -1
	for i := range st.jobs {
		st.jobs[i].slot = -1
	}
	if c.start.FailedOver {
		st.state = interp.FailedOver
	}
	for s := range c.n {
		sv := &st.servers[s]
		sv.phase = running
		sv.bootAt = -1
		if s < len(c.start.Version) && c.start.Version[s] != "" {
			sv.build = uint8(slices.Index(c.builds, build{c.start.Version[s], true}))
		}
		sv.disabled = c.start.Disabled.Has(s)
		sv.pending = c.start.RebootPending.Has(s)
		switch {
		case c.start.Down.Has(s):
			sv.phase = off
			sv.dead, sv.died = true, true
		case sv.disabled || c.start.Stopped.Has(s):
			sv.phase = stopped
		}
		if sv.phase == running {
			st.running |= pool.SetOf(s)
		}
	}
	st.holding = st.running
	m.spread(true)
	m.recount()
	m.plan()
}

// plan makes the next edge of the scenario due.
func (m *Model) plan() {
	if int(m.st.edge) < len(m.cfg.edges) {
		m.push(entry{at: m.cfg.edges[m.st.edge], kind: dueEdge})
	}
}

// push makes something due; a queue that is full stops the model.
func (m *Model) push(e entry) {
	if e.at >= never {
		return
	}
	if !m.st.queue.push(e) {
		m.st.failed = tooMuchDue
	}
}

func (m *Model) clock() time.Duration { return time.Duration(m.st.now) * time.Millisecond }

// Now is the model's time since the start.
func (m *Model) Now() time.Duration { return m.clock() }

// State copies the state, to be put back by [Model.SetState] on a model of the same program and scenario.
func (m *Model) State() State { return m.st }

// SetState makes s the state.
func (m *Model) SetState(s *State) { m.st = *s }

// SetChooser makes ch decide from now on.
func (m *Model) SetChooser(ch Chooser) { m.ch = ch }

// Stats says what the night has done so far.
func (m *Model) Stats() Stats {
	s := m.st.stats
	if m.st.cut > 0 {
		s.CutFor += m.st.now - m.st.cutSince
	}
	return s
}

// Errors of [Model.Next] beside that of its context.
var (
	// ErrNothingDue means that no effect is in flight and nothing will happen any more.
	ErrNothingDue = errors.New("the model has nothing to wait for")
	errEffects    = fmt.Errorf("more than %d effects are in flight", maxSlots)
	errDue        = fmt.Errorf("more than %d things are due at one time", maxQueue)
)

// Start takes effects and begins them, in their order, at the model's present time.
func (m *Model) Start(effects []interp.Effect) {
	for i := range effects {
		m.begin(&effects[i])
	}
}

// Next lets time go on to the next thing that the machine has to know.
func (m *Model) Next(ctx context.Context) (interp.Event, error) {
	if err := ctx.Err(); err != nil {
		return interp.Event{}, err
	}
	for {
		switch m.st.failed {
		case tooManyEffects:
			return interp.Event{}, errEffects
		case tooMuchDue:
			return interp.Event{}, errDue
		}
		if m.st.queue.n == 0 {
			return interp.Event{}, ErrNothingDue
		}
		e := m.st.queue.pop()
		m.st.now = e.at
		if ev, told := m.happen(&e); told {
			return ev, nil
		}
	}
}

// Away lets time go on while nobody watches: lrun was killed, and will be back after d. Nothing that was in flight will
// end; what goes on without lrun does, and can be looked at afterwards.
func (m *Model) Away(d time.Duration) {
	st := &m.st
	for i := range st.slots {
		if st.slots[i].used {
			m.free(int8(i))
		}
	}
	for i := range st.jobs {
		j := &st.jobs[i]
		j.slot = -1
		if j.state == going && j.action == interp.Restart && j.stage == restartDrain {
			m.orphan(int8(i)) // the reboot was still to come, and nobody sends it
		}
	}
	until := st.now + d.Milliseconds()
	for st.queue.n > 0 && st.queue.heap[0].at <= until && st.failed == noFailure {
		e := st.queue.pop()
		st.now = e.at
		m.happen(&e)
	}
	st.now = until
}

// happen carries out what is due. It reports whether there is something to tell.
func (m *Model) happen(e *entry) (interp.Event, bool) {
	switch e.kind {
	case dueEnd:
		return m.tellEnd(e.who), true
	case dueFact:
		return interp.Event{
			Kind: interp.Fact, At: m.clock(), Fact: interp.FactKind(e.gen), Server: e.who, Count: e.n,
			Text: m.words(text(e.text), e.who, e.n),
		}, true
	case dueBound:
		m.boundPassed(e.who)
	case dueCut:
		m.connectionLost(e.who)
	case dueCheck:
		m.verified(e.who)
	case duePoll:
		return m.poll(e.who)
	case dueServer:
		if e.gen == m.st.servers[e.who].gen {
			m.serverStep(e.who)
		}
	case dueInstall:
		if e.gen == m.st.servers[e.who].installs {
			m.installed(e.who)
		}
	case dueJob:
		if j := m.job(e.who); e.gen == j.gen && j.state == going {
			m.jobStep(e.who, j)
		}
	case dueSettle:
		if e.gen == m.st.gen {
			m.settled()
		}
	case dueEdge:
		m.edgePassed()
	}
	return interp.Event{}, false
}

// tell makes a fact due at once.
func (m *Model) tell(f interp.FactKind, server int8, n int32, t text) {
	m.push(entry{at: m.st.now, kind: dueFact, gen: uint16(f), who: server, n: n, text: uint8(t)})
}

// usersHere is how many people this pool serves.
func (m *Model) usersHere() int32 {
	if m.st.state == interp.FailedOver {
		return 0
	}
	return int32(m.cfg.model.Users)
}

// usersOf is how many of the users belong to a set of routing groups.
func (m *Model) usersOf(groups uint32) int32 {
	return int32(int64(m.usersHere()) * int64(bits.OnesCount32(groups)) / int64(m.cfg.groups))
}
