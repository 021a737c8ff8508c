package lang

// scope is where a statement stands. It is a value: a block is a copy.
type scope struct {
	domain  *ForEach // the domain loop around it
	server  *ForEach // the server loop around it
	turn    *turn    // of the innermost loop
	atOnce  int      // how many servers the loop handles at once
	elseOf  reach    // the kind of action in whose `else` it stands
	handler string   // "failure", "window", or ""
	call    *Call    // the outermost call that leads here
}

// reach is what an action works on.
type reach int

const (
	nobody  reach = iota // the operator: notes, messages, flow
	servers              // each server in scope
	pool                 // the pool, or the run as a whole
)

// turn gathers what one turn of a loop, or the runbook outside loops, does.
type turn struct {
	skipped  state // joined over every `skip`
	waits    bool  // there is a `wait ready`
	takeDown *Step // the first step that takes a server out of service
}

// walker follows the paths of a runbook, every call of a define from where it stands.
type walker struct {
	*checker
	failovers []*Step
	followed  map[*Step]bool // failovers that a failback can follow
}

// paths makes every check that depends on where a statement stands and on what has been done before it.
func (c *checker) paths() {
	w := &walker{checker: c, followed: map[*Step]bool{}}
	top := scope{turn: &turn{}, atOnce: 1}
	end := w.list(c.p.Body, top, state{reach: true})
	w.turnEnds(end)
	for _, event := range []string{"failure", "window"} {
		if h := c.p.handlers[event]; h != nil {
			w.body(h.Body, scope{turn: &turn{}, atOnce: 1, handler: event}, state{reach: true})
		}
	}
	said := map[*Step]bool{}
	for _, s := range w.failovers {
		if !w.followed[s] && !said[s] {
			said[s] = true
			c.say(codeNoFailback, s.Action, "end the runbook with `if failed over: failback`", "this `failover` is never followed by `failback`: the users stay on the other pool")
		}
	}
	if len(w.failovers) > 0 && c.p.Window != nil && c.p.OnWindow == nil {
		c.say(codeNoOnWindow, c.p.Window, "add `on window:` and say there what becomes of a pool that is failed over, such as `failback`", "the window may close while the pool is failed over, and there is no `on window`")
	}
}

// where tells from where a finding in a define is reached.
func (sc scope) where(hint string) string {
	if sc.call == nil {
		return hint
	}
	from := "(by way of " + quote(sc.call.Name.Text) + ", called in line " + itoa(sc.call.Pos.Line) + ")"
	if hint == "" {
		return from
	}
	return hint + " " + from
}

func (w *walker) body(b *Body, sc scope, st state) state {
	if b.Line != nil {
		return w.line(b.Line, sc, st)
	}
	return w.list(b.Block, sc, st)
}

func (w *walker) line(l *Line, sc scope, st state) state {
	stmts := make([]Stmt, len(l.Steps))
	for i, s := range l.Steps {
		stmts[i] = s
	}
	return w.list(stmts, sc, st)
}

func (w *walker) list(list []Stmt, sc scope, st state) state {
	told := !st.reach // a block that is never entered is told by what leads to it
	for _, s := range list {
		if !st.reach && !told {
			w.say(codeUnreachable, s, sc.where("delete it, or put it before what leaves the body"), "this can never be reached")
			told = true
		}
		st = w.stmt(s, sc, st)
	}
	return st
}

func (w *walker) stmt(s Stmt, sc scope, st state) state {
	switch s := s.(type) {
	case *ForEach:
		return w.loop(s, sc, st)
	case *If:
		return w.branch(s, sc, st)
	case *Step:
		return w.step(s, sc, st)
	}
	panic("lang: a statement of an unknown kind")
}

func (w *walker) branch(n *If, sc scope, st state) state {
	w.facts(n.Cond, sc)
	then, otherwise := st.with(n.Cond.learn(true)), st.with(n.Cond.learn(false))
	if n.Line != nil {
		then = w.line(n.Line, sc, then)
	} else {
		then = w.list(n.Then, sc, then)
	}
	if n.Else != nil {
		otherwise = w.branch(n.Else, sc, otherwise)
	} else {
		otherwise = w.list(n.ElseDo, sc, otherwise)
	}
	return joined(then, otherwise)
}

// facts refuses facts about a server or domain outside its loop.
func (w *walker) facts(cond *Or, sc scope) {
	Inspect(cond, func(n Node) bool {
		f, ok := n.(*Fact)
		if !ok {
			return true
		}
		switch f.Name {
		case "server running", "server upgraded":
			if sc.server == nil {
				w.say(codeFactScope, f, sc.where("ask it inside `for each server`"), "`%s` has no server here", f.Name)
			}
		case "domain ready":
			if sc.server == nil && sc.domain == nil {
				w.say(codeFactScope, f, sc.where("ask it inside a loop"), "`%s` has no domain here", f.Name)
			}
		case "left":
			if w.p.Window == nil {
				w.say(codeNoWindow, f, "declare one, for example `window 6h`", "`left` without a window is always true")
			}
		}
		return true
	})
}

// loop walks the body of a loop until what is known at its head no longer changes.
func (w *walker) loop(n *ForEach, sc scope, st state) state {
	w.loopPlace(n, sc)
	inner := sc
	inner.elseOf = nobody
	if n.Over == "domain" {
		inner.domain = n
	} else {
		inner.server = n
		if n.AtMost != nil {
			inner.atOnce = max(1, n.AtMost.N)
		}
	}
	head, last := st, st
	for range 3 { // two facts and a set that only grow: the third round finds nothing new
		t := &turn{}
		inner.turn = t
		begin := head
		if sc.domain == nil || n.Over == "domain" { // a server loop in a domain goes on with that domain's turn
			begin.stopped, begin.upgraded = false, nil
		}
		end := joined(w.body(n.Body, inner, begin), t.skipped)
		if sc.domain == nil || n.Over == "domain" {
			w.turnEnds(end)
			end.stopped, end.upgraded = st.stopped, st.upgraded
			if n.Over == "domain" && t.takeDown != nil && !t.waits && !st.failedOver {
				w.say(codeNoWait, n, "begin the body with `wait ready retry 3 every 10m`", "this loop takes servers out of service without a `wait ready`")
			}
		} else {
			sc.turn.waits = sc.turn.waits || t.waits
			if sc.turn.takeDown == nil {
				sc.turn.takeDown = t.takeDown
			}
		}
		last = end
		next := joined(head, end)
		if next.equal(head) {
			break
		}
		head = next
	}
	if sc.domain != nil && n.Over == "server" && last.reach {
		return last // a domain has at least one server
	}
	return head
}

func (w *walker) loopPlace(n *ForEach, sc scope) {
	say := func(hint, format string, args ...any) {
		w.say(codeLoopPlace, n, sc.where(hint), format, args...)
	}
	switch {
	case sc.handler != "":
		say("", "no loop can stand in `on %s`", sc.handler)
	case sc.elseOf != nobody:
		say("go on behind the step, under an `if`", "no loop can stand in an `else`")
	case n.Over == "domain" && sc.domain != nil, n.Over == "server" && sc.server != nil:
		say("", "a %s loop inside a %s loop", n.Over, n.Over)
	case n.Over == "domain" && sc.server != nil:
		say("put the server loop inside the domain loop", "a domain loop inside a server loop")
	}
	if n.AtMost == nil {
		return
	}
	at := n.AtMost
	switch {
	case n.Over == "domain":
		w.say(codeAtMost, at, sc.where("domains are upgraded one after the other"), "`at most` on a domain loop")
	case sc.domain == nil:
		w.say(codeAtMost, at, sc.where("put the loop inside `for each domain`: servers of two domains may not be down together"), "`at most` outside a domain loop")
	}
}

// turnEnds warns of upgrades that reach the end of their turn without having been followed by a restart.
func (w *walker) turnEnds(st state) {
	for _, s := range st.upgraded {
		w.say(codeNoRestart, s.Action, "add `restart` behind it", "after this `upgrade` the server can be left without `restart` or `start`")
	}
}

func (w *walker) step(s *Step, sc scope, st state) state {
	w.texts(s.Action, sc)
	w.place(s, sc, st)
	if call, ok := s.Action.(*Call); ok {
		return w.call(s, call, sc, st)
	}
	done := w.effect(s, sc, st)
	if s.Else == nil {
		return done
	}
	failed := st
	failed.reach = st.reach && canFail(s.Action)
	return joined(done, w.otherwise(s.Else, sc.inElse(reachOf(s.Action, sc)), failed))
}

// inElse is the scope of the `else` of an action: what is each server's own affair stays so further in.
func (sc scope) inElse(of reach) scope {
	if of == nobody {
		of = pool
	}
	if sc.elseOf != servers {
		sc.elseOf = of
	}
	return sc
}

func (w *walker) otherwise(e *Else, sc scope, st state) state {
	if e.Step != nil {
		return w.step(e.Step, sc, st)
	}
	return w.list(e.Block, sc, st)
}

func (w *walker) call(s *Step, call *Call, sc scope, st state) state {
	inner := sc
	if inner.call == nil {
		inner.call = call
	}
	body := w.p.Defines[call.Name.Text].Body
	done := w.body(body, inner, st)
	if s.Else == nil {
		return done
	}
	of := nobody
	mixed := w.mixed(body, sc, &of)
	if mixed && (sc.domain != nil || sc.server != nil) {
		w.say(codeMixed, call, "split it in two, or give the steps inside their own `else`", "%s is called with `else` inside a loop, but mixes server and pool actions", quote(call.Name.Text))
	}
	// The body may have failed at any of its steps: nothing that it does is certain.
	failed := st
	failed.failedOver, failed.stopped = false, st.stopped
	failed.away = done.away
	return joined(done, w.otherwise(s.Else, sc.inElse(of), failed))
}

// mixed gives in of what the steps of a body work on, and tells whether it is both servers and the pool.
func (w *walker) mixed(b *Body, sc scope, of *reach) bool {
	mixed := false
	Inspect(b, func(n Node) bool {
		a, ok := n.(Action)
		if !ok {
			return true
		}
		if c, ok := a.(*Call); ok {
			mixed = w.mixed(w.p.Defines[c.Name.Text].Body, sc, of) || mixed
			return true
		}
		r := reachOf(a, sc)
		if r != nobody && *of != nobody && r != *of {
			mixed = true
		}
		if *of == nobody {
			*of = r
		}
		return true
	})
	return mixed
}

// reachOf tells what an action works on where it stands.
func reachOf(a Action, sc scope) reach {
	switch a.(type) {
	case *Stop, *StartServices, *Upgrade, *Restart, *Verify, *FailoverServer, *FailbackServer:
		return servers
	case *Run:
		if sc.domain != nil || sc.server != nil {
			return servers
		}
		return pool
	case *WaitReady, *HoldReady, *Failover, *Failback, *Confirm, *Sleep:
		return pool
	}
	return nobody
}

// effect is what is known once an action is done.
func (w *walker) effect(s *Step, sc scope, st state) state {
	switch s.Action.(type) {
	case *WaitReady:
		sc.turn.waits = true
	case *Stop, *FailoverServer:
		w.takesDown(s, sc)
		st.stopped = true
	case *Upgrade:
		w.takesDown(s, sc)
		if !st.stopped && st.reach {
			w.say(codeNoStop, s.Action, sc.where("put `stop graceful within 1h else stop` before it"), "this `upgrade` can be reached with the services still running")
		}
		st.upgraded = union(st.upgraded, []*Step{s})
	case *Restart:
		w.takesDown(s, sc)
		st.stopped, st.upgraded = false, nil
	case *StartServices:
		st.stopped, st.upgraded = false, nil
	case *Failover:
		if w.checker.facts.Known && !w.checker.facts.Paired && !st.paired {
			w.say(codeUnpaired, s.Action, sc.where("put it under `if paired`, or name a `backup:` in the pool file"), "%s has no backup pool: this path ends failed", w.checker.facts.Name)
		}
		w.failovers = append(w.failovers, s)
		st.failedOver, st.paired = true, true
		st.away = union(st.away, []*Step{s})
	case *Failback:
		for _, f := range st.away {
			w.followed[f] = true
		}
		st.failedOver, st.away = false, nil
	case *Skip:
		sc.turn.skipped = joined(sc.turn.skipped, st)
		st.reach = st.reach && sc.handler != "" // where it may not stand it has been refused
	case *Abort:
		if st.reach {
			w.turnEnds(st)
		}
		st.reach = st.reach && sc.handler != ""
	}
	return st
}

func (w *walker) takesDown(s *Step, sc scope) {
	if sc.turn.takeDown == nil {
		sc.turn.takeDown = s
	}
}
