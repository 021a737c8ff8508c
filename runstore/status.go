package runstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/lrun/lrun/interp"
)

// Status is where a run stands, read without disturbing whoever works on it.
type Status struct {
	ID       string
	State    State
	Holder   Holder // where it is running
	Header   interp.Header
	Sessions []interp.Session
	Ended    *interp.Session // where it is abandoned
	Program  *interp.Program
	Machine  *interp.Machine // as its last record left it
	Torn     string
}

// Status reads and follows a run's journal.
func (s *Store) Status(id string) (*Status, error) {
	j, err := s.read(id)
	if err != nil {
		return nil, err
	}
	st := &Status{ID: id, Header: j.Header, Sessions: j.Sessions, Ended: j.Abandoned, State: s.state(id, j)}
	if st.State == Running {
		st.Holder, _ = s.heldBy(j.Header.Pool)
	} else {
		st.Torn = j.Torn // of a running one the last line is only on its way
	}
	if st.Program, err = j.Header.Program(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.journal(id), err)
	}
	st.Machine, _, err = j.Replay(st.Program, nil)
	return st, err
}

// stateUnlocked is the state of a run whose lock is ours.
func (s *Store) stateUnlocked(j *interp.Journal) State {
	if j.Abandoned != nil {
		return Abandoned
	}
	if outcome, ok := j.Finished(); ok {
		return State(outcome)
	}
	return BrokenOff
}

// RequestPause asks a running run to pause after the turn under way. The process that works on it sees
// [Run.PauseRequested].
func (s *Store) RequestPause(id string) error {
	j, err := s.read(id)
	if err != nil {
		return err
	}
	if st := s.state(id, j); st != Running {
		return fmt.Errorf("run %s is not running, it is %s", id, st)
	}
	text, err := json.Marshal(Holder{By: s.by, PID: s.pid, Since: s.now()})
	if err != nil {
		return err
	}
	if err := writeWhole(s.fs, filepath.Join(s.dir, id), s.pausePath(id), append(text, '\n')); err != nil {
		return s.cannotWrite(err)
	}
	return nil
}

// PauseRequested tells whether somebody has asked the run to pause, and who. It looks into the run's folder: call it
// every second or so, from whatever goroutine.
func (r *Run) PauseRequested() (Holder, bool) {
	var h Holder
	data, err := r.store.fs.ReadFile(r.store.pausePath(r.ID))
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return h, false
	}
	_ = json.Unmarshal(data, &h) // whoever it was, a request is a request
	return h, true
}

func (s *Store) pausePath(id string) string { return filepath.Join(s.dir, id, "pause") }
