package rehearsal

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Event is one thing that the servers lived through.
type Event struct {
	T        Seconds `json:"t"` // of the model, since the night began
	Event    string  `json:"event"`
	Server   string  `json:"server,omitempty"`
	Pool     string  `json:"pool,omitempty"`
	Run      string  `json:"run,omitempty"`      // marked, unmarked: whose mark
	Scheme   string  `json:"scheme,omitempty"`   // denied: how the logon was tried
	Version  string  `json:"version,omitempty"`  // installed: what is there now
	Sessions int     `json:"sessions,omitempty"` // sessions-cut: how many
	Users    int     `json:"users,omitempty"`    // quorum-lost, service-lost: how many are cut off
	Text     string  `json:"text,omitempty"`
}

// The names of events.
const (
	EventNight         = "night"      // the night begins, at t = 0; once more if it begins anew
	EventDraining      = "draining"   // a graceful stop has begun
	EventDrained       = "drained"    // its last session has ended; stopped follows
	EventStopped       = "stopped"    // the services are stopped
	EventStarting      = "starting"   // the services are asked to start
	EventStarted       = "started"    // they run, and the server is active in the pool
	EventInstalling    = "installing" // the installer runs
	EventInstalled     = "installed"  // it has ended well
	EventInstallFailed = "install-failed"
	EventInstallCut    = "install-cut" // the server went down under it
	EventDown          = "down"        // the system is down: a reboot, or a death that server-died tells
	EventBooted        = "booted"      // the system is up again
	EventFailingOver   = "failing-over"
	EventFailedOver    = "failed-over"
	EventFailingBack   = "failing-back"
	EventFailedBack    = "failed-back"
	EventDenied        = "denied"       // a wrong password, user or ticket; once for each attempt
	EventCollided      = "collided"     // something was begun on the server under an installer or a failover
	EventRead          = "read"         // the readiness was asked for; Text is the answer
	EventMarked        = "marked"       // a run has left its mark where there was none of its own
	EventUnmarked      = "unmarked"     // and has taken it away
	EventUnreachable   = "unreachable"  // the connections of the server were cut; it goes on
	EventSessionsCut   = "sessions-cut" // these and other facts of package interp keep their names
)

// Seconds are written with one decimal at least, as all times of the event stream.
type Seconds float64

// MarshalJSON writes 812 as 812.0.
func (s Seconds) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(float64(s))
	if err == nil && float64(s) == float64(int64(s)) {
		b = append(b, ".0"...)
	}
	return b, err
}

func secondsOf(d time.Duration) Seconds { return Seconds(d.Milliseconds()) / 1000 }

// log writes events, a line each, whole and at once. The first failure to write is kept and nothing follows it, so that
// what is there has no gap.
type log struct {
	mu   sync.Mutex
	to   io.Writer
	told func(Event)
	err  error
}

func (l *log) add(ev Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil && l.err == nil {
		line, err := json.Marshal(ev)
		if err == nil {
			_, err = l.to.Write(append(line, '\n'))
		}
		l.err = err
	}
	if l.told != nil {
		l.told(ev)
	}
}

func (l *log) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
