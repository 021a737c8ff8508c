package runstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
)

// Store is a state folder.
type Store struct {
	dir      string
	fs       fileSystem
	now      func() time.Time
	by       string
	version  string
	named    bool
	pid      int
	patience time.Duration // how long a lock that is held is tried again
}

// Options of a store. By and Version go on record.
type Options struct {
	By      string           // user@host
	Version string           // of lrun
	Now     func() time.Time // nil: time.Now
	Named   bool             // the folder was named to this command, and another one does not find it by itself
}

// Open opens a state folder, and makes it where there is none.
func Open(dir string, o Options) (*Store, error) { return open(dir, o, osFiles{}) }

func open(dir string, o Options, files fileSystem) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, fs: files, now: o.Now, by: o.By, version: o.Version, named: o.Named, pid: os.Getpid(), patience: 300 * time.Millisecond}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.makeDirs(); err != nil {
		return nil, s.cannotWrite(err)
	}
	return s, nil
}

// makeDirs makes the state folder, durably: a power cut must not take a folder away under a journal that is on the disk.
func (s *Store) makeDirs() error {
	var parents []string // of the folders that are not there yet
	for d := s.locks(); d != filepath.Dir(d); d = filepath.Dir(d) {
		if _, err := s.fs.ReadDir(d); err == nil {
			break
		}
		parents = append(parents, filepath.Dir(d))
	}
	if err := s.fs.MkdirAll(s.locks()); err != nil {
		return err
	}
	for _, d := range parents {
		if err := s.fs.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// Dir is the state folder's path.
func (s *Store) Dir() string { return s.dir }

func (s *Store) cannotWrite(err error) error {
	return fmt.Errorf("the state folder %s cannot be written: %w; another one can be named with --state or LRUN_STATE", s.dir, err)
}

func (s *Store) journal(id string) string { return filepath.Join(s.dir, id, "journal.jsonl") }

// State is where a run stands, in a word.
type State string

// The states beside the endings of a run: completed, failed, aborted, in-doubt, paused, window-closed, interrupted.
const (
	Running   State = "running"    // a process works on it
	BrokenOff State = "broken-off" // it has no end, and no process works on it: killed, or the machine was
	NotBegun  State = "not-begun"  // its journal has no record yet
	Abandoned State = "abandoned"
	Damaged   State = "damaged" // its journal cannot be read
	completed State = "completed"
)

// Finished reports whether nothing is left to resume, so that another run of the pool may begin.
func (s State) Finished() bool { return s == completed || s == Abandoned || s == NotBegun }

// Summary is one run in a list.
type Summary struct {
	ID      string    `json:"run"`
	Pool    string    `json:"pool"`
	Runbook string    `json:"runbook"`
	Started time.Time `json:"started"`
	By      string    `json:"by"`
	State   State     `json:"state"`
	Err     error     `json:"-"` // why it is damaged
}

// List tells of all runs, the oldest first. A run whose journal cannot be read is in it, as damaged.
func (s *Store) List() ([]Summary, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	all := make([]Summary, 0, len(ids))
	for _, id := range ids {
		all = append(all, s.summary(id))
	}
	slices.SortStableFunc(all, func(a, b Summary) int {
		if a.Started.IsZero() || b.Started.IsZero() {
			return strings.Compare(a.ID, b.ID)
		}
		return a.Started.Compare(b.Started)
	})
	return all, nil
}

// runID is what the folder of a run is called.
var runID = regexp.MustCompile(`^\d{8}-\d{4}-[a-z0-9_.-]+-[0-9a-f]{3}$`)

// ids lists the folders that hold a journal.
func (s *Store) ids() ([]string, error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("the state folder %s cannot be read: %w", s.dir, err)
	}
	var ids []string
	for _, n := range names {
		if runID.MatchString(n) {
			ids = append(ids, n)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (s *Store) summary(id string) Summary {
	sum := Summary{ID: id}
	j, err := s.read(id)
	if errors.Is(err, fs.ErrNotExist) {
		sum.State = NotBegun // lrun was killed before the journal had its name
		return sum
	}
	if err != nil {
		sum.State, sum.Err = Damaged, err
		if _, gone := s.fs.ReadFile(s.abandonedPath(id)); gone == nil {
			sum.State = Abandoned
		}
		return sum
	}
	sum.Pool, sum.Runbook, sum.Started, sum.By = j.Header.Pool, j.Header.Runbook.Name, j.Header.Started, j.Header.By
	sum.State = s.state(id, j)
	return sum
}

func (s *Store) state(id string, j *interp.Journal) State {
	if j.Abandoned != nil {
		return Abandoned
	}
	if h, held := s.heldBy(j.Header.Pool); held && h.Run == id {
		return Running
	}
	if outcome, ok := j.Finished(); ok {
		return State(outcome)
	}
	if j.Records() == 0 {
		return NotBegun
	}
	return BrokenOff
}

// read reads and verifies a journal.
func (s *Store) read(id string) (*interp.Journal, error) {
	data, err := s.fs.ReadFile(s.journal(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run %s has no journal, it never began: %w", id, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the journal of run %s cannot be read: %w", id, err)
	}
	j, err := interp.DecodeJournal(s.journal(id), data)
	if err != nil {
		return nil, err
	}
	if j.Header.Run != id {
		return nil, &interp.JournalError{File: s.journal(id), Line: 1, What: fmt.Sprintf("the journal of run %s lies in the folder of run %s", j.Header.Run, id)}
	}
	return j, nil
}

// Find gives the id of a run by its id, a beginning of it that no other run shares, or "" or "latest".
func (s *Store) Find(ref string) (string, error) {
	all, err := s.List()
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", fmt.Errorf("there are no runs in %s", s.dir)
	}
	if ref == "" || ref == "latest" {
		return all[len(all)-1].ID, nil
	}
	var found []string
	for _, r := range all {
		if r.ID == ref {
			return ref, nil
		}
		if strings.HasPrefix(r.ID, ref) {
			found = append(found, r.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no run %q in %s", ref, s.dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q is the beginning of %d runs: %s", ref, len(found), strings.Join(found, ", "))
}

// Line is a command about a run as a person types it.
func (s *Store) Line(command, id string) string {
	line := "lrun " + command + " " + id
	switch {
	case !s.named:
		return line
	case strings.ContainsAny(s.dir, " \t"):
		return line + ` --state "` + s.dir + `"`
	}
	return line + " --state " + s.dir
}

// UnfinishedError means that a run of the pool can still be resumed, or that nobody can tell.
type UnfinishedError struct {
	Run    Summary
	resume string // the command that goes on with it
}

func (e *UnfinishedError) Error() string {
	if e.Run.State == Damaged {
		return fmt.Sprintf("run %s may be unfinished, its journal cannot be read: %v; `%s --abandon` gives it up", e.Run.ID, e.Run.Err, e.resume)
	}
	return fmt.Sprintf("run %s of %s is unfinished (%s): `%s` goes on with it, `--abandon` gives it up", e.Run.ID, e.Run.Pool, e.Run.State, e.resume)
}

// Unfinished finds a run of the pool that is not finished. The error is an [*UnfinishedError]; a damaged journal counts
// where its folder's name speaks of this pool.
func (s *Store) Unfinished(pool string) error {
	all, err := s.List()
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(all) {
		if r.State.Finished() {
			continue
		}
		if r.Pool == pool || r.Pool == "" && strings.HasPrefix(r.ID[14:], label(pool)+"-") {
			return &UnfinishedError{r, s.Line("resume", r.ID)}
		}
	}
	return nil
}

// label is the first label of a pool's name, as it stands in the ids of its runs.
func label(pool string) string {
	l, _, _ := strings.Cut(fileName(pool), ".")
	return l
}
