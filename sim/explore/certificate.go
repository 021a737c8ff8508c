package explore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Certificate says that a runbook was proved: for just these texts, this pool and these properties.
type Certificate struct {
	Format     int    `json:"format"` // 2
	Lrun       string `json:"lrun"`   // version
	Runbook    string `json:"runbook"`
	Pool       string `json:"pool"`
	Faults     int    `json:"faults"`
	Crashes    int    `json:"crashes"`
	Verdict    string `json:"verdict"`         // holds
	WorstCase  int64  `json:"worst_case"`      // seconds
	Window     int64  `json:"window"`          // seconds that a `window until` was at least to be open; 0 = however long it is
	RunbookSum string `json:"runbook_sha256"`  // of the runbook, what it includes and the values of its parameters
	PoolSum    string `json:"topology_sha256"` // of product, domains, servers in their order, pairing and model
	PropsSum   string `json:"properties_sha256"`
}

// WorstCaseTime is the worst case as a duration.
func (c *Certificate) WorstCaseTime() time.Duration { return time.Duration(c.WorstCase) * time.Second }

const certificateFormat = 2

// MaxCertificate is the size in bytes that a certificate may have.
const MaxCertificate = 1 << 16

// ErrNotProved says that a certificate does not speak of what is about to run.
var ErrNotProved = errors.New("not proved")

// Certify writes the certificate of an answer that holds, as indented JSON with a final line end.
func Certify(prog *interp.Program, opts Options, a *Answer, version string) ([]byte, error) {
	if a.Property != Holds {
		return nil, fmt.Errorf("%w: %s is violated", ErrNotProved, a.Name())
	}
	c := certificate(prog, opts.Props, version)
	c.Faults, c.Crashes, c.WorstCase = a.Faults, a.Crashes, int64(a.WorstCase.Seconds())
	c.Window = openFor(prog, opts.Clock)
	out, err := json.MarshalIndent(c, "", "  ")
	return append(out, '\n'), err
}

// openFor is for how many seconds a `window until` is open in a run that begins at a time of day, -1 for one that is not
// known. It is 0 where that does not count, or where what was proved holds whenever the window closes.
func openFor(prog *interp.Program, clock time.Duration) int64 {
	if prog.Window.Until < 0 {
		return 0
	}
	end, _ := windowEnd(prog, clock)
	return int64(end / time.Second)
}

func certificate(prog *interp.Program, props []Prop, version string) *Certificate {
	return &Certificate{
		Format: certificateFormat, Lrun: version, Runbook: prog.Name, Pool: prog.Pool.Name, Verdict: "holds",
		RunbookSum: runbookSum(prog), PoolSum: poolSum(prog), PropsSum: propsSum(props),
	}
}

// VerifyCertificate reports whether a certificate speaks of this program on its pool, with at least these bounds: for the
// live topology, prog has to be compiled for it. clock is the time of day at which the run is to begin, -1 where that is not
// known: a window that is open for longer is over in fewer nights, never in others. The error wraps [ErrNotProved] and says
// all that differs.
func VerifyCertificate(data []byte, prog *interp.Program, props []Prop, version string, clock time.Duration, faults, crashes int) (*Certificate, error) {
	var c Certificate
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%w: the certificate cannot be read: %w", ErrNotProved, err)
	}
	want := certificate(prog, props, version)
	var differs []string
	check := func(what string, is bool) {
		if !is {
			differs = append(differs, what)
		}
	}
	check("the certificate's format", c.Format == want.Format && c.Verdict == want.Verdict)
	check("the runbook, what it includes or its parameters", c.RunbookSum == want.RunbookSum)
	check("the topology or the model of the pool", c.PoolSum == want.PoolSum && c.Pool == want.Pool)
	check("the properties", c.PropsSum == want.PropsSum)
	check(fmt.Sprintf("the version of lrun (%s then, %s now)", c.Lrun, want.Lrun), c.Lrun == want.Lrun)
	check(fmt.Sprintf("the bounds (%d faults and %d crashes then, at least %d and %d asked for)", c.Faults, c.Crashes, faults, crashes),
		c.Faults >= faults && c.Crashes >= crashes)
	if open := openFor(prog, clock); c.Window > open && clock < 0 {
		check("when the run begins, which counts for its window", false)
	} else {
		check(fmt.Sprintf("the window (open for %s then, for %s now)", seconds(c.Window), seconds(open)), c.Window <= open)
	}
	if len(differs) > 0 {
		return nil, fmt.Errorf("%w: this differs from the certificate: %s", ErrNotProved, strings.Join(differs, "; "))
	}
	return &c, nil
}

func seconds(n int64) string { return pool.FormatDuration(time.Duration(n) * time.Second) }

// runbookSum is the hash of all texts of a runbook, the main one first, and of its parameters by name. Line ends do not
// count.
func runbookSum(prog *interp.Program) string {
	h := sha256.New()
	for _, f := range prog.Source.Files {
		text := prog.Source.Sources[f.Pos.Filename]
		part(h, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	names := make([]string, 0, len(prog.Params))
	for n := range prog.Params {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		part(h, n)
		part(h, prog.Params[n])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// poolSum is the hash of all of a pool that the outcome depends on.
func poolSum(prog *interp.Program) string {
	h := sha256.New()
	p := prog.Pool
	part(h, p.Name)
	part(h, p.Product.String())
	part(h, fmt.Sprint(p.Paired()))
	for _, d := range p.Domains {
		part(h, d.Name)
		part(h, strings.Join(p.Names(d.Servers), " "))
	}
	part(h, strings.Join(p.Names(p.All()), " "))
	part(h, fmt.Sprintf("%+v", p.Model))
	return hex.EncodeToString(h.Sum(nil))
}

func propsSum(props []Prop) string {
	h := sha256.New()
	for i := range props {
		part(h, props[i].Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// part writes a text with its length, so that two rows of texts are the same only if each text is.
func part(w io.Writer, s string) { _, _ = fmt.Fprintf(w, "%d:%s", len(s), s) }
