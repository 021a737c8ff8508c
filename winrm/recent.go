package winrm

import (
	"context"
	"time"

	"github.com/lrun/lrun/interp"
)

// recentLook is what a survey has found, for what wants to know it at once once more.
type recentLook struct {
	reading interp.Reading
	seen    seen
	version string
	at      time.Duration // when it was over
	changes int64         // those of the World, before it
}

// recent is how old a look may be that another one goes by: the machine looks as the run begins, before the turn that
// comes then, and reads right after it. Asking every server three times within a second tells nothing new.
const recent = 5 * time.Second

func (w *World) keepLook(l *recentLook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = l
}

// serverLook is what an action has found on its server at its end.
type serverLook struct {
	status status
	at     time.Duration
}

// lastSeen is, by server, what the looks of the World have found and what nothing has changed since.
type lastSeen struct {
	around *recentLook         // at every server; nil before the first
	ended  map[int8]serverLook // by the end of the last action on it
	begun  map[int8]int        // how many actions have begun on it
}

// fresh is what the last look at every server has found, where nothing is going on and nothing has begun, ended or been
// settled since it began; else nil. The caller holds w.mu.
func (w *World) fresh() *recentLook {
	l := w.last.around
	if l == nil || l.changes != w.changes.Load() || w.clock.now()-l.at > recent {
		return nil
	}
	for _, t := range w.flight {
		if t.e.Action.Changes() || t.e.Action == interp.Look {
			return nil
		}
	}
	return l
}

// seenBefore gives an action that begins what was seen of its server just now: at the end of the action before it, or else by
// around, the look that was made before all that begins with it. What is going to be seen of the server is another thing.
// The caller holds w.mu.
func (w *World) seenBefore(t *task, around *recentLook) {
	server := t.e.Server
	if t.e.Action == interp.Look || t.e.Action.Changes() && server == interp.Pool {
		clear(w.last.ended)
		return
	}
	if !t.e.Action.Changes() {
		return
	}
	w.last.begun[server]++
	t.nth = w.last.begun[server]
	l, ok := w.last.ended[server]
	delete(w.last.ended, server)
	switch {
	case t.e.Attach:
	case ok && w.clock.now()-l.at <= recent:
		t.before = l.status
	case around != nil && around.seen.errs[server] == nil:
		t.before = around.seen.status[server]
	}
}

// keepEnded keeps what an action saw of its server at its end, unless another one has begun there. The caller holds w.mu.
func (w *World) keepEnded(t *task) {
	if t.after.status.SurveyResult != nil && t.nth == w.last.begun[t.e.Server] {
		w.last.ended[t.e.Server] = t.after
	}
}

// lookOrRecent is the look just made, where nothing has begun, ended or been settled since it began and nothing is going on;
// else a new one. The error is that of the pool's state.
func (w *World) lookOrRecent(ctx context.Context, version string) (*recentLook, error) {
	changes := w.changes.Load()
	w.mu.Lock()
	l := w.looked
	w.looked = nil
	for _, t := range w.flight {
		if t.e.Action.Changes() {
			l = nil
		}
	}
	w.mu.Unlock()
	if l != nil && l.version == version && l.changes == changes && w.clock.now()-l.at <= recent {
		return l, nil
	}
	r, s, err := w.poolSurvey(ctx, version)
	l = &recentLook{reading: r, seen: s, version: version, at: w.clock.now(), changes: changes}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last.around = l
	return l, err
}
