package sim

// maxQueue is how many things can be due at one time. Each effect in flight has at most two entries and each server three
// (what a server or a cmdlet did not come to is taken out when the next thing begins); the rest is for what is to be told.
const maxQueue = 192

// kind says what is due.
type kind uint8

const (
	dueEnd     kind = iota + 1 // the effect in slot who ends, as the slot says
	dueBound                   // the bound of the effect in slot who passes
	dueCut                     // the connection of the effect in slot who breaks
	dueCheck                   // the effect in slot who looks at the world and ends: verify
	duePoll                    // the hold in slot who reads the pool
	dueFact                    // something to tell that nobody asked for; gen is the fact, n its count
	dueServer                  // the services or the power of server who take their next step
	dueInstall                 // the installer on server who ends
	dueJob                     // the cmdlet on server who, or for the pool, takes its next step
	dueSettle                  // the replicas are rebuilt
	dueEdge                    // a fault of the scenario begins or is over
)

// entry is one thing that is due.
type entry struct {
	at   int64  // milliseconds since the start
	seq  uint32 // orders what is due at the same time
	gen  uint16 // an entry of an older generation than its owner's is dropped
	kind kind
	who  int8
	n    int32
	text uint8
}

// last makes an entry come after all others of its millisecond: an effect that ends as its bound passes has ended.
const last = 1 << 31

// queue is an array heap.
type queue struct {
	n    int32
	seq  uint32
	heap [maxQueue]entry
}

func (q *queue) less(a, b *entry) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// push adds an entry and numbers it; it reports false where the queue is full.
func (q *queue) push(e entry) bool {
	if q.n == maxQueue {
		return false
	}
	q.seq++
	e.seq |= q.seq
	i := q.n
	q.n++
	for i > 0 {
		up := (i - 1) / 2
		if !q.less(&e, &q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
	return true
}

// pop takes the earliest entry out. The queue must not be empty.
func (q *queue) pop() entry {
	top := q.heap[0]
	q.removeAt(0)
	return top
}

// removeAt takes the entry at index i out, and clears the place it frees so that equal queues are equal bytes.
func (q *queue) removeAt(i int32) {
	q.n--
	e := q.heap[q.n]
	q.heap[q.n] = entry{}
	if i == q.n {
		return
	}
	for i > 0 && q.less(&e, &q.heap[(i-1)/2]) {
		q.heap[i] = q.heap[(i-1)/2]
		i = (i - 1) / 2
	}
	for {
		c := 2*i + 1
		if c >= q.n {
			break
		}
		if c+1 < q.n && q.less(&q.heap[c+1], &q.heap[c]) {
			c++
		}
		if !q.less(&q.heap[c], &e) {
			break
		}
		q.heap[i] = q.heap[c]
		i = c
	}
	q.heap[i] = e
}

// drop takes out every entry of these kinds that belongs to who.
func (q *queue) drop(who int8, kinds ...kind) {
	for i := int32(0); i < q.n; {
		e := &q.heap[i]
		hit := false
		for _, k := range kinds {
			hit = hit || e.kind == k && e.who == who
		}
		if hit {
			q.removeAt(i)
			i = 0 // what moved into this place may come from anywhere
			continue
		}
		i++
	}
}
