package interp_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lrun/lrun/interp"
)

// FuzzJournal hands the journal reader anything at all. It must not panic, and what it accepts, it must also be able to
// follow or refuse with the place.
func FuzzJournal(f *testing.F) {
	prog := loadProgram(f, "contoso-2.pool.yaml")
	n := newNight(f, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		f.Fatal(err)
	}
	short := n.sink.data[:nthLine(n.sink.data, 6)] // long seeds leave the fuzzer no time for anything but them
	f.Add(short)
	f.Add(short[:len(short)-9])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := interp.DecodeJournal("j", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "j:") {
				t.Fatalf("an error without its place: %v", err)
			}
			return
		}
		if j.Whole > int64(len(data)) || (j.Torn == "") != (j.Whole == int64(len(data))) {
			t.Fatalf("%d of %d bytes are whole, torn %q", j.Whole, len(data), j.Torn)
		}
		p, err := j.Header.Program()
		if err != nil {
			return
		}
		_, _, _ = j.Replay(p, &memory{})
	})
}

// FuzzReplay changes what the records of a journal say and seals them again, as one would who edits a journal by hand
// and knows how: the machine must refuse or follow, never panic, and a replay that succeeds must succeed again.
func FuzzReplay(f *testing.F) {
	prog := loadProgram(f, "contoso-2.pool.yaml")
	n := newNight(f, prog, nil)
	if _, err := n.drive(interp.Event{Kind: interp.Began}); err != nil {
		f.Fatal(err)
	}
	n.sink.data = n.sink.data[:nthLine(n.sink.data, 14)]
	header, rest, _ := bytes.Cut(n.sink.data, []byte("\n"))
	var bodies []byte
	for line := range bytes.Lines(rest) {
		bodies = append(append(bodies, line[:bytes.LastIndex(line, []byte(`,"sum"`))]...), '\n')
	}
	f.Add(bodies)
	f.Add(bytes.Replace(bodies, []byte(`"outcome":"done"`), []byte(`"outcome":"failed"`), 3))
	f.Add([]byte(`{"seq":1,"t":0.0,"event":"begin","ev":{"kind":"resumed","at":-3.5,"assume":{"done":["fe01.contoso.com"]},"text64":"/w=="}` + "\n"))
	f.Fuzz(func(t *testing.T, bodies []byte) {
		data, sum := append(bytes.Clone(header), '\n'), interp.SumOfLine(header)
		for body := range bytes.Lines(bodies) {
			data, sum = interp.Seal(data, sum, bytes.TrimSuffix(body, []byte("\n")))
		}
		j, err := interp.DecodeJournal("j", data)
		if err != nil {
			return
		}
		m, _, err := j.Replay(prog, &memory{})
		if err != nil {
			return
		}
		again, _, err := j.Replay(prog, &memory{})
		if err != nil || again.State() != m.State() {
			t.Fatalf("two replays differ: %v", err)
		}
		m.Servers()
	})
}

// nthLine is the offset behind the n-th line.
func nthLine(data []byte, n int) int {
	at := 0
	for range n {
		at += bytes.IndexByte(data[at:], '\n') + 1
	}
	return at
}
