package explore

import (
	"fmt"
	"strings"

	"github.com/lrun/lrun/interp"
)

// Way is a way to end, without how many servers are left.
type Way struct {
	Ending     interp.Ending
	FailedOver bool
}

func (w Way) String() string {
	if w.FailedOver {
		return w.Ending.String() + ", failed over"
	}
	return w.Ending.String()
}

// Differences tells what differs in behaviour between two runbooks, by their answers within the same bounds.
func Differences(before, after *interp.Program, old, now *Answer, clock Words) (text string, differs bool) {
	var b strings.Builder
	bounds := old.Bounds()
	switch {
	case old.Property == Holds && now.Property == Holds:
		differs = endingDifferences(&b, before, after, old, now, clock)
	case old.Property == now.Property && old.Name() == now.Name():
		text = fmt.Sprintf("Both violate %s with %s\n", old.Name(), bounds)
		if !pastDifferences(&b, before, after, old, now, clock) {
			return text + "Nothing else differs in behaviour\n", false
		}
		return text + "The behaviour differs, past that too\n" + b.String(), true
	default:
		differs = true
		propertyDifference(&b, "lost", after, now, clock)
		propertyDifference(&b, "gained", before, old, clock)
	}
	if !differs {
		return fmt.Sprintf("Nothing differs in behaviour with %s\n", bounds), false
	}
	return fmt.Sprintf("The behaviour differs, with %s\n", bounds) + b.String(), true
}

// propertyDifference tells of a property that is violated by one of the two.
func propertyDifference(b *strings.Builder, what string, prog *interp.Program, a *Answer, clock Words) {
	if a.Property == Holds {
		return
	}
	which := "the new runbook violates"
	if what == "gained" {
		which = "the old runbook violates"
	}
	row(b, "property "+what, "%s %s: %s", which, a.Name(), a.Says())
	if in := a.Guilty(prog); in != nil {
		row(b, "", "%s:%d: %s", in.File, in.Line, in.Phrase())
	}
	fmt.Fprintf(b, "\n%s\n", a.Trace.Log(prog, clock))
}

func endingDifferences(b *strings.Builder, before, after *interp.Program, old, now *Answer, clock Words) bool {
	differs := false
	if old.WorstCase != now.WorstCase {
		differs = true
		row(b, "worst case", "%s, was %s", brief(now.WorstCase), brief(old.WorstCase))
	}
	was, is := old.ways(), now.ways()
	texts := map[Way]string{}
	for _, w := range was {
		texts[w.way] = w.text
	}
	for _, w := range is {
		if t, ok := texts[w.way]; ok && t != w.text {
			differs = true
			row(b, "ending", "%s", w.text)
			row(b, "", "was %s", t)
		}
	}
	for _, w := range missing(is, was) {
		differs = true
		row(b, "ending gained", "%s", w.text)
		showNight(b, after, now, w.way, clock)
	}
	for _, w := range missing(was, is) {
		differs = true
		row(b, "ending lost", "%s", w.text)
		showNight(b, before, old, w.way, clock)
	}
	return differs
}

// missing lists the ways of a that b has not.
func missing(a, b []wayText) []wayText {
	has := map[Way]bool{}
	for _, w := range b {
		has[w.way] = true
	}
	var list []wayText
	for _, w := range a {
		if !has[w.way] {
			list = append(list, w)
		}
	}
	return list
}

func showNight(b *strings.Builder, prog *interp.Program, a *Answer, w Way, clock Words) {
	if t := a.Nights[w]; t != nil {
		fmt.Fprintf(b, "\n%s\n", t.Log(prog, clock))
	}
}
