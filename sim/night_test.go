package sim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
)

// seedRunbook is the vendor's procedure for Lync Server 2013, as the documentation of the language shows it.
const seedRunbook = `
runbook "Lync Server 2013 cumulative update"

param update  = "C:\Updates\LyncServerUpdateInstaller.exe"
param version = "5.0.8308.1149"
window 24h

on failure:
  notify "{runbook} stopped on {pool}: {reason}"
end
on window:
  notify "{runbook}: the window on {pool} is closed, the rest follows the next night"
  failback
end

for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop
  upgrade with "{update}" args "/silentmode" within 1h
  restart within 30m
  verify version "{version}" retry 60 every 1m
  hold ready 20m within 2h
end

if failed over:
  failback
end
`

// loadPool reads a shipped example pool.
func loadPool(t testing.TB, name string) *pool.Pool {
	t.Helper()
	file := filepath.Join("..", "runbooks", "pools", name+".pool.yaml")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.Decode(file, src)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t testing.TB, p *pool.Pool, runbook string) *interp.Program {
	t.Helper()
	return compileWith(t, p, runbook, nil)
}

func compileWith(t testing.TB, p *pool.Pool, runbook string, set map[string]string) *interp.Program {
	t.Helper()
	src, diags := lang.Load("test.lrun", []byte(runbook), nil)
	if diags.HasErrors() {
		t.Fatal(diags.Error())
	}
	prog, err := interp.Compile(src, p, set)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func scenario(t testing.TB, p *pool.Pool, src string) *pool.Scenario {
	t.Helper()
	sc, err := pool.DecodeScenario("test.scenario.yaml", []byte(src), p)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// night is one rehearsal and its log.
type night struct {
	log     string
	result  interp.Result
	stats   sim.Stats
	events  int
	records []interp.Record
}

// rehearse plays one night and writes its log.
func rehearse(t testing.TB, prog *interp.Program, sc *pool.Scenario, ch sim.Chooser) night {
	t.Helper()
	r, err := sim.NewRehearsal(prog, sc, interp.Args{})
	if err != nil {
		t.Fatal(err)
	}
	d := interp.NewDescriber(prog, nil)
	var n night
	var b strings.Builder
	played, err := r.Night(context.Background(), ch, &sim.Watcher{
		Record: func(rec *interp.Record) {
			n.records = append(n.records, *rec)
			if line := d.Line(rec); line != "" {
				b.WriteString(line + "\n")
			}
		},
		Killed: func(at time.Duration, seq int64) {
			fmt.Fprintf(&b, "-- lrun is killed at %s, after record %d\n", at, seq)
		},
		Back: func(at time.Duration) { fmt.Fprintf(&b, "-- lrun is started again at %s\n", at) },
	})
	if err != nil {
		t.Fatalf("%v, after\n%s", err, b.String())
	}
	n.result, n.stats, n.events, n.log = played.Result, played.Stats, played.Events, b.String()
	return n
}
