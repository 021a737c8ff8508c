package xmltree

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The limits of a document.
const (
	maxDepth    = 32
	maxElements = 4096
	maxAttrs    = 32
)

// Parse reads one document. Depth, elements and attributes are limited, a document type is refused, and so are encodings
// other than UTF-8; no entity but the five of XML itself is ever expanded.
func Parse(doc string) (*Element, error) {
	doc = strings.TrimPrefix(doc, "\ufeff")
	if root, ok := parsePlain(doc); ok {
		return root, nil
	}
	return parseAny(doc)
}

// parseAny reads whatever is well formed.
func parseAny(doc string) (*Element, error) {
	dec := xml.NewDecoder(strings.NewReader(doc))
	var t tree
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(tok.Attr) > maxAttrs {
				return nil, fmt.Errorf("more than %d attributes on <%s>", maxAttrs, tok.Name.Local)
			}
			err = t.begin(tok.Name, tok.Copy().Attr)
		case xml.EndElement:
			t.end()
		case xml.CharData:
			err = t.text(string(tok))
		case xml.Directive:
			err = errors.New("a document type is not allowed")
		}
		if err != nil {
			return nil, err
		}
	}
	if t.root == nil {
		return nil, errors.New("no element")
	}
	return t.root, nil
}

// tree is a document of which a part has been read.
type tree struct {
	root  *Element
	open  []open
	made  int       // elements
	chunk []Element // where the next ones are made
}

// open is an element whose end has not been read. Its text is kept as it came while that is one piece.
type open struct {
	*Element
	pieces []byte
}

var (
	errElements = fmt.Errorf("more than %d elements", maxElements)
	errDepth    = fmt.Errorf("elements nested deeper than %d", maxDepth)
	errRoots    = errors.New("a second root element")
	errOutside  = errors.New("text outside the root element")
)

// chunkSize is how many elements are made at once; an envelope has some twenty.
const chunkSize = 12

func (t *tree) begin(name xml.Name, attr []xml.Attr) error {
	switch {
	case t.made == maxElements:
		return errElements
	case len(t.open) == maxDepth:
		return errDepth
	case len(t.open) == 0 && t.root != nil:
		return errRoots
	}
	if len(t.chunk) == 0 {
		t.chunk = make([]Element, chunkSize)
	}
	e := &t.chunk[0]
	t.chunk = t.chunk[1:]
	t.made++
	e.Name, e.Attr = name, attr
	if len(t.open) == 0 {
		t.root = e
	} else if p := t.open[len(t.open)-1].Element; p.last == nil {
		p.first, p.last = e, e
	} else {
		p.last.next, p.last = e, e
	}
	t.open = append(t.open, open{Element: e})
	return nil
}

func (t *tree) end() {
	e := &t.open[len(t.open)-1]
	if e.pieces != nil {
		e.Text = string(e.pieces)
	}
	t.open = t.open[:len(t.open)-1]
}

func (t *tree) text(s string) error {
	if len(t.open) == 0 {
		if strings.TrimSpace(s) != "" {
			return errOutside
		}
		return nil
	}
	e := &t.open[len(t.open)-1]
	switch {
	case e.pieces != nil:
		e.pieces = append(e.pieces, s...)
	case e.Text == "":
		e.Text = s
	default:
		e.pieces = append(append(e.pieces, e.Text...), s...)
	}
	return nil
}
