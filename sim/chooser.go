package sim

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/lrun/lrun/pool"
)

// Chooser decides everything in the model that is not determined. Choose returns a number from 0 to n-1; n is at least
// 2. The label says what is being decided, in a word that is the same for every choice of that sort ("drain",
// "placement"), so that one who enumerates can treat sorts of choices differently. Choice 0 is always the usual case.
//
// Durations are drawn in whole seconds, so n may be in the thousands.
type Chooser interface {
	Choose(label string, n int) int
}

// First always takes the usual case: the middle of a range, an even spread. Nights drawn with it are the ones to compare.
type First struct{}

// Choose returns 0.
func (First) Choose(string, int) int { return 0 }

// Random is a pseudo-random Chooser, splitmix64: small, fast and the same everywhere. A copy goes on by itself with the
// same numbers.
type Random struct{ state uint64 }

// Seeded returns a Random that begins from the seed; any seed is as good as another.
func Seeded(seed uint64) *Random { return &Random{state: seed} }

// Choose returns the next number of the sequence, reduced to 0..n-1.
func (r *Random) Choose(_ string, n int) int {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	high, _ := bits.Mul64(z^z>>31, uint64(n))
	return int(high)
}

// Choice is one decision that was made.
type Choice struct {
	Label string
	N     int // there were so many possibilities
	Took  int
}

// Trace replays decisions and records what was decided: the first ones are Next, in order, all later ones are Then's (nil
// is [First]). A number that is too large for its choice is reduced. Made grows by one entry a choice.
type Trace struct {
	Next []int
	Then Chooser
	Made []Choice
}

// Choose returns the next decision of the trace.
func (t *Trace) Choose(label string, n int) int {
	k := 0
	switch i := len(t.Made); {
	case i < len(t.Next):
		k = max(t.Next[i], 0) % n
	case t.Then != nil:
		k = t.Then.Choose(label, n)
	}
	t.Made = append(t.Made, Choice{label, n, k})
	return k
}

// Bytes takes its decisions from data, as a fuzzer hands it in: one byte for a choice of up to 256, four for a larger one,
// the usual case once the data is used up.
type Bytes struct{ Data []byte }

// Choose consumes data.
func (b *Bytes) Choose(_ string, n int) int {
	var word [4]byte
	size := 1
	if n > 256 {
		size = 4
	}
	b.Data = b.Data[copy(word[:size], b.Data):]
	return int(uint64(binary.LittleEndian.Uint32(word[:])) % uint64(n))
}

// Draw decides on a duration of the range, in milliseconds; all of its seconds are equally likely. Choice 0 is the middle.
func Draw(ch Chooser, label string, r pool.Range) int64 {
	n := seconds(r)
	if n <= 1 {
		return r.Low.Milliseconds()
	}
	k := (int64(ch.Choose(label, int(n))) + n/2) % n
	return r.Low.Milliseconds() + k*1000
}

// tailSteps is how finely a duration with a long tail is drawn.
const tailSteps = 1024

// DrawTail decides on a duration that is mostly near the lower end of the range and now and then far out, as the last
// call of a draining server is, in milliseconds. It lies at Low + (High-Low)·u³ for a uniform u, in whole seconds; choice
// 0 is u = ½.
func DrawTail(ch Chooser, label string, r pool.Range) int64 {
	n := seconds(r)
	if n <= 1 {
		return r.Low.Milliseconds()
	}
	u := uint64(ch.Choose(label, tailSteps)+tailSteps/2) % tailSteps
	high, low := bits.Mul64(uint64(n-1), u*u*u)
	const whole = (tailSteps - 1) * (tailSteps - 1) * (tailSteps - 1)
	k, _ := bits.Div64(high, low, whole)
	return r.Low.Milliseconds() + int64(k)*1000
}

// seconds is the number of durations in a range, counted in seconds.
func seconds(r pool.Range) int64 { return int64((r.High-r.Low)/time.Second) + 1 }

// Shortest lets every duration be at the lower end of its range, in an otherwise usual night.
type Shortest struct{}

// Choose returns the choice that [Draw] makes the lower end of.
func (Shortest) Choose(label string, n int) int {
	if label == "placement" {
		return 0
	}
	return (n - n/2) % n
}

// Longest lets every duration be at the upper end of its range, in an otherwise usual night.
type Longest struct{}

// Choose returns the choice that [Draw] makes the upper end of.
func (Longest) Choose(label string, n int) int {
	if label == "placement" {
		return 0
	}
	return n - 1 - n/2
}
