package main

import (
	"fmt"
	"time"
)

// start is when a night begins: a time of day, or nothing, where times count from 00:00:00. Days have 24 hours here; a
// night in which the clocks change is told in the time that held when it began.
type start struct {
	given bool
	clock time.Duration // since midnight
	day   time.Time     // midnight of the day, where a date was given
}

func parseStart(text string) (start, error) { return startOf("--start", text) }

// startOf is parseStart for what stands elsewhere, by the name of the place.
func startOf(place, text string) (start, error) {
	if text == "" {
		return start{}, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return start{given: true, clock: sinceMidnight(t)}, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return start{}, usagef("", "%s %s: want a time such as 22:00 or 2026-03-07T22:00:00+01:00", place, clip(text))
	}
	// The zone is the one that was written: where it is that of this machine, time.Parse would have put that in its place, with
	// the night in which its clocks change.
	_, ahead := t.Zone()
	t = t.In(time.FixedZone("", ahead))
	clock := sinceMidnight(t)
	return start{given: true, clock: clock, day: t.Add(-clock)}, nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

// words is a time of the night, d after its start: the hours since then, or the local time. A second day is told by its
// date, or by a number of days.
func (s start) words(d time.Duration) string {
	d = s.clock + d.Round(time.Second)
	const day = 24 * time.Hour
	switch {
	case !s.given:
		return hms(d)
	case !s.day.IsZero():
		return s.day.Add(d).Format("2006-01-02 15:04:05")
	case d >= s.clock+day:
		return fmt.Sprintf("%s+%dd", hms(d%day), d/day)
	}
	return hms(d % day)
}

// short is the time of day, or the hours since the start, without the seconds: for the axis of a drawing.
func (s start) short(d time.Duration) string {
	d += s.clock
	if s.given {
		d %= 24 * time.Hour
	}
	return hms(d)[:5]
}

func hms(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
}
