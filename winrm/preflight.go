package winrm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// Grade is how a check of preflight came out.
type Grade uint8

// The grades.
const (
	OK   Grade = iota
	Warn       // a person should know; the night can begin
	Fail       // the night would fail, or do harm
)

func (g Grade) String() string { return [...]string{"ok", "warn", "fail"}[g] }

// Check is one thing that preflight looked at.
type Check struct {
	Grade  Grade
	What   string // connection, module, rights, services ...: one word or two
	Server string // FQDN, "" for the pool
	Text   string // what was seen, and where it is not well, what to do
}

// Report is what preflight found.
type Report struct {
	Checks []Check // by subject, and within it in the pool's order
	// Installers holds the SHA-256, in lower case, of each installer that is the same file on every server, by its path.
	Installers map[string]string
}

// Worst is the worst grade of all checks.
func (r *Report) Worst() Grade {
	worst := OK
	for _, c := range r.Checks {
		worst = max(worst, c.Grade)
	}
	return worst
}

func (r *Report) add(g Grade, what, server, format string, args ...any) {
	r.Checks = append(r.Checks, Check{g, what, server, fmt.Sprintf(format, args...)})
}

// The limits of preflight.
const (
	clockWarns = time.Minute
	clockFails = 5 * time.Minute // what Kerberos allows
	diskWarns  = 10 * 1024       // MB
	diskFails  = 2 * 1024
)

// probe is what preflight has read from one server.
type probe struct {
	facts      scripts.FactsResult
	clock      time.Duration    // its clock, less ours
	installers []installerProbe // in the order of installersOf
	held       *HeldError

	err, heldErr error
}

// installerProbe is one installer on one server.
type installerProbe struct {
	scripts.InstallerResult
	err error
}

// hopProbe is how far a host reaches on, as the identity of the pool file.
type hopProbe struct {
	scripts.HopResult
	server string
	err    error
}

// Preflight looks at everything that can spoil the night. It changes nothing. live is what Discover has found; prog is
// the run to come, or nil where only the pool is looked at; run is the id of a run that goes on, "" for a new one.
func (s *Servers) Preflight(ctx context.Context, live *Live, prog *interp.Program, run string) *Report {
	r := &Report{Installers: map[string]string{}}
	probes := make([]probe, len(live.Servers))
	installers := installersOf(s.pool, prog)
	var all sync.WaitGroup
	for i := range live.Servers {
		all.Go(func() { probes[i] = s.probe(ctx, live.Servers[i].Name, installers, run) })
	}
	via, hops := s.pool.Connect.Via, make([]hopProbe, len(live.Servers))
	if via != "" {
		hops = make([]hopProbe, 1) // the management host alone has to reach on
	}
	for i := range hops {
		all.Go(func() {
			hops[i].server = via
			if via == "" {
				hops[i].server = live.Servers[i].Name
			}
			hops[i].err = s.askOn(ctx, hops[i].server, scripts.Hop, nil, &hops[i].HopResult)
		})
	}
	lasting := s.lastingHop(ctx, live, prog)
	all.Wait()
	s.checkReach(r, live, probes)
	checkHosts(r, s.pool, live, probes, run)
	s.checkHops(r, hops)
	s.checkLasting(r, lasting, prog)
	checkServices(r, live)
	checkInstallers(r, live, probes, installers)
	s.checkPool(r, live, s.pool.Paired() && prog != nil && prog.Failovers)
	if s.pool.Paired() {
		s.checkPair(ctx, r, live, prog, run)
	}
	return r
}

// installersOf lists the installers that a run will start, or the pool file's.
func installersOf(p *pool.Pool, prog *interp.Program) []string {
	var list []string
	if prog == nil {
		if p.Installer != "" {
			list = append(list, p.Installer)
		}
		return list
	}
	for i := range prog.Instrs {
		in := &prog.Instrs[i]
		if path, known := in.Text.Const(); in.Action == interp.Upgrade && known && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}

// Uncompared lists the installers of a run, by path, whose file is not on record: they were never seen to be the same on
// every server.
func Uncompared(m Memory, prog *interp.Program) []string {
	var list []string
	for _, path := range installersOf(prog.Pool, prog) {
		if _, kept := m.Get(installerKey(path)); !kept {
			list = append(list, path)
		}
	}
	return list
}

func (s *Servers) probe(ctx context.Context, server string, installers []string, run string) probe {
	var p probe
	var mark sync.WaitGroup
	mark.Go(func() { p.held, p.heldErr = s.foreignMark(ctx, server, run) })
	s.probeFacts(ctx, server, installers, &p)
	mark.Wait()
	return p
}

// probeFacts reads facts and installers, while the mark is read by itself.
func (s *Servers) probeFacts(ctx context.Context, server string, installers []string, p *probe) {
	asked := time.Now()
	p.err = s.reread(ctx, server, scripts.Facts, nil, &p.facts)
	if p.err != nil {
		return
	}
	if there, err := time.Parse(time.RFC3339Nano, p.facts.Now); err == nil {
		half := time.Since(asked) / 2
		p.clock = there.Sub(asked.Add(half))
	} else {
		p.err = fmt.Errorf("%w: its clock says %q", scripts.ErrNoResult, clean(p.facts.Now))
	}
	p.installers = make([]installerProbe, len(installers))
	for i, path := range installers {
		in := &p.installers[i]
		in.err = s.reread(ctx, server, scripts.Installer, scripts.InstallerArgs{Path: path}, &in.InstallerResult)
	}
}

// checkReach is connections, clocks and marks.
func (s *Servers) checkReach(r *Report, live *Live, probes []probe) {
	for i := range probes {
		p, name := &probes[i], live.Servers[i].Name
		if p.err != nil {
			r.add(Fail, "connection", name, "%s", why(p.err))
			continue
		}
		r.add(OK, "connection", name, "answers as %s", clean(p.facts.User))
		if s.pool.Connect.Local(name) {
			r.add(Warn, "connection", name, "lrun runs on this server itself, whose reboot ends it: log on again afterwards, and lrun resume goes on")
		}
		switch skew := p.clock.Abs().Round(time.Second); {
		case skew >= clockFails:
			r.add(Fail, "clock", name, "its clock differs from ours by %s; Kerberos allows 5m", skew)
		case skew >= clockWarns:
			r.add(Warn, "clock", name, "its clock differs from ours by %s", skew)
		default:
			r.add(OK, "clock", name, "right to the minute")
		}
		switch {
		case p.held != nil:
			r.add(Fail, "other runs", name, "%s", p.held.Error())
		case p.heldErr != nil:
			r.add(Warn, "other runs", name, "whether another run has left its mark cannot be read: %s", why(p.heldErr))
		}
	}
}

// checkHosts is what a server itself must bring: PowerShell, module, rights, room, and nobody who updates it meanwhile.
func checkHosts(r *Report, p *pool.Pool, live *Live, probes []probe, run string) {
	for i := range probes {
		f, name := &probes[i].facts, live.Servers[i].Name
		if probes[i].err != nil {
			continue
		}
		if v, _, _ := strings.Cut(f.PSVersion, "."); v == "1" || v == "2" || v == "" {
			r.add(Fail, "PowerShell", name, "version %s; 3.0 or later is needed", orNone(clean(f.PSVersion)))
		}
		want := "SkypeForBusiness"
		if p.Product == pool.Lync2013 {
			want = "Lync"
		}
		switch {
		case f.ModuleError != "":
			r.add(Fail, "module", name, "%s", clean(f.ModuleError))
		case f.Module != want:
			r.add(Fail, "module", name, "it has the module %s, and the pool file says %s", clean(f.Module), p.Product)
		default:
			r.add(OK, "module", name, "%s", want)
		}
		checkRights(r, f, name)
		checkOthers(r, f, name)
		checkJobs(r, f, name, jobsOf(p, run))
	}
}

// checkRights: services want an administrator of the product, the installer and the reboot one of the machine.
func checkRights(r *Report, f *scripts.FactsResult, name string) {
	admin := slices.ContainsFunc(f.Groups, func(g string) bool {
		_, g, _ = strings.Cut(g, `\`)
		return strings.EqualFold(g, "RTCUniversalServerAdmins") || strings.EqualFold(g, "CsAdministrator") ||
			strings.EqualFold(g, "CsServerAdministrator")
	})
	switch {
	case !f.Admin:
		r.add(Fail, "rights", name, "%s is no administrator of the server, as the installer and the reboot want", clean(f.User))
	case !admin:
		r.add(Warn, "rights", name, "%s is not seen in RTCUniversalServerAdmins", clean(f.User))
	default:
		r.add(OK, "rights", name, "administrator of the server and of the product")
	}
}

// checkOthers: room on the disk, and who else might reboot or block the server.
func checkOthers(r *Report, f *scripts.FactsResult, name string) {
	switch {
	case f.FreeMB < diskFails:
		r.add(Fail, "disk", name, "%d MB are free on the system drive", f.FreeMB)
	case f.FreeMB < diskWarns:
		r.add(Warn, "disk", name, "%d MB are free on the system drive", f.FreeMB)
	}
	if f.Updates == "4" {
		r.add(Warn, "foreign updaters", name, "Windows Update installs and reboots by itself (AUOptions 4); set it to download only for the night")
	}
	if len(f.Agents) > 0 {
		r.add(Warn, "foreign updaters", name, "%s runs and may reboot the server", some(f.Agents))
	}
	if len(f.Consoles) > 0 {
		r.add(Warn, "open consoles", name, "%s is open; an update of Windows Fabric fails under it", some(slices.Compact(slices.Sorted(slices.Values(f.Consoles)))))
	}
}

// checkJobs: what other runs have left going, whether their marks live or not. ours is what the jobs of a run that goes on
// begin with.
func checkJobs(r *Report, f *scripts.FactsResult, name, ours string) {
	if others := foreignJobs(f.Jobs, ours); len(others) > 0 {
		r.add(Fail, "other runs", name, "work that another run has begun is still going: %s. Let that run go on with lrun resume, or wait for its end", some(others))
	}
}

// checkHops is the second hop: cmdlets that read the topology go on to AD and to SQL Server from where they run.
func (s *Servers) checkHops(r *Report, hops []hopProbe) {
	for i := range hops {
		switch h := &hops[i]; {
		case h.err != nil && !refused(h.err) && notBegun(h.err) && s.pool.Connect.Via == "":
			// The server does not answer, which its connection tells.
		case h.err != nil:
			r.add(Fail, "second hop", h.server, "it cannot be tried as %s: %s", s.identity(), why(h.err))
		case h.Reaches():
			r.add(OK, "second hop", h.server, "%s reaches Active Directory and %s", clean(h.User), clean(h.Server))
		default:
			r.add(Fail, "second hop", h.server, "as %s the server does not reach on to %s. A remote logon carries no password that could be shown to a third machine: name an account under connect: identity: task:ACCOUNT or gmsa:NAME, or set up constrained delegation", s.identity(), unreached(&h.HopResult))
		}
	}
}

// lastingHop tries the second hop as lasting work would take it. With identity: direct a task holds no password and, other
// than the logon that looks at the pool, reaches no other machine, whatever has been delegated: a failover would fail in
// the middle of the night. nil where nothing of the kind is to be done.
func (s *Servers) lastingHop(ctx context.Context, live *Live, prog *interp.Program) *hopProbe {
	if !s.direct || (prog == nil && !s.pool.Paired()) || (prog != nil && !movesUsers(prog)) {
		return nil
	}
	hosts := s.liveHosts(live)
	if len(hosts) == 0 {
		return nil // that nobody answers is told already
	}
	h := &hopProbe{server: hosts[0]}
	h.err = s.askInTask(ctx, h.server, scripts.Hop, nil, &h.HopResult)
	return h
}

// movesUsers reports whether a program fails over or back, the pool or a server.
func movesUsers(prog *interp.Program) bool {
	return slices.ContainsFunc(prog.Instrs, func(in interp.Instr) bool {
		switch in.Action {
		case interp.Failover, interp.Failback, interp.FailoverServer, interp.FailbackServer:
			return true
		}
		return false
	})
}

func (s *Servers) checkLasting(r *Report, h *hopProbe, prog *interp.Program) {
	if h == nil || h.err == nil && h.Reaches() {
		return
	}
	grade := Fail
	if prog == nil {
		grade = Warn // a runbook that moves no users can do without
	}
	what := unreached(&h.HopResult)
	if h.err != nil {
		what = "other machines: " + why(h.err)
	}
	r.add(grade, "second hop", h.server, "with identity: direct a failover runs in a task without a password, which does not reach on to %s. Name an account under connect: identity: gmsa:NAME or task:ACCOUNT", what)
}

func unreached(h *scripts.HopResult) string {
	var list []string
	for _, part := range []struct{ what, text string }{
		{"Active Directory", h.LDAP}, {"the Central Management Store", h.CMS}, {"SQL Server", h.SQL},
	} {
		if part.text != "" {
			list = append(list, part.what+" ("+clean(part.text)+")")
		}
	}
	return strings.Join(list, ", ")
}

func (s *Servers) identity() string {
	if s.direct {
		return "the user who connects (identity: direct)"
	}
	return s.logon.Account
}

// checkServices is services, pending reboots and versions.
func checkServices(r *Report, live *Live) {
	versions := map[string][]string{}
	for i := range live.Servers {
		v := &live.Servers[i]
		switch {
		case !v.Answers:
			r.add(Fail, "services", v.Name, "they cannot be read: %s", v.Why)
			continue
		case v.Disabled:
			r.add(Warn, "services", v.Name, "they are disabled: the server was failed over, or somebody disabled them")
		case len(v.NotRunning) > 0:
			r.add(Warn, "services", v.Name, "these start by themselves and do not run: %s", some(v.NotRunning))
		default:
			r.add(OK, "services", v.Name, "all run that start by themselves")
		}
		if len(v.Pending) > 0 {
			r.add(Warn, "pending reboot", v.Name, "Windows waits for a reboot (%s); an update on top of it may install nothing", some(v.Pending))
		}
		versions[v.Version] = append(versions[v.Version], v.Name)
	}
	for _, version := range sortedKeys(versions) {
		switch {
		case version == "":
			r.add(Warn, "version", "", "it cannot be read on %s", some(versions[version]))
		case len(versions) > 1:
			r.add(Warn, "version", "", "%s on %s; servers of one pool should not differ for long", clean(version), some(versions[version]))
		default:
			r.add(OK, "version", "", "%s everywhere", clean(version))
		}
	}
}

// checkInstallers: each there, on a local drive, and the same file everywhere.
func checkInstallers(r *Report, live *Live, probes []probe, installers []string) {
	for n, path := range installers {
		checkInstaller(r, live, probes, n, path)
	}
}

func checkInstaller(r *Report, live *Live, probes []probe, n int, path string) {
	hashes := map[string][]string{}
	seen := 0
	for i := range probes {
		name := live.Servers[i].Name
		if probes[i].err != nil {
			continue
		}
		switch in := &probes[i].installers[n]; {
		case in.err != nil:
			r.add(Fail, "installer", name, "%s", why(in.err))
		case !in.Exists:
			r.add(Fail, "installer", name, "%s is not there", path)
		case !in.Local:
			r.add(Fail, "installer", name, "%s is not on a local drive", path)
		default:
			seen++
			hashes[in.SHA256] = append(hashes[in.SHA256], name)
			r.add(OK, "installer", name, "%s, version %s", path, orNone(clean(in.Version)))
		}
	}
	if len(hashes) > 1 {
		for _, h := range sortedKeys(hashes) {
			r.add(Fail, "installer", "", "%s is not the same file everywhere: SHA-256 %s… on %s", path, h[:min(12, len(h))], some(hashes[h]))
		}
		return
	}
	for h := range hashes {
		if seen == len(probes) {
			r.Installers[path] = h
		}
	}
}

// checkPool is readiness, quorum and the primary database.
func (s *Servers) checkPool(r *Report, live *Live, mayFailOver bool) {
	//exhaustive:enforce
	switch live.State {
	case interp.Ready:
		r.add(OK, "readiness", "", "the pool reads Ready")
	case interp.Busy, interp.Insufficient:
		r.add(Warn, "readiness", "", "the pool reads %s", live.State)
	case interp.Garbled, interp.NoReading, interp.Unanswered, interp.Unread:
		r.add(Fail, "readiness", "", "it cannot be read: %s", orNone(strings.Join(live.Unread, "; ")))
	}
	switch live.Pool {
	case interp.Active:
		r.add(OK, "pool state", "", "Active")
	case interp.FailedOver:
		r.add(Warn, "pool state", "", "the pool is failed over already")
	case interp.StateUnread, interp.FailingOver, interp.FailingBack:
		r.add(Fail, "pool state", "", "%s: %s", live.Pool, orNone(strings.Join(live.Unread, "; ")))
	}
	if live.SQL {
		r.add(OK, "database", "", "the primary is principal")
	} else {
		r.add(Warn, "database", "", "the primary was not seen as principal, so that its vote is not counted")
	}
	s.checkQuorum(r, live, mayFailOver)
}

// checkQuorum: no domain could be taken down. A runbook that fails over is for just that case.
func (s *Servers) checkQuorum(r *Report, live *Live, mayFailOver bool) {
	grade := Fail
	if mayFailOver {
		grade = Warn
	}
	var running pool.Set
	for i := range live.Servers {
		if n, ok := s.pool.Server(live.Servers[i].Name); ok && live.Servers[i].Active {
			running = running.Add(n)
		}
	}
	if live.Pool == interp.FailedOver {
		return
	}
	need, of := s.pool.QuorumRule(live.SQL)
	for i := range s.pool.Domains {
		if d := &s.pool.Domains[i]; !s.pool.Quorum(running.Minus(d.Servers), live.SQL) {
			r.add(grade, "quorum", "", "with %s down too few servers are left: the pool needs %d of its first %d", d.Name, need, of)
			return
		}
	}
	r.add(OK, "quorum", "", "each upgrade domain can be down by itself (%d of the first %d servers are needed)", need, of)
}

// checkPair is the paired pool: its marks, and the conditions of a failover.
func (s *Servers) checkPair(ctx context.Context, r *Report, live *Live, prog *interp.Program, run string) {
	probes := make([]probe, len(live.Partners))
	var all sync.WaitGroup
	for i, name := range live.Partners {
		all.Go(func() {
			p := &probes[i]
			if p.held, p.heldErr = s.foreignMark(ctx, name, run); p.heldErr == nil {
				p.err = s.reread(ctx, name, scripts.Facts, nil, &p.facts)
			}
		})
	}
	all.Wait()
	for i, name := range live.Partners {
		p := &probes[i]
		switch {
		case p.held != nil:
			r.add(Fail, "other runs", name, "%s; both pools of a pair must not be updated at once", p.held.Error())
		case p.heldErr != nil:
			r.add(Warn, "other runs", name, "the front end of the paired pool does not answer: %s", why(p.heldErr))
		case p.err != nil:
			r.add(Warn, "other runs", name, "whether another run is at work on the front end of the paired pool cannot be read: %s", why(p.err))
		}
		checkJobs(r, &p.facts, name, jobsOf(s.pool, run))
	}
	s.checkGuests(ctx, r, live)
	if prog != nil && !prog.Failovers || live.Pool == interp.FailedOver {
		return
	}
	c := s.conditions(ctx, s.liveHosts(live))
	if text := s.against(c, false); text != "" {
		r.add(Warn, "failover", "", "it would be refused now: %s", text)
	} else {
		r.add(OK, "failover", "", "its conditions hold: the backup pool %s is %s, the backup service of both is steady", s.pool.Backup, clean(c.there.State))
	}
	if s.cmsHere(c) {
		r.add(Warn, "failover", "", "the Central Management Store is hosted here; a failover moves it to %s first, and it stays there", s.pool.Backup)
	}
}

// checkGuests: where the other pool is failed over its users are on this one, and none of them is left if this one goes down.
func (s *Servers) checkGuests(ctx context.Context, r *Report, live *Live) {
	var registrar scripts.RegistrarResult
	err := s.ask(ctx, s.liveHosts(live), scripts.Registrar, scripts.PoolArgs{Pool: s.pool.Backup}, &registrar)
	if err != nil {
		r.add(Warn, "pool state", "", "that of the paired pool %s cannot be read: %s", s.pool.Backup, why(err))
		return
	}
	switch state := poolState(registrar.State); state {
	case interp.FailedOver, interp.FailingOver, interp.FailingBack:
		r.add(Fail, "pool state", "", "the paired pool %s is %s: its users are on this pool. Finish its night first, or fail it back", s.pool.Backup, state)
	case interp.Active, interp.StateUnread:
	}
}

func (s *Servers) liveHosts(live *Live) []string {
	if s.pool.Connect.Via != "" {
		return s.anyHost()
	}
	var hosts, others []string
	for i := range live.Servers {
		switch v := &live.Servers[i]; {
		case v.Active:
			hosts = append(hosts, v.Name)
		case v.Answers:
			others = append(others, v.Name)
		}
	}
	return append(hosts, others...)
}
