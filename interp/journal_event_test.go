package interp_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// TestEventsWithoutLoss writes and reads events that use every field at its edges.
func TestEventsWithoutLoss(t *testing.T) {
	prog := loadProgram(t, "contoso-6.pool.yaml")
	id := interp.EffectID{Epoch: 255, Turn: 255, Server: interp.Pool, PC: 65535, Try: 65535, Phase: 255}
	for _, ev := range []interp.Event{
		{},
		{Kind: interp.Ended, ID: id, At: 1, Outcome: interp.CannotTell, Bound: true, Text: "a \"quote\", a \\, a\ttab,\n\x00\x7f and ü"},
		{Kind: interp.Ended, At: 90 * time.Hour, Outcome: interp.Done, Text: "no UTF-8: \xff\xfe", Server: interp.Pool},
		{Kind: interp.Progress, At: 1234567890 * time.Nanosecond, Reading: interp.Reading{
			State: interp.Insufficient, Pool: interp.FailingBack, SQL: true, Domains: prog.Pool.All(), Running: pool.SetOf(0, 5), Pending: pool.SetOf(1), AtVersion: pool.SetOf(2, 3),
		}},
		{Kind: interp.Fact, Fact: interp.SessionsCut, Server: 0, Count: -7},
		{Kind: interp.Fact, Fact: interp.QuorumLost, Server: interp.Pool, Count: 40000},
		{Kind: interp.Fact, Fact: interp.ServerDied, Server: 5, Text: "died"},
		{Kind: interp.Resumed, At: -time.Second, Window: 500 * time.Millisecond, Assume: interp.Assume{Done: pool.SetOf(0), Redo: pool.SetOf(5), PoolDone: true, PoolRedo: true}},
		{Kind: interp.Interrupt}, {Kind: interp.Pause},
	} {
		line := prog.AppendEvent(nil, &ev)
		got, err := prog.ParseEvent(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(ev, got, cmpopts.EquateComparable(interp.EffectID{})); diff != "" {
			t.Errorf("%s (-written +read):\n%s", line, diff)
		}
	}
}

func TestEventRefused(t *testing.T) {
	prog := loadProgram(t, "contoso-6.pool.yaml")
	for src, want := range map[string]string{
		`{"kind":"jumped"}`:                                   `unknown kind "jumped"`,
		`{"kind":"ended","at":"x"}`:                           "invalid number",
		`{"kind":"ended","at":1e3}`:                           `"1e3" is no time in seconds`,
		`{"kind":"ended","at":0.0000000001}`:                  "finer than a nanosecond",
		`{"kind":"ended","id":"1.2.3"}`:                       "want six numbers",
		`{"kind":"ended","outcome":"fine"}`:                   `unknown outcome "fine"`,
		`{"kind":"ended","colour":"red"}`:                     `unknown field "colour"`,
		`{"kind":"fact","server":"fe99.contoso.com"}`:         `the pool has no server "fe99.contoso.com"`,
		`{"kind":"ended","reading":{"domains":["UD9"]}}`:      `the pool has no domain "UD9"`,
		`{"kind":"ended","reading":{"state":"Green"}}`:        `unknown state "Green"`,
		`{"kind":"resumed","assume":{"done":["elsewhere"]}}`:  `the pool has no server "elsewhere"`,
		`{"kind":"ended","at":99999999999999999999999999999}`: "is no time in seconds",
	} {
		if _, err := prog.ParseEvent([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

// TestLongTexts: what a server says is cut before it reaches the machine and the journal, between two letters.
func TestLongTexts(t *testing.T) {
	if got := interp.Clip("short"); got != "short" {
		t.Error(got)
	}
	for shift := range 4 {
		long := strings.Repeat("x", shift) + strings.Repeat("ü€", 1<<20)
		got := interp.Clip(long)
		if len(got) > 20<<10 || !utf8.ValidString(got) || !strings.HasSuffix(got, " bytes more)") {
			t.Errorf("shift %d: %d bytes, ends %q", shift, len(got), got[len(got)-30:])
		}
	}
}

// TestHeaderKeepsTheLivePool: the program that a journal gives back has the topology and pairing that the run went by,
// not those of the pool file.
func TestHeaderKeepsTheLivePool(t *testing.T) {
	prog := loadProgram(t, "contoso-6.pool.yaml")
	p := prog.Pool
	p.Backup = ""
	p.Servers[0], p.Servers[5] = p.Servers[5], p.Servers[0]
	p.Servers[0].Domain, p.Servers[5].Domain = 0, 5
	p.Domains[0].Name, p.Domains[5].Name = "UD6", "UD1"
	h := interp.NewHeader(prog, interp.Args{}, map[string]string{"version": "5.0.8308.1001"}, "pool.yaml")
	again, err := h.Program()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again.Pool); diff != "" {
		t.Errorf("pool (-live +journal):\n%s", diff)
	}
	if again.Params["version"] != "5.0.8308.1001" {
		t.Errorf("parameters %v", again.Params)
	}
	if again.Source.Files[1].Pos.Filename != "lib/back.lrun" || len(again.Instrs) != len(prog.Instrs) {
		t.Error("the include is lost")
	}
	h.Pool = "pool09.contoso.com"
	if _, err := h.Program(); err == nil || err.Error() != "the journal is of pool pool09.contoso.com (lync2013), the pool file in it of pool01.contoso.com (lync2013)" {
		t.Errorf("a journal of another pool: %v", err)
	}
}
