package rehearsal

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm/scripts"
)

// The scripts that change nothing on the server they look at.

func survey(c *call) {
	args, ok := read[scripts.SurveyArgs](c)
	if !ok {
		return
	}
	s := c.s
	accepts := false
	if s.frontEnd() && len(args.Ports) > 0 {
		switch s.model().LookAtPorts(s.number) {
		case sim.Accepts:
			accepts = true
		case sim.Silent:
			if c.again != nil {
				never := func() {}
				never = func() { c.again(never) }
				never()
				return
			}
		case sim.Breaks:
			s.cut()
			c.answer(reply{lost: true})
			return
		case sim.Refuses:
		}
	}
	r := scripts.SurveyResult{
		FQDN: s.name, Now: s.night.clock().Format(dotnet), Boot: s.boot, BootNonce: s.nonce, Pending: s.pending(),
		Services: s.services(args.Activity), Versions: s.versions(), Ports: []scripts.Port{},
	}
	if args.Jobs {
		r.Jobs = s.jobsGoing()
	}
	for _, port := range args.Ports {
		r.Ports = append(r.Ports, scripts.Port{Port: port, Accepts: accepts && slices.Contains(ports, port)})
	}
	c.done(r)
}

// ports are those that a Front End in service listens on.
var ports = []int{
	80, 443, 444, 445, 448, 4443, 5061, 5062, 5063, 5064, 5065, 5067, 5068, 5070, 5071, 5072, 5073, 5075, 5076, 5080, 5086,
	5087, 8057, 8060, 8061, 8080, 8404,
}

// services are the Windows services of the server. activity adds what Get-CsWindowsService takes its time to count.
func (s *server) services(activity bool) []scripts.Service {
	list := []scripts.Service{}
	if !s.frontEnd() {
		return list
	}
	for _, m := range s.model().Services(s.number) {
		v := scripts.Service{
			Name: m.Name, Display: display(m.Name), State: string(m.Status), Start: "Auto", Lync: true, Roles: roles[m.Name],
		}
		if m.StartType == "Disabled" {
			v.Start = "Disabled"
		}
		count := m.Activity
		if status, ok := s.alone[m.Name]; ok {
			v.State = string(status)
			if status == sim.Stopped {
				count = 0
			}
		} else if s.night.opts.StaysUp && m.Status == sim.Stopped && v.Start != "Disabled" && slices.Contains(staysUp, m.Name) {
			v.State = string(sim.Running)
		}
		if activity {
			v.Activity = counters(m.Name, count)
		}
		list = append(list, v)
	}
	for _, name := range []string{"MSSQL$RTCLOCAL", "MSSQL$LYNCLOCAL"} {
		list = append(list, scripts.Service{
			Name: name, Display: "SQL Server (" + name[len("MSSQL$"):] + ")", State: "Running", Start: "Auto", Roles: []string{},
		})
	}
	return list
}

// staysUp are services that Stop-CsWindowsService may leave running, see Options.StaysUp.
var staysUp = []string{"W3SVC", "RTCCLSAGT", "REPLICA"}

var roles = map[string][]string{
	"W3SVC": {"W3SVC"}, "MASTER": {"CentralManagement"}, "FTA": {"CentralManagement"}, "REPLICA": {"Replica"},
	"RTCCLSAGT": {"ClsAgent"}, "FabricHostSvc": {"Registrar"}, "RTCSRV": {"Registrar", "UserServer", "EdgeServer"},
	"RTCCAA": {"ApplicationServer"}, "RTCCAS": {"ApplicationServer"}, "RTCRGS": {"ApplicationServer"},
	"RTCCPS": {"ApplicationServer"}, "RTCATS": {"ApplicationServer"}, "RTCIMMCU": {"ConferencingServer"},
	"RTCDATAMCU": {"ConferencingServer"}, "RTCAVMCU": {"ConferencingServer"}, "RTCASMCU": {"ConferencingServer"},
	"RTCMEDSRV": {"MediationServer"}, "RTCXMPPTGW": {"XmppGateway"}, "RTCHA": {"HealthAgent"}, "LYNCBACKUP": {"BackupService"},
}

var displays = map[string]string{
	"W3SVC": "World Wide Web Publishing Service", "FabricHostSvc": "Windows Fabric Host Service",
	"RTCSRV": "Front-End", "RTCCAA": "Conferencing Attendant", "RTCCAS": "Conferencing Announcement",
	"RTCRGS": "Response Group", "RTCCPS": "Call Park", "RTCATS": "Audio Test Service", "RTCIMMCU": "IM Conferencing",
	"RTCDATAMCU": "Web Conferencing", "RTCAVMCU": "Audio/Video Conferencing", "RTCASMCU": "Application Sharing",
	"RTCMEDSRV": "Mediation", "RTCXMPPTGW": "XMPP Translating Gateway", "RTCHA": "Health Agent", "LYNCBACKUP": "Backup Service",
	"MASTER": "Master Replicator Agent", "FTA": "File Transfer Agent", "REPLICA": "Replica Replicator Agent",
	"RTCCLSAGT": "Centralized Logging Service Agent",
}

func display(name string) string {
	if d := displays[name]; d != "" {
		return d
	}
	return name
}

// counters is what ActivityLevel says of so many sessions.
func counters(name string, n int) string {
	switch {
	case name == "RTCSRV":
		return fmt.Sprintf("Incoming Requests per Second=%d,Messages in Server=%d", n/10, n)
	case strings.HasSuffix(name, "MCU"):
		return fmt.Sprintf("Concurrent Conferences=%d", n)
	case name == "RTCCAA", name == "RTCCAS", name == "RTCRGS", name == "RTCCPS", name == "RTCATS", name == "RTCMEDSRV":
		return fmt.Sprintf("Concurrent Calls=%d", n)
	}
	return ""
}

func (s *server) versions() []scripts.Component {
	list := []scripts.Component{}
	if !s.frontEnd() {
		return list
	}
	p := products[s.farm.pool.Product]
	for _, c := range components {
		list = append(list, scripts.Component{Component: p.name + ", " + c, Version: s.version(), Source: p.csv})
	}
	return list
}

// readiness blocks, as the cmdlet does, for as long as the model says that it does not come back.
func readiness(c *call) {
	s := c.s
	cmdlet := products[s.night.opts.Pool.Product].readiness
	if !s.onFabric(c) {
		return
	}
	s.reading(c, true, func(r interp.Reading) {
		c.done(s.readinessResult(cmdlet, r))
	})
}

// onFabric fails a cmdlet that has to run on a Front End in service.
func (s *server) onFabric(c *call) bool {
	if !s.frontEnd() {
		c.fail(typeFabric, "this computer is not a Front End server of any pool")
		return false
	}
	if p := s.phase; p != sim.PhaseRunning && p != sim.PhaseDraining {
		c.fail(typeFabric, "Windows Fabric does not answer on this computer: the Front-End service does not run")
		return false
	}
	return true
}

// reading gives a reading of the server's pool. The first try counts as one of the night.
func (s *server) reading(c *call, first bool, take func(interp.Reading)) {
	m, n := s.model(), s.night
	r := interp.Reading{}
	if first && s.farm == n.farms[0] {
		n.run()
	}
	if first {
		r = m.ReadOnce()
	} else {
		r = m.Readiness()
	}
	if s.farm != n.farms[0] {
		switch n.farms[0].model.Surroundings().BackupPool {
		case pool.Busy:
			r.State = interp.Busy
		case pool.Insufficient:
			r.State, r.Domains = interp.Insufficient, 0
		case pool.Garbled:
			r.State = interp.Garbled
		case pool.Unanswered:
			r.State = interp.Unanswered
		case pool.Ready:
		}
	}
	if r.State == interp.Unanswered {
		if c.again == nil {
			c.fail(typeFabric, "the cmdlet did not come back")
			return
		}
		// A reading that the scenario names by its number never comes back, whatever the pool does.
		named := first && m.Readiness().State != interp.Unanswered && s.farm == n.farms[0]
		var later func()
		later = func() {
			if named {
				c.again(later)
				return
			}
			s.reading(c, false, take)
		}
		c.again(later)
		return
	}
	n.tell(m.Now(), Event{Event: EventRead, Server: s.name, Text: r.State.String()})
	take(r)
}

// garbled is an answer that nobody understands: an enum that arrived as its number.
const garbled = "3"

func (s *server) readinessResult(cmdlet string, r interp.Reading) scripts.ReadinessResult {
	p := s.farm.pool
	state := r.State.String()
	if r.State == interp.Garbled {
		state = garbled
	}
	out := scripts.ReadinessResult{
		Cmdlet: cmdlet, State: state, Total: strconv.Itoa(len(p.Servers)), Active: strconv.Itoa(r.Running.Len()),
	}
	view := []string{"PoolFqdn             : " + p.Name, "PoolUpgradeState     : " + state,
		"TotalFrontends       : " + out.Total, "TotalActiveFrontends : " + out.Active}
	for i := range p.Domains {
		d := scripts.Domain{Name: p.Domains[i].Name, Ready: "False", FrontEnds: p.Names(p.Domains[i].Servers)}
		if r.Domains.Has(i) {
			d.Ready = "True"
		}
		out.Domains = append(out.Domains, d)
		view = append(view, fmt.Sprintf("UpgradeDomain        : %s, %s, {%s}", d.Name, d.Ready, strings.Join(d.FrontEnds, ", ")))
	}
	out.Text = strings.Join(view, "\r\n")
	return out
}

func facts(c *call) {
	p := products[c.s.night.opts.Pool.Product]
	c.done(scripts.FactsResult{
		Now: c.s.night.clock().Format(dotnet), PSVersion: "4.0", Module: p.module, User: c.user, Admin: true,
		Groups: []string{`CONTOSO\RTCUniversalServerAdmins`, `CONTOSO\CsAdministrator`}, Agents: []string{}, Consoles: []string{},
		FreeMB: 40 << 10, Jobs: c.s.jobsGoing(),
	})
}

func installer(c *call) {
	args, ok := read[scripts.InstallerArgs](c)
	if !ok {
		return
	}
	c.done(c.s.installerAt(args.Path))
}

// installerAt is the installer under any path of a local drive, the same on every server.
func (s *server) installerAt(path string) scripts.InstallerResult {
	local := len(path) > 3 && path[1:3] == `:\`
	r := scripts.InstallerResult{Path: path, Local: local}
	if local {
		r.Exists, r.Size, r.Version = true, 180<<20, s.night.opts.Build
		r.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(strings.ToLower(path)+"\x00"+s.night.opts.Build)))
	}
	return r
}

func hop(c *call) {
	r := scripts.HopResult{User: c.user}
	if c.hops {
		r.Server, r.Instance = sqlServer(c.s.night.opts.Pool), "rtc"
	} else {
		r.LDAP, r.CMS, r.SQL = ldapRefuses, secondHop, "not tried"
	}
	c.done(r)
}

// sqlServer is the SQL Server of a pool, named after its domain.
func sqlServer(p *pool.Pool) string {
	_, domain, _ := strings.Cut(p.Name, ".")
	return "sql01." + domain
}

func computers(c *call) {
	args, ok := read[scripts.ComputersArgs](c)
	if !ok || !args.LocalStore && !c.reaches() {
		return
	}
	f := c.s.night.farmOf(args.Pool)
	if f == nil {
		c.fail(typeRuntime, "Cannot find pool %q in the topology.", args.Pool)
		return
	}
	c.done(scripts.ComputersResult{Computers: f.pool.Names(f.pool.All())})
}

// farmOf finds a pool by name, nil where there is none.
func (n *night) farmOf(name string) *farm {
	for _, f := range n.farms {
		if strings.EqualFold(f.pool.Name, name) {
			return f
		}
	}
	return nil
}

// ofPool reads the name of a pool and finds it, for cmdlets that need the Central Management store.
func ofPool(c *call) (*farm, bool) {
	args, ok := read[scripts.PoolArgs](c)
	if !ok || !c.reaches() {
		return nil, false
	}
	f := c.s.night.farmOf(args.Pool)
	if f == nil {
		c.fail(typeRuntime, "Cannot find pool %q in the topology.", args.Pool)
		return nil, false
	}
	return f, true
}

func registrar(c *call) {
	f, ok := ofPool(c)
	if !ok {
		return
	}
	state := map[interp.PoolState]string{
		interp.Active: "Active", interp.FailingOver: "FailingOver", interp.FailedOver: "FailedOver", interp.FailingBack: "FailingBack",
	}[f.model.Survey().Pool]
	if state == "Active" && f.model.Stats().Failovers == 0 {
		c.done(scripts.RegistrarResult{State: state, Text: "the pool has no Registrar settings of its own: it was never failed over"})
		return
	}
	c.done(scripts.RegistrarResult{State: state, Text: "Identity  : Service:Registrar:" + f.pool.Name + "\r\nPoolState : " + state})
}

func backup(c *call) {
	f, ok := ofPool(c)
	if !ok {
		return
	}
	n := c.s.night
	if !n.farms[0].pool.Paired() {
		c.done(scripts.BackupResult{Modules: []scripts.BackupModule{}})
		return
	}
	around := n.farms[0].model.Surroundings()
	state, other := around.Backup, n.farms[0].pool.Backup
	holdsCMS := around.CMS == pool.CMSHere || around.CMS == pool.CMSBoth
	if f != n.farms[0] {
		state, other = around.PartnerBackup, n.farms[0].pool.Name
		holdsCMS = around.CMS == pool.CMSBackup || around.CMS == pool.CMSBoth
	}
	export, imported := backupWords(state)
	cmsExport := "NotInitialized"
	if holdsCMS {
		cmsExport = export
	}
	c.done(scripts.BackupResult{
		BackupPool: other, Relation: "PoolFqdn       : " + f.pool.Name + "\r\nBackupPoolFqdn : " + other,
		Modules: []scripts.BackupModule{
			{Text: "UserServices.PresenceFocus:[" + export + "," + imported + "]"},
			{Text: "ConfServices.DataConf:[" + export + "," + imported + "]"},
			{Text: "CentralMgmt.CMSMaster:[" + cmsExport + "," + imported + "]"},
		},
		Status: "OverallExportStatus : " + export + "\r\nOverallImportStatus : " + imported,
	})
}

func backupWords(b pool.BackupState) (export, imported string) {
	switch b {
	case pool.BackupSteady:
		return "SteadyState", "NormalState"
	case pool.BackupFinal:
		return "FinalState", "NormalState"
	case pool.BackupNonSteady:
		return "NonSteadyState", "NormalState"
	case pool.BackupNotInitialized:
		return "NotInitialized", "NormalState"
	case pool.BackupError:
	}
	return "ErrorState", "ErrorState"
}

func cms(c *call) {
	args, ok := read[scripts.CMSArgs](c)
	if !ok || !c.reaches() {
		return
	}
	f := c.s.night.farms[0]
	_, domain, _ := strings.Cut(f.pool.Name, ".")
	stores := []scripts.Store{{Pool: "cmspool." + domain, Active: "True"}}
	master := "cms01." + domain
	here := f.pool.Servers[0].Name
	switch f.model.Surroundings().CMS {
	case pool.CMSHere:
		stores, master = []scripts.Store{{Pool: f.pool.Name, Active: "True"}, {Pool: f.pool.Backup, Active: "False"}}, here
	case pool.CMSBackup:
		stores = []scripts.Store{{Pool: f.pool.Name, Active: "False"}, {Pool: f.pool.Backup, Active: "True"}}
		master = c.s.night.partnerServer()
	case pool.CMSNone:
		stores, master = []scripts.Store{{Pool: f.pool.Name, Active: "False"}}, ""
	case pool.CMSBoth:
		stores, master = []scripts.Store{{Pool: f.pool.Name, Active: "True"}, {Pool: f.pool.Backup, Active: "True"}}, here
	case pool.CMSElsewhere:
	}
	stores = slices.DeleteFunc(stores, func(s scripts.Store) bool { return s.Pool == "" })
	r := scripts.CMSResult{Master: master, Agents: []string{}, Stores: stores, Replicas: []scripts.Replica{}}
	if master != "" {
		r.Agents = append(r.Agents, master)
	}
	r.Text = "ActiveMasterFQDN         : " + master + "\r\nActiveFileTransferAgents : {" + strings.Join(r.Agents, ", ") + "}"
	if args.Replicas {
		for _, f := range c.s.night.farms {
			for i, s := range f.pool.Servers {
				upToDate := "True"
				if f.model.Server(i).Stale {
					upToDate = "False"
				}
				r.Replicas = append(r.Replicas, scripts.Replica{FQDN: s.Name, UpToDate: upToDate})
			}
		}
	}
	c.done(r)
}

// partnerServer is the first server of the paired pool, "" where there is none.
func (n *night) partnerServer() string {
	if len(n.farms) < 2 {
		return ""
	}
	return n.farms[1].pool.Servers[0].Name
}

func edge(c *call) {
	if !c.reaches() {
		return
	}
	f := c.s.night.farms[0]
	_, domain, _ := strings.Cut(f.pool.Name, ".")
	next := "dirpool." + domain
	if f.model.Surroundings().Edge {
		next = f.pool.Name
	}
	c.done(scripts.EdgeResult{Edges: []scripts.EdgePool{{Pool: "edgepool." + domain, NextHop: next}}})
}

func mirror(c *call) {
	f, ok := ofPool(c)
	if !ok {
		return
	}
	primary, mirrored, status := "Principal", "Mirror", "Synchronized"
	if f == c.s.night.farms[0] {
		switch f.model.Surroundings().SQL {
		case pool.SQLMirror:
			primary, mirrored = "Mirror", "Principal"
		case pool.SQLLost:
			primary, mirrored, status = scripts.NoMirror, scripts.NoMirror, ""
		case pool.SQLPrincipal:
		}
	}
	lost := primary == scripts.NoMirror
	if n := c.s.night.opts; n.Unmirrored && primary == "Principal" {
		primary, mirrored, status = scripts.NoMirror, scripts.NoMirror, ""
	}
	r := scripts.MirrorResult{Mirroring: true, Stores: []scripts.UserStore{}}
	if primary == scripts.NoMirror {
		r.Stores = append(r.Stores, scripts.UserStore{Name: "UserDatabase:" + sqlServer(f.pool), Online: boolText(!lost)})
	}
	for _, name := range []string{"rtcxds", "rtcshared", "rtcab", "cpsdyn"} {
		r.Databases = append(r.Databases, scripts.Database{
			Name: name, Primary: primary, Mirror: mirrored, StatusPrimary: status, StatusMirror: status,
		})
	}
	c.done(r)
}

// poolFacts is both in one script, neither of which hides the other.
func poolFacts(c *call) {
	var r scripts.PoolFactsResult
	for _, p := range []struct {
		act  actor
		part *scripts.Part
	}{{registrar, &r.Registrar}, {mirror, &r.Mirror}} {
		inner := *c
		var err error
		inner.answer = func(told reply) { *p.part, err = scripts.PartOf(told.out, told.fail) }
		if p.act(&inner); err != nil {
			c.fail(typeRuntime, "%v", err)
			return
		}
	}
	c.done(r)
}

// boolText is how .NET prints it.
func boolText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
