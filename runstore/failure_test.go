package runstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lrun/lrun/interp"
)

// failing is a file system of which the n-th change fails, and with sticky every one after it. A write that fails has
// written half, as a full disk does it.
type failing struct {
	osFiles
	at     int // 0 = none fails
	sticky bool
	done   []string // the changes so far
}

func (f *failing) fails(op, path string) error {
	f.done = append(f.done, op)
	if f.at > 0 && (len(f.done) == f.at || f.sticky && len(f.done) > f.at) {
		return &os.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
	}
	return nil
}

func (f *failing) MkdirAll(path string) error {
	if err := f.fails("mkdir", path); err != nil {
		return err
	}
	return f.osFiles.MkdirAll(path)
}

func (f *failing) Mkdir(path string) error {
	if err := f.fails("mkdir", path); err != nil {
		return err
	}
	return f.osFiles.Mkdir(path)
}

func (f *failing) Create(path string) (file, error) {
	if err := f.fails("create", path); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Create(path))
}

func (f *failing) OpenWrite(path string) (file, error) {
	if err := f.fails("open", path); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.OpenWrite(path))
}

func (f *failing) wrap(inner file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return &failingFile{inner, f}, nil
}

func (f *failing) Rename(from, to string) error {
	if err := f.fails("rename", to); err != nil {
		return err
	}
	return f.osFiles.Rename(from, to)
}

func (f *failing) Remove(path string) error {
	if err := f.fails("remove", path); err != nil {
		return err
	}
	return f.osFiles.Remove(path)
}

func (f *failing) SyncDir(path string) error {
	if err := f.fails("syncdir", path); err != nil {
		return err
	}
	return f.osFiles.SyncDir(path)
}

type failingFile struct {
	file
	fs *failing
}

func (f *failingFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.fails("write", ""); err != nil {
		n, _ := f.file.WriteAt(b[:len(b)/2], off)
		return n, err
	}
	return f.file.WriteAt(b, off)
}

func (f *failingFile) Sync() error {
	if err := f.fs.fails("sync", ""); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *failingFile) Truncate(size int64) error {
	if err := f.fs.fails("truncate", ""); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *failingFile) Close() error {
	err := f.file.Close()
	if ferr := f.fs.fails("close", ""); ferr != nil {
		return ferr
	}
	return err
}

// taken is the Sink of a run, noting what was taken and what was begun after it.
type taken struct {
	*Run
	lines []byte
}

func (s *taken) Append(lines []byte) error {
	err := s.Run.Append(lines)
	if err == nil {
		s.lines = append(s.lines, lines...)
	}
	return err
}

// TestEveryChangeFails lets every write, flush, rename and cut of a run's life fail in turn, once or for good. There is
// never half a journal; every record that was taken is in it; and with a disk that works again the night goes on to its
// end.
func TestEveryChangeFails(t *testing.T) {
	prog := program(t, "contoso-2.pool.yaml")
	count := &failing{}
	ref := testStore(t, count).mustCreate(t, prog)
	ref.drive(t, model(t, prog), interp.Event{Kind: interp.Began})
	ref.Close()
	kinds := map[string]bool{}
	for _, op := range count.done {
		kinds[op] = true
	}
	for _, op := range []string{"mkdir", "create", "write", "sync", "rename", "syncdir", "open"} {
		if !kinds[op] {
			t.Errorf("no %s is tried", op)
		}
	}
	for at := range len(count.done) {
		for _, sticky := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s sticky=%v", at+1, count.done[at], sticky), func(t *testing.T) {
				oneFails(t, prog, at+1, sticky)
			})
		}
	}
}

func oneFails(t *testing.T, prog *interp.Program, at int, sticky bool) {
	dir := t.TempDir()
	disk := &failing{at: at, sticky: sticky}
	s, err := open(dir, Options{By: "admin@mgmt01", Version: "1.0.0"}, disk)
	if err != nil {
		wantFull(t, err)
		return
	}
	r, err := s.Create(prog, interp.Args{}, nil, "pool.yaml")
	well := storeAt(t, dir, "admin@mgmt01", osFiles{})
	if err != nil {
		wantFull(t, err)
		// Nothing was begun: another run may be, whatever was left behind.
		well.mustCreate(t, prog)
		return
	}
	line, err := os.ReadFile(s.journal(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	sink := &taken{Run: r}
	r.Journal, err = interp.NewJournalWriter(line, sink)
	if err != nil {
		t.Fatal(err)
	}
	world := model(t, prog)
	watch := &some{World: world, left: 1 << 30}
	_, err = interp.DriveJournaled(t.Context(), r.Machine, watch, r.Journal, interp.Event{Kind: interp.Began})
	if err == nil {
		_ = r.Close()
		if op := disk.done[at-1]; op != "close" {
			t.Errorf("a %s failed and nobody was told", op)
		}
		wantState(t, well, r.ID, completed)
		return
	}
	wantFull(t, err)
	if !errors.Is(err, interp.ErrJournal) {
		t.Errorf("the run did not end for its journal: %v", err)
	}
	if again := r.Append([]byte("more")); again == nil {
		t.Error("a journal that failed takes more")
	}
	_ = r.Close()
	kept, err := os.ReadFile(well.journal(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if want := append(line, sink.lines...); !bytes.HasPrefix(kept, want) || !sticky && !bytes.Equal(kept, want) {
		t.Fatalf("the journal has %d bytes, %d were taken", len(kept), len(want))
	}
	world.Away(0)
	on, err := well.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	if err := on.GoOn(); err != nil {
		t.Fatal(err)
	}
	if res := on.drive(t, world, interp.Event{Kind: interp.Resumed, At: watch.at}); res.Ending != interp.Completed || len(res.Upgraded) != 2 {
		t.Fatalf("%+v", res)
	}
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("the error does not tell the cause: %v", err)
	}
}

// TestDamagedJournals puts journals where they do not belong, and breaks them.
func TestDamagedJournals(t *testing.T) {
	s := testStore(t, osFiles{})
	prog := program(t, "contoso-2.pool.yaml")
	r := s.mustCreate(t, prog)
	r.breakOff(t, model(t, prog), 6)
	elsewhere := programOf(t, "p", strings.ReplaceAll(string(prog.Pool.Source), "pool01.", "elsewhere."), runbook)
	path := s.journal(r.ID)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"edited", strings.Replace(string(good), `"pool_state":"Active"`, `"pool_state":"Inactive"`, 1), path + ":3: the checksum does not match"},
		{"another version", strings.Replace(string(good), `"format":1`, `"format":2`, 1), path + ":1: written in journal format 2 by lrun 1.0.0; this lrun reads format 1 only"},
		{"cut in its first line", string(good[:100]), path + ":1: the journal has no whole first line"},
		{"empty", "", path + ":1: the journal has no whole first line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Resume(r.ID); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("resume: %v", err)
			}
			if _, err := s.Status(r.ID); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("status: %v", err)
			}
			if _, err := s.Create(prog, interp.Args{}, nil, "p"); err == nil || !strings.Contains(err.Error(), "may be unfinished, its journal cannot be read: "+c.want) {
				t.Errorf("another run of the pool: %v", err)
			}
			wantState(t, s, r.ID, Damaged)
			if after, err := os.ReadFile(path); err != nil || string(after) != c.text {
				t.Error("the damaged journal was changed")
			}
			other := s.mustCreate(t, elsewhere)
			other.Close()
			if err := os.RemoveAll(filepath.Join(s.dir, other.ID)); err != nil {
				t.Fatal(err)
			}
			if err := s.Abandon(r.ID); err != nil {
				t.Fatal(err)
			}
			wantState(t, s, r.ID, Abandoned)
			if err := s.Unfinished(prog.Pool.Name); err != nil {
				t.Error(err)
			}
			if err := os.Remove(s.abandonedPath(r.ID)); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("in another folder", func(t *testing.T) {
		other := "20261123-2201-pool01-fff"
		if err := os.Mkdir(filepath.Join(s.dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.journal(other), good, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resume(other); err == nil || !strings.Contains(err.Error(), "the journal of run "+r.ID+" lies in the folder of run "+other) {
			t.Errorf("%v", err)
		}
	})
}

// TestTornTail cuts off what a crash left of a last line, and goes on behind what is whole.
func TestTornTail(t *testing.T) {
	s := testStore(t, osFiles{})
	prog := program(t, "contoso-4.pool.yaml")
	r := s.mustCreate(t, prog)
	world := model(t, prog)
	at := r.breakOff(t, world, 8)
	whole, err := os.ReadFile(s.journal(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{`{"seq":99,"t":12`, "\x00\x00\x00\x00", `{"seq":99}`} {
		if err := os.WriteFile(s.journal(r.ID), append(bytes.Clone(whole), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		on, err := s.Resume(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		on.Close()
		if on.Torn == "" {
			t.Errorf("nobody is told of the torn tail %q", tail)
		}
		if after, err := os.ReadFile(s.journal(r.ID)); err != nil || !bytes.Equal(after, whole) {
			t.Errorf("the torn tail %q is still there, or more is gone", tail)
		}
	}
	world.Away(0)
	on, err := s.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	if err := on.GoOn(); err != nil {
		t.Fatal(err)
	}
	if res := on.drive(t, world, interp.Event{Kind: interp.Resumed, At: at}); res.Ending != interp.Completed {
		t.Fatalf("%+v", res)
	}
}

// TestPermissions: a state folder that cannot be written is told with its path and the way out; the journal is for its
// owner alone.
func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(dir, "file"), Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot be written") || !strings.HasSuffix(err.Error(), "another one can be named with --state or LRUN_STATE") {
		t.Errorf("%v", err)
	}
	s := testStore(t, osFiles{})
	r := s.mustCreate(t, program(t, "contoso-2.pool.yaml"))
	info, err := os.Stat(s.journal(r.ID))
	if err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
