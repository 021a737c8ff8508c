package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// tube is as much of a terminal as the live view needs: lines, and a cursor that goes up and down.
type tube struct {
	lines  []string
	row    int
	hidden bool
	writes int
}

func (tb *tube) Write(p []byte) (int, error) {
	tb.writes++
	s := string(p)
	for s != "" {
		switch {
		case strings.HasPrefix(s, cursorHide):
			tb.hidden, s = true, s[len(cursorHide):]
		case strings.HasPrefix(s, cursorShow):
			tb.hidden, s = false, s[len(cursorShow):]
		case strings.HasPrefix(s, eraseLine):
			s = s[len(eraseLine):] // the line is written from its start, and what follows is erased
		case strings.HasPrefix(s, eraseBelow):
			tb.lines, s = tb.lines[:min(tb.row, len(tb.lines))], s[len(eraseBelow):]
		case strings.HasPrefix(s, "\x1b["):
			var n int
			end := strings.IndexByte(s, 'A')
			if _, err := fmt.Sscanf(s[:end+1], "\x1b[%dA", &n); err != nil {
				return 0, err
			}
			tb.row -= n
			s = s[end+1:]
		case s[0] == '\r':
			s = s[1:]
		default:
			text, _, _ := strings.Cut(s, "\n")
			rest := s[min(len(text)+1, len(s)):]
			text, _, _ = strings.Cut(text, "\x1b")
			for len(tb.lines) <= tb.row {
				tb.lines = append(tb.lines, "")
			}
			tb.lines[tb.row] = text
			tb.row++
			s = rest
		}
	}
	return len(p), nil
}

func (tb *tube) String() string { return strings.Join(tb.lines, "\n") }

// TestScreen draws lines above a block that changes, takes it away for a question, and leaves the terminal as it was.
func TestScreen(t *testing.T) {
	tb := &tube{}
	e, _, _ := testEnv()
	e.terminal = func(io.Writer) bool { return true }
	block := []string{"fe01 stops"}
	s := newScreen(e, tb, func() []string { return block })
	s.size = func() (int, int) { return 20, 5 }
	expect := func(what, want string) {
		t.Helper()
		if got := tb.String(); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
		}
	}
	s.line("22:00 begin")
	expect("a line", "22:00 begin\nfe01 stops")
	block = []string{"fe01 stops for a very long time", "fe02 waits"}
	s.redraw()
	expect("a longer block", "22:00 begin\nfe01 stops for a v…\nfe02 waits")
	if !tb.hidden {
		t.Error("the cursor stands in the block")
	}
	block = []string{"fe02 waits"}
	s.line("22:10 done\x1b[2J")
	expect("a shorter block", "22:00 begin\n22:10 done [2J\nfe02 waits")
	s.hush(true)
	expect("a question", "22:00 begin\n22:10 done [2J")
	s.line("22:11 meanwhile")
	s.redraw()
	expect("a line during a question", "22:00 begin\n22:10 done [2J")
	s.hush(false)
	expect("after it", "22:00 begin\n22:10 done [2J\n22:11 meanwhile\nfe02 waits")
	block = []string{"1", "2", "3", "4", "5", "6"}
	s.redraw()
	expect("a block that is higher than the terminal", "22:00 begin\n22:10 done [2J\n22:11 meanwhile\n4\n5\n6")
	writes := tb.writes
	s.redraw()
	if tb.writes != writes+1 {
		t.Errorf("a drawing is %d writes", tb.writes-writes)
	}
	s.end()
	expect("the end", "22:00 begin\n22:10 done [2J\n22:11 meanwhile")
	if tb.hidden {
		t.Error("the cursor is still hidden")
	}
	s.line("after")
	expect("after the end", "22:00 begin\n22:10 done [2J\n22:11 meanwhile\nafter")
}

// TestScreenElsewhere writes plain lines and signs of life, and no control sequence.
func TestScreenElsewhere(t *testing.T) {
	var out bytes.Buffer
	e, _, _ := testEnv()
	s := newScreen(e, &out, func() []string { return []string{"fe01  stops"} })
	s.line("22:00 begin")
	s.redraw()
	s.beat("  … ")
	s.hush(true)
	s.line("22:10 done")
	s.hush(false)
	s.end()
	if want := "22:00 begin\n  … fe01  stops\n22:10 done\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

// TestProgress shows what the live view looks like in the course of a night that has a bit of everything.
func TestProgress(t *testing.T) {
	e, _, _ := testEnv()
	prog, err := e.compile("lync2013-cu", &target{pool: "contoso-8"})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := pool.DecodeScenario("night", []byte("faults:\n  - {pool: busy, at: 0s, for: 15m}\n  - {server: fe03.contoso.com, on: stop, is: hang}\n"), prog.Pool)
	if err != nil {
		t.Fatal(err)
	}
	model, err := sim.New(prog, sc, sim.Seeded(3))
	if err != nil {
		t.Fatal(err)
	}
	begin := start{given: true, clock: 22 * time.Hour}
	p := newProgress(prog, begin)
	m := interp.New(prog, interp.Args{Clock: begin.clock})
	var b strings.Builder
	next := time.Duration(0)
	for ev := (interp.Event{Kind: interp.Began}); ; {
		for ; ev.At >= next && ev.Kind != interp.Began; next += 13 * time.Minute {
			fmt.Fprintf(&b, "%s\n", begin.words(next))
			for _, l := range p.lines(next, nil) {
				fmt.Fprintf(&b, "  %s\n", l)
			}
		}
		out := m.Step(ev)
		p.take(m, out)
		for i := range out.Records {
			if out.Records[i].Kind == interp.RecTurn {
				fmt.Fprintf(&b, "%s\n  ! %s\n", begin.words(out.Records[i].At), p.fits(&out.Records[i]))
			}
		}
		model.Start(out.Effects)
		if _, done := m.Result(); done {
			break
		}
		if ev, err = model.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	golden.Check(t, "testdata/progress.txt", []byte(b.String()))
}

// TestProgressTellsWhatIsWaitedFor puts what a wait has seen last before since when and until when it waits.
func TestProgressTellsWhatIsWaitedFor(t *testing.T) {
	e, _, _ := testEnv()
	prog, err := e.compile("lync2013-cu", &target{pool: "contoso-6"})
	if err != nil {
		t.Fatal(err)
	}
	pc := slices.IndexFunc(prog.Instrs, func(in interp.Instr) bool { return in.Action == interp.Restart })
	p := newProgress(prog, start{given: true, clock: 22 * time.Hour})
	p.servers = interp.New(prog, interp.Args{}).Servers()
	p.under[1] = doing{is: true, pc: int32(pc), phrase: "restart", since: time.Hour, until: 90 * time.Minute, tries: 1}
	p.servers[1].Domain = "UD2"
	for seen, want := range map[string]string{
		"": "UD2 fe02  restart; since 23:00:00 (5m), until 23:30:00 at most",
		"these do not run yet: RTCSRV (Starting)": "UD2 fe02  restart, these do not run yet: RTCSRV (Starting); since 23:00:00 (5m), until 23:30:00 at most",
	} {
		if got := p.lines(65*time.Minute, map[int8]string{1: seen})[0]; got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}
