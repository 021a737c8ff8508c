package pool

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/lrun/lrun/internal/spell"
)

var (
	scenarioShape = &shape{name: "the scenario file", keys: []string{"start", "seed", "faults", "answers"}}
	startShape    = &shape{name: "start", keys: []string{"version", "stopped", "disabled", "down", "reboot_pending", "rgs_stuck", "stale",
		"failed_over", "edge", "database_due", "cms", "sql", "backup", "backup_pool"}}
	backupShape  = &shape{name: "start: backup", keys: []string{"here", "backup"}}
	answersShape = &shape{name: "answers", keys: []string{"confirm"}}
)

// maxFaults bounds a scenario; nobody reads a night with more.
const maxFaults = 200

// scenarioDecoder is a decoder that knows the pool whose servers and domains
// the scenario names.
type scenarioDecoder struct {
	decoder
	pool *Pool
}

// DecodeScenario reads a scenario file for the pool p, whose servers and
// domains it names. filename is what its errors name; nothing is opened. An
// error holds every [*Error] that was found, joined, and comes without a
// scenario.
func DecodeScenario(filename string, src []byte, p *Pool) (*Scenario, error) {
	d := &scenarioDecoder{decoder{file: filename}, p}
	s := &Scenario{Source: slices.Clone(src)}
	if root := d.parse(src); root != nil {
		d.scenario(s, root)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (d *scenarioDecoder) scenario(s *Scenario, root ast.Node) {
	o := d.object(root, scenarioShape)
	if n := o["start"]; n != nil {
		d.start(&s.Start, n)
	}
	if n := o["seed"]; n != nil {
		s.Seed = d.seed(n)
	}
	if n := o["faults"]; n != nil {
		items, _ := d.list(n, "faults")
		if len(items) > maxFaults {
			d.errorf(n, "faults has %d lines: at most %d are read", len(items), maxFaults)
			items = nil
		}
		for _, item := range items {
			if f, ok := d.fault(item); ok {
				s.Faults = append(s.Faults, f)
			}
		}
	}
	if n := o["answers"]; n != nil {
		d.answers(&s.Answers, n)
	}
}

func (d *decoder) seed(n ast.Node) *uint64 {
	text, ok := d.scalar(n, "seed")
	if !ok {
		return nil
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		d.errorf(n, "seed is a whole number of 0 or more, not %s", quote(text))
		return nil
	}
	return &seed
}

func (d *scenarioDecoder) answers(a *Answers, n ast.Node) {
	o := d.object(n, answersShape)
	if n := o["confirm"]; n != nil {
		items, _ := d.listOrOne(n, "answers: confirm")
		for _, item := range items {
			a.Confirm = append(a.Confirm, d.answer(item, "answers: confirm"))
		}
	}
}

// answer reads yes, no or none; true and false are what some editors turn the
// first two into.
func (d *scenarioDecoder) answer(n ast.Node, what string) Answer {
	if b, ok := n.(*ast.BoolNode); ok {
		if b.Value {
			return Yes
		}
		return No
	}
	i, _ := d.oneOf(n, what, answers)
	return Answer(i)
}

func (d *scenarioDecoder) start(s *Start, n ast.Node) {
	o := d.object(n, startShape)
	if n := o["version"]; n != nil {
		d.versions(s, n)
	}
	for key, to := range map[string]*Set{"stopped": &s.Stopped, "disabled": &s.Disabled, "down": &s.Down,
		"reboot_pending": &s.RebootPending, "rgs_stuck": &s.RGSStuck, "stale": &s.Stale} {
		if n := o[key]; n != nil {
			*to = d.servers(n, "start: "+key)
		}
	}
	for key, to := range map[string]*bool{"failed_over": &s.FailedOver, "edge": &s.Edge, "database_due": &s.DatabaseDue} {
		if n := o[key]; n != nil {
			*to, _ = d.boolean(n, "start: "+key)
		}
	}
	if n := o["failed_over"]; n != nil && s.FailedOver {
		d.paired(n, "start: failed_over")
	}
	if n := o["cms"]; n != nil {
		s.CMS = d.cms(n, "start: cms")
	}
	if n := o["sql"]; n != nil {
		i, _ := d.oneOf(n, "start: sql", sqlStates)
		s.SQL = SQLState(i)
	}
	if n := o["backup"]; n != nil {
		d.startBackup(s, n)
	}
	if n := o["backup_pool"]; n != nil && d.paired(n, "start: backup_pool") {
		i, _ := d.oneOf(n, "start: backup_pool", poolStates)
		s.BackupPool = PoolState(i)
	}
	if both := s.Down.Intersect(s.Stopped.Union(s.Disabled)); !both.Empty() {
		d.errorf(n, "start: %s is down, and stopped or disabled as well: say one of them", strings.Join(d.pool.Names(both), ", "))
	}
	if both := s.Stopped.Intersect(s.Disabled); !both.Empty() {
		d.errorf(n, "start: %s is stopped and disabled: disabled services are stopped too, so say disabled alone", strings.Join(d.pool.Names(both), ", "))
	}
}

// versions reads one version for all servers, or a mapping by server.
func (d *scenarioDecoder) versions(s *Start, n ast.Node) {
	s.Version = make([]string, len(d.pool.Servers))
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		if v, ok := d.version(n); ok {
			for i := range s.Version {
				s.Version[i] = v
			}
		}
		return
	}
	list, _ := d.entries(n, "start: version")
	for _, e := range list {
		i, ok := d.server(e.name)
		switch {
		case !ok:
		case e.value == nil:
			d.errorf(e.name, "%s has no version", e.key)
		case s.Version[i] != "":
			d.errorf(e.name, "start: version names %s twice, in different case", d.pool.Servers[i].Name)
		default:
			s.Version[i], _ = d.version(e.value)
		}
	}
}

// version is a build number: numbers and dots.
func (d *scenarioDecoder) version(n ast.Node) (string, bool) {
	s, ok := d.text(n, "version")
	if !ok {
		return "", false
	}
	parts := strings.Split(s, ".")
	good := len(parts) <= 4
	for _, part := range parts {
		good = good && part != "" && len(part) <= 5 && strings.Trim(part, "0123456789") == ""
	}
	if !good {
		d.errorf(n, "%s is not a version: write numbers and dots, as %s", quote(s), quote("5.0.8308.887"))
		return "", false
	}
	return s, true
}

func (d *scenarioDecoder) startBackup(s *Start, n ast.Node) {
	if !d.paired(n, "start: backup") {
		return
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		o := d.object(n, backupShape)
		for key, to := range map[string]*BackupState{"here": &s.Backup, "backup": &s.PartnerBackup} {
			if n := o[key]; n != nil {
				i, _ := d.oneOf(n, "start: backup: "+key, backupStates)
				*to = BackupState(i)
			}
		}
	default:
		i, _ := d.oneOf(n, "start: backup", backupStates)
		s.Backup = BackupState(i)
	}
}

// cms reads a place of the Central Management Store.
func (d *scenarioDecoder) cms(n ast.Node, what string) CMSPlace {
	i, _ := d.oneOf(n, what, cmsPlaces)
	if place := CMSPlace(i); place == CMSBackup || place == CMSBoth {
		d.paired(n, what+": "+place.String())
	}
	return CMSPlace(i)
}

// paired collects an error where the pool has no backup pool.
func (d *scenarioDecoder) paired(n ast.Node, what string) bool {
	if !d.pool.Paired() {
		d.errorf(n, "%s: %s has no backup pool in its file", what, d.pool.Name)
	}
	return d.pool.Paired()
}

// servers reads a list of servers, one server, or the word all.
func (d *scenarioDecoder) servers(n ast.Node, what string) Set {
	items, _ := d.listOrOne(n, what)
	if s, ok := n.(*ast.StringNode); ok && s.Value == "all" {
		return d.pool.All()
	}
	var set Set
	for _, item := range items {
		i, ok := d.server(item)
		if ok && set.Has(i) {
			d.errorf(item, "%s names %s twice", what, d.pool.Servers[i].Name)
		}
		if ok {
			set = set.Add(i)
		}
	}
	return set
}

// server is the number of a server that the pool file names.
func (d *scenarioDecoder) server(n ast.Node) (int, bool) {
	s, ok := d.text(n, "server")
	if !ok {
		return -1, false
	}
	if i, ok := d.pool.Server(s); ok {
		return i, true
	}
	d.errorf(n, "%s has no server %s%s", d.pool.Name, quote(s), nearestOf(s, d.pool.Names(d.pool.All())))
	return -1, false
}

// domain is the number of a domain that the pool file names.
func (d *scenarioDecoder) domain(n ast.Node) (int, bool) {
	s, ok := d.text(n, "domain")
	if !ok {
		return -1, false
	}
	if i, ok := d.pool.Domain(s); ok {
		return i, true
	}
	names := make([]string, len(d.pool.Domains))
	for i := range d.pool.Domains {
		names[i] = d.pool.Domains[i].Name
	}
	d.errorf(n, "%s has no domain %s%s", d.pool.Name, quote(s), nearestOf(s, names))
	return -1, false
}

// nearestOf ends a message about a name that the pool file does not have. A
// short name means the server whose full name begins with it.
func nearestOf(name string, known []string) string {
	for _, k := range known {
		if host, _, _ := strings.Cut(k, "."); strings.EqualFold(host, name) {
			return "; did you mean " + k + "?"
		}
	}
	if near := spell.Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; it has " + strings.Join(known, ", ")
}
