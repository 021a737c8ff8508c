package explore

import (
	"math"
	"sync"
)

// link is a transition out of a state, kept for the questions about all paths.
type link struct {
	to   stateID
	span uint32 // how much time it takes
}

// What a link's span of time holds beside whole seconds, which all durations are.
const (
	spanLate   = 1 << 31 // the window is taken to be over
	spanThinks = 1 << 30 // a person thinks: it is not lrun's time
	spanMask   = spanThinks - 1
)

// spanTime is how much time a link takes, in seconds.
func spanTime(span uint32) int32 { return int32(span & spanMask) }

// lrunTime is how much of lrun's time a link takes, in seconds.
func lrunTime(span uint32) int32 {
	if span&spanThinks != 0 {
		return 0
	}
	return spanTime(span)
}

// later is a time that is by seconds later than another; of what is later than 68 years it is not told how much.
func later(at, by int32) int32 { return int32(min(int64(at)+int64(by), math.MaxInt32)) }

// linkID is where a link lies: the block in the high half, its place there in the low one.
type linkID uint32

const linkBits = 16

// links are the transitions of an exploration, those out of one state side by side. They lie in blocks, each of them one
// worker's own until the next one is begun, and never move: where a link leads is filled in when its state gets a number.
type links struct {
	mu     sync.Mutex // for who adds a block
	blocks [][]link
}

func (ls *links) at(id linkID) *link { return &ls.blocks[id>>linkBits][id&(1<<linkBits-1)] }

// from is the links out of a state.
func (ls *links) from(r *record) []link { return ls.row(r.links, r.degree) }

// row is n links that lie side by side.
func (ls *links) row(at linkID, n uint16) []link {
	if n == 0 {
		return nil
	}
	return ls.blocks[at>>linkBits][at&(1<<linkBits-1):][:n]
}

// block adds a block of n links.
func (ls *links) block(n int) (number linkID, room []link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	room = make([]link, n)
	ls.blocks = append(ls.blocks, room)
	return linkID(len(ls.blocks)-1) << linkBits, room
}

// linker is where one worker puts its links.
type linker struct {
	number linkID // of the block, in its place
	room   []link
	n      int // how much of the room is used
}

// firstBlock is how many links the first block of a worker has room for; each further one has room for twice as many, up
// to what a linkID can tell apart.
const firstBlock = 1 << 10

// begin is where the links out of a state begin that has up to most of them. No state has more than a block holds: it has
// fewer than two hundred choices, each in as many variants as there are questions of time.
func (l *linker) begin(ls *links, most int) linkID {
	if l.n+most > len(l.room) {
		room := max(most, min(max(firstBlock, 2*len(l.room)), 1<<linkBits))
		l.number, l.room = ls.block(room)
		l.n = 0
	}
	return l.number + linkID(l.n)
}

// add adds a link that does not lead anywhere yet.
func (l *linker) add(span uint32) (linkID, *link) {
	id, out := l.number+linkID(l.n), &l.room[l.n]
	out.span = span
	l.n++
	return id, out
}

// since is how many links were added since id.
func (l *linker) since(id linkID) uint16 { return uint16(l.number + linkID(l.n) - id) }
