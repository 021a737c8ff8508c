package lang

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// grammar is built from the tags in ast.go, once, when it is first needed. With no lookahead a branch is taken by its
// first token, so an error is always blamed on the token that has no place.
var grammar = sync.OnceValue(func() *participle.Parser[File] {
	return participle.MustBuild[File](
		participle.Lexer(lexerDef{}),
		participle.UseLookahead(0),
		// A member costs an allocation before its first token is looked at: those that have one word to compare come
		// before the step, which has every action to try.
		participle.Union[Item](&If{}, &ForEach{}, &Param{}, &Define{}, &Include{}, &Window{}, &Handler{}, &Step{}),
		participle.Union[Stmt](&If{}, &ForEach{}, &Step{}),
		participle.ParseTypeWith(parseAction),
	)
})

// verbs are the grammars of the actions, by the word that leads each; "" leads the call of a define. As members of a
// union they would be tried one after the other at every step, which takes twice the time of all the rest.
var verbs = sync.OnceValue(func() map[string]verbParser {
	return map[string]verbParser{
		"wait": verbOf[WaitReady](), "hold": verbOf[HoldReady](), "stop": verbOf[Stop](), "start": verbOf[StartServices](),
		"upgrade": verbOf[Upgrade](), "restart": verbOf[Restart](), "verify": verbOf[Verify](),
		"failover": verbOf[failoverForm](), "failback": verbOf[failbackForm](), "run": verbOf[Run](),
		"confirm": verbOf[Confirm](), "notify": verbOf[Notify](), "note": verbOf[Note](), "sleep": verbOf[Sleep](),
		"skip": verbOf[Skip](), "abort": verbOf[Abort](), "": verbOf[Call](),
	}
})

// verbParser reads one kind of action.
type verbParser struct {
	parse func(*lexer.PeekingLexer) (Action, error)
	ebnf  string
}

func verbOf[T any, P interface {
	*T
	Action
}]() verbParser {
	p := participle.MustBuild[T](participle.Lexer(lexerDef{}), participle.UseLookahead(0))
	return verbParser{
		parse: func(lex *lexer.PeekingLexer) (Action, error) {
			v, err := p.ParseFromLexer(lex, participle.AllowTrailing(true))
			return P(v), err
		},
		ebnf: p.String(),
	}
}

// parseAction reads the action that the next word leads.
func parseAction(lex *lexer.PeekingLexer) (Action, error) {
	tok, word := lex.Peek(), ""
	switch tok.Type {
	case tokKeyword:
		word = tok.Value
	case tokIdent:
	default:
		return nil, participle.NextMatch
	}
	v, ok := verbs()[word]
	if !ok {
		return nil, participle.NextMatch
	}
	return v.parse(lex)
}

// EBNF is the grammar as participle understands it, for reference and for review of changes.
func EBNF() string {
	rules := strings.Split(grammar().String(), "\n")
	seen := map[string]bool{}
	for _, r := range rules {
		seen[r] = true
	}
	all, names := verbs(), []string{}
	for _, word := range slices.Sorted(maps.Keys(all)) {
		own := strings.Split(all[word].ebnf, "\n")
		name, _, _ := strings.Cut(own[0], " ")
		names = append(names, name)
		for _, r := range own {
			if !seen[r] {
				seen[r] = true
				rules = append(rules, r)
			}
		}
	}
	return strings.Join(append(rules, "Action = "+strings.Join(names, " | ")+" ."), "\n")
}

// Parse reads one file: syntax only, no include is followed and no name resolved. The file is never nil; where the
// findings hold an error it is what could be understood. A source that passes 1 MiB, is not UTF-8, or nests deeper
// than 64 levels is refused before parsing.
func Parse(filename string, src []byte) (*File, Diagnostics) {
	f, _, ds := parse(filename, src)
	return f, ds
}

// parse is Parse, and gives the tokens as well.
func parse(filename string, src []byte) (*File, *tokens, Diagnostics) {
	if ds := checkText(filename, src); ds != nil {
		return &File{}, nil, ds
	}
	t := scan(filename, src)
	shape := t.matchBlocks()
	if t.fatal {
		return &File{}, t, t.diags.sorted(filename)
	}
	f := t.parseTokens(shape)
	if len(t.diags) >= maxSyntaxErrors {
		t.diags = t.diags[:maxSyntaxErrors]
		p := t.diags[maxSyntaxErrors-1].Pos
		t.diags.add(codeLimit, p, p, "mend these first", "reading stopped after %d syntax errors", maxSyntaxErrors)
	}
	return f, t, t.diags.sorted(filename)
}

// parseTokens parses the file in pieces of whole top-level lines and blocks, so that what has to be parsed again after
// an error is short.
func (t *tokens) parseTokens(shape *blocks) *File {
	const enough = 500 // tokens a piece
	all := &File{}
	eof := shape.toks[len(shape.toks)-1]
	for from, k := 0, 0; from < len(shape.toks)-1; k++ {
		to := len(shape.toks) - 1
		if i, _ := slices.BinarySearch(shape.breaks, from+enough); i < len(shape.breaks) {
			to = shape.breaks[i]
		}
		piece := append(slices.Clone(shape.toks[from:to]), lexer.EOFToken(eof.Pos))
		f := t.parsePiece(piece, shape)
		switch {
		case k == 0:
			all.Header = f.Header
			all.Pos = f.Pos
		case f.Header != nil:
			e := explainer{t: t, got: shape.toks[from]}
			e.statement()
		}
		all.Items = append(all.Items, f.Items...)
		all.EndPos = f.EndPos
		from = to
		if len(t.diags) >= maxSyntaxErrors {
			break
		}
	}
	if all.Pos.Line == 0 {
		all.Pos = Pos{Filename: t.filename, Line: 1, Column: 1}
		all.EndPos = all.Pos
	}
	t.lower(all)
	return all
}

// parsePiece parses, and after an error blanks the line that has it and parses again, so that a pass shows several.
func (t *tokens) parsePiece(toks []lexer.Token, shape *blocks) *File {
	tried := map[int]int{} // line -> how often it was mended
	for {
		lex, err := lexer.Upgrade(&tokenReader{toks: toks})
		if err != nil { // a tokenReader has no errors
			panic(err)
		}
		f, err := grammar().ParseFromLexer(lex)
		if err == nil {
			return f
		}
		var unexpected *participle.UnexpectedTokenError
		if !errors.As(err, &unexpected) {
			panic(err) // the grammar has no captures that can fail
		}
		at := findToken(toks, unexpected.Unexpected.Pos.Offset)
		line := toks[lineStart(toks, at)].Pos.Line
		added := toks[at].Pos.Offset >= len(t.src) && isWord(toks[at], "end") // the block is reported as unclosed
		if tried[line] == 0 && !t.bad[line] && !added {
			t.explain(toks, at)
		}
		tried[line]++
		if len(t.diags) >= maxSyntaxErrors || tried[line] > 3 {
			return &File{} // never lowered, so nobody may read it
		}
		toks = mend(toks, at, tried[line], shape)
	}
}

// findToken is the index of the first token at or behind an offset.
func findToken(toks []lexer.Token, offset int) int {
	i := sort.Search(len(toks), func(i int) bool { return toks[i].Pos.Offset >= offset })
	return min(i, len(toks)-1)
}

// lineStart and lineEnd bound the logical line of a token; lineEnd is its EOL, or the EOF.
func lineStart(toks []lexer.Token, at int) int {
	for at > 0 && toks[at-1].Type != tokEOL {
		at--
	}
	return at
}

func lineEnd(toks []lexer.Token, at int) int {
	for at < len(toks)-1 && toks[at].Type != tokEOL {
		at++
	}
	return at
}

// mend replaces the line of a wrong token by one that keeps the blocks around it in balance: an opener by one that
// may stand anywhere, any other line by nothing.
func mend(toks []lexer.Token, at, try int, shape *blocks) []lexer.Token {
	from, to := lineStart(toks, at), lineEnd(toks, at)
	pos := toks[from].Pos
	word := func(typ lexer.TokenType, text string) lexer.Token {
		return lexer.Token{Type: typ, Value: text, Pos: pos}
	}
	var line []lexer.Token
	first := toks[from]
	switch {
	case isWord(first, "end") && try == 1:
		line = append(line, first)
	case isWord(first, "else") && shape.closes[first.Pos.Offset] && try == 1:
		line = append(line, first)
	}
	if to > from && toks[to-1].Type == tokColon {
		if len(line) == 1 && isWord(first, "end") {
			line = append(line, word(tokEOL, "\n"))
		}
		if len(line) != 1 {
			line = append(line, word(tokKeyword, "if"), word(tokKeyword, "paired"))
		}
		line = append(line, toks[to-1])
	}
	if len(line) > 0 || from == 0 {
		line = append(line, toks[to])
	} else if toks[to].Type == lexer.EOF {
		line = append(line, toks[to])
	}
	if len(line) == 1 && line[0].Type == tokEOL {
		line = nil
	}
	out := make([]lexer.Token, 0, len(toks)+4)
	out = append(out, toks[:from]...)
	out = append(out, line...)
	return append(out, toks[to+1:]...)
}

func isWord(t lexer.Token, word string) bool { return t.Type == tokKeyword && t.Value == word }
