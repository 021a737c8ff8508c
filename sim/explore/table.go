package explore

import "slices"

// table is a set of fingerprints, each with a number: they count up from 0 as they come in. It is open addressing with
// linear probing, grown at two thirds: what is probed are numbers, sixteen of them to a cache line, with a few bits of
// their fingerprints, so that hardly ever a wrong fingerprint is compared. A Go map takes three times as long for this.
// Two states that have the same 64 bits would be taken for one: with ten million states the odds are one in 400,000.
type table struct {
	hashes []uint64 // by number
	slots  []uint32 // 0 = free; else 1 + the number in the low bits, and in the high bits some of the fingerprint
}

// numberBits is how many bits of a slot are its number: a table holds 16 million fingerprints.
const (
	numberBits = 24
	numberMask = 1<<numberBits - 1
)

// start is where the search for a fingerprint begins.
func (t *table) start(h uint64) uint64 { return h >> 8 & uint64(len(t.slots)-1) }

// mark is the bits of a fingerprint that stand in its slot. They are none of those that tell where its search begins.
func mark(h uint64) uint32 { return uint32(h>>32) &^ numberMask }

// touch reads the slot where the search for a fingerprint begins, so that it has been fetched from memory when the
// fingerprint is looked up.
func (t *table) touch(h uint64) uint32 {
	if len(t.slots) == 0 {
		return 0
	}
	return t.slots[t.start(h)]
}

// find looks a fingerprint up.
func (t *table) find(h uint64) (number int, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	number, _ = t.probe(h)
	return number, number >= 0
}

// probe looks for a fingerprint: its number, or -1 and the free slot that it would come into.
func (t *table) probe(h uint64) (number int, free uint64) {
	slots := t.slots
	mask := uint64(len(slots) - 1)
	for i := t.start(h); ; i++ {
		s := slots[i&mask]
		if s == 0 {
			return -1, i & mask
		}
		if s&^numberMask == mark(h) {
			if n := int(s&numberMask) - 1; t.hashes[n] == h {
				return n, 0
			}
		}
	}
}

// insert puts a fingerprint in unless it is there, and tells its number.
func (t *table) insert(h uint64) (number int, isNew bool) {
	if 3*(len(t.hashes)+1) > 2*len(t.slots) {
		t.grow()
	}
	number, free := t.probe(h)
	if number >= 0 {
		return number, false
	}
	if len(t.hashes) == cap(t.hashes) {
		t.hashes = slices.Grow(t.hashes, max(256, len(t.hashes))) // twice as many: what append adds costs more copies
	}
	t.hashes = append(t.hashes, h)
	t.slots[free] = mark(h) | uint32(len(t.hashes))
	return len(t.hashes) - 1, true
}

func (t *table) grow() {
	t.slots = make([]uint32, max(1024, 2*len(t.slots)))
	for n, h := range t.hashes {
		_, free := t.probe(h)
		t.slots[free] = mark(h) | uint32(n+1)
	}
}
