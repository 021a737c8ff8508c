package main

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is where a run is told: lines that stay, and on a terminal a block below them that shows the moment. Each
// drawing is one write, lines are overwritten and not erased first, so that nothing flickers. Elsewhere the block is
// written as lines now and then, as a sign of life. It is safe for concurrent use.
type screen struct {
	out  io.Writer
	live bool // a terminal
	size func() (width, height int)
	// block is what the moment looks like.
	block func() []string

	mu    sync.Mutex
	drawn int  // lines of the block that stand on the terminal
	still bool // a question is asked: the block is away
	ended bool
	after []string // lines that came while a question was asked
}

func newScreen(e *env, out io.Writer, block func() []string) *screen {
	s := &screen{out: out, block: block, live: e.terminal(out) && e.getenv("TERM") != "dumb"}
	s.size = func() (int, int) {
		if f, ok := out.(interface{ Fd() uintptr }); ok {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
				return w, h
			}
		}
		return 100, 30
	}
	return s
}

// line says a line that stays.
func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text = oneLine(text)
	if s.still && s.live {
		s.after = append(s.after, text)
		return
	}
	if !s.live || s.ended {
		_, _ = io.WriteString(s.out, text+"\n")
		return
	}
	s.draw([]string{text})
}

// redraw brings the block up to date.
func (s *screen) redraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live && !s.still && !s.ended {
		s.draw(nil)
	}
}

// beat writes the block as lines, where there is no terminal.
func (s *screen) beat(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live || s.ended {
		return
	}
	var b strings.Builder
	for _, l := range s.block() {
		b.WriteString(prefix + oneLine(l) + "\n")
	}
	_, _ = io.WriteString(s.out, b.String())
}

// The few control sequences: up so many lines, erase to the end of the line or of the screen, cursor away and back.
const (
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
	cursorHide  = "\x1b[?25l"
	cursorShow  = "\x1b[?25h"
	redrawEvery = 250 * time.Millisecond
)

// draw writes lines that stay where the block began, and the block below them.
func (s *screen) draw(lines []string) {
	var b strings.Builder
	b.WriteString(cursorHide + up(s.drawn) + "\r")
	for _, l := range lines {
		b.WriteString(l + eraseLine + "\n")
	}
	width, height := s.size()
	block := s.block()
	if most := height - 2; len(block) > most && most > 0 {
		block = block[len(block)-most:]
	}
	for _, l := range block {
		b.WriteString(cut(oneLine(l), width-1) + eraseLine + "\n")
	}
	b.WriteString(eraseBelow)
	s.drawn = len(block)
	_, _ = io.WriteString(s.out, b.String())
}

func up(n int) string {
	if n == 0 {
		return ""
	}
	return "\x1b[" + itoa(n) + "A"
}

// cut shortens a line to the width of the terminal, so that it stays one.
func cut(s string, width int) string {
	if width < 1 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// hush takes the block away while a question stands, and brings it back.
func (s *screen) hush(still bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.still = still
	if !s.live || s.ended {
		return
	}
	if still {
		s.clear()
		return
	}
	s.draw(s.after)
	s.after = nil
}

func (s *screen) clear() {
	_, _ = io.WriteString(s.out, up(s.drawn)+"\r"+eraseBelow+cursorShow)
	s.drawn = 0
}

// end leaves the terminal as it was found.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live && !s.ended {
		s.clear()
		for _, l := range s.after {
			_, _ = io.WriteString(s.out, l+"\n")
		}
	}
	s.ended = true
}
