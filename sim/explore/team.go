package explore

import (
	"runtime"
	"sync/atomic"
)

// team is the goroutines of an exploration. It works in rounds, several hundred to a proof, most of them of a millisecond
// and less. To wake somebody takes a good part of that, so that between two rounds the members look out for the next one for
// a while before they sleep.
type team struct {
	members []*member // the first is whoever calls do

	// What do and dismiss say. They are written between two rounds, and read by those who take part in one.
	f    func(who, i int)
	ends []int // of the members' parts
	over bool

	_     [line]byte
	round atomic.Uint64 // counts up in the high bits; in the low ones how many members take part
	_     [line]byte
	busy  atomic.Int64 // members that have not ended the round
	_     [line]byte
}

// member is a goroutine of a team.
type member struct {
	lookouts int // how often it looks before it sleeps
	asleep   atomic.Bool
	wake     chan struct{}
	_        [line]byte
	next     atomic.Int64 // the piece of its part that is taken next, by whomever
	_        [line]byte
}

// line is how far apart in memory lies what different goroutines write: where two write to one line of a cache all the time,
// each waits for the other. Some processors fetch two lines of 64 at once.
const line = 128

const (
	roundBits = 16
	roundMask = 1<<roundBits - 1
	// mostLookouts take some 400 µs: about as long as the others have to do when the first has done.
	mostLookouts = 200_000
)

// teamed is how many members all teams have.
var teamed atomic.Int64

// newTeam makes a team of n, which dismiss ends.
func newTeam(n int) *team {
	lookouts := mostLookouts
	if int(teamed.Add(int64(n))) > runtime.GOMAXPROCS(0) {
		lookouts = 0 // those who work could not, meanwhile
	}
	t := &team{}
	for range n {
		t.members = append(t.members, &member{lookouts: lookouts, wake: make(chan struct{}, 1)})
	}
	for who := 1; who < n; who++ {
		go t.takePart(who)
	}
	return t
}

// share gives each member its part of n pieces: the ends of the parts.
func (t *team) share(n int) (ends []int) {
	for who := range t.members {
		ends = append(ends, (who+1)*n/len(t.members))
	}
	return ends
}

// do calls f for pieces, numbered from 0 to the last of the ends, each once, and returns when all are done. f is told which
// member calls it. There is an end for each member: it begins with the part from the end before up to its own, so that it has to do
// with the same memory as in other rounds, as far as it is needed at all; then it helps the others with theirs. It goes
// through each part in order. f calls neither do nor anything that ends its goroutine.
func (t *team) do(ends []int, f func(who, i int)) {
	n := ends[len(ends)-1]
	part := min(len(t.members), n)
	if part <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	t.f, t.ends = f, ends
	from := 0
	for who, m := range t.members {
		m.next.Store(int64(from))
		from = ends[who]
	}
	t.busy.Store(int64(part))
	t.begin(part)
	t.work(0)
	t.members[0].await(func() bool { return t.busy.Load() == 0 })
}

// begin begins a round.
func (t *team) begin(part int) {
	t.round.Store((t.round.Load()>>roundBits+1)<<roundBits | uint64(part))
	for _, m := range t.members[1:part] {
		m.rouse()
	}
}

// work does pieces of the round until all are taken, and ends it for a member.
func (t *team) work(who int) {
	for k := range t.members {
		whose := (who + k) % len(t.members)
		next := &t.members[whose].next
		for i := int(next.Add(1)) - 1; i < t.ends[whose]; i = int(next.Add(1)) - 1 {
			t.f(who, i)
		}
	}
	if t.busy.Add(-1) == 0 {
		t.members[0].rouse()
	}
}

// takePart is what every member does but the first.
func (t *team) takePart(who int) {
	last := uint64(0)
	for {
		t.members[who].await(func() bool {
			now := t.round.Load()
			return now != last && who < int(now&roundMask)
		})
		if t.over {
			return
		}
		last = t.round.Load() // no other begins before this one has ended
		t.work(who)
	}
}

// dismiss lets the goroutines end, and does not wait for it. There is no round after it.
func (t *team) dismiss() {
	teamed.Add(-int64(len(t.members)))
	t.over = true
	t.begin(len(t.members))
}

// await returns once what is waited for has come. Who lets it come does so before calling rouse, and the member is asleep before
// it looks for the last time: so one of the two sees the other. It may be roused for what it has seen already, or for nothing.
func (m *member) await(come func() bool) {
	for range m.lookouts {
		if come() {
			return
		}
	}
	for {
		m.asleep.Store(true)
		if come() {
			if !m.asleep.CompareAndSwap(true, false) {
				<-m.wake // somebody has seen it asleep, and what he sends must not be left
			}
			return
		}
		<-m.wake
	}
}

// rouse wakes a member that sleeps.
func (m *member) rouse() {
	if m.asleep.CompareAndSwap(true, false) {
		m.wake <- struct{}{}
	}
}
