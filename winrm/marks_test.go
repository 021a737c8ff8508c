package winrm

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/winrm/scripts"
)

// TestALostMark: once another run's mark is found in the place of ours, that is told once, and no reading is given that a
// turn could begin by.
func TestALostMark(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.readyForPreflight()
		var told []string
		m, err := f.servers.Mark(t.Context(), "ours", "anna@desk", func(err error) { told = append(told, err.Error()) })
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := m.Release(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		w := f.world(body)
		defer w.Close()
		read := effect(w, interp.Read, interp.Pool, 10*time.Minute)
		survey := interp.Effect{ID: read.ID, Action: interp.Survey, Server: interp.Pool, Domain: -1}
		if ev := f.end(w, survey); ev.Reading.Running.Len() != 3 {
			t.Errorf("the mark is ours, and the survey says %+v", ev.Reading)
		}
		if ev := f.end(w, read); ev.Reading.State != interp.Ready {
			t.Errorf("the mark is ours, and the pool reads %s: %s", ev.Reading.State, ev.Text)
		}
		f.mu.Lock()
		f.every(scripts.Mark, func(json.RawMessage) (any, error) {
			return scripts.MarkResult{Held: true, Run: "theirs", Owner: "bert@desk"}, nil
		})
		f.mu.Unlock()
		time.Sleep(7 * time.Minute) // the mark is renewed three times
		synctest.Wait()
		if len(told) != 1 || !strings.Contains(told[0], "theirs by bert@desk") {
			t.Errorf("told: %q", told)
		}
		if ev := f.end(w, survey); !ev.Reading.Running.Empty() || !strings.Contains(ev.Text, "theirs by bert@desk") {
			t.Errorf("the mark is theirs, and the survey says %+v: %s", ev.Reading, ev.Text)
		}
		if ev := f.end(w, read); ev.Reading.State != interp.Unread || !strings.Contains(ev.Text, "theirs by bert@desk") {
			t.Errorf("the mark is theirs, and the pool reads %s: %s", ev.Reading.State, ev.Text)
		}
	})
}

// TestAMarkThatWasAsleep is renewed before a turn is decided on, and not at its next time.
func TestAMarkThatWasAsleep(t *testing.T) {
	inBubble(t, func(t *testing.T, f *farm) {
		f.readyForPreflight()
		m, err := f.servers.Mark(t.Context(), "ours", "anna@desk", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := m.Release(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		written := f.called("fe01", scripts.Mark)
		if err := f.servers.stillOurs(t.Context()); err != nil || f.called("fe01", scripts.Mark) != written {
			t.Errorf("a fresh mark is written again: %v", err)
		}
		m.mu.Lock()
		m.kept = m.kept.Add(-6 * time.Hour) // as after a night with the lid shut
		m.mu.Unlock()
		if err := f.servers.stillOurs(t.Context()); err != nil || f.called("fe01", scripts.Mark) != written+1 {
			t.Errorf("an old mark is not written again: %v", err)
		}
	})
}
