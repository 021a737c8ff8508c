package sim_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// serverRunbook is the procedure of 2015 and later: one server at a time, moved away and back by the cmdlets.
const serverRunbook = `
runbook "Skype for Business Server 2015 cumulative update"

param version = "6.0.9319.619"

for each server:
  wait ready retry 3 every 10m else failover
  failover server retry 2 every 1h within 2h
  upgrade within 1h
  restart within 30m
  failback server within 1h
  verify version "{version}" retry 60 every 1m
end

if failed over:
  failback
end
if pool upgraded:
  run "if (Test-CsDatabase -ConfiguredDatabases -SqlServerFqdn be01.contoso.com | ? { $_.ExpectedVersion -ne $_.InstalledVersion }) { exit 1 }" safe
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
	src, diags := lang.Load("test.lrun", []byte(runbook), nil)
	if diags.HasErrors() {
		t.Fatal(diags.Error())
	}
	prog, err := interp.Compile(src, p, nil)
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

// rehearse drives a program through a night, and writes its log.
func rehearse(t testing.TB, prog *interp.Program, sc *pool.Scenario, ch sim.Chooser) night {
	t.Helper()
	m := interp.New(prog, interp.Args{})
	w, err := sim.New(prog, sc, ch)
	if err != nil {
		t.Fatal(err)
	}
	d := interp.NewDescriber(prog, nil)
	var n night
	var b strings.Builder
	ev := interp.Event{Kind: interp.Began}
	for {
		out := m.Step(ev)
		for i := range out.Records {
			n.records = append(n.records, out.Records[i])
			if line := d.Line(&out.Records[i]); line != "" {
				b.WriteString(line + "\n")
			}
		}
		w.Start(out.Effects)
		if res, done := m.Result(); done {
			n.result, n.stats, n.log = res, w.Stats(), b.String()
			return n
		}
		if ev, err = w.Next(context.Background()); err != nil {
			t.Fatalf("%v, after\n%s", err, b.String())
		}
		if n.events++; n.events > 20_000 {
			t.Fatalf("the night does not end:\n%s", b.String()[:10_000])
		}
	}
}
