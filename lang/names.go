package lang

import (
	"regexp"
	"sort"
	"strings"
)

// builtin are the insertions that every runbook has.
var builtin = map[string]bool{"runbook": true, "pool": true, "domain": true, "server": true, "reason": true}

// scriptName is how a script of `run` reaches a parameter.
var scriptName = regexp.MustCompile(`(?i)\$lrun\.([a-z_][a-z0-9_]*)(\(?)`)

// insertions refuses names in strings and scripts that are neither built in nor declared.
func (l *loader) insertions() {
	known := make([]string, 0, len(l.p.Params)+len(builtin))
	params := map[string]bool{}
	for _, prm := range l.p.Params {
		params[prm.Name.Text] = true
		known = append(known, prm.Name.Text)
	}
	for name := range builtin {
		known = append(known, name)
	}
	sort.Strings(known)
	for _, f := range l.p.Files {
		Inspect(f, func(n Node) bool {
			switch n := n.(type) {
			case *Header:
				l.plain(n.Name, "the title")
				return false
			case *Param, *Window, *Include: // looked at where they were declared
				return false
			case *Run:
				l.script(n.Script, known)
				return false
			case *String:
				for _, part := range n.Parts {
					if part.Name != "" && !params[part.Name] && !builtin[part.Name] {
						l.unknownName(part.Name, part.Pos, partEnd(part), known, "{{ is a plain brace")
					}
				}
			}
			return true
		})
	}
}

// script looks at the `$lrun.name` of a PowerShell text. PowerShell does not care for case.
func (l *loader) script(s *String, known []string) {
	if s == nil {
		return
	}
	for _, m := range scriptName.FindAllStringSubmatchIndex(s.Raw, -1) {
		name := s.Raw[m[2]:m[3]]
		if m[5] > m[4] || strings.EqualFold(name, "psobject") { // a method or a property of the object itself
			continue
		}
		if l.unknowns > maxUnknowns {
			return
		}
		found := false
		for _, k := range known {
			// PowerShell reads $lrun.a-b as a subtraction, but whoever wrote it meant the parameter.
			head, _, _ := strings.Cut(k, "-")
			found = found || strings.EqualFold(name, head)
		}
		if !found {
			at := s.Pos
			at.Offset += m[0]
			at.Column += len([]rune(s.Raw[:m[0]]))
			end := at
			end.Offset += m[3] - m[0]
			end.Column += m[3] - m[0]
			l.unknownName(name, at, end, known, "declare it with `param "+name+"`")
		}
	}
}

func (l *loader) unknownName(name string, at, end Pos, known []string, otherwise string) {
	if l.unknowns++; l.unknowns > maxUnknowns {
		return
	}
	hint := guess(name, known)
	if hint == "" {
		hint = otherwise
	}
	l.ds.add(codeUnknownParam, at, end, hint, "no parameter is called %s", quote(name))
}

// recursion reports each circle of defines once, and tells whether there is one.
func (l *loader) recursion() bool {
	names := make([]string, 0, len(l.p.Defines))
	for n := range l.p.Defines {
		names = append(names, n)
	}
	sort.Strings(names)
	const (
		under = 1
		done  = 2
	)
	state := map[string]int{}
	found := false
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = under
		path = append(path, name)
		if len(path) <= maxDefineChain {
			Inspect(l.p.Defines[name].Body, func(n Node) bool {
				c, ok := n.(*Call)
				if !ok || l.p.Defines[c.Name.Text] == nil {
					return true
				}
				switch state[c.Name.Text] {
				case under:
					found = true
					i := len(path) - 1
					for path[i] != c.Name.Text {
						i--
					}
					circle := strings.Join(append(append([]string(nil), path[i:]...), c.Name.Text), " → ")
					l.ds.add(codeRecursion, c.Name.Pos, c.Name.EndPos, "a runbook has no recursion; use `retry`", "%s calls itself: %s", quote(c.Name.Text), clip(circle))
				case 0:
					visit(c.Name.Text)
				}
				return true
			})
		} else {
			found = true
			d := l.p.Defines[name]
			l.ds.add(codeLimit, d.Name.Pos, d.Name.EndPos, "", "defines call each other through more than %d levels", maxDefineChain)
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, n := range names {
		if state[n] == 0 {
			visit(n)
		}
	}
	return found
}

// maxDefineChain bounds how many defines can be under way at once, before anything recurses over them.
const maxDefineChain = 4 * maxLevels

// sizer counts steps, a call with all that it holds. A call counts at least one. There is no recursion by now.
type sizer struct {
	p    *Program
	done map[string]int
}

func (s *sizer) program() int {
	total := s.list(s.p.Body)
	for _, h := range []*Body{s.p.OnFailure, s.p.OnWindow} {
		if h != nil {
			total += s.body(h)
		}
	}
	if total > 0 || len(s.p.Body) > 0 {
		for _, f := range s.p.Files { // what is never called still has to be read, checked and shown
			for _, it := range f.Items {
				if d, ok := it.(*Define); ok {
					total = max(total, s.body(d.Body))
				}
			}
		}
	}
	if len(s.p.Body) == 0 || s.list(s.p.Body) == 0 {
		return 0
	}
	return total
}

func (s *sizer) body(b *Body) int { return s.node(b) }

func (s *sizer) list(list []Stmt) int {
	n := 0
	for _, st := range list {
		n = min(n+s.node(st), maxSteps+1)
	}
	return n
}

func (s *sizer) node(n Node) int {
	total := 0
	Inspect(n, func(n Node) bool {
		if _, ok := n.(*Step); ok {
			total++
		}
		if c, ok := n.(*Call); ok {
			total += s.call(c.Name.Text)
		}
		total = min(total, maxSteps+1)
		return true
	})
	return total
}

func (s *sizer) call(name string) int {
	d := s.p.Defines[name]
	if d == nil {
		return 0
	}
	if _, ok := s.done[name]; !ok {
		s.done[name] = s.body(d.Body)
	}
	return s.done[name]
}

// depther finds the deepest nesting of blocks, a call as deep as what it holds.
type depther struct {
	p    *Program
	done map[string]int
}

func (d *depther) program() int {
	deepest := d.list(d.p.Body)
	for _, h := range []*Body{d.p.OnFailure, d.p.OnWindow} {
		deepest = max(deepest, d.body(h))
	}
	return deepest
}

func (d *depther) body(b *Body) int {
	if b == nil {
		return 0
	}
	if b.Line != nil {
		return 1 + d.steps(b.Line.Steps)
	}
	return 1 + d.list(b.Block)
}

func (d *depther) steps(list []*Step) int {
	deepest := 0
	for _, s := range list {
		deepest = max(deepest, d.stmt(s))
	}
	return deepest
}

func (d *depther) list(list []Stmt) int {
	deepest := 0
	for _, s := range list {
		deepest = max(deepest, d.stmt(s))
	}
	return deepest
}

func (d *depther) stmt(s Stmt) int {
	switch s := s.(type) {
	case *ForEach:
		return d.body(s.Body)
	case *If:
		deepest := max(d.list(s.Then), d.list(s.ElseDo)) + 1
		if s.Line != nil {
			deepest = max(deepest, 1+d.steps(s.Line.Steps))
		}
		if s.Else != nil {
			deepest = max(deepest, d.stmt(s.Else))
		}
		return deepest
	case *Step:
		deepest := 0
		if c, ok := s.Action.(*Call); ok && d.p.Defines[c.Name.Text] != nil {
			deepest = d.call(c.Name.Text)
		}
		if e := s.Else; e != nil {
			if e.Step != nil {
				deepest = max(deepest, d.stmt(e.Step))
			}
			deepest = max(deepest, 1+d.list(e.Block))
		}
		return deepest
	}
	return 0
}

func (d *depther) call(name string) int {
	if _, ok := d.done[name]; !ok {
		d.done[name] = d.body(d.p.Defines[name].Body)
	}
	return d.done[name]
}
