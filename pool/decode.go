package pool

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var (
	poolShape = &shape{
		name:     "the pool file",
		keys:     []string{"pool", "product", "backup", "domains", "installer", "connect", "notify", "model", "rehearsal"},
		required: []string{"pool", "product", "domains"},
	}
	connectShape   = &shape{name: "connect", keys: []string{"port", "tls", "auth", "hosts", "via", "identity", "user"}}
	notifyShape    = &shape{name: "notify", keys: []string{"webhook", "mail", "command"}}
	mailShape      = &shape{name: "notify: mail", keys: []string{"server", "from", "to"}, required: []string{"server", "from", "to"}}
	rehearsalShape = &shape{name: "rehearsal", keys: []string{"time_scale"}, required: []string{"time_scale"}}
	modelShape     = &shape{name: "model", keys: []string{"users", "sessions", "drain", "stop", "start", "upgrade", "reboot", "settle", "verify",
		"failover", "failback", "cms", "failover_server", "failback_server", "run", "notify", "confirm"}}
)

const minServers = 2

// Decode reads a pool file. filename is what its errors name; nothing is
// opened. An error holds every [*Error] that was found, joined, and comes
// without a pool.
func Decode(filename string, src []byte) (*Pool, error) {
	d := &decoder{file: filename}
	p := &Pool{Source: slices.Clone(src)}
	if root := d.parse(src); root != nil {
		d.pool(p, root)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (d *decoder) pool(p *Pool, root ast.Node) {
	o := d.object(root, poolShape)
	if n := o["pool"]; n != nil {
		p.Name, _ = d.fqdn(n, "pool")
	}
	if n := o["product"]; n != nil {
		i, _ := d.oneOf(n, "product", products[:])
		p.Product = Product(i)
	}
	if n := o["backup"]; n != nil {
		var ok bool
		if p.Backup, ok = d.fqdn(n, "backup"); ok && p.Backup == p.Name {
			d.errorf(n, "backup is this pool itself: it names the other pool of the pair")
		}
	}
	if n := o["domains"]; n != nil {
		d.domains(p, n)
	}
	if n := o["installer"]; n != nil {
		p.Installer, _ = d.text(n, "installer")
	}
	p.Connect = Connect{Port: 5986, TLS: true, Auth: Kerberos}
	if n := o["connect"]; n != nil {
		d.connect(p, n)
	}
	if n := o["notify"]; n != nil {
		d.notify(&p.Notify, n)
	}
	p.Model = DefaultModel(p.Product)
	if n := o["model"]; n != nil {
		d.model(&p.Model, n)
	}
	if n := o["rehearsal"]; n != nil {
		r := d.object(n, rehearsalShape)
		p.Rehearsal = &Rehearsal{TimeScale: 1}
		if n := r["time_scale"]; n != nil {
			p.Rehearsal.TimeScale, _ = d.integer(n, "time_scale", 1, 1_000_000)
		}
	}
}

// domains reads the topology. Servers are numbered as they stand, since the
// order decides whose vote counts.
func (d *decoder) domains(p *Pool, n ast.Node) {
	list, ok := d.entries(n, "domains")
	if !ok {
		return
	}
	before := len(d.errs)
	home := map[string]string{} // the domain of each server so far
	for _, e := range list {
		if _, dup := p.Domain(e.key); dup {
			d.errorf(e.name, "domains names %s twice, in different case", quote(e.key))
			continue
		}
		if strings.TrimSpace(e.key) == "" || strings.ContainsAny(e.key, "\n\r\t") || len(e.key) > 64 {
			d.errorf(e.name, "an upgrade domain has a name of one line, at most 64 bytes long")
			continue
		}
		if e.value == nil {
			d.errorf(e.name, "domain %s has no servers", e.key)
			continue
		}
		p.Domains = append(p.Domains, Domain{Name: e.key})
		items, ok := d.list(e.value, "domain "+e.key)
		if ok && len(items) == 0 {
			d.errorf(e.value, "domain %s has no servers", e.key)
		}
		for _, item := range items {
			name, ok := d.fqdn(item, "server")
			if !ok {
				continue
			}
			if other, dup := home[name]; dup {
				d.serverTwice(item, name, other, e.key)
				continue
			}
			if name == p.Name || name == p.Backup {
				d.errorf(item, "%s is the name of a pool, not of a server", name)
			}
			home[name] = e.key
			p.Servers = append(p.Servers, Server{Name: name, Domain: len(p.Domains) - 1})
		}
	}
	d.size(p, n, before)
}

func (d *decoder) serverTwice(at ast.Node, name, first, second string) {
	if first == second {
		d.errorf(at, "server %s stands twice in domain %s", name, first)
		return
	}
	d.errorf(at, "server %s is in two domains, %s and %s: a server has one", name, first, second)
}

// size checks the number of servers, and only then fills the sets, which hold
// no more than [MaxServers].
func (d *decoder) size(p *Pool, n ast.Node, before int) {
	count := len(p.Servers)
	most := MaxServers
	if p.Product != 0 {
		most = p.Product.MaxServers()
	}
	switch {
	case count > MaxServers:
		d.errorf(n, "the pool has %d servers: no product has more than %d in a pool", count, MaxServers)
		return
	case count > most:
		d.errorf(n, "the pool has %d servers: %s has at most %d in a pool", count, p.Product, most)
		return
	case count < minServers && len(d.errs) == before:
		d.errorf(n, "the pool has %s: a Front End pool has %d or more (a Standard Edition server has no upgrade domains and needs no runbook of this kind)",
			[]string{"no server", "one server"}[count], minServers)
		return
	case count < p.Product.MinServers() && len(d.errs) == before:
		d.errorf(n, "the pool has %d servers: %s has %d or more in a pool, the topology of a smaller one cannot be published",
			count, p.Product, p.Product.MinServers())
		return
	}
	for i := range p.Servers {
		dom := &p.Domains[p.Servers[i].Domain]
		dom.Servers = dom.Servers.Add(i)
	}
}

// model lays what the file says over the defaults.
func (d *decoder) model(m *Model, n ast.Node) {
	o := d.object(n, modelShape)
	for key, limit := range map[string]struct {
		to  *int
		max int
	}{"users": {&m.Users, 10_000_000}, "sessions": {&m.Sessions, 1_000_000}} {
		if n := o[key]; n != nil {
			*limit.to, _ = d.integer(n, "model: "+key, 0, limit.max)
		}
	}
	for key, to := range map[string]*Range{
		"drain": &m.Drain, "stop": &m.Stop, "start": &m.Start, "upgrade": &m.Upgrade, "reboot": &m.Reboot, "settle": &m.Settle,
		"verify": &m.Verify, "failover": &m.Failover, "failback": &m.Failback, "cms": &m.CMS, "failover_server": &m.FailoverServer,
		"failback_server": &m.FailbackServer, "run": &m.Run, "notify": &m.Notify, "confirm": &m.Confirm,
	} {
		if n := o[key]; n != nil {
			d.rng(n, "model: "+key, to)
		}
	}
}

func (d *decoder) rng(n ast.Node, what string, to *Range) {
	s, ok := d.scalar(n, what)
	if !ok {
		return
	}
	r, err := parseRange(s)
	if err != nil {
		d.errorf(n, "%s: %v", what, err)
		return
	}
	*to = r
}
