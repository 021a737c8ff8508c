package interp

import (
	"math"

	"github.com/lrun/lrun/lang"
)

// instr makes the instruction of one action with its clauses.
func (c *compiler) instr(s *lang.Step, ctx place) Instr {
	in := c.where(Instr{Op: OpStep, Tries: 1}, s.Pos, ctx)
	c.action(&in, s.Action)
	in.Within = defaultBound[in.Action]
	if in.Action == Stop {
		in.Within = boundStop
		if in.Graceful {
			in.Within = boundGraceful
		}
	}
	if s.Within != nil {
		in.Within = s.Within.D
	}
	if s.Retry != nil {
		in.Tries = min(s.Retry.Times.N, math.MaxUint16)
		if s.Retry.Every != nil {
			in.Every = s.Retry.Every.D
		}
	}
	return in
}

func (c *compiler) action(in *Instr, a lang.Action) {
	switch a := a.(type) {
	case *lang.WaitReady:
		in.Action = WaitReady
	case *lang.HoldReady:
		in.Action, in.For = Hold, a.For.D
	case *lang.Stop:
		in.Action, in.Graceful = Stop, a.Graceful
	case *lang.StartServices:
		in.Action = Start
	case *lang.Upgrade:
		c.upgrade(in, a)
	case *lang.Restart:
		in.Action = Restart
	case *lang.Verify:
		in.Action, in.Text = Verify, c.text(a.Version)
	case *lang.Failover:
		in.Action, in.Disaster = Failover, a.Disaster
	case *lang.Failback:
		in.Action = Failback
	case *lang.FailoverServer:
		in.Action = FailoverServer
		if a.Drain != nil {
			in.Drain = a.Drain.D
		}
	case *lang.FailbackServer:
		in.Action = FailbackServer
	case *lang.Run:
		in.Action, in.Script, in.Safe = Run, a.Script.Text, a.Safe
	case *lang.Confirm:
		in.Action, in.Text = Confirm, c.text(a.Text)
	case *lang.Notify:
		in.Action, in.Text = Notify, c.text(a.Text)
	case *lang.Note:
		in.Action, in.Text = Note, c.text(a.Text)
	case *lang.Sleep:
		in.Action, in.For = Sleep, a.For.D
	case *lang.Skip:
		in.Action = Skip
	case *lang.Abort:
		in.Action, in.Text = Abort, c.text(a.Text)
	}
}

func (c *compiler) upgrade(in *Instr, a *lang.Upgrade) {
	in.Action, in.Text, in.Args = Upgrade, c.text(a.With), c.text(a.Args)
	if a.With == nil {
		if c.prog.Pool.Installer == "" {
			c.errorf("%s: `upgrade` names no installer, and the pool file has no `installer:`", a.Pos)
		}
		in.Text = &Text{Parts: []TextPart{{Lit: c.prog.Pool.Installer}}}
	}
	if c.upgrades == maxUpgrades {
		c.errorf("%s: more than %d `upgrade` steps", a.Pos, maxUpgrades)
		return
	}
	in.Upgrade = uint8(c.upgrades)
	c.upgrades++
}

// text fills in what is known before the run: the parameters, the runbook and the pool.
func (c *compiler) text(s *lang.String) *Text {
	if s == nil {
		return nil
	}
	t := &Text{}
	lit := func(s string) {
		if n := len(t.Parts); n > 0 && t.Parts[n-1].Name == "" {
			t.Parts[n-1].Lit += s
			return
		}
		t.Parts = append(t.Parts, TextPart{Lit: s})
	}
	for _, p := range s.Parts {
		value, isParam := c.prog.Params[p.Name]
		switch {
		case p.Name == "":
			lit(p.Literal)
		case isParam:
			lit(value)
		case p.Name == "runbook":
			lit(c.prog.Name)
		case p.Name == "pool":
			lit(c.prog.Pool.Name)
		default:
			t.Parts = append(t.Parts, TextPart{Name: p.Name})
		}
	}
	return t
}

func (c *compiler) or(o *lang.Or) *cond {
	if len(o.Terms) == 1 {
		return c.and(o.Terms[0])
	}
	n := &cond{op: condOr}
	for _, t := range o.Terms {
		n.kids = append(n.kids, c.and(t))
	}
	return n
}

func (c *compiler) and(a *lang.And) *cond {
	if len(a.Factors) == 1 {
		return c.not(a.Factors[0])
	}
	n := &cond{op: condAnd}
	for _, f := range a.Factors {
		n.kids = append(n.kids, c.not(f))
	}
	return n
}

func (c *compiler) not(f *lang.Not) *cond {
	var n *cond
	if f.Paren != nil {
		n = c.or(f.Paren)
	} else {
		n = &cond{op: condFact, fact: facts[f.Fact.Name]}
		if f.Fact.Left != nil {
			n.left = f.Fact.Left.D
		}
	}
	if f.Negated {
		return &cond{op: condNot, kids: []*cond{n}}
	}
	return n
}
