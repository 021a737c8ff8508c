package interp

import (
	"math/bits"

	"github.com/lrun/lrun/internal/pile"
	"github.com/lrun/lrun/pool"
)

// Store keeps many states of one program in little room, and with each a T: of a server's task that rests only where it
// stands, and that only where the server before it stands elsewhere; and of what is saved and left only what there is.
type Store[T any] struct {
	servers int
	states  pile.Pile[stored[T]]
	stands  pile.Pile[stand]
	flights pile.Pile[flight]
	others  pile.Pile[task]
}

// stored is a state in a Store. What nearly every state needs lies side by side, since memory is slow to find a place and
// quick to go on from there; what few need is in runs elsewhere.
type stored[T any] struct {
	with T
	run
	main    task
	own     pool.Set // servers whose task stands elsewhere than that of the server before them
	busy    pool.Set // servers whose task does not rest
	saved   bool
	left    bool
	stands  [firstStands]stand // of the first servers of own
	flight  flight             // of the first server of busy
	stands2 uint32             // where those of the other servers are
	flights uint32
	others  uint32 // where the saved and the left task are, if there is one of them
}

const firstStands = 4

// NewStore makes an empty store for the states of a program.
func NewStore[T any](p *Program) *Store[T] { return &Store[T]{servers: len(p.Pool.Servers)} }

// Empty takes all states out. The room is used again.
func (st *Store[T]) Empty() {
	st.states.Empty()
	st.stands.Empty()
	st.flights.Empty()
	st.others.Empty()
}

// With is what lies with the state at a place. It may be changed.
func (st *Store[T]) With(at uint32) *T { return &st.states.At(at, 1)[0].with }

// Touch reads a little of the state at a place. Memory then fetches the states of several places at once, instead of one
// after the other as they are got.
func (st *Store[T]) Touch(at uint32) uint32 {
	k := &st.states.At(at, 1)[0]
	return uint32(k.now) + uint32(k.loop) + uint32(k.main.at) + uint32(k.own) + uint32(k.stands[2].at) + k.flights
}

// Put keeps a copy of a state and tells where. What lies with it is not cleared.
func (st *Store[T]) Put(s *State) uint32 {
	at, room := st.states.Take(1)
	k := &room[0]
	k.run, k.main = s.run, s.tasks[mainTask]
	own, busy := pool.Set(0), pool.Set(0)
	for t := range s.tasks[:st.servers] {
		tk := &s.tasks[t]
		if t == 0 || !tk.standsWith(&s.tasks[t-1]) {
			own |= 1 << t
		}
		if !tk.rests() {
			busy |= 1 << t
		}
	}
	k.own, k.busy = own, busy
	more := st.runs(k, true)
	for i := range firstStands {
		if own == 0 {
			break
		}
		k.stands[i] = s.tasks[first(&own)].stand
	}
	for i := range more.stands {
		more.stands[i] = s.tasks[first(&own)].stand
	}
	if busy != 0 {
		k.flight = s.tasks[first(&busy)].flight
	}
	for i := range more.flights {
		more.flights[i] = s.tasks[first(&busy)].flight
	}
	k.saved, k.left = s.saved != task{}, s.left != task{}
	if k.saved || k.left {
		var others []task
		k.others, others = st.others.Take(2)
		others[0], others[1] = s.saved, s.left
	}
	return at
}

// Get makes s the state that lies at a place which Put told.
func (st *Store[T]) Get(at uint32, s *State) {
	k := &st.states.At(at, 1)[0]
	s.run = k.run
	more := st.runs(k, false)
	i := -1
	for t := range s.tasks[:st.servers] {
		if k.own>>t&1 != 0 {
			i++
		}
		if i < firstStands {
			s.tasks[t].stand = k.stands[i]
		} else {
			s.tasks[t].stand = more.stands[i-firstStands]
		}
		s.tasks[t].flight = flight{}
	}
	for t := st.servers; t < mainTask; t++ {
		s.tasks[t] = task{stand: stand{at: none}}
	}
	if busy := k.busy; busy != 0 {
		s.tasks[first(&busy)].flight = k.flight
		for i := range more.flights {
			s.tasks[first(&busy)].flight = more.flights[i]
		}
	}
	s.tasks[mainTask] = k.main
	s.saved, s.left = task{}, task{}
	if k.saved || k.left {
		others := st.others.At(k.others, 2)
		s.saved, s.left = others[0], others[1]
	}
}

// more is the stands and flights of a stored state that are not beside the rest of it.
type more struct {
	stands  []stand
	flights []flight
}

// runs is those runs, found or newly taken.
func (st *Store[T]) runs(k *stored[T], take bool) (r more) {
	stands, flights := k.own.Len()-firstStands, k.busy.Len()-1
	switch {
	case stands <= 0:
	case take:
		k.stands2, r.stands = st.stands.Take(stands)
	default:
		r.stands = st.stands.At(k.stands2, stands)
	}
	switch {
	case flights <= 0:
	case take:
		k.flights, r.flights = st.flights.Take(flights)
	default:
		r.flights = st.flights.At(k.flights, flights)
	}
	return r
}

// first takes the first server out of a set that is not empty.
func first(set *pool.Set) int {
	t := bits.TrailingZeros16(uint16(*set))
	*set &= *set - 1
	return t & (mainTask - 1)
}
