package pool

// Sets are up to 64 sets of servers, four to a word: server i is in the k-th set of a word where bit 16k+i is set. One shift
// and one mask then tell of a server in which sets of a word it is, and one operation compares four sets of two states. Who
// keeps and compares many states asks this all the time.
type Sets struct {
	words [setWords]uint64
	n     int
}

const setWords = 16

// Put makes four sets the k-th word, k up to 15. Words are put from the first one on.
func (u *Sets) Put(k int, a, b, c, d Set) {
	u.words[k%setWords] = uint64(a) | uint64(b)<<16 | uint64(c)<<32 | uint64(d)<<48
	u.n = k + 1
}

// PutAll makes the sets of a list the words from the k-th on, with empty ones up to the next four.
func (u *Sets) PutAll(k int, list []Set) (next int) {
	for ; len(list) > 0; list = list[min(4, len(list)):] {
		var four [4]Set
		copy(four[:], list)
		u.Put(k, four[0], four[1], four[2], four[3])
		k++
	}
	return k
}

// Of tells in which sets a server is: one bit a set, the same one each time.
func (u *Sets) Of(server int) uint64 {
	const first = 1 | 1<<16 | 1<<32 | 1<<48 // server 0 in all sets of a word
	in := uint64(0)
	for k, w := range u.words[:min(u.n, setWords)] {
		in |= w >> (uint(server) % MaxServers) & first << (uint(k) % setWords)
	}
	return in
}

// Changed is the servers that are not in the same sets of u and of v, which has as many.
func (u *Sets) Changed(v *Sets) Set {
	change := uint64(0)
	for k, w := range u.words[:min(u.n, setWords)] {
		change |= w ^ v.words[k]
	}
	change |= change >> 32
	return Set(change | change>>16)
}
