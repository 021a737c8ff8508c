package lang

// code is a stable name for one kind of finding. A code is never given a second meaning: one that is no longer used
// stays out of use.
type code struct {
	id       string
	severity Severity
	about    string // one sentence for docs/language.md
}

// The table of codes. docs/language.md lists the same rows, and a test compares the two.
var (
	codeUnknownAction = code{"L001", Error, "A word where an action belongs is neither an action nor a `define` of this runbook."}
	codeSyntax        = code{"L002", Error, "Words, clauses or marks stand where the grammar has no place for them, or one is missing."}
	codeUnclosed      = code{"L003", Error, "A block that a `:` opened has no `end`. It is reported where it opens."}
	codeStrayEnd      = code{"L004", Error, "An `end` has no block to close."}
	codeOpenString    = code{"L005", Error, "A string is not closed on its line."}
	codeQuotes        = code{"L006", Error, "Typographic quotes (“ ” „ ‘ ’), often pasted from a word processor, where plain ones belong."}
	codeCharacter     = code{"L007", Error, "A character that is not part of the language."}
	codeNotText       = code{"L008", Error, "The file is not UTF-8 text: binary, another encoding, or NUL bytes in it."}
	codeLimit         = code{"L009", Error, "A limit is passed: 1 MiB a file, 64 levels, 10,000 steps, 64 files, 20 syntax errors a pass."}
	codeDuration      = code{"L010", Error, "A duration is not written as the language wants it, such as `90s`, `10m`, `1h30m` or `2d`."}
	codeNumber        = code{"L011", Error, "A number is too large or not a whole number."}
	codeOneLineElse   = code{"L012", Error, "A one-line `if` has an `else`; only the block form has one."}
	codeOneLineBlock  = code{"L013", Error, "A block opens inside a one-line body."}
	codeNoStep        = code{"L014", Error, "The runbook has no step: nothing would be done."}

	codeInclude        = code{"L020", Error, "An included file cannot be read."}
	codeIncludeLoop    = code{"L021", Error, "Files include each other in a circle."}
	codeIncludeContent = code{"L022", Error, "An included file holds something other than `param`, `define` and `include`."}
	codeDuplicate      = code{"L023", Error, "A name, the window or a handler is declared twice."}
	codeReserved       = code{"L024", Error, "A `define` bears a keyword's name, or a `param` the name of a built-in insertion."}
	codeRecursion      = code{"L025", Error, "A `define` calls itself, directly or by way of others."}
	codeUnknownParam   = code{"L026", Error, "A string or script names a parameter that is not declared."}
	codeInsertScope    = code{"L027", Error, "`{server}` or `{domain}` stands outside its loop."}
	codeInsertPlace    = code{"L028", Error, "An insertion stands in a text that is taken as it is: a title, a default, a path or a time."}

	codeMissingClause = code{"L030", Error, "A clause is missing: `retry` without `every`, `confirm` without `within`."}
	codeClause        = code{"L031", Error, "A clause that this action does not take."}
	codeUnsafeRetry   = code{"L032", Error, "`retry` on a `run` that is not declared `safe` to be repeated."}
	codeSenseless     = code{"L033", Error, "A number or duration of zero where it makes no sense."}
	codeClock         = code{"L034", Error, "A clock time is not written as `\"HH:MM\"`."}

	codeOutsideLoop   = code{"L040", Error, "A server action outside a loop, where it would take the whole pool down."}
	codeSkip          = code{"L041", Error, "`skip` outside a loop."}
	codeLoopPlace     = code{"L042", Error, "A loop where none may stand: in another loop of its kind, a domain loop in a server loop, in an `else` or in a handler."}
	codeAtMost        = code{"L043", Error, "`at most N at once` on a loop that is not a server loop inside a domain loop."}
	codeFactScope     = code{"L044", Error, "A fact about a server or domain outside its loop."}
	codeElse          = code{"L045", Error, "A step that may not stand in this `else`."}
	codeHandler       = code{"L046", Error, "A step that may not stand in this handler."}
	codePoolInServers = code{"L047", Error, "`failover` or `failback` of the pool while several servers are handled at once."}
	codeMixed         = code{"L048", Error, "A `define` called with `else` inside a loop mixes server and pool actions."}
	codeServerFO      = code{"L050", Error, "`failover server` or `failback server` on a pool that has no such thing: Lync Server 2013, or fewer than three servers."}
	codeInstaller     = code{"L051", Error, "`upgrade` without `with`, and the pool file names no `installer`."}

	codeNoStop       = code{"L060", Warning, "`upgrade` can be reached in a turn that has not stopped the server."}
	codeNoRestart    = code{"L061", Warning, "After `upgrade` the turn can end without `restart` or `start`."}
	codeNoWait       = code{"L062", Warning, "A domain loop takes servers out of service without a `wait ready`."}
	codeNoFailback   = code{"L063", Warning, "`failover` is never followed by `failback`."}
	codeUnpaired     = code{"L064", Warning, "`failover` not under `if paired`, on a pool whose file names no backup: that path ends failed."}
	codeNoBound      = code{"L065", Warning, "`stop graceful` without a bound of its own."}
	codeNoFit        = code{"L066", Warning, "A wait that cannot fit its own bound or the window."}
	codeUnused       = code{"L067", Warning, "A `define` or `param` is never used."}
	codeUnreachable  = code{"L068", Warning, "A step that can never be reached, after `abort` or `skip`."}
	codeNoOnWindow   = code{"L069", Warning, "A runbook with a window and a `failover` has no `on window`."}
	codeNoWindow     = code{"L070", Warning, "`on window` or `left` in a runbook that declares no window."}
	codeNothingToRun = code{"L071", Warning, "A block without a step."}
)

// codes lists the table in the order of the ids.
var codes = []code{
	codeUnknownAction, codeSyntax, codeUnclosed, codeStrayEnd, codeOpenString, codeQuotes, codeCharacter, codeNotText,
	codeLimit, codeDuration, codeNumber, codeOneLineElse, codeOneLineBlock, codeNoStep,
	codeInclude, codeIncludeLoop, codeIncludeContent, codeDuplicate, codeReserved, codeRecursion, codeUnknownParam,
	codeInsertScope, codeInsertPlace,
	codeMissingClause, codeClause, codeUnsafeRetry, codeSenseless, codeClock,
	codeOutsideLoop, codeSkip, codeLoopPlace, codeAtMost, codeFactScope, codeElse, codeHandler, codePoolInServers,
	codeMixed, codeServerFO, codeInstaller,
	codeNoStop, codeNoRestart, codeNoWait, codeNoFailback, codeUnpaired, codeNoBound, codeNoFit, codeUnused,
	codeUnreachable, codeNoOnWindow, codeNoWindow, codeNothingToRun,
}

// Code is a row of the table of diagnostics, for documentation and editors.
type Code struct {
	ID       string
	Severity Severity
	About    string
}

// Codes lists every code a diagnostic can bear, by id.
func Codes() []Code {
	out := make([]Code, len(codes))
	for i, c := range codes {
		out[i] = Code{ID: c.id, Severity: c.severity, About: c.about}
	}
	return out
}
