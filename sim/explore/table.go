package explore

// table is a set of fingerprints with a number each: open addressing with linear probing, grown at two thirds. A Go map
// takes three times as long for this. Two states that have the same 64 bits would be taken for one: with ten million
// states the odds are one in 400,000.
type table struct {
	keys []uint64 // 0 = free
	vals []uint32
	n    int
}

func tableKey(h uint64) uint64 {
	if h == 0 {
		return 1
	}
	return h
}

// find looks a fingerprint up.
func (t *table) find(h uint64) (int, bool) {
	if t.n == 0 {
		return 0, false
	}
	k := tableKey(h)
	mask := uint64(len(t.keys) - 1)
	for i := k >> 8 & mask; ; i = (i + 1) & mask {
		switch t.keys[i] {
		case k:
			return int(t.vals[i]), true
		case 0:
			return 0, false
		}
	}
}

// insert puts a fingerprint in with a number, unless it is there: then its own number is returned.
func (t *table) insert(h uint64, val int) (int, bool) {
	if 3*(t.n+1) > 2*len(t.keys) {
		t.grow()
	}
	k := tableKey(h)
	mask := uint64(len(t.keys) - 1)
	for i := k >> 8 & mask; ; i = (i + 1) & mask {
		switch t.keys[i] {
		case k:
			return int(t.vals[i]), false
		case 0:
			t.keys[i], t.vals[i] = k, uint32(val)
			t.n++
			return val, true
		}
	}
}

func (t *table) grow() {
	old := *t
	size := max(1024, 2*len(old.keys))
	t.keys, t.vals, t.n = make([]uint64, size), make([]uint32, size), 0
	for i, k := range old.keys {
		if k != 0 {
			t.insert(k, int(old.vals[i]))
		}
	}
}
