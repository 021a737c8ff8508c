package lang

import (
	"slices"

	"github.com/alecthomas/participle/v2/lexer"
)

// blocks is what the walk over openers and closers found: tokens in which every block is closed, and which `else`
// words close the branch before them.
type blocks struct {
	toks   []lexer.Token
	closes map[int]bool // by offset
	breaks []int        // where a line of the top level begins, as indices of toks, the first left out
	// lineBodies are the one-line bodies: the offset of the `:` that opens each.
	lineBodies map[int]bool
}

// opener is a block that waits for its end.
type opener struct {
	at    int  // the token that the block is reported at
	isIf  bool // an else may continue it
	chain int  // how many `else if` its chain has
}

// matchBlocks pairs openers with `end` before anything is parsed. A wrong pairing can so be told at the opener, the
// grammar never runs to the end of the file in search of an `end`, and nesting is refused before anybody recurses.
func (t *tokens) matchBlocks() *blocks {
	b := &blocks{toks: make([]lexer.Token, 0, len(t.toks)+8), closes: map[int]bool{}, lineBodies: map[int]bool{}}
	var stack []opener
	segment := 0 // first token of the statement under way
	elses, parens, inLine := 0, 0, false
	for i, tok := range t.toks {
		if t.fatal {
			return b
		}
		first := i == segment
		switch {
		case tok.Type == lexer.EOF:
			t.unclosed(b, stack, tok)
		case tok.Type == tokEOL:
			if !inLine && t.lacksColon(b, segment, i) {
				b.toks = append(b.toks, lexer.Token{Type: tokColon, Value: ":", Pos: tok.Pos})
				stack = t.open(stack, b, segment, i)
			}
			segment, elses, parens, inLine = i+1, 0, 0, false
		case tok.Type == tokSemi:
			segment, elses, parens = i+1, 0, 0
		case tok.Type == tokLParen:
			parens++
		case tok.Type == tokRParen:
			parens--
		case tok.Type == tokColon && i+1 < len(t.toks) && t.toks[i+1].Type == tokEOL:
			if inLine {
				t.bad[tok.Pos.Line] = true
				t.diags.add(codeOneLineBlock, tok.Pos, t.ends[i], "give the outer body its own lines, closed by `end`",
					"a block opens inside a one-line body")
			}
			stack = t.open(stack, b, segment, i)
		case tok.Type == tokColon && !inLine:
			inLine = true
			segment = i + 1
			b.lineBodies[tok.Pos.Offset] = true
		case isWord(tok, "else"):
			elses++
			if n := len(stack); first && n > 0 && stack[n-1].isIf {
				b.closes[tok.Pos.Offset] = true
			}
		case isWord(tok, "end") && (i == 0 || !isWord(t.toks[i-1], "param") && !isWord(t.toks[i-1], "define")):
			if len(stack) == 0 {
				t.strayEnd(b, i)
				continue
			}
			stack = stack[:len(stack)-1]
			delete(b.closes, t.toks[segment].Pos.Offset) // an else on the same line has lost its if
		}
		if len(stack) > maxLevels || elses > maxLevels || parens > maxLevels {
			t.diags.add(codeLimit, tok.Pos, t.ends[i], "take it apart with `define`", "nested deeper than %d levels", maxLevels)
			t.fatal = true
			return b
		}
		b.toks = append(b.toks, tok)
		if tok.Type == tokEOL && len(stack) == 0 {
			b.breaks = append(b.breaks, len(b.toks))
		}
		if tok.Type == tokEOL && len(b.toks) == 1 {
			b.toks, b.breaks = b.toks[:0], nil // the rest of a line whose only word was a stray end
		}
	}
	return b
}

// lacksColon reports a head of a block without its `:`, so that the block's `end` is not taken for one too many.
func (t *tokens) lacksColon(b *blocks, segment, eol int) bool {
	if segment >= eol || t.toks[eol-1].Type == tokColon {
		return false
	}
	head := t.toks[segment]
	isHead := isWord(head, "for") || isWord(head, "if") || isWord(head, "define") || isWord(head, "on")
	if !isHead && !b.closes[head.Pos.Offset] {
		return false
	}
	for _, tok := range t.toks[segment:eol] {
		if tok.Type == tokKeyword && (slices.Contains(actionWords, tok.Value) || tok.Value == "end") || tok.Type == tokSemi {
			return false // steps on the same line: the `:` is missing before them
		}
	}
	t.bad[head.Pos.Line] = true
	t.diags.add(codeSyntax, t.toks[eol].Pos, t.toks[eol].Pos, "end the line with `:`", "the `:` that opens the block is missing")
	return true
}

// open pushes the block whose `:` is token i; an `else` that goes on with an `if` takes its place.
func (t *tokens) open(stack []opener, b *blocks, segment, i int) []opener {
	head := t.toks[segment]
	isIf := isWord(head, "if")
	o := opener{at: segment, isIf: isIf}
	if b.closes[head.Pos.Offset] {
		o = stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		o.isIf = segment+1 < i && isWord(t.toks[segment+1], "if")
		o.chain++
		if o.chain > maxLevels {
			t.diags.add(codeLimit, head.Pos, t.ends[segment], "take it apart with `define`", "an `if` with more than %d `else`", maxLevels)
			t.fatal = true
		}
		return append(stack, o)
	}
	for j := i - 1; j > segment; j-- {
		if isWord(t.toks[j], "else") {
			o = opener{at: j}
			break
		}
	}
	return append(stack, o)
}

// unclosed reports the blocks still open at the end of the file, innermost last, and closes them.
func (t *tokens) unclosed(b *blocks, stack []opener, eof lexer.Token) {
	for n := len(stack) - 1; n >= 0; n-- {
		o := stack[n]
		head := t.toks[o.at]
		name := "`" + head.Value + "`"
		if next := t.toks[o.at+1]; isWord(head, "for") || isWord(head, "on") || isWord(head, "define") {
			name = "`" + head.Value + " " + next.Value + "`"
			if isWord(head, "for") && t.toks[o.at+2].Type == tokKeyword {
				name = "`for each " + t.toks[o.at+2].Value + "`"
			}
		}
		hint := "close it with `end`"
		if in := t.suspect(o.at); in > 0 {
			hint = "close it with `end`; by its indentation the block of line " + itoa(in) + " may be the one that lacks it"
		}
		t.diags.add(codeUnclosed, head.Pos, t.ends[o.at], hint, "the block that %s opens has no `end`", name)
		b.toks = append(b.toks,
			lexer.Token{Type: tokKeyword, Value: "end", Pos: eof.Pos}, lexer.Token{Type: tokEOL, Value: "\n", Pos: eof.Pos})
	}
}

// suspect looks behind an unclosed opener for a deeper one whose `end` stands further left than itself: most likely
// that `end` was meant for a block around it. It gives the line, or 0.
func (t *tokens) suspect(from int) int {
	var stack []int
	start := true
	for i := from + 1; i < len(t.toks); i++ {
		tok := t.toks[i]
		if start && tok.Type == tokKeyword && (tok.Value == "for" || tok.Value == "if") {
			if end := lineEnd(t.toks, i); end > i && t.toks[end-1].Type == tokColon {
				stack = append(stack, i)
			}
		}
		if start && isWord(tok, "end") && len(stack) > 0 {
			open := t.toks[stack[len(stack)-1]]
			if tok.Pos.Column < open.Pos.Column {
				return open.Pos.Line
			}
			stack = stack[:len(stack)-1]
		}
		start = tok.Type == tokEOL
	}
	return 0
}

// strayEnd reports an `end` too many. The words behind it stay.
func (t *tokens) strayEnd(b *blocks, i int) {
	if len(t.diags) >= maxSyntaxErrors || t.bad[t.toks[i].Pos.Line] {
		return
	}
	hint := "delete it, or look for a `:` that is missing at the end of a line above"
	line := t.toks[i].Pos.Line
	for j := i - 1; j > 0 && len(b.lineBodies) > 0; j-- {
		if b.lineBodies[t.toks[j].Pos.Offset] {
			hint = "the one-line body of line " + itoa(t.toks[j].Pos.Line) + " ends with its line: delete this `end`, or put the steps on lines of their own"
			break
		}
		if t.toks[j].Type == tokEOL && t.toks[j].Pos.Line < line-1 {
			break
		}
	}
	t.diags.add(codeStrayEnd, t.toks[i].Pos, t.ends[i], hint, "`end` has no block to close")
	t.bad[line] = true
}
