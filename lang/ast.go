package lang

import (
	"time"

	"github.com/alecthomas/participle/v2/lexer"
)

// Pos is a place in a source file: file name, byte offset, line and column, both counted from 1.
type Pos = lexer.Position

// Span is embedded in every node; participle fills it.
type Span struct {
	Pos    Pos
	EndPos Pos
}

// Start is the place of the node's first token.
func (s Span) Start() Pos { return s.Pos }

// End is the place just behind the node's last token.
func (s Span) End() Pos { return s.EndPos }

// Node is anything with a place in the source.
type Node interface {
	Start() Pos
	End() Pos
}

// Item is what may stand at the top level of a file: a declaration or a statement.
type Item interface {
	Node
	item()
}

// Stmt is a statement: [*ForEach], [*If] or [*Step].
type Stmt interface {
	Item
	stmt()
}

// Action is the verb of a step, one type for each row of the table of actions.
type Action interface {
	Node
	action()
}

// File is one runbook, or one included file.
type File struct {
	Span
	Header *Header `parser:"( @@ EOL )?"` // runbook "…"
	Items  []Item  `parser:"( @@ ( EOL | Semi ) )*"`
}

// Declarations.
type (
	// Header names the runbook.
	Header struct {
		Span
		Name *String `parser:"'runbook':Keyword @@"` // runbook STRING
	}

	// Param declares a parameter, all of them texts.
	Param struct {
		Span
		Name    *Name   `parser:"'param':Keyword @@"`
		Default *String `parser:"( Eq @@ )?"` // nil where the parameter has to be set from outside
	}

	// Window bounds the time in which turns may begin; one of the two is set.
	Window struct {
		Span
		For   *Duration `parser:"'window':Keyword ( @@"`  // window 6h
		Until *String   `parser:"| 'until':Keyword @@ )"` // window until "05:00"
	}

	// Include takes the params and defines of another file.
	Include struct {
		Span
		Path *String `parser:"'include':Keyword @@"` // include "common.lrun"
	}

	// Define names a body, to be called as an action.
	Define struct {
		Span
		Name *Name `parser:"'define':Keyword @@"` // define NAME:
		Body *Body `parser:"@@"`
	}

	// Handler is `on failure` or `on window`.
	Handler struct {
		Span
		Event string `parser:"'on':Keyword @( 'failure':Keyword | 'window':Keyword )"` // "failure" | "window"
		Body  *Body  `parser:"@@"`
	}
)

// Statements.
type (
	// ForEach is a loop over the upgrade domains or the servers.
	ForEach struct {
		Span
		Over   string `parser:"'for':Keyword 'each':Keyword @( 'domain':Keyword | 'server':Keyword )"` // "domain" | "server"
		AtMost *Int   `parser:"( 'at':Keyword 'most':Keyword @@ 'at':Keyword 'once':Keyword )?"`       // nil = one after the other
		Body   *Body  `parser:"@@"`
	}

	// If is a branch. Either Line (one-line form, no else) or Then is used.
	If struct {
		Span
		Cond   *Or    `parser:"'if':Keyword @@ Colon"`
		Line   *Line  `parser:"( @@"`
		Then   []Stmt `parser:"| EOL ( @@ ( EOL | Semi ) )* ( 'end':Keyword"`
		Else   *If    `parser:"| 'else':Keyword ( @@"`                                  // else if …
		ElseDo []Stmt `parser:"| Colon EOL ( @@ ( EOL | Semi ) )* 'end':Keyword ) ) )"` // else: …
		HasEnd bool   // false only for the one-line form and for an `else if`, whose end closes the whole chain
	}

	// Step is an action with its clauses.
	Step struct {
		Span
		Action Action    `parser:"@@"`
		Retry  *Retry    `parser:"@@?"`
		Within *Duration `parser:"( 'within':Keyword @@ )?"`
		Else   *Else     `parser:"@@?"`
	}

	// Retry is `retry N every D`.
	Retry struct {
		Span
		Times *Int      `parser:"'retry':Keyword @@"`
		Every *Duration `parser:"( 'every':Keyword @@ )?"` // nil is an error that check reports
	}

	// Else is what a step does when it fails: one step or a block.
	Else struct {
		Span
		Step *Step `parser:"'else':Keyword ( @@"`
		// IsBlock tells an empty block from a missing step.
		IsBlock bool   `parser:"| @Colon EOL"`
		Block   []Stmt `parser:"( @@ ( EOL | Semi ) )* 'end':Keyword )"`
	}

	// Body is what a `:` opens: steps on the same line, or a block.
	Body struct {
		Span
		Line  *Line  `parser:"Colon ( @@"`
		Block []Stmt `parser:"| EOL ( @@ ( EOL | Semi ) )* 'end':Keyword )"`
	}

	// Line is one or more steps on one line, parted by `;`.
	Line struct {
		Span
		Steps []*Step `parser:"@@ ( Semi @@ )*"`
	}
)

// Conditions: `or` of `and` of facts.
type (
	// Or holds if one of its terms holds.
	Or struct {
		Span
		Terms []*And `parser:"@@ ( 'or':Keyword @@ )*"`
	}

	// And holds if all of its factors hold.
	And struct {
		Span
		Factors []*Not `parser:"@@ ( 'and':Keyword @@ )*"`
	}

	// Not is a fact or a condition in parentheses, perhaps negated.
	Not struct {
		Span
		Negated bool  `parser:"@'not':Keyword?"`
		Fact    *Fact `parser:"( @@"`
		Paren   *Or   `parser:"| LParen @@ RParen )"`
	}

	// Fact is one of the facts of the language, its words joined by one blank: "paired", "failed over",
	// "pool ready", "pool busy", "pool insufficient", "pool upgraded", "reboot pending", "domain ready",
	// "server running", "server upgraded", "left" (with Left set).
	Fact struct {
		Span
		Name string
		// Words are the words of the fact as they were read; Name is made of them.
		Words []string  `parser:"( @'paired':Keyword | @'failed':Keyword @'over':Keyword | @'pool':Keyword @( 'ready':Keyword | 'busy':Keyword | 'insufficient':Keyword | 'upgraded':Keyword ) | @'reboot':Keyword @'pending':Keyword | @'domain':Keyword @'ready':Keyword | @'server':Keyword @( 'running':Keyword | 'upgraded':Keyword ) | @'left':Keyword"`
		Left  *Duration `parser:"@@ )"`
	}
)

// Actions.
type (
	// WaitReady is `wait ready`.
	WaitReady struct {
		Span
		Verb string `parser:"@'wait':Keyword 'ready':Keyword"`
	}
	// HoldReady is `hold ready D`.
	HoldReady struct {
		Span
		For *Duration `parser:"'hold':Keyword 'ready':Keyword @@"`
	}
	// Stop is `stop [graceful]`.
	Stop struct {
		Span
		Graceful bool `parser:"'stop':Keyword @'graceful':Keyword?"`
	}
	// StartServices is `start`.
	StartServices struct {
		Span
		Verb string `parser:"@'start':Keyword"`
	}
	// Upgrade is `upgrade [with PATH] [args STRING]`.
	Upgrade struct {
		Span
		With *String `parser:"'upgrade':Keyword ( 'with':Keyword @@ )?"`
		Args *String `parser:"( 'args':Keyword @@ )?"`
	}
	// Restart is `restart`.
	Restart struct {
		Span
		Verb string `parser:"@'restart':Keyword"`
	}
	// Verify is `verify [version STRING]`.
	Verify struct {
		Span
		Version *String `parser:"'verify':Keyword ( 'version':Keyword @@ )?"`
	}
	// Failover is `failover [disaster]` for the pool.
	Failover struct {
		Span
		Disaster bool
	}
	// Failback is `failback` for the pool.
	Failback struct {
		Span
	}
	// FailoverServer is `failover server [drain D]`.
	FailoverServer struct {
		Span
		Drain *Duration
	}
	// FailbackServer is `failback server`.
	FailbackServer struct {
		Span
	}
	// Run is `run STRING [safe]`.
	Run struct {
		Span
		Script *String `parser:"'run':Keyword @@"`
		Safe   bool    `parser:"@'safe':Keyword?"`
	}
	// Confirm is `confirm STRING`.
	Confirm struct {
		Span
		Text *String `parser:"'confirm':Keyword @@"`
	}
	// Notify is `notify STRING`.
	Notify struct {
		Span
		Text *String `parser:"'notify':Keyword @@"`
	}
	// Note is `note STRING`.
	Note struct {
		Span
		Text *String `parser:"'note':Keyword @@"`
	}
	// Sleep is `sleep D`.
	Sleep struct {
		Span
		For *Duration `parser:"'sleep':Keyword @@"`
	}
	// Skip is `skip`.
	Skip struct {
		Span
		Verb string `parser:"@'skip':Keyword"`
	}
	// Abort is `abort STRING`.
	Abort struct {
		Span
		Text *String `parser:"'abort':Keyword @@"`
	}
	// Call is the name of a define.
	Call struct {
		Span
		Name *Name `parser:"(?= Ident ) @@"`
	}
)

// The two verbs that have a form for the pool and one for a server. The grammar is LL(1), so each is read as one
// type and becomes one of the four above once it is whole.
type (
	failoverForm struct {
		Span
		Disaster bool      `parser:"'failover':Keyword ( @'disaster':Keyword"`
		Server   bool      `parser:"| @'server':Keyword"`
		Drain    *Duration `parser:"( 'drain':Keyword @@ )? )?"`
	}
	failbackForm struct {
		Span
		Verb   string `parser:"@'failback':Keyword"`
		Server bool   `parser:"@'server':Keyword?"`
	}
)

// Leaves.
type (
	// Name is a name that the author chose.
	Name struct {
		Span
		Text string `parser:"@( Ident | Keyword )"`
	}

	// Int is a whole number.
	Int struct {
		Span
		Raw string `parser:"@Int"`
		N   int
	}

	// Duration is a span of time such as 1h30m.
	Duration struct {
		Span
		Raw string `parser:"@Duration"`
		D   time.Duration
	}

	// String is a text in quotes.
	String struct {
		Span
		Raw string `parser:"@String"` // as it stands in the source, quotes included
		// Text is the content with "" undone; {name} and {{ stand in it as they were written.
		Text string
		// Parts is the content cut at its insertions, {{ undone. The script of `run` is one literal part.
		Parts []Part
	}
)

// Part is a piece of a [String]: a literal text, or the name of what is inserted there.
type Part struct {
	Literal string
	Name    string // "" for a literal
	Pos     Pos    // where the piece begins
}

func (*Param) item()   {}
func (*Window) item()  {}
func (*Include) item() {}
func (*Define) item()  {}
func (*Handler) item() {}
func (*ForEach) item() {}
func (*If) item()      {}
func (*Step) item()    {}

func (*ForEach) stmt() {}
func (*If) stmt()      {}
func (*Step) stmt()    {}

func (*WaitReady) action()      {}
func (*HoldReady) action()      {}
func (*Stop) action()           {}
func (*StartServices) action()  {}
func (*Upgrade) action()        {}
func (*Restart) action()        {}
func (*Verify) action()         {}
func (*Failover) action()       {}
func (*Failback) action()       {}
func (*FailoverServer) action() {}
func (*FailbackServer) action() {}
func (*Run) action()            {}
func (*Confirm) action()        {}
func (*Notify) action()         {}
func (*Note) action()           {}
func (*Sleep) action()          {}
func (*Skip) action()           {}
func (*Abort) action()          {}
func (*Call) action()           {}
func (*failoverForm) action()   {}
func (*failbackForm) action()   {}
