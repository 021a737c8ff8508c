package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestNobodyWaitsForAHaltedTerminal writes to a reader that takes nothing for a while: no write waits, and then all of it
// comes, in its order.
func TestNobodyWaitsForAHaltedTerminal(t *testing.T) {
	r, w := io.Pipe()
	p := newPatient(w)
	var want strings.Builder
	for i := range 1000 {
		line := strings.Repeat("x", i%80) + "\n"
		want.WriteString(line)
		if n, err := io.WriteString(p, line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := p.flush(time.Millisecond); err != nil { // nobody reads: it does not wait for ever
		t.Error(err)
	}
	got := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		got <- string(b)
	}()
	if err := p.flush(time.Minute); err != nil {
		t.Error(err)
	}
	_ = w.Close()
	if g := <-got; g != want.String() {
		t.Errorf("%d bytes came, want %d", len(g), want.Len())
	}
}

// TestAReaderThatIsGone is told by the writes that follow, and by the flush.
func TestAReaderThatIsGone(t *testing.T) {
	r, w := io.Pipe()
	p := newPatient(w)
	gone := errors.New("gone")
	_ = r.CloseWithError(gone)
	_, _ = p.Write([]byte("a"))
	if err := p.flush(time.Minute); !errors.Is(err, gone) {
		t.Errorf("flush: %v", err)
	}
	if _, err := p.Write([]byte("b")); !errors.Is(err, gone) {
		t.Errorf("write: %v", err)
	}
	if err := p.flush(time.Minute); !errors.Is(err, gone) {
		t.Errorf("flush: %v", err)
	}
}

// TestMuchThatNobodyReads is bounded.
func TestMuchThatNobodyReads(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	p := newPatient(w)
	block := bytes.Repeat([]byte("x"), 1<<20)
	var err error
	for range 2 * mostWaiting >> 20 {
		if _, err = p.Write(block); err != nil {
			break
		}
	}
	if !errors.Is(err, errUnread) {
		t.Errorf("%v", err)
	}
}
