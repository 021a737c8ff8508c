package lang

import (
	"strings"
	"time"
)

// PoolFacts is what the checks know about the pool. The zero value says that no pool is known; then the checks that
// depend on one say nothing.
type PoolFacts struct {
	Known     bool
	Name      string
	Lync2013  bool // the product is Lync Server 2013
	Servers   int
	Domains   int
	Paired    bool // the pool file names a backup pool
	Installer bool // the pool file names an installer
}

// Check says what can be said about a program without running it: clauses, scopes, what may stand where, and the
// paths that a runbook can take. Where Load has left lines out, only what does not depend on the whole is judged.
func Check(p *Program, facts PoolFacts) Diagnostics {
	c := &checker{p: p, facts: facts, said: map[finding]bool{}}
	for _, f := range p.Files {
		Inspect(f, c.node)
	}
	c.declarations()
	if !p.broken {
		c.unused()
		c.paths()
	}
	return c.ds.sorted(p.Main.Pos.Filename)
}

// checker is a Check under way.
type checker struct {
	p     *Program
	facts PoolFacts
	ds    Diagnostics
	said  map[finding]bool // bodies are walked once for each call and turn; each finding is said once
}

type finding struct {
	code, file string
	offset     int
}

func (c *checker) say(k code, n Node, hint, format string, args ...any) {
	c.sayAt(k, n.Start(), firstLineEnd(n), hint, format, args...)
}

func (c *checker) sayAt(k code, pos, end Pos, hint, format string, args ...any) {
	f := finding{k.id, pos.Filename, pos.Offset}
	if !c.said[f] {
		c.said[f] = true
		c.ds.add(k, pos, end, hint, format, args...)
	}
}

// node judges what needs no context.
func (c *checker) node(n Node) bool {
	switch n := n.(type) {
	case *Step:
		c.clauses(n)
	case *If:
		c.oneLineElse(n)
		if n.Line == nil && len(n.Then) == 0 && !c.p.broken {
			c.say(codeNothingToRun, n, "", "the block of this `if` is empty")
		}
	case *Else:
		if n.IsBlock && len(n.Block) == 0 && !c.p.broken {
			c.say(codeNothingToRun, n, "`else skip` says openly that nothing is to be done", "the block of this `else` is empty")
		}
	case *ForEach:
		c.empty(n, n.Body)
		if n.AtMost != nil && n.AtMost.N == 0 {
			c.say(codeSenseless, n.AtMost, "at least 1", "at most 0 at once would never begin")
		}
	case *Define:
		c.empty(n, n.Body)
	case *Handler:
		c.empty(n, n.Body)
	case *Window:
		c.window(n)
	}
	return true
}

func (c *checker) empty(n Node, b *Body) {
	if b != nil && b.Line == nil && len(b.Block) == 0 && !c.p.broken {
		c.say(codeNothingToRun, n, "", "this block is empty")
	}
}

func (c *checker) window(w *Window) {
	if w.For != nil && w.For.zero() {
		c.say(codeSenseless, w.For, "", "a window of 0 is never open")
	}
	if w.Until != nil && !isClock(w.Until.Text) {
		c.say(codeClock, w.Until, `write it as "05:00", in 24 hours`, "%s is not a clock time", quote(w.Until.Text))
	}
}

func isClock(s string) bool {
	if len(s) != 5 || s[2] != ':' {
		return false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s[:2] <= "23" && s[3:] <= "59"
}

// oneLineElse catches the `else` that was meant for a one-line if, but by the grammar belongs to its last step.
func (c *checker) oneLineElse(n *If) {
	if n.Line == nil {
		return
	}
	for _, s := range n.Line.Steps {
		if s.Else != nil && !canFail(s.Action) {
			c.sayAt(codeOneLineElse, s.Else.Pos, wordEnd(s.Else.Pos, "else"), "give the `if` lines of its own, closed by `end`", "a one-line `if` has no `else`")
		}
	}
}

func wordEnd(p Pos, word string) Pos {
	p.Offset += len(word)
	p.Column += len(word)
	return p
}

// canFail tells whether an action can end failed, so that an `else` makes sense.
func canFail(a Action) bool {
	switch a.(type) {
	case *Note, *Skip, *Abort:
		return false
	}
	return true
}

// clauses holds a step against the table of its action.
func (c *checker) clauses(s *Step) {
	if call, ok := s.Action.(*Call); ok && c.p.Defines[call.Name.Text] == nil {
		return // said by Load
	}
	name := verb(s.Action)
	if r := s.Retry; r != nil {
		c.retry(s, r, name)
	}
	if s.Within != nil {
		c.within(s, name)
	} else if confirm, ok := s.Action.(*Confirm); ok {
		c.say(codeMissingClause, confirm, "add for example `within 30m`: nobody may be there to answer", "`confirm` needs a bound")
	}
	if e := s.Else; e != nil && !canFail(s.Action) {
		c.sayAt(codeClause, e.Pos, wordEnd(e.Pos, "else"), "it cannot fail, so nothing would ever be done there", "`%s` takes no `else`", name)
	}
	switch a := s.Action.(type) {
	case *Stop:
		if a.Graceful && s.Within == nil {
			c.say(codeNoBound, s.Action, "say how long to drain, and what then: `stop graceful within 1h else stop`", "`stop graceful` has no bound of its own and drains for up to 1h")
		}
	case *HoldReady:
		c.positive(a.For, "a hold of 0 holds nothing")
	case *Sleep:
		c.positive(a.For, "a sleep of 0 does nothing")
	case *FailoverServer:
		c.positive(a.Drain, "a drain of 0 cuts everybody off")
		c.serverFailover(a)
	case *FailbackServer:
		c.serverFailover(a)
	case *Upgrade:
		if a.With == nil && c.facts.Known && !c.facts.Installer {
			c.say(codeInstaller, a, "write `upgrade with PATH`, or name an `installer:` in the pool file", "`upgrade` does not know what to run: the pool file names no installer")
		}
	}
	c.fits(s)
}

// zero reports whether the runbook says 0. What the lexer refused is 0 as well, and has been told of.
func (d *Duration) zero() bool {
	_, hint := parseDuration(d.Raw)
	return d.D == 0 && hint == ""
}

func (c *checker) positive(d *Duration, summary string) {
	if d != nil && d.zero() {
		c.say(codeSenseless, d, "", "%s", summary)
	}
}

func (c *checker) retry(s *Step, r *Retry, name string) {
	run, isRun := s.Action.(*Run)
	switch {
	case isRun && !run.Safe:
		c.say(codeUnsafeRetry, r, "write `safe` behind the script if doing it twice does no harm", "`retry` on a `run` that may not be repeated")
	case !takesRetry(s.Action):
		hint := "`retry` is for wait, verify, stop, confirm, notify, run … safe, failover server and failback server"
		if _, ok := s.Action.(*Call); ok {
			hint = "a define takes only `else`; put the clause on the steps inside it"
		}
		c.say(codeClause, r, hint, "`%s` takes no `retry`", name)
	}
	if r.Times.N == 0 && strings.Trim(r.Times.Raw, "0") == "" {
		c.say(codeSenseless, r.Times, "the number counts all tries; 1 is the first and only one", "`retry 0` would never try")
	}
	if r.Every == nil {
		c.say(codeMissingClause, r, "say how far the tries are apart: `retry 3 every 10m`", "`retry` without `every`")
		return
	}
	c.positive(r.Every, "tries that are 0 apart do not wait")
}

func takesRetry(a Action) bool {
	switch a.(type) {
	case *WaitReady, *Verify, *Stop, *Confirm, *Notify, *Run, *FailoverServer, *FailbackServer:
		return true
	}
	return false
}

func (c *checker) within(s *Step, name string) {
	c.positive(s.Within, "a bound of 0 has passed before the action begins")
	hint := ""
	switch s.Action.(type) {
	case *Note, *Skip, *Abort:
		hint = "it takes no time"
	case *Call:
		hint = "a define takes only `else`; put the clause on the steps inside it"
	default:
		return
	}
	at := s.Within.Pos
	c.sayAt(codeClause, at, s.Within.EndPos, hint, "`%s` takes no `within`", name)
}

func (c *checker) serverFailover(a Action) {
	const hint = "leave it out; `stop graceful` drains the server"
	switch {
	case !c.facts.Known:
	case c.facts.Lync2013:
		c.say(codeServerFO, a, hint, "`%s` came with Skype for Business Server 2015; %s runs Lync Server 2013", verb(a), c.facts.Name)
	case c.facts.Servers < 3:
		c.say(codeServerFO, a, hint, "`%s` wants three servers or more; %s has %d", verb(a), c.facts.Name, c.facts.Servers)
	}
}

// defaultHold is the bound of `hold ready` where none is written.
const defaultHold = 4 * time.Hour

// fits compares the waits of a step with its bound and with the window.
func (c *checker) fits(s *Step) {
	var wait time.Duration
	what := ""
	if hold, ok := s.Action.(*HoldReady); ok {
		wait, what = hold.For.D, "this hold"
		bound := defaultHold
		if s.Within != nil {
			bound = s.Within.D
		}
		if bound < wait && bound > 0 {
			c.say(codeNoFit, hold.For, "", "a hold of %s can never pass within %s", formatDuration(wait), formatDuration(bound))
			return
		}
	}
	if sleep, ok := s.Action.(*Sleep); ok {
		wait, what = sleep.For.D, "this sleep"
	}
	if r := s.Retry; r != nil && r.Every != nil && r.Times.N > 1 && r.Every.D > 0 {
		wait, what = time.Duration(r.Times.N-1)*r.Every.D, "the time between the first and the last try"
		if s.Within != nil && s.Within.D > 0 && s.Within.D < wait {
			c.say(codeNoFit, r, "", "within %s only %d of these %d tries can begin", formatDuration(s.Within.D), s.Within.D/r.Every.D+1, r.Times.N)
			return
		}
	}
	if w := c.p.Window; w != nil && w.For != nil && w.For.D > 0 && wait > w.For.D {
		c.say(codeNoFit, s.Action, "", "%s, %s, does not fit the window of %s", what, formatDuration(wait), formatDuration(w.For.D))
	}
}

// declarations judges what the main file declares.
func (c *checker) declarations() {
	p := c.p
	if h := p.handlers["window"]; h != nil && p.Window == nil && !p.broken {
		c.say(codeNoWindow, h, "declare one, for example `window 6h`", "`on window` without a window never runs")
	}
}

// unused warns of declarations of the main file that nobody asks for; an included file may offer more than is taken.
func (c *checker) unused() {
	called, named, inScript := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range c.p.Files {
		Inspect(f, func(n Node) bool {
			switch n := n.(type) {
			case *Call:
				called[n.Name.Text] = true
			case *Run:
				scriptWords(n.Script.Text, inScript)
				return false
			case *String:
				for _, part := range n.Parts {
					named[part.Name] = true
				}
			}
			return true
		})
	}
	for _, it := range c.p.Main.Items {
		switch it := it.(type) {
		case *Define:
			if !called[it.Name.Text] && !keywords[it.Name.Text] {
				c.say(codeUnused, it.Name, "call it by its name, or delete it", "the define %s is never used", quote(it.Name.Text))
			}
		case *Param:
			name := it.Name.Text
			if !named[name] && !builtin[name] && !inScript[strings.ToLower(name)] {
				c.say(codeUnused, it.Name, "insert it as {"+name+"}, or delete it", "the parameter %s is never used", quote(name))
			}
		}
	}
}

// scriptWords notes the words of a script that asks for parameters, in small letters since PowerShell does not care. A
// word with hyphens counts whole and in pieces: $lrun.a-b may be one name or a subtraction.
func scriptWords(script string, words map[string]bool) {
	script = strings.ToLower(script)
	if !strings.Contains(script, "$lrun") {
		return
	}
	inWord := func(r rune) bool { return r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r)) || r == '-') }
	for w := range strings.FieldsFuncSeq(script, func(r rune) bool { return !inWord(r) }) {
		words[w] = true
		for piece := range strings.SplitSeq(w, "-") {
			words[piece] = true
		}
	}
}

// verb is how an action is written, without its texts.
func verb(a Action) string {
	switch a := a.(type) {
	case *WaitReady:
		return "wait ready"
	case *HoldReady:
		return "hold ready"
	case *Stop:
		if a.Graceful {
			return "stop graceful"
		}
		return "stop"
	case *StartServices:
		return "start"
	case *Upgrade:
		return "upgrade"
	case *Restart:
		return "restart"
	case *Verify:
		return "verify"
	case *Failover:
		return "failover"
	case *Failback:
		return "failback"
	case *FailoverServer:
		return "failover server"
	case *FailbackServer:
		return "failback server"
	case *Run:
		return "run"
	case *Confirm:
		return "confirm"
	case *Notify:
		return "notify"
	case *Note:
		return "note"
	case *Sleep:
		return "sleep"
	case *Skip:
		return "skip"
	case *Abort:
		return "abort"
	case *Call:
		return a.Name.Text
	}
	panic("lang: an action without a verb")
}

// Verb is how an action is written in a runbook, without its texts and durations: "stop graceful", "failover server".
func Verb(a Action) string { return verb(a) }
