package pool

import (
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

// MaxServers is the size of the largest pool of any product, in Front End
// servers. It is also the number of bits in a [Set].
const MaxServers = 16

// Set is a set of servers, or of domains: bit i stands for the i-th one in
// topology order. The zero Set is empty. Sets are values; no method changes
// its receiver.
type Set uint16

// SetOf returns the set of the numbers given, each from 0 to 15.
func SetOf(members ...int) Set {
	var s Set
	for _, i := range members {
		s = s.Add(i)
	}
	return s
}

// FirstN returns the set of the first n servers or domains.
func FirstN(n int) Set { return Set(1<<n - 1) }

// Has reports whether i is in s.
func (s Set) Has(i int) bool { return s>>i&1 == 1 }

// Add returns s with i in it.
func (s Set) Add(i int) Set { return s | 1<<i }

// Remove returns s without i.
func (s Set) Remove(i int) Set { return s &^ (1 << i) }

// Union returns what is in s, in t or in both.
func (s Set) Union(t Set) Set { return s | t }

// Intersect returns what is in both s and t.
func (s Set) Intersect(t Set) Set { return s & t }

// Minus returns what is in s and not in t.
func (s Set) Minus(t Set) Set { return s &^ t }

// Contains reports whether all of t is in s.
func (s Set) Contains(t Set) bool { return t&^s == 0 }

// Len is the number of members.
func (s Set) Len() int { return bits.OnesCount16(uint16(s)) }

// Empty reports whether there are no members.
func (s Set) Empty() bool { return s == 0 }

// All yields the members in topology order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(bits.TrailingZeros16(uint16(s))) {
				return
			}
		}
	}
}

// String writes the members by number, as {0 2 3}; [Pool.Names] writes names.
func (s Set) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range s.All() {
		if b.Len() > 1 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(i))
	}
	b.WriteByte('}')
	return b.String()
}
