package explore

import (
	"strings"
	"testing"
)

func TestParseProps(t *testing.T) {
	good := `# what this pool wants
never users cut off > 500   # at once
always elapsed < 6h
never elapsed >= 7h30m
never servers down > 2
always  servers left <= 3
never failed over
sometimes completed
never in-doubt
`
	props, err := ParseProps("a.props", []byte("\ufeff"+good))
	if err != nil || len(props) != 8 {
		t.Fatal(len(props), err)
	}
	if p := props[4]; p.Text != "always servers left <= 3" || p.Line != 6 || p.value != 3 || p.subject != serversLeft {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct{ line, want string }{
		{"nevr failed over", `a.props:1:1: unknown "nevr", did you mean "never"?`},
		{"avoid failed over", `a.props:1:1: unknown "avoid"; a property begins with never, always or sometimes`},
		{"never", `a.props:1:5: never what? One of: users cut off, servers down,`},
		{"  never failed ovr", `a.props:1:9: unknown "failed ovr", did you mean "failed over"?`},
		{"never users cut off", `a.props:1:17: "users cut off" is a figure: compare it, as in never users cut off > 2`},
		{"never failed over > 2", `a.props:1:19: "failed over" is no figure`},
		{"never servers down > -1", `a.props:1:22: "-1" is no whole number`},
		{"never servers down > 1 2", `a.props:1:20: one value follows >`},
		{"always elapsed < soon", `a.props:1:18: `},
		{"always elapsed > 6h", `a.props:1:18: of the time elapsed only the longest is known`},
		{"sometimes elapsed < 6h", `a.props:1:21: of the time elapsed only the longest is known`},
		{strings.Repeat("never failed over\n", MaxProps+1), "more than 100 properties"},
	} {
		if _, err := ParseProps("a.props", []byte(c.line)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.line, err, c.want)
		}
	}
}

func FuzzParseProps(f *testing.F) {
	f.Add([]byte("never users cut off > 500\nalways elapsed < 6h # so\n"))
	f.Add([]byte("sometimes completed"))
	f.Fuzz(func(t *testing.T, src []byte) {
		props, err := ParseProps("a.props", src)
		if err != nil {
			return
		}
		var again []string
		for _, p := range props {
			again = append(again, p.Text)
		}
		twice, err := ParseProps("a.props", []byte(strings.Join(again, "\n")))
		if err != nil || len(twice) != len(props) {
			t.Fatalf("%q reads as %d properties, and their texts as %d: %v", src, len(props), len(twice), err)
		}
	})
}

// TestProps proves properties of a user that hold, and with one figure less those that do not.
func TestProps(t *testing.T) {
	hard := strings.Replace(seedText, "stop graceful within 1h else stop", "stop within 10m", 1)
	for _, c := range []struct {
		name, src, props string
		faults           int
		broken           string // the line that is violated; "" = none
	}{
		{"elapsed", seedText, "always elapsed <= 10h45m", 0, ""},
		{"elapsed", seedText, "always elapsed < 10h42m", 0, "always elapsed < 10h42m"},
		{"elapsed with a fault", seedText, "never elapsed > 12h31m", 1, ""},
		{"elapsed with a fault", seedText, "never elapsed > 11h", 1, "never elapsed > 11h"},
		{"one server down", seedText, "never servers down > 1", 1, ""},
		{"one server down", seedText, "never servers down > 0", 0, "never servers down > 0"},
		{"drained", seedText, "never users cut off > 0", 0, ""},
		{"not drained", hard, "never users cut off > 2004", 0, ""},
		{"not drained", hard, "never users cut off > 1999", 0, "never users cut off > 1999"},
		{"failover", seedText, "never failed over", 0, ""},
		{"failover", seedText, "never failed over", 1, "never failed over"},
		{"all upgraded", seedText, "never failed\nalways servers left <= 0", 0, ""},
		{"all upgraded", seedText, "always servers left <= 5", 1, "always servers left <= 5"},
		{"it can complete", seedText, "sometimes completed", 1, ""},
		{"it can fail over", seedText, "sometimes failed over", 0, "sometimes failed over"},
		{"it can fail over", seedText, "sometimes failed over", 1, ""},
		{"in doubt", seedText, "# first\nsometimes completed\nnever in-doubt", 1, "never in-doubt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			props, err := ParseProps("own.props", []byte(c.props))
			if err != nil {
				t.Fatal(err)
			}
			prog := compile(t, "seed.lrun", c.src, "contoso-6")
			a := prove(t, prog, Options{Faults: c.faults, Props: props})
			got := ""
			if a.Prop != nil {
				got = a.Prop.Text
			}
			if got != c.broken || a.Property != Holds && a.Property != UserProperty {
				t.Errorf("violated: %q %q, want %q\n%s", a.Property, got, c.broken, a.Text(prog, nil))
			}
			if c.broken != "" && a.Prop.mode != sometimes && len(a.Trace.Lines) < 3 {
				t.Errorf("no night is told:\n%s", a.Text(prog, nil))
			}
			one := prove(t, prog, Options{Faults: c.faults, Props: props, Workers: 1})
			same(t, c.name, a, one, prog)
		})
	}
}
