package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim/explore"
)

// certificateFile is where the certificate of a runbook for a pool lies: beside the runbook, as `lrun prove --save` with
// the runbook's folder writes it. Each pool has its own.
func certificateFile(runbook string, p *pool.Pool) string {
	return strings.TrimSuffix(runbook, filepath.Ext(runbook)) + "." + p.Name + ".proof.json"
}

// fewestFaults is what a proof has to cover for --require-proof: without a fault it speaks of the one night that nobody
// worries about.
const fewestFaults = 1

// proven says whether the runbook is proved for the pool it is about to run on: whether the certificate beside it speaks
// of these texts, this topology, these properties and this lrun, of a run that begins now, and of the pool as it is.
func (e *env) proven(prog *interp.Program, live *livePool, clock time.Duration) (words string, ok bool) {
	runbook := prog.Source.Main.Pos.Filename
	name := certificateFile(runbook, prog.Pool)
	f, err := e.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no certificate of lrun prove for this runbook on this pool", false
	}
	if err != nil {
		return fmt.Sprintf("%s cannot be opened: %s", name, cause(err)), false
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, explore.MaxCertificate))
	if err != nil {
		return fmt.Sprintf("%s cannot be read: %s", name, cause(err)), false
	}
	props, err := e.props(runbook)
	if err != nil {
		return err.Error(), false
	}
	c, err := explore.VerifyCertificate(data, prog, props, version(), clock, 0, 0)
	if err != nil {
		return err.Error(), false
	}
	if other := live.otherThanProved(prog); other != "" {
		return "the proof begins with every server in service and nobody failed over: " + other, false
	}
	words = fmt.Sprintf("proved for up to %s and %s of lrun, worst case %s",
		plural(c.Faults, "fault", "faults"), plural(c.Crashes, "crash", "crashes"), pool.FormatDuration(c.WorstCaseTime()))
	if c.Faults < fewestFaults {
		return words + "; a proof without faults is no proof of a night", false
	}
	return words, true
}

// otherThanProved tells in what the pool is not as a proof takes it to be at the start of a run; "" where it is so.
func (l *livePool) otherThanProved(prog *interp.Program) string {
	if l.state != interp.Active {
		return "the state of the pool is " + l.state.String()
	}
	in := pool.Set(0)
	for _, v := range l.servers {
		if i, ok := prog.Pool.Server(v.name); ok && v.answers && v.active {
			in = in.Add(i)
		}
	}
	if out := prog.Pool.All() &^ in; out != 0 {
		return "not in service: " + strings.Join(prog.Pool.Names(out), ", ")
	}
	return ""
}
