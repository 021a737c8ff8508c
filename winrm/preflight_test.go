package winrm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/winrm/scripts"
)

// facts is what a server in good order tells of itself.
func facts() scripts.FactsResult {
	return scripts.FactsResult{
		Now: time.Now().UTC().Format(time.RFC3339Nano), PSVersion: "4.0", Module: "Lync", User: `CONTOSO\lync-admin`, Admin: true,
		Groups: []string{`CONTOSO\RTCUniversalServerAdmins`}, FreeMB: 40 << 10,
	}
}

// readyForPreflight gives every host the answers that preflight asks for beside those of a night.
func (f *farm) readyForPreflight() {
	f.every(scripts.Facts, func(json.RawMessage) (any, error) { return facts(), nil })
	f.every(scripts.Installer, func(json.RawMessage) (any, error) { return installerFile("a"), nil })
	f.every(scripts.Hop, func(json.RawMessage) (any, error) {
		return scripts.HopResult{User: `CONTOSO\lync-admin`, Server: "sql01.contoso.com", Instance: "rtc"}, nil
	})
	f.hopsInTasks(scripts.HopResult{User: `CONTOSO\lync-admin`, Server: "sql01.contoso.com", Instance: "rtc"})
	f.every(scripts.Computers, func(raw json.RawMessage) (any, error) {
		var a scripts.ComputersArgs
		if err := json.Unmarshal(raw, &a); err != nil || a.Pool != f.pool.Name {
			return nil, err // the table's own answer is the backup pool
		}
		return scripts.ComputersResult{Computers: f.pool.Names(f.pool.All())}, nil
	})
	f.every(scripts.Mark, func(json.RawMessage) (any, error) { return scripts.MarkResult{Age: -1}, nil })
}

// hopsInTasks is how far a task reaches.
func (f *farm) hopsInTasks(r scripts.HopResult) {
	const boot = "2026-11-01T00:00:00.0000000Z"
	f.every(scripts.JobRead, func(json.RawMessage) (any, error) {
		s := scripts.JobStatus{Exists: true, Begun: true, BegunBoot: boot, Boot: boot, Task: "ready"}
		return s, s.SetResult(r, nil)
	})
}

// installerFile is an installer whose hash is one letter.
func installerFile(letter string) scripts.InstallerResult {
	return scripts.InstallerResult{Exists: true, Local: true, Size: 1, Version: "5.0.8308.1149", SHA256: strings.Repeat(letter, 64)}
}

// tell lets one host answer a script with a value.
func (f *farm) tell(name string, s scripts.Script, value any) {
	f.hosts[name+".contoso.com"].on[s] = func(json.RawMessage) (any, error) { return value, nil }
}

// spoilt is a pool with one thing that is not well, and what preflight is to find.
type spoilt struct {
	name  string
	spoil func(f *farm)
	want  []string
}

func changed(change func(*scripts.FactsResult)) scripts.FactsResult {
	r := facts()
	change(&r)
	return r
}

func spoiltServers() []spoilt {
	return []spoilt{
		{"nothing", func(*farm) {}, nil},
		{"its clock is ten minutes behind", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Now = time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339Nano) }))
		}, []string{"fail clock fe02.contoso.com: its clock differs from ours by 10m0s; Kerberos allows 5m"}},
		{"its clock is two minutes ahead", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Now = time.Now().Add(2 * time.Minute).UTC().Format(time.RFC3339Nano) }))
		}, []string{"warn clock fe02.contoso.com: its clock differs from ours by 2m0s"}},
		{"its clock says rubbish", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Now = "noon\x1b[2J" }))
		}, []string{`fail connection fe02.contoso.com: the script left no result: its clock says "noon [2J"`}},
		{"an old PowerShell", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.PSVersion = "2.0" }))
		}, []string{"fail PowerShell fe02.contoso.com: version 2.0; 3.0 or later is needed"}},
		{"the module of another product", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Module = "SkypeForBusiness" }))
		}, []string{"fail module fe02.contoso.com: it has the module SkypeForBusiness, and the pool file says lync2013"}},
		{"no module", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Module, r.ModuleError = "", "no such module" }))
		}, []string{"fail module fe02.contoso.com: no such module"}},
		{"no administrator", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Admin = false }))
		}, []string{`fail rights fe02.contoso.com: CONTOSO\lync-admin is no administrator of the server, as the installer and the reboot want`}},
		{"no administrator of the product", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) { r.Groups = []string{`CONTOSO\RTCUniversalReadOnlyAdmins`} }))
		}, []string{`warn rights fe02.contoso.com: CONTOSO\lync-admin is not seen in RTCUniversalServerAdmins`}},
		{"a full disk, updaters and consoles", func(f *farm) {
			f.tell("fe02", scripts.Facts, changed(func(r *scripts.FactsResult) {
				r.FreeMB, r.Updates, r.Agents, r.Consoles = 900, "4", []string{"CcmExec"}, []string{"mmc", "mmc"}
			}))
		}, []string{
			"fail disk fe02.contoso.com: 900 MB are free on the system drive",
			"warn foreign updaters fe02.contoso.com: Windows Update installs and reboots by itself (AUOptions 4); set it to download only for the night",
			"warn foreign updaters fe02.contoso.com: CcmExec runs and may reboot the server",
			"warn open consoles fe02.contoso.com: mmc is open; an update of Windows Fabric fails under it",
		}},
		{"no installer", func(f *farm) { f.tell("fe02", scripts.Installer, scripts.InstallerResult{}) },
			[]string{`fail installer fe02.contoso.com: C:\Updates\LyncServerUpdateInstaller.exe is not there`}},
		{"an installer on a share", func(f *farm) {
			far := installerFile("a")
			far.Local = false
			f.tell("fe02", scripts.Installer, far)
		}, []string{`fail installer fe02.contoso.com: C:\Updates\LyncServerUpdateInstaller.exe is not on a local drive`}},
		{"another installer", func(f *farm) { f.tell("fe02", scripts.Installer, installerFile("b")) }, []string{
			`fail installer: C:\Updates\LyncServerUpdateInstaller.exe is not the same file everywhere: SHA-256 aaaaaaaaaaaa… on fe01.contoso.com, fe03.contoso.com`,
			`fail installer: C:\Updates\LyncServerUpdateInstaller.exe is not the same file everywhere: SHA-256 bbbbbbbbbbbb… on fe02.contoso.com`,
		}},
		{"no second hop", func(f *farm) {
			f.tell("fe02", scripts.Hop, scripts.HopResult{User: `CONTOSO\lync-admin`, LDAP: "an operations error occurred", CMS: "not tried", SQL: "not tried"})
		}, []string{"fail second hop fe02.contoso.com: as the user who connects (identity: direct) the server does not reach on to Active Directory (an operations error occurred), the Central Management Store (not tried), SQL Server (not tried). A remote logon carries no password that could be shown to a third machine: name an account under connect: identity: task:ACCOUNT or gmsa:NAME, or set up constrained delegation"}},
	}
}

func spoiltPools() []spoilt {
	return []spoilt{
		{"no second hop for a failover", func(f *farm) {
			f.hopsInTasks(scripts.HopResult{User: `CONTOSO\lync-admin`, LDAP: "an operations error occurred"})
		}, []string{"warn second hop fe01.contoso.com: with identity: direct a failover runs in a task without a password, which does not reach on to Active Directory (an operations error occurred). Name an account under connect: identity: gmsa:NAME or task:ACCOUNT"}},
		{"the pair's users are here", func(f *farm) {
			f.every(scripts.Registrar, func(raw json.RawMessage) (any, error) {
				var a scripts.PoolArgs
				if err := json.Unmarshal(raw, &a); err != nil || a.Pool == f.pool.Name {
					return nil, err
				}
				return scripts.RegistrarResult{State: "FailedOver"}, nil
			})
		}, []string{"fail pool state: the paired pool pool02.contoso.com is FailedOver: its users are on this pool. Finish its night first, or fail it back"}},
		{"another run", func(f *farm) {
			f.tell("fe02", scripts.Mark, scripts.MarkResult{Held: true, Run: "r-1", Owner: "anna@desk", Age: 12})
		}, []string{"fail other runs fe02.contoso.com: another run is under way: r-1 by anna@desk has a mark on fe02.contoso.com, renewed 12s ago"}},
		{"a service does not run", func(f *farm) {
			f.set("fe02", func(h *host) { h.state["RTCRGS"] = "Stopped" })
		}, []string{"warn services fe02.contoso.com: these start by themselves and do not run: RTCRGS (Stopped)"}},
		{"another version", func(f *farm) {
			f.set("fe02", func(h *host) { h.version = "5.0.8308.1149" })
		}, []string{
			"warn version: 5.0.8308.1149 on fe02.contoso.com; servers of one pool should not differ for long",
			"warn version: 5.0.8308.887 on fe01.contoso.com, fe03.contoso.com; servers of one pool should not differ for long",
		}},
		{"a server is off", func(f *farm) { f.set("fe02", func(h *host) { h.silent = off() }) }, []string{
			"fail connection fe02.contoso.com: x: connect: connection refused",
			"fail quorum: with UD1 down too few servers are left: the pool needs 2 of its first 3",
			"fail services fe02.contoso.com: they cannot be read: x: connect: connection refused",
		}},
		{"the pool is Busy", func(f *farm) {
			f.every(scripts.Readiness, func(json.RawMessage) (any, error) { return f.hosts["fe01.contoso.com"].readiness("Busy", "False"), nil })
		}, []string{"warn readiness: the pool reads Busy"}},
		{"the readiness is rubbish", func(f *farm) {
			f.every(scripts.Readiness, func(json.RawMessage) (any, error) {
				return f.hosts["fe01.contoso.com"].readiness("Sleepy", "Maybe"), nil
			})
		}, []string{
			`fail readiness: it cannot be read: the readiness: "Sleepy" is no state that is known: PoolUpgradeState : Sleepy`,
			"warn failover: it would be refused now: the readiness of the backup pool pool02.contoso.com cannot be understood: PoolUpgradeState : Sleepy",
		}},
		{"the store is here", func(f *farm) {
			f.every(scripts.CMS, func(json.RawMessage) (any, error) {
				return scripts.CMSResult{Master: "fe01.contoso.com", Stores: []scripts.Store{{Pool: "pool01.contoso.com", Active: "True"}}}, nil
			})
		}, []string{"warn failover: the Central Management Store is hosted here; a failover moves it to pool02.contoso.com first, and it stays there"}},
	}
}

// TestPreflight spoils one thing after the other. Each is found, named with its server, and nothing else is.
func TestPreflight(t *testing.T) {
	for _, c := range append(spoiltServers(), spoiltPools()...) {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *farm) {
				f.readyForPreflight()
				c.spoil(f)
				live, err := f.servers.Discover(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				r := f.servers.Preflight(t.Context(), live, nil, "")
				var got []string
				for _, check := range r.Checks {
					if check.Grade == OK {
						continue
					}
					where := ""
					if check.Server != "" {
						where = " " + check.Server
					}
					got = append(got, check.Grade.String()+" "+check.What+where+": "+check.Text)
				}
				slices.Sort(got)
				slices.Sort(c.want)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("what was found (-want +got):\n%s", diff)
				}
				// What is not known to be the same file everywhere is held to no hash.
				want := map[string]string{f.pool.Installer: strings.Repeat("a", 64)}
				if strings.Contains(strings.Join(got, "\n"), "fail installer") || strings.Contains(strings.Join(got, "\n"), "fail connection") {
					want = map[string]string{}
				}
				if diff := cmp.Diff(want, r.Installers); diff != "" {
					t.Errorf("installers (-want +got):\n%s", diff)
				}
			})
		})
	}
}
