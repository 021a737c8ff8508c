package runstore

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Holder tells who works on a pool.
type Holder struct {
	Run   string    `json:"run,omitempty"`
	By    string    `json:"by"` // user@host
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.By == "" {
		return "another lrun"
	}
	text := fmt.Sprintf("%s (process %d) since %s", h.By, h.PID, h.Since.Format("2006-01-02 15:04"))
	if h.Run != "" {
		text = "run " + h.Run + " by " + text
	}
	return text
}

// BusyError means that another process works on the pool, or on its paired pool.
type BusyError struct {
	Pool   string
	Paired bool // Pool is the paired one
	Holder Holder
}

func (e *BusyError) Error() string {
	if e.Paired {
		return fmt.Sprintf("the paired pool %s is being worked on: %s; both of a pair are never worked on at once", e.Pool, e.Holder)
	}
	return fmt.Sprintf("%s is being worked on: %s", e.Pool, e.Holder)
}

// poolLock is the right to work on a pool. The operating system takes it back when the process ends, however it ends.
type poolLock struct{ locks []*flock.Flock }

// retryLock is how often a lock that is held is tried again; see [Store.lock].
const retryLock = 20 * time.Millisecond

// lock takes the pool and its paired pool, or tells who holds them. One who only asks whether a lock is held holds it
// for that moment, so a held lock is tried again for a short while.
func (s *Store) lock(pool, backup, run string) (*poolLock, error) {
	l := &poolLock{}
	for _, name := range []string{pool, backup} {
		if name == "" {
			continue
		}
		f := flock.New(s.lockPath(name, "lock"), flock.SetPermissions(fileMode))
		ok, err := f.TryLock()
		for waited := time.Duration(0); !ok && err == nil && waited < s.patience; waited += retryLock {
			time.Sleep(retryLock)
			ok, err = f.TryLock()
		}
		if err != nil {
			l.release()
			return nil, fmt.Errorf("the lock of %s cannot be taken: %w", name, err)
		}
		if !ok {
			h := s.holder(name)
			l.release()
			return nil, &BusyError{Pool: name, Paired: name != pool, Holder: h}
		}
		l.locks = append(l.locks, f)
	}
	text, err := json.Marshal(Holder{Run: run, By: s.by, PID: s.pid, Since: s.now().Truncate(time.Second)})
	for _, name := range []string{pool, backup} {
		if name != "" && err == nil {
			err = writeWhole(s.fs, s.locks(), s.lockPath(name, "holder"), append(text, '\n'))
		}
	}
	if err != nil {
		l.release()
		return nil, s.cannotWrite(err)
	}
	return l, nil
}

func (l *poolLock) release() {
	for _, f := range l.locks {
		_ = f.Unlock() // the file stays: removing it would let two hold "the" lock
	}
	l.locks = nil
}

// holder reads who holds a lock, as far as that can be read.
func (s *Store) holder(pool string) Holder {
	var h Holder
	data, err := s.fs.ReadFile(s.lockPath(pool, "holder"))
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}

// heldBy tells whether some process works on the pool now, and who.
func (s *Store) heldBy(pool string) (Holder, bool) {
	f := flock.New(s.lockPath(pool, "lock"), flock.SetPermissions(fileMode))
	ok, err := f.TryRLock()
	if ok {
		_ = f.Unlock()
		return Holder{}, false
	}
	if err != nil {
		return Holder{}, false
	}
	return s.holder(pool), true
}

func (s *Store) locks() string { return filepath.Join(s.dir, ".locks") }

func (s *Store) lockPath(pool, ext string) string {
	return filepath.Join(s.locks(), fileName(pool)+"."+ext)
}

// fileName makes a pool's name one that every file system takes.
func fileName(name string) string {
	out := []byte(name)
	for i, c := range out {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.':
		case c >= 'A' && c <= 'Z':
			out[i] = c + 'a' - 'A'
		default:
			out[i] = '_'
		}
	}
	return string(out)
}
