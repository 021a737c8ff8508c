package main

import "sync"

// leash holds a run back when the marks on the servers turn out to be another run's. It exists before the run does. It is
// safe for concurrent use.
type leash struct {
	warn func(string)

	mu      sync.Mutex
	slipped bool
	hold    func() // nil: nothing is held yet
}

// slip tells that the marks are lost, and why.
func (l *leash) slip(why string) {
	l.warn(why)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slipped = true
	if l.hold != nil {
		l.hold()
	}
}

// tie says how the run is held back.
func (l *leash) tie(hold func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold = hold
	if l.slipped {
		hold()
	}
}
