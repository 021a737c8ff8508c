package winrm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

// farm is a pool whose servers are tables of answers. It lives in a bubble of package synctest: hours take no time.
type farm struct {
	t       *testing.T
	pool    *pool.Pool
	servers *Servers
	memory  Memory

	mu    sync.Mutex
	hosts map[string]*host
}

// host answers scripts by the functions of its table.
type host struct {
	farm *farm
	name string

	// Under the farm's lock.
	state    map[string]string // state of each service
	start    string            // Auto or Disabled
	activity map[string]string
	boot     string
	nonce    string
	version  string
	silent   error // why it does not answer
	jobs     map[string]*scripts.JobStatus
	calls    []string // the scripts that were run, in order

	// on replaces or adds what a script does. Where it returns nil the table's own answer follows.
	on    map[scripts.Script]func(args json.RawMessage) (out any, err error)
	delay map[scripts.Script]time.Duration // how much longer a script takes
	// job begins a job's work; it returns the result after which time.
	job map[scripts.Script]func() (time.Duration, any, *scripts.ScriptError)
}

var fakeServices = []string{"RTCSRV", "RTCIMMCU", "RTCRGS", "W3SVC", "FabricHostSvc", "REPLICA", "RTCCLSAGT"}

func newFarm(t *testing.T) *farm {
	t.Helper()
	p, err := pool.Decode("test.pool.yaml", []byte(`pool: pool01.contoso.com
product: lync2013
backup: pool02.contoso.com
domains: {UD1: [fe01.contoso.com], UD2: [fe02.contoso.com], UD3: [fe03.contoso.com]}
installer: C:\Updates\LyncServerUpdateInstaller.exe
connect: {auth: ntlm, user: CONTOSO\lync-admin}
`))
	if err != nil {
		t.Fatal(err)
	}
	f := &farm{t: t, pool: p, memory: NoMemory(), hosts: map[string]*host{}}
	names := append(p.Names(p.All()), "b01.contoso.com", "b02.contoso.com")
	for _, name := range names {
		h := &host{
			farm: f, name: name, start: "Auto", boot: "2026-11-01T00:00:00.0000000Z", version: "5.0.8308.887",
			state: map[string]string{}, activity: map[string]string{}, jobs: map[string]*scripts.JobStatus{},
			on:  map[scripts.Script]func(json.RawMessage) (any, error){},
			job: map[scripts.Script]func() (time.Duration, any, *scripts.ScriptError){},
		}
		h.all("Running")
		f.hosts[name] = h
	}
	f.servers, err = Connect(p, Login{
		Secret: func() string { return "secret-of-the-test" },
		Dial:   func(server string) (transport.Runner, error) { return f.hosts[server], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (h *host) all(state string) {
	for _, s := range fakeServices {
		h.state[s] = state
	}
}

// set changes a host under the lock.
func (f *farm) set(name string, change func(h *host)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.hosts[name+".contoso.com"])
}

// later changes a host after a while.
func (f *farm) later(d time.Duration, name string, change func(h *host)) {
	time.AfterFunc(d, func() { f.set(name, change) })
}

// called tells how often a script was run on a host.
func (f *farm) called(name string, s scripts.Script) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.hosts[name+".contoso.com"].calls {
		if c == string(s) {
			n++
		}
	}
	return n
}

func (h *host) Close(context.Context) error { return nil }

// Run answers one call of the bootstrap.
func (h *host) Run(ctx context.Context, _ string, stdin []byte) (transport.Result, error) {
	req, err := scripts.DecodeRequest(stdin)
	if err != nil {
		return transport.Result{}, err
	}
	h.farm.mu.Lock()
	takes := 10*time.Millisecond + h.delay[req.Name]
	h.farm.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return transport.Result{}, &transport.Error{Host: h.name, Op: "receive", State: transport.InDoubt, Err: context.Cause(ctx)}
	}
	out, err := h.answer(req)
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return transport.Result{}, &transport.Error{Host: h.name, Op: "receive", State: transport.InDoubt, Err: context.Cause(ctx)}
	}
	var fail *scripts.ScriptError
	if err != nil && !errors.As(err, &fail) {
		return transport.Result{}, err
	}
	line, err := scripts.EncodeResult(req.Nonce, out, fail)
	return transport.Result{Stdout: line}, err
}

var errHangs = errors.New("it never answers")

func broken() error {
	return &transport.Error{Host: "x", Op: "receive", State: transport.InDoubt, Err: errors.New("connection reset by peer")}
}

func off() error {
	return &transport.Error{Host: "x", Op: "connect", State: transport.NotBegun, Err: errors.New("connection refused")}
}

func (h *host) answer(req scripts.Request) (any, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	if h.silent != nil {
		return nil, h.silent
	}
	h.calls = append(h.calls, string(req.Name))
	return h.act(req)
}

// act is what a script does here. The caller holds the farm's lock.
func (h *host) act(req scripts.Request) (any, error) {
	if act := h.on[req.Name]; act != nil {
		if out, err := act(req.Args); out != nil || err != nil {
			return out, err
		}
	}
	return h.usual(req)
}

// usual is the table of a server that does as it is told at once.
func (h *host) usual(req scripts.Request) (any, error) {
	switch req.Name {
	case scripts.Survey:
		return h.survey(req.Args), nil
	case scripts.Readiness:
		return h.readiness("Ready", "True"), nil
	case scripts.Registrar:
		return scripts.RegistrarResult{State: "Active"}, nil
	case scripts.Mirror:
		return scripts.MirrorResult{Databases: []scripts.Database{{Name: "rtcxds", Primary: "Principal"}}}, nil
	case scripts.PoolFacts:
		return h.poolFacts(req.Args)
	case scripts.Computers:
		return scripts.ComputersResult{Computers: []string{"b01.contoso.com", "b02.contoso.com"}}, nil
	case scripts.Backup:
		return scripts.BackupResult{BackupPool: "pool02.contoso.com", Modules: []scripts.BackupModule{{Text: "UserServices.PresenceFocus:[SteadyState,NormalState]"}}}, nil
	case scripts.CMS:
		return scripts.CMSResult{Master: "b01.contoso.com", Stores: []scripts.Store{{Pool: "pool02.contoso.com", Active: "True"}}}, nil
	case scripts.Edge:
		return scripts.EdgeResult{}, nil
	case scripts.Stop:
		h.all("Stopped")
		return scripts.Asked{Asked: true}, nil
	case scripts.Start:
		h.all("Running")
		return scripts.Asked{Asked: true}, nil
	case scripts.BootMark:
		var a scripts.BootMarkArgs
		_ = json.Unmarshal(req.Args, &a)
		h.nonce = a.Nonce
		return scripts.BootMarkResult{Boot: h.boot, Nonce: h.nonce}, nil
	case scripts.Restart:
		return h.restart(req.Args), nil
	case scripts.JobStart:
		return h.jobStart(req.Args)
	case scripts.JobRead:
		return h.jobRead(req.Args)
	case scripts.JobPoll:
		var a scripts.JobPollArgs
		_ = json.Unmarshal(req.Args, &a)
		if j := h.jobs[a.ID]; j != nil {
			return *j, nil
		}
		return scripts.JobStatus{Boot: h.boot, Task: "none"}, nil
	case scripts.JobVoid:
		var a scripts.JobVoidArgs
		_ = json.Unmarshal(req.Args, &a)
		if h.jobs[a.ID] == nil {
			h.jobs[a.ID] = &scripts.JobStatus{Void: true, Boot: h.boot, Task: "none"}
		}
		return *h.jobs[a.ID], nil
	case scripts.JobRemove:
		return map[string]bool{"removed": true}, nil
	}
	return nil, &scripts.ScriptError{Msg: "no answer to " + string(req.Name)}
}

func (h *host) survey(raw json.RawMessage) scripts.SurveyResult {
	var a scripts.SurveyArgs
	_ = json.Unmarshal(raw, &a)
	r := scripts.SurveyResult{
		FQDN: h.name, Now: time.Now().UTC().Format(time.RFC3339Nano), Boot: h.boot, BootNonce: h.nonce,
		Versions: []scripts.Component{{Component: "Core Components", Version: h.version}},
	}
	for _, name := range fakeServices {
		r.Services = append(r.Services, scripts.Service{Name: name, State: h.state[name], Start: h.start, Lync: true, Activity: h.activity[name]})
	}
	for _, p := range a.Ports {
		r.Ports = append(r.Ports, scripts.Port{Port: p, Accepts: h.state[frontEnd] == "Running"})
	}
	return r
}

func (h *host) readiness(state, flag string) scripts.ReadinessResult {
	r := scripts.ReadinessResult{Cmdlet: "Get-CsPoolUpgradeReadinessState", State: state, Text: "PoolUpgradeState : " + state}
	for _, d := range h.farm.pool.Domains {
		r.Domains = append(r.Domains, scripts.Domain{Name: d.Name, Ready: flag, FrontEnds: h.farm.pool.Names(d.Servers)})
	}
	return r
}

// restart takes the server down for five minutes.
func (h *host) restart(raw json.RawMessage) scripts.RestartResult {
	var a scripts.RestartArgs
	_ = json.Unmarshal(raw, &a)
	if h.nonce == "" || a.Nonce != h.nonce {
		return scripts.RestartResult{Asked: false, RC: -1, Boot: h.boot, Nonce: h.nonce}
	}
	time.AfterFunc(5*time.Second, func() {
		h.farm.mu.Lock()
		defer h.farm.mu.Unlock()
		h.silent, h.nonce = off(), ""
		time.AfterFunc(5*time.Minute, func() {
			h.farm.mu.Lock()
			defer h.farm.mu.Unlock()
			h.silent, h.boot = nil, time.Now().UTC().Format(time.RFC3339Nano)
			h.all("Running")
		})
	})
	return scripts.RestartResult{Asked: true, Boot: h.boot, Nonce: h.nonce}
}

// poolFacts is both in one script: what the two of them do here alone.
func (h *host) poolFacts(raw json.RawMessage) (any, error) {
	var r scripts.PoolFactsResult
	for s, part := range map[scripts.Script]*scripts.Part{scripts.Registrar: &r.Registrar, scripts.Mirror: &r.Mirror} {
		out, err := h.act(scripts.Request{Name: s, Args: raw})
		var fail *scripts.ScriptError
		if err != nil && !errors.As(err, &fail) {
			return nil, err
		}
		if *part, err = scripts.PartOf(out, fail); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// jobRead is a task that reads: it ends at once, or never.
func (h *host) jobRead(raw json.RawMessage) (any, error) {
	var a scripts.JobReadArgs
	_ = json.Unmarshal(raw, &a)
	req, err := a.JobRequest()
	if err != nil {
		return nil, err
	}
	h.calls = append(h.calls, string(req.Name))
	j := scripts.JobStatus{Begun: true, BegunBoot: h.boot, Boot: h.boot, Task: "running", Exists: true}
	out, err := h.act(req)
	if errors.Is(err, errHangs) {
		h.jobs[a.ID] = &j
		return j, nil
	}
	var fail *scripts.ScriptError
	if err != nil && !errors.As(err, &fail) {
		return nil, err
	}
	j.Task, j.Exists = "ready", false
	return j, j.SetResult(out, fail)
}

func (h *host) jobStart(raw json.RawMessage) (any, error) {
	var a scripts.JobStartArgs
	_ = json.Unmarshal(raw, &a)
	if h.jobs[a.ID] != nil {
		return scripts.JobStarted{Begun: true}, nil
	}
	req, err := a.JobRequest()
	if err != nil {
		return nil, err
	}
	work := h.job[req.Name]
	if work == nil {
		return nil, &scripts.ScriptError{Msg: "no work for " + string(req.Name)}
	}
	j := &scripts.JobStatus{Exists: true, Begun: true, BegunBoot: h.boot, Boot: h.boot, Task: "running"}
	h.jobs[a.ID] = j
	takes, out, fail := work()
	time.AfterFunc(takes, func() {
		h.farm.mu.Lock()
		defer h.farm.mu.Unlock()
		j.Task = "ready"
		_ = j.SetResult(out, fail)
	})
	return scripts.JobStarted{}, nil
}

// world makes a World for a runbook; what it has to know again is kept from one to the next.
func (f *farm) world(runbook string) *World {
	f.t.Helper()
	src, diags := lang.Load("test.lrun", []byte(runbook), nil)
	if diags.HasErrors() {
		f.t.Fatal(diags.Error())
	}
	prog, err := interp.Compile(src, f.pool, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return NewWorld(f.servers, Options{Program: prog, Run: "run", Memory: f.memory})
}

// effect makes the effect of the first instruction with an action, for a server or the pool.
func effect(w *World, a interp.Action, server int8, within time.Duration) interp.Effect {
	i := slices.IndexFunc(w.prog.Instrs, func(in interp.Instr) bool {
		return in.Action == a || a == interp.Read && in.Action == interp.WaitReady
	})
	if i < 0 {
		panic(fmt.Sprintf("the runbook has no %s", a))
	}
	return interp.Effect{
		ID:     interp.EffectID{Turn: 1, Server: server, PC: uint16(i), Try: 1, Phase: 1},
		Action: a, Server: server, Domain: -1, Within: within,
	}
}

// lookFor is the look that settles an effect.
func lookFor(e interp.Effect) interp.Effect {
	l := interp.Effect{ID: e.ID, Action: interp.Look, Of: e.Action, Ref: e.ID, Server: e.Server, Domain: -1}
	l.ID.Phase++
	return l
}

// goOn is the effect that waits for what a look has found to be going.
func goOn(e interp.Effect) interp.Effect {
	a := e
	a.ID.Phase += 2
	a.Attach, a.Ref = true, e.ID
	return a
}

// end carries out one effect and returns its end; facts and readings on the way are logged.
func (f *farm) end(w *World, e interp.Effect) interp.Event {
	f.t.Helper()
	w.Start([]interp.Effect{e})
	for {
		ev, err := w.Next(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		if ev.Kind == interp.Ended {
			if ev.ID != e.ID {
				f.t.Fatalf("%s ended, and not %s", ev.ID, e.ID)
			}
			return ev
		}
		f.t.Logf("on the way: %+v", ev)
	}
}

// inBubble runs a test where hours take no time.
func inBubble(t *testing.T, test func(t *testing.T, f *farm)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		test(t, f)
		if err := f.servers.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
