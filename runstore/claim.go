package runstore

import (
	"path/filepath"
	"time"

	"github.com/lrun/lrun/interp"
)

// Claim is the right to work on a pool before there is a run: while its servers are looked at and the operator is asked,
// nobody else may begin. It ends by Create, which hands it to the run, or by Close, which leaves nothing behind.
type Claim struct {
	ID string // of the run that is to be

	store *Store
	lock  *poolLock
}

// Claim takes a pool, and its paired pool where backup is not "". The errors are those of [Store.Create].
func (s *Store) Claim(pool, backup string) (*Claim, error) {
	id, err := s.makeID(pool, s.now())
	if err != nil {
		return nil, err
	}
	c := &Claim{ID: id, store: s}
	if c.lock, err = s.lock(pool, backup, id); err == nil {
		err = s.Unfinished(pool)
	}
	if err == nil && backup != "" {
		// Its users may be on this pool, and its run may want to bring them back in the middle of ours.
		err = s.Unfinished(backup)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Create begins a run of the claimed pool, which holds the lock from now on. After an error nothing is left of the claim.
func (c *Claim) Create(prog *interp.Program, args interp.Args, set map[string]string, poolFile string) (*Run, error) {
	r := c.store.newRun(c.ID, prog, args, set, poolFile)
	r.lock, c.lock, c.ID = c.lock, nil, ""
	if err := r.begin(); err != nil {
		r.discard()
		return nil, err
	}
	return r, nil
}

// Close lets go of the pool, unless a run has it by now.
func (c *Claim) Close() {
	if c.ID == "" {
		return
	}
	_ = c.store.fs.Remove(filepath.Join(c.store.dir, c.ID))
	if c.lock != nil {
		c.lock.release()
	}
	c.ID, c.lock = "", nil
}

// makeID makes the folder of a run, whose name is the run's id.
func (s *Store) makeID(pool string, at time.Time) (string, error) {
	id, err := s.makeFolder(at.Format("20060102-1504")+"-"+label(pool)+"-", at.UnixNano())
	if err != nil {
		return "", s.cannotWrite(err)
	}
	return id, nil
}

// newRun makes the header of a run.
func (s *Store) newRun(id string, prog *interp.Program, args interp.Args, set map[string]string, poolFile string) *Run {
	r := &Run{ID: id, Program: prog, store: s}
	r.Header = interp.NewHeader(prog, args, set, poolFile)
	r.Header.Run, r.Header.By, r.Header.Lrun, r.Header.Started = id, s.by, s.version, s.now()
	return r
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
