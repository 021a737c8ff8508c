package lang

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// explain says why a token has no place, in the words of the language. participle gives the token only; what could
// have stood there follows from the words before it, since the grammar is LL(1).
func (t *tokens) explain(toks []lexer.Token, at int) {
	e := explainer{t: t, toks: toks, at: at, got: toks[at], from: at}
	for e.from > 0 && !separates(toks, e.from-1) {
		e.from--
	}
	if e.at > e.from {
		e.prev = toks[e.at-1]
	}
	switch {
	case e.special():
	case e.at == e.from:
		e.statement()
	default:
		e.inside()
	}
}

// separates tells a token behind which a new statement, condition or body begins.
func separates(toks []lexer.Token, i int) bool {
	switch toks[i].Type {
	case tokEOL, tokSemi, tokColon:
		return true
	}
	return false
}

type explainer struct {
	t         *tokens
	toks      []lexer.Token
	from, at  int // first token of the statement, and the wrong one
	got, prev lexer.Token
}

func (e explainer) say(c code, hint, format string, args ...any) {
	end := e.got.Pos
	if e.got.Type != tokEOL && e.got.Type != lexer.EOF {
		end.Offset += len(e.got.Value)
		end.Column += len([]rune(e.got.Value))
	}
	e.t.diags.add(c, e.got.Pos, end, hint, format, args...)
}

// sayAt blames another token of the line.
func (e explainer) sayAt(i int, c code, hint, format string, args ...any) {
	e.got = e.toks[i]
	e.say(c, hint, format, args...)
}

// found names the wrong token.
func (e explainer) found() string {
	switch e.got.Type {
	case tokEOL, lexer.EOF:
		return "the end of the line"
	case tokString:
		return "a string"
	case tokInt:
		return "the number " + clip(e.got.Value)
	case tokDuration:
		return "the duration " + clip(e.got.Value)
	case tokIdent:
		return quote(e.got.Value)
	}
	return "`" + clip(e.got.Value) + "`"
}

func (e explainer) first() lexer.Token { return e.toks[e.from] }

// special answers the mistakes that have a code or a story of their own.
func (e explainer) special() bool {
	first := e.first()
	switch {
	case first.Type == tokIdent && e.at > e.from && !e.defined(first.Value):
		e.sayAt(e.from, codeUnknownAction, guess(first.Value, append(slices.Clone(actionWords), "for", "if", "param",
			"define", "include", "window", "runbook", "else", "end")), "unknown action %s", quote(first.Value))
	case first.Type == tokIdent && e.at > e.from:
		e.say(codeSyntax, "a define takes only `else`; put clauses on the steps inside it", "%s cannot follow the define %s", e.found(), quote(first.Value))
	case isWord(e.got, "else") && e.at == e.from:
		e.strayElse()
	case isWord(e.got, "end") && e.at > e.from:
		e.say(codeSyntax, "put it on a line of its own", "`end` in the middle of a statement")
	case e.at == e.from && e.at > 1 && e.toks[e.at-1].Type == tokColon && isWord(e.toks[e.at-2], "else"):
		hint := "put them on lines of their own, closed by `end`"
		if lineStart(e.toks, e.at) != e.at-2 {
			hint = "write the step behind `else` without `:`, or put the steps on lines of their own, closed by `end`"
		}
		e.say(codeSyntax, hint, "`else:` opens a block; its steps do not stand on the same line")
	case e.got.Type == tokColon && !slices.Contains([]string{"for", "if", "define", "on", "else"}, first.Value):
		e.say(codeSyntax, "", "`:` opens no block behind %s", e.stepName())
	default:
		return false
	}
	return true
}

func (e explainer) defined(name string) bool {
	for i := 1; i < len(e.t.toks); i++ {
		if isWord(e.t.toks[i-1], "define") && e.t.toks[i].Value == name {
			return true
		}
	}
	return false
}

// strayElse tells an else behind a one-line if from one that has no if at all.
func (e explainer) strayElse() {
	line := lineStart(e.toks, e.at)
	if e.at > line { // behind a ";"
		e.sayAt(e.at, codeSyntax, "write `else` directly behind its step, without `;`", "`else` cannot follow `;`")
		return
	}
	// The line above is looked up in the source: a wrong one may have been mended away by now.
	source := e.t.toks
	above := lineStart(source, findToken(source, e.got.Pos.Offset)) - 1
	if above > 0 && isWord(source[lineStart(source, above)], "if") {
		e.say(codeOneLineElse, "give the `if` above lines of its own, closed by `end`", "a one-line `if` has no `else`")
		return
	}
	e.say(codeSyntax, "an `else` stands behind its step on the same line, or in an `if` block", "`else` without an `if` block or a step before it")
}

// statement explains a token that leads no statement.
func (e explainer) statement() {
	oneLine := e.at > 0 && e.toks[e.at-1].Type == tokColon
	switch w := e.got.Value; {
	case e.got.Type == tokSemi && e.at > 0 && e.toks[e.at-1].Type == tokSemi:
		e.say(codeSyntax, "delete one", "nothing stands between two `;`")
	case e.got.Type == tokSemi, e.got.Type == tokColon, e.got.Type == tokEq, e.got.Type == tokLParen, e.got.Type == tokRParen:
		e.say(codeSyntax, "", "a statement cannot begin with %s", e.found())
	case e.got.Type != tokKeyword && e.got.Type != tokIdent:
		e.say(codeSyntax, "begin with an action, such as `wait ready` or `note`", "a statement cannot begin with %s", e.found())
	case oneLine && slices.Contains([]string{"for", "if"}, w):
		e.say(codeOneLineBlock, "give the outer body its own lines, closed by `end`", "`%s` inside a one-line body", w)
	case w == "runbook":
		e.say(codeSyntax, "put it before everything else, once", "the title has to be the first line of the file")
	case slices.Contains([]string{"param", "window", "include", "define", "on"}, w):
		e.say(codeSyntax, "move it out of the block", "`%s` is a declaration and stands at the top level only", w)
	case slices.Contains([]string{"retry", "within", "every"}, w):
		e.say(codeSyntax, "put it behind its action, on the same line", "the clause `%s` has no action before it", w)
	case w == "end":
		e.say(codeStrayEnd, "delete it", "`end` has no block to close here")
	case synonyms[w] != "" && !(e.at+1 < len(e.toks) && isWord(e.toks[e.at+1], "pending")):
		e.say(codeUnknownAction, guess(w, nil), "`%s` is no action", w)
	case slices.Contains([]string{"paired", "failed", "pool", "reboot", "domain", "server", "left", "not", "and", "or"}, w):
		e.say(codeSyntax, "did you forget `if`?", "`%s` belongs in a condition; it is no action", w)
	case e.got.Type == tokKeyword && !slices.Contains(actionWords, w):
		e.say(codeUnknownAction, guess(w, actionWords), "`%s` is no action", w)
	default:
		e.say(codeSyntax, "", "%s has no place here", e.found())
	}
}

// stepName names what the statement has been so far.
func (e explainer) stepName() string {
	words := []string{}
	for i := e.from; i < e.at && i < e.from+2 && e.toks[i].Type == tokKeyword; i++ {
		words = append(words, e.toks[i].Value)
	}
	if len(words) == 0 {
		return "this"
	}
	return "`" + strings.Join(words, " ") + "`"
}

// wants is what may follow a word, where only a few things can. A blank in a key parts a word from the one before it.
var wants = map[string][]string{
	"runbook": {"a title in quotes"}, "param": {"a name"}, "window": {"a duration such as 6h", "`until`"},
	"until": {"a clock time such as \"05:00\""}, "include": {"a path in quotes"}, "define": {"a name"},
	"on": {"`failure`", "`window`"}, "on failure": {"`:`"}, "on window": {"`:`"}, "for": {"`each`"},
	"each": {"`domain`", "`server`"}, "each domain": {"`:`"}, "each server": {"`at most N at once`", "`:`"},
	"server at": {"`most`"}, "domain at": {"`most`"}, "most": {"a number"}, "at": {"`once`"}, "once": {"`:`"},
	"retry": {"a number of tries"}, "every": {"a duration such as 10m"}, "within": {"a duration such as 30m"},
	"wait": {"`ready`"}, "hold": {"`ready`"}, "hold ready": {"a duration such as 20m"}, "with": {"a path in quotes"},
	"args": {"a text in quotes"}, "version": {"a version in quotes"}, "drain": {"a duration such as 10m"},
	"run": {"a script in quotes"}, "confirm": {"a question in quotes"}, "notify": {"a text in quotes"},
	"note": {"a text in quotes"}, "abort": {"a reason in quotes"}, "sleep": {"a duration such as 5m"},
	"failed": {"`over`"}, "reboot": {"`pending`"}, "left": {"a duration such as 1h"}, "=": {"a text in quotes"},
	"pool": {"`ready`", "`busy`", "`insufficient`", "`upgraded`"}, "if domain": {"`ready`"},
	"not domain": {"`ready`"}, "and domain": {"`ready`"}, "or domain": {"`ready`"},
	"if server": {"`running`", "`upgraded`"}, "not server": {"`running`", "`upgraded`"},
	"and server": {"`running`", "`upgraded`"}, "or server": {"`running`", "`upgraded`"}, "else": {"a step", "`:`"},
}

// belongs says of a clause's word where it has its place; it is a hint where the word stands somewhere else.
var belongs = map[string]string{
	"graceful": "it stands once, directly behind `stop`", "safe": "it stands once, directly behind the script of a `run`",
	"disaster": "it stands once, directly behind `failover`", "server": "it stands once, directly behind `failover` or `failback`",
	"drain": "it stands once, directly behind `failover server`", "with": "the order is `upgrade with PATH args STRING`, each once",
	"args": "the order is `upgrade with PATH args STRING`, each once", "version": "it stands once, directly behind `verify`",
}

const factList = "paired, failed over, pool ready, pool busy, pool insufficient, pool upgraded, reboot pending, domain ready, left D, server running, server upgraded"

// inside explains a token in the middle of a statement.
func (e explainer) inside() {
	prev := e.prev.Value
	before := ""
	if e.at-2 >= e.from {
		before = e.toks[e.at-2].Value
	}
	list, ok := wants[before+" "+prev]
	if !ok {
		list, ok = wants[prev]
	}
	if e.prev.Type != tokKeyword && e.prev.Type != tokEq {
		ok = false
	}
	if prev == "each" && before != "for" {
		ok = false
	}
	switch {
	case isWord(e.first(), "else") && e.at == e.from+1 && e.got.Type != tokEOL:
		e.say(codeSyntax, "put them on lines of their own, closed by `end`", "expected `:` or `if` behind `else`, found %s: its steps do not stand on the same line", e.found())
	case isWord(e.first(), "param") && e.at == e.from+2:
		e.say(codeSyntax, `write param NAME, or param NAME = "default"`, "expected `=` or the end of the line behind the parameter's name, found %s", e.found())
	case e.isCondition() && slices.Contains([]string{"if", "not", "and", "or", "("}, prev):
		hint := "the facts are " + factList
		if near := e.near([]string{"paired", "failed", "pool", "reboot", "domain", "server", "left", "not"}); near != "" {
			hint = near
		}
		e.say(codeSyntax, hint, "expected a fact behind `%s`, found %s", prev, e.found())
	case ok:
		e.expected(list, "`"+clip(prev)+"`")
	case e.isCondition():
		e.condition()
	case slices.Contains([]string{"for", "define", "on"}, e.first().Value) && !e.behindColon():
		e.noColon()
	default:
		e.afterAction()
	}
}

// expected says what a word wants behind it, with a guess where what was found is near to it.
func (e explainer) expected(list []string, behind string) {
	var words []string
	for _, w := range list {
		if strings.HasPrefix(w, "`") {
			words = append(words, strings.Fields(strings.Trim(w, "`"))[0])
		}
	}
	hint := e.near(words)
	if hint == "" && (e.got.Type == tokIdent || e.got.Type == tokKeyword) && strings.Contains(list[0], "in quotes") {
		hint = `write it in quotes: "…"`
	}
	if hint == "" && e.got.Type == tokInt && strings.HasPrefix(list[0], "a duration") {
		hint = "a duration has a unit: " + e.got.Value + "s, " + e.got.Value + "m or " + e.got.Value + "h"
	}
	if hint == "" && e.got.Type == tokInt && list[0] == "`most`" {
		hint = "write `at most " + e.got.Value + " at once`"
	}
	if hint == "" && e.got.Type == tokDuration && strings.HasPrefix(list[0], "a number") {
		hint = "write `retry 3 every 10m`: first how often, then how far apart"
	}
	e.say(codeSyntax, hint, "expected %s behind %s, found %s", strings.Join(list, " or "), behind, e.found())
}

// near guesses which of some words the wrong one was meant to be.
func (e explainer) near(words []string) string {
	if e.got.Type != tokIdent && e.got.Type != tokKeyword {
		return ""
	}
	g := guess(e.got.Value, words)
	if e.got.Type == tokKeyword && !strings.HasPrefix(g, "did") {
		return ""
	}
	return g
}

// isCondition tells whether the wrong token stands between `if` and its `:`.
func (e explainer) isCondition() bool {
	first := e.first()
	if isWord(first, "else") && e.from+1 < e.at {
		first = e.toks[e.from+1]
	}
	return isWord(first, "if")
}

func (e explainer) condition() {
	switch {
	case e.got.Type == tokEOL:
		e.say(codeSyntax, "end the line with `:`", "the `:` behind the condition is missing")
	case e.got.Type == tokRParen:
		e.say(codeSyntax, "", "a `)` without its `(`")
	default:
		hint := e.near([]string{"and", "or"})
		if hint == "" && slices.Contains(actionWords, e.got.Value) {
			hint = "put a `:` between the condition and the step"
		}
		e.say(codeSyntax, hint, "expected `and`, `or` or `:` in the condition, found %s", e.found())
	}
}

func (e explainer) behindColon() bool { return e.from > 0 && e.toks[e.from-1].Type == tokColon }

// noColon explains the head of a loop, define or handler that goes on where its `:` belongs.
func (e explainer) noColon() {
	if e.got.Type == tokEOL {
		e.say(codeSyntax, "end the line with `:`", "the `:` that opens the body is missing")
		return
	}
	hint := ""
	if slices.Contains(actionWords, e.got.Value) {
		hint = "put a `:` before the first step"
	}
	e.say(codeSyntax, hint, "expected `:`, found %s", e.found())
}

// afterAction explains what stands behind a whole action: clauses out of order, a second action, or a word too many.
func (e explainer) afterAction() {
	order := map[string]int{"retry": 1, "within": 2, "else": 3}
	start := e.from
	for i := e.at - 1; i > e.from; i-- {
		if isWord(e.toks[i], "else") {
			start = i + 1 // the step in the else has clauses of its own
			break
		}
	}
	got := e.got.Value
	if e.got.Type == tokKeyword && order[got] > 0 {
		for i := start; i < e.at; i++ {
			switch w := e.toks[i]; {
			case isWord(w, got):
				e.say(codeSyntax, "delete one", "`%s` stands twice on one step", got)
				return
			case w.Type == tokKeyword && order[w.Value] > order[got]:
				e.say(codeSyntax, "the order is `retry N every D`, then `within D`, then `else`", "`%s` belongs before `%s`", got, w.Value)
				return
			}
		}
	}
	name := "this step"
	if start < e.at && e.toks[start].Type == tokKeyword {
		name = "`" + e.toks[start].Value + "`"
	}
	switch {
	case isWord(e.got, "every"):
		e.say(codeSyntax, "write `retry N every D`", "`every` without `retry`")
	case e.got.Type == tokKeyword && (slices.Contains(actionWords, got) || got == "for" || got == "if"):
		e.say(codeSyntax, "part steps by `;` or a new line", "`%s` begins a new step, but %s has not ended", got, name)
	case e.got.Type == tokIdent || e.got.Type == tokKeyword:
		hint := belongs[got]
		if hint == "" || e.got.Type != tokKeyword {
			hint = e.near([]string{"retry", "within", "else", "every", "graceful", "safe", "disaster", "server", "drain", "with", "args", "version"})
		}
		e.say(codeSyntax, hint, "%s has no place behind %s", e.found(), name)
	case e.got.Type == tokDuration:
		e.say(codeSyntax, "a bound is written `within "+e.got.Value+"`", "%s has no place behind %s", e.found(), name)
	case e.got.Type == tokInt:
		e.say(codeSyntax, "tries are written `retry "+e.got.Value+" every 10m`", "%s has no place behind %s", e.found(), name)
	case e.got.Type == tokString && isWord(e.prev, "upgrade"):
		e.say(codeSyntax, "write `upgrade with "+clip(got)+"`", "%s has no place behind %s", e.found(), name)
	case e.got.Type == tokString && isWord(e.prev, "verify"):
		e.say(codeSyntax, "write `verify version "+clip(got)+"`", "%s has no place behind %s", e.found(), name)
	case e.got.Type == tokEq:
		e.say(codeSyntax, "", "`=` stands only behind the name of a `param`")
	default:
		e.say(codeSyntax, "", "%s has no place behind %s", e.found(), name)
	}
}
