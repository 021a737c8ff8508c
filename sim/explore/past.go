package explore

import (
	"context"
	"slices"
	"strings"

	"github.com/lrun/lrun/interp"
)

// Past explores on past whatever violates a property, to the end of every run. The answer tells the endings of all runs, the
// worst case, and which properties are violated anywhere.
func Past(ctx context.Context, prog *interp.Program, opts Options) (*Answer, error) {
	opts.goOn, opts.Nights = true, false
	return Prove(ctx, prog, opts)
}

// noteBroken notes what a world violates, on a path that some night can take.
func (x *model) noteBroken(w *world) {
	if w.broken == Holds || w.odd {
		return
	}
	k := int(w.broken)
	if w.broken == UserProperty {
		k = int(properties) + int(w.prop)
	}
	if !x.broken[k].Load() {
		x.broken[k].Store(true)
	}
}

// violatedNames names what is violated anywhere.
func (e *Explorer) violatedNames() []string {
	var names []string
	for k := range e.x.broken {
		switch {
		case !e.x.broken[k].Load() && (k >= int(properties) || Property(k) != e.property || e.property == Holds || e.property == UserProperty):
		case k >= int(properties):
			names = append(names, e.x.opts.Props[k-int(properties)].Text)
		default:
			names = append(names, Property(k).String())
		}
	}
	return names
}

// pastDifferences compares two runbooks that violate the same property: what it takes, what else is violated, and how all
// runs end.
func pastDifferences(b *strings.Builder, before, after *interp.Program, old, now *Answer, clock Words) bool {
	differs := false
	faults, crashes := now.Trace.cost()
	if f, c := old.Trace.cost(); f != faults || c != crashes {
		differs = true
		row(b, "it takes", "%d faults and %d crashes, was %d and %d", faults, crashes, f, c)
	}
	if old.Past == nil || now.Past == nil {
		row(b, "beyond", "not compared")
		return true
	}
	for _, n := range now.Past.violated {
		if !slices.Contains(old.Past.violated, n) {
			differs = true
			row(b, "property lost", "the new runbook violates %s as well", n)
		}
	}
	for _, n := range old.Past.violated {
		if !slices.Contains(now.Past.violated, n) {
			differs = true
			row(b, "property gained", "the old runbook violates %s as well", n)
		}
	}
	return endingDifferences(b, before, after, old.Past, now.Past, clock) || differs
}
