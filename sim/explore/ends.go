package explore

import "github.com/lrun/lrun/interp"

// signature is a way to end in one word. As numbers, signatures are in the order in which endings are listed.
type signature uint32

// Where in a signature stands what; the faults that were spent are its low byte.
const (
	sigAnew   = 8  // the night is another one: see ending.anew
	sigDown   = 9  // servers left out of service
	sigLeft   = 14 // servers still due
	sigOver   = 19 // the pool is failed over
	sigEnding = 20
	sigCount  = 31 // what a number of servers takes: up to 16
)

func (x *model) signature(m *interp.Machine, w *world) signature {
	e, _ := m.Ending()
	_, left := m.Progress()
	spent := x.opts.Faults - int(w.faults)
	s := signature(e)<<sigEnding | signature(left.Len())<<sigLeft | signature(m.Down().Len())<<sigDown | signature(spent)
	if m.FailedOver() {
		s |= 1 << sigOver
	}
	if w.anew {
		s |= 1 << sigAnew
	}
	return s
}

func (s signature) seen() EndingSeen {
	return EndingSeen{
		Ending: interp.Ending(s >> sigEnding), FailedOver: s>>sigOver&1 == 1, Left: int(s >> sigLeft & sigCount),
		Down: int(s >> sigDown & sigCount), Faults: int(s & 0xff),
	}
}

// ending is a way the run can end.
type ending struct {
	EndingSeen
	clean   bool // reached without a crash
	anew    bool // reached after a resume that came late, or that opened another window
	example stateID
}

// endState is a state that is an end.
type endState struct {
	id  stateID
	end signature
}

// brokenState is a state in which a property is violated.
type brokenState struct {
	id       stateID
	property Property
	prop     uint8 // which of the user's own, where it is one
}

// noteEnds gathers the endings of all states that some night really comes to.
func (e *Explorer) noteEnds(latest []int32) {
	for s := range e.shards {
		for _, end := range e.shards[s].ends {
			if latest == nil || latest[end.id] >= 0 {
				e.noteEnd(end)
			}
		}
	}
}

func (e *Explorer) noteEnd(s endState) {
	k := e.ends[s.end]
	if k == nil {
		k = &ending{EndingSeen: s.end.seen(), example: s.id, anew: s.end>>sigAnew&1 == 1}
		e.ends[s.end] = k
	}
	if e.record(s.id).flags&flagCrashed == 0 {
		k.clean = true
	}
}
