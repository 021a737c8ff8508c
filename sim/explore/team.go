package explore

import "sync/atomic"

// team is the goroutines of an exploration. It works in rounds, several hundred to a proof, most of them of a millisecond
// and less. To wake somebody takes a good part of that, so that between two rounds the members look out for the next one for
// a while before they sleep.
type team struct {
	members  []*member // the first is whoever calls do
	lookouts int       // how often a member looks before it sleeps

	// Of the round under way. They are written between two rounds.
	f    func(who, i int)
	n    int
	over bool

	_     [line]byte
	round atomic.Uint64 // counts up in the high bits; in the low ones how many members take part
	_     [line]byte
	next  atomic.Int64 // the piece of work that is taken next
	_     [line]byte
	busy  atomic.Int64 // members that have not ended the round
	_     [line]byte
}

// member is a goroutine of a team.
type member struct {
	asleep atomic.Bool
	wake   chan struct{}
	_      [line]byte
}

// line is how far apart data lie that are of one member each: where two write to one line of a cache all the time, each
// waits for the other. Some processors fetch two lines of 64 at once.
const line = 128

const (
	roundBits = 16
	roundMask = 1<<roundBits - 1
	// mostLookouts take a quarter of a millisecond: about as long as the others have to do when the first has done.
	mostLookouts = 200_000
)

// lookouts is how often the members of a team of n look out where there are so many processors.
func lookouts(n, processors int) int {
	if n > processors {
		return 0 // those who work could not, meanwhile
	}
	return mostLookouts
}

// newTeam makes a team of n. dismiss ends it.
func newTeam(n, lookouts int) *team {
	t := &team{lookouts: lookouts}
	for range n {
		t.members = append(t.members, &member{wake: make(chan struct{}, 1)})
	}
	for who := 1; who < n; who++ {
		go t.takePart(who)
	}
	return t
}

// size is how many there are.
func (t *team) size() int { return len(t.members) }

// do calls f for 0 to n-1, each once, and returns when all are done. who is the member that calls.
func (t *team) do(n int, f func(who, i int)) {
	part := min(t.size(), n)
	if part <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	t.f, t.n = f, n
	t.next.Store(0)
	t.busy.Store(int64(part))
	t.begin(part)
	t.work(0)
	t.members[0].await(t.lookouts, func() bool { return t.busy.Load() == 0 })
}

// begin begins a round.
func (t *team) begin(part int) {
	t.round.Store((t.round.Load()>>roundBits+1)<<roundBits | uint64(part))
	for _, m := range t.members[1:part] {
		m.rouse()
	}
}

// work does pieces of the round until all are taken.
func (t *team) work(who int) {
	for i := int(t.next.Add(1)) - 1; i < t.n; i = int(t.next.Add(1)) - 1 {
		t.f(who, i)
	}
	if t.busy.Add(-1) == 0 {
		t.members[0].rouse()
	}
}

// takePart is what every member does but the first.
func (t *team) takePart(who int) {
	m, last := t.members[who], uint64(0)
	for {
		m.await(t.lookouts, func() bool {
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

// dismiss ends the goroutines.
func (t *team) dismiss() {
	t.over = true
	t.begin(t.size())
}

// await returns once what is waited for has come. Who lets it come calls rouse then.
func (m *member) await(lookouts int, come func() bool) {
	for range lookouts {
		if come() {
			return
		}
	}
	for {
		m.asleep.Store(true)
		if come() {
			if !m.asleep.CompareAndSwap(true, false) {
				<-m.wake // somebody has seen it asleep
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
