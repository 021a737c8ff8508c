package runstore

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/lrun/lrun/interp"
)

// Claim is the right to work on a pool before there is a run: while its servers are looked at and the operator is asked,
// nobody else may begin. It ends by Create, which hands it to the run, or by Close, which leaves nothing behind.
type Claim struct {
	store        *Store
	pool, backup string
	lock         *poolLock
}

// Claim takes a pool, and its paired pool where backup is not "". The errors are those of [Store.Create].
func (s *Store) Claim(pool, backup string) (*Claim, error) {
	l, err := s.lock(pool, backup, "")
	if err != nil {
		return nil, err
	}
	c := &Claim{store: s, pool: pool, backup: backup, lock: l}
	if err := s.Unfinished(pool); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Create begins a run of the claimed pool, which holds the lock from now on. After an error the claim holds it still.
func (c *Claim) Create(prog *interp.Program, args interp.Args, set map[string]string, poolFile string) (*Run, error) {
	r, err := c.store.newRun(prog, args, set, poolFile)
	if err != nil {
		return nil, err
	}
	if err = c.store.writeHolder(c.pool, c.backup, r.ID); err == nil {
		err = r.begin()
	}
	if err != nil {
		r.discard()
		return nil, err
	}
	r.lock, c.lock = c.lock, nil
	return r, nil
}

// Close lets go of the pool, unless a run has it by now.
func (c *Claim) Close() {
	if c.lock != nil {
		c.lock.release()
		c.lock = nil
	}
}

// writeHolder puts on record who holds the lock of a pool and of its paired pool.
func (s *Store) writeHolder(pool, backup, run string) error {
	text, err := json.Marshal(Holder{Run: run, By: s.by, PID: s.pid, Since: s.now().Truncate(time.Second)})
	for _, name := range []string{pool, backup} {
		if name != "" && err == nil {
			err = writeWhole(s.fs, s.locks(), s.lockPath(name, "holder"), append(text, '\n'))
		}
	}
	if err != nil {
		return s.cannotWrite(err)
	}
	return nil
}

// newRun makes the folder of a run, and its header.
func (s *Store) newRun(prog *interp.Program, args interp.Args, set map[string]string, poolFile string) (*Run, error) {
	started := s.now()
	id, err := s.makeFolder(started.Format("20060102-1504")+"-"+label(prog.Pool.Name)+"-", started.UnixNano())
	if err != nil {
		return nil, s.cannotWrite(err)
	}
	r := &Run{ID: id, Program: prog, store: s}
	r.Header = interp.NewHeader(prog, args, set, poolFile)
	r.Header.Run, r.Header.By, r.Header.Lrun, r.Header.Started = id, s.by, s.version, started
	return r, nil
}

// discard takes back a run that never began.
func (r *Run) discard() {
	_ = r.Close()
	_ = r.store.fs.Remove(r.store.journal(r.ID))
	_ = r.store.fs.Remove(filepath.Join(r.store.dir, r.ID))
}

// Folder is where the run's journal lies, for what else belongs to the run.
func (r *Run) Folder() string { return filepath.Join(r.store.dir, r.ID) }

// Follows reports, as an error, the first record that another program would not write again in what is done already.
func (r *Run) Follows(prog *interp.Program) error {
	j, err := r.store.read(r.ID)
	if err != nil {
		return err
	}
	_, _, err = j.Replay(prog, nil)
	return err
}

// Journal reads and verifies the journal of a run, without disturbing whoever works on it.
func (s *Store) Journal(id string) (*interp.Journal, error) { return s.read(id) }
