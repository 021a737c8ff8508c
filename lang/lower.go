package lang

import (
	"sort"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// lower makes the tree that others read out of the one that the grammar filled: places get their true ends, leaves
// their values, and the forms of one verb their own types.
func (t *tokens) lower(f *File) {
	Inspect(f, func(n Node) bool {
		switch n := n.(type) {
		case *If:
			n.HasEnd = n.Line == nil && n.Else == nil
			if n.Else != nil && n.Else.Line != nil {
				t.diags.add(codeOneLineElse, n.Else.Pos, t.endBefore(n.Else.Cond.EndPos), "put its steps on lines of their own, closed by one `end`",
					"an `else if` cannot have a one-line body")
			}
		case *Fact:
			n.Name = strings.Join(n.Words, " ")
		case *Step:
			n.Action = lowerAction(n.Action)
			if r, ok := n.Action.(*Run); ok {
				setRaw(r.Script)
			}
		case *Int:
			n.N, _ = strconv.Atoi(n.Raw) // the lexer has refused what does not fit
		case *Duration:
			n.D, _ = parseDuration(n.Raw)
		case *String:
			if n.Parts == nil {
				setText(n)
			}
		}
		if s, ok := n.(interface{ span() *Span }); ok {
			sp := s.span()
			sp.EndPos = t.endBefore(sp.EndPos)
		}
		return true
	})
	t.checkLines(f)
}

// checkLines refuses what the grammar lets pass: a declaration that shares its line.
func (t *tokens) checkLines(f *File) {
	for _, it := range f.Items {
		switch it.(type) {
		case *Param, *Window, *Include:
			if at := findToken(t.toks, it.End().Offset); t.toks[at].Type == tokSemi {
				t.diags.add(codeSyntax, t.toks[at].Pos, t.ends[at], "begin a new line", "a declaration stands on a line of its own")
			}
		}
	}
}

func (s *Span) span() *Span { return s }

// endBefore is the end of the last token before a place: participle gives as a node's end where the next token begins.
func (t *tokens) endBefore(p Pos) Pos {
	i := sort.Search(len(t.ends), func(i int) bool { return t.toks[i].Pos.Offset >= p.Offset })
	for i > 0 && t.toks[i-1].Type == tokEOL {
		i--
	}
	if i == 0 {
		return p
	}
	return t.ends[i-1]
}

func lowerAction(a Action) Action {
	switch a := a.(type) {
	case *failoverForm:
		if a.Server {
			return &FailoverServer{Span: a.Span, Drain: a.Drain}
		}
		return &Failover{Span: a.Span, Disaster: a.Disaster}
	case *failbackForm:
		if a.Server {
			return &FailbackServer{Span: a.Span}
		}
		return &Failback{Span: a.Span}
	}
	return a
}

// unquote undoes the quotes of a string token.
func unquote(raw string) string {
	if len(raw) >= 2 {
		raw = raw[1 : len(raw)-1]
	}
	return strings.ReplaceAll(raw, `""`, `"`)
}

func setRaw(s *String) {
	s.Text = unquote(s.Raw)
	s.Parts = []Part{{Literal: s.Text, Pos: s.Pos}}
}

// setText cuts a string at its insertions. A brace is special only in {name} and in {{.
func setText(s *String) {
	s.Text = unquote(s.Raw)
	body := strings.TrimSuffix(strings.TrimPrefix(s.Raw, `"`), `"`)
	at := s.Pos
	at.Offset++
	at.Column++
	step := func(text string) {
		at.Offset += len(text)
		at.Column += len([]rune(text))
	}
	lit, litPos := "", at
	flush := func() {
		if lit != "" {
			s.Parts = append(s.Parts, Part{Literal: lit, Pos: litPos})
		}
		lit = ""
	}
	for body != "" {
		cut := strings.IndexAny(body, `{"`)
		if cut < 0 {
			cut = len(body)
		}
		if lit == "" {
			litPos = at
		}
		lit += body[:cut]
		step(body[:cut])
		body = body[cut:]
		switch {
		case body == "":
		case strings.HasPrefix(body, `""`), strings.HasPrefix(body, "{{"):
			lit += body[:1]
			step(body[:2])
			body = body[2:]
		case insertion(body) != "":
			flush()
			name := insertion(body)
			s.Parts = append(s.Parts, Part{Name: name, Pos: at})
			step(body[:len(name)+2])
			body = body[len(name)+2:]
		default:
			lit += body[:1]
			step(body[:1])
			body = body[1:]
		}
	}
	flush()
	if s.Parts == nil {
		s.Parts = []Part{}
	}
}

// insertion gives the name of the {name} that a text begins with, or "".
func insertion(s string) string {
	end := strings.IndexByte(s, '}')
	if end < 2 || s[0] != '{' || !isLetter(s[1]) {
		return ""
	}
	for i := 1; i < end; i++ {
		if !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '-' {
			return ""
		}
	}
	return s[1:end]
}
