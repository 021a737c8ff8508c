package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// TestExecPage holds docs/exec.md to the command: the flags and variables that it names are there, those that a night takes
// are named, and so is every login and identity.
func TestExecPage(t *testing.T) {
	src, err := os.ReadFile("../../docs/exec.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(src)
	known := map[string]bool{}
	for _, c := range commands() {
		fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
		c.setup(fs)
		fs.VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
	}
	for _, flag := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(page, -1) {
		if !known[flag] {
			t.Errorf("the page names %s, which no command has", flag)
		}
	}
	for _, word := range []string{
		passwordVar, certificateVar, authorityVar, krb5Var, "LRUN_STATE",
		"`kerberos`", "`ntlm`", "`basic`", "`certificate`", "identity: gmsa:", "identity: task:", "identity: direct", ": local}",
		"--accept-topology", "--check", "--yes", "--require-proof", "--assume", "--abandon", "--state",
	} {
		if !strings.Contains(page, word) {
			t.Errorf("the page does not name %s", word)
		}
	}
	names := map[string]bool{}
	for _, c := range commands() {
		names[c.name] = true
	}
	for _, m := range regexp.MustCompile("`lrun ([a-z]+)").FindAllStringSubmatch(page, -1) {
		if !names[m[1]] {
			t.Errorf("the page names lrun %s, which is no command", m[1])
		}
	}
}

// TestOutcomesThatCanBeExpected holds the words of `outcome` in test files to the endings that a rehearsal can have: all but
// those that take an operator.
func TestOutcomesThatCanBeExpected(t *testing.T) {
	var schema struct {
		Properties struct {
			Tests struct {
				Items struct {
					Properties struct {
						Expect struct {
							Properties struct{ Outcome struct{ Enum []string } }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(pool.SchemaTests, &schema); err != nil {
		t.Fatal(err)
	}
	want := []string{
		interp.Completed.String(), interp.FailedRun.String(), interp.AbortedRun.String(), interp.InDoubt.String(), interp.WindowClosed.String(),
	}
	if diff := cmp.Diff(want, schema.Properties.Tests.Items.Properties.Expect.Properties.Outcome.Enum); diff != "" {
		t.Errorf("endings (-) and the words that can be expected (+):\n%s", diff)
	}
}
