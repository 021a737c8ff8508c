package pool

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFile is the largest pool or scenario file that is read, in bytes. A file
// of sixteen servers needs less than a twentieth of it.
const MaxFile = 64 << 10

const (
	maxLines  = 5000
	maxErrors = 20 // more than a screen of errors helps nobody
	maxNested = 16 // the files nest four levels deep
)

// Error is one thing wrong with a file.
type Error struct {
	File string
	Line int // counted from 1
	Col  int // counted from 1, in characters
	Msg  string
}

// Error is file:line:column: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// decoder collects what is wrong with one file.
type decoder struct {
	file string
	errs []*Error
}

func (d *decoder) errorAt(line, col int, format string, args ...any) {
	d.errs = append(d.errs, &Error{d.file, line, col, fmt.Sprintf(format, args...)})
}

func (d *decoder) errorf(at ast.Node, format string, args ...any) {
	line, col := place(at)
	d.errorAt(line, col, format, args...)
}

// err joins what was collected, in the order of the file; nil if that is
// nothing.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	var joined []error
	for i, e := range d.errs {
		if i == maxErrors {
			joined = append(joined, fmt.Errorf("%s: and %d more errors", d.file, len(d.errs)-maxErrors))
			break
		}
		joined = append(joined, e)
	}
	return errors.Join(joined...)
}

// place is where a node begins. A block mapping has the token of its first
// colon, so its first key is asked instead.
func place(n ast.Node) (line, col int) {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1, 1
	}
	p := n.GetToken().Position
	return max(p.Line, 1), max(p.Column, 1)
}

// parse turns a file into the tree of its one document; nil, with an error
// collected, where it cannot.
func (d *decoder) parse(src []byte) ast.Node {
	src, ok := d.clean(src)
	if !ok {
		return nil
	}
	tokens := lexer.Tokenize(string(src))
	if !d.plain(tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		d.syntax(err)
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			return doc.Body
		}
	}
	d.errorAt(1, 1, "the file is empty")
	return nil
}

// parseTokens keeps a failure of the YAML library on a malformed file from
// ending the program: the text is foreign, and saying that it cannot be read
// is the right answer to it.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("this is not YAML that can be read")
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// clean refuses what is no text at all, drops a byte-order mark and turns CRLF
// into LF.
func (d *decoder) clean(src []byte) ([]byte, bool) {
	if len(src) > MaxFile {
		d.errorAt(1, 1, "the file is larger than %d KiB", MaxFile>>10)
		return nil, false
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	if len(bytes.TrimSpace(src)) == 0 {
		d.errorAt(1, 1, "the file is empty")
		return nil, false
	}
	if bytes.Count(src, []byte("\n")) > maxLines {
		d.errorAt(1, 1, "the file has more than %d lines", maxLines)
		return nil, false
	}
	line, col := 1, 1
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			d.errorAt(line, col, "this is not UTF-8 text")
			return nil, false
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f, r == 0x85, r == 0x2028, r == 0x2029, r == '\ufeff':
			d.errorAt(line, col, "control character %U: this is not a text file", r)
			return nil, false
		}
		if i, col = i+size, col+1; r == '\n' {
			line, col = line+1, 1
		}
	}
	return src, true
}

// typographic maps the quotation marks that word processors put in place of
// plain ones.
var typographic = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'", "‚", "'")

// plain refuses the parts of YAML that these files have no use for, before
// anything is built from them: anchors and aliases (a short text can stand for
// gigabytes), tags, merge keys, directives, several documents and deep nesting.
func (d *decoder) plain(tokens token.Tokens) bool {
	before := len(d.errs)
	flow, entries, line, content := 0, 0, 0, false
	for _, t := range tokens {
		at := func(format string, args ...any) {
			d.errorAt(max(t.Position.Line, 1), max(t.Position.Column, 1), format, args...)
		}
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			at("YAML anchors and aliases (&, *, <<) are not read here: write the value out")
		case token.TagType:
			at("YAML tags (!) are not read here: write the value plainly, in quotes if it begins with an exclamation mark")
		case token.DirectiveType:
			at("YAML directives (%%) are not read here")
		case token.MappingKeyType:
			at("complex YAML keys (?) are not read here")
		case token.DocumentHeaderType:
			if content {
				at("a second document begins here: one file holds one")
			}
		case token.SequenceEntryType:
			entries++
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.DoubleQuoteType:
			if foreignEscape(t.Origin) {
				at("a backslash stands in double quotes, where YAML reads it and what follows as one character: %s", pathHint)
			}
		case token.StringType:
			if plain := typographic.Replace(t.Value); plain != t.Value && strings.ContainsAny(plain[:1], `"'`) {
				at("typographic quotation mark, as word processors write it: use a plain one, %s", plain[:1])
			}
		}
		if flow > maxNested || entries > maxNested {
			at("the file nests more than %d levels deep", maxNested)
		}
		if len(d.errs) > before {
			return false
		}
		content = content || t.Type != token.CommentType && t.Type != token.DocumentEndType
	}
	return true
}

const pathHint = `write a Windows path without quotes or in single ones, 'C:\Updates', or each backslash twice`

// foreignEscape reports whether the source of a double-quoted text has an
// escape other than of a backslash or a quotation mark. The files hold names
// and Windows paths: whoever writes "C:\Updates" means a folder, and YAML a
// character that begins with \U.
func foreignEscape(source string) bool {
	for i := 0; i+1 < len(source); i++ {
		if source[i] != '\\' {
			continue
		}
		i++
		if source[i] != '\\' && source[i] != '"' {
			return true
		}
	}
	return false
}

// syntax reports what the YAML parser says, at its place.
func (d *decoder) syntax(err error) {
	hint := ""
	if strings.Contains(err.Error(), "escape character") {
		hint = ": " + pathHint
	}
	var bad *yaml.SyntaxError
	if errors.As(err, &bad) && bad.Token != nil && bad.Token.Position != nil {
		d.errorAt(max(bad.Token.Position.Line, 1), max(bad.Token.Position.Column, 1), "this is not valid YAML: %s%s", bad.Message, hint)
		return
	}
	msg, _, _ := strings.Cut(err.Error(), "\n")
	d.errorAt(1, 1, "this is not valid YAML: %s%s", msg, hint)
}
