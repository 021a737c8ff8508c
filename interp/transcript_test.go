package interp_test

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// TestTranscripts drives the machine by hand, one event after the other. The verbs:
//
//	pool                                  the pool file that follows
//	load [param=value …]                  compile the runbook that follows
//	begin                                 the run begins
//	deliver EFFECT OUTCOME [key=value …]  an effect ends: deliver stop/fe01 failed after=5m text=hung bound
//	auto [until=EFFECT] [silent]          all that is out ends well, first come, first served, up to an effect
//	pause, interrupt                      what the operator does
//	after DURATION                        time passes
//	resume [done=fe01] [redo=pool]        the run goes on, after a stop or a crash; what was out is lost
//	out                                   the effects that are out
//	standing                              the result so far
//
// An effect is written as its action and its server: read/pool, stop/fe01, timer/fe02. Keys of a reading: state=Busy,
// domains=(UD1,UD2) (those that are True; all by default), running=(fe01,fe02), pool=FailedOver, sql=false,
// version=(fe01), pending=(fe01). A timer, a sleep and a hold take their time where no `after` is given.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "../testdata/machine", func(t *testing.T, path string) {
		e := &env{t: t, down: map[string]bool{}}
		datadriven.RunTest(t, path, e.run)
	})
}

type env struct {
	t    *testing.T
	pool *pool.Pool
	prog *interp.Program
	m    *interp.Machine
	d    *interp.Describer
	now  time.Duration
	out  []interp.Effect
	over bool // the pool is failed over, as far as `auto` knows
	down map[string]bool
	b    strings.Builder
}

func (e *env) run(t *testing.T, td *datadriven.TestData) string {
	e.b.Reset()
	switch td.Cmd {
	case "pool":
		p, err := pool.Decode("test.pool.yaml", []byte(td.Input))
		if err != nil {
			return err.Error() + "\n"
		}
		e.pool = p
	case "load":
		return e.load(td)
	case "begin":
		e.step(interp.Event{Kind: interp.Began, At: e.now})
	case "deliver":
		e.deliver(td)
	case "auto":
		e.auto(td)
	case "out":
		for _, f := range e.out {
			fmt.Fprintf(&e.b, "%s\n", e.effect(f))
		}
	case "after":
		d, err := pool.ParseDuration(td.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		e.now += d
	case "pause":
		e.step(interp.Event{Kind: interp.Pause, At: e.now})
	case "interrupt":
		e.step(interp.Event{Kind: interp.Interrupt, At: e.now})
	case "resume":
		e.resume(td)
	case "standing":
		r := e.m.Standing()
		fmt.Fprintf(&e.b, "%s exit %d\nupgraded %v\nremaining %v\nskipped %v\ndown %v\nfailed over %v\nreason: %s\n",
			r.Ending, r.ExitCode(), r.Upgraded, r.Remaining, r.Skipped, r.Down, r.FailedOver, r.Reason)
	default:
		t.Fatalf("unknown verb %q", td.Cmd)
	}
	return e.b.String()
}

func (e *env) load(td *datadriven.TestData) string {
	src, diags := lang.Load("test.lrun", []byte(td.Input), nil)
	if diags.HasErrors() {
		return diags.Error() + "\n"
	}
	set := map[string]string{}
	for _, a := range td.CmdArgs {
		set[a.Key] = strings.Join(a.Vals, ",")
	}
	prog, err := interp.Compile(src, e.pool, set)
	if err != nil {
		return err.Error() + "\n"
	}
	e.prog, e.m, e.d = prog, interp.New(prog, interp.Args{}), interp.NewDescriber(prog, nil)
	e.now, e.out, e.over, e.down = 0, nil, false, map[string]bool{}
	return ""
}

func (e *env) step(ev interp.Event) {
	out := e.m.Step(ev)
	for i := range out.Records {
		if line := e.d.Line(&out.Records[i]); line != "" {
			e.b.WriteString(line + "\n")
		}
	}
	for _, f := range out.Effects {
		e.out = append(e.out, f)
		fmt.Fprintf(&e.b, "    → %s\n", e.effect(f))
	}
}

func (e *env) name(f interp.Effect) string {
	who := "pool"
	if f.Server >= 0 {
		who, _, _ = strings.Cut(e.pool.Servers[f.Server].Name, ".")
	} else if f.ID.Server >= 0 && f.Action == interp.Wait {
		who, _, _ = strings.Cut(e.pool.Servers[f.ID.Server].Name, ".")
	}
	return strings.ReplaceAll(f.Action.String(), " ", "-") + "/" + who
}

func (e *env) effect(f interp.Effect) string {
	s := e.name(f)
	if f.Action == interp.Look {
		s += " at " + f.Of.String()
	}
	if f.Attach {
		s += " attach"
	}
	if f.Within > 0 && f.Action != interp.Survey {
		s += " within=" + pool.FormatDuration(f.Within)
	}
	if f.For > 0 {
		s += " for=" + pool.FormatDuration(f.For)
	}
	return s
}

func (e *env) take(name string) (interp.Effect, bool) {
	for i, f := range e.out {
		if e.name(f) == name {
			e.out = append(e.out[:i:i], e.out[i+1:]...)
			return f, true
		}
	}
	return interp.Effect{}, false
}

var outcomes = map[string]interp.Outcome{
	"done": interp.Done, "failed": interp.Failed, "unknown": interp.Unknown,
	"not-begun": interp.NotBegun, "going": interp.Going, "cannot-tell": interp.CannotTell,
}

func (e *env) deliver(td *datadriven.TestData) {
	f, ok := e.take(td.CmdArgs[0].Key)
	if !ok {
		e.t.Fatalf("%s: no effect %s is out", td.Pos, td.CmdArgs[0].Key)
	}
	ev := interp.Event{Kind: interp.Ended, ID: f.ID, Outcome: outcomes[td.CmdArgs[1].Key], Reading: e.healthy()}
	if ev.Outcome == interp.NoOutcome {
		e.t.Fatalf("%s: no such outcome", td.Pos)
	}
	if timed := f.Action == interp.Wait || f.Action == interp.Sleep || f.Action == interp.Hold; timed && ev.Outcome == interp.Done && !td.HasArg("after") {
		e.now += f.For
	}
	for _, a := range td.CmdArgs[2:] {
		e.key(&ev, a.Key, a.Vals)
	}
	ev.At = e.now
	if ev.Outcome == interp.Done {
		e.note(f)
	}
	e.answer(f, ev)
}

// key fills in one key of deliver.
func (e *env) key(ev *interp.Event, key string, vals []string) {
	v := strings.Join(vals, " ")
	switch key {
	case "after":
		d, err := pool.ParseDuration(v)
		if err != nil {
			e.t.Fatal(err)
		}
		e.now += d
	case "text":
		ev.Text = strings.ReplaceAll(v, "_", " ")
	case "bound":
		ev.Bound = true
	case "count":
		_, _ = fmt.Sscan(v, &ev.Count)
	case "sql":
		ev.Reading.SQL = v == "true"
	case "state":
		for s := interp.NoReading; s <= interp.Garbled; s++ {
			if s.String() == v {
				ev.Reading.State = s
			}
		}
	case "pool":
		for s := interp.StateUnread; s <= interp.FailingBack; s++ {
			if s.String() == v {
				ev.Reading.Pool = s
			}
		}
	case "domains":
		ev.Reading.Domains = 0
		for _, n := range vals {
			i, _ := e.pool.Domain(n)
			ev.Reading.Domains = ev.Reading.Domains.Add(i)
		}
	case "running":
		ev.Reading.Running = e.servers(vals)
	case "version":
		ev.Reading.AtVersion = e.servers(vals)
	case "pending":
		ev.Reading.Pending = e.servers(vals)
	default:
		e.t.Fatalf("unknown key %q", key)
	}
}

func (e *env) servers(short []string) pool.Set {
	var set pool.Set
	for i, s := range e.pool.Servers {
		n, _, _ := strings.Cut(s.Name, ".")
		for _, want := range short {
			if n == want {
				set = set.Add(i)
			}
		}
	}
	return set
}

// healthy is what a pool reads in which all that was stopped is down, and nothing else is wrong.
func (e *env) healthy() interp.Reading {
	r := interp.Reading{State: interp.Ready, Pool: interp.Active, SQL: true, Running: e.pool.All()}
	if e.over {
		r.Pool = interp.FailedOver
	}
	for i := range e.pool.Domains {
		r.Domains = r.Domains.Add(i)
	}
	var down []string
	for n := range e.down {
		down = append(down, n)
	}
	sort.Strings(down)
	r.Running &^= e.servers(down)
	return r
}

// note keeps what an action that ended well changed.
func (e *env) note(f interp.Effect) {
	switch f.Action {
	case interp.Failover:
		e.over = true
	case interp.Failback:
		e.over = false
	}
	if f.Server < 0 {
		return
	}
	n, _, _ := strings.Cut(e.pool.Servers[f.Server].Name, ".")
	switch f.Action {
	case interp.Stop, interp.FailoverServer:
		e.down[n] = true
	case interp.Start, interp.Restart, interp.FailbackServer:
		delete(e.down, n)
	}
}

func (e *env) answer(f interp.Effect, ev interp.Event) {
	if f.Action != interp.Read && f.Action != interp.Survey && f.Action != interp.Hold {
		ev.Reading = interp.Reading{}
	}
	if f.Action == interp.Survey {
		ev.Reading.State = interp.NoReading
	}
	e.step(ev)
}

func (e *env) auto(td *datadriven.TestData) {
	until := ""
	for _, a := range td.CmdArgs {
		switch a.Key {
		case "until":
			until = a.Vals[0]
		case "silent":
			defer e.b.Reset()
		}
	}
	for n := 0; len(e.out) > 0; n++ {
		if n > 500 {
			e.t.Fatalf("%s: no end", td.Pos)
		}
		for _, f := range e.out {
			if e.name(f) == until {
				return
			}
		}
		f := e.out[0]
		e.out = e.out[1:]
		if f.Action == interp.Wait || f.Action == interp.Sleep || f.Action == interp.Hold {
			e.now += f.For
		}
		e.note(f)
		e.answer(f, interp.Event{Kind: interp.Ended, ID: f.ID, At: e.now, Outcome: interp.Done, Reading: e.healthy()})
		if _, done := e.m.Result(); done {
			return
		}
	}
}

func (e *env) resume(td *datadriven.TestData) {
	e.out = nil // whatever was out is lost
	ev := interp.Event{Kind: interp.Resumed, At: e.now}
	for _, a := range td.CmdArgs {
		who := e.servers(a.Vals[:1])
		switch {
		case a.Key == "after":
			d, err := pool.ParseDuration(a.Vals[0])
			if err != nil {
				e.t.Fatal(err)
			}
			e.now += d
			ev.At = e.now
		case a.Key == "done" && a.Vals[0] == "pool":
			ev.Assume.PoolDone = true
		case a.Key == "redo" && a.Vals[0] == "pool":
			ev.Assume.PoolRedo = true
		case a.Key == "done":
			ev.Assume.Done = who
		case a.Key == "redo":
			ev.Assume.Redo = who
		}
	}
	e.step(ev)
}
