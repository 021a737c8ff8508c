package explore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/runbooks"
)

// TestShippedRunbooks proves every shipped runbook on every shipped pool that it passes the check for: one fault and one
// crash, and on pools of up to eight servers two faults as well. What cannot hold stands in the files, with the property
// and what it takes.
func TestShippedRunbooks(t *testing.T) {
	if raceOn {
		t.Skip("too long under the race detector")
	}
	for _, f := range runbooks.Files() {
		if f.Kind != runbooks.Runbook {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, pf := range runbooks.Files() {
				if pf.Kind != runbooks.Pool {
					continue
				}
				prog := compileIfFit(t, &f, &pf)
				if prog == nil {
					continue
				}
				fmt.Fprintf(&b, "%s: %s\n", pf.Name, shape(prog.Pool))
				bounds := []Options{{Faults: 1, Crashes: 1}}
				if len(prog.Pool.Servers) <= 8 {
					bounds = append(bounds, Options{Faults: 2})
				}
				for _, o := range bounds {
					b.WriteString(inShort(prove(t, prog, o), prog))
				}
			}
			golden.Check(t, filepath.Join("../../testdata/prove/shipped", f.Name+".golden"), []byte(b.String()))
		})
	}
}

// compileIfFit compiles a shipped runbook for a shipped pool, or gives nil where the check refuses the pair.
func compileIfFit(t *testing.T, f, pf *runbooks.File) *interp.Program {
	t.Helper()
	p, err := pool.Decode(pf.File, pf.Text)
	if err != nil {
		t.Fatal(err)
	}
	src, ds := lang.Load(f.File, f.Text, nil)
	if ds.HasErrors() {
		t.Fatal(ds.Error())
	}
	if lang.Check(src, lang.PoolFacts{
		Known: true, Name: p.Name, Lync2013: p.Product == pool.Lync2013, Servers: len(p.Servers), Domains: len(p.Domains),
		Paired: p.Paired(), Installer: p.Installer != "",
	}).HasErrors() {
		return nil
	}
	prog, err := interp.Compile(src, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func shape(p *pool.Pool) string {
	text := fmt.Sprintf("%d servers in %d domains", len(p.Servers), len(p.Domains))
	if !p.Paired() {
		text += ", not paired"
	}
	return text
}

// inShort is an answer in a few lines: the verdict, what a violation takes, the endings.
func inShort(a *Answer, prog *interp.Program) string {
	var b strings.Builder
	if a.Property != Holds {
		faults, crashes := a.Trace.cost()
		fmt.Fprintf(&b, "  %s: %s is violated by %d faults and %d crashes", a.Bounds(), a.Property, faults, crashes)
		if in := a.Guilty(prog); in != nil {
			fmt.Fprintf(&b, " at line %d, %s", in.Line, in.Phrase())
		}
		b.WriteString("\n")
		for i := range a.Trace.Lines {
			if l := &a.Trace.Lines[i]; l.Cost {
				fmt.Fprintf(&b, "    %s %s\n", offset(l.At), l.Befell)
			}
		}
		return b.String()
	}
	fmt.Fprintf(&b, "  %s: holds; worst case %s; %s states\n", a.Bounds(), brief(a.WorstCase), thousands(int64(a.States)))
	for _, w := range a.Ways() {
		fmt.Fprintf(&b, "    %s\n", w)
	}
	return b.String()
}
