package interp_test

import (
	"strings"
	"testing"
	"time"

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
