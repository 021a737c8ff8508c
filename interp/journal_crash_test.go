package interp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
		{"contoso-2.pool.yaml", ""},
		{"contoso-3.pool.yaml", ""},
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
		if len(prog.Pool.Servers) > 6 {
			step = 5 // every record of the nights above, a sample of the long one
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

// TestKilledAgainAndAgain kills lrun each time that so many further records are on record, until the night is over.
func TestKilledAgainAndAgain(t *testing.T) {
	for _, c := range []struct{ pool, scenario string }{{"contoso-6.pool.yaml", ""}, {"contoso-6.pool.yaml", "busy-stays"}, {"contoso-12-3x4.pool.yaml", ""}} {
		prog := loadProgram(t, c.pool)
		var sc *pool.Scenario
		if c.scenario != "" {
			sc = loadScenario(t, c.scenario, prog.Pool)
		}
		for _, records := range []int{14, 15, 16, 19, 23, 31, 47} {
			t.Run(fmt.Sprintf("%s %s every %d records", c.pool, c.scenario, records), func(t *testing.T) {
				n := newNight(t, prog, sc)
				kills := 0
				first := interp.Event{Kind: interp.Began}
				for {
					k := &killedAfter{n.world, n.sink, n.sink.lines + records}
					res, err := interp.DriveJournaled(context.Background(), n.m, k, n.w, first)
					if err == nil {
						if res.Ending != interp.Completed || len(res.Remaining) > 0 || kills == 0 {
							t.Fatalf("after %d kills the night ends %s: %s", kills, res.Ending, res.Reason)
						}
						break
					}
					if kills++; !errors.Is(err, errKilled) || kills > 200 {
						t.Fatalf("after %d kills: %v\n%s", kills, err, last(n.sink.data, 40))
					}
					n.world.Away(7 * time.Minute)
					n.world.at += 7 * time.Minute
					n.reopen(t)
					first = interp.Event{Kind: interp.Resumed, At: n.world.at}
				}
				n.counts(t)
			})
		}
	}
}

func (n *night) check(t *testing.T, when string, line int, away time.Duration) {
	t.Helper()
	ok := t.Run("", func(t *testing.T) { n.goOn(t, away) })
	if !n.counts(t) || !ok {
		t.Errorf("killed %s line %d, away %s", when, line, away)
	}
}

// counts checks what the modelled servers say that they lived through.
func (n *night) counts(t *testing.T) bool {
	t.Helper()
	ok := true
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
	return ok
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
