package interp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

var errKilled = errors.New("killed")

// killedAfter is a world whose lrun is killed once so many records are durable and the effects of their Step are begun.
type killedAfter struct {
	*watched
	sink  *memory
	lines int
}

func (k *killedAfter) Next(ctx context.Context) (interp.Event, error) {
	if k.sink.lines >= k.lines {
		return interp.Event{}, errKilled
	}
	return k.watched.Next(ctx)
}

// TestKilledAnywhere kills lrun at every record of a night: in the middle of the write (some records of a Step are on
// record, none of its effects begun), and after the Step's effects were begun. Every night ends completed, every
// server upgraded exactly once by its own count.
func TestKilledAnywhere(t *testing.T) {
	nights := 0
	for _, c := range []struct{ pool, scenario string }{
		{"contoso-6.pool.yaml", ""},
		{"contoso-6.pool.yaml", "busy-stays"},
		{"contoso-12-6x2.pool.yaml", ""},
	} {
		prog := loadProgram(t, c.pool)
		var sc *pool.Scenario
		if c.scenario != "" {
			sc = loadScenario(t, c.scenario, prog.Pool)
		}
		ref := newNight(t, prog, sc)
		if res, err := ref.drive(interp.Event{Kind: interp.Began}); err != nil || res.Ending != interp.Completed {
			t.Fatal(res, err)
		}
		step := 1
		if len(prog.Pool.Servers) > 6 && testing.Short() {
			step = 7
		}
		for after := 1; after < ref.sink.lines; after += step {
			for _, away := range []time.Duration{0, 20 * time.Minute, 3 * time.Hour} {
				n := newNight(t, prog, sc)
				n.sink.limit = after
				if _, err := n.drive(interp.Event{Kind: interp.Began}); !errors.Is(err, interp.ErrJournal) {
					t.Fatalf("%s %s, line %d, before: %v", c.pool, c.scenario, after, err)
				}
				n.sink.limit = 0
				n.check(t, c.pool+" "+c.scenario+" before", after, away)

				n = newNight(t, prog, sc)
				k := &killedAfter{n.world, n.sink, after}
				_, err := interp.DriveJournaled(context.Background(), n.m, k, n.w, interp.Event{Kind: interp.Began})
				if err == nil && n.sink.lines == ref.sink.lines {
					continue // the Step that this line belongs to was the last
				}
				if !errors.Is(err, errKilled) {
					t.Fatalf("%s %s, line %d, after: %v", c.pool, c.scenario, after, err)
				}
				n.check(t, c.pool+" "+c.scenario+" after", after, away)
				nights += 2
				if t.Failed() {
					t.FailNow()
				}
			}
		}
	}
	t.Logf("%d nights", nights)
}

func (n *night) check(t *testing.T, when string, line int, away time.Duration) {
	t.Helper()
	ok := t.Run("", func(t *testing.T) { n.goOn(t, away) })
	st := n.world.Stats()
	for i, s := range n.prog.Pool.Servers {
		if st.Installed[i] != 1 {
			t.Errorf("%s was upgraded %d times by its own count", s.Name, st.Installed[i])
			ok = false
		}
	}
	for name, times := range n.repeated() {
		t.Errorf("%s %d times", name, times)
		ok = false
	}
	if st.Collided != 0 {
		t.Errorf("something was begun on %v while an installer or a failover was going", n.prog.Pool.Names(st.Collided))
		ok = false
	}
	if !ok {
		t.Errorf("killed %s line %d, away %s", when, line, away)
	}
}

// repeated tells which actions were begun again on a server although they had ended well there, or were begun twice with
// no look in between that said they had not begun.
func (n *night) repeated() map[string]int {
	j := map[string]int{}
	for line := range bytes.Lines(n.sink.data) {
		if !bytes.Contains(line, []byte(`"event":"end"`)) || !bytes.Contains(line, []byte(`"outcome":"done"`)) {
			continue
		}
		var r struct{ Server, Action string }
		if json.Unmarshal(line, &r) == nil && r.Server != "" && r.Action != "verify" {
			j[r.Action+" "+r.Server]++
		}
	}
	for k, v := range j {
		if v == 1 {
			delete(j, k)
		}
	}
	return j
}
