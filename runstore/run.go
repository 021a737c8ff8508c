package runstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/lrun/lrun/interp"
)

// Run is a run that this process works on: it holds the lock of its pool until it is closed. It is the [interp.Sink] of
// its own journal.
type Run struct {
	ID      string
	Header  interp.Header
	Program *interp.Program
	Machine *interp.Machine
	Journal *interp.JournalWriter
	Torn    string // what a crash had left of a last line, in words

	store  *Store
	lock   *poolLock
	f      file
	size   int64 // bytes of the journal that are durable
	broken error
}

// Create begins a run: it takes the pool's lock and makes the run's folder and journal. The error is a [*BusyError] where
// another process works on the pool or its pair, an [*UnfinishedError] where an earlier run of the pool can be resumed;
// nothing is left behind then.
func (s *Store) Create(prog *interp.Program, args interp.Args, set map[string]string, poolFile string) (*Run, error) {
	id, err := s.makeID(prog.Pool.Name, s.now())
	if err != nil {
		return nil, err
	}
	r := s.newRun(id, prog, args, set, poolFile)
	if err := r.create(); err != nil {
		r.discard()
		return nil, err
	}
	return r, nil
}

// create begins a run under a lock of its own.
func (r *Run) create() error {
	s := r.store
	var err error
	if r.lock, err = s.lock(r.Header.Pool, r.Header.Backup, r.ID); err != nil {
		return err
	}
	if err := s.Unfinished(r.Header.Pool); err != nil {
		return err
	}
	return r.begin()
}

// begin makes the journal. The lock is held.
func (r *Run) begin() error {
	s := r.store
	line, err := r.Header.Line()
	if err != nil {
		return err
	}
	if err := writeWhole(s.fs, filepath.Join(s.dir, r.ID), s.journal(r.ID), line); err != nil {
		return s.cannotWrite(err)
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return s.cannotWrite(err)
	}
	if r.f, err = s.fs.OpenWrite(s.journal(r.ID)); err != nil {
		return s.cannotWrite(err)
	}
	r.size = int64(len(line))
	r.Machine = interp.New(r.Program, r.Header.Args())
	r.Journal, err = interp.NewJournalWriter(line, r)
	return err
}

// makeFolder makes a folder of its own for a run. The last three letters of its name come from the time and the process,
// so that two that begin in the same minute differ.
func (s *Store) makeFolder(prefix string, nanos int64) (string, error) {
	for attempt := range 100 {
		sum := sha256.Sum256([]byte(strconv.FormatInt(nanos, 10) + " " + strconv.Itoa(s.pid) + " " + strconv.Itoa(attempt)))
		id := prefix + hex.EncodeToString(sum[:2])[:3]
		err := s.fs.Mkdir(filepath.Join(s.dir, id))
		if !errors.Is(err, fs.ErrExist) {
			return id, err
		}
	}
	return "", errors.New("a hundred runs began in this minute")
}

// Resume takes up a run that is not finished, under the lock of its pool: the journal is read, verified and followed, and
// a torn tail cut off. Nothing is appended before [Run.GoOn]. A finished run can be taken up as well, to tell its end.
func (s *Store) Resume(id string) (*Run, error) {
	j, err := s.read(id)
	if err != nil {
		return nil, err
	}
	r := &Run{ID: id, store: s}
	if r.lock, err = s.lock(j.Header.Pool, j.Header.Backup, id); err != nil {
		return nil, err
	}
	if err := r.resume(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Run) resume() error {
	s := r.store
	j, err := s.read(r.ID) // again: it may have grown before the lock was ours
	if err != nil {
		return err
	}
	if a := j.Abandoned; a != nil {
		return fmt.Errorf("run %s was abandoned by %s on %s", r.ID, a.By, a.At.Format("2006-01-02 15:04"))
	}
	if r.Program, err = j.Header.Program(); err != nil {
		return fmt.Errorf("%s: %w", s.journal(r.ID), err)
	}
	if r.Machine, r.Journal, err = j.Replay(r.Program, r); err != nil {
		return err
	}
	r.Header, r.Torn = j.Header, j.Torn
	return r.open(j)
}

// open opens the journal for more, and cuts off what is torn.
func (r *Run) open(j *interp.Journal) error {
	f, err := r.store.fs.OpenWrite(r.store.journal(r.ID))
	if err != nil {
		return r.store.cannotWrite(err)
	}
	r.f, r.size = f, j.Whole
	if j.Torn == "" {
		return nil
	}
	if err = f.Truncate(r.size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return r.store.cannotWrite(err)
	}
	return nil
}

// Line is a command about the run as a person types it.
func (r *Run) Line(command string) string { return r.store.Line(command, r.ID) }

// GoOn puts on record who goes on with a resumed run, and forgets a request to pause that was for the last one.
func (r *Run) GoOn() error {
	if err := r.store.fs.Remove(r.store.pausePath(r.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.store.cannotWrite(err)
	}
	return r.Journal.Session(r.store.session())
}

// Amend goes on with another runbook, where it does the same in what is done already. The error tells the first record
// that it would not write again.
func (r *Run) Amend(prog *interp.Program, set map[string]string) error {
	j, err := r.store.read(r.ID)
	if err != nil {
		return err
	}
	m, w, err := j.Replay(prog, r)
	if err != nil {
		return fmt.Errorf("the changed runbook differs in what is done already: %w", err)
	}
	if err := w.Amend(r.store.session(), prog, set); err != nil {
		return err
	}
	w.Seen = r.Journal.Seen
	r.Program, r.Machine, r.Journal = prog, m, w
	return nil
}

// Append makes lines durable. It is for the run's [interp.JournalWriter]. After an error nothing more is taken, and what
// the disk may have kept of the lines is cut off again as well as it goes: nothing was done that they tell.
func (r *Run) Append(lines []byte) error {
	if r.broken != nil {
		return r.broken
	}
	_, err := r.f.WriteAt(lines, r.size)
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		r.broken = fmt.Errorf("%s: %w", r.store.journal(r.ID), err)
		if r.f.Truncate(r.size) == nil {
			_ = r.f.Sync()
		}
		return r.broken
	}
	r.size += int64(len(lines))
	return nil
}

// Close lets go of the run. It may be called more than once.
func (r *Run) Close() error {
	var err error
	if r.f != nil {
		err = r.f.Close()
		r.f = nil
	}
	if r.broken == nil {
		r.broken = fmt.Errorf("%s: the run is closed", r.store.journal(r.ID))
	}
	if r.lock != nil {
		r.lock.release()
		r.lock = nil
	}
	return err
}

func (s *Store) session() interp.Session {
	return interp.Session{By: s.by, At: s.now(), Lrun: s.version}
}

// Abandon ends a run on the record, without going on with it. A run whose journal cannot be read is marked beside it.
func (s *Store) Abandon(id string) error {
	j, err := s.read(id)
	if err != nil {
		var damage *interp.JournalError
		if !errors.As(err, &damage) {
			return err
		}
		return s.abandonDamaged(id, damage)
	}
	r := &Run{ID: id, store: s}
	defer func() { _ = r.Close() }()
	if r.lock, err = s.lock(j.Header.Pool, j.Header.Backup, id); err != nil {
		return err
	}
	if j, err = s.read(id); err != nil {
		return err
	}
	if st := s.stateUnlocked(j); st == Abandoned || st == completed {
		return fmt.Errorf("run %s is %s: there is nothing to abandon", id, st)
	}
	if err := r.open(j); err != nil {
		return err
	}
	return j.Writer(r).Abandon(s.session())
}

func (s *Store) abandonDamaged(id string, damage error) error {
	if h, ok := s.firstLine(id); ok { // the pool is known: nobody may be at work on it
		l, err := s.lock(h.Pool, h.Backup, id)
		if err != nil {
			return err
		}
		defer l.release()
	}
	text, err := json.Marshal(struct {
		interp.Session
		Why string `json:"why"`
	}{interp.Session{Event: "abandon", By: s.by, At: s.now(), Lrun: s.version}, damage.Error()})
	if err != nil {
		return err
	}
	if err := writeWhole(s.fs, filepath.Join(s.dir, id), s.abandonedPath(id), append(text, '\n')); err != nil {
		return s.cannotWrite(err)
	}
	return nil
}

// firstLine reads the header of a journal of which the rest may be damaged.
func (s *Store) firstLine(id string) (interp.Header, bool) {
	data, err := s.fs.ReadFile(s.journal(id))
	if err != nil {
		return interp.Header{}, false
	}
	line := data[:bytes.IndexByte(data, '\n')+1]
	j, err := interp.DecodeJournal(s.journal(id), line)
	if err != nil {
		return interp.Header{}, false
	}
	return j.Header, true
}

func (s *Store) abandonedPath(id string) string { return filepath.Join(s.dir, id, "abandoned") }
