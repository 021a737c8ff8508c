package golden

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Section is a named part of an archive: the text behind its `-- name --` line.
type Section struct {
	Name string
	Data []byte
}

// Archive is a text file of sections in the txtar form: a comment, then for each section a line `-- name --` and its
// text. It keeps what a test takes in and what it must give beside each other in one file.
type Archive struct {
	Comment  []byte
	Sections []Section
}

// ReadArchive reads an archive.
func ReadArchive(t testing.TB, path string) *Archive {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := &Archive{}
	into := &a.Comment
	for line := range bytes.Lines(bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))) {
		if text := strings.TrimSpace(string(line)); strings.HasPrefix(text, "-- ") && strings.HasSuffix(text, " --") {
			a.Sections = append(a.Sections, Section{Name: strings.TrimSpace(text[3 : len(text)-3])})
			into = &a.Sections[len(a.Sections)-1].Data
			continue
		}
		*into = append(*into, line...)
	}
	return a
}

// Get gives a section's text, nil where there is none.
func (a *Archive) Get(name string) []byte {
	for _, s := range a.Sections {
		if s.Name == name {
			return s.Data
		}
	}
	return nil
}

// Set replaces a section or appends it.
func (a *Archive) Set(name string, data []byte) {
	for i := range a.Sections {
		if a.Sections[i].Name == name {
			a.Sections[i].Data = data
			return
		}
	}
	a.Sections = append(a.Sections, Section{Name: name, Data: data})
}

// Format writes the archive. A section that lacks its last line end is given one.
func (a *Archive) Format() []byte {
	var b bytes.Buffer
	b.Write(a.Comment)
	for _, s := range a.Sections {
		fmt.Fprintf(&b, "-- %s --\n", s.Name)
		b.Write(s.Data)
		if n := len(s.Data); n > 0 && s.Data[n-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
