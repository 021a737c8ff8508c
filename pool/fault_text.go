package pool

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the fault as the scenario file writes it, without braces and with
// its server or domain by number; [Pool.Fault] writes the names.
func (f *Fault) String() string {
	return f.text("server "+strconv.Itoa(f.Server), "domain "+strconv.Itoa(f.Domain))
}

// Fault is the fault as the scenario file writes it, without braces.
func (p *Pool) Fault(f *Fault) string {
	var server, domain string
	if f.Server >= 0 {
		server = "server: " + p.Servers[f.Server].Name
	}
	if f.Domain >= 0 {
		domain = "domain: " + p.Domains[f.Domain].Name
	}
	return f.text(server, domain)
}

func (f *Fault) text(server, domain string) string {
	var parts []string
	add := func(key string, value any) { parts = append(parts, fmt.Sprintf("%s: %v", key, value)) }
	if f.Server >= 0 {
		parts = append(parts, server)
	}
	if f.Domain >= 0 {
		parts = append(parts, domain)
	}
	at := true
	switch f.Kind {
	case FaultPool:
		add("pool", f.State)
	case FaultReading:
		add("reading", f.Reading)
		add("is", f.State)
		at = false
	case FaultDomain:
		add("ready", f.Ready)
	case FaultAction:
		parts = append(parts, f.actionText()...)
		at = f.At > 0
	case FaultDown:
		add("down", FormatDuration(f.At))
		at = false
	case FaultCrash:
		parts = append(parts, "crash: lrun", fmt.Sprintf("after: %d", f.After), "resume: "+FormatDuration(f.Resume)+" later")
		at = false
	case FaultSQL:
		add("sql", f.SQL)
	case FaultBackup:
		add("backup", f.Backup)
		if f.Partner {
			add("of", "backup")
		}
	case FaultBackupPool:
		add("backup_pool", f.State)
	case FaultCMS:
		add("cms", f.CMS)
	case FaultEdge:
		add("edge", "next hop")
	case FaultRGS:
		add("rgs", "stuck")
	case FaultServices:
		add("services", f.Services)
	case FaultReboot:
		add("reboot", "pending")
	case FaultReplica:
		add("replica", "stale")
	case FaultDatabase:
		add("database", "due")
	case FaultByHand:
		add("by_hand", f.Action)
	}
	if at {
		add("at", FormatDuration(f.At))
	}
	if f.For > 0 {
		add("for", FormatDuration(f.For))
	}
	return strings.Join(parts, ", ")
}

func (f *Fault) actionText() []string {
	parts := []string{"on: " + f.Action.String()}
	switch f.Effect {
	case IsTakes:
		parts = append(parts, "takes: "+FormatDuration(f.Takes))
	case IsSlow:
		parts = append(parts, fmt.Sprintf("is: slow %dx", f.Slow))
	default:
		parts = append(parts, "is: "+f.Effect.String())
	}
	if f.Landed {
		parts = append(parts, "landed: true")
	}
	if f.Times > 0 {
		parts = append(parts, fmt.Sprintf("times: %d", f.Times))
	}
	if f.Action == OnStop && f.Drain != f.Hard {
		parts = append(parts, fmt.Sprintf("graceful: %v", f.Drain))
	}
	return parts
}
