package rehearsal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// object is what a cmdlet returns: properties in their order. A value is a string, an int, a bool, an object or a list.
type object []property

type property struct {
	name  string
	value any
}

// list is a value of several.
type list []any

func texts(words []string) list {
	l := list{}
	for _, w := range words {
		l = append(l, w)
	}
	return l
}

// get finds a property in any case of letters.
func (o object) get(name string) (any, bool) {
	for _, p := range o {
		if strings.EqualFold(p.name, name) {
			return p.value, true
		}
	}
	return nil, false
}

// toJSON writes objects as ConvertTo-Json does: one alone or several as an array; what lies deeper than depth becomes text.
func toJSON(objects []any, depth int, compress bool) string {
	var v any = list(objects)
	if len(objects) == 1 {
		v = objects[0]
	}
	var b strings.Builder
	w := jsonWriter{&b, compress}
	w.value(v, depth, 0)
	return b.String()
}

type jsonWriter struct {
	*strings.Builder
	compress bool
}

// value writes v with so many levels left below it.
func (w *jsonWriter) value(v any, left, indent int) {
	switch v := v.(type) {
	case object:
		if left < 0 {
			w.text(plainText(v))
			return
		}
		w.items('{', '}', len(v), indent, func(i int) {
			w.text(v[i].name)
			w.WriteString(":")
			if !w.compress {
				w.WriteString(" ")
			}
			w.value(v[i].value, left-1, indent+1)
		})
	case list:
		if left < 0 {
			w.text(plainText(v))
			return
		}
		// The list on the outside is the pipeline and not a level.
		if indent > 0 {
			left--
		}
		w.items('[', ']', len(v), indent, func(i int) { w.value(v[i], left, indent+1) })
	case int:
		w.WriteString(strconv.Itoa(v))
	case bool:
		w.WriteString(strconv.FormatBool(v))
	case nil:
		w.WriteString("null")
	default:
		w.text(fmt.Sprint(v))
	}
}

func (w *jsonWriter) items(opens, closes byte, n, indent int, item func(int)) {
	w.WriteByte(opens)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		w.newline(indent + 1)
		item(i)
	}
	if n > 0 {
		w.newline(indent)
	}
	w.WriteByte(closes)
}

func (w *jsonWriter) newline(indent int) {
	if !w.compress {
		w.WriteString("\r\n" + strings.Repeat("    ", indent))
	}
}

func (w *jsonWriter) text(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	w.Write(b)
}

// plainText is a value as PowerShell puts it into a text.
func plainText(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case list:
		var parts []string
		for _, e := range v {
			parts = append(parts, plainText(e))
		}
		return strings.Join(parts, " ")
	case object:
		var parts []string
		for _, p := range v {
			parts = append(parts, p.name+"="+plainText(p.value))
		}
		return "@{" + strings.Join(parts, "; ") + "}"
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

// inList is a value in the view of an object.
func inList(v any) string {
	l, ok := v.(list)
	if !ok {
		return plainText(v)
	}
	var parts []string
	for _, e := range l {
		parts = append(parts, plainText(e))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// view shows objects to a person: services as a table, texts as they are, all else as lists of properties.
func view(objects []any) string {
	var b strings.Builder
	for i, v := range objects {
		o, ok := v.(object)
		if !ok {
			b.WriteString(plainText(v) + "\r\n")
			continue
		}
		if status, table := o.get("Status"); table {
			if i == 0 {
				fmt.Fprintf(&b, "\r\n%-12s %-20s %s\r\n%-12s %-20s %s\r\n", "Status", "Name", "ActivityLevel", "------", "----", "-------------")
			}
			name, _ := o.get("Name")
			activity, _ := o.get("ActivityLevel")
			fmt.Fprintf(&b, "%-12s %-20s %s\r\n", plainText(status), plainText(name), plainText(activity))
			continue
		}
		width := 0
		for _, p := range o {
			width = max(width, len(p.name))
		}
		b.WriteString("\r\n")
		for _, p := range o {
			fmt.Fprintf(&b, "%-*s : %s\r\n", width, p.name, inList(p.value))
		}
	}
	return b.String()
}
