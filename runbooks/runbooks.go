// Package runbooks holds the runbooks, example pools, scenarios and tests that ship with lrun. Any package may import it; it
// imports nothing of ours. What it holds is checked by its tests: every runbook is in canonical form and passes the
// strict check on the pools it is written for.
package runbooks

import (
	"embed"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// FS holds the files as they lie in the folder: *.lrun, pools/*.pool.yaml, scenarios/*.scenario.yaml, tests/*.test.yaml.
//
//go:embed *.lrun pools/*.pool.yaml scenarios/*.scenario.yaml tests/*.test.yaml
var FS embed.FS

// Kind says what a file is.
type Kind string

// The kinds.
const (
	Runbook  Kind = "runbook"
	Pool     Kind = "pool"
	Scenario Kind = "scenario"
	Test     Kind = "test"
)

// File is a shipped file.
type File struct {
	Kind  Kind
	Name  string // without the ending: lync2013-cu
	File  string // with it: lync2013-cu.lrun
	Path  string // in FS
	About string // the first sentence of its opening comment
	Text  []byte
}

// Files lists what is shipped: runbooks, then pools, then scenarios, then tests, each by name.
var Files = sync.OnceValue(func() []File {
	var all []File
	for _, k := range []struct {
		kind         Kind
		glob, ending string
	}{
		{Runbook, "*.lrun", ".lrun"},
		{Pool, "pools/*.pool.yaml", ".pool.yaml"},
		{Scenario, "scenarios/*.scenario.yaml", ".scenario.yaml"},
		{Test, "tests/*.test.yaml", ".test.yaml"},
	} {
		paths, err := fs.Glob(FS, k.glob)
		if err != nil {
			panic(err) // the pattern is a constant
		}
		for _, p := range paths {
			text, err := FS.ReadFile(p)
			if err != nil {
				panic(err) // it is in the binary
			}
			file := path.Base(p)
			all = append(all, File{
				Kind: k.kind, Name: strings.TrimSuffix(file, k.ending), File: file, Path: p, About: about(string(text)), Text: text,
			})
		}
	}
	return all
})

// about is the first sentence of the comment that a file opens with.
func about(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		words = append(words, strings.Fields(rest)...)
	}
	for i, w := range words {
		if strings.HasSuffix(w, ".") || strings.HasSuffix(w, ":") {
			words = words[:i+1]
			break
		}
	}
	return strings.TrimRight(strings.Join(words, " "), ".:")
}
