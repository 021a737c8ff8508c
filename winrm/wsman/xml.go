package wsman

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxXMLDepth    = 32
	maxXMLElements = 4096
	maxXMLAttrs    = 32
)

// element is one XML element with its namespace resolved. Text is the character data directly inside it.
type element struct {
	Name xml.Name
	Attr []xml.Attr
	Text string
	Kids []*element
}

// child returns the first child of that name, or nil. It may be called on nil.
func (e *element) child(space, local string) *element {
	if e == nil {
		return nil
	}
	for _, k := range e.Kids {
		if k.Name.Space == space && k.Name.Local == local {
			return k
		}
	}
	return nil
}

// children returns every child of that name.
func (e *element) children(space, local string) []*element {
	if e == nil {
		return nil
	}
	var out []*element
	for _, k := range e.Kids {
		if k.Name.Space == space && k.Name.Local == local {
			out = append(out, k)
		}
	}
	return out
}

// text returns the trimmed text of a child, "" without one.
func (e *element) text(space, local string) string {
	if k := e.child(space, local); k != nil {
		return strings.TrimSpace(k.Text)
	}
	return ""
}

// attr returns an attribute by its local name: the attributes of this protocol have no namespace of their own.
func (e *element) attr(local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attr {
		if a.Name.Local == local && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// parseXML reads one document. Depth, elements and attributes are limited, a document type is refused, and so are
// encodings other than UTF-8; no entity but the five of XML itself is ever expanded.
func parseXML(data []byte) (*element, error) {
	type open struct {
		el   *element
		text strings.Builder
	}
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	var root *element
	var stack []*open
	var elements int
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if elements++; elements > maxXMLElements {
				return nil, fmt.Errorf("more than %d elements", maxXMLElements)
			}
			if len(stack) >= maxXMLDepth {
				return nil, fmt.Errorf("elements nested deeper than %d", maxXMLDepth)
			}
			if len(t.Attr) > maxXMLAttrs {
				return nil, fmt.Errorf("more than %d attributes on <%s>", maxXMLAttrs, t.Name.Local)
			}
			if len(stack) == 0 && root != nil {
				return nil, errors.New("a second root element")
			}
			el := &element{Name: t.Name, Attr: t.Copy().Attr}
			if len(stack) == 0 {
				root = el
			} else {
				top := stack[len(stack)-1].el
				top.Kids = append(top.Kids, el)
			}
			stack = append(stack, &open{el: el})
		case xml.EndElement:
			top := stack[len(stack)-1]
			top.el.Text = top.text.String()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside the root element")
			}
		case xml.Directive:
			return nil, errors.New("a document type is not allowed")
		}
	}
	if root == nil {
		return nil, errors.New("no element")
	}
	return root, nil
}
