package runstore

import (
	"bytes"
	"testing"
)

// BenchmarkAppend is what a Step waits for before its effects are begun: one write and one flush. BenchmarkBareSync is
// the limit, the same without a journal around it.
func BenchmarkAppend(b *testing.B) {
	s := testStore(b, osFiles{})
	r := s.mustCreate(b, program(b, "contoso-2.pool.yaml"))
	line := append(bytes.Repeat([]byte("x"), 399), '\n')
	for b.Loop() {
		if err := r.Append(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareSync(b *testing.B) {
	f, err := osFiles{}.Create(b.TempDir() + "/file")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	line := append(bytes.Repeat([]byte("x"), 399), '\n')
	off := int64(0)
	for b.Loop() {
		if _, err := f.WriteAt(line, off); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		off += int64(len(line))
	}
}
