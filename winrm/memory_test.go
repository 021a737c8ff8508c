package winrm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What is put from many sides at once is all there, and of each side the last.
func TestMemoryFromManySides(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.jsonl")
	m, err := OpenMemory(path)
	if err != nil {
		t.Fatal(err)
	}
	const sides = 12
	key := func(side int) string { return fmt.Sprint("auto/", side) }
	var all sync.WaitGroup
	for side := range sides {
		all.Go(func() {
			for _, value := range []string{"a", "b", "a", "a", "b"} {
				if err := m.Put(key(side), value); err != nil {
					t.Error(err)
				}
				if got, _ := m.Get(key(side)); got != value {
					t.Errorf("%s was put, %s is there", value, got)
				}
			}
		})
	}
	all.Wait()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m, err = OpenMemory(path); err != nil {
		t.Fatal(err)
	}
	for side := range sides {
		if got, _ := m.Get(key(side)); got != "b" {
			t.Errorf("%s is %q", key(side), got)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.jsonl")
	m, err := OpenMemory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range [][2]string{{"job/a", "fe01"}, {"job/b", "fe02"}, {"job/a", "fe03"}} {
		if err := m.Put(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Cut anywhere, what was whole is there, and the file can be gone on with.
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := OpenMemory(path)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		a, ok := m.Get("job/a")
		want := [...]string{"", "fe01", "fe01", "fe03"}[strings.Count(string(whole[:cut]), "\n")]
		if a != want || ok != (want != "") {
			t.Errorf("cut after %d bytes: job/a is %q, want %q", cut, a, want)
		}
		if err := m.Put("job/c", "fe04"); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err = OpenMemory(path); err != nil {
			t.Fatalf("cut after %d bytes and gone on with: %v", cut, err)
		}
		if c, _ := m.Get("job/c"); c != "fe04" {
			t.Errorf("cut after %d bytes: what was put then is lost", cut)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, append([]byte("not a line\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMemory(path); err == nil || !strings.Contains(err.Error(), "memory.jsonl:1:") {
		t.Errorf("damage is not told: %v", err)
	}
}
