package winrm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Memory keeps what a [World] must know again after lrun was killed. Put returns once the value is durable; the last
// value of a key counts. No secret is ever put. It is safe for concurrent use.
type Memory interface {
	Get(key string) (value string, ok bool)
	Put(key, value string) error
}

// NoMemory is a Memory that forgets at the end of the process, for runs that nobody resumes.
func NoMemory() Memory { return newMemory(nil) }

// ClosableMemory is a Memory in a file.
type ClosableMemory interface {
	Memory
	io.Closer
}

// OpenMemory reads a memory from a file, or begins it: one JSON object a line, {"k": key, "v": value}. A torn last line,
// as a crash leaves it, is cut off; other damage is an error. Close lets go of the file.
func OpenMemory(path string) (ClosableMemory, error) { return openMemory(path, os.O_CREATE) }

// ReopenMemory is OpenMemory for a run that has begun: a memory that is not there is an error, for without it every job
// would be taken for one that was never begun.
func ReopenMemory(path string) (ClosableMemory, error) {
	m, err := openMemory(path, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing, without which nobody knows what is going on on the servers: put it back beside the journal, or give the run up", path)
	}
	return m, err
}

func openMemory(path string, flag int) (ClosableMemory, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|flag, 0o600)
	if err != nil {
		return nil, err
	}
	// The file's name has to survive a power cut as its lines do. Windows cannot flush a folder and does not need to.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	m := newMemory(f)
	if err := m.read(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return m, nil
}

// fileMemory flushes for all who wait at once: the first look at a pool keeps something of every server.
type fileMemory struct {
	mu       sync.Mutex
	values   map[string]string // that are durable
	f        *os.File          // nil keeps nothing beyond the process
	written  []memoryLine      // that are in the file and may not be durable
	flushed  sync.Cond         // of mu: a flush is over
	flushing bool
	puts     int   // lines that were ever written
	durable  int   // how many of them are durable
	err      error // the first failure to write: what was kept of it is not known, so nothing follows
}

func newMemory(f *os.File) *fileMemory {
	m := &fileMemory{values: map[string]string{}, f: f}
	m.flushed.L = &m.mu
	return m
}

type memoryLine struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// maxMemory bounds the file that is read.
const maxMemory = 64 << 20

func (m *fileMemory) read(path string) error {
	data, err := io.ReadAll(io.LimitReader(bufio.NewReader(m.f), maxMemory+1))
	if err != nil {
		return err
	}
	if len(data) > maxMemory {
		return fmt.Errorf("%s: more than %d bytes are no memory of a run", path, maxMemory)
	}
	whole := 0
	for no := 1; ; no++ {
		line, rest, found := bytes.Cut(data[whole:], []byte("\n"))
		if !found {
			break
		}
		var l memoryLine
		if err := json.Unmarshal(line, &l); err != nil || l.Key == "" {
			return fmt.Errorf("%s:%d: not a line of the memory of a run: it was changed by hand, or the disk damaged it", path, no)
		}
		m.values[l.Key] = l.Value
		whole = len(data) - len(rest)
	}
	if whole == len(data) {
		return nil
	}
	return m.f.Truncate(int64(whole))
}

func (m *fileMemory) Get(key string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok
}

func (m *fileMemory) Put(key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if old, ok := m.values[key]; ok && old == value && len(m.written) == 0 && !m.flushing {
		return nil
	}
	if m.f == nil {
		m.values[key] = value
		return nil
	}
	l := memoryLine{key, value}
	line, err := json.Marshal(l)
	if err == nil {
		_, err = m.f.Write(append(line, '\n'))
	}
	if err != nil {
		m.fail(err)
		return m.err
	}
	m.written = append(m.written, l)
	m.puts++
	for mine := m.puts; m.durable < mine && m.err == nil; {
		if m.flushing {
			m.flushed.Wait()
		} else {
			m.flush()
		}
	}
	return m.err
}

// flush makes durable what has been written by now. The lock is held, but for the time of the flush.
func (m *fileMemory) flush() {
	lines, upTo := m.written, m.puts
	m.written, m.flushing = nil, true
	m.mu.Unlock()
	err := m.f.Sync()
	m.mu.Lock()
	m.flushing = false
	if err != nil {
		m.fail(err)
	} else {
		m.durable = upTo
		for _, l := range lines {
			m.values[l.Key] = l.Value
		}
	}
	m.flushed.Broadcast()
}

func (m *fileMemory) fail(err error) {
	if m.err == nil {
		m.err = fmt.Errorf("the memory of the run cannot be written, nothing further is begun: %w", err)
	}
}

func (m *fileMemory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.f == nil {
		return nil
	}
	return m.f.Close()
}
