// Package interp runs runbooks. It compiles a checked runbook into a [Program] and steps it with a [Machine]: events go
// in, effects and records come out. The machine has no clock, does no I/O, draws no lots and starts no goroutine, so the
// same machine is rehearsed against a model, proved over all outcomes, and driven against real servers:
//
//	for out := m.Step(Event{Kind: Began}); ; out = m.Step(ev) {
//		world.Start(out.Effects)
//		if res, done := m.Result(); done { return res }
//		ev = world.Next()
//	}
//
// Three laws hold. The machine is total: no event makes it panic. It is a function: the same events give the same effects
// and the same records, byte for byte, so that a journal of records is enough to go on after a crash. And its state is
// one flat value: a copy is a fork of the night.
//
// The rules of the language that no name tells live in few places: rule 2 in gate.go (readingForWait) and step.go
// (outOfTries), the interlock of rule 3 in gate.go (verdict), rule 4 in look.go, rule 5 in step_end.go (taskFailed), rules 6
// and 7 in turn.go and resume.go.
//
// The package imports lang and pool, and nothing that touches the outside.
package interp
