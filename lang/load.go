package lang

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/lrun/lrun/internal/spell"
)

// Program is a runbook with what it includes, its names resolved.
type Program struct {
	Name      string // the title in the header, or the file's name where it has none
	Main      *File
	Files     []*File // the main file first, then the included ones in the order in which they were met
	Params    []*Param
	Window    *Window // nil where none is declared
	OnFailure *Body
	OnWindow  *Body
	Defines   map[string]*Define
	Body      []Stmt            // the statements of the main file
	Sources   map[string][]byte // by file name, for diagnostics

	handlers map[string]*Handler
	broken   bool // a line was left out by the parser: what the whole would say cannot be judged
}

// Load parses a runbook, follows its includes and resolves its names. include is handed the path of an included file,
// joined to the folder of the file that names it; nil means that files cannot be included. The program is never nil,
// but it may only be run where the findings hold no error; [Check] is to be asked as well.
func Load(filename string, src []byte, include func(path string) ([]byte, error)) (*Program, Diagnostics) {
	l := &loader{
		main: filename, include: include, seen: map[string]bool{}, params: map[string]*Param{},
		p: &Program{Defines: map[string]*Define{}, Sources: map[string][]byte{}, handlers: map[string]*Handler{}},
	}
	l.p.Main = l.file(filename, src, true)
	l.resolve()
	l.p.Name = title(l.p.Main, filename)
	return l.p, l.ds.sorted(filename)
}

func title(f *File, filename string) string {
	if f.Header != nil && f.Header.Name != nil {
		return f.Header.Name.Text
	}
	name := filename[strings.LastIndexAny(filename, `/\`)+1:]
	return strings.TrimSuffix(name, ".lrun")
}

// loader is a Load under way.
type loader struct {
	main    string
	include func(string) ([]byte, error)
	p       *Program
	ds      Diagnostics
	seen    map[string]bool // files read
	stack   []string        // files being read, to tell a loop
	// named holds what follows the word `define` in the tokens, even where its line could not be parsed.
	named    map[string]bool
	params   map[string]*Param
	unknowns int // names that nobody has declared
}

func (l *loader) file(name string, src []byte, isMain bool) *File {
	l.seen[name] = true
	l.stack = append(l.stack, name)
	defer func() { l.stack = l.stack[:len(l.stack)-1] }()
	if len(src) <= maxSource {
		l.p.Sources[name] = src
	}
	f, toks, ds := parse(name, src)
	l.ds = append(l.ds, ds...)
	l.p.broken = l.p.broken || ds.HasErrors()
	l.p.Files = append(l.p.Files, f)
	if toks != nil {
		for i := 1; i < len(toks.toks); i++ {
			if isWord(toks.toks[i-1], "define") {
				if l.named == nil {
					l.named = map[string]bool{}
				}
				l.named[toks.toks[i].Value] = true
			}
		}
	}
	if !isMain && f.Header != nil {
		l.ds.add(codeIncludeContent, f.Header.Pos, f.Header.EndPos, "only the runbook itself has a header; delete this one", "a header in an included file")
	}
	for _, it := range f.Items {
		l.item(it, isMain)
	}
	return f
}

// item takes a declaration or statement into the program.
func (l *loader) item(it Item, isMain bool) {
	p := l.p
	switch it := it.(type) {
	case *Param:
		if other := l.params[it.Name.Text]; other != nil {
			l.twice(it.Name, "the parameter "+quote(it.Name.Text), other.Name.Pos)
			return
		}
		l.params[it.Name.Text] = it
		p.Params = append(p.Params, it)
		if builtin[it.Name.Text] {
			l.ds.add(codeReserved, it.Name.Pos, it.Name.EndPos, "choose another name", "{%s} is built in, a parameter cannot bear its name", it.Name.Text)
		}
		l.plain(it.Default, "the default of a parameter")
	case *Define:
		name := it.Name.Text
		if keywords[name] {
			l.ds.add(codeReserved, it.Name.Pos, it.Name.EndPos, "choose another name", "%q is a word of the language, a `define` cannot bear it", name)
			return
		}
		if other := p.Defines[name]; other != nil {
			l.twice(it.Name, "the define "+quote(name), other.Name.Pos)
			return
		}
		p.Defines[name] = it
	case *Include:
		l.plain(it.Path, "the path of an include")
		l.follow(it)
	default:
		if !isMain {
			l.ds.add(codeIncludeContent, it.Start(), firstLineEnd(it), "move it to the runbook, or into a `define`", "an included file holds only `param` and `define`")
			return
		}
		l.mainItem(it)
	}
}

func (l *loader) mainItem(it Item) {
	p := l.p
	switch it := it.(type) {
	case *Window:
		if p.Window != nil {
			l.twice(it, "the window", p.Window.Pos)
			return
		}
		p.Window = it
		l.plain(it.Until, "a clock time")
	case *Handler:
		if other := p.handlers[it.Event]; other != nil {
			l.twice(it, "`on "+it.Event+"`", other.Pos)
			return
		}
		p.handlers[it.Event] = it
		if it.Event == "failure" {
			p.OnFailure = it.Body
		} else {
			p.OnWindow = it.Body
		}
	case Stmt:
		p.Body = append(p.Body, it)
	}
}

func (l *loader) twice(n Node, what string, first Pos) {
	where := "line " + itoa(first.Line)
	if first.Filename != n.Start().Filename {
		where += " of " + first.Filename
	}
	l.ds.add(codeDuplicate, n.Start(), firstLineEnd(n), "delete one of the two", "%s is declared twice, first in %s", what, where)
}

// plain refuses insertions in a text that is taken as it stands.
func (l *loader) plain(s *String, what string) {
	if s == nil {
		return
	}
	var text strings.Builder
	for _, part := range s.Parts {
		if part.Name != "" {
			l.ds.add(codeInsertPlace, part.Pos, partEnd(part), "write it out, or {{ for a brace", "nothing can be inserted into %s", what)
		}
		text.WriteString(part.Literal)
	}
	s.Text = text.String()
}

func partEnd(p Part) Pos {
	end := p.Pos
	end.Offset += len(p.Name) + 2
	end.Column += len(p.Name) + 2
	return end
}

// follow reads an included file, each only once.
func (l *loader) follow(inc *Include) {
	at, end := inc.Path.Pos, inc.Path.EndPos
	name := joinPath(inc.Pos.Filename, inc.Path.Text)
	for _, open := range l.stack {
		if open == name {
			l.ds.add(codeIncludeLoop, at, end, "move what both need into a third file", "%s includes itself, by way of %s", name, strings.Join(l.stack, " → "))
			return
		}
	}
	switch {
	case l.seen[name]:
		return
	case l.include == nil:
		l.ds.add(codeInclude, at, end, "", "files cannot be included here")
		l.p.broken = true
		return
	case len(l.p.Files) >= maxFiles:
		l.ds.add(codeLimit, at, end, "", "more than %d files", maxFiles)
		l.p.broken = true
		return
	}
	src, err := l.include(name)
	if err != nil {
		l.ds.add(codeInclude, at, end, "a path is taken from the folder of the file that names it", "cannot read %s: %v", name, err)
		l.p.broken = true
		return
	}
	l.file(name, src, false)
}

// joinPath gives the path of an included file as seen from where the including one is. It knows both kinds of slash,
// since a runbook is written on one machine and rehearsed on another.
func joinPath(from, to string) string {
	rooted := strings.HasPrefix(to, "/") || strings.HasPrefix(to, `\`) || len(to) > 1 && to[1] == ':'
	if i := strings.LastIndexAny(from, `/\`); i >= 0 && !rooted {
		to = from[:i+1] + to
	}
	if strings.Contains(to, `\`) {
		return to
	}
	return path.Clean(to)
}

// resolve looks at names across files: calls, recursion, size, and whether there is a step at all.
func (l *loader) resolve() {
	p := l.p
	for _, f := range p.Files {
		Inspect(f, func(n Node) bool {
			if c, ok := n.(*Call); ok {
				l.call(c)
			}
			return true
		})
	}
	l.insertions()
	if l.recursion() {
		p.broken = true
		return
	}
	total := (&sizer{p: p, done: map[string]int{}}).program()
	if total > maxSteps {
		at := p.Main.Pos
		at.Filename, at.Line, at.Column = l.main, max(at.Line, 1), max(at.Column, 1)
		l.ds.add(codeLimit, at, at, "each call of a `define` counts with all its steps", "more than %d steps", maxSteps)
		p.broken = true
	}
	if depth := (&depther{p: p, done: map[string]int{}}).program(); depth > maxLevels {
		at := p.Main.Pos
		at.Filename, at.Line, at.Column = l.main, max(at.Line, 1), max(at.Column, 1)
		l.ds.add(codeLimit, at, at, "a `define` that calls another is a level of its own", "blocks and defines are nested deeper than %d levels", maxLevels)
		p.broken = true
	}
	if total == 0 && !p.broken {
		at := Pos{Filename: l.main, Line: 1, Column: 1}
		summary := "the runbook has no step"
		if len(bytes.TrimSpace(bytes.TrimPrefix(p.Sources[l.main], []byte("\uFEFF")))) == 0 {
			summary = "the file is empty: a runbook needs at least one step"
		}
		l.ds.add(codeNoStep, at, at, "begin with `wait ready`", "%s", summary)
		p.broken = true
	}
}

// maxUnknowns bounds for how many unknown names a near one is looked for.
const maxUnknowns = 100

// call refuses a word that is neither an action nor a define.
func (l *loader) call(c *Call) {
	name := c.Name.Text
	if l.p.Defines[name] != nil || l.named[name] {
		return
	}
	l.p.broken = true
	if l.unknowns++; l.unknowns > maxUnknowns {
		return
	}
	l.ds.add(codeUnknownAction, c.Name.Pos, c.Name.EndPos, guess(name, l.actionNames()), "unknown action %s", quote(name))
}

// actionNames are the words that may lead a step.
func (l *loader) actionNames() []string {
	names := append([]string(nil), actionWords...)
	for n := range l.named {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

var actionWords = []string{"wait", "hold", "stop", "start", "upgrade", "restart", "verify", "failover", "failback", "run",
	"confirm", "notify", "note", "sleep", "skip", "abort"}

// synonyms are words that people try for an action.
var synonyms = map[string]string{
	"reboot": "restart", "install": "upgrade", "update": "upgrade", "patch": "upgrade", "drain": "stop graceful",
	"shutdown": "stop", "check": "verify", "test": "verify", "print": "note", "echo": "note", "log": "note", "say": "note",
	"mail": "notify", "email": "notify", "alert": "notify", "ask": "confirm", "prompt": "confirm", "pause": "sleep",
	"exit": "abort", "fail": "abort", "continue": "skip", "next": "skip", "powershell": "run", "exec": "run",
	"execute": "run", "call": "the name of the define alone", "foreach": "for each domain", "while": "retry N every D",
	"begin": "start", "kill": "stop", "unless": "if not", "elseif": "else if", "elsif": "else if", "elif": "else if",
	"endif": "end", "done": "end", "fi": "end",
}

// guess is the hint for an unknown word.
func guess(word string, known []string) string {
	if near := spell.Nearest(word, known); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	tried := slices.Sorted(maps.Keys(synonyms))
	if near := spell.Nearest(word, tried); near != "" {
		return "did you mean " + quote(synonyms[near]) + "?"
	}
	return ""
}

// quote puts a word of the runbook in quotes, cut to a length that fits a line.
func quote(s string) string { return `"` + clip(s) + `"` }

// firstLineEnd is the end of what of a node a caret marks: its head where it has a body, and never more than a line.
func firstLineEnd(n Node) Pos {
	end := n.End()
	switch n := n.(type) {
	case *ForEach:
		end = n.Body.Pos
	case *Handler:
		end = n.Body.Pos
	case *Define:
		end = n.Body.Pos
	case *If:
		end = n.Cond.EndPos
	case *Step:
		end = n.Action.End()
	}
	if end.Line == n.Start().Line {
		return end
	}
	return n.Start()
}
