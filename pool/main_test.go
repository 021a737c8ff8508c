package pool_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// The transcripts are rewritten by the module's one flag, -update.
func TestMain(m *testing.M) {
	flag.Parse()
	if golden.Update() {
		if err := flag.Set("rewrite", "true"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
