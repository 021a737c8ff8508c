package interp

import (
	"math/bits"

	"github.com/lrun/lrun/internal/pile"
	"github.com/lrun/lrun/pool"
)

// Store keeps many states of one program in little room, and with each a T: of a server's task that rests only its place,
// and that only where it is not the place of the server before; and of what is saved and left only what there is.
type Store[T any] struct {
	servers int
	states  pile.Pile[stored[T]]
	stands  pile.Pile[stand]
	tasks   pile.Pile[task]
	others  pile.Pile[task]
}

// stored is a state in a Store. What nearly every state needs lies side by side; what few need is in runs elsewhere. Who
// gets states in the order in which they were put reads all of them as the memory likes it, from front to back.
type stored[T any] struct {
	with T
	run
	main   task
	own    pool.Set           // servers whose place is not that of the server before them
	busy   pool.Set           // servers whose task does not rest
	stands [firstStands]stand // of the first servers of own
	task   task               // of the first server of busy
	saved  bool
	left   bool
	more   struct{ stands, tasks, others uint32 } // where there is more of each: others are the saved and the left task
}

const firstStands = 5

// Room is the room of a few stores that one goroutine fills and empties: see [pile.Spare].
type Room[T any] struct {
	states pile.Spare[stored[T]]
	stands pile.Spare[stand]
	tasks  pile.Spare[task]
	others pile.Spare[task]
}

// States is for how many states there is room in all.
func (r *Room[T]) States() int { return r.states.Made() }

// NewStore makes an empty store for the states of a program.
func NewStore[T any](p *Program, room *Room[T]) *Store[T] {
	return &Store[T]{
		servers: min(len(p.Pool.Servers), mainTask),
		states:  room.states.Pile(), stands: room.stands.Pile(), tasks: room.tasks.Pile(), others: room.others.Pile(),
	}
}

// Empty takes all states out.
func (st *Store[T]) Empty() {
	st.states.Empty()
	st.stands.Empty()
	st.tasks.Empty()
	st.others.Empty()
}

// With is what lies with the state at a place. It may be changed.
func (st *Store[T]) With(at uint32) *T { return &st.states.At(at, 1)[0].with }

// Put keeps a copy of a state and tells where. What lies with it is not cleared.
func (st *Store[T]) Put(s *State) uint32 {
	at, room := st.states.Take(1)
	k := &room[0]
	k.run, k.main = s.run, s.tasks[mainTask]
	own, busy := pool.Set(0), pool.Set(0)
	before := stand{at: none - 1} // no server's
	for t := range s.tasks[:st.servers] {
		tk := &s.tasks[t]
		if p := tk.stand(); p != before {
			own |= 1 << t
			before = p
		}
		if !tk.rests() {
			busy |= 1 << t
		}
	}
	k.own, k.busy = own, busy
	for i := 0; i < firstStands && own != 0; i++ {
		k.stands[i] = s.tasks[first(&own)].stand()
	}
	if own != 0 {
		var run []stand
		k.more.stands, run = st.stands.Take(own.Len())
		for i := range run {
			run[i] = s.tasks[first(&own)].stand()
		}
	}
	if busy != 0 {
		k.task = s.tasks[first(&busy)]
	}
	if busy != 0 {
		var run []task
		k.more.tasks, run = st.tasks.Take(busy.Len())
		for i := range run {
			run[i] = s.tasks[first(&busy)]
		}
	}
	k.saved, k.left = s.saved != task{}, s.left != task{}
	if k.saved || k.left {
		var run []task
		k.more.others, run = st.others.Take(2)
		run[0], run[1] = s.saved, s.left
	}
	return at
}

// Get makes s the state that lies at a place which Put told.
func (st *Store[T]) Get(at uint32, s *State) {
	k := &st.states.At(at, 1)[0]
	s.run = k.run
	s.tasks[mainTask] = k.main
	var more []stand
	if n := k.own.Len() - firstStands; n > 0 {
		more = st.stands.At(k.more.stands, n)
	}
	i := -1
	var p stand
	for t := range s.tasks[:st.servers] {
		if k.own>>t&1 != 0 {
			if i++; i < firstStands {
				p = k.stands[i]
			} else {
				p = more[i-firstStands]
			}
		}
		s.tasks[t] = p.task()
	}
	for t := st.servers; t < mainTask; t++ {
		s.tasks[t] = task{at: none}
	}
	if busy := k.busy; busy != 0 {
		s.tasks[first(&busy)] = k.task
		if busy != 0 {
			for _, tk := range st.tasks.At(k.more.tasks, busy.Len()) {
				s.tasks[first(&busy)] = tk
			}
		}
	}
	s.saved, s.left = task{}, task{}
	if k.saved || k.left {
		run := st.others.At(k.more.others, 2)
		s.saved, s.left = run[0], run[1]
	}
}

// first takes the first server out of a set that is not empty.
func first(set *pool.Set) int {
	t := bits.TrailingZeros16(uint16(*set))
	*set &= *set - 1
	return t & (mainTask - 1)
}
