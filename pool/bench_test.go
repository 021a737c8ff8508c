package pool_test

import (
	"testing"

	"github.com/lrun/lrun/pool"
)

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		if _, err := pool.Decode("x", []byte(full)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuorum(b *testing.B) {
	p := poolOf(12, pool.Lync2013)
	var s pool.Set
	for b.Loop() {
		s++
		if p.Quorum(s, true) && !p.Quorum(s, true) {
			b.Fatal("quorum is no function of its arguments")
		}
	}
}
