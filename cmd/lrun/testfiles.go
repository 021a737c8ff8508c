package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lrun/lrun/runbooks"
)

const testEnding = ".test.yaml"

// mostFolders bounds the search for test files: who calls it in the root of a disk has made a mistake.
const mostFolders = 10_000

// testFiles opens what tests are made of. A name that is no file may be that of a shipped one, as everywhere, but in the
// folder of the test file that has it. What was opened is noted: nothing that lrun test writes may come to lie there.
type testFiles struct {
	filer
	ships  map[string]string // where in runbooks.FS the shipped file is that a name stands for
	opened map[string]bool   // by fileKey
}

func newTestFiles(f filer) *testFiles {
	return &testFiles{filer: f, ships: map[string]string{}, opened: map[string]bool{}}
}

func (f *testFiles) Open(name string) (fs.File, error) {
	file, err := f.filer.Open(name)
	if err == nil {
		f.opened[fileKey(name)] = true
		return file, nil
	}
	if path, ok := f.ships[name]; ok && errors.Is(err, fs.ErrNotExist) {
		return runbooks.FS.Open(path)
	}
	return nil, err
}

// beside is a file that a test file in a folder names.
func (f *testFiles) beside(folder, name, kind string) string {
	if name == "" {
		return ""
	}
	path := filepath.FromSlash(strings.ReplaceAll(name, `\`, "/")) // the same on every platform
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	if path == "-" {
		path = "." + string(filepath.Separator) + path // a file, and not the standard input
	}
	if s, ok := shipped(name, kind); ok {
		f.ships[path] = s.Path
	}
	return path
}

// fileKey is what a file is known by, whichever way it is named. Upper and lower case are the same, as they are where a checkout
// may come to lie.
func fileKey(name string) string { return strings.ToLower(realPath(name)) }

// realPath is the name of a file from the root on, without links. A file that there is not has the place where it would be made.
func realPath(name string) string {
	if full, err := filepath.Abs(name); err == nil {
		name = full
	}
	rest := ""
	for at := name; ; at = filepath.Dir(at) {
		if target, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(target, rest)
		}
		if at == filepath.Dir(at) {
			return name
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// displayPath is a file's name as it is shown on every platform.
func displayPath(name string) string { return oneLine(filepath.ToSlash(name)) }

// find is the test files that are meant by the arguments, each once.
func (f *testFiles) find(ctx context.Context, e *env, args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var files []string
	seen := map[string]bool{}
	for _, name := range expand(e, args) {
		found, err := f.findIn(ctx, e, name)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			if full := realPath(file); !seen[full] {
				seen[full] = true
				files = append(files, file)
			}
		}
	}
	return files, nil
}

// findIn is a file itself, or the test files of a folder and those below it, by name. What begins with a dot is left out, but
// for what was named.
func (f *testFiles) findIn(ctx context.Context, e *env, name string) ([]string, error) {
	path := f.beside("", name, "test")
	file, err := f.Open(path)
	if err != nil {
		return nil, openError(name, "test", err)
	}
	info, err := file.Stat()
	_ = file.Close()
	switch {
	case err != nil:
		return nil, usagef("", "cannot read %s: %s", name, cause(err))
	case !info.IsDir() && !endsWith(info.Name(), testEnding):
		return nil, usagef("", "%s is no test file: its name has to end in %s", name, testEnding)
	case !info.IsDir():
		return []string{path}, nil
	}
	var files []string
	folders := []string{path}
	for i := 0; i < len(folders); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i == mostFolders {
			return nil, usagef("name a folder with fewer below it", "%s has more than %d folders", name, mostFolders)
		}
		entries, err := f.entries(folders[i])
		if err != nil && i > 0 && errors.Is(err, fs.ErrPermission) {
			e.warn(fmt.Sprintf("cannot look into %s: %s", folders[i], cause(err)))
			continue
		}
		if err != nil {
			return nil, usagef("", "cannot read %s: %s", folders[i], cause(err))
		}
		for _, entry := range entries {
			path := filepath.Join(folders[i], entry.Name())
			switch {
			case strings.HasPrefix(entry.Name(), "."): // what editors and systems leave beside a file
			case entry.IsDir():
				folders = append(folders, path)
			case endsWith(entry.Name(), testEnding) && entry.Type()&^fs.ModeSymlink == 0:
				files = append(files, path)
			}
		}
	}
	if len(files) == 0 {
		return nil, usagef("docs/files.md describes them", "there is no *%s in %s or below it", testEnding, name)
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.ToSlash(a), filepath.ToSlash(b)) })
	return files, nil
}

// entries is what lies in a folder.
func (f *testFiles) entries(folder string) ([]fs.DirEntry, error) {
	file, err := f.filer.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	d, ok := file.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: folder, Err: errors.New("not a folder")}
	}
	return d.ReadDir(-1)
}
