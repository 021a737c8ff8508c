package pool

import (
	"math/rand/v2"
	"testing"
)

// TestSets draws two rows of sets that differ a little, and holds what is told of them against asking each set for each
// server.
func TestSets(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		row := make([]Set, 4+chance.IntN(61))
		other := make([]Set, len(row))
		var changed Set
		for k := range row {
			row[k] = Set(chance.Uint32())
			if chance.IntN(3) == 0 { // most sets are empty most of the time
				row[k] = 0
			}
			if other[k] = row[k]; chance.IntN(10) == 0 {
				other[k] ^= SetOf(chance.IntN(MaxServers))
			}
			changed |= row[k] ^ other[k]
		}
		var u, v Sets
		u.Put(0, row[0], row[1], row[2], row[3])
		v.Put(0, other[0], other[1], other[2], other[3])
		if next := u.PutAll(1, row[4:]); next != (len(row)+3)/4 {
			t.Fatalf("%d sets are %d words", len(row), next)
		}
		v.PutAll(1, other[4:])
		if got := u.Changed(&v); got != changed {
			t.Fatalf("changed %v, want %v", got, changed)
		}
		for i := range MaxServers {
			for j := range MaxServers {
				same := true
				for k := range row {
					same = same && row[k].Has(i) == other[k].Has(j)
				}
				if got := u.Of(i) == v.Of(j); got != same {
					t.Fatalf("server %d of one and %d of the other are in the same sets: %t, want %t", i, j, got, same)
				}
			}
		}
	}
}
