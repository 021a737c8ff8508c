// Package lang is the runbook language: tokens, grammar, formatter, static checks and the diagnostics that all of them
// speak. It imports participle and a word guesser, nothing else of ours; everything else may import it. It is pure: it
// reads no file, no clock and no environment. Included files come through a function of the caller's.
//
// A source takes this way:
//
//	[Parse]   bytes → tokens (lex.go) → blocks paired (blocks.go) → tree (ast.go, parse.go, lower.go)
//	[Load]    … + included files, names resolved → [Program]
//	[Check]   everything about a program that can be said without running it
//	[Format]  the canonical text, made from the tokens
//
// The grammar is LL(1) and stands as tags on the tree. It takes a little more than the language has; what is too much
// is refused afterwards, where a better message can be given. Findings are data ([Diagnostic]) with stable codes
// (codes.go); [Diagnostics.Render] draws them.
//
// A program may be run only where neither Load nor Check has found an error.
package lang
