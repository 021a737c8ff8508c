package lang

import "github.com/alecthomas/participle/v2/lexer"

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
	Header *Header // runbook "…"
	Items  []Item
}

// Declarations.
type (
	// Header names the runbook.
	Header struct {
		Span
		Name *String // runbook STRING
	}

	// Param declares a parameter, all of them texts.
	Param struct {
		Span
		Name    *Name
		Default *String // nil where the parameter has to be set from outside
	}

	// Window bounds the time in which turns may begin; one of the two is set.
	Window struct {
		Span
		For   *Duration // window 6h
		Until *String   // window until "05:00"
	}

	// Include takes the params and defines of another file.
	Include struct {
		Span
		Path *String
	}

	// Define names a body, to be called as an action.
	Define struct {
		Span
		Name *Name
		Body *Body
	}

	// Handler is `on failure` or `on window`.
	Handler struct {
		Span
		Event string // "failure" | "window"
		Body  *Body
	}
)

// Statements.
type (
	// ForEach is a loop over the upgrade domains or the servers.
	ForEach struct {
		Span
		Over   string // "domain" | "server"
		AtMost *Int   // at most N at once; nil = one after the other
		Body   *Body
	}

	// If is a branch. Either Line (one-line form, no else) or Then is used.
	If struct {
		Span
		Cond   *Or
		Line   *Line
		Then   []Stmt
		Else   *If    // else if …
		ElseDo []Stmt // else: …
		HasEnd bool   // false only for the one-line form and for an `else if`, whose end closes the whole chain
	}

	// Step is an action with its clauses.
	Step struct {
		Span
		Action Action
		Retry  *Retry
		Within *Duration
		Else   *Else
	}

	// Retry is `retry N every D`.
	Retry struct {
		Span
		Times *Int
		Every *Duration // nil is an error that check reports
	}

	// Else is what a step does when it fails: one step or a block.
	Else struct {
		Span
		Step  *Step
		Block []Stmt
		// IsBlock tells an empty block from a missing step.
		IsBlock bool
	}

	// Body is what a `:` opens: steps on the same line, or a block.
	Body struct {
		Span
		Line  *Line
		Block []Stmt
	}

	// Line is one or more steps on one line, parted by `;`.
	Line struct {
		Span
		Steps []*Step
	}
)

// Conditions: `or` of `and` of facts.
type (
	// Or holds if one of its terms holds.
	Or struct {
		Span
		Terms []*And
	}

	// And holds if all of its factors hold.
	And struct {
		Span
		Factors []*Not
	}

	// Not is a fact or a condition in parentheses, perhaps negated.
	Not struct {
		Span
		Negated bool
		Fact    *Fact
		Paren   *Or
	}

	// Fact is one of the facts of the language, its words joined by one blank: "paired", "failed over",
	// "pool ready", "pool busy", "pool insufficient", "pool upgraded", "reboot pending", "domain ready",
	// "server running", "server upgraded", "left" (with Left set).
	Fact struct {
		Span
		Name string
		Left *Duration
	}
)

// Actions.
type (
	// WaitReady is `wait ready`.
	WaitReady struct{ Span }
	// HoldReady is `hold ready D`.
	HoldReady struct {
		Span
		For *Duration
	}
	// Stop is `stop [graceful]`.
	Stop struct {
		Span
		Graceful bool
	}
	// Start_ is `start`.
	StartServices struct{ Span }
	// Upgrade is `upgrade [with PATH] [args STRING]`.
	Upgrade struct {
		Span
		With *String
		Args *String
	}
	// Restart is `restart`.
	Restart struct{ Span }
	// Verify is `verify [version STRING]`.
	Verify struct {
		Span
		Version *String
	}
	// Failover is `failover [disaster]` for the pool.
	Failover struct {
		Span
		Disaster bool
	}
	// Failback is `failback` for the pool.
	Failback struct{ Span }
	// FailoverServer is `failover server [drain D]`.
	FailoverServer struct {
		Span
		Drain *Duration
	}
	// FailbackServer is `failback server`.
	FailbackServer struct{ Span }
	// Run is `run STRING [safe]`.
	Run struct {
		Span
		Script *String
		Safe   bool
	}
	// Confirm is `confirm STRING`.
	Confirm struct {
		Span
		Text *String
	}
	// Notify is `notify STRING`.
	Notify struct {
		Span
		Text *String
	}
	// Note is `note STRING`.
	Note struct {
		Span
		Text *String
	}
	// Sleep is `sleep D`.
	Sleep struct {
		Span
		For *Duration
	}
	// Skip is `skip`.
	Skip struct{ Span }
	// Abort is `abort STRING`.
	Abort struct {
		Span
		Text *String
	}
	// Call is the name of a define.
	Call struct {
		Span
		Name *Name
	}
)
