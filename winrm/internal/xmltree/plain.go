package xmltree

import (
	"encoding/xml"
	"strings"
)

// plain reads a document that is plain in every respect. At the first thing that is not it gives up without a reason:
// parseAny finds out whether the document is well formed.
type plain struct {
	tree
	doc   string // what is unread
	names []string
	ns    []binding
	attrs []xml.Attr // of the whole document
}

// binding is a prefix of a namespace, "" for the default one. It holds while more than depth elements are open.
type binding struct {
	prefix, uri string
	depth       int
}

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// What bytes may be: in a name, in an attribute, in text, in a CDATA section.
const (
	inName = 1 << iota
	inValue
	inText
	inData
)

// kinds says what each byte may be. A name begins with a letter, see [plain.name]. What encoding/xml looks at twice is left
// to it: entities, line ends of Windows, everything beyond ASCII, and what may end a CDATA section.
var kinds = func() (k [256]byte) {
	for c := range 128 {
		switch {
		case c == '\t' || c == '\n':
			k[c] = inText | inData
		case c >= ' ' && c < 0x7f:
			k[c] = inValue | inText | inData
		}
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-' || c == '.' {
			k[c] |= inName
		}
	}
	k['<'] &^= inValue | inText
	k['&'] &^= inValue | inText
	k['"'] &^= inValue
	k[']'] &^= inText
	return k
}()

// declarations are those that an envelope begins with.
var declarations = []string{
	`<?xml version="1.0" encoding="utf-8" ?>`, `<?xml version="1.0" encoding="utf-8"?>`, `<?xml version="1.0" encoding="UTF-8"?>`,
}

// someAttrs is about what an envelope has, most of them namespaces.
const someAttrs = 16

func parsePlain(doc string) (*Element, bool) {
	p := plain{doc: doc, attrs: make([]xml.Attr, 0, someAttrs)}
	for _, d := range declarations {
		if rest, ok := strings.CutPrefix(doc, d); ok {
			p.doc = rest
			break
		}
	}
	for p.doc != "" {
		ok := false
		switch {
		case p.doc[0] != '<':
			ok = p.charData()
		case strings.HasPrefix(p.doc, "</"):
			ok = p.endTag()
		case strings.HasPrefix(p.doc, "<![CDATA["):
			ok = p.section()
		default:
			ok = p.startTag()
		}
		if !ok {
			return nil, false
		}
	}
	return p.root, p.root != nil && len(p.open) == 0
}

// all reports whether every byte of s may be what kind says.
func all(s string, kind byte) bool {
	for i := range len(s) {
		if kinds[s[i]]&kind == 0 {
			return false
		}
	}
	return true
}

// skip takes what stands next, if it does.
func (p *plain) skip(s string) bool {
	rest, ok := strings.CutPrefix(p.doc, s)
	p.doc = rest
	return ok
}

func (p *plain) charData() bool {
	text := p.doc
	if i := strings.IndexByte(text, '<'); i >= 0 {
		text = text[:i]
	}
	p.doc = p.doc[len(text):]
	return all(text, inText) && p.text(text) == nil
}

// section is a CDATA section.
func (p *plain) section() bool {
	text, rest, found := strings.Cut(p.doc[len("<![CDATA["):], "]]>")
	p.doc = rest
	return found && len(p.open) > 0 && all(text, inData) && p.text(text) == nil
}

func (p *plain) endTag() bool {
	n := len(p.open) - 1
	if n < 0 || !p.skip("</") || !p.skip(p.names[n]) || !p.skip(">") {
		return false
	}
	p.close()
	return true
}

// close ends the innermost element, and with it the namespaces that it has declared.
func (p *plain) close() {
	p.end()
	p.names = p.names[:len(p.open)]
	for n := len(p.ns); n > 0 && p.ns[n-1].depth == len(p.open); n-- {
		p.ns = p.ns[:n-1]
	}
}

func (p *plain) startTag() bool {
	p.doc = p.doc[1:]
	whole, name, ok := p.name()
	if !ok || name.Space == "xml" || name.Space == "xmlns" || whole == "xmlns" {
		return false
	}
	first := len(p.attrs)
	for p.skip(" ") {
		if !p.attribute() || len(p.attrs)-first > maxAttrs {
			return false
		}
	}
	empty := p.skip("/")
	if !p.skip(">") {
		return false
	}
	name.Space = p.namespace(name.Space)
	attr := p.attrs[first:len(p.attrs):len(p.attrs)]
	for i := range attr {
		switch a := &attr[i].Name; a.Space {
		case "", "xmlns":
		case "xml":
			a.Space = xmlNamespace
		default:
			a.Space = p.namespace(a.Space)
		}
	}
	if p.begin(name, attr) != nil {
		return false
	}
	p.names = append(p.names, whole)
	if empty {
		p.close()
	}
	return true
}

// attribute reads name="value", and keeps a namespace that it declares.
func (p *plain) attribute() bool {
	whole, name, ok := p.name()
	if !ok || !p.skip(`="`) {
		return false
	}
	value, rest, found := strings.Cut(p.doc, `"`)
	p.doc = rest
	if !found || !all(value, inValue) {
		return false
	}
	p.attrs = append(p.attrs, xml.Attr{Name: name, Value: value})
	switch {
	case whole == "xmlns":
		p.ns = append(p.ns, binding{"", value, len(p.open)})
	case name.Space == "xmlns":
		p.ns = append(p.ns, binding{name.Local, value, len(p.open)})
	}
	return true
}

// name reads a name, with or without a prefix.
func (p *plain) name() (whole string, name xml.Name, ok bool) {
	local := word(p.doc)
	if n := len(local); n < len(p.doc) && p.doc[n] == ':' {
		name.Space, local = local, word(p.doc[n+1:])
		whole = p.doc[:n+1+len(local)]
		ok = name.Space != ""
	} else {
		whole, ok = local, true
	}
	p.doc = p.doc[len(whole):]
	name.Local = local
	return whole, name, ok && local != "" && !strings.HasPrefix(p.doc, ":")
}

// word is the name without a colon that s begins with, "" where there is none.
func word(s string) string {
	i := 0
	for i < len(s) && kinds[s[i]]&inName != 0 {
		i++
	}
	if i == 0 || s[0] == '-' || s[0] == '.' || s[0] >= '0' && s[0] <= '9' {
		return ""
	}
	return s[:i]
}

// namespace is what a prefix stands for; one that was not declared stands for itself, as encoding/xml has it.
func (p *plain) namespace(prefix string) string {
	for i := len(p.ns) - 1; i >= 0; i-- {
		if p.ns[i].prefix == prefix {
			return p.ns[i].uri
		}
	}
	return prefix
}
