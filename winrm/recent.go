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
	return &recentLook{reading: r, seen: s, version: version, at: w.clock.now(), changes: changes}, err
}
