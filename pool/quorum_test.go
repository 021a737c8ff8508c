package pool_test

import (
	"fmt"
	"testing"

	"github.com/lrun/lrun/pool"
)

func poolOf(n int, product pool.Product) *pool.Pool {
	p := &pool.Pool{Name: "pool01.contoso.com", Product: product}
	for i := range n {
		p.Domains = append(p.Domains, pool.Domain{Name: fmt.Sprintf("UD%d", i+1), Servers: pool.SetOf(i)})
		p.Servers = append(p.Servers, pool.Server{Name: fmt.Sprintf("fe%02d.contoso.com", i+1), Domain: i})
	}
	return p
}

// The rows are written out once more, from the vendor's page and not from the
// code: size of the pool, servers that start it, and the functional rule with
// and without the vote of the primary database.
func TestQuorumTables(t *testing.T) {
	for _, c := range []struct {
		product           pool.Product
		size, start       int
		need, of, without int
	}{
		{pool.Lync2013, 2, 1, 1, 2, 2},
		{pool.Lync2013, 3, 3, 2, 3, 2},
		{pool.Lync2013, 4, 3, 2, 4, 3},
		{pool.Lync2013, 5, 4, 3, 5, 3},
		{pool.Lync2013, 6, 5, 3, 6, 4},
		{pool.Lync2013, 7, 5, 4, 7, 4},
		{pool.Lync2013, 8, 6, 4, 7, 4},
		{pool.Lync2013, 9, 7, 4, 7, 4},
		{pool.Lync2013, 10, 8, 5, 9, 5},
		{pool.Lync2013, 11, 9, 5, 9, 5},
		{pool.Lync2013, 12, 10, 5, 9, 5},
		{pool.SfB2015, 2, 1, 1, 2, 2},
		{pool.SfB2015, 12, 10, 5, 9, 5},
		{pool.SfB2019, 11, 9, 5, 9, 5},
		{pool.SfB2019, 12, 10, 7, 12, 7},
		{pool.SfB2019, 13, 12, 7, 12, 7},
		{pool.SfB2019, 14, 12, 7, 12, 7},
		{pool.SfB2019, 15, 12, 7, 12, 7},
		{pool.SfB2019, 16, 12, 7, 12, 7},
		{pool.SfBSE, 12, 10, 7, 12, 7},
		{pool.SfBSE, 16, 12, 7, 12, 7},
	} {
		p := poolOf(c.size, c.product)
		t.Run(fmt.Sprintf("%s of %d", c.product, c.size), func(t *testing.T) {
			if got := p.StartQuorum(); got != c.start {
				t.Errorf("starts with %d, want %d", got, c.start)
			}
			if got := p.Seeds(); got != pool.FirstN(c.of) {
				t.Errorf("seeds are %s, want the first %d", got, c.of)
			}
			// Every set of running servers, against the words of the table.
			for running := range pool.Set(1<<(c.size-1))<<1 - 1 {
				votes := running.Intersect(pool.FirstN(c.of)).Len()
				if got := p.Quorum(running, true); got != (votes >= c.need) {
					t.Fatalf("quorum of %s with SQL is %v", running, got)
				}
				if got := p.Quorum(running, false); got != (votes >= c.without) {
					t.Fatalf("quorum of %s without SQL is %v", running, got)
				}
			}
		})
	}
}

// The eighth server of eight has no vote: seven others may not spare four.
func TestServersBehindTheSeedsDoNotCount(t *testing.T) {
	p := poolOf(8, pool.Lync2013)
	if !p.Quorum(pool.SetOf(0, 1, 2, 3), true) {
		t.Error("any 4 of the first 7 are enough")
	}
	if p.Quorum(pool.SetOf(0, 1, 2, 7), true) {
		t.Error("the eighth server was counted")
	}
}

// A pool that no decoder makes has no quorum, rather than a lucky one.
func TestNoPoolNoQuorum(t *testing.T) {
	for _, n := range []int{0, 17} {
		p := &pool.Pool{Product: pool.Lync2013, Servers: make([]pool.Server, n)}
		if p.Quorum(^pool.Set(0), true) {
			t.Errorf("a pool of %d servers has quorum", n)
		}
	}
}
