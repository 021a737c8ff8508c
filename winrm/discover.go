package winrm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Live is a pool as it was found.
type Live struct {
	Servers  []LiveServer // in the topology's order where that could be read, else in the file's
	Domains  []LiveDomain // as the readiness cmdlet tells them; none where it did not answer
	State    interp.ReadState
	Pool     interp.PoolState
	SQL      bool     // the primary database was seen as principal
	Backup   string   // FQDN of the paired pool, "" where there is none
	Partners []string // its front ends

	// Unread tells what could not be read, and why, a line each. What is not read is not compared.
	Unread []string

	ordered bool // Servers are in the topology's order
	paired  bool // Backup was read
}

// LiveServer is one server as it was found.
type LiveServer struct {
	Name       string
	Answers    bool
	Why        string   // where it does not answer: why
	Active     bool     // it serves
	Disabled   bool     // its services do not start by themselves: it was failed over, or somebody disabled them
	NotRunning []string // services that start by themselves and do not run
	Version    string   // the latest of its components; "" where it cannot be read
	Pending    []string // reasons for a reboot that Windows waits for
	Sessions   int
}

// LiveDomain is an upgrade domain as the cmdlet tells it.
type LiveDomain struct {
	Name    string
	Servers []string
	Ready   bool
}

// Discover looks at the live pool. It changes nothing. The error is a refused login, a server that is another
// one than its name says, or that no server answers; all else that cannot be read is told in Unread.
func (s *Servers) Discover(ctx context.Context) (*Live, error) {
	l := &Live{}
	names := s.pool.Names(s.pool.All())
	var order scripts.ComputersResult
	if err := s.ask(ctx, s.anyHost(), scripts.Computers, scripts.ComputersArgs{Pool: s.pool.Name}, &order); err != nil {
		if loginRefused(err) || ctx.Err() != nil {
			return nil, err
		}
		l.unread("the servers of the topology", err)
	} else {
		names, l.ordered = nil, true
		for _, n := range order.Computers {
			names = append(names, strings.ToLower(clean(n)))
		}
	}
	found, err := s.discoverServers(ctx, l, names)
	if err != nil {
		return nil, err
	}
	s.discoverPool(ctx, l, found)
	return l, ctx.Err()
}

func (l *Live) unread(what string, err error) {
	l.Unread = append(l.Unread, fmt.Sprintf("%s: %s", what, why(err)))
}

// discoverServers looks at each server. It returns those that answer, those that serve first.
func (s *Servers) discoverServers(ctx context.Context, l *Live, names []string) ([]string, error) {
	l.Servers = make([]LiveServer, len(names))
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			var r scripts.SurveyResult
			errs[i] = s.reread(ctx, name, scripts.Survey, scripts.SurveyArgs{Activity: true}, &r)
			l.Servers[i] = liveServer(name, status{&r}, errs[i])
		})
	}
	all.Wait()
	var serving, others []string
	for i := range l.Servers {
		var wrong *WrongServerError
		switch v := &l.Servers[i]; {
		case loginRefused(errs[i]), errors.As(errs[i], &wrong):
			return nil, errs[i]
		case v.Active:
			serving = append(serving, v.Name)
		case v.Answers:
			others = append(others, v.Name)
		}
	}
	if len(serving)+len(others) == 0 {
		return nil, &NobodyAnswersError{Pool: s.pool.Name, Servers: names, Errs: errs}
	}
	return append(serving, others...), nil
}

// NobodyAnswersError is a pool none of whose servers answers.
type NobodyAnswersError struct {
	Pool    string   // FQDN
	Servers []string // FQDNs
	Errs    []error  // why, one a server
}

// Error names the servers by reason: mostly there is one reason for all.
func (e *NobodyAnswersError) Error() string {
	by := map[string][]string{}
	var reasons []string
	for i, err := range e.Errs {
		reason := reasonOf(err)
		if by[reason] == nil {
			reasons = append(reasons, reason)
		}
		by[reason] = append(by[reason], e.Servers[i])
	}
	text := "no server of " + e.Pool + " answers"
	for _, reason := range reasons {
		text += fmt.Sprintf("\n%s: %s", some(by[reason]), reason)
	}
	return text
}

func (e *NobodyAnswersError) Unwrap() []error { return e.Errs }

// reasonOf is an error without the address of its server, so that servers with one reason can be told together.
func reasonOf(err error) string {
	var t *transport.TLSError
	var dial *net.OpError
	switch {
	case errors.As(err, &t):
		return clean(t.Reason)
	case errors.As(err, &dial) && dial.Op == "dial":
		return clean(dial.Err.Error())
	}
	return why(err)
}

func liveServer(name string, s status, err error) LiveServer {
	v := LiveServer{Name: name}
	if err != nil {
		v.Why = why(err)
		return v
	}
	v.Answers, v.Active, v.Version, v.Sessions = true, s.active(), s.version(), s.sessions()
	for _, p := range s.Pending {
		v.Pending = append(v.Pending, clean(p))
	}
	if f, ok := s.service(frontEnd); ok {
		v.Disabled = f.Start == "Disabled"
	}
	v.NotRunning = s.missing(s.automatic())
	if err := s.readable(); err != nil {
		v.NotRunning = []string{why(err)}
	}
	return v
}

// discoverPool reads what concerns the whole pool, through the servers that were found.
func (s *Servers) discoverPool(ctx context.Context, l *Live, found []string) {
	hosts := found
	if s.pool.Connect.Via != "" {
		hosts = s.anyHost()
	}
	var ready scripts.ReadinessResult
	facts := newPoolFacts()
	var backup scripts.BackupResult
	var errs [4]error
	var all sync.WaitGroup
	all.Go(func() { _, errs[0] = s.askReadiness(ctx, found, &ready) })
	all.Go(func() {
		s.askFacts(ctx, hosts, &facts)
		errs[1], errs[2] = facts.errState, facts.errSQL
	})
	all.Go(func() { errs[3] = s.ask(ctx, hosts, scripts.Backup, scripts.PoolArgs{Pool: s.pool.Name}, &backup) })
	all.Wait()
	for i, what := range []string{"the readiness", "the state of the pool", "the state of its databases", "its pairing"} {
		if errs[i] != nil {
			l.unread(what, errs[i])
		}
	}
	if errs[0] == nil {
		l.takeReadiness(s.pool, &ready)
	}
	if errs[1] == nil {
		l.Pool = poolState(facts.registrar.State)
	}
	l.SQL = errs[2] == nil && facts.mirror.PrimaryIsPrincipal()
	if errs[3] == nil {
		l.Backup, l.paired = strings.ToLower(clean(backup.BackupPool)), backup.BackupPool != "" || strings.TrimSpace(backup.Relation) == ""
		if !l.paired {
			l.unread("its pairing", fmt.Errorf("the relation names no pool: %s", clean(backup.Relation)))
		}
	}
	if l.Backup != "" && strings.EqualFold(l.Backup, s.pool.Backup) {
		var err error
		if l.Partners, err = s.partners(ctx, hosts); err != nil {
			l.unread("the front ends of "+l.Backup, err)
		}
	}
}

func (l *Live) takeReadiness(p *pool.Pool, r *scripts.ReadinessResult) {
	//exhaustive:enforce
	switch r.PoolState() {
	case scripts.StateReady:
		l.State = interp.Ready
	case scripts.StateBusy:
		l.State = interp.Busy
	case scripts.StateInsufficient:
		l.State = interp.Insufficient
	case scripts.StateUnknown:
		l.State = interp.Garbled
		l.Unread = append(l.Unread, fmt.Sprintf("the readiness: %q is no state that is known: %s", clean(r.State), clean(r.Text)))
	}
	for _, d := range r.Domains {
		v := LiveDomain{Name: clean(d.Name)}
		v.Ready, _ = d.IsReady()
		for _, name := range d.FrontEnds {
			name = strings.ToLower(clean(name))
			if i, ok := findServer(p, name); ok {
				name = p.Servers[i].Name
			}
			v.Servers = append(v.Servers, name)
		}
		l.Domains = append(l.Domains, v)
	}
}

// Difference is one thing in which the pool file and the live pool disagree.
type Difference struct {
	What string // domain UD2, servers, order, backup
	File string
	Live string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: the pool file says %s, the live pool %s", d.What, orNone(d.File), orNone(d.Live))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Differences compares the pool file with what was found, in the order in which a person would read them.
func (l *Live) Differences(p *pool.Pool) []Difference {
	var list []Difference
	if l.ordered {
		list = append(list, l.serversDiffer(p)...)
	}
	if len(l.Domains) > 0 {
		list = append(list, l.domainsDiffer(p)...)
	}
	if l.paired && !strings.EqualFold(l.Backup, p.Backup) {
		list = append(list, Difference{"backup", p.Backup, l.Backup})
	}
	return list
}

func (l *Live) names() []string {
	var list []string
	for i := range l.Servers {
		list = append(list, l.Servers[i].Name)
	}
	return list
}

func (l *Live) serversDiffer(p *pool.Pool) []Difference {
	var list []Difference
	live, file := l.names(), p.Names(p.All())
	for _, n := range file {
		if !slices.Contains(live, n) {
			list = append(list, Difference{"server " + n, "it is there", ""})
		}
	}
	for _, n := range live {
		if !slices.Contains(file, n) {
			list = append(list, Difference{"server " + n, "", "it is there"})
		}
	}
	if len(list) > 0 {
		return list
	}
	// The first servers of the topology have the votes: another order matters where it gives them to others.
	n := p.Seeds().Len()
	a, b := slices.Sorted(slices.Values(file[:n])), slices.Sorted(slices.Values(live[:n]))
	if !slices.Equal(a, b) {
		list = append(list, Difference{"the servers that count for the quorum", strings.Join(a, ", "), strings.Join(b, ", ")})
	}
	return list
}

// domainsDiffer compares domains by their servers: another name for the same servers is no difference.
func (l *Live) domainsDiffer(p *pool.Pool) []Difference {
	type domain struct{ name, servers string }
	var file, live []domain
	for i := range p.Domains {
		file = append(file, domain{p.Domains[i].Name, sortedList(p.Names(p.Domains[i].Servers))})
	}
	for _, d := range l.Domains {
		live = append(live, domain{d.Name, sortedList(d.Servers)})
	}
	alike := func(a domain) func(domain) bool {
		return func(b domain) bool {
			return a.servers == b.servers || (a.servers == "" || b.servers == "") && strings.EqualFold(a.name, b.name)
		}
	}
	var list []Difference
	for _, f := range file {
		if slices.ContainsFunc(live, alike(f)) {
			continue
		}
		d := Difference{"domain " + f.name, f.servers, ""}
		for _, v := range live {
			if strings.EqualFold(v.name, f.name) {
				d.Live = v.servers
			}
		}
		list = append(list, d)
	}
	for _, v := range live {
		named := slices.ContainsFunc(file, func(f domain) bool { return strings.EqualFold(f.name, v.name) })
		if !named && !slices.ContainsFunc(file, alike(v)) {
			list = append(list, Difference{"domain " + v.name, "", v.servers})
		}
	}
	return list
}

func sortedList(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// Apply is the pool of the file with the live topology and pairing in place of its own. It fails where that was not read
// whole. Servers stand in the order of their domains, as they do in a pool file.
func (l *Live) Apply(p *pool.Pool) (*pool.Pool, error) {
	if len(l.Domains) == 0 || !l.ordered {
		return nil, errors.New("the live topology could not be read: " + strings.Join(l.Unread, "; "))
	}
	q := *p
	q.Domains, q.Servers = nil, nil
	placed := map[string]bool{}
	for _, d := range l.Domains {
		var set pool.Set
		for _, name := range l.names() {
			if !slices.Contains(d.Servers, name) {
				continue
			}
			if placed[name] || len(q.Servers) == pool.MaxServers {
				return nil, fmt.Errorf("the live topology names %s twice, or more than %d servers", name, pool.MaxServers)
			}
			placed[name] = true
			set = set.Add(len(q.Servers))
			q.Servers = append(q.Servers, pool.Server{Name: name, Domain: len(q.Domains)})
		}
		if set.Len() != len(d.Servers) || set.Empty() {
			return nil, fmt.Errorf("upgrade domain %q has servers that the topology does not name: %s", d.Name, some(d.Servers))
		}
		q.Domains = append(q.Domains, pool.Domain{Name: d.Name, Servers: set})
	}
	if len(q.Servers) != len(l.Servers) {
		return nil, errors.New("the topology names servers that are in no upgrade domain")
	}
	if l.paired {
		q.Backup = l.Backup
	}
	return &q, nil
}
