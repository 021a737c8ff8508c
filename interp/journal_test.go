package interp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

const seedRunbook = `runbook "Lync Server 2013 cumulative update"

include "lib/back.lrun"
param version = ""
window 30h

on failure:
  notify "{runbook} stopped on {pool}: {reason}"
end

for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade args "/silentmode" within 1h
  back
  hold ready 20m within 2h
end

if failed over:
  failback
end
`

const includedRunbook = `define back:
  restart within 30m
  verify version "{version}" retry 60 every 1m
end
`

// memory is a Sink that keeps what it is given; with a limit, the disk is full after so many lines.
type memory struct {
	data  []byte
	lines int
	limit int
}

var errFull = errors.New("no space left on device")

func (s *memory) Append(lines []byte) error {
	for line := range bytes.Lines(lines) {
		if s.limit > 0 && s.lines >= s.limit {
			return errFull
		}
		s.data = append(s.data, line...)
		s.lines++
	}
	return nil
}

func loadProgram(t testing.TB, poolFile string) *interp.Program {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../runbooks/pools", poolFile))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.Decode(poolFile, text)
	if err != nil {
		t.Fatal(err)
	}
	src, diags := lang.Load("seed.lrun", []byte(seedRunbook), func(path string) ([]byte, error) {
		if path != "lib/back.lrun" {
			return nil, fmt.Errorf("no file %q", path)
		}
		return []byte(includedRunbook), nil
	})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func loadScenario(t testing.TB, name string, p *pool.Pool) *pool.Scenario {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../runbooks/scenarios", name+".scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := pool.DecodeScenario(name, text, p)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// night is a run under way, in a modelled pool and with a journal in memory.
type night struct {
	prog  *interp.Program
	sink  *memory
	m     *interp.Machine
	w     *interp.JournalWriter
	world *watched
}

// watched keeps the time of the last event and every effect that was begun.
type watched struct {
	*sim.Model
	at     time.Duration
	starts []interp.Effect
	refuse func() bool // no further effects may be begun
	t      testing.TB
}

func (w *watched) Start(e []interp.Effect) {
	if len(e) > 0 && w.refuse != nil && w.refuse() {
		w.t.Errorf("%d effects were begun after the journal had failed", len(e))
	}
	w.starts = append(w.starts, e...)
	w.Model.Start(e)
}

func (w *watched) Next(ctx context.Context) (interp.Event, error) {
	ev, err := w.Model.Next(ctx)
	w.at = max(w.at, ev.At)
	return ev, err
}

var started = time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)

func newNight(t testing.TB, prog *interp.Program, sc *pool.Scenario) *night {
	t.Helper()
	h := interp.NewHeader(prog, interp.Args{Clock: 22 * time.Hour}, nil, "pool.yaml")
	h.Run, h.By, h.Lrun, h.Started = "20261123-2200-pool01-a3f", "admin@mgmt01", "1.0.0", started
	line, err := h.Line()
	if err != nil {
		t.Fatal(err)
	}
	sink := &memory{data: line, lines: 1}
	w, err := interp.NewJournalWriter(line, sink)
	if err != nil {
		t.Fatal(err)
	}
	model, err := sim.New(prog, sc, sim.First{})
	if err != nil {
		t.Fatal(err)
	}
	return &night{prog, sink, interp.New(prog, h.Args()), w, &watched{Model: model, t: t}}
}

func (n *night) drive(first interp.Event) (interp.Result, error) {
	return interp.DriveJournaled(context.Background(), n.m, n.world, n.w, first)
}

// reopen reads the journal as a new process would.
func (n *night) reopen(t testing.TB) {
	t.Helper()
	j, err := interp.DecodeJournal("journal.jsonl", n.sink.data)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := j.Header.Program()
	if err != nil {
		t.Fatal(err)
	}
	if n.m, n.w, err = j.Replay(prog, n.sink); err != nil {
		t.Fatal(err)
	}
}

// TestReplayOfEveryNight journals a night of every shipped scenario, and brings a machine back from the journal alone.
func TestReplayOfEveryNight(t *testing.T) {
	files, err := filepath.Glob("../runbooks/scenarios/*.scenario.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios: ", err)
	}
	replayed := 0
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".scenario.yaml")
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, after, ok := strings.Cut(string(text), "# pool: ")
		if !ok {
			t.Fatalf("%s does not say for which pool it is", f)
		}
		poolName, _, _ := strings.Cut(after, "\n")
		t.Run(name, func(t *testing.T) {
			prog := loadProgram(t, strings.TrimSpace(poolName)+".pool.yaml")
			n := newNight(t, prog, loadScenario(t, name, prog.Pool))
			if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
				t.Fatal(err)
			}
			live, liveStands := n.m.State(), n.m.Standing()
			n.reopen(t)
			if got := n.m.State(); got != live {
				t.Errorf("the state of the replayed machine differs from the live one's")
			}
			if diff := cmp.Diff(liveStands, n.m.Standing()); diff != "" {
				t.Errorf("standing (-live +replayed):\n%s", diff)
			}
			replayed++
		})
	}
	t.Logf("%d nights replayed", replayed)
}

// TestTruncation cuts a journal at every byte. What is left of it is either a whole beginning of the run, or an error
// that says so; and what a prefix replays, the writer completes to the very journal of which it was cut.
func TestTruncation(t *testing.T) {
	prog := loadProgram(t, "contoso-2.pool.yaml")
	n := newNight(t, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		t.Fatal(err)
	}
	whole := n.sink.data
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := range len(whole) {
		j, err := interp.DecodeJournal("journal.jsonl", whole[:cut])
		if cut < first {
			if err == nil || !strings.Contains(err.Error(), "journal.jsonl:1: ") {
				t.Fatalf("cut at %d, in the header: %v", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if torn := whole[cut-1] != '\n'; torn != (j.Torn != "") {
			t.Fatalf("cut at %d: torn is %q", cut, j.Torn)
		}
		if j.Whole != int64(bytes.LastIndexByte(whole[:cut], '\n')+1) {
			t.Fatalf("cut at %d: %d bytes are whole", cut, j.Whole)
		}
		if cut > first && whole[cut-1] != '\n' {
			continue // it holds the same lines as the cut at the last line end
		}
		sink := &memory{data: bytes.Clone(whole[:j.Whole])}
		m, w, err := j.Replay(prog, sink)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := w.Step(m, &interp.Output{}); err != nil {
			t.Fatal(err)
		}
		if err := w.Session(interp.Session{By: "x"}); err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndexByte(sink.data[:len(sink.data)-1], '\n') + 1
		if !bytes.HasPrefix(whole, sink.data[:at]) || !strings.Contains(string(sink.data[at:]), `"event":"session"`) {
			t.Fatalf("cut at %d: the step that was cut was not completed to what it was", cut)
		}
		if at < len(whole) && !bytes.Contains(whole[at:bytes.IndexByte(whole[at:], '\n')+at], []byte(`"ev":{`)) {
			t.Fatalf("cut at %d: the journal goes on in the middle of a step", cut)
		}
	}
}

// TestDamage does to a journal what hands and bad disks do.
func TestDamage(t *testing.T) {
	prog := loadProgram(t, "contoso-2.pool.yaml")
	n := newNight(t, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		t.Fatal(err)
	}
	whole := string(n.sink.data)
	lines := strings.SplitAfter(whole, "\n")
	other := newNight(t, prog, nil)
	join := func(parts ...[]string) string {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(strings.Join(p, ""))
		}
		return b.String()
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "journal.jsonl:1: the journal has no whole first line: it was cut off, and nothing can be told from it"},
		{"another file", "hello\n", "journal.jsonl:1: not a journal line: invalid character 'h' looking for beginning of value"},
		{"no header", join(lines[1:]), "journal.jsonl:1: not the header of a journal: the first line is missing, or the file is something else"},
		{"another format", strings.Replace(whole, `"format":1`, `"format":9`, 1), "journal.jsonl:1: written in journal format 9 by lrun 1.0.0; this lrun reads format 1 only"},
		{"edited header", strings.Replace(whole, "admin@mgmt01", "nobody@mgmt01", 1), "journal.jsonl:1: the checksum does not match: this line was changed, or one before it is missing"},
		{"edited line", strings.Replace(whole, `"outcome":"done"`, `"outcome":"failed"`, 1), "the checksum does not match: this line was changed, or one before it is missing"},
		{"a line lost", join(lines[:9], lines[10:]), "journal.jsonl:10: record 10 stands where record 9 should: lines are missing or in another order"},
		{"lines swapped", join(lines[:9], lines[10:11], lines[9:10], lines[11:]), "journal.jsonl:10: record 10 stands where record 9 should: lines are missing or in another order"},
		{"sum cut off", join(lines[:9], []string{strings.Replace(lines[9], `,"sum"`, `,"xum"`, 1)}, lines[10:]), "journal.jsonl:10: the line does not end in its checksum: it was changed or cut"},
		{"an empty line", join(lines[:9], []string{"\n"}, lines[9:]), "journal.jsonl:10: not a journal line: unexpected end of JSON input"},
		{"two journals", join(lines, []string{string(other.sink.data)}), "the checksum does not match: this line was changed, or one before it is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := interp.DecodeJournal("journal.jsonl", []byte(c.text))
			var damage *interp.JournalError
			if !errors.As(err, &damage) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("every byte flipped", func(t *testing.T) {
		for i := range whole {
			bad := []byte(whole)
			bad[i] ^= 0x04
			j, err := interp.DecodeJournal("journal.jsonl", bad)
			if err == nil && (i < len(whole)-1 || j.Torn == "") {
				t.Fatalf("byte %d of %d changed and nobody noticed", i, len(whole))
			}
		}
	})
}

// TestOtherProgram replays a journal with a program that does not do the same.
func TestOtherProgram(t *testing.T) {
	prog := loadProgram(t, "contoso-2.pool.yaml")
	n := newNight(t, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		t.Fatal(err)
	}
	j, err := interp.DecodeJournal("journal.jsonl", n.sink.data)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = j.Replay(loadProgram(t, "contoso-3.pool.yaml"), n.sink)
	if err == nil || !strings.Contains(err.Error(), "journal.jsonl:2: the run cannot be followed: this record is not written again") {
		t.Errorf("another pool: %v", err)
	}
	src, _ := lang.Load("seed.lrun", []byte(strings.Replace(strings.Replace(seedRunbook, "include \"lib/back.lrun\"", "", 1), "back\n", "restart\n", 1)), nil)
	changed, err := interp.Compile(src, prog.Pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = j.Replay(changed, n.sink); err == nil || !strings.Contains(err.Error(), "journal:") {
		t.Errorf("another runbook: %v", err)
	}
}

// TestDiskFull lets the disk be full after each line in turn: nothing is begun that is not on record, but for looks of the
// last step, and once there is room again the night goes on to its end.
func TestDiskFull(t *testing.T) {
	prog := loadProgram(t, "contoso-4.pool.yaml")
	ref := newNight(t, prog, nil)
	if _, err := ref.drive(interp.Event{Kind: interp.Began}); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit < ref.sink.lines; limit++ {
		n := newNight(t, prog, nil)
		full := false
		n.world.refuse = func() bool { return full }
		n.sink.limit = limit
		_, err := n.drive(interp.Event{Kind: interp.Began})
		full = true
		if !errors.Is(err, interp.ErrJournal) || !errors.Is(err, errFull) {
			t.Fatalf("limit %d: %v", limit, err)
		}
		onRecord := string(n.sink.data)
		for _, e := range n.world.starts {
			if e.Action.Looks() {
				continue
			}
			if !strings.Contains(onRecord, " id "+e.ID.String()+`"`) {
				t.Fatalf("limit %d: effect %s was begun and is not on record", limit, e.ID)
			}
		}
		full = false
		n.sink.limit = 0
		n.goOn(t, 20*time.Minute)
	}
}

// early is a Sink that looks at what has been begun by the time that it is asked to keep the record of it.
type early struct {
	*memory
	begun func() []interp.Effect
	seen  int // effects that are on record, or were found to be looks
	looks int
	t     *testing.T
}

func (s *early) Append(lines []byte) error {
	begun := s.begun()
	for _, e := range begun[s.seen:] {
		if strings.Contains(string(s.data), " id "+e.ID.String()+`"`) {
			continue
		}
		switch e.Action {
		case interp.Survey, interp.Read, interp.Verify:
			s.looks++
		default:
			s.t.Errorf("%s %s is begun before it is on record", e.Action, e.ID)
		}
	}
	s.seen = len(begun)
	return s.memory.Append(lines)
}

// TestLooksDoNotWait: what is not on record when it is begun is a look, and looks are not.
func TestLooksDoNotWait(t *testing.T) {
	n := newNight(t, loadProgram(t, "contoso-4.pool.yaml"), nil)
	sink := &early{memory: n.sink, begun: func() []interp.Effect { return n.world.starts }, t: t}
	var err error
	if n.w, err = interp.NewJournalWriter(n.sink.data, sink); err != nil {
		t.Fatal(err)
	}
	if res, err := n.drive(interp.Event{Kind: interp.Began}); err != nil || res.Ending != interp.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	want := 0
	for _, e := range n.world.starts {
		if e.Action == interp.Survey || e.Action == interp.Read || e.Action == interp.Verify {
			want++
		}
	}
	if want == 0 || sink.looks != want {
		t.Errorf("%d of %d looks did not wait", sink.looks, want)
	}
}

// goOn resumes a night after a pause of lrun, in the same modelled pool, to its end. A step whose bound has passed while
// nobody was there ends failed, which is a parking place like others: it is resumed once more.
func (n *night) goOn(t *testing.T, away time.Duration) {
	t.Helper()
	res := n.resume(t, away)
	if res.Ending == interp.FailedRun && away > time.Hour {
		res = n.resume(t, 0)
	}
	if res.Ending != interp.Completed || len(res.Remaining) > 0 || len(res.Down) > 0 || len(res.Skipped) > 0 {
		t.Fatalf("the night ends %s: %s\nremaining %v down %v skipped %v\n%s", res.Ending, res.Reason, res.Remaining, res.Down, res.Skipped, last(n.sink.data, 30))
	}
}

func (n *night) resume(t *testing.T, away time.Duration) interp.Result {
	t.Helper()
	n.world.Away(away)
	n.world.at += away
	n.reopen(t)
	if err := n.w.Session(interp.Session{By: "admin@mgmt01", At: started}); err != nil {
		t.Fatal(err)
	}
	res, err := n.drive(interp.Event{Kind: interp.Resumed, At: n.world.at})
	if err != nil {
		t.Fatal(err)
	}
	live := n.m.State()
	n.reopen(t)
	if n.m.State() != live {
		t.Fatal("the state of the replayed machine differs from the live one's")
	}
	return res
}

// last is the last lines of a text.
func last(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
