//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
)

// What stands here lets the tests run lrun as a process of its own against a pool that is served in the test.

const (
	childVar = "LRUN_TEST_CHILD" // the test binary is to be lrun
	killVar  = "LRUN_TEST_KILL"  // before:17 or after:17: kill -9 there

	testUser     = `CONTOSO\lync-admin`
	testPassword = "correct horse battery 7"
)

func init() {
	if os.Getenv(childVar) != "" {
		beforeTests = func() { os.Exit(child()) }
	}
}

// child is lrun in the test binary, which can be told to kill itself before or after a record of the journal.
func child() int {
	e := processEnv()
	e.keyring = func(string, string) (string, error) { return "", errors.New("no keyring in tests") }
	if size := os.Getenv(fileSizeVar); size != "" {
		n, err := strconv.ParseUint(size, 10, 64)
		if err == nil {
			signal.Ignore(syscall.SIGXFSZ)
			err = limitFiles(n)
		}
		if err != nil {
			panic(err)
		}
	}
	if when, at, ok := strings.Cut(os.Getenv(killVar), ":"); ok {
		seq, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			panic(err)
		}
		e.tap = func(w string, s int64) {
			if w == when && s >= seq {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // the signal is on its way: nothing more is done
			}
		}
	}
	return interruptible(e, os.Args[1:])
}

// farm is a served pool, and the files by which lrun reaches it.
type farm struct {
	t        testing.TB
	served   *rehearsal.Server
	pool     *pool.Pool
	dir      string
	poolFile string
	state    string

	mu     sync.Mutex
	events []rehearsal.Event
}

// quick is a pool of six whose night has all its steps and is soon over.
const quick = `pool: pool01.contoso.com
product: lync2013
backup: pool02.contoso.com
domains:
  UD1: [fe01.contoso.com]
  UD2: [fe02.contoso.com]
  UD3: [fe03.contoso.com]
  UD4: [fe04.contoso.com]
  UD5: [fe05.contoso.com]
  UD6: [fe06.contoso.com]
installer: C:\Updates\LyncServerUpdateInstaller.exe
connect:
  identity: 'task:CONTOSO\lync-admin'
  user: CONTOSO\lync-admin
model:
  drain: 30s
  stop: 10s
  start: 20s
  upgrade: 30s
  reboot: 30s
  settle: 0s
  verify: 5s
`

// nightly is the procedure with bounds that nothing comes near.
const nightly = `runbook "nightly"

for each domain:
  wait ready retry 3 every 30m else failover
  stop graceful within 2h else stop
  upgrade within 2h
  restart within 2h
  verify retry 60 every 1m
end
`

var farms atomic.Uint32

// ownAddress is a loopback address for one farm alone: while a server of it is down nobody else gets its port.
func ownAddress() string {
	n := uint32(os.Getpid())<<10 + farms.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 1+n>>16%254, n>>8&0xff, 1+n%254)
}

// serveFarm serves a pool until the test ends.
func serveFarm(t testing.TB, poolText, scenario string, set func(*rehearsal.Options)) *farm {
	t.Helper()
	p, err := pool.Decode("test.pool.yaml", []byte(poolText))
	if err != nil {
		t.Fatal(err)
	}
	f := &farm{t: t, dir: t.TempDir()}
	seed := uint64(7)
	o := rehearsal.Options{
		Pool: p, Seed: &seed, TimeScale: 300, Listen: ownAddress() + ":0", User: testUser, Password: testPassword,
		Auth: []pool.Auth{pool.Basic},
		OnEvent: func(ev rehearsal.Event) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, ev)
		},
	}
	if scenario != "" {
		if o.Scenario, err = pool.DecodeScenario("test.scenario.yaml", []byte(scenario), p); err != nil {
			t.Fatal(err)
		}
	}
	if set != nil {
		set(&o)
	}
	if f.served, err = rehearsal.Serve(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.served.Close(); err != nil {
			t.Error(err)
		}
	})
	f.poolFile, f.state = filepath.Join(f.dir, "night.pool.yaml"), filepath.Join(f.dir, "state")
	f.write("night.pool.yaml", string(f.served.PoolFile()))
	f.write("nightly.lrun", nightly)
	if f.pool, err = pool.Decode("night.pool.yaml", f.served.PoolFile()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *farm) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// happened counts what the servers lived through, by server.
func (f *farm) happened(event string) map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := map[string]int{}
	for _, ev := range f.events {
		if ev.Event == event {
			n[ev.Server]++
		}
	}
	return n
}

// installedOnce checks that every server was updated exactly once, by its own count, and that no two installers met.
func (f *farm) installedOnce() {
	f.t.Helper()
	n := f.happened(rehearsal.EventInstalled)
	for _, s := range f.pool.Servers {
		if n[s.Name] != 1 {
			f.t.Errorf("%s was updated %d times", s.Name, n[s.Name])
		}
	}
	if c := f.happened(rehearsal.EventCollided); len(c) > 0 {
		f.t.Errorf("installers met on %v", c)
	}
}

// process is one lrun, ended.
type process struct {
	code     int // -1 where it was killed
	out, err string
}

func (p process) String() string {
	out := p.out
	if i := strings.Index(out, "\nPreflight:"); i > 0 && p.code != exitUsage {
		out = out[i:] // what the plan says is not what a test fails of
	}
	if most := 6000; len(out) > most {
		out = out[:most/2] + "\n…\n" + out[len(out)-most/2:]
	}
	return fmt.Sprintf("exit code %d\n%s%s", p.code, out, p.err)
}

// command prepares an lrun of its own.
func (f *farm) command(kill string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(f.t.Context(), os.Args[0], args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), childVar+"=1", killVar+"="+kill, passwordVar+"="+testPassword, "LRUN_STATE="+f.state, "NO_COLOR=1")
	return cmd
}

// lrun runs lrun to its end, with its standard input at the end.
func (f *farm) lrun(kill string, args ...string) process {
	f.t.Helper()
	return f.finish(f.command(kill, args...))
}

func (f *farm) finish(cmd *exec.Cmd) process {
	f.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return process{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (f *farm) exec(kill string, flags ...string) process {
	f.t.Helper()
	return f.lrun(kill, append([]string{"exec", "nightly.lrun", "--pool", f.poolFile, "--yes"}, flags...)...)
}

// journal reads the one journal there is.
func (f *farm) journal() *interp.Journal {
	f.t.Helper()
	found, err := filepath.Glob(filepath.Join(f.state, "*", "journal.jsonl"))
	if err != nil || len(found) != 1 {
		f.t.Fatalf("%d journals in %s (%v)", len(found), f.state, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		f.t.Fatal(err)
	}
	j, err := interp.DecodeJournal(found[0], data)
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

// deeds are the actions of a run in their order, by target: what started, and how it ended.
type deeds map[string][]string

func deedsOf(t testing.TB, ndjson string) deeds {
	t.Helper()
	d := deeds{}
	for line := range strings.Lines(ndjson) {
		var ev struct{ Event, Server, Action, Outcome string }
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		who := ev.Server
		if who == "" {
			who = "pool"
		}
		switch ev.Event {
		case "start":
			d[who] = append(d[who], ev.Action)
		case "end":
			d[who] = append(d[who], ev.Action+" "+ev.Outcome)
		case "finish":
			d["run"] = append(d["run"], ev.Outcome)
		}
	}
	return d
}
