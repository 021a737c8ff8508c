package explore

import (
	"time"

	"github.com/lrun/lrun/interp"
)

// step is what a transition is besides its state.
type step struct {
	hash  uint64
	end   signature
	dt    uint32
	says  interp.ReadState // what the readiness cmdlet said, where it was asked
	asked interp.Asked
	left  time.Duration // the longest `left D` that was asked for and is left
	head  uint8
	flags uint8
	out   *interp.Output
}

// transition makes a choice in a state: the world first, then the machine that sees what happened.
func (x *model) transition(m *interp.Machine, parent, child *node, c choice) step {
	child.w.become(&parent.w)
	child.m, child.servers = parent.m, parent.servers
	m.Work(&child.m)
	w := &child.w
	before, _ := m.Turn()
	ev, seen := x.apply(w, c)
	t := step{says: ev.Reading.State}
	if seen {
		x.setClock(m, w, c)
		out := m.Step(ev)
		t.asked, t.left, t.out = out.Asked, out.Left, out
		if out.Judged {
			x.checkVerdict(w, out.Verdict)
		}
		w.scope = m.Ahead(x.mends)
		x.start(w, out.Effects)
		if after, d := m.Turn(); before == 0 && after != 0 {
			t.head = uint8(d) + 1
			w.passed = false
		}
	} else {
		m.Pass(w.now)
	}
	if !w.settling() {
		w.settle()
	}
	x.time(parent, w, c, &t)
	x.checkState(w)
	x.checkProps(w, m, nil)
	t.flags, t.end = x.ended(m, w)
	w.tidy()
	t.hash = x.hash(m, child, parent, 0)
	return t
}

// variants makes a choice by way of follow in all its variants: as it is, and with each question of time that the machine
// asks answered "too late". What of a `left D` is too late stays so, and of the shorter ones it is found out when they are
// asked for.
func (x *model) variants(c choice, follow func(choice) (interp.Asked, time.Duration)) {
	asked, left := follow(c)
	window := asked&interp.AskedWindow != 0
	over := c
	over.variant = lateWindow
	if window {
		follow(over)
	}
	for k := 0; k < len(x.lefts) && asked&interp.AskedLeft != 0; k++ {
		if x.lefts[k] != left {
			continue
		}
		c.variant = uint8(k + 1)
		if asked, left = follow(c); asked&interp.AskedWindow != 0 && !window { // it is asked only where less is left
			window = true
			follow(over)
		}
	}
}

// time notes how long a transition takes, and what is odd about it.
func (x *model) time(parent *node, w *world, c choice, t *step) {
	t.dt = uint32(min((w.now-parent.w.now+time.Second-1)/time.Second, spanMask))
	if parent.w.slots[c.slot].action == interp.Confirm && c.op != opDie && c.op != opCrash {
		t.dt |= spanThinks
	}
	if c.variant == lateWindow {
		t.dt |= spanLate
		w.anew = w.anew || w.crashed // whoever resumes may come late, and what is done again takes its time
		w.odd = w.odd || !w.crashed && w.now < x.closes
	}
}

// setClock puts the window where the choice wants it, relative to the event that comes.
func (x *model) setClock(m *interp.Machine, w *world, c choice) {
	if c.variant != inTime {
		w.window = c.variant // windowOver for lateWindow
	}
	if x.prog.Window.For == 0 && x.prog.Window.Until < 0 {
		return
	}
	const far = 1000 * 24 * time.Hour
	switch w.window {
	case windowOpen:
		m.SetWindow(w.now + far)
	case windowOver:
		m.SetWindow(max(w.now, 1))
	default:
		m.SetWindow(w.now + x.lefts[w.window-1] - 1) // so much is not left; of the next shorter one it is
	}
}

// ended tells whether a state is an end, and which one.
func (x *model) ended(m *interp.Machine, w *world) (flags uint8, end signature) {
	_, finished := m.Ending()
	switch {
	case finished:
		x.checkEnd(w, m)
		flags = flagEnd
	case w.flight == 0:
		w.breaks(RunEnds) // nothing is in flight, and the machine waits
	}
	if x.opts.goOn {
		x.noteBroken(w)
		w.broken = Holds
	}
	if w.broken != Holds {
		flags |= flagBroken
	}
	if w.crashed {
		flags |= flagCrashed
	}
	if w.odd {
		flags |= flagOdd
	}
	if finished {
		end = x.signature(m, w)
	}
	return flags, end
}
