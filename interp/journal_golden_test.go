package interp_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
)

const goldenJournal = "../testdata/journal/two-servers.jsonl"

// TestJournalFile holds the format: the journal of a night that was killed once and resumed. A journal is also read by
// later versions of lrun, so a difference here is one that its users meet in the middle of a night.
func TestJournalFile(t *testing.T) {
	prog := loadProgram(t, "contoso-2.pool.yaml")
	n := newNight(t, prog, loadScenario(t, "busy-once", prog.Pool))
	n.sink.limit = 14
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err == nil {
		t.Fatal("the night was not killed")
	}
	n.sink.limit = 0
	n.goOn(t, 0)
	golden.Check(t, goldenJournal, n.sink.data)
}

func BenchmarkJournalStep(b *testing.B) {
	prog := loadProgram(b, "contoso-12.pool.yaml")
	for b.Loop() {
		n := newNight(b, prog, nil)
		if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n.sink.lines), "records/op")
		b.ReportMetric(float64(len(n.sink.data)), "bytes/op")
	}
}

// BenchmarkJournalReplay reads, verifies and follows the journal of a whole night of 12 servers.
func BenchmarkJournalReplay(b *testing.B) {
	prog := loadProgram(b, "contoso-12.pool.yaml")
	n := newNight(b, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(n.sink.data)))
	for b.Loop() {
		j, err := interp.DecodeJournal("j", n.sink.data)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := j.Replay(prog, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestJournalFileReplays brings a machine back from the file as it is checked in.
func TestJournalFileReplays(t *testing.T) {
	data, err := os.ReadFile(goldenJournal)
	if err != nil {
		t.Fatal(err)
	}
	j, err := interp.DecodeJournal("two-servers.jsonl", bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	prog, err := j.Header.Program()
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := j.Replay(prog, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, done := m.Result(); !done || r.Ending != interp.Completed || len(r.Upgraded) != 2 {
		t.Errorf("the run in the file stands %+v", r)
	}
}
