package lang

// Inspect calls f for n and, where f says true, for every node below it, in the order of the source. Nil parts are
// passed over.
func Inspect(n Node, f func(Node) bool) {
	if isNil(n) || !f(n) {
		return
	}
	switch n := n.(type) {
	case *File:
		Inspect(n.Header, f)
		for _, it := range n.Items {
			Inspect(it, f)
		}
	case *Header:
		Inspect(n.Name, f)
	case *Param:
		Inspect(n.Name, f)
		Inspect(n.Default, f)
	case *Window:
		Inspect(n.For, f)
		Inspect(n.Until, f)
	case *Include:
		Inspect(n.Path, f)
	case *Define:
		Inspect(n.Name, f)
		Inspect(n.Body, f)
	case *Handler:
		Inspect(n.Body, f)
	case *ForEach:
		Inspect(n.AtMost, f)
		Inspect(n.Body, f)
	case *If:
		Inspect(n.Cond, f)
		Inspect(n.Line, f)
		inspectAll(n.Then, f)
		Inspect(n.Else, f)
		inspectAll(n.ElseDo, f)
	case *Step:
		Inspect(n.Action, f)
		Inspect(n.Retry, f)
		Inspect(n.Within, f)
		Inspect(n.Else, f)
	case *Retry:
		Inspect(n.Times, f)
		Inspect(n.Every, f)
	case *Else:
		Inspect(n.Step, f)
		inspectAll(n.Block, f)
	case *Body:
		Inspect(n.Line, f)
		inspectAll(n.Block, f)
	case *Line:
		for _, s := range n.Steps {
			Inspect(s, f)
		}
	case *Or:
		for _, t := range n.Terms {
			Inspect(t, f)
		}
	case *And:
		for _, t := range n.Factors {
			Inspect(t, f)
		}
	case *Not:
		Inspect(n.Fact, f)
		Inspect(n.Paren, f)
	case *Fact:
		Inspect(n.Left, f)
	case Action:
		inspectAction(n, f)
	}
}

func inspectAction(a Action, f func(Node) bool) {
	switch a := a.(type) {
	case *HoldReady:
		Inspect(a.For, f)
	case *Upgrade:
		Inspect(a.With, f)
		Inspect(a.Args, f)
	case *Verify:
		Inspect(a.Version, f)
	case *FailoverServer:
		Inspect(a.Drain, f)
	case *Run:
		Inspect(a.Script, f)
	case *Confirm:
		Inspect(a.Text, f)
	case *Notify:
		Inspect(a.Text, f)
	case *Note:
		Inspect(a.Text, f)
	case *Sleep:
		Inspect(a.For, f)
	case *Abort:
		Inspect(a.Text, f)
	case *Call:
		Inspect(a.Name, f)
	}
}

func inspectAll(list []Stmt, f func(Node) bool) {
	for _, s := range list {
		Inspect(s, f)
	}
}

// isNil tells a node that is not there: the optional parts of the tree are nil pointers of their own types.
func isNil(n Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case *Header:
		return n == nil
	case *Body:
		return n == nil
	case *Line:
		return n == nil
	case *If:
		return n == nil
	case *Retry:
		return n == nil
	case *Else:
		return n == nil
	case *Step:
		return n == nil
	case *Or:
		return n == nil
	case *Fact:
		return n == nil
	case *Name:
		return n == nil
	case *Int:
		return n == nil
	case *Duration:
		return n == nil
	case *String:
		return n == nil
	}
	return false
}
