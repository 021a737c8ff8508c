package runstore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
)

// powered is a disk in memory that forgets, when the power is cut, what was not flushed: the bytes of a file since its
// last Sync, and the names in a folder since its last SyncDir. The power is cut after so many changes.
type powered struct {
	left  int // changes until the power is cut; negative = never
	count int
	now   map[string]*node // by path
	kept  map[string]*node // what the folders would name after a power cut
}

// node is a file or a folder.
type node struct {
	dir        bool
	data, kept []byte
}

var errPower = errors.New("the power was cut")

func newPowered(left int) *powered {
	root := map[string]*node{"/": {dir: true}}
	return &powered{left: left, now: root, kept: map[string]*node{"/": root["/"]}}
}

func (p *powered) change() error {
	p.count++
	if p.left >= 0 && p.count > p.left {
		return errPower
	}
	return nil
}

// again is the disk after the power cut.
func (p *powered) again() *powered {
	after := newPowered(-1)
	for path, n := range p.kept {
		whole := true
		for d := filepath.Dir(path); d != "/"; d = filepath.Dir(d) {
			whole = whole && p.kept[d] != nil
		}
		if whole {
			fresh := &node{dir: n.dir, data: bytes.Clone(n.kept), kept: bytes.Clone(n.kept)}
			after.now[path], after.kept[path] = fresh, fresh
		}
	}
	return after
}

func notThere(op, path string) error {
	return &os.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

func (p *powered) MkdirAll(path string) error {
	for d := path; p.now[d] == nil; d = filepath.Dir(d) {
		if err := p.change(); err != nil {
			return err
		}
		p.now[d] = &node{dir: true}
	}
	return os.MkdirAll(path, dirMode) // the locks are the operating system's own
}

func (p *powered) Mkdir(path string) error {
	if p.now[path] != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
	}
	if err := p.change(); err != nil {
		return err
	}
	p.now[path] = &node{dir: true}
	return nil
}

func (p *powered) Create(path string) (file, error) {
	if err := p.change(); err != nil {
		return nil, err
	}
	p.now[path] = &node{}
	return &poweredFile{p, p.now[path]}, nil
}

func (p *powered) OpenWrite(path string) (file, error) {
	if p.now[path] == nil {
		return nil, notThere("open", path)
	}
	return &poweredFile{p, p.now[path]}, nil
}

func (p *powered) ReadFile(path string) ([]byte, error) {
	if p.now[path] == nil {
		return nil, notThere("open", path)
	}
	return bytes.Clone(p.now[path].data), nil
}

func (p *powered) ReadDir(path string) ([]string, error) {
	if p.now[path] == nil {
		return nil, notThere("open", path)
	}
	var names []string
	for name, n := range p.now {
		if n.dir && name != "/" && filepath.Dir(name) == path {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (p *powered) Rename(from, to string) error {
	if err := p.change(); err != nil {
		return err
	}
	p.now[to] = p.now[from]
	delete(p.now, from)
	return nil
}

func (p *powered) Remove(path string) error {
	if p.now[path] == nil {
		return notThere("remove", path)
	}
	if err := p.change(); err != nil {
		return err
	}
	delete(p.now, path)
	return nil
}

func (p *powered) SyncDir(path string) error {
	if err := p.change(); err != nil {
		return err
	}
	for name, n := range p.now {
		if filepath.Dir(name) == path {
			p.kept[name] = n
		}
	}
	for name := range p.kept {
		if name != "/" && filepath.Dir(name) == path && p.now[name] == nil {
			delete(p.kept, name)
		}
	}
	return nil
}

type poweredFile struct {
	p *powered
	n *node
}

func (f *poweredFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.p.change(); err != nil {
		return 0, err
	}
	f.n.data = append(f.n.data[:off:off], b...)
	return len(b), nil
}

func (f *poweredFile) Sync() error {
	if err := f.p.change(); err != nil {
		return err
	}
	f.n.kept = bytes.Clone(f.n.data)
	return nil
}

func (f *poweredFile) Truncate(size int64) error {
	if err := f.p.change(); err != nil {
		return err
	}
	f.n.data = f.n.data[:size:size]
	return nil
}

func (f *poweredFile) Close() error { return nil }

// TestPowerCut cuts the power after every change of the disk. What comes back holds a whole journal with every record
// that was taken, or, where the run had not yet begun, nothing that stands in the way of another.
func TestPowerCut(t *testing.T) {
	prog := program(t, "contoso-4.pool.yaml")
	ref := newPowered(-1)
	r := testStore(t, ref).mustCreate(t, prog)
	r.drive(t, model(t, prog), interp.Event{Kind: interp.Began})
	_ = r.Close()
	began := 0
	for left := range ref.count + 1 {
		dir := filepath.Join(t.TempDir(), "new", "state")
		disk := newPowered(left)
		s, err := open(dir, Options{By: "admin@mgmt01"}, disk)
		var r *Run
		if err == nil {
			r, err = s.Create(prog, interp.Args{}, nil, "pool.yaml")
		}
		if err != nil && !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		if err != nil {
			storeAt(t, dir, "admin@mgmt01", disk.again()).mustCreate(t, prog)
			continue
		}
		began++
		line, err := r.Header.Line()
		if err != nil {
			t.Fatal(err)
		}
		sink := &taken{Run: r}
		if r.Journal, err = interp.NewJournalWriter(line, sink); err != nil {
			t.Fatal(err)
		}
		world := model(t, prog)
		watch := &some{World: world, left: 1 << 30}
		_, err = interp.DriveJournaled(t.Context(), r.Machine, watch, r.Journal, interp.Event{Kind: interp.Began})
		if err != nil && !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		_ = r.Close()
		after := disk.again()
		want := append(line, sink.lines...)
		if got, err := after.ReadFile(s.journal(r.ID)); err != nil || !bytes.HasPrefix(got, want) {
			t.Fatalf("power cut after %d changes: %d bytes were taken, %d are left (%v)", left, len(want), len(got), err)
		}
		world.Away(0)
		on, err := storeAt(t, dir, "admin@mgmt01", after).Resume(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, done := on.Machine.Result(); !done {
			if err := on.GoOn(); err != nil {
				t.Fatal(err)
			}
			if res := on.drive(t, world, interp.Event{Kind: interp.Resumed, At: watch.at}); res.Ending != interp.Completed {
				t.Fatalf("power cut after %d changes: %+v", left, res)
			}
		}
		_ = on.Close()
	}
	if began == 0 || strings.Count(string(mustRead(t, ref)), "\n") < 50 {
		t.Errorf("only %d runs began", began)
	}
}

// mustRead is the only journal on the disk.
func mustRead(t *testing.T, p *powered) []byte {
	for path, n := range p.now {
		if strings.HasSuffix(path, "journal.jsonl") {
			return n.data
		}
	}
	t.Fatal("no journal")
	return nil
}
