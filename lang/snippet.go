package lang

import (
	"bytes"
	"fmt"
	"strings"
)

// RenderOptions tell how diagnostics are drawn.
type RenderOptions struct {
	Color bool // ANSI colours, for a terminal
}

// Render draws the findings for people: a line that editors can click, the line before, the line itself, and a caret
// with the hint. sources holds the texts by file name; where one is missing, only the first line is drawn.
func (ds Diagnostics) Render(sources map[string][]byte, opt RenderOptions) string {
	var b strings.Builder
	lines := map[string][][]byte{}
	for _, d := range ds {
		name := d.Pos.Filename
		if _, ok := lines[name]; !ok {
			lines[name] = splitLines(sources[name])
		}
		d.render(&b, lines[name], paint{opt.Color})
	}
	return b.String()
}

// paint puts text in colour, or leaves it.
type paint struct{ on bool }

func (p paint) in(sgr, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

const (
	bold   = "1"
	red    = "1;31"
	yellow = "1;33"
	dim    = "2"
)

func (d Diagnostic) render(b *strings.Builder, lines [][]byte, p paint) {
	tone := red
	if d.Severity == Warning {
		tone = yellow
	}
	fmt.Fprintf(b, "%s %s %s %s\n", p.in(bold, fmt.Sprintf("%s:%d:%d:", d.Pos.Filename, d.Pos.Line, d.Pos.Column)),
		p.in(tone, d.Severity.String()+":"), d.Summary, p.in(dim, "["+d.Code+"]"))
	if d.Pos.Line < 1 || d.Pos.Line > len(lines) {
		if d.Hint != "" {
			fmt.Fprintf(b, "      = %s\n", d.Hint)
		}
		return
	}
	if prev := d.Pos.Line - 1; prev >= 1 && len(bytes.TrimSpace(lines[prev-1])) > 0 {
		text, _, _ := window(lines[prev-1], 1, 1)
		fmt.Fprintf(b, "%s %s\n", p.in(dim, fmt.Sprintf("%5d |", prev)), text)
	}
	last := d.Pos.Column + 1
	if d.End.Line == d.Pos.Line {
		last = max(last, d.End.Column)
	}
	text, from, to := window(lines[d.Pos.Line-1], d.Pos.Column, last)
	fmt.Fprintf(b, "%s %s\n", p.in(dim, fmt.Sprintf("%5d |", d.Pos.Line)), text)
	caret := strings.Repeat(" ", from) + p.in(tone, strings.Repeat("^", max(to-from, 1)))
	if d.Hint != "" {
		caret += " " + d.Hint
	}
	fmt.Fprintf(b, "%s %s\n", p.in(dim, "      |"), caret)
}

// window cuts a source line to what fits a terminal, with tabs as two blanks and nothing that a terminal would obey.
// from and to are the columns, counted from 0 in the cut text, of the part that the caret marks.
func window(line []byte, start, end int) (text string, from, to int) {
	const width, before = 140, 60
	runes := []rune(string(line[:min(len(line), maxSource)]))
	start = min(start, len(runes)+1)
	end = min(end, len(runes)+1)
	var b strings.Builder
	first := 0
	if len(runes) > width && start > before {
		first = start - before
		b.WriteString("…")
	}
	col := func() int { return len([]rune(b.String())) }
	from, to = -1, -1
	for i := first; i < len(runes) && i < first+width; i++ {
		if i == start-1 {
			from = col()
		}
		if i == end-1 {
			to = col()
		}
		switch r := runes[i]; {
		case r == '\t':
			b.WriteString("  ")
		case isInvisible(r):
			b.WriteString("\uFFFD")
		default:
			b.WriteRune(r)
		}
	}
	if from < 0 {
		from = col()
	}
	if to < 0 {
		to = col()
	}
	if first+width < len(runes) {
		b.WriteString("…")
	}
	return strings.TrimRight(b.String(), " "), from, to
}

// splitLines cuts a source where the lexer counts lines: at \n, \r\n and a lone \r.
func splitLines(src []byte) [][]byte {
	src = bytes.TrimPrefix(src, []byte("\uFEFF"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	return bytes.Split(bytes.ReplaceAll(src, []byte("\r"), []byte("\n")), []byte("\n"))
}
