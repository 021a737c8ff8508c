package winrm_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/winrm"
	"github.com/lrun/lrun/winrm/internal/memnet"
)

// cutOff begins a runbook under a run of its own and lets lrun die once the first installer is going.
func (r *rig) cutOff(t *testing.T, run, runbook string) {
	t.Helper()
	prog := compile(t, r.pool, runbook)
	m := interp.New(prog, interp.Args{})
	w := winrm.NewWorld(r.servers, winrm.Options{Program: prog, Run: run, Render: m.Render})
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for ev := (interp.Event{Kind: interp.Began}); ; {
		w.Start(m.Step(ev).Effects)
		var err error
		if ev, err = w.Next(ctx); err != nil {
			break
		}
	}
	if !r.has(rehearsal.EventInstalling) {
		t.Fatal("no installer is going")
	}
}

const upgradeOnly = "for each domain:\n  upgrade with \"C:\\Updates\\LyncServerUpdateInstaller.exe\" within 2h\nend\n"

// A run is cut off from its installer, and its mark is gone before the installer is. Whatever a second run begins on that
// server is refused, and preflight tells why.
func TestTheInstallerOfAnotherRunIsLeftAlone(t *testing.T) {
	for name, step := range map[string]string{
		"stop": "stop within 10m", "start": "start within 10m", "restart": "restart within 30m",
		"upgrade": `upgrade with "C:\Updates\LyncServerUpdateInstaller.exe" within 1h`, "run": "run \"Get-Date\" within 10m",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := serveOn(t, memnet.New(), "contoso-6", "faults: [{server: fe01.contoso.com, on: upgrade, is: hang}]",
					func(o *rehearsal.Options, c *winrm.Credentials) {
						shortNight(o, c)
						o.TimeScale = 1
					})
				r.cutOff(t, "the-first-run", upgradeOnly)

				live, err := r.servers.Discover(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				found := func(run string) bool {
					report := r.servers.Preflight(t.Context(), live, nil, run)
					return slices.ContainsFunc(report.Checks, func(c winrm.Check) bool {
						return c.Grade == winrm.Fail && c.What == "other runs" && c.Server == "fe01.contoso.com" && strings.Contains(c.Text, "still going")
					})
				}
				if !found("") {
					t.Error("the preflight of a second run finds nothing")
				}
				if found("the-first-run") {
					t.Error("the run itself cannot go on")
				}

				got, _ := r.exec(t, "for each domain:\n  "+step+"\nend\n")
				if want := []string{"start " + name, name + " failed"}; !slices.Equal(got["fe01.contoso.com"], want) {
					t.Errorf("the second run: %v, want %v", got, want)
				}
				if r.has(rehearsal.EventCollided) || r.has(rehearsal.EventInstallCut) || r.has(rehearsal.EventDown) {
					t.Error("the installer of the first run was disturbed")
				}
			})
		})
	}
}

// A server is failed over by a cmdlet on the management host, where nobody sees what is going on the server itself.
func TestAServerUnderAnotherRunIsNotMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serveOn(t, memnet.New(), "contoso-3", "faults: [{server: fe01.contoso.com, on: upgrade, is: hang}]",
			func(o *rehearsal.Options, c *winrm.Credentials) {
				shortNight(o, c)
				o.TimeScale, o.Pool.Connect.Via = 1, "mgmt01.contoso.com"
			})
		r.cutOff(t, "the-first-run", "for each domain:\n  failover server within 2h\n"+strings.TrimPrefix(upgradeOnly, "for each domain:\n"))
		for _, step := range []string{"failover server within 1h", "failback server within 1h"} {
			got, _ := r.exec(t, "for each domain:\n  "+step+"\nend\n")
			name, _, _ := strings.Cut(step, " within")
			if want := []string{"start " + name, name + " failed"}; !slices.Equal(got["fe01.contoso.com"], want) {
				t.Errorf("the second run: %v, want %v", got, want)
			}
		}
		if r.has(rehearsal.EventCollided) || r.has(rehearsal.EventInstallCut) {
			t.Error("the installer of the first run was disturbed")
		}
	})
}
