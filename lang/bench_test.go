package lang

import (
	"fmt"
	"strings"
	"testing"
)

// long is a runbook of about n lines, of every kind that runbooks have.
func long(n int) []byte {
	var b strings.Builder
	b.WriteString("param version = \"x\"   # expected\nwindow 6h\non window: failback\n")
	for i := 0; strings.Count(b.String()[max(0, b.Len()-1):], "\n") > 0 && i < n/14; i++ {
		fmt.Fprintf(&b, `# part %d
for each domain:
  wait ready retry 3 every 10m else failover
  stop graceful within 1h else stop   # drain, then cut
  upgrade with "C:\Updates\Installer.exe" args "/silentmode" within 1h
  restart within 30m
  if paired and not pool busy:
    verify version "{version}" retry 60 every 1m
  end
  hold ready 20m within 2h
end
if failed over:
  failback
end
`, i)
	}
	return []byte(b.String())
}

func BenchmarkCheck10k(b *testing.B) {
	src := long(10_000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		p, ds := Load("x.lrun", src, nil)
		ds = append(ds, Check(p, PoolFacts{})...)
		if ds.HasErrors() {
			b.Fatal(ds)
		}
	}
}

func BenchmarkFormat10k(b *testing.B) {
	src := long(10_000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Format("x.lrun", src); ds.HasErrors() {
			b.Fatal(ds)
		}
	}
}

// BenchmarkErrors10k is the slowest that a file of this length can get: twenty errors, each found by parsing anew.
func BenchmarkErrors10k(b *testing.B) {
	src := append(long(10_000), strings.Repeat("stop stop\n", 20)...)
	for b.Loop() {
		if _, ds := Load("x.lrun", src, nil); !ds.HasErrors() {
			b.Fatal("no errors")
		}
	}
}
