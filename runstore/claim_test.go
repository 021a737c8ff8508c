package runstore

import (
	"errors"
	"os"
	"testing"

	"github.com/lrun/lrun/interp"
)

// TestClaim keeps others away from a pool before there is a run, hands its lock to the run, and leaves nothing behind
// where none begins.
func TestClaim(t *testing.T) {
	s := testStore(t, osFiles{})
	prog := program(t, "contoso-6.pool.yaml")
	c, err := s.Claim(prog.Pool.Name, prog.Pool.Backup)
	if err != nil {
		t.Fatal(err)
	}
	var busy *BusyError
	if _, err := s.Claim(prog.Pool.Name, ""); !errors.As(err, &busy) || busy.Holder.Run != c.ID {
		t.Errorf("a second claim: %v", err)
	}
	if _, err := s.Create(prog, interp.Args{}, nil, "pool01.pool.yaml"); !errors.As(err, &busy) {
		t.Errorf("a run beside the claim: %v", err)
	}
	c.Close()
	if all, err := s.List(); err != nil || len(all) > 0 {
		t.Errorf("a claim that was let go left %v, %v", all, err)
	}

	if c, err = s.Claim(prog.Pool.Name, prog.Pool.Backup); err != nil {
		t.Fatal(err)
	}
	r, err := c.Create(prog, interp.Args{}, nil, "pool01.pool.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := s.Claim(prog.Pool.Name, ""); !errors.As(err, &busy) || busy.Holder.Run != r.ID {
		t.Errorf("a claim beside the run: %v", err)
	}
	if err := r.Journal.Step(r.Machine, r.Machine.Step(interp.Event{Kind: interp.Began})); err != nil {
		t.Fatal(err)
	}
	if st := s.summary(r.ID).State; st != Running {
		t.Errorf("the run is %s", st)
	}
	if _, err := os.Stat(r.Folder()); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var unfinished *UnfinishedError
	if _, err := s.Claim(prog.Pool.Name, ""); !errors.As(err, &unfinished) || unfinished.Run.ID != r.ID {
		t.Errorf("a claim while a run is unfinished: %v", err)
	}
	// The users of that run's pool may be on its pair.
	if _, err := s.Claim(prog.Pool.Backup, prog.Pool.Name); !errors.As(err, &unfinished) || unfinished.Run.ID != r.ID {
		t.Errorf("a claim of the pair while a run is unfinished: %v", err)
	}
}
