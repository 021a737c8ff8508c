package scripts

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// SurveyArgs asks for a survey.
type SurveyArgs struct {
	Activity bool  `json:"activity"` // the activity of each service too; slower
	Ports    []int `json:"ports"`    // to be tried with a new connection
	Jobs     bool  `json:"jobs"`     // the jobs that are going too
}

// SurveyResult is one server as it is now.
type SurveyResult struct {
	FQDN          string      `json:"fqdn"`
	Now           string      `json:"now"`       // RFC 3339, UTC, by the server's clock
	Boot          string      `json:"boot"`      // the last boot, compared as text
	BootNonce     string      `json:"bootNonce"` // what BootMark left since that boot, "" where nothing
	Pending       []string    `json:"pending"`   // reasons for a reboot
	Services      []Service   `json:"services"`
	ServicesError string      `json:"servicesError"` // why Get-CsWindowsService failed: Services then hold Windows' view alone
	ActivityError string      `json:"activityError"` // why the activity could not be read: every service is without one
	Versions      []Component `json:"versions"`
	VersionsError string      `json:"versionsError"`
	Ports         []Port      `json:"ports"`
	Jobs          []string    `json:"jobs"` // where they were asked for: those that are going, of any run, but for those that only read
}

// Service is one Windows service.
type Service struct {
	Name     string   `json:"name"`
	Display  string   `json:"display"`
	State    string   `json:"state"`    // of Windows: Running, Stopped, StartPending, StopPending, Paused ...
	Start    string   `json:"start"`    // Auto, Manual, Disabled
	Lync     bool     `json:"lync"`     // Get-CsWindowsService lists it
	Activity string   `json:"activity"` // "Concurrent Calls=0,Incoming Requests per Second=0"
	Roles    []string `json:"roles"`
}

// Component is an installed part of the product with its version.
type Component struct {
	Component string `json:"component"`
	Version   string `json:"version"`
	Source    string `json:"source"` // Get-CsServerPatchVersion or registry
}

// Port tells whether a new connection was accepted.
type Port struct {
	Port    int  `json:"port"`
	Accepts bool `json:"accepts"`
}

func (r *SurveyResult) check() error {
	if r.Boot == "" {
		return fmt.Errorf("a survey without the time of the last boot")
	}
	if _, err := r.Clock(); err != nil {
		return err
	}
	for _, s := range r.Services {
		if s.Name == "" || s.State == "" || s.Start == "" {
			return fmt.Errorf("a service without name, state or start type")
		}
	}
	return nil
}

// Clock is the server's time.
func (r *SurveyResult) Clock() (time.Time, error) { return time.Parse(time.RFC3339Nano, r.Now) }

// Counter is one part of a service's activity.
type Counter struct {
	Name  string
	Value int64
}

// absurd is the number from which a counter is broken: no server carries a million calls. The counter of the
// Response Group service has been seen at about 10^9 on an idle server, and then never drains.
const absurd = 1_000_000

// Counters takes Activity apart. A part that is not "name=number" is an error: an activity that is not understood
// is not zero.
func (s Service) Counters() ([]Counter, error) {
	var list []Counter
	for part := range strings.SplitSeq(s.Activity, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("activity of %s: %q", s.Name, printable(part))
		}
		list = append(list, Counter{strings.TrimSpace(name), n})
	}
	return list, nil
}

// Sessions is the sum of the counters that count what a drain waits for; rates say nothing about that. broken tells
// that a counter holds an impossible number, whose service can only be stopped without draining.
func (s Service) Sessions() (n int64, broken bool, err error) {
	list, err := s.Counters()
	if err != nil {
		return 0, false, err
	}
	for _, c := range list {
		switch {
		case strings.Contains(strings.ToLower(c.Name), "per second"):
		case c.Value < 0 || c.Value >= absurd:
			broken = true
		default:
			n += c.Value
		}
	}
	return n, broken, nil
}

// ReadinessResult is the pool's readiness as one front end sees it.
type ReadinessResult struct {
	Cmdlet  string   `json:"cmdlet"`
	State   string   `json:"state"`
	Total   string   `json:"total"`  // front ends of the pool, as text, "" where not told
	Active  string   `json:"active"` // of them active
	Domains []Domain `json:"domains"`
	Text    string   `json:"text"` // the whole object, for messages
}

// Domain is an upgrade domain.
type Domain struct {
	Name      string   `json:"name"`
	Ready     string   `json:"ready"` // True, False, or anything else for unknown
	FrontEnds []string `json:"frontEnds"`
}

// PoolState is what a reading means.
type PoolState int

// The states of a pool. Everything that is not one of the three documented words is StateUnknown.
const (
	StateUnknown PoolState = iota
	StateReady
	StateBusy
	StateInsufficient
)

// PoolState reads State, in any case of letters.
func (r *ReadinessResult) PoolState() PoolState {
	switch strings.ToLower(r.State) {
	case "ready":
		return StateReady
	case "busy":
		return StateBusy
	case "insufficientactivefrontends":
		return StateInsufficient
	}
	return StateUnknown
}

// IsReady reads the domain's own flag. known is false for anything but True and False.
func (d Domain) IsReady() (ready, known bool) {
	switch strings.ToLower(d.Ready) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// FrontEndCount reads Total and Active; ok is false where one of them is missing or is no number.
func (r *ReadinessResult) FrontEndCount() (total, active int, ok bool) {
	total, err := strconv.Atoi(r.Total)
	if err != nil {
		return 0, 0, false
	}
	active, err = strconv.Atoi(r.Active)
	return total, active, err == nil
}

func (r *ReadinessResult) check() error {
	if r.Cmdlet == "" {
		return fmt.Errorf("a reading without the cmdlet's name")
	}
	return nil
}

// StopArgs asks services to stop.
type StopArgs struct {
	Graceful bool     `json:"graceful"`
	Names    []string `json:"names"` // all where empty
	Run      string   `json:"run"`   // what the jobs of this run begin with: those of others forbid it
}

// StartArgs asks services to start.
type StartArgs struct {
	Names []string `json:"names"` // all where empty
	Run   string   `json:"run"`   // as of StopArgs
}

// Asked is the answer to a request that is under way.
type Asked struct {
	Asked  bool     `json:"asked"`
	Errors []string `json:"errors"` // what could not be asked of single services; the others were asked
}

func (a *Asked) check() error {
	if !a.Asked {
		return fmt.Errorf("it does not say that it asked")
	}
	return nil
}

// BootMarkArgs leaves a nonce that the next boot erases.
type BootMarkArgs struct {
	Nonce string `json:"nonce"`
}

// BootMarkResult is what a reboot is proven against: the nonce must be gone, and the boot time another one.
type BootMarkResult struct {
	Boot  string `json:"boot"`
	Nonce string `json:"nonce"`
}

func (r *BootMarkResult) check() error {
	if r.Boot == "" || r.Nonce == "" {
		return fmt.Errorf("a boot mark without time or nonce")
	}
	return nil
}

// Rebooted compares a survey with the mark from before. The nonce is in the memory of that Windows alone: where it is
// there, nothing was rebooted, whatever a clock that was set has made of the boot time. Where it is gone and the boot time
// is the same (a hand, a snapshot that was restored) it cannot be told, and known is false.
func (r BootMarkResult) Rebooted(s *SurveyResult) (rebooted, known bool) {
	if s.BootNonce == r.Nonce {
		return false, true
	}
	return !r.SameBoot(s), !r.SameBoot(s)
}

// bootTolerance is how far two readings of one boot time can be apart: Windows works it out from its clock, which is kept
// right in small steps. No server boots twice within that.
const bootTolerance = 10 * time.Second

// SameBoot reports whether a survey tells the boot time of the mark.
func (r BootMarkResult) SameBoot(s *SurveyResult) bool {
	before, errBefore := time.Parse(time.RFC3339Nano, r.Boot)
	now, errNow := time.Parse(time.RFC3339Nano, s.Boot)
	if errBefore != nil || errNow != nil {
		return r.Boot == s.Boot
	}
	return now.Sub(before).Abs() <= bootTolerance
}

// RestartArgs asks for the one restart that the mark allows.
type RestartArgs struct {
	Nonce   string `json:"nonce"`
	Message string `json:"message"`
	Delay   int    `json:"delay"` // seconds
	Run     string `json:"run"`   // as of StopArgs
}

// RestartResult tells what became of it.
type RestartResult struct {
	Asked bool   `json:"asked"` // false: the server has been restarted since the mark
	RC    int    `json:"rc"`    // of shutdown.exe
	Boot  string `json:"boot"`
	Nonce string `json:"nonce"`
}

// What shutdown.exe says of a shutdown that is under way.
const (
	rcShutdownInProgress  = 1115 // ERROR_SHUTDOWN_IN_PROGRESS: it goes down
	rcShutdownIsScheduled = 1190 // ERROR_SHUTDOWN_IS_SCHEDULED: it is about to
)

// UnderWay reports that Windows will restart.
func (r RestartResult) UnderWay() bool {
	return r.Asked && (r.RC == 0 || r.RC == rcShutdownInProgress || r.RC == rcShutdownIsScheduled)
}

// MarkArgs reads, writes or removes the mark of a run.
type MarkArgs struct {
	Op    string `json:"op"` // read, write, remove
	Run   string `json:"run"`
	Owner string `json:"owner"`
	TTL   int    `json:"ttl"` // seconds without a heartbeat after which a mark is dead
}

// MarkResult is the mark as it is afterwards.
type MarkResult struct {
	Held  bool   `json:"held"` // another run lives here; nothing was changed
	Run   string `json:"run"`
	Owner string `json:"owner"`
	Age   int    `json:"age"` // seconds since its heartbeat, -1 where there is no mark
}

// HopResult tells how far this logon reaches. Each text is empty where it works.
type HopResult struct {
	User     string `json:"user"`
	LDAP     string `json:"ldap"`
	CMS      string `json:"cms"`
	SQL      string `json:"sql"`
	Server   string `json:"server"`
	Instance string `json:"instance"`
}

func (r *HopResult) check() error {
	if r.User == "" {
		return fmt.Errorf("a probe without its user")
	}
	return nil
}

// Reaches reports that the second hop works.
func (r HopResult) Reaches() bool {
	return r.LDAP == "" && r.CMS == "" && r.SQL == "" && r.Server != ""
}

// FactsResult is what preflight checks beside the survey.
type FactsResult struct {
	Now         string   `json:"now"`
	PSVersion   string   `json:"psv"`
	Module      string   `json:"module"` // Lync or SkypeForBusiness
	ModuleError string   `json:"moduleError"`
	User        string   `json:"user"`
	Admin       bool     `json:"admin"`
	Groups      []string `json:"groups"`  // DOMAIN\RTC... and DOMAIN\Cs...
	Updates     string   `json:"updates"` // AUOptions of the policy: 4 installs and reboots by itself
	Agents      []string `json:"agents"`  // foreign updaters that run
	Consoles    []string `json:"consoles"`
	FreeMB      int64    `json:"freeMB"`
	Jobs        []string `json:"jobs"` // that are going, of any run, but for those that only read
}

var hexHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// InstallerArgs names an installer on the server.
type InstallerArgs struct {
	Path string `json:"path"`
}

// InstallerResult is that installer.
type InstallerResult struct {
	Exists  bool   `json:"exists"`
	Path    string `json:"path"`
	Local   bool   `json:"local"` // on a fixed drive of the server
	Size    int64  `json:"size"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // lower case
}

func (r *InstallerResult) check() error {
	if r.Exists && !hexHash.MatchString(r.SHA256) {
		return fmt.Errorf("an installer without its hash")
	}
	return nil
}
