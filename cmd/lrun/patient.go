package main

import (
	"errors"
	"io"
	"sync"
	"time"
)

// patient is a writer that waits for its reader in the background. A terminal that somebody has halted, with Ctrl-S or by
// a click into a Windows console, and a pager that is not read on must not hold up a night: bounds would pass with servers
// down. It is safe for concurrent use.
type patient struct {
	out io.Writer

	mu    sync.Mutex
	queue []byte
	wake  chan struct{} // holds a token while the queue may have grown
	err   error         // of the first write that failed; what follows is let go
	owed  bool          // something is in the queue, or on its way
	idle  chan struct{} // closed while nothing is owed
}

// mostWaiting is how many bytes wait for the reader; a whole night is far less.
const mostWaiting = 16 << 20

var errUnread = errors.New("nobody has read what lrun says for so long that the rest of it is left out")

func newPatient(out io.Writer) *patient {
	p := &patient{out: out, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	close(p.idle)
	go p.copy()
	return p
}

// Write takes b and returns at once. Its error is that of an earlier write.
func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && len(p.queue)+len(b) > mostWaiting {
		p.err = errUnread
	}
	if p.err != nil {
		return 0, p.err
	}
	if !p.owed {
		p.owed, p.idle = true, make(chan struct{})
	}
	p.queue = append(p.queue, b...)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return len(b), nil
}

// Fd is the file that is written to in the end, for its size on the screen; no file is 0 less 1.
func (p *patient) Fd() uintptr {
	if f, ok := p.out.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// copy runs as long as the process.
func (p *patient) copy() {
	for range p.wake {
		for {
			p.mu.Lock()
			piece := p.queue
			p.queue = nil
			if len(piece) == 0 || p.err != nil {
				if p.owed {
					p.owed = false
					close(p.idle)
				}
				p.mu.Unlock()
				break
			}
			p.mu.Unlock()
			if _, err := p.out.Write(piece); err != nil {
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
			}
		}
	}
}

// flush waits until all is written, and not for ever.
func (p *patient) flush(most time.Duration) error {
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-idle:
	case <-t.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
