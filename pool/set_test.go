package pool_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lrun/lrun/pool"
)

func TestSet(t *testing.T) {
	s := pool.SetOf(3, 0, 15)
	if got := slices.Collect(s.All()); !slices.Equal(got, []int{0, 3, 15}) {
		t.Errorf("members %v", got)
	}
	if s.String() != "{0 3 15}" || pool.Set(0).String() != "{}" || s.Len() != 3 {
		t.Errorf("%s has %d members", s, s.Len())
	}
	if !s.Has(15) || s.Has(14) || s.Remove(15).Has(15) || s.Add(14) != pool.SetOf(0, 3, 14, 15) {
		t.Error("Has, Add and Remove do not agree")
	}
	u := pool.SetOf(3, 4)
	if s.Union(u) != pool.SetOf(0, 3, 4, 15) || s.Intersect(u) != pool.SetOf(3) || s.Minus(u) != pool.SetOf(0, 15) {
		t.Error("Union, Intersect and Minus do not agree")
	}
	if !s.Contains(pool.SetOf(0, 3)) || s.Contains(u) || !pool.Set(0).Empty() || s.Empty() {
		t.Error("Contains and Empty do not agree")
	}
	if pool.FirstN(0) != 0 || pool.FirstN(16).Len() != 16 || pool.FirstN(3) != pool.SetOf(0, 1, 2) {
		t.Error("FirstN")
	}
}

func TestParseProduct(t *testing.T) {
	for _, p := range []pool.Product{pool.Lync2013, pool.SfB2015, pool.SfB2019, pool.SfBSE} {
		if got, ok := pool.ParseProduct(p.String()); !ok || got != p {
			t.Errorf("%s is read as %s", p, got)
		}
	}
	for _, s := range []string{"", "lync2010", "unknown product", "LYNC2013"} {
		if got, ok := pool.ParseProduct(s); ok {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
	}{
		{"90s", 90 * time.Second}, {"10m", 10 * time.Minute}, {"1h30m", 90 * time.Minute}, {"2d", 48 * time.Hour}, {"90m", 90 * time.Minute},
		{"0s", 0}, {"1d2h3m4s", 26*time.Hour + 3*time.Minute + 4*time.Second}, {"100d", pool.MaxDuration}, {"007m", 7 * time.Minute},
	} {
		got, err := pool.ParseDuration(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s is %v, %v; want %v", c.text, got, err, c.want)
		}
		if again, err := pool.ParseDuration(pool.FormatDuration(got)); err != nil || again != got {
			t.Errorf("%s is written %s", c.text, pool.FormatDuration(got))
		}
	}
	for _, bad := range []string{"", "10 m", "-5m", "+5m", "1e9h", "30m1h", "1h90m", "1h60m", "1d90m", "1d24h", "1m60s", "1h1h", "5", "m", "1.5h", "10M", "5min", "101d", "100d1s",
		"99999999999999999999s", "9223372036854775807d", "１m", "1h\t2m"} {
		if got, err := pool.ParseDuration(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestRangeText(t *testing.T) {
	if got := (pool.Range{Low: 5 * time.Minute, High: 90 * time.Minute}).String(); got != "5m..1h30m" {
		t.Errorf("range is written %s", got)
	}
	if r := (pool.Range{Low: time.Minute, High: time.Minute}); !r.Fixed() || r.String() != "1m" {
		t.Errorf("fixed range is written %s", r)
	}
}
