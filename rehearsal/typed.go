package rehearsal

import (
	"fmt"
	"strconv"
	"strings"
)

// Single cmdlets are understood, with parameters and with a few cmdlets behind them that only show what came. It is no
// PowerShell: a variable, an expression or a block is refused.

// words is a command of a pipeline.
type words []string

// parse takes a script apart: statements, each a pipeline of commands.
func parse(script string) ([][]words, error) {
	var statements [][]words
	var pipeline []words
	var command words
	var word strings.Builder
	inWord := false
	endWord := func() {
		if inWord {
			command = append(command, word.String())
			word.Reset()
			inWord = false
		}
	}
	endCommand := func() {
		endWord()
		if len(command) > 0 {
			pipeline = append(pipeline, command)
			command = nil
		}
	}
	endStatement := func() {
		endCommand()
		if len(pipeline) > 0 {
			statements = append(statements, pipeline)
			pipeline = nil
		}
	}
	quote := rune(0)
	for _, r := range script {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\r':
			endWord()
		case r == ';' || r == '\n':
			endStatement()
		case r == '|':
			endCommand()
		case strings.ContainsRune("(){}@&`", r):
			return nil, fmt.Errorf("%q: a modelled server runs single cmdlets and no expressions", r)
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the text has no closing %c", quote)
	}
	endStatement()
	return statements, nil
}

// idle reports whether a statement only sets up the shell: a preference, or the module that is there already.
func idle(pipeline []words) bool {
	first := strings.ToLower(pipeline[0][0])
	name, _, _ := strings.Cut(first, "=")
	return strings.HasPrefix(name, "$") && strings.HasSuffix(name, "preference") || first == "import-module"
}

// powershell acts out a script that somebody typed. It ends at the first thing that fails.
func (t *typed) powershell(script string) int {
	statements, err := parse(script)
	if err != nil {
		return t.refuse("%v", err)
	}
	for _, pipeline := range statements {
		if idle(pipeline) {
			continue
		}
		for _, w := range pipeline[0][1:] {
			if strings.HasPrefix(w, "$") {
				return t.refuse("%s: a modelled server runs single cmdlets and no expressions", w)
			}
		}
		if code := t.pipeline(pipeline); code != 0 {
			return code
		}
	}
	return 0
}

func (t *typed) pipeline(p []words) int {
	cmdlet, ok := cmdlets[strings.ToLower(p[0][0])]
	if !ok {
		if len(p) == 1 && !strings.Contains(p[0][0], "-") {
			return t.program(p[0])
		}
		return t.unknown(p[0][0])
	}
	if !cmdlet.of(products[t.s.night.opts.Pool.Product], t.s.night.opts.Pool.Product) {
		return t.unknown(p[0][0])
	}
	args, err := cmdlet.bind(p[0][1:])
	if err != nil {
		return t.refuse("%s : %v", p[0][0], err)
	}
	// What follows is checked first: a typing error behind the bar must not come to light when the server is stopped.
	show, err := shows(p[1:])
	if err != nil {
		return t.refuse("%v", err)
	}
	r, ok := t.act(func(c *call) { cmdlet.act(c, args) })
	switch {
	case !ok:
		return exitFailed
	case r.fail != nil:
		return t.refuse("%s : %s", p[0][0], r.fail.Msg)
	}
	objects, _ := r.out.([]any)
	if len(objects) > 0 {
		t.print(show(objects))
	}
	return 0
}

func (t *typed) unknown(name string) int {
	return t.refuse("%s : The term '%s' is not recognized as the name of a cmdlet, function, script file, or operable program "+
		"on this modelled server.", name, name)
}

// shows makes what shows the objects, of the cmdlets behind the first.
func shows(rest []words) (func([]any) string, error) {
	change := func(o []any) []any { return o }
	show := view
	for i, w := range rest {
		c, ok := showing[strings.ToLower(w[0])]
		if !ok {
			return nil, fmt.Errorf("%s : the modelled server does not know this cmdlet behind a bar", w[0])
		}
		args, err := c.bind(w[1:])
		if err != nil {
			return nil, fmt.Errorf("%s : %w", w[0], err)
		}
		switch strings.ToLower(w[0]) {
		case "convertto-json":
			if i < len(rest)-1 {
				return nil, fmt.Errorf("%s : nothing can follow ConvertTo-Json here", rest[i+1][0])
			}
			depth := 2
			if d, given := args["depth"]; given {
				if depth, err = strconv.Atoi(d); err != nil || depth < 1 || depth > 100 {
					return nil, fmt.Errorf("%s : -Depth is a number from 1 to 100", w[0])
				}
			}
			_, compress := args["compress"]
			show = func(o []any) string { return toJSON(o, depth, compress) + "\r\n" }
		case "select-object", "select":
			before := change
			change = func(o []any) []any { return selected(before(o), args) }
		}
	}
	return func(o []any) string { return show(change(o)) }, nil
}

// selected is Select-Object with -Property or -ExpandProperty.
func selected(objects []any, args map[string]string) []any {
	var out []any
	for _, v := range objects {
		o, ok := v.(object)
		if !ok {
			out = append(out, v)
			continue
		}
		if name, given := args["expandproperty"]; given {
			value, _ := o.get(name)
			if l, several := value.(list); several {
				out = append(out, l...)
			} else {
				out = append(out, value)
			}
			continue
		}
		var few object
		for _, name := range strings.Split(args["property"], ",") {
			if value, ok := o.get(strings.TrimSpace(name)); ok {
				few = append(few, property{strings.TrimSpace(name), value})
			}
		}
		out = append(out, few)
	}
	return out
}

// syntax is the parameters of a cmdlet: those with a value, those without, and the one that needs no name.
type syntax struct {
	values, switches []string
	position         string
}

// bind reads parameters, in any case of letters and shortened as far as they are clear.
func (s *syntax) bind(given words) (map[string]string, error) {
	args := map[string]string{}
	for i := 0; i < len(given); i++ {
		w := given[i]
		if !strings.HasPrefix(w, "-") {
			if s.position == "" || args[s.position] != "" {
				return nil, fmt.Errorf("a positional parameter cannot be found that accepts argument '%s'", w)
			}
			args[s.position] = w
			continue
		}
		name, value, has := strings.Cut(w[1:], ":")
		full, isSwitch, err := s.find(name)
		switch {
		case err != nil:
			return nil, err
		case isSwitch && has && strings.EqualFold(value, "$false"):
		case isSwitch:
			args[full] = "true"
		case has && value != "":
			args[full] = value
		default:
			if i++; i == len(given) {
				return nil, fmt.Errorf("missing an argument for parameter '%s'", name)
			}
			args[full] = given[i]
			// A list may have blanks behind its commas.
			for strings.HasSuffix(args[full], ",") && i+1 < len(given) {
				i++
				args[full] += given[i]
			}
		}
	}
	return args, nil
}

func (s *syntax) find(given string) (full string, isSwitch bool, err error) {
	name := strings.ToLower(given)
	n := 0
	for i, list := range [][]string{s.values, append(s.switches, common...)} {
		for _, p := range list {
			if p == name {
				return p, i == 1, nil
			}
			if name != "" && strings.HasPrefix(p, name) {
				full, isSwitch = p, i == 1
				n++
			}
		}
	}
	switch {
	case n == 0:
		return "", false, fmt.Errorf("a parameter cannot be found that matches parameter name '%s'", given)
	case n > 1:
		return "", false, fmt.Errorf("parameter '%s' is ambiguous", given)
	}
	return full, isSwitch, nil
}

// common are the switches that every cmdlet takes.
var common = []string{"verbose", "debug", "confirm"}
