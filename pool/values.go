package pool

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/lrun/lrun/internal/spell"
)

// shape is the closed set of keys of one mapping in a file. The JSON Schemas
// hold the same sets, and a test compares them.
type shape struct {
	name     string // as messages call it
	keys     []string
	required []string
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	name  ast.Node // the key, for its place
	value ast.Node // nil where nothing stands behind the colon
}

// entries lists the keys of a mapping in file order, and reports duplicates.
// It collects an error and answers false where n is no mapping.
func (d *decoder) entries(n ast.Node, what string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.errorf(n, "%s is a mapping, lines of key: value", what)
		return nil, false
	}
	list := make([]entry, 0, len(values))
	first := make(map[string]int, len(values))
	for _, v := range values {
		e := entry{key: v.Key.GetToken().Value, name: v.Key, value: v.Value}
		if _, null := v.Value.(*ast.NullNode); null {
			e.value = nil
		}
		if line, dup := first[e.key]; dup {
			d.errorf(e.name, "%s names %s twice, first on line %d", what, quote(e.key), line)
			continue
		}
		first[e.key], _ = place(e.name)
		list = append(list, e)
	}
	return list, true
}

// object reads a mapping of known keys. The answer holds each key that is
// there, is known and has a value.
func (d *decoder) object(n ast.Node, s *shape) map[string]ast.Node {
	list, ok := d.entries(n, s.name)
	if !ok {
		return nil
	}
	values := make(map[string]ast.Node, len(list))
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		switch {
		case !slices.Contains(s.keys, e.key):
			d.errorf(e.name, "%s", unknownKey(s, e.key))
		case e.value == nil:
			d.errorf(e.name, "%s has no value", e.key)
		default:
			values[e.key] = e.value
		}
		seen[e.key] = true
	}
	for _, key := range s.required {
		if !seen[key] {
			d.errorf(n, "%s lacks the key %s", s.name, key)
		}
	}
	return values
}

// secretWords are keys that people try; no file of ours has a place for them.
var secretWords = []string{"password", "passwd", "pass", "pwd", "secret", "token", "credential", "credentials"}

func unknownKey(s *shape, key string) string {
	if slices.Contains(secretWords, strings.ToLower(key)) {
		return fmt.Sprintf("%s has no key %s: a secret never stands in this file; it comes from LRUN_PASSWORD, the keyring or a prompt", s.name, quote(key))
	}
	return fmt.Sprintf("%s has no key %s%s", s.name, quote(key), guess(key, s.keys))
}

// guess ends a message about an unknown word: with the nearest known one, or
// else with all of them.
func guess(word string, known []string) string {
	if near := spell.Nearest(strings.ToLower(word), known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	if len(known) == 0 {
		return ""
	}
	return "; known: " + strings.Join(known, ", ")
}

// scalar is the text of a single value, as it was written for plain ones and
// without its quotes for quoted ones.
func (d *decoder) scalar(n ast.Node, what string) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		if v.Value == nil {
			return "", true
		}
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	}
	d.errorf(n, "%s is a single value, not a list or a mapping", what)
	return "", false
}

// text is a scalar of one line that is not empty.
func (d *decoder) text(n ast.Node, what string) (string, bool) {
	s, ok := d.scalar(n, what)
	switch {
	case !ok:
		return "", false
	case strings.TrimSpace(s) == "":
		d.errorf(n, "%s is empty", what)
		return "", false
	case strings.ContainsAny(s, "\n\r"):
		d.errorf(n, "%s is one line", what)
		return "", false
	}
	return s, true
}

// list is the items of a sequence.
func (d *decoder) list(n ast.Node, what string) ([]ast.Node, bool) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.errorf(n, "%s is a list: write [a, b], or a line with a dash for each", what)
		return nil, false
	}
	items := make([]ast.Node, 0, len(seq.Values))
	for _, v := range seq.Values {
		if _, null := v.(*ast.NullNode); null || v == nil {
			line, col := place(n)
			if v != nil {
				line, col = place(v)
			}
			d.errorAt(line, col, "%s has an item without a value", what)
			continue
		}
		items = append(items, v)
	}
	return items, true
}

// listOrOne is a list, or a single value that stands for a list of itself.
func (d *decoder) listOrOne(n ast.Node, what string) ([]ast.Node, bool) {
	if _, ok := n.(*ast.SequenceNode); ok {
		return d.list(n, what)
	}
	if _, ok := d.scalar(n, what); !ok {
		return nil, false
	}
	return []ast.Node{n}, true
}

func (d *decoder) integer(n ast.Node, what string, low, high int) (int, bool) {
	s, ok := d.scalar(n, what)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < low || i > high || s != strconv.Itoa(i) {
		d.errorf(n, "%s is a whole number from %d to %d, not %s", what, low, high, quote(s))
		return 0, false
	}
	return i, true
}

func (d *decoder) boolean(n ast.Node, what string) (value, ok bool) {
	s, ok := d.scalar(n, what)
	if !ok {
		return false, false
	}
	if b, plain := n.(*ast.BoolNode); plain {
		return b.Value, true
	}
	d.errorf(n, "%s is true or false, not %s", what, quote(s))
	return false, false
}

func (d *decoder) duration(n ast.Node, what string) (time.Duration, bool) {
	s, ok := d.scalar(n, what)
	if !ok {
		return 0, false
	}
	value, err := ParseDuration(s)
	if err != nil {
		d.errorf(n, "%s: %v", what, err)
		return 0, false
	}
	return value, true
}

// span is a duration over zero.
func (d *decoder) span(n ast.Node, what string) (time.Duration, bool) {
	value, ok := d.duration(n, what)
	if ok && value == 0 {
		d.errorf(n, "%s is longer than nothing", what)
		return 0, false
	}
	return value, ok
}

// oneOf is one of a few words; the answer is its index in words. An empty word
// cannot be written, so it holds a place for a value without a spelling.
func (d *decoder) oneOf(n ast.Node, what string, words []string) (int, bool) {
	s, ok := d.scalar(n, what)
	if !ok {
		return 0, false
	}
	if i := slices.Index(words, s); i >= 0 && s != "" {
		return i, true
	}
	known := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	d.errorf(n, "%s has no value %s%s", what, quote(s), guess(s, known))
	return 0, false
}

// fqdn is a fully qualified domain name, in lower case, for names are compared
// without regard to it.
func (d *decoder) fqdn(n ast.Node, what string) (string, bool) {
	s, ok := d.text(n, what)
	if !ok {
		return "", false
	}
	if reason := badFQDN(s); reason != "" {
		d.errorf(n, "%s %s %s", what, quote(s), reason)
		return "", false
	}
	return strings.ToLower(s), true
}

// badFQDN says what is wrong with a name, or nothing. The rules are those of
// Topology Builder: letters, digits and hyphens, and a domain behind the host.
func badFQDN(s string) string {
	if len(s) > 253 {
		return "is longer than the 253 characters of a DNS name"
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return "has an empty part between its dots"
		case len(label) > 63:
			return "has a part of more than 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "has a part that begins or ends with a hyphen"
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
				return fmt.Sprintf("has the character %q: a DNS name here has letters, digits and hyphens", r)
			}
		}
	}
	if len(labels) < 2 {
		return "is a short name: write the full one, as " + quote(s+".contoso.com")
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "is an address: write the server's name, and its address under connect: hosts:"
	}
	return ""
}
