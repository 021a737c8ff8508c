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
func NoMemory() Memory { return &fileMemory{values: map[string]string{}} }

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
	m := &fileMemory{values: map[string]string{}, f: f}
	if err := m.read(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return m, nil
}

type fileMemory struct {
	mu     sync.Mutex
	values map[string]string
	f      *os.File
	err    error // the first failure to write: what was kept of it is not known, so nothing follows
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
	if old, ok := m.values[key]; ok && old == value {
		return nil
	}
	if m.f != nil {
		line, err := json.Marshal(memoryLine{key, value})
		if err == nil {
			_, err = m.f.Write(append(line, '\n'))
		}
		if err == nil {
			err = m.f.Sync()
		}
		if err != nil {
			m.err = fmt.Errorf("the memory of the run cannot be written, nothing further is begun: %w", err)
			return m.err
		}
	}
	m.values[key] = value
	return nil
}

func (m *fileMemory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.f == nil {
		return nil
	}
	return m.f.Close()
}
