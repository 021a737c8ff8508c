package runstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// fileSystem is what the store needs of the operating system: the seam at which tests let disks fail.
type fileSystem interface {
	MkdirAll(path string) error
	Mkdir(path string) error             // fails where it exists
	Create(path string) (file, error)    // a new file, or an empty one
	OpenWrite(path string) (file, error) // a file that exists, as it is
	ReadFile(path string) ([]byte, error)
	ReadDir(path string) ([]string, error) // names of the folders in it
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(path string) error // makes the names in a folder durable
}

// file is an open file.
type file interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// The modes are for the operator alone: a pool file in a journal may hold the address of a webhook, which is a secret of
// sorts.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// maxFile bounds what is read into memory. A night of 12 servers makes some 100 KB of journal.
const maxFile = 256 << 20

type osFiles struct{}

func (osFiles) MkdirAll(path string) error { return os.MkdirAll(path, dirMode) }

func (osFiles) Mkdir(path string) error { return os.Mkdir(path, dirMode) }

func (osFiles) Create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
}

// OpenWrite does not open for appending: on Windows such a file cannot be cut back.
func (osFiles) OpenWrite(path string) (file, error) { return os.OpenFile(path, os.O_WRONLY, fileMode) }

func (osFiles) ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MB", path, maxFile>>20)
	}
	return data, err
}

func (osFiles) ReadDir(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (osFiles) Rename(from, to string) error { return os.Rename(from, to) }

func (osFiles) Remove(path string) error { return os.Remove(path) }

// SyncDir does nothing on Windows, where a folder cannot be flushed and a rename is in the file system's own journal.
func (osFiles) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// writeWhole makes a file appear whole or not at all, and durable: written under another name, flushed, renamed.
func writeWhole(fs fileSystem, dir, path string, data []byte) error {
	tmp := path + ".tmp"
	err := writeNew(fs, tmp, data)
	if err == nil {
		err = fs.Rename(tmp, path)
	}
	if err != nil {
		_ = fs.Remove(tmp) // as well as it goes; nobody reads it
		return err
	}
	return fs.SyncDir(dir)
}

func writeNew(fs fileSystem, path string, data []byte) error {
	f, err := fs.Create(path)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
