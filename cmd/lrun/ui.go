package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// How lrun speaks.
//
// What was asked for goes to stdout, all else to stderr. An error is one line, "lrun: error: …", and where something can
// be done about it a second one, "lrun: hint: …"; neither begins with a capital or ends with a period. Colour is for a
// terminal only, and never where NO_COLOR is set. What is shown is for a tired person at four in the morning: the outcome
// first, then what is left to do, then figures. Nothing on stdout depends on the machine.

const (
	sgrError = "1;31"
	sgrHint  = "1;36"
)

// isTerminal reports whether w is a file that is a terminal.
func isTerminal(w io.Writer) bool {
	if p, ok := w.(*patient); ok {
		w = p.out
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// color reports whether what is written to w may be coloured.
func (e *env) color(w io.Writer) bool {
	return e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb" && e.terminal(w)
}

func (e *env) paint(w io.Writer, sgr, text string) string {
	if !e.color(w) {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// fail says an error. Some errors have several lines, one for each thing that is wrong; each gets its own prefix.
func (e *env) fail(msg, hint string) {
	for _, line := range strings.Split(strings.TrimRight(msg, "\n"), "\n") {
		_, _ = fmt.Fprintf(e.stderr, "lrun: %s %s\n", e.paint(e.stderr, sgrError, "error:"), line)
	}
	if hint != "" {
		_, _ = fmt.Fprintf(e.stderr, "lrun: %s %s\n", e.paint(e.stderr, sgrHint, "hint:"), hint)
	}
}

// warn says something that is no error.
func (e *env) warn(msg string) { e.errorText("lrun: " + oneLine(msg) + "\n") }

// errorText writes to stderr. That it cannot be written can be told to nobody.
func (e *env) errorText(text string) { _, _ = io.WriteString(e.stderr, text) }

// print writes to stdout.
func (e *env) print(text string) error {
	_, err := io.WriteString(e.stdout, text)
	return err
}

func (e *env) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(e.stdout, format, args...)
	return err
}

// clip cuts what was typed to a length that fits a line.
func clip(s string) string {
	const most = 60
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func endsWith(s, suffix string) bool {
	return len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
