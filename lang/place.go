package lang

// place judges whether a step may stand where it does.
func (w *walker) place(s *Step, sc scope, st state) {
	if w.inHandler(s, sc) {
		return
	}
	inLoop := sc.domain != nil || sc.server != nil
	switch a := s.Action.(type) {
	case *Stop, *StartServices, *Upgrade, *Restart, *Verify, *FailoverServer, *FailbackServer:
		if !inLoop && !st.failedOver {
			w.say(codeOutsideLoop, a, sc.where("put it inside `for each domain` or `for each server`; outside, the pool has to be failed over on every path"),
				"`%s` outside a loop would take the whole pool down", verb(a))
		}
	case *Skip:
		if !inLoop {
			w.say(codeSkip, a, sc.where("use `abort` to end the run"), "`skip` outside a loop has nothing to skip")
		}
	case *Failover, *Failback:
		if sc.atOnce > 1 {
			w.say(codePoolInServers, a, sc.where("do it outside the server loop, or handle one server at a time"), "`%s` while up to %d servers are handled at once", verb(a), sc.atOnce)
		}
	}
	if sc.elseOf == servers && reachOf(s.Action, sc) == pool {
		w.say(codeElse, s.Action, sc.where("here may stand server actions, note, notify, skip, abort and if"),
			"`%s` concerns the pool, and this is the `else` of a server action", verb(s.Action))
	}
}

// inHandler judges a step of `on failure` or `on window`, and tells whether it stands in one.
func (w *walker) inHandler(s *Step, sc scope) bool {
	if sc.handler == "" {
		return false
	}
	allowed, list := false, "notify, note, run, sleep, if, and start and failback server for what this run took down"
	switch s.Action.(type) {
	case *Note, *Notify, *Call:
		allowed = true
	case *Run, *Sleep, *StartServices, *FailbackServer:
		allowed = sc.handler == "failure"
	case *Failback:
		allowed = sc.handler == "window"
	}
	if sc.handler == "window" {
		list = "notify, note, failback and if"
	}
	if !allowed {
		w.say(codeHandler, s.Action, sc.where("it holds "+list), "`%s` cannot stand in `on %s`", verb(s.Action), sc.handler)
	}
	return true
}

// texts refuses {server} and {domain} outside their loop.
func (w *walker) texts(a Action, sc scope) {
	if _, ok := a.(*Run); ok { // a script gets its names at run time, as $lrun
		return
	}
	inspectAction(a, func(n Node) bool {
		s, ok := n.(*String)
		if !ok {
			return true
		}
		for _, part := range s.Parts {
			if part.Name == "server" && sc.server == nil || part.Name == "domain" && sc.domain == nil {
				w.sayAt(codeInsertScope, part.Pos, partEnd(part), sc.where("it has a value only inside `for each "+part.Name+"`; {{ is a plain brace"), "{%s} outside its loop", part.Name)
			}
		}
		return true
	})
}
