package interp

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// defaultBound is the bound of an action that has no `within`; what is not here has none.
var defaultBound = map[Action]time.Duration{
	Hold: 4 * time.Hour, Start: 30 * time.Minute, Upgrade: 2 * time.Hour, Restart: 30 * time.Minute,
	Failover: time.Hour, Failback: 2 * time.Hour, FailoverServer: time.Hour, FailbackServer: time.Hour,
	Run: 30 * time.Minute, Notify: 30 * time.Second,
}

// The bounds of `stop`.
const (
	boundGraceful = time.Hour
	boundStop     = 10 * time.Minute
)

// Compile turns a checked runbook into a program for one pool. set holds the parameters given from outside. The error
// says what of the runbook does not go with the pool or the parameters; all that can be said without them is lang's
// to say.
func Compile(src *lang.Program, p *pool.Pool, set map[string]string) (*Program, error) {
	c := &compiler{
		src:  src,
		prog: &Program{Name: src.Name, Pool: p, OnFailure: none, OnWindow: none, Source: src},
	}
	if c.prog.Name == "" && src.Main != nil {
		c.prog.Name = strings.TrimSuffix(path.Base(src.Main.Pos.Filename), ".lrun")
	}
	c.params(set)
	c.window()
	c.stmts(src.Body, place{})
	c.emit(Instr{Op: OpEnd})
	c.prog.OnFailure = c.handler(src.OnFailure, onFailure)
	c.prog.OnWindow = c.handler(src.OnWindow, onWindow)
	c.versions()
	c.prog.loops, c.prog.upgrades = c.loops, c.upgrades
	if len(c.prog.Instrs) > maxInstrs {
		c.errorf("the runbook has more than %d steps once its defines are written out", maxInstrs)
	}
	return c.prog, errors.Join(c.errs...)
}

// compiler writes instructions one after the other. What comes next by default is the next one written, so an `else`
// stands right behind its step and runs on into what follows.
type compiler struct {
	src      *lang.Program
	prog     *Program
	errs     []error
	calls    []string // defines being written out, against recursion
	upgrades int
	loops    int
}

// place is where a statement stands.
type place struct {
	scope   Scope
	inLoop  bool
	inElse  bool
	handler uint8
	// patch collects the steps of a called define that have no `else` of their own, where the call has one.
	patch *[]int32
}

func (c *compiler) errorf(format string, args ...any) {
	if len(c.errs) < 20 {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

func (c *compiler) emit(in Instr) int32 {
	pc := int32(len(c.prog.Instrs))
	if in.Op != OpEnd {
		in.Next = pc + 1
	}
	if in.Else == 0 {
		in.Else = none
	}
	if len(c.prog.Instrs) <= maxInstrs { // one more than allowed is enough to say so
		c.prog.Instrs = append(c.prog.Instrs, in)
	}
	return pc
}

func (c *compiler) here() int32 { return int32(len(c.prog.Instrs)) }

func (c *compiler) full() bool { return len(c.prog.Instrs) > maxInstrs }

func (c *compiler) at(pc int32) *Instr {
	if int(pc) >= len(c.prog.Instrs) {
		return &Instr{}
	}
	return &c.prog.Instrs[pc]
}

func (c *compiler) params(set map[string]string) {
	c.prog.Params = map[string]string{}
	known := []string{}
	for _, p := range c.src.Params {
		known = append(known, p.Name.Text)
		v, given := set[p.Name.Text]
		switch {
		case given:
			c.prog.Params[p.Name.Text] = v
		case p.Default != nil:
			c.prog.Params[p.Name.Text] = p.Default.Text
		default:
			c.errorf("the parameter %q has no value: give it with --set %s=…", p.Name.Text, p.Name.Text)
		}
	}
	for _, name := range sortedKeys(set) {
		if !slices.Contains(known, name) {
			has := "none"
			if len(known) > 0 {
				has = strings.Join(known, ", ")
			}
			c.errorf("the runbook has no parameter %q; it has %s", name, has)
		}
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (c *compiler) window() {
	c.prog.Window = Window{Until: -1}
	w := c.src.Window
	switch {
	case w == nil:
	case w.For != nil:
		c.prog.Window.For = w.For.D
	case w.Until != nil:
		t, err := time.Parse("15:04", w.Until.Text)
		if err != nil {
			c.errorf("%s: window until %q: want a time of day such as \"05:00\"", w.Pos, w.Until.Text)
			return
		}
		c.prog.Window.Until = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
}

// handler writes out `on failure` or `on window`.
func (c *compiler) handler(b *lang.Body, number uint8) int32 {
	if b == nil {
		return none
	}
	entry := c.here()
	c.body(b, place{scope: ScopeHandler, handler: number})
	c.emit(Instr{Op: OpEnd})
	return entry
}

func (c *compiler) body(b *lang.Body, ctx place) {
	if b == nil {
		return
	}
	c.line(b.Line, ctx)
	c.stmts(b.Block, ctx)
}

func (c *compiler) line(l *lang.Line, ctx place) {
	if l == nil {
		return
	}
	for _, s := range l.Steps {
		c.step(s, ctx)
	}
}

func (c *compiler) stmts(list []lang.Stmt, ctx place) {
	for _, s := range list {
		if c.full() {
			return
		}
		switch s := s.(type) {
		case *lang.Step:
			c.step(s, ctx)
		case *lang.If:
			c.branch(s, ctx)
		case *lang.ForEach:
			c.forEach(s, ctx)
		}
	}
}

func (c *compiler) branch(s *lang.If, ctx place) {
	in := c.where(Instr{Op: OpIf, Action: If, Cond: c.or(s.Cond)}, s.Pos, ctx)
	pc := c.emit(in)
	c.line(s.Line, ctx)
	c.stmts(s.Then, ctx)
	if s.Else == nil && len(s.ElseDo) == 0 {
		c.at(pc).Else, c.at(pc).Join = c.here(), c.here()
		return
	}
	over := c.emit(c.where(Instr{Op: OpJump}, s.Pos, ctx))
	c.at(pc).Else = c.here()
	if s.Else != nil {
		c.branch(s.Else, ctx)
	}
	c.stmts(s.ElseDo, ctx)
	c.at(over).Next, c.at(pc).Join = c.here(), c.here()
}

func (c *compiler) forEach(s *lang.ForEach, ctx place) {
	inner := ctx
	inner.inLoop = true
	if ctx.scope != ScopeTop { // servers of the domain
		inner.scope = ScopeServer
		n := uint8(1)
		if s.AtMost != nil {
			n = uint8(min(s.AtMost.N, pool.MaxServers))
		}
		c.fork(s.Pos, ctx, n, func() { c.body(s.Body, inner) })
		return
	}
	if c.loops == maxLoops {
		c.errorf("%s: more than %d loops", s.Pos, maxLoops)
		return
	}
	head := c.emit(c.where(Instr{Op: OpTurns, Loop: uint8(c.loops), OverServers: s.Over == "server"}, s.Pos, ctx))
	c.loops++
	c.at(head).Body = c.here()
	if s.Over == "server" {
		inner.scope = ScopeServer
		outer := inner
		outer.scope = ScopeDomain
		c.fork(s.Pos, outer, 1, func() { c.body(s.Body, inner) })
	} else {
		inner.scope = ScopeDomain
		c.body(s.Body, inner)
	}
	c.emit(c.where(Instr{Op: OpEndTurn}, s.Pos, inner))
	c.at(head).Next = c.here()
}

// fork writes a body that is run once for each server in scope.
func (c *compiler) fork(pos lang.Pos, ctx place, atMost uint8, body func()) {
	pc := c.emit(c.where(Instr{Op: OpFork, AtMost: atMost}, pos, ctx))
	c.at(pc).Body = c.here()
	body()
	end := c.emit(c.where(Instr{Op: OpEndTask}, pos, ctx))
	c.at(end).Next = c.here()
	c.at(pc).Next = c.here()
}

// where fills in what every instruction says of its place.
func (c *compiler) where(in Instr, pos lang.Pos, ctx place) Instr {
	in.File, in.Line, in.Col = pos.Filename, pos.Line, pos.Column
	in.Scope, in.InLoop, in.InElse, in.Handler = ctx.scope, ctx.inLoop, ctx.inElse, ctx.handler
	return in
}

// step writes a step. Outside a server's own task, an action on servers is a fork of its own: each server has its own
// tries, bound and `else`, and the step ends when all have ended.
func (c *compiler) step(s *lang.Step, ctx place) {
	if c.full() {
		return
	}
	if call, ok := s.Action.(*lang.Call); ok {
		c.call(s, call, ctx)
		return
	}
	in := c.instr(s, ctx)
	if ctx.scope != ScopeServer && c.onServers(in, ctx) {
		inner := ctx
		inner.scope = ScopeServer
		c.fork(s.Pos, ctx, 0, func() { c.oneStep(in, s, inner) })
		return
	}
	c.oneStep(in, s, ctx)
}

// onServers tells whether an action is carried out on servers where it stands. Outside the loops `run` is for one
// front end of the pool.
func (c *compiler) onServers(in Instr, ctx place) bool {
	if in.Action == Run {
		return ctx.inLoop
	}
	return serverAction(in.Action)
}

func (c *compiler) oneStep(in Instr, s *lang.Step, ctx place) {
	in.Scope = ctx.scope
	pc := c.emit(in)
	if s.Else == nil {
		if ctx.patch != nil {
			*ctx.patch = append(*ctx.patch, pc)
		}
		return
	}
	inner := ctx
	inner.inElse = true
	c.at(pc).Else = c.here()
	if s.Else.Step != nil {
		c.step(s.Else.Step, inner)
	}
	c.stmts(s.Else.Block, inner)
	c.at(pc).Next = c.here()
	if c.at(pc).Else == c.here() { // an empty block: the failure is passed over
		c.at(pc).Else = c.at(pc).Next
	}
}

// call writes out a define. Its `else` is that of every step in it that has none of its own.
func (c *compiler) call(s *lang.Step, call *lang.Call, ctx place) {
	d := c.src.Defines[call.Name.Text]
	if d == nil || slices.Contains(c.calls, call.Name.Text) {
		c.errorf("%s: %q cannot be called here", call.Pos, call.Name.Text)
		return
	}
	c.calls = append(c.calls, call.Name.Text)
	defer func() { c.calls = c.calls[:len(c.calls)-1] }()
	if s.Else == nil {
		c.body(d.Body, ctx)
		return
	}
	if ctx.scope != ScopeServer && c.holdsServerActions(d.Body, ctx) {
		inner := ctx
		inner.scope = ScopeServer
		c.fork(s.Pos, ctx, 0, func() { c.guarded(d, s, inner) })
		return
	}
	c.guarded(d, s, ctx)
}

func (c *compiler) guarded(d *lang.Define, s *lang.Step, ctx place) {
	var open []int32
	inner := ctx
	inner.patch = &open
	c.body(d.Body, inner)
	over := c.emit(c.where(Instr{Op: OpJump}, s.Pos, ctx))
	for _, pc := range open {
		c.at(pc).Else = c.here()
	}
	ctx.inElse = true
	if s.Else.Step != nil {
		c.step(s.Else.Step, ctx)
	}
	c.stmts(s.Else.Block, ctx)
	c.at(over).Next = c.here()
}

// holdsServerActions reports whether a body acts on servers, defines called in it included.
func (c *compiler) holdsServerActions(b *lang.Body, ctx place) bool {
	scratch := &compiler{src: c.src, prog: &Program{Pool: c.prog.Pool, Params: c.prog.Params}, calls: c.calls}
	scratch.body(b, ctx)
	for i := range scratch.prog.Instrs {
		in := &scratch.prog.Instrs[i]
		if in.Op == OpStep && c.onServers(*in, ctx) {
			return true
		}
	}
	return false
}

// versions notes in each loop the version that its body verifies, so that a server which has it can be passed over.
func (c *compiler) versions() {
	p := c.prog
	for i := range p.Instrs {
		head := &p.Instrs[i]
		if head.Op != OpTurns {
			continue
		}
		for j := i + 1; j < int(head.Next) && j < len(p.Instrs); j++ {
			in := &p.Instrs[j]
			if in.Op != OpStep {
				continue
			}
			switch in.Action {
			case Upgrade:
				head.Upgrades = true
			case Verify:
				if v, ok := in.Text.Const(); ok && v != "" && head.Version == nil {
					head.Version = in.Text
				}
			}
		}
	}
	for i := range p.Instrs {
		p.Upgrades = p.Upgrades || p.Instrs[i].Op == OpStep && p.Instrs[i].Action == Upgrade
		p.Failovers = p.Failovers || p.Instrs[i].Op == OpStep && p.Instrs[i].Action == Failover
	}
}
