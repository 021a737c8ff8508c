package explore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
)

// Mutant is a runbook with one guard less, and what came of it.
type Mutant struct {
	File      string
	Line, Col int
	Dropped   string // in words: `retry 3 every 10m`
	Noticed   bool   // some property is violated without it, or it does not compile
	By        string // the property
	Endings   bool   // no property is violated, but the run can end in other ways, or take longer
}

// mutation takes a guard out of the tree and puts it back.
type mutation struct {
	pos   lang.Pos
	text  string
	apply func() (undo func())
}

// Mutate drops each guard of a runbook in turn and proves what is left. It is for runbooks that hold. The tree of the
// program's source is changed meanwhile, and the same again afterwards.
func Mutate(ctx context.Context, prog *interp.Program, opts Options) ([]Mutant, error) {
	base, err := Prove(ctx, prog, opts)
	if err != nil {
		return nil, err
	}
	opts.Progress = nil
	list := mutations(prog.Source)
	mutants := make([]Mutant, 0, len(list))
	for _, mu := range list {
		m := Mutant{File: mu.pos.Filename, Line: mu.pos.Line, Col: mu.pos.Column, Dropped: mu.text}
		undo := mu.apply()
		without, compileErr := interp.Compile(prog.Source, prog.Pool, prog.Params)
		undo()
		if compileErr != nil {
			m.Noticed, m.By = true, "the check"
			mutants = append(mutants, m)
			continue
		}
		a, err := Prove(ctx, without, opts)
		if err != nil {
			return nil, fmt.Errorf("%s:%d without %s: %w", m.File, m.Line, m.Dropped, err)
		}
		m.Noticed, m.By = a.Property != Holds, a.Name()
		m.Endings = !m.Noticed && (a.WorstCase > base.WorstCase || !slices.Equal(a.Ways(), base.Ways()))
		mutants = append(mutants, m)
	}
	return mutants, nil
}

// mutations lists the guards of a runbook, those of its defines included, and how each is taken out. The handlers have
// none: what fails there is only noted.
func mutations(src *lang.Program) []mutation {
	var c collector
	c.stmts(&src.Body)
	for _, d := range src.Defines {
		c.body(d.Body)
	}
	slices.SortStableFunc(c.list, func(a, b mutation) int {
		return cmp.Or(cmp.Compare(a.pos.Filename, b.pos.Filename), cmp.Compare(a.pos.Offset, b.pos.Offset))
	})
	return c.list
}

type collector struct{ list []mutation }

// set adds the mutation that gives a part of the tree another value for a while.
func set[T any](c *collector, pos lang.Pos, text string, place *T, value func() T) {
	c.list = append(c.list, mutation{pos, text, func() func() {
		old := *place
		*place = value()
		return func() { *place = old }
	}})
}

func (c *collector) body(b *lang.Body) {
	if b.Line != nil {
		c.line(b.Line)
	}
	c.stmts(&b.Block)
}

func (c *collector) line(l *lang.Line) {
	for i, s := range l.Steps {
		if guards(s.Action) && len(l.Steps) > 1 {
			set(c, s.Pos, stepWords(s), &l.Steps, func() []*lang.Step { return slices.Delete(slices.Clone(l.Steps), i, i+1) })
		}
		c.step(s)
	}
}

func (c *collector) stmts(all *[]lang.Stmt) {
	for i, st := range *all {
		instead := func(with []lang.Stmt) func() []lang.Stmt {
			return func() []lang.Stmt { return slices.Concat((*all)[:i], with, (*all)[i+1:]) }
		}
		switch s := st.(type) {
		case *lang.Step:
			if guards(s.Action) {
				set(c, s.Pos, stepWords(s), all, instead(nil))
			}
			c.step(s)
		case *lang.If:
			then := s.Then
			if s.Line != nil {
				c.line(s.Line)
				then = nil
				for _, in := range s.Line.Steps {
					then = append(then, in)
				}
			}
			set(c, s.Pos, "if (its steps always)", all, instead(then))
			c.branches(s)
		case *lang.ForEach:
			c.body(s.Body)
		}
	}
}

func (c *collector) branches(s *lang.If) {
	c.stmts(&s.Then)
	c.stmts(&s.ElseDo)
	if s.Else != nil {
		c.branches(s.Else)
	}
}

func (c *collector) step(s *lang.Step) {
	if s.Retry != nil {
		text := fmt.Sprintf("retry %d", s.Retry.Times.N)
		if s.Retry.Every != nil {
			text += " every " + s.Retry.Every.Raw
		}
		set(c, s.Retry.Pos, text, &s.Retry, func() *lang.Retry { return nil })
	}
	if s.Within != nil {
		set(c, s.Within.Pos, "within "+s.Within.Raw, &s.Within, func() *lang.Duration { return nil })
	}
	if s.Else != nil {
		set(c, s.Else.Pos, "else of "+stepWords(s), &s.Else, func() *lang.Else { return nil })
		c.stmts(&s.Else.Block)
		if s.Else.Step != nil {
			c.step(s.Else.Step)
		}
	}
}

// guards tells the actions that are there for what comes after them.
func guards(a lang.Action) bool {
	switch a.(type) {
	case *lang.WaitReady, *lang.Verify, *lang.HoldReady, *lang.Confirm, *lang.Failback, *lang.FailbackServer:
		return true
	}
	return false
}

func stepWords(s *lang.Step) string {
	switch a := s.Action.(type) {
	case *lang.WaitReady:
		return "wait ready"
	case *lang.Verify:
		return "verify"
	case *lang.HoldReady:
		return "hold ready " + a.For.Raw
	case *lang.Confirm:
		return "confirm"
	case *lang.Failback:
		return "failback"
	case *lang.FailbackServer:
		return "failback server"
	case *lang.Stop:
		if a.Graceful {
			return "stop graceful"
		}
		return "stop"
	case *lang.Upgrade:
		return "upgrade"
	case *lang.Restart:
		return "restart"
	case *lang.Failover:
		return "failover"
	case *lang.FailoverServer:
		return "failover server"
	case *lang.Call:
		return a.Name.Text
	}
	return "the step"
}

// MutantsText lists the guards that no property would miss.
func MutantsText(mutants []Mutant) string {
	var b strings.Builder
	missed := 0
	for i := range mutants {
		if !mutants[i].Noticed {
			missed++
		}
	}
	if missed == 0 {
		fmt.Fprintf(&b, "Every guard is needed: without any one of the %d some property is violated\n", len(mutants))
		return b.String()
	}
	fmt.Fprintf(&b, "No property would miss these %d of %d guards:\n", missed, len(mutants))
	for i := range mutants {
		m := &mutants[i]
		switch {
		case m.Noticed:
		case m.Endings:
			fmt.Fprintf(&b, "  %s:%d:%d: %s (other endings or a longer worst case)\n", m.File, m.Line, m.Col, m.Dropped)
		default:
			fmt.Fprintf(&b, "  %s:%d:%d: %s\n", m.File, m.Line, m.Col, m.Dropped)
		}
	}
	return b.String()
}
