package explore

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// TestGrowth counts the states of the seed procedure on pools of two to sixteen servers and writes the table and the plot
// of docs/prove.md. With each server that a domain has more, the states must stay below twice as many.
func TestGrowth(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	states := func(domains, size, faults int) int {
		product := "sfbse"
		if domains*size == 2 {
			product = "sfb2015" // the last one that has pools of two
		}
		prog := compileFor(t, "seed.lrun", seedText, poolOf(t, product, domains, size))
		return prove(t, prog, Options{Faults: faults, goOn: true}).States
	}
	var b strings.Builder
	b.WriteString("| servers | domains | K = 0 | K = 1 | K = 2 |\n|---|---|---|---|---|\n")
	var singles, pairs [3]series
	for k := range 3 {
		singles[k].name = fmt.Sprintf("domains of one, K = %d", k)
		pairs[k].name = fmt.Sprintf("domains of two, K = %d", k)
	}
	for _, n := range []int{2, 4, 6, 8, 10, 12, 14, 16} {
		for _, size := range []int{1, 2} {
			if n/size < 2 {
				continue
			}
			fmt.Fprintf(&b, "| %d | %d × %d |", n, n/size, size)
			for k := range 3 {
				got := states(n/size, size, k)
				fmt.Fprintf(&b, " %s |", thousands(int64(got)))
				s := &singles[k]
				if size == 2 {
					s = &pairs[k]
				}
				s.points = append(s.points, point{n, got})
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n| servers of a domain, three domains | K = 0 | K = 1 | K = 2 |\n|---|---|---|---|\n")
	var before [3]int
	for size := 1; size <= 5; size++ {
		fmt.Fprintf(&b, "| %d |", size)
		for k := range 3 {
			got := states(3, size, k)
			fmt.Fprintf(&b, " %s |", thousands(int64(got)))
			if size > 2 && got >= 2*before[k] {
				t.Errorf("K = %d: %d states with domains of %d, %d with domains of %d", k, got, size, before[k], size-1)
			}
			before[k] = got
		}
		b.WriteString("\n")
	}
	golden.Check(t, "../../docs/prove-growth.md", []byte("# How the states grow\n\nThe seed procedure (`sim/explore/explore_test.go`), "+
		"all outcomes with up to K faults. `go test ./sim/explore -run TestGrowth -update` writes this page and the plot.\n\n"+
		"![states by servers](prove-growth.svg)\n\n"+b.String()))
	golden.Check(t, "../../docs/prove-growth.svg", plot(append(singles[:], pairs[:]...)))
}

type point struct{ servers, states int }

type series struct {
	name   string
	points []point
}

// plot draws states by servers, on a scale of powers of ten.
func plot(all []series) []byte {
	const width, height, left, top, bottom = 720, 420, 60, 20, 40
	x := func(n int) float64 { return left + float64(n-2)/14*(width-left-220) }
	y := func(n int) float64 { return height - bottom - math.Log10(float64(n))/6*(height-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	for p, n := 0, 1; p <= 6; p, n = p+1, n*10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(n), x(16), left-6, y(n)+4, thousands(int64(n)))
	}
	for n := 2; n <= 16; n += 2 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(n), height-bottom+18, n)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">servers</text>`+"\n", (x(2)+x(16))/2, height-6)
	colors := []string{"#9ecae1", "#4292c6", "#08519c", "#fdae6b", "#f16913", "#a63603"}
	for i, s := range all {
		var line []string
		for _, p := range s.points {
			line = append(line, fmt.Sprintf("%.1f,%.1f", x(p.servers), y(p.states)))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), colors[i])
		fmt.Fprintf(&b, `<path d="M%d %dh24" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n",
			width-200, top+20+20*i, colors[i], width-170, top+24+20*i, s.name)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
