// Package pile keeps very many small values in few allocations. It is a leaf: it imports nothing of ours.
package pile

// Most is the longest run of values that a Pile hands out.
const Most = 1 << bits

const bits = 5

// Pile is a store of values that grows by blocks, so that what is in it never moves, and that is emptied all at once. Values
// are not cleared: whoever takes room fills it.
type Pile[T any] struct {
	spare  *Spare[T]
	blocks []*[Most]T
	n      int
}

// Spare is the room of a few piles that one goroutine fills and empties: where one was emptied the next value of any of them
// comes to lie, the place left last first, since a cache still has that.
type Spare[T any] struct {
	blocks []*[Most]T // that no pile has
	made   int
}

// Made is for how many values it has made room in all.
func (s *Spare[T]) Made() int { return s.made * Most }

// Pile makes an empty pile.
func (s *Spare[T]) Pile() Pile[T] { return Pile[T]{spare: s} }

// Take gives room for a run of k values, k up to [Most], and where it lies.
func (p *Pile[T]) Take(k int) (at uint32, run []T) {
	if p.n&(Most-1)+k > Most {
		p.n = (p.n + Most - 1) &^ (Most - 1) // a run lies in one block
	}
	if p.n+k > len(p.blocks)<<bits {
		p.blocks = append(p.blocks, p.spare.block())
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

// Empty takes everything out.
func (p *Pile[T]) Empty() {
	p.spare.blocks = append(p.spare.blocks, p.blocks...)
	p.blocks, p.n = p.blocks[:0], 0
}

func (s *Spare[T]) block() *[Most]T {
	n := len(s.blocks) - 1
	if n < 0 {
		s.made++
		return new([Most]T)
	}
	b := s.blocks[n]
	s.blocks = s.blocks[:n]
	return b
}
