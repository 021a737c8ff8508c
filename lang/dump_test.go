package lang

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// dump writes a tree as indented text, without places: what two sources must agree on to mean the same.
func dump(n Node) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(n), 0, "")
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value, depth int, label string) {
	line := func(format string, args ...any) {
		b.WriteString(strings.Repeat("  ", depth) + label + fmt.Sprintf(format, args...) + "\n")
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			dumpValue(b, v.Elem(), depth, label)
		}
	case reflect.Slice:
		for i := range v.Len() {
			dumpValue(b, v.Index(i), depth, label)
		}
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case Span, Pos:
		case String:
			var parts []string
			for _, p := range x.Parts {
				if p.Name != "" {
					parts = append(parts, "{"+p.Name+"}")
				} else {
					parts = append(parts, fmt.Sprintf("%q", p.Literal))
				}
			}
			line("%s", "["+strings.Join(parts, " ")+"]")
		case Duration:
			line("%v", x.D)
		case Int:
			line("%d", x.N)
		case Name:
			line("%s", x.Text)
		default:
			line("%s", v.Type().Name())
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if f.Name == "Span" || f.Name == "Verb" || f.Name == "Words" {
					continue
				}
				dumpValue(b, v.Field(i), depth+1, strings.ToLower(f.Name)+": ")
			}
		}
	case reflect.String:
		if v.Len() > 0 {
			line("%s", v.String())
		}
	case reflect.Bool:
		if v.Bool() {
			line("yes")
		}
	case reflect.Int64:
		line("%v", time.Duration(v.Int()))
	default:
		panic("dump: a field of kind " + v.Kind().String())
	}
}
