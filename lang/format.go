package lang

import (
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// Format gives the canonical text of a file: two blanks a level, one statement a line outside one-line bodies, one
// blank between words, at most one empty line in a row, the `=` of neighbouring parameters and the comments of
// neighbouring lines in columns. It changes white space and separators only, so the tree and every comment stay. Where
// the file has a syntax error there is nothing to give but the findings.
func Format(filename string, src []byte) ([]byte, Diagnostics) {
	_, t, ds := parse(filename, src)
	if ds.HasErrors() {
		return nil, ds
	}
	p := &printer{t: t}
	p.print()
	alignParams(p.lines)
	alignComments(p.lines)
	return p.bytes(), ds
}

// outLine is a line of the result.
type outLine struct {
	indent  int
	head    string // what is padded where params are in columns
	text    string
	comment string
	pad     int  // blanks before the comment
	blank   bool // an empty line before it
	opens   bool // it opens a block
}

// printer turns tokens into lines. It needs no tree: line ends, the openers and closers of blocks and the `:` of
// one-line bodies say all there is to know.
type printer struct {
	t       *tokens
	lines   []outLine
	depth   int
	next    int // of comments
	srcLine int // source line of what was printed last
}

func (p *printer) print() {
	toks := p.t.toks
	for from := 0; toks[from].Type != lexer.EOF; {
		to := lineEnd(toks, from)
		inLine := false
		start := from
		for i := from; i < to; i++ {
			switch toks[i].Type {
			case tokColon:
				inLine = inLine || i+1 < to
			case tokSemi:
				if !inLine {
					p.statement(toks[start:i])
					start = i + 1
				}
			}
		}
		p.statement(toks[start:to])
		from = to + 1
	}
	p.comments(len(p.t.src) + 1)
}

// statement prints the tokens of one line of the result.
func (p *printer) statement(toks []lexer.Token) {
	p.comments(toks[0].Pos.Offset)
	closes := isWord(toks[0], "end") || isWord(toks[0], "else")
	if closes {
		p.depth--
	}
	line := outLine{indent: p.depth, opens: toks[len(toks)-1].Type == tokColon}
	var b strings.Builder
	for i, tok := range toks {
		glued := i == 0 || tok.Type == tokColon || tok.Type == tokSemi || tok.Type == tokRParen || toks[i-1].Type == tokLParen
		if !glued {
			b.WriteByte(' ')
		}
		if tok.Type == tokEq {
			line.head = strings.TrimSuffix(b.String(), " ")
			b.Reset()
		}
		b.WriteString(tok.Value)
	}
	line.text = b.String()
	p.add(line, toks[0].Pos.Line, closes)
	if line.opens {
		p.depth++
	}
}

// add appends a line; an empty one before it stays, but not at the edges of a block.
func (p *printer) add(line outLine, srcLine int, closes bool) {
	if n := len(p.lines); n > 0 && srcLine > p.srcLine+1 && !closes && !p.lines[n-1].opens {
		line.blank = true
	}
	p.lines = append(p.lines, line)
	p.srcLine = srcLine
}

// comments prints those that stand before an offset: beside the last line, or on a line of their own.
func (p *printer) comments(before int) {
	all := p.t.comments
	for ; p.next < len(all) && all[p.next].pos.Offset < before; p.next++ {
		c := all[p.next]
		if n := len(p.lines); n > 0 && !c.own && c.pos.Line == p.srcLine && p.lines[n-1].comment == "" {
			p.lines[n-1].comment = c.text
			continue
		}
		p.add(outLine{indent: p.depth, text: c.text}, c.pos.Line, false)
	}
}

func width(s string) int { return utf8.RuneCountInString(s) }

// alignParams puts the `=` of parameters on neighbouring lines in one column.
func alignParams(lines []outLine) {
	runs(lines, func(l outLine) bool { return l.head != "" }, func(run []outLine) {
		widest := 0
		for _, l := range run {
			widest = max(widest, width(l.head))
		}
		for i, l := range run {
			run[i].text = l.head + strings.Repeat(" ", widest-width(l.head)+1) + l.text
		}
	})
}

// alignComments puts the comments of neighbouring lines of one depth in one column, three blanks behind the longest.
func alignComments(lines []outLine) {
	runs(lines, func(l outLine) bool { return l.comment != "" }, func(run []outLine) {
		widest := 0
		for _, l := range run {
			widest = max(widest, width(l.text))
		}
		for i, l := range run {
			run[i].pad = widest - width(l.text) + 3
		}
	})
}

// runs calls f for each longest row of neighbouring lines of one depth for which in says true.
func runs(lines []outLine, in func(outLine) bool, f func([]outLine)) {
	for from := 0; from < len(lines); {
		to := from
		for to < len(lines) && in(lines[to]) && (to == from || !lines[to].blank && lines[to].indent == lines[from].indent) {
			to++
		}
		if to == from {
			from++
			continue
		}
		f(lines[from:to])
		from = to
	}
}

func (p *printer) bytes() []byte {
	var b strings.Builder
	for _, l := range p.lines {
		if l.blank {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat("  ", l.indent))
		b.WriteString(l.text)
		if l.comment != "" {
			b.WriteString(strings.Repeat(" ", l.pad))
			b.WriteString(l.comment)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}
