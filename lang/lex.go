package lang

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// The kinds of token. White space and comments are none: participle also sees what it is told to elide, so a comment
// could otherwise satisfy a keyword.
const (
	tokEOF lexer.TokenType = lexer.EOF - iota
	tokKeyword
	tokIdent
	tokInt
	tokDuration
	tokString
	tokColon
	tokSemi
	tokEq
	tokLParen
	tokRParen
	tokEOL
)

// keywords are the words of the language. A define may bear none of them; a parameter may.
var keywords = map[string]bool{}

func init() {
	for w := range strings.FieldsSeq(`runbook param window until include define on failure for each domain server at most
		once if end else not and or retry every within wait ready hold stop graceful start upgrade with args restart
		verify version failover disaster drain failback run safe confirm notify note sleep skip abort paired failed
		over pool busy insufficient upgraded reboot pending running left`) {
		keywords[w] = true
	}
}

// Limits of a source, so that any input is answered in bounded time and memory.
const (
	maxSource       = 1 << 20 // bytes a file
	maxLevels       = 64      // open blocks, parentheses and `else` on one line
	maxSteps        = 10_000  // steps, each call of a define counted with what it holds
	maxFiles        = 64      // a runbook and what it includes
	maxSyntaxErrors = 20      // a pass
)

// comment is a comment of the source; text begins with its #.
type comment struct {
	pos  Pos
	text string
	own  bool // nothing stands before it on its line
}

// tokens is a source as the grammar sees it.
type tokens struct {
	filename string
	src      []byte
	toks     []lexer.Token // the last one is EOF
	ends     []Pos         // ends[i] is the place behind toks[i]
	comments []comment
	diags    Diagnostics
	bad      map[int]bool // lines with a finding of the lexer: the grammar keeps silent about them
	fatal    bool         // not worth parsing
}

// checkText refuses what is not a text of the language at all.
func checkText(filename string, src []byte) Diagnostics {
	var ds Diagnostics
	at := Pos{Filename: filename, Line: 1, Column: 1}
	if len(src) > maxSource {
		ds.add(codeLimit, at, at, "a runbook is a page or two; is this the right file?",
			"the file is larger than 1 MiB")
		return ds
	}
	if bytes.HasPrefix(src, []byte{0xFF, 0xFE}) || bytes.HasPrefix(src, []byte{0xFE, 0xFF}) {
		ds.add(codeNotText, at, at, `save it as UTF-8 (Notepad calls UTF-16 "Unicode")`, "the file is UTF-16, not UTF-8")
		return ds
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		p := posAt(filename, src, i)
		ds.add(codeNotText, p, p, "is this a program or another binary file?", "the file is binary: there is a NUL byte at offset %d", i)
		return ds
	}
	for i := 0; i < len(src); {
		if src[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			p := posAt(filename, src, i)
			ds.add(codeNotText, p, p, "save it as UTF-8; it may have been saved in an ANSI code page",
				"the file is not UTF-8: byte 0x%02X at offset %d", src[i], i)
			return ds
		}
		i += n
	}
	return ds
}

// posAt counts out the place of a byte offset.
func posAt(filename string, src []byte, off int) Pos {
	line, start := 1, 0
	for i := 0; i < off; i++ {
		if src[i] == '\n' || src[i] == '\r' && (i+1 >= len(src) || src[i+1] != '\n') {
			line, start = line+1, i+1
		}
	}
	return Pos{Filename: filename, Offset: off, Line: line, Column: 1 + utf8.RuneCount(src[start:off])}
}

// scanner walks a source once.
type scanner struct {
	tokens
	off       int
	line      int
	col       int // column of colOff, counted in characters
	colOff    int
	lineEmpty bool // no token on this line yet
	lineStop  int  // where this line ends; 0 = not looked for yet
}

// scan cuts a text, checked by checkText, into tokens.
func scan(filename string, src []byte) *tokens {
	s := &scanner{line: 1, col: 1, lineEmpty: true}
	s.tokens = tokens{filename: filename, src: src, bad: map[int]bool{}}
	s.toks = make([]lexer.Token, 0, len(src)/5+2)
	s.ends = make([]Pos, 0, len(src)/5+2)
	if bytes.HasPrefix(src, []byte("\uFEFF")) {
		s.off, s.colOff = 3, 3
	}
	for s.off < len(src) && len(s.diags) < maxSyntaxErrors {
		s.next()
	}
	p := s.pos(s.off)
	s.eol(p)
	s.toks = append(s.toks, lexer.EOFToken(p))
	s.ends = append(s.ends, p)
	return &s.tokens
}

// pos is the place of an offset on the current line that is not before the last one asked for.
func (s *scanner) pos(off int) Pos {
	s.col += utf8.RuneCount(s.src[s.colOff:off])
	s.colOff = off
	return Pos{Filename: s.filename, Offset: off, Line: s.line, Column: s.col}
}

func (s *scanner) newLine() {
	s.line++
	s.col, s.colOff, s.lineEmpty, s.lineStop = 1, s.off, true, 0
}

// emit appends the token that begins at pos and ends at end.
func (s *scanner) emit(typ lexer.TokenType, value string, pos Pos, end int) {
	s.off = end
	s.toks = append(s.toks, lexer.Token{Type: typ, Value: value, Pos: pos})
	s.ends = append(s.ends, s.pos(end))
	s.lineEmpty = false
}

// eol ends a logical line: empty ones fold away, and a ";" before the end is dropped.
func (s *scanner) eol(pos Pos) {
	n := len(s.toks)
	for n > 0 && s.toks[n-1].Type == tokSemi && (n < 2 || s.toks[n-2].Type != tokSemi) {
		n--
	}
	s.toks, s.ends = s.toks[:n], s.ends[:n]
	if n == 0 || s.toks[n-1].Type == tokEOL {
		return
	}
	s.toks = append(s.toks, lexer.Token{Type: tokEOL, Value: "\n", Pos: pos})
	s.ends = append(s.ends, pos)
}

// refuse notes a finding over the bytes from pos to end.
func (s *scanner) refuse(c code, pos Pos, end int, hint, format string, args ...any) {
	s.bad[pos.Line] = true
	s.diags.add(c, pos, s.pos(end), hint, format, args...)
}

func (s *scanner) next() {
	src, off := s.src, s.off
	switch c := src[off]; {
	case c == ' ' || c == '\t':
		s.off++
	case c == '\n' || c == '\r':
		p := s.pos(off)
		s.off++
		if c == '\r' && s.off < len(src) && src[s.off] == '\n' {
			s.off++
		}
		s.eol(p)
		s.newLine()
	case c == '#':
		s.comment()
	case c == '"':
		s.str()
	case c == ':':
		s.emit(tokColon, ":", s.pos(off), off+1)
	case c == ';':
		s.emit(tokSemi, ";", s.pos(off), off+1)
	case c == '=':
		s.emit(tokEq, "=", s.pos(off), off+1)
	case c == '(':
		s.emit(tokLParen, "(", s.pos(off), off+1)
	case c == ')':
		s.emit(tokRParen, ")", s.pos(off), off+1)
	case isDigit(c) || (c == '-' || c == '+') && off+1 < len(src) && isDigit(src[off+1]):
		s.number()
	case isLetter(c):
		end := off + 1
		for end < len(src) && (isLetter(src[end]) || isDigit(src[end]) || src[end] == '-') {
			end++
		}
		word := string(src[off:end])
		typ := tokIdent
		if keywords[word] {
			typ = tokKeyword
		}
		s.emit(typ, word, s.pos(off), end)
	default:
		s.odd()
	}
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// restOfLine is the offset of the line's end, looked for once a line.
func (s *scanner) restOfLine() int {
	if s.lineStop == 0 {
		s.lineStop = len(s.src)
		if i := bytes.IndexAny(s.src[s.off:], "\r\n"); i >= 0 {
			s.lineStop = s.off + i
		}
	}
	return s.lineStop
}

func (s *scanner) comment() {
	p, end := s.pos(s.off), s.restOfLine()
	s.invisible(s.off, end)
	s.comments = append(s.comments, comment{pos: p, text: strings.TrimRight(string(s.src[s.off:end]), " \t"), own: s.lineEmpty})
	s.off = end
}

// str reads a string: no escapes but "" for a quote, no line end in it.
func (s *scanner) str() {
	p, src, limit := s.pos(s.off), s.src, s.restOfLine()
	end := s.off + 1
	for end < limit {
		if src[end] != '"' {
			end++
			continue
		}
		if end+1 < limit && src[end+1] == '"' {
			end += 2
			continue
		}
		s.invisible(s.off+1, end)
		s.emit(tokString, string(src[s.off:end+1]), p, end+1)
		return
	}
	hint := `close it with " on the same line`
	if strings.ContainsAny(string(src[s.off:limit]), "“”„") {
		hint = `it ends in a typographic quote (pasted from Word?); write a plain "`
	}
	text := strings.TrimRight(string(src[s.off:limit]), " \t")
	s.refuse(codeOpenString, p, limit, hint, "the string that begins here is not closed")
	s.emit(tokString, text+`"`, p, limit)
}

// invisible refuses characters that change how a line looks without being seen themselves.
func (s *scanner) invisible(from, to int) {
	for i := from; i < to; {
		r, n := utf8.DecodeRune(s.src[i:to])
		if isInvisible(r) {
			s.refuse(codeCharacter, s.pos(i), i+n, "delete it", "an invisible character, %s", charName(r))
			return
		}
		i += n
	}
}

func isInvisible(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < 0x20, 0x7F <= r && r < 0xA0:
		return true
	case 0x200B <= r && r <= 0x200F, 0x2028 <= r && r <= 0x202E, 0x2060 <= r && r <= 0x2069, r == 0xFEFF:
		return true
	}
	return false
}

func charName(r rune) string {
	names := map[rune]string{
		0xA0: "no-break space", 0x200B: "zero width space", 0xFEFF: "byte order mark", 0x2013: "en dash",
		0x2014: "em dash", 0x2026: "ellipsis", 0x202E: "right-to-left override", 0x1B: "escape",
	}
	if n := names[r]; n != "" {
		return fmt.Sprintf("U+%04X (%s)", r, n)
	}
	if isInvisible(r) || r == 0xFFFD {
		return fmt.Sprintf("U+%04X", r)
	}
	return fmt.Sprintf("U+%04X (%c)", r, r)
}

// odd answers a character that begins no token.
func (s *scanner) odd() {
	p := s.pos(s.off)
	r, n := utf8.DecodeRune(s.src[s.off:])
	limit := s.restOfLine()
	switch {
	case strings.ContainsRune("“”„«»", r) || r == '‘' || r == '’' || r == '\'' || r == '`':
		// Read as the string that was meant, so that the rest of the line can still be judged.
		end := s.off + n
		for end < limit {
			q, m := utf8.DecodeRune(s.src[end:])
			end += m
			if strings.ContainsRune("“”\"»", q) || (r == '\'' || r == '‘' || r == '’' || r == '`') && strings.ContainsRune("'’‘`", q) {
				break
			}
		}
		if r == '\'' || r == '`' {
			s.refuse(codeCharacter, p, end, `write "…"`, "strings stand in double quotes")
		} else {
			s.refuse(codeQuotes, p, end, `write plain quotes: "…" (pasted from Word?)`, "typographic quotes %c", r)
		}
		s.emit(tokString, `""`, p, end)
	case r == '{' || r == '}':
		s.refuse(codeCharacter, p, s.off+n, "a block opens with `:` and closes with `end`; {name} belongs in a string", "a brace outside a string")
		s.off += n
	case r == ',':
		s.refuse(codeCharacter, p, s.off+n, "steps on one line are parted by `;`", "a comma is not part of the language")
		s.off += n
	case r == '/' && s.off+1 < limit && s.src[s.off+1] == '/':
		s.refuse(codeCharacter, p, limit, "a comment begins with `#`", "`//` does not begin a comment")
		s.off = limit
	default:
		hint := ""
		if isInvisible(r) || r == 0xA0 {
			hint = "replace it by an ordinary blank"
		}
		switch r {
		case '\\':
			hint = `a path stands in quotes: "C:\…"`
		case '\u2013', '\u2014':
			hint = "delete it (pasted from Word?)"
		case '&', '|':
			hint = "steps on one line are parted by `;`, facts of an `if` by `and` or `or`"
		}
		s.refuse(codeCharacter, p, s.off+n, hint, "the character %s is not part of the language", charName(r))
		s.off += n
	}
	s.lineEmpty = false
}

// Symbols, Lex and lexerDef give the scanner the shape that participle builds a grammar from. The tokens of a parse
// come from scan directly.
type lexerDef struct{}

func (lexerDef) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": tokEOF, "Keyword": tokKeyword, "Ident": tokIdent, "Int": tokInt, "Duration": tokDuration,
		"String": tokString, "Colon": tokColon, "Semi": tokSemi, "Eq": tokEq, "LParen": tokLParen, "RParen": tokRParen,
		"EOL": tokEOL,
	}
}

func (lexerDef) Lex(filename string, r io.Reader) (lexer.Lexer, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	if err != nil {
		return nil, err
	}
	if err := checkText(filename, src).Err(); err != nil {
		return nil, err
	}
	t := scan(filename, src)
	if err := t.diags.Err(); err != nil {
		return nil, err
	}
	return &tokenReader{toks: t.toks}, nil
}

// tokenReader hands out tokens that are there already.
type tokenReader struct {
	toks []lexer.Token
	i    int
}

func (r *tokenReader) Next() (lexer.Token, error) {
	t := r.toks[r.i]
	if r.i < len(r.toks)-1 {
		r.i++
	}
	return t, nil
}
