package explore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/lang"
)

func TestCertificate(t *testing.T) {
	prog := shipped(t, "lync2013-cu", "contoso-6")
	props, err := ParseProps("a.props", []byte("sometimes completed"))
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Faults: 1, Props: props}
	cert, err := Certify(prog, opts, prove(t, prog, opts), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := VerifyCertificate(cert, prog, props, "1.2.3", -1, 1, 0); err != nil || c.Faults != 1 || c.WorstCase == 0 {
		t.Errorf("the same again: %v %+v", err, c)
	}
	text := string(prog.Source.Sources["lync2013-cu.lrun"])
	crlf := compile(t, "lync2013-cu.lrun", strings.ReplaceAll(text, "\n", "\r\n"), "contoso-6")
	if _, err := VerifyCertificate(cert, crlf, props, "1.2.3", -1, 0, 0); err != nil {
		t.Errorf("line ends: %v", err)
	}
	set, err := interp.Compile(prog.Source, prog.Pool, map[string]string{"version": "5.0"})
	if err != nil {
		t.Fatal(err)
	}
	slower := *prog.Pool
	slower.Model.Reboot.High *= 2
	other, err := interp.Compile(prog.Source, &slower, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		prog    *interp.Program
		props   []Prop
		version string
		faults  int
		want    string
	}{
		{"another runbook", compile(t, "lync2013-cu.lrun", strings.Replace(text, "within 30m", "within 31m", 1), "contoso-6"), props, "1.2.3", 1, "the runbook"},
		{"another parameter", set, props, "1.2.3", 1, "the runbook"},
		{"another pool", shipped(t, "lync2013-cu", "contoso-4"), props, "1.2.3", 1, "the topology"},
		{"another model", other, props, "1.2.3", 1, "the topology"},
		{"no properties", prog, nil, "1.2.3", 1, "the properties"},
		{"another version", prog, props, "1.2.4", 1, "the version of lrun (1.2.3 then, 1.2.4 now)"},
		{"more faults", prog, props, "1.2.3", 2, "the bounds (1 faults and 0 crashes then, at least 2 and 0 asked for)"},
	} {
		_, err := VerifyCertificate(cert, c.prog, c.props, c.version, -1, c.faults, 0)
		if !errors.Is(err, ErrNotProved) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := VerifyCertificate([]byte("{"), prog, props, "1.2.3", -1, 0, 0); !errors.Is(err, ErrNotProved) {
		t.Errorf("damaged: %v", err)
	}
	small := compile(t, "seed.lrun", seedText, "contoso-3")
	if _, err := Certify(small, Options{Faults: 1}, prove(t, small, Options{Faults: 1}), "1"); !errors.Is(err, ErrNotProved) {
		t.Errorf("what is violated: %v", err)
	}
}

// TestCertificateOfAWindow: what holds because the window is open for long is not proved for a run that begins late.
func TestCertificateOfAWindow(t *testing.T) {
	prog := compileFor(t, "test.lrun", `
window until "09:00"
for each domain:
  wait ready retry 3 every 10m
  stop within 10m
  upgrade within 1h
  restart within 1h
  verify retry 5 every 1m
end
`, poolOf(t, "lync2013", 6, 1))
	props, err := ParseProps("test.props", []byte("never window-closed\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour time.Duration) *Answer {
		return prove(t, prog, Options{Props: props, Clock: hour * time.Hour})
	}
	if a := at(6); a.Property != UserProperty {
		t.Errorf("from 06:00: %s", a.Text(prog, nil))
	}
	cert, err := Certify(prog, Options{Props: props, Clock: 22 * time.Hour}, at(22), "1")
	if err != nil {
		t.Fatal(err)
	}
	for clock, ok := range map[time.Duration]bool{22 * time.Hour: true, 21 * time.Hour: true, 23 * time.Hour: false, 6 * time.Hour: false, -1: false} {
		if _, err := VerifyCertificate(cert, prog, props, "1", clock, 0, 0); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "window") {
			t.Errorf("begun at %s: %v", clock, err)
		}
	}
	always := Options{Clock: -1}
	if cert, err = Certify(prog, always, prove(t, prog, always), "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyCertificate(cert, prog, nil, "1", 8*time.Hour, 0, 0); err != nil {
		t.Errorf("proved for every start: %v", err)
	}
}

// TestCertificateCoversIncludes changes an included file only.
func TestCertificateCoversIncludes(t *testing.T) {
	sum := func(included string) string {
		l, ds := lang.Load("a.lrun", []byte("include \"b.lrun\"\nfor each domain: update\n"), func(string) ([]byte, error) {
			return []byte(included), nil
		})
		if ds.HasErrors() {
			t.Fatal(ds.Error())
		}
		prog, err := interp.Compile(l, loadPool(t, "contoso-6"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return runbookSum(prog)
	}
	if sum("define update: stop; upgrade; restart; verify\n") == sum("define update: stop; restart; verify\n") {
		t.Error("the included file does not count")
	}
}
