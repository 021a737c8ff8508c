package spell

import (
	"testing"

	_ "github.com/lrun/lrun/internal/golden" // knows -update, so that `go test ./... -update` passes here
)

func TestNearest(t *testing.T) {
	actions := []string{"verify", "restart", "start", "stop", "skip", "wait", "failback", "failover", "run"}
	for _, tt := range []struct{ word, want string }{
		{"verfy", "verify"}, {"vreify", "verify"}, {"VERIFY", "verify"}, {"strat", "start"}, {"restat", "restart"},
		{"fialover", "failover"}, {"wiat", "wait"}, {"rn", "run"}, {"reboot", ""}, {"", ""}, {"x", ""},
		{"completely-different", ""},
	} {
		if got := Nearest(tt.word, actions); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestNearestDoesNotDependOnOrder(t *testing.T) {
	if a, b := Nearest("cat", []string{"bat", "car"}), Nearest("cat", []string{"car", "bat"}); a != b || a != "bat" {
		t.Errorf("got %q and %q, want bat both times", a, b)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"größe", "grösse", 2}} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
