package pool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxDuration is the longest duration a file may name: a hundred days, which
// is far more than any night and far less than what overflows.
const MaxDuration = 100 * 24 * time.Hour

var durationUnits = [...]struct {
	letter byte
	size   time.Duration
	whole  int64 // how many make one of the unit before
}{{'d', 24 * time.Hour, 0}, {'h', time.Hour, 24}, {'m', time.Minute, 60}, {'s', time.Second, 60}}

// ParseDuration reads a duration as the language writes it: 90s, 10m, 1h30m,
// 2d. Units go from large to small, and a part after the first stays under 24
// hours, 60 minutes or 60 seconds: 90m is well, 1h90m is not. The result is in
// whole seconds.
func ParseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, fmt.Errorf("a duration is missing: write it like 10m or 1h30m")
	}
	if strings.ContainsAny(s, " \t") {
		return 0, fmt.Errorf("duration %s has a space in it: write it like 10m or 1h30m", quote(s))
	}
	if s[0] == '-' || s[0] == '+' {
		return 0, fmt.Errorf("duration %s has a sign: a duration counts forward, write it like 10m", quote(s))
	}
	var total time.Duration
	last := time.Duration(0) // The unit before, 0 at the first part.
	for rest := s; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n == 0 {
			return 0, badDuration(s)
		}
		if n < 0 {
			return 0, fmt.Errorf("duration %s has no unit: write %ss, %sm, %sh or %sd", quote(s), rest, rest, rest, rest)
		}
		unit, whole := unitOf(rest[n])
		if unit == 0 {
			return 0, badDuration(s)
		}
		count, err := strconv.ParseInt(rest[:n], 10, 64)
		if err != nil || count > int64(MaxDuration/unit) {
			return 0, fmt.Errorf("duration %s is too long: the limit is %s", quote(s), FormatDuration(MaxDuration))
		}
		part := time.Duration(count) * unit
		if last != 0 && (unit >= last || count >= whole) {
			return 0, fmt.Errorf("duration %s is out of order: the largest unit comes first, then at most 23h, 59m and 59s", quote(s))
		}
		if total += part; total > MaxDuration {
			return 0, fmt.Errorf("duration %s is too long: the limit is %s", quote(s), FormatDuration(MaxDuration))
		}
		last, rest = unit, rest[n+1:]
	}
	return total, nil
}

func badDuration(s string) error {
	return fmt.Errorf("%s is not a duration: write whole numbers of d, h, m or s, like 90s, 10m, 1h30m or 2d", quote(s))
}

// unitOf is the size of a unit and how many make one of the unit before; 0 for
// a letter that is none.
func unitOf(letter byte) (size time.Duration, whole int64) {
	for _, u := range durationUnits {
		if u.letter == letter {
			return u.size, u.whole
		}
	}
	return 0, 0
}

// FormatDuration is the inverse of [ParseDuration] for whole seconds of zero
// or more. What is left under a second is dropped.
func FormatDuration(d time.Duration) string {
	if d < time.Second {
		return "0s"
	}
	var b strings.Builder
	for _, u := range durationUnits {
		if n := d / u.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteByte(u.letter)
			d -= n * u.size
		}
	}
	return b.String()
}

// parseRange reads LOW..HIGH, or one duration for a range of that alone.
func parseRange(s string) (Range, error) {
	low, high, two := strings.Cut(s, "..")
	if two && strings.ContainsAny(s, " \t") {
		return Range{}, fmt.Errorf("%s has a space in it: write a range like 5m..40m", quote(s))
	}
	var r Range
	var err error
	if r.Low, err = ParseDuration(low); err != nil {
		return Range{}, err
	}
	if !two {
		r.High = r.Low
		return r, nil
	}
	if r.High, err = ParseDuration(high); err != nil {
		return Range{}, err
	}
	if r.High < r.Low {
		return Range{}, fmt.Errorf("range %s runs backwards: the lower end comes first", quote(s))
	}
	return r, nil
}

// quote shows a piece of a file in a message: quoted, and cut where it is long.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// withPort adds the port to an address that has none.
func withPort(host string, port int) string {
	bare := strings.Contains(host, ":") && !strings.HasPrefix(host, "[") && strings.Count(host, ":") > 1
	switch {
	case bare: // An IPv6 address without brackets.
		return "[" + host + "]:" + strconv.Itoa(port)
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return host + ":" + strconv.Itoa(port)
	case strings.Contains(host, ":"):
		return host
	}
	return host + ":" + strconv.Itoa(port)
}
