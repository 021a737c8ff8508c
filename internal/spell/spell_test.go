package spell_test

import (
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/spell"
)

func TestNearest(t *testing.T) {
	known := []string{"start", "stop", "upgrade", "restart", "verify", "hold", "wait", "at"}
	for _, c := range []struct{ word, want string }{
		{"verfy", "verify"},
		{"vreify", "verify"}, // two neighbours swapped are one step
		{"upgarde", "upgrade"},
		{"restrat", "restart"},
		{"stap", "stop"},
		{"stat", "start"},
		{"stop", "stop"},
		{"shutdown", ""},
		{"x", ""}, // one letter is no slip of another word
		{"", ""},
		{strings.Repeat("verify", 1000), ""},
	} {
		if got := spell.Nearest(c.word, known); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestTieGoesToTheFirst(t *testing.T) {
	if got := spell.Nearest("bat", []string{"cat", "hat"}); got != "cat" {
		t.Errorf("Nearest(bat) = %q, want the first of two equals, cat", got)
	}
}
