package pool_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/pool"
)

// base is a pool that needs nothing more.
const base = `pool: pool01.contoso.com
product: lync2013
backup: pool02.contoso.com
domains:
  UD1: [fe01.contoso.com]
  UD2: [fe02.contoso.com, fe03.contoso.com]
`

func TestPoolErrors(t *testing.T) {
	datadriven.RunTest(t, "testdata/pool_errors.txt", func(t *testing.T, d *datadriven.TestData) string {
		p, err := pool.Decode("x.pool.yaml", []byte(d.Input))
		if (p == nil) != (err != nil) {
			t.Errorf("%s: pool %v with error %v: there is one or the other", d.Pos, p, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), "Hunter2") {
				t.Errorf("%s: the message repeats a secret: %v", d.Pos, err)
			}
			return err.Error() + "\n"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s backup=%q\n", p.Name, p.Product, p.Backup)
		for _, dom := range p.Domains {
			fmt.Fprintf(&b, "%s %s\n", dom.Name, strings.Join(p.Names(dom.Servers), " "))
		}
		return b.String()
	})
}

func TestScenarioErrors(t *testing.T) {
	paired, err := pool.Decode("base", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := pool.Decode("alone", []byte(strings.ReplaceAll(base, "backup: pool02.contoso.com\n", "")))
	if err != nil {
		t.Fatal(err)
	}
	datadriven.RunTest(t, "testdata/scenario_errors.txt", func(t *testing.T, d *datadriven.TestData) string {
		p := paired
		if d.HasArg("unpaired") {
			p = alone
		}
		s, err := pool.DecodeScenario("x.scenario.yaml", []byte(d.Input), p)
		if (s == nil) != (err != nil) {
			t.Errorf("%s: scenario %v with error %v: there is one or the other", d.Pos, s, err)
		}
		if err != nil {
			return err.Error() + "\n"
		}
		var b strings.Builder
		for i := range s.Faults {
			fmt.Fprintf(&b, "%d: %s\n", s.Faults[i].Line, p.Fault(&s.Faults[i]))
		}
		return b.String()
	})
}

// What is said of a test file: by DecodeTests, and then by Bind about the pool fe01 | fe02 fe03 with a backup pool.
func TestTestErrors(t *testing.T) {
	paired, err := pool.Decode("base", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	datadriven.RunTest(t, "testdata/test_errors.txt", func(t *testing.T, d *datadriven.TestData) string {
		ts, err := pool.DecodeTests("x.test.yaml", []byte(d.Input))
		if (ts == nil) != (err != nil) {
			t.Errorf("%s: tests %v with error %v: there is one or the other", d.Pos, ts, err)
		}
		if err != nil {
			return err.Error() + "\n"
		}
		var b strings.Builder
		for i := range ts.Tests {
			tellTest(&b, &ts.Tests[i], paired)
		}
		return b.String()
	})
}

func tellTest(b *strings.Builder, x *pool.Test, p *pool.Pool) {
	fmt.Fprintf(b, "%d: %s: runbook %q pool %q scenario %q start %q set %v runs %d golden %q\n",
		x.Line, x.Name, x.Runbook, x.Pool, x.Scenario, x.Start, x.Set, x.Runs, x.Golden)
	if x.Seed != nil {
		fmt.Fprintf(b, "  seed %d\n", *x.Seed)
	}
	sc, want, err := x.Bind(p)
	if (want == nil) != (err != nil) {
		fmt.Fprintf(b, "  expectations %v with error %v: there is one or the other\n", want, err)
	}
	if err != nil {
		b.WriteString("  " + strings.ReplaceAll(err.Error(), "\n", "\n  ") + "\n")
		return
	}
	if sc != nil {
		for i := range sc.Faults {
			fmt.Fprintf(b, "  fault %s\n", p.Fault(&sc.Faults[i]))
		}
	}
	if want.FailedOver != nil {
		fmt.Fprintf(b, "  failed over %t\n", *want.FailedOver)
	}
	for _, s := range []struct {
		name string
		set  *pool.Set
	}{{"upgraded", want.Upgraded}, {"remaining", want.Remaining}, {"skipped", want.Skipped}, {"down", want.Down}} {
		if s.set != nil {
			fmt.Fprintf(b, "  %s %v\n", s.name, p.Names(*s.set))
		}
	}
	for _, n := range []*int{want.UsersCut, want.SessionsCut} {
		if n != nil {
			fmt.Fprintf(b, "  at most %d cut\n", *n)
		}
	}
	if want.Outcome != "" || want.Reason != "" || want.Within != 0 || want.Log != nil || want.Never != nil {
		fmt.Fprintf(b, "  outcome %q reason %q within %s log %q never %q\n", want.Outcome, want.Reason, want.Within, want.Log, want.Never)
	}
}

// Files that no transcript can hold.
func TestNoText(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", "x:1:1: the file is empty"},
		{"blank", " \n\n", "x:1:1: the file is empty"},
		{"mark alone", "\ufeff", "x:1:1: the file is empty"},
		{"binary", "MZ\x90\x00\x03", "x:1:3: this is not UTF-8 text"},
		{"zero", "pool: a\x00b", "x:1:8: control character U+0000: this is not a text file"},
		{"escape", "a: b\nc: \x1b[31m", "x:2:4: control character U+001B: this is not a text file"},
		{"Latin-1", "pool: pöl", "ok"},
		{"Windows 1252", "a: b\n# K\xf6ln", "x:2:4: this is not UTF-8 text"},
		{"too large", strings.Repeat("#", pool.MaxFile+1), "x:1:1: the file is larger than 64 KiB"},
		{"too many lines", strings.Repeat("#\n", 5001), "x:1:1: the file has more than 5000 lines"},
	} {
		_, err := pool.Decode("x", []byte(c.src))
		if c.want == "ok" {
			// Read as text; what it lacks is another matter.
			if err == nil || strings.Contains(err.Error(), "UTF-8") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	_, err := pool.Decode("x", []byte("pool: pool01\nproduct: lync2013\n"))
	var e *pool.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v holds no *pool.Error", err)
	}
	if want := (pool.Error{File: "x", Line: 1, Col: 1, Msg: "the pool file lacks the key domains"}); *e != want {
		t.Errorf("first error is %+v, want %+v", *e, want)
	}
}

// The errors of one pass are bounded, and the rest is counted.
func TestErrorsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "key%d: x\n", i)
	}
	_, err := pool.Decode("x", []byte(b.String()))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[20] != "x: and 83 more errors" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// CRLF, a byte-order mark and the case of names change nothing.
func TestSpellingsOfOnePool(t *testing.T) {
	want, err := pool.Decode("x", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"CRLF":       strings.ReplaceAll(base, "\n", "\r\n"),
		"mark":       "\ufeff" + base,
		"upper case": strings.NewReplacer("fe0", "FE0", "pool0", "POOL0", "contoso", "Contoso").Replace(base),
		"document":   "---\n" + base + "...\n",
		"block list": strings.Replace(base, "[fe01.contoso.com]", "\n    - fe01.contoso.com # the first", 1),
		"no newline": strings.TrimSuffix(base, "\n"),
	} {
		got, err := pool.Decode("x", []byte(src))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(got.Source) != src {
			t.Errorf("%s: Source is not what was read", name)
		}
		got.Source = want.Source
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

const full = `pool: pool01.contoso.com
product: sfb2015
backup: pool02.contoso.com
domains:
  UD1: [fe01.contoso.com]
  UD2: [fe02.contoso.com, fe03.contoso.com]
installer: C:\Updates\SkypeServerUpdateInstaller.exe
connect:
  port: 15985
  tls: false
  auth: ntlm
  hosts: {fe01.contoso.com: "127.0.0.2:15985", fe02.contoso.com: 127.0.0.3, fe03.contoso.com: "::1"}
  via: mgmt01.contoso.com
  identity: gmsa:CONTOSO\lrun$
  user: CONTOSO\lync-admin
notify:
  webhook: https://hooks.contoso.com/lync
  mail: {server: "smtp.contoso.com:25", from: lrun@contoso.com, to: [ops@contoso.com, night@contoso.com]}
  command: ['C:\Tools\page.exe', --quiet]
model:
  users: 90
  sessions: 7
  drain: 5m..40m
  stop: 1s
  start: 2s
  upgrade: 3s
  reboot: 4s
  settle: 5s
  verify: 6s
  failover: 7s
  failback: 8s
  cms: 9s
  failover_server: 10s
  failback_server: 11s
  run: 12s
  notify: 13s
  confirm: 14s..1d
rehearsal: {time_scale: 60}
`

// Every key of the pool file arrives where it belongs. The figures all differ,
// so that no two keys can be mixed up.
func TestFullPool(t *testing.T) {
	got, err := pool.Decode("x", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	fixed := func(seconds int) pool.Range {
		d := time.Duration(seconds) * time.Second
		return pool.Range{Low: d, High: d}
	}
	want := &pool.Pool{
		Name: "pool01.contoso.com", Product: pool.SfB2015, Backup: "pool02.contoso.com",
		Domains:   []pool.Domain{{Name: "UD1", Servers: pool.SetOf(0)}, {Name: "UD2", Servers: pool.SetOf(1, 2)}},
		Servers:   []pool.Server{{Name: "fe01.contoso.com"}, {Name: "fe02.contoso.com", Domain: 1}, {Name: "fe03.contoso.com", Domain: 1}},
		Installer: `C:\Updates\SkypeServerUpdateInstaller.exe`,
		Connect: pool.Connect{
			Port: 15985, Auth: pool.NTLM,
			Hosts: []pool.Host{{Name: "fe01.contoso.com", Address: "127.0.0.2:15985"}, {Name: "fe02.contoso.com", Address: "127.0.0.3"}, {Name: "fe03.contoso.com", Address: "::1"}},
			Via:   "mgmt01.contoso.com", Identity: pool.Identity{Kind: pool.GMSA, Account: `CONTOSO\lrun$`}, User: `CONTOSO\lync-admin`,
		},
		Notify: pool.Notify{
			Webhook: "https://hooks.contoso.com/lync",
			Mail:    &pool.Mail{Server: "smtp.contoso.com:25", From: "lrun@contoso.com", To: []string{"ops@contoso.com", "night@contoso.com"}},
			Command: []string{`C:\Tools\page.exe`, "--quiet"},
		},
		Model: pool.Model{
			Users: 90, Sessions: 7, Drain: pool.Range{Low: 5 * time.Minute, High: 40 * time.Minute},
			Stop: fixed(1), Start: fixed(2), Upgrade: fixed(3), Reboot: fixed(4), Settle: fixed(5), Verify: fixed(6), Failover: fixed(7),
			Failback: fixed(8), CMS: fixed(9), FailoverServer: fixed(10), FailbackServer: fixed(11), Run: fixed(12), Notify: fixed(13),
			Confirm: pool.Range{Low: 14 * time.Second, High: 24 * time.Hour},
		},
		Rehearsal: &pool.Rehearsal{TimeScale: 60},
		Source:    []byte(full),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"fe01.contoso.com":   "127.0.0.2:15985",
		"FE02.contoso.com":   "127.0.0.3:15985",
		"fe03.contoso.com":   "[::1]:15985",
		"mgmt01.contoso.com": "mgmt01.contoso.com:15985",
	} {
		if got := got.Connect.Address(name); got != want {
			t.Errorf("Address(%s) = %s, want %s", name, got, want)
		}
	}
}

// What a file leaves out.
func TestDefaults(t *testing.T) {
	p, err := pool.Decode("x", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	if want := (pool.Connect{Port: 5986, TLS: true, Auth: pool.Kerberos}); !cmp.Equal(p.Connect, want) {
		t.Errorf("connect is %+v, want %+v", p.Connect, want)
	}
	if p.Model != pool.DefaultModel(pool.Lync2013) {
		t.Errorf("model is %+v", p.Model)
	}
	if p.Rehearsal != nil || p.Installer != "" || p.Notify.Mail != nil {
		t.Errorf("something came from nowhere: %+v", p)
	}
	p, err = pool.Decode("x", []byte(base+"connect: {tls: false}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Connect.Port != 5985 {
		t.Errorf("without TLS the port is %d, want 5985", p.Connect.Port)
	}
}

func TestScenarioValues(t *testing.T) {
	p, err := pool.Decode("x", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	const src = `start:
  version: {fe01.contoso.com: "5.0.8308.887"}
  stopped: [fe01.contoso.com]
  disabled: [fe02.contoso.com]
  down: [fe03.contoso.com]
  reboot_pending: all
  rgs_stuck: [fe01.contoso.com, fe02.contoso.com]
  stale: fe03.contoso.com
  failed_over: true
  edge: True
  database_due: true
  cms: here
  sql: lost
  backup: {here: nonsteady, backup: error}
  backup_pool: insufficient
seed: 7
answers: {confirm: [yes, no]}
`
	got, err := pool.DecodeScenario("x", []byte(src), p)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(7)
	want := &pool.Scenario{
		Start: pool.Start{
			Version: []string{"5.0.8308.887", "", ""}, Stopped: pool.SetOf(0), Disabled: pool.SetOf(1), Down: pool.SetOf(2),
			RebootPending: pool.SetOf(0, 1, 2), RGSStuck: pool.SetOf(0, 1), Stale: pool.SetOf(2), FailedOver: true, Edge: true, DatabaseDue: true,
			CMS: pool.CMSHere, SQL: pool.SQLLost, Backup: pool.BackupNonSteady, PartnerBackup: pool.BackupError, BackupPool: pool.Insufficient,
		},
		Seed:    &seed,
		Answers: pool.Answers{Confirm: []pool.Answer{pool.Yes, pool.No}},
		Source:  []byte(src),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for n, want := range []pool.Answer{pool.Yes, pool.No, pool.Yes, pool.Yes} {
		if got := got.Answers.NthConfirm(n); got != want {
			t.Errorf("answer %d is %s, want %s", n, got, want)
		}
	}
}

func TestFaultCovers(t *testing.T) {
	const m = time.Minute
	for _, c := range []struct {
		at, length, t time.Duration
		want          bool
	}{
		{10 * m, 5 * m, 10*m - 1, false}, {10 * m, 5 * m, 10 * m, true}, {10 * m, 5 * m, 15*m - 1, true}, {10 * m, 5 * m, 15 * m, false},
		{10 * m, 0, 1000 * time.Hour, true}, {10 * m, 0, 9 * m, false}, {0, 0, 0, true},
	} {
		f := pool.Fault{At: c.at, For: c.length}
		if got := f.Covers(c.t); got != c.want {
			t.Errorf("at %v for %v covers %v: %v, want %v", c.at, c.length, c.t, got, c.want)
		}
	}
}

// What a fault prints is a fault again, and the same one.
func TestFaultTextIsRead(t *testing.T) {
	p, err := pool.Decode("x", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	datadriven.RunTest(t, "testdata/scenario_errors.txt", func(t *testing.T, d *datadriven.TestData) string {
		s, err := pool.DecodeScenario("x", []byte(d.Input), p)
		if err != nil || d.HasArg("unpaired") {
			return d.Expected
		}
		for i := range s.Faults {
			again, err := pool.DecodeScenario("x", []byte("faults: [{"+p.Fault(&s.Faults[i])+"}]"), p)
			if err != nil {
				t.Errorf("%s: %v", &s.Faults[i], err)
				continue
			}
			again.Faults[0].Line = s.Faults[i].Line
			if again.Faults[0] != s.Faults[i] {
				t.Errorf("%+v\nis read again as\n%+v", s.Faults[i], again.Faults[0])
			}
		}
		return d.Expected
	})
}

func FuzzPool(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(full))
	addSeeds(f, "testdata/pool_errors.txt")
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := pool.Decode("x", src)
		if (p == nil) == (err == nil) {
			t.Fatalf("pool %v with error %v", p, err)
		}
		if p == nil {
			return
		}
		// Laws of every pool that was read.
		all, n := pool.Set(0), 0
		for i, dom := range p.Domains {
			for s := range dom.Servers.All() {
				if p.Servers[s].Domain != i {
					t.Errorf("%s is in %s and says domain %d", p.Servers[s].Name, dom.Name, p.Servers[s].Domain)
				}
			}
			all, n = all.Union(dom.Servers), n+dom.Servers.Len()
		}
		if all != p.All() || n != len(p.Servers) || n < 2 || n > p.Product.MaxServers() {
			t.Errorf("%d servers in domains, %d in all, %s", n, len(p.Servers), all)
		}
		if !p.Quorum(p.All(), true) || p.Quorum(0, true) || p.StartQuorum() > n {
			t.Errorf("quorum of %d servers is odd", n)
		}
	})
}

func FuzzScenario(f *testing.F) {
	p, err := pool.Decode("x", []byte(base))
	if err != nil {
		f.Fatal(err)
	}
	addSeeds(f, "testdata/scenario_errors.txt")
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := pool.DecodeScenario("x", src, p)
		if (s == nil) == (err == nil) {
			t.Fatalf("scenario %v with error %v", s, err)
		}
		if s == nil {
			return
		}
		for i := range s.Faults {
			fault := &s.Faults[i]
			if fault.Server >= len(p.Servers) || fault.Domain >= len(p.Domains) || fault.At < 0 || fault.For < 0 || fault.At%time.Second != 0 {
				t.Errorf("fault out of range: %+v", *fault)
			}
			if strings.Contains(p.Fault(fault), "value ") {
				t.Errorf("fault without a spelling: %+v", *fault)
			}
		}
	})
}

func FuzzTests(f *testing.F) {
	p, err := pool.Decode("x", []byte(base))
	if err != nil {
		f.Fatal(err)
	}
	addSeeds(f, "testdata/test_errors.txt")
	f.Fuzz(func(t *testing.T, src []byte) {
		ts, err := pool.DecodeTests("x", src)
		if (ts == nil) == (err == nil) {
			t.Fatalf("tests %v with error %v", ts, err)
		}
		if ts == nil {
			return
		}
		if len(ts.Tests) == 0 {
			t.Error("a file without a test was read")
		}
		names := map[string]bool{}
		for i := range ts.Tests {
			x := &ts.Tests[i]
			if x.Name == "" || names[x.Name] || x.Runbook == "" || x.Line < 1 || x.Golden != "" && x.Runs > 0 {
				t.Errorf("a test that cannot be: %+v", *x)
			}
			names[x.Name] = true
			_, want, err := x.Bind(p)
			if (want == nil) == (err == nil) {
				t.Errorf("expectations %v with error %v", want, err)
			}
			if want != nil && x.Golden == "" && reflect.ValueOf(*want).IsZero() {
				t.Error("nothing could make the test fail")
			}
		}
	})
}

// addSeeds gives the fuzzer every input of a transcript.
func addSeeds(f *testing.F, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\ndecode")[1:] {
		input, _, _ := strings.Cut(part, "\n----")
		_, input, _ = strings.Cut(input, "\n")
		f.Add([]byte(input))
	}
}
