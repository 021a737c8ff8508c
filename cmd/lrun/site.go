package main

import (
	"context"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// site is the live pool, as far as exec, resume and preflight have to do with it. Tests hand in one of their own.
type site interface {
	// discover reads what is there. It changes nothing. An error means that the pool cannot be read.
	discover(ctx context.Context) (*livePool, error)
	// preflight looks for what speaks against the night, prog being nil where only the pool is looked at, and run the id
	// of the run to come. It changes nothing. installers holds the SHA-256 of each installer that is the same everywhere.
	preflight(ctx context.Context, live *livePool, prog *interp.Program, run string) (all []finding, installers map[string]string)
	// mark leaves the mark of a run with a heartbeat on every front end of the pool and of its pair. It fails where
	// another run's mark lives there. release takes it away again; tell is for servers that could not be marked, lost for
	// a mark in whose place somebody else's is found.
	mark(ctx context.Context, run string, tell, lost func(string)) (release func(), err error)
	// world carries out the effects of a run.
	world(o worldOptions) (liveWorld, error)
	close()
}

// liveWorld is a World on the clock of the wall, or on one that a rehearsal runs faster.
type liveWorld interface {
	interp.World
	Now() time.Duration    // since the start of the run
	Seen() map[int8]string // what is waited for has been seen to be, by server
	Close()
}

type worldOptions struct {
	prog    *interp.Program
	run     string
	folder  string        // of the run, for what has to be known again after lrun was killed
	begun   bool          // something is in its journal
	from    time.Duration // the run's time now
	render  func(t *interp.Text, server int8) string
	console *console
	notify  *notifier

	installers map[string]string // path and SHA-256 of those that preflight saw everywhere; of others any is run
}

// livePool is what discover found.
type livePool struct {
	topology    *pool.Pool // the pool file with the live domains and servers; nil where these cannot be gone by
	unusable    error      // why
	differences []string   // between the file and the live topology, in words
	facts       []string   // versions, services, where the users are, in words
	servers     []liveServer
	state       interp.PoolState
	found       any // the site's own
}

// liveServer is a server as it was found.
type liveServer struct {
	name            string
	answers, active bool
	why             string // it does not answer
}

// against tells how the live pool differs from what a run's journal says of it.
func (l *livePool) against(prog *interp.Program, m *interp.Machine) []string {
	var list []string
	for _, v := range l.servers {
		i, ok := prog.Pool.Server(v.name)
		down := ok && m.Down().Has(i)
		switch {
		case !ok:
		case !v.answers:
			list = append(list, v.name+" does not answer: "+oneLine(v.why))
		case down && v.active:
			list = append(list, v.name+": the run took it out of service, and it is in service")
		case !down && !v.active:
			list = append(list, v.name+": the run has it in service, and it is not")
		}
	}
	if over := l.state == interp.FailedOver; l.state != interp.StateUnread && over != m.FailedOver() {
		list = append(list, "the state of the pool is "+l.state.String()+", which is not the run's doing")
	}
	return list
}

// grade is how much a finding weighs.
type grade uint8

const (
	fine grade = iota
	warning
	against // the night must not begin
)

var grades = [...]string{fine: "ok", warning: "warning", against: "failed"}

// finding is one thing that preflight looked at.
type finding struct {
	grade grade
	where string // a server, or "" for the pool
	what  string // "readiness", "installer", …
	text  string
}

// timeScale is how many seconds of the run pass in one second of the wall.
func timeScale(p *pool.Pool) int {
	if p.Rehearsal == nil {
		return 1
	}
	return max(p.Rehearsal.TimeScale, 1)
}
