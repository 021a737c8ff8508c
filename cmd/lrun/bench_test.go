package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// BenchmarkNight is one night of twelve servers inside the process, from the arguments to the last line of its log.
func BenchmarkNight(b *testing.B) {
	for b.Loop() {
		if code, _, errs := capture("simulate", "lync2013-cu", "--pool", "contoso-12"); code != exitDone {
			b.Fatal(errs)
		}
	}
}

// BenchmarkNightCommand is the same as a command of its own: start of the process, reading, night, log.
func BenchmarkNightCommand(b *testing.B) {
	lrun := filepath.Join(b.TempDir(), "lrun")
	if runtime.GOOS == "windows" {
		lrun += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", lrun, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		cmd := exec.Command(lrun, "simulate", "lync2013-cu", "--pool", "contoso-12")
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
}

// BenchmarkRuns10000 is ten thousand nights of twelve servers on one core, and its table.
func BenchmarkRuns10000(b *testing.B) {
	for b.Loop() {
		e, _, errs := testEnv()
		e.cores = 1
		if code := cli(b.Context(), e, []string{"simulate", "lync2013-cu", "--pool", "contoso-12", "--runs", "10000"}); code != exitDone {
			b.Fatal(errs)
		}
	}
}
