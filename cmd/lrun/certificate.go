package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

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
// of these texts, this topology, these properties and this lrun.
func (e *env) proven(prog *interp.Program) (words string, ok bool) {
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
	c, err := explore.VerifyCertificate(data, prog, props, version(), 0, 0)
	if err != nil {
		return err.Error(), false
	}
	words = fmt.Sprintf("proved for up to %s and %s of lrun, worst case %s",
		plural(c.Faults, "fault", "faults"), plural(c.Crashes, "crash", "crashes"), pool.FormatDuration(c.WorstCaseTime()))
	if c.Faults < fewestFaults {
		return words + "; a proof without faults is no proof of a night", false
	}
	return words, true
}
