package winrm

import (
	"context"
	"time"

	"github.com/lrun/lrun/interp"
)

// recentLook is what a survey has found, for the reading that follows it at once.
type recentLook struct {
	reading interp.Reading
	seen    seen
	version string
	at      time.Duration // when it was over
	changes int64         // begun and ended actions, before it
}

// recent is how old a look may be that a reading goes by: the machine looks before a turn and reads right after it, and
// asking every server twice within a second tells nothing new.
const recent = 5 * time.Second

func (w *World) keepLook(l *recentLook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = l
}

// lookOrRecent is the look just made, where nothing has begun or ended since it began and nothing is going on; else a new
// one.
func (w *World) lookOrRecent(ctx context.Context, version string) (interp.Reading, seen, error) {
	w.mu.Lock()
	l := w.looked
	w.looked = nil
	for _, t := range w.flight {
		if t.e.Action.Changes() {
			l = nil
		}
	}
	w.mu.Unlock()
	if l != nil && l.version == version && l.changes == w.changes.Load() && w.clock.now()-l.at <= recent {
		return l.reading, l.seen, nil
	}
	return w.poolSurvey(ctx, version)
}
