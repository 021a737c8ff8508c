// Package pile keeps very many small values in few allocations. It is a leaf: it imports nothing of ours.
package pile

// Most is the longest run of values that a Pile hands out.
const Most = 1 << bits

const bits = 5

// Pile is a store of values that grows by blocks, so that what is in it never moves, and that is emptied all at once, so
// that its room is used again. The zero Pile is empty. Values are not cleared: whoever takes room fills it.
type Pile[T any] struct {
	blocks [][]T
	n      int
}

// Take gives room for a run of k values, k up to [Most], and where it lies.
func (p *Pile[T]) Take(k int) (at uint32, run []T) {
	if p.n&(Most-1)+k > Most {
		p.n = (p.n + Most - 1) &^ (Most - 1) // a run lies in one block
	}
	if p.n+k > len(p.blocks)<<bits {
		p.blocks = append(p.blocks, make([]T, Most))
	}
	at = uint32(p.n)
	p.n += k
	return at, p.At(at, k)
}

// At is the run of k values that lies at a place that Take gave.
func (p *Pile[T]) At(at uint32, k int) []T {
	i := int(at & (Most - 1))
	if k == 0 {
		return nil
	}
	return p.blocks[at>>bits][i : i+k : i+k]
}

// Empty takes everything out and keeps the room.
func (p *Pile[T]) Empty() { p.n = 0 }
