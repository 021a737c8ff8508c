package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestUsageNamesEveryFlag compares the usage texts, which are written by hand, with the flags that are read.
func TestUsageNamesEveryFlag(t *testing.T) {
	word := regexp.MustCompile(`(?m)^ +(?:-(\w), | {4})--([a-z-]+)`)
	for _, c := range commands() {
		fs := flagSet(c)
		c.setup(fs)
		var told, read []string
		for _, m := range word.FindAllStringSubmatch(c.usage, -1) {
			told = append(told, m[1]+"/"+m[2])
		}
		fs.VisitAll(func(f *pflag.Flag) { read = append(read, f.Shorthand+"/"+f.Name) })
		slices.Sort(told)
		slices.Sort(read)
		if !slices.Equal(told, read) {
			t.Errorf("lrun %s: the usage text tells of %v, the flags are %v", c.name, told, read)
		}
		if !strings.HasPrefix(c.usage, "Usage: lrun "+c.name) || !strings.Contains(c.usage, "\nExample:\n\n    lrun "+c.name) {
			t.Errorf("lrun %s: the usage text lacks its first line or its example", c.name)
		}
		for line := range strings.Lines(c.usage) {
			if len(strings.TrimRight(line, "\n")) > 84 {
				t.Errorf("lrun %s: a line of its usage text is too long: %s", c.name, line)
			}
		}
	}
}

// TestCompletionsOfferEveryFlag looks for every command and flag in the script of every shell.
func TestCompletionsOfferEveryFlag(t *testing.T) {
	for _, shell := range shells {
		code, script, _ := capture("completion", shell)
		if code != 0 {
			t.Fatalf("lrun completion %s: exit code %d", shell, code)
		}
		for _, o := range offers() {
			var line string
			for l := range strings.Lines(flat(script)) {
				if strings.Contains(l, o.command.name) {
					line += l
				}
			}
			if line == "" {
				t.Errorf("%s: no command %s", shell, o.command.name)
			}
			for _, f := range o.flags {
				flag := "--" + f.name
				if shell == "fish" {
					flag = "-l " + f.name
				}
				if !strings.Contains(line, flag) {
					t.Errorf("%s: lrun %s has no %s", shell, o.command.name, flag)
				}
			}
		}
	}
}

// flat joins lines that the shell joins, too.
func flat(script string) string {
	script = strings.ReplaceAll(script, "\\\n", " ")
	return regexp.MustCompile(`\)\n +_arguments`).ReplaceAllString(script, ") _arguments")
}

// TestCompletionScriptsAreRead lets the shells that are here read their scripts.
func TestCompletionScriptsAreRead(t *testing.T) {
	for shell, args := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip("no " + shell + " here")
			}
			_, script, _ := capture("completion", shell)
			file := t.TempDir() + "/lrun." + shell
			if err := os.WriteFile(file, []byte(script), 0o666); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, append(args, file)...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// endless is a file without an end; reading far more of it than any limit allows fails.
type endless struct{ read int }

func (e *endless) Open(string) (fs.File, error) { return e, nil }
func (*endless) Write(string, []byte) error     { return errors.New("read only") }
func (*endless) Glob(string) ([]string, error)  { return nil, nil }
func (*endless) Stat() (fs.FileInfo, error)     { return endlessInfo{}, nil }
func (*endless) Close() error                   { return nil }
func (e *endless) Read(p []byte) (n int, _ error) {
	if e.read += len(p); e.read > 4<<20 {
		return 0, errors.New("more than 4 MiB are read")
	}
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type endlessInfo struct{}

func (endlessInfo) Name() string       { return "endless" }
func (endlessInfo) Size() int64        { return 1 << 40 }
func (endlessInfo) Mode() fs.FileMode  { return 0o444 }
func (endlessInfo) ModTime() time.Time { return time.Time{} }
func (endlessInfo) IsDir() bool        { return false }
func (endlessInfo) Sys() any           { return nil }

// TestALineWithoutEndIsNotReadWhole hands in files that never end, as runbook, pool, scenario and standard input.
func TestALineWithoutEndIsNotReadWhole(t *testing.T) {
	for _, args := range [][]string{
		{"check", "endless.lrun"}, {"fmt", "endless.lrun"}, {"fmt", "-"}, {"check", "-"},
		{"plan", "endless.lrun", "--pool", "p.yaml"}, {"simulate", "endless.lrun", "--pool", "p.yaml"},
	} {
		e, out, errs := testEnv()
		end := &endless{}
		e.files, e.stdin = end, end
		if code := cli(t.Context(), e, args); code != exitUsage {
			t.Errorf("lrun %v: exit code %d", args, code)
		}
		if all := out.String() + errs.String(); !strings.Contains(all, "1 MiB") {
			t.Errorf("lrun %v says %s", args, all)
		}
	}
	e, _, errs := testEnv()
	e.files = &endless{}
	if _, err := e.poolFile("p.yaml"); err == nil || strings.Contains(err.Error(), "4 MiB") {
		t.Errorf("a pool without end: %v, %s", err, errs)
	}
}

func testEnv() (e *env, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	e = processEnv()
	e.stdin, e.stdout, e.stderr = strings.NewReader(""), out, errs
	e.terminal = func(io.Writer) bool { return false }
	e.getenv = func(string) string { return "" }
	return e, out, errs
}

func TestColourIsForTerminalsOnly(t *testing.T) {
	for _, tt := range []struct {
		terminal bool
		noColor  string
		want     bool
	}{{false, "", false}, {true, "", true}, {true, "1", false}} {
		e, _, errs := testEnv()
		e.terminal = func(io.Writer) bool { return tt.terminal }
		e.getenv = func(name string) string {
			if name == "NO_COLOR" {
				return tt.noColor
			}
			return ""
		}
		cli(t.Context(), e, []string{"nothing"})
		if got := strings.Contains(errs.String(), "\x1b["); got != tt.want {
			t.Errorf("terminal %v, NO_COLOR=%q: coloured %v", tt.terminal, tt.noColor, got)
		}
	}
}

// event is as much of an event as the tests look at.
type event struct {
	Event, Domain, Server, Action, Outcome, Fact string
	Running                                      []string
}

// TestTwelveServers rehearses nights of a pool of twelve by seed. At no moment are servers of two domains down, the
// quorum never breaks, and every server is upgraded once.
func TestTwelveServers(t *testing.T) {
	for _, pool := range []string{"contoso-12", "contoso-12-6x2", "contoso-12-3x4"} {
		for _, seed := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			t.Run(pool+"/"+seed, func(t *testing.T) {
				code, out, errs := capture("simulate", "lync2013-cu", "--pool", pool, "--seed", seed, "--json")
				down := map[string]string{}
				upgraded := map[string]int{}
				finished := false
				for line := range strings.Lines(out) {
					var ev event
					if err := json.Unmarshal([]byte(line), &ev); err != nil {
						t.Fatalf("%v: %s", err, line)
					}
					switch {
					case ev.Event == "fact" && strings.Contains(ev.Fact, "quorum"):
						t.Errorf("quorum: %s", line)
					case ev.Event == "start" && ev.Action == "stop":
						down[ev.Server] = ev.Domain
					case ev.Event == "end" && ev.Action == "verify" && ev.Outcome == "done":
						delete(down, ev.Server)
					case ev.Event == "end" && ev.Action == "upgrade" && ev.Outcome == "done":
						upgraded[ev.Server]++
					case ev.Event == "finish":
						finished = true
					}
					for _, d := range down {
						if ev.Domain != "" && d != ev.Domain {
							t.Fatalf("servers of %s are down when %s has its turn: %s", d, ev.Domain, line)
						}
					}
				}
				if code != exitDone || !finished {
					t.Fatalf("exit code %d, finished %v\n%s%s", code, finished, out, errs)
				}
				for _, n := range upgraded {
					if n != 1 || len(upgraded) != 12 {
						t.Errorf("upgraded %v", upgraded)
					}
				}
			})
		}
	}
}

// TestHistogram holds the quantiles to their definition: the smallest value that so many percent do not pass.
func TestHistogram(t *testing.T) {
	h := histogram{}
	for i := int64(1); i <= 200; i++ {
		h[i]++
	}
	if got, want := h.quantiles(), (quantiles{100, 180, 198, 200}); got != want {
		t.Errorf("of 1 to 200: %v, want %v", got, want)
	}
	if got, want := (histogram{7: 1}).quantiles(), (quantiles{7, 7, 7, 7}); got != want {
		t.Errorf("of one value: %v, want %v", got, want)
	}
}

// TestBadRunbooks hands in what no editor of text would save; each is one clear finding, and exit code 2.
func TestBadRunbooks(t *testing.T) {
	for name, tt := range map[string]struct{ src, want string }{
		"nested":   {strings.Repeat("if paired:\n", 10_000), ":65:10: error: nested deeper than 64 levels"},
		"no UTF-8": {"note \"\xff\xfe\"\n", ":1:7: error: the file is not UTF-8"},
		"binary":   {"MZ\x90\x00\x03\x00\x00", ":1:4: error: the file is binary"},
		"ends":     {strings.Repeat("end\n", 1000), ":1:1: error: "},
	} {
		t.Run(name, func(t *testing.T) {
			file := t.TempDir() + "/bad.lrun"
			if err := os.WriteFile(file, []byte(tt.src), 0o666); err != nil {
				t.Fatal(err)
			}
			code, out, errs := capture("check", file)
			if code != exitUsage || errs != "" || !strings.Contains(out, tt.want) || len(out) > 20_000 {
				t.Errorf("exit code %d\n%s%s", code, clip(out), errs)
			}
		})
	}
}

// TestPageIsTheSameForTheSameNight writes a report twice.
func TestPageIsTheSameForTheSameNight(t *testing.T) {
	var pages [2][]byte
	for i := range pages {
		file := t.TempDir() + "/night.html"
		if code, _, errs := capture("simulate", "lync2013-cu", "--pool", "contoso-9", "--seed", "3", "--report", file); code != exitDone {
			t.Fatal(errs)
		}
		var err error
		if pages[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(pages[0], pages[1]) {
		t.Error("two pages of the same night differ")
	}
	if n := bytes.Count(pages[0], []byte("<rect")); n < 9*4 {
		t.Errorf("the timeline has %d bars", n)
	}
}
