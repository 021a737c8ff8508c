package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lrun/lrun/internal/spell"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runbooks"
)

// filer reads and writes files; tests of what cannot be read hand in their own.
type filer interface {
	Open(name string) (fs.File, error)
	Write(name string, data []byte) error
	Glob(pattern string) ([]string, error)
}

type osFiles struct{}

func (osFiles) Open(name string) (fs.File, error)     { return os.Open(name) }
func (osFiles) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// Write replaces a file by rename, so that a full disk leaves the old one whole. The mode of the old one is kept.
func (osFiles) Write(name string, data []byte) (err error) {
	mode := fs.FileMode(0o666)
	if info, statErr := os.Stat(name); statErr == nil {
		mode = info.Mode().Perm()
		if target, linkErr := filepath.EvalSymlinks(name); linkErr == nil {
			name = target
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil && mode != 0o666 {
		err = os.Chmod(tmp.Name(), mode)
	} else if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	return err
}

// maxRunbook is one byte more than the language allows in a file: what is longer is refused there, in its own words,
// whatever its size on disk.
const maxRunbook = 1<<20 + 1

// writeIn writes a file, and makes its folder where there is none.
func (e *env) writeIn(name string, data []byte) error {
	if maker, ok := e.files.(folderMaker); ok {
		folder := filepath.Dir(name)
		if err := maker.MakeFolder(folder); err != nil {
			return usagef("", "cannot make the folder %s: %s", folder, cause(err))
		}
	}
	if err := e.files.Write(name, data); err != nil {
		return usagef("", "cannot write %s: %s", name, cause(err))
	}
	return nil
}

// folderMaker is a filer that can make folders.
type folderMaker interface{ MakeFolder(name string) error }

// MakeFolder makes a folder and those above it, where they are not there yet.
func (osFiles) MakeFolder(name string) error { return os.MkdirAll(name, 0o777) }

// read reads a file up to a limit. A name without a folder that is no file may be that of a shipped one.
func (e *env) read(name, kind string, limit int64) ([]byte, error) {
	f, err := e.files.Open(name)
	if err != nil {
		if f, ok := shipped(name, kind); ok && errors.Is(err, fs.ErrNotExist) {
			return f.Text, nil
		}
		return nil, openError(name, kind, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		return nil, usagef("", "cannot read %s: it is a folder, want a %s file", name, kind)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, usagef("", "cannot read %s: %s", name, cause(err))
	}
	return data, nil
}

// shipped finds a shipped file that is asked for by its bare name, with or without its ending.
func shipped(name, kind string) (runbooks.File, bool) {
	if strings.ContainsAny(name, `/\`) {
		return runbooks.File{}, false
	}
	for _, f := range runbooks.Files() {
		if string(f.Kind) == kind && (f.Name == name || f.File == name) {
			return f, true
		}
	}
	return runbooks.File{}, false
}

func openError(name, kind string, err error) error {
	hint := ""
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, `/\`) {
		hint = "lrun runbooks lists the shipped runbooks, pools, scenarios and tests"
		var names []string
		for _, f := range runbooks.Files() {
			if string(f.Kind) == kind {
				names = append(names, f.Name)
			}
		}
		if near := spell.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean the shipped %s %q?", kind, near)
		}
	}
	return usagef(hint, "cannot read the %s file %s: %s", kind, name, cause(err))
}

// cause words an error of the file system the same on every platform, without the name, which the caller says.
func cause(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}

// runbook loads a runbook with what it includes. "-" is standard input.
func (e *env) runbook(name string) (*lang.Program, lang.Diagnostics, error) {
	src, err := e.source(name)
	if err != nil {
		return nil, nil, err
	}
	p, ds := lang.Load(displayName(name), src, func(path string) ([]byte, error) {
		src, err := e.read(path, "runbook", maxRunbook)
		var usage *usageError
		if errors.As(err, &usage) {
			_, why, _ := strings.Cut(usage.msg, path+": ") // the finding names the file itself
			return nil, errors.New(why)
		}
		return src, err
	})
	return p, ds, nil
}

// source is the text of a runbook file, or of standard input.
func (e *env) source(name string) ([]byte, error) {
	if name == "-" {
		src, err := io.ReadAll(io.LimitReader(e.stdin, maxRunbook))
		if err != nil {
			return nil, usagef("", "cannot read standard input: %s", cause(err))
		}
		return src, nil
	}
	return e.read(name, "runbook", maxRunbook)
}

func displayName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// poolFile loads a pool file.
func (e *env) poolFile(name string) (*pool.Pool, error) {
	src, err := e.read(name, "pool", pool.MaxFile+1)
	if err != nil {
		return nil, err
	}
	p, err := pool.Decode(name, src)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return p, nil
}

// poolFor is the pool file of a runbook where none is named: the only one in the runbook's folder.
func (e *env) poolFor(runbook string) (string, error) {
	const hint = "name one with --pool; lrun runbooks lists shipped pools to rehearse on"
	if runbook == "-" {
		return "", usagef(hint, "which pool? a runbook from standard input has no folder to look in")
	}
	folder := filepath.Dir(runbook)
	found, err := e.files.Glob(filepath.Join(globQuote(folder), "*.pool.yaml"))
	switch {
	case err != nil || len(found) == 0:
		return "", usagef(hint, "which pool? there is no *.pool.yaml in the folder of %s", runbook)
	case len(found) > 1:
		return "", usagef(hint, "which pool? there are %d *.pool.yaml in the folder of %s", len(found), runbook)
	}
	return found[0], nil
}

// globQuote keeps the folder's own name from being read as a pattern.
func globQuote(folder string) string {
	if filepath.Separator == '\\' {
		return strings.NewReplacer("[", "?", "]", "?", "*", "?").Replace(folder)
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`).Replace(folder)
}

// facts is what the checks may know of a pool.
func facts(p *pool.Pool) lang.PoolFacts {
	return lang.PoolFacts{
		Known: true, Name: p.Name, Lync2013: p.Product == pool.Lync2013, Servers: len(p.Servers), Domains: len(p.Domains),
		Paired: p.Paired(), Installer: p.Installer != "",
	}
}

// target is what plan and simulate work on, by the flags they share.
type target struct {
	pool string
	set  []string
}

// compile loads, checks and compiles a runbook for its pool; all that is wrong with it is shown.
func (e *env) compile(runbook string, t *target) (*interp.Program, error) {
	set, err := settings(t.set)
	if err != nil {
		return nil, err
	}
	return e.compileWith(runbook, t.pool, set)
}

// compileWith is compile with parameters that are taken apart.
func (e *env) compileWith(runbook, poolName string, set map[string]string) (*interp.Program, error) {
	src, ds, err := e.runbook(runbook)
	if err != nil {
		return nil, err
	}
	if ds.HasErrors() {
		return nil, e.refuse(runbook, src, ds)
	}
	if poolName == "" {
		if poolName, err = e.poolFor(runbook); err != nil {
			return nil, err
		}
	}
	p, err := e.poolFile(poolName)
	if err != nil {
		return nil, err
	}
	if ds = lang.Check(src, facts(p)); ds.HasErrors() {
		return nil, e.refuse(runbook, src, ds)
	}
	prog, err := interp.Compile(src, p, set)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return prog, nil
}

// refuse shows the errors of a runbook that cannot be run.
func (e *env) refuse(runbook string, src *lang.Program, ds lang.Diagnostics) error {
	var errs lang.Diagnostics
	for _, d := range ds {
		if d.Severity == lang.Error {
			errs = append(errs, d)
		}
	}
	e.errorText(errs.Render(src.Sources, lang.RenderOptions{Color: e.color(e.stderr)}))
	return usagef("", "%s in %s: nothing was run", plural(len(errs), "error", "errors"), displayName(runbook))
}

// settings reads the --set flags.
func settings(list []string) (map[string]string, error) {
	set := map[string]string{}
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usagef(`as in --set version=5.0.8308.1149`, "--set %s: want NAME=VALUE", clip(s))
		}
		if _, twice := set[name]; twice {
			return nil, usagef("", "--set %s is given twice", clip(name))
		}
		set[name] = value
	}
	return set, nil
}

// scenarioFile loads a scenario for a pool; no name is a night without trouble.
func (e *env) scenarioFile(name string, p *pool.Pool) (*pool.Scenario, error) {
	if name == "" {
		return &pool.Scenario{}, nil
	}
	src, err := e.read(name, "scenario", pool.MaxFile+1)
	if err != nil {
		return nil, err
	}
	sc, err := pool.DecodeScenario(name, src, p)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return sc, nil
}

// oneRunbook is the argument of a command that takes just one.
func oneRunbook(name string, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	hint := fmt.Sprintf("lrun %s --help shows how it is used", name)
	if len(args) == 0 {
		return "", usagef(hint, "lrun %s wants a runbook", name)
	}
	return "", usagef(hint, "lrun %s takes one runbook, got %d", name, len(args))
}
