package xmltree

import (
	"encoding/xml"
	"iter"
	"strings"
)

// Element is one XML element with its namespace resolved. Its methods may be called on nil, which has nothing in it.
type Element struct {
	Name xml.Name
	Attr []xml.Attr
	Text string // the character data directly inside it

	first, last, next *Element // the first and the last child, the sibling behind it
}

// Is reports whether the element has that name.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Name.Local == local && e.Name.Space == space
}

// First returns the first child, or nil.
func (e *Element) First() *Element {
	if e == nil {
		return nil
	}
	return e.first
}

// All returns the children.
func (e *Element) All() iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		for k := e.First(); k != nil; k = k.next {
			if !yield(k) {
				return
			}
		}
	}
}

// Child returns the first child of that name, or nil.
func (e *Element) Child(space, local string) *Element {
	for k := range e.All() {
		if k.Is(space, local) {
			return k
		}
	}
	return nil
}

// Children returns every child of that name.
func (e *Element) Children(space, local string) []*Element {
	var list []*Element
	for k := range e.All() {
		if k.Is(space, local) {
			list = append(list, k)
		}
	}
	return list
}

// TextOf returns the trimmed text of a child, "" without one.
func (e *Element) TextOf(space, local string) string {
	if k := e.Child(space, local); k != nil {
		return strings.TrimSpace(k.Text)
	}
	return ""
}

// Value returns an attribute by its local name: the attributes of this protocol have no namespace of their own.
func (e *Element) Value(local string) string {
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
