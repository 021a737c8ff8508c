package runstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

const runbook = `runbook "update"

for each domain:
  wait ready retry 3 every 10m
  stop graceful within 1h else stop
  upgrade within 1h
  restart within 30m
  verify retry 60 every 1m
end
`

func program(t testing.TB, file string) *interp.Program {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../runbooks/pools", file))
	if err != nil {
		t.Fatal(err)
	}
	return programOf(t, file, string(text), runbook)
}

func programOf(t testing.TB, file, poolText, text string) *interp.Program {
	t.Helper()
	p, err := pool.Decode(file, []byte(poolText))
	if err != nil {
		t.Fatal(err)
	}
	src, diags := lang.Load("update.lrun", []byte(text), nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

var evening = time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)

func testStore(t testing.TB, files fileSystem) *Store {
	t.Helper()
	return storeAt(t, t.TempDir(), "admin@mgmt01", files)
}

func storeAt(t testing.TB, dir, by string, files fileSystem) *Store {
	t.Helper()
	s, err := open(dir, Options{By: by, Version: "1.0.0", Now: func() time.Time { return evening }}, files)
	if err != nil {
		t.Fatal(err)
	}
	s.patience = 0
	return s
}

func (s *Store) mustCreate(t testing.TB, prog *interp.Program) *Run {
	t.Helper()
	r, err := s.Create(prog, interp.Args{Clock: 22 * time.Hour}, nil, "pool.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// drive runs to the end in a healthy modelled pool, or for so many events.
func (r *Run) drive(t testing.TB, w interp.World, first interp.Event) interp.Result {
	t.Helper()
	res, err := interp.DriveJournaled(context.Background(), r.Machine, w, r.Journal, first)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func model(t testing.TB, prog *interp.Program) *sim.Model {
	t.Helper()
	m, err := sim.New(prog, nil, sim.First{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// some is a world that is cut off after so many events.
type some struct {
	interp.World
	left int
	at   time.Duration
}

var errCut = errors.New("cut off")

func (w *some) Next(ctx context.Context) (interp.Event, error) {
	if w.left--; w.left < 0 {
		return interp.Event{}, errCut
	}
	ev, err := w.World.Next(ctx)
	w.at = max(w.at, ev.At)
	return ev, err
}

// breakOff drives for so many events and lets go of the run, as a process does that is killed.
func (r *Run) breakOff(t testing.TB, w interp.World, events int) time.Duration {
	t.Helper()
	cut := &some{World: w, left: events}
	if _, err := interp.DriveJournaled(context.Background(), r.Machine, cut, r.Journal, interp.Event{Kind: interp.Began}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return cut.at
}

// TestRunLife follows a run: created, seen running, broken off, resumed, ended.
func TestRunLife(t *testing.T) {
	s := testStore(t, osFiles{})
	prog := program(t, "contoso-6.pool.yaml")
	r := s.mustCreate(t, prog)
	if !strings.HasPrefix(r.ID, "20261123-2200-pool01-") || !runID.MatchString(r.ID) {
		t.Errorf("id %q", r.ID)
	}
	wantState(t, s, r.ID, Running)
	world := model(t, prog)
	at := r.breakOff(t, world, 12)
	wantState(t, s, r.ID, BrokenOff)

	// It blocks another run of the pool, not one of a pool that has nothing to do with it.
	_, err := s.Create(prog, interp.Args{}, nil, "pool.yaml")
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) || unfinished.Run.ID != r.ID || !strings.Contains(err.Error(), "lrun resume "+r.ID) {
		t.Errorf("a second run: %v", err)
	}
	wantRuns(t, s, r.ID)

	st, err := s.Status(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if st.State != BrokenOff || st.Machine.State() != r.Machine.State() {
		t.Errorf("the status is not where the run was broken off: %s", st.State)
	}
	states := map[string]interp.ServerState{}
	for _, sv := range st.Machine.Servers() {
		states[sv.Server] = sv.State
	}
	if states["fe01.contoso.com"] != interp.ServerBusy && states["fe01.contoso.com"] != interp.ServerDone || states["fe06.contoso.com"] != interp.ServerDue {
		t.Errorf("servers %v", states)
	}

	world.Away(10 * time.Minute)
	again, err := s.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Torn != "" || again.Machine.State() != r.Machine.State() {
		t.Errorf("torn %q, or another state", again.Torn)
	}
	if err := again.GoOn(); err != nil {
		t.Fatal(err)
	}
	res := again.drive(t, world, interp.Event{Kind: interp.Resumed, At: at + 10*time.Minute})
	if res.Ending != interp.Completed || len(res.Upgraded) != 6 {
		t.Fatalf("%+v", res)
	}
	again.Close()
	wantState(t, s, r.ID, completed)
	if st, err = s.Status(r.ID); err != nil || len(st.Sessions) != 1 || st.Sessions[0].By != "admin@mgmt01" {
		t.Errorf("sessions %v, %v", st.Sessions, err)
	}
	if err := s.Unfinished(prog.Pool.Name); err != nil {
		t.Error(err)
	}
	if err := s.Abandon(r.ID); err == nil {
		t.Error("a completed run can be abandoned")
	}
	s.mustCreate(t, prog)
}

func wantState(t *testing.T, s *Store, id string, want State) {
	t.Helper()
	if got := s.summary(id); got.State != want {
		t.Errorf("run %s is %s, want %s (%v)", id, got.State, want, got.Err)
	}
}

func wantRuns(t *testing.T, s *Store, want ...string) {
	t.Helper()
	names, err := osFiles{}.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range names {
		if n != ".locks" {
			got = append(got, n)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("folders %v, want %v", got, want)
	}
}

// TestTwoOperators lets two work on one pool, and on both pools of a pair.
func TestTwoOperators(t *testing.T) {
	dir := t.TempDir()
	one, two := storeAt(t, dir, "anna@mgmt01", osFiles{}), storeAt(t, dir, "bert@mgmt01", osFiles{})
	prog := program(t, "contoso-6.pool.yaml")
	r := one.mustCreate(t, prog)
	want := fmt.Sprintf("is being worked on: run %s by anna@mgmt01 (process %d) since 2026-11-23 22:00", r.ID, os.Getpid())
	pair := programOf(t, "pair.pool.yaml", strings.NewReplacer("pool01.", "pool02.", "pool02.", "pool01.", "fe0", "be0").Replace(string(prog.Pool.Source)), runbook)
	for name, f := range map[string]func() error{
		"create":  func() error { _, err := two.Create(prog, interp.Args{}, nil, "p"); return err },
		"pair":    func() error { _, err := two.Create(pair, interp.Args{}, nil, "p"); return err },
		"resume":  func() error { _, err := two.Resume(r.ID); return err },
		"abandon": func() error { return two.Abandon(r.ID) },
	} {
		err := f()
		var busy *BusyError
		if !errors.As(err, &busy) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRuns(t, one, r.ID)
	r.breakOff(t, model(t, prog), 3)
	if err := two.Abandon(r.ID); err != nil {
		t.Fatal(err)
	}
	wantState(t, one, r.ID, Abandoned)
	if _, err := one.Resume(r.ID); err == nil || !strings.Contains(err.Error(), "was abandoned by bert@mgmt01") {
		t.Errorf("resume of an abandoned run: %v", err)
	}
	st, err := one.Status(r.ID)
	if err != nil || st.Ended == nil || st.Ended.By != "bert@mgmt01" {
		t.Errorf("%+v, %v", st, err)
	}
	two.mustCreate(t, prog)
}

func TestPause(t *testing.T) {
	dir := t.TempDir()
	one, two := storeAt(t, dir, "anna@mgmt01", osFiles{}), storeAt(t, dir, "bert@mgmt01", osFiles{})
	prog := program(t, "contoso-6.pool.yaml")
	r := one.mustCreate(t, prog)
	if _, asked := r.PauseRequested(); asked {
		t.Error("a pause that nobody asked for")
	}
	if err := two.RequestPause(r.ID); err != nil {
		t.Fatal(err)
	}
	if h, asked := r.PauseRequested(); !asked || h.By != "bert@mgmt01" {
		t.Errorf("%v %v", h, asked)
	}
	r.breakOff(t, model(t, prog), 3)
	if err := two.RequestPause(r.ID); err == nil || !strings.Contains(err.Error(), "is not running, it is broken-off") {
		t.Errorf("a pause of a run that does not run: %v", err)
	}
	again, err := one.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.GoOn(); err != nil {
		t.Fatal(err)
	}
	if _, asked := again.PauseRequested(); asked {
		t.Error("the old request stops the resumed run")
	}
}

func TestFind(t *testing.T) {
	s := testStore(t, osFiles{})
	if _, err := s.Find(""); err == nil || !strings.Contains(err.Error(), "there are no runs in ") {
		t.Errorf("no runs: %v", err)
	}
	small := s.mustCreate(t, program(t, "contoso-2.pool.yaml"))
	small.breakOff(t, model(t, small.Program), 3)
	if err := s.Abandon(small.ID); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return evening.Add(26 * time.Hour) }
	late := s.mustCreate(t, program(t, "contoso-2.pool.yaml"))
	for ref, want := range map[string]string{"": late.ID, "latest": late.ID, small.ID: small.ID, "20261123": small.ID, late.ID[:len(late.ID)-1]: late.ID} {
		if got, err := s.Find(ref); err != nil || got != want {
			t.Errorf("Find(%q) = %s, %v", ref, got, err)
		}
	}
	for ref, want := range map[string]string{"2026": "is the beginning of 2 runs: " + small.ID + ", " + late.ID, "x": `no run "x"`} {
		if _, err := s.Find(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v", ref, err)
		}
	}
}

// TestAmend goes on with a changed runbook: accepted where only what is still to come differs.
func TestAmend(t *testing.T) {
	s := testStore(t, osFiles{})
	prog := program(t, "contoso-6.pool.yaml")
	r := s.mustCreate(t, prog)
	world := model(t, prog)
	at := r.breakOff(t, world, 6)
	again, err := s.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.GoOn(); err != nil {
		t.Fatal(err)
	}
	bad := programOf(t, "p", string(prog.Pool.Source), strings.Replace(runbook, "retry 3 every 10m", "retry 4 every 10m", 1))
	if err := again.Amend(bad, nil); err == nil || !strings.Contains(err.Error(), "differs in what is done already: ") {
		t.Errorf("a change of what is done: %v", err)
	}
	changed := strings.Replace(runbook, "verify retry 60 every 1m", "verify retry 90 every 1m", 1)
	if err := again.Amend(programOf(t, "p", string(prog.Pool.Source), changed), nil); err != nil {
		t.Fatal(err)
	}
	world.Away(0)
	if res := again.drive(t, world, interp.Event{Kind: interp.Resumed, At: at}); res.Ending != interp.Completed {
		t.Fatalf("%+v", res)
	}
	again.Close()
	st, err := s.Status(r.ID)
	if err != nil || st.Header.Runbook.Text != changed || len(st.Sessions) != 2 {
		t.Errorf("%v: sessions %v\n%s", err, st.Sessions, st.Header.Runbook.Text)
	}
}

func TestDefaultDir(t *testing.T) {
	for _, c := range []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"HOME": "/home/a"}, "/home/a/.local/state/lrun"},
		{"linux", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/var/a/"}, "/var/a/lrun"},
		{"linux", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "relative"}, "/home/a/.local/state/lrun"},
		{"linux", map[string]string{"LRUN_STATE": "/srv/lrun", "HOME": "/home/a"}, "/srv/lrun"},
		{"darwin", map[string]string{"HOME": "/Users/a"}, "/Users/a/Library/Application Support/lrun"},
		{"windows", map[string]string{"LOCALAPPDATA": `C:\Users\a\AppData\Local`}, `C:\Users\a\AppData\Local\lrun`},
		{"windows", map[string]string{"HOME": "/home/a"}, ""},
		{"linux", nil, ""},
	} {
		got, err := DefaultDir(c.goos, func(k string) string { return c.env[k] })
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %v: %q, %v", c.goos, c.env, got, err)
		}
	}
}
