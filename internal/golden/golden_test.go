package golden

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteThenCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "file.txt")
	Write(t, path, []byte("one\n"))
	Check(t, path, []byte("one\n"))
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "one\n" {
		t.Errorf("ReadFile = %q, %v", got, err)
	}
}

// recorder is a testing.TB that only remembers that it was failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheckSeesADifference(t *testing.T) {
	if Update() {
		t.Skip("-update rewrites instead of comparing")
	}
	path := filepath.Join(t.TempDir(), "file.txt")
	Write(t, path, []byte("one\r\n"))
	same, other := &recorder{TB: t}, &recorder{TB: t}
	Check(same, path, []byte("one\n"))
	Check(other, path, []byte("two\n"))
	if same.failed || !other.failed {
		t.Errorf("same.failed = %v, other.failed = %v; want false, true", same.failed, other.failed)
	}
}

func TestArchiveRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txtar")
	text := "why\n-- in --\none\n\ntwo\n-- out --\n"
	Write(t, path, []byte(text))
	a := ReadArchive(t, path)
	if got := string(a.Get("in")); got != "one\n\ntwo\n" {
		t.Errorf("in = %q", got)
	}
	if a.Get("none") != nil {
		t.Error("a section that is not there has a text")
	}
	if got := string(a.Format()); got != text {
		t.Errorf("Format() = %q, want %q", got, text)
	}
	a.Set("out", []byte("end"))
	a.Set("more", []byte("x\n"))
	if got, want := string(a.Format()), text+"end\n-- more --\nx\n"; got != want {
		t.Errorf("Format() = %q, want %q", got, want)
	}
}
