package pool

import (
	"strings"
	"time"
)

// Product is the version of the server software that a pool runs.
type Product uint8

// The four products. The zero Product is none of them.
const (
	Lync2013 Product = iota + 1
	SfB2015
	SfB2019
	SfBSE // Skype for Business Server Subscription Edition, the code base of 2019
)

var products = [...]string{Lync2013: "lync2013", SfB2015: "sfb2015", SfB2019: "sfb2019", SfBSE: "sfbse"}

// String is the spelling of the pool file, as lync2013.
func (p Product) String() string {
	if p < Lync2013 || int(p) >= len(products) {
		return "unknown product"
	}
	return products[p]
}

// ParseProduct is the inverse of [Product.String]; ok is false for any other
// text.
func ParseProduct(s string) (p Product, ok bool) {
	for i := Lync2013; int(i) < len(products); i++ {
		if products[i] == s {
			return i, true
		}
	}
	return 0, false
}

// MaxServers is the largest pool that the product supports: 12 servers up to
// 2015, 16 from 2019 on.
func (p Product) MaxServers() int {
	if p == SfB2019 || p == SfBSE {
		return 16
	}
	return 12
}

// MinServers is the smallest pool that the product supports: 2 servers up to
// 2015, 3 from 2019 on.
func (p Product) MinServers() int {
	if p == SfB2019 || p == SfBSE {
		return 3
	}
	return minServers
}

// FailoverServer reports whether the product has Invoke-CsComputerFailOver
// and -FailBack, which came with 2015.
func (p Product) FailoverServer() bool { return p >= SfB2015 }

// Pool is one Front End pool as its file describes it.
type Pool struct {
	Name      string // FQDN, in lower case
	Product   Product
	Backup    string     // FQDN of the paired pool, in lower case; "" = not paired
	Domains   []Domain   // upgrade domains, in topology order
	Servers   []Server   // in topology order, which decides whose vote counts
	Installer string     // path on each server; "" = none named
	Connect   Connect    // how exec reaches the servers
	Notify    Notify     // where notify sends its text
	Model     Model      // what simulate and prove assume
	Rehearsal *Rehearsal // set in files that serve wrote; nil = real servers
	Source    []byte     // the file as it was read
}

// Domain is an upgrade domain: servers that go down together.
type Domain struct {
	Name    string // as written, UD1
	Servers Set
}

// Server is one Front End server.
type Server struct {
	Name   string // FQDN, in lower case
	Domain int    // index into [Pool.Domains]
}

// Paired reports whether the pool has a backup pool to fail over to.
func (p *Pool) Paired() bool { return p.Backup != "" }

// All is the set of every server of the pool.
func (p *Pool) All() Set { return FirstN(len(p.Servers)) }

// Server finds a server by name, in any case; ok is false where there is none.
func (p *Pool) Server(name string) (i int, ok bool) {
	for i := range p.Servers {
		if strings.EqualFold(p.Servers[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// Domain finds an upgrade domain by name, in any case; ok is false where there
// is none.
func (p *Pool) Domain(name string) (i int, ok bool) {
	for i := range p.Domains {
		if strings.EqualFold(p.Domains[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// Names lists the names of the servers in s, in topology order. It is never
// nil.
func (p *Pool) Names(s Set) []string {
	names := make([]string, 0, s.Len())
	for i := range s.All() {
		names = append(names, p.Servers[i].Name)
	}
	return names
}

// Auth is the way lrun proves who it is to WinRM.
type Auth string

// The ways of [Auth].
const (
	Kerberos    Auth = "kerberos"
	NTLM        Auth = "ntlm"
	Basic       Auth = "basic"
	Certificate Auth = "certificate"
)

// Connect says how exec reaches the servers. It never holds a secret.
type Connect struct {
	Port     int    // 5986 with TLS, 5985 without, where the file names none
	TLS      bool   // true where the file says nothing
	Auth     Auth   // kerberos where the file says nothing
	Hosts    []Host // where a name does not resolve by itself, in file order
	Via      string // FQDN of the machine that runs pool-wide cmdlets; "" = a front end
	Identity Identity
	User     string // CONTOSO\lync-admin, or user@contoso.com; "" = none named
}

// Host is the address of one server.
type Host struct {
	Name    string // FQDN, in lower case; a server of either pool, or [Connect.Via]
	Address string // host:port, or a host alone for [Connect.Port], or [Local]
}

// Local is the address of the machine that lrun itself runs on: its cmdlets are
// run by a powershell.exe that lrun starts, with no connection and no login.
const Local = "local"

// Local reports whether the named server is the machine that lrun runs on, as
// the file says it.
func (c *Connect) Local(name string) bool {
	for _, h := range c.Hosts {
		if strings.EqualFold(h.Name, name) {
			return h.Address == Local
		}
	}
	return false
}

// Address is where the named server is reached: host and port. It means nothing
// for one that is [Connect.Local].
func (c *Connect) Address(name string) string {
	host := name
	for _, h := range c.Hosts {
		if strings.EqualFold(h.Name, name) {
			host = h.Address
		}
	}
	return withPort(host, c.Port)
}

// IdentityKind says under whose name cmdlets run on a server, which matters
// where they reach on to a further machine (the second hop).
type IdentityKind uint8

// The kinds of [Identity].
const (
	Direct IdentityKind = iota // as the user that connected
	Task                       // in a scheduled task of an account
	GMSA                       // in a scheduled task of a group managed service account
)

// Identity is `direct`, `task:ACCOUNT` or `gmsa:NAME` of the pool file.
type Identity struct {
	Kind    IdentityKind
	Account string // "" for Direct
}

// Notify holds the channels that `notify` sends to. A zero Notify has none.
type Notify struct {
	Webhook string   // https URL that the text is posted to
	Mail    *Mail    // nil = no mail
	Command []string // program and its arguments, run on the operator's machine; the text is its standard input
}

// Mail is a message to send by SMTP, without a login.
type Mail struct {
	Server string // host:port, or a host alone for port 25
	From   string
	To     []string
}

// Rehearsal marks a pool file that `lrun serve` wrote for a modelled pool.
type Rehearsal struct {
	TimeScale int // seconds of the model in one second of the clock, 1 or more
}

// Range is a duration drawn between Low and High, both included; equal ends
// make it fixed. Both are whole seconds.
type Range struct{ Low, High time.Duration }

// Fixed reports whether there is nothing to draw.
func (r Range) Fixed() bool { return r.Low == r.High }

// String is the spelling of the pool file, as 5m..40m.
func (r Range) String() string {
	if r.Fixed() {
		return FormatDuration(r.Low)
	}
	return FormatDuration(r.Low) + ".." + FormatDuration(r.High)
}

// Model is what simulate and prove assume about a pool. Every key has a
// default, see [DefaultModel].
type Model struct {
	Users    int // people homed on the pool
	Sessions int // calls and conferences under way when the night begins, over all servers

	Drain          Range // a graceful stop, until its last session has ended
	Stop           Range // a stop at once
	Start          Range // starting the services of one server
	Upgrade        Range // the installer
	Reboot         Range // from the reboot until the services run again
	Settle         Range // replicas being rebuilt after a server came back: the pool reads Busy
	Verify         Range // one look at services, ports and version
	Failover       Range // of the pool
	Failback       Range // of the pool
	CMS            Range // moving the Central Management Store
	FailoverServer Range // Invoke-CsComputerFailOver, its drain included
	FailbackServer Range // Invoke-CsComputerFailBack
	Run            Range // a `run` step
	Notify         Range // sending one text
	Confirm        Range // until a person answers
}
