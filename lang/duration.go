package lang

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/participle/v2/lexer"
)

// Bounds of numbers. Their product stays far inside an int64 of nanoseconds.
const (
	maxDuration = 100 * 24 * time.Hour
	maxInt      = 10_000
)

// units from the largest to the smallest, with how many of each make one of the unit before it.
var units = []struct {
	letter byte
	d      time.Duration
	whole  int
}{
	{'d', 24 * time.Hour, 0}, {'h', time.Hour, 24}, {'m', time.Minute, 60}, {'s', time.Second, 60},
}

// unitWords are spellings of units that people try.
var unitWords = map[string]string{
	"d": "d", "day": "d", "days": "d", "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "s": "s", "sec": "s", "secs": "s",
	"second": "s", "seconds": "s",
}

// ParseDuration reads a duration as runbooks write it: 90s, 10m, 1h30m, 2d; at most 100 days. The error says what to
// write instead.
func ParseDuration(text string) (time.Duration, error) {
	d, hint := parseDuration(text)
	if hint != "" {
		return 0, fmt.Errorf("%q is not a duration: %s", text, hint)
	}
	return d, nil
}

// parseDuration gives the duration, or a hint that says what is wrong with it.
func parseDuration(text string) (time.Duration, string) {
	const form = "write for example 90s, 10m, 1h30m or 2d"
	if text == "" || !isDigit(text[0]) {
		return 0, form
	}
	var total time.Duration
	last := -1
	for rest := text; rest != ""; {
		n := 0
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		if n == 0 || n == len(rest) {
			return 0, form
		}
		w := n
		for w < len(rest) && !isDigit(rest[w]) {
			w++
		}
		digits, unit := rest[:n], rest[n:w]
		rest = rest[w:]
		at := -1
		for i, u := range units {
			if unit == string(u.letter) {
				at = i
			}
		}
		if at < 0 {
			if u, ok := unitWords[strings.ToLower(unit)]; ok {
				return 0, fmt.Sprintf("the unit is written %q: %s%s", u, digits, u)
			}
			return 0, form
		}
		if at <= last {
			return 0, "the largest unit comes first, each once: days, hours, minutes, seconds"
		}
		v, err := strconv.Atoi(digits)
		if err != nil || v > int(maxDuration/units[at].d) {
			return 0, "a duration is at most 100d"
		}
		if last >= 0 && v >= units[at].whole {
			return 0, fmt.Sprintf("after the first part, %c goes up to %d; write %s", units[at].letter, units[at].whole-1,
				formatDuration(total+time.Duration(v)*units[at].d))
		}
		last = at
		total += time.Duration(v) * units[at].d
	}
	if total > maxDuration {
		return 0, "a duration is at most 100d"
	}
	return total, ""
}

// formatDuration writes a duration of whole seconds as the language does.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range units {
		if n := d / u.d; n > 0 {
			fmt.Fprintf(&b, "%d%c", n, u.letter)
			d -= n * u.d
		}
	}
	return b.String()
}

// FormatDuration writes a duration, cut to whole seconds, as runbooks do: 1h30m.
func FormatDuration(d time.Duration) string { return formatDuration(d.Truncate(time.Second)) }

// number reads a whole number or a duration, and names the ways in which people get them wrong.
func (s *scanner) number() {
	src, p := s.src, s.pos(s.off)
	end := s.off + 1
	for end < len(src) && (isDigit(src[end]) || isLetter(src[end]) || src[end] == '.') {
		end++
	}
	word := string(src[s.off:end])
	switch {
	case word[0] == '-' || word[0] == '+':
		s.refuse(codeDuration, p, end, "write it without a sign: "+word[1:], "%s has a sign", word)
	case strings.Trim(word, "0123456789") == "":
		s.wholeNumber(p, word, end)
		return
	default:
		if _, hint := parseDuration(word); hint != "" {
			s.refuse(codeDuration, p, end, hint, "%s is not a duration", word)
		}
	}
	typ := tokDuration
	if strings.Trim(word, "+-0123456789") == "" {
		typ = tokInt
	}
	s.emit(typ, strings.TrimLeft(word, "+-"), p, end)
}

// wholeNumber reads digits; a unit that stands apart from them is a duration with a blank in it.
func (s *scanner) wholeNumber(p Pos, word string, end int) {
	src := s.src
	next := end
	for next < len(src) && (src[next] == ' ' || src[next] == '\t') {
		next++
	}
	stop := next
	for stop < len(src) && (isLetter(src[stop]) || isDigit(src[stop]) || src[stop] == '-') {
		stop++
	}
	if unit, ok := unitWords[strings.ToLower(string(src[next:stop]))]; ok && next > end {
		s.refuse(codeDuration, p, stop, fmt.Sprintf("write it without a blank: %s%s", word, unit), "a duration with a blank in it")
		s.emit(tokDuration, word+unit, p, stop)
		return
	}
	if n, err := strconv.Atoi(word); err != nil || n > maxInt {
		s.refuse(codeNumber, p, end, "", "the number %s is over %d", clip(word), maxInt)
	}
	s.emit(tokInt, word, p, end)
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

var _ lexer.Definition = lexerDef{}
