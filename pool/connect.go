package pool

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var auths = []string{string(Kerberos), string(NTLM), string(Basic), string(Certificate)}

// connect reads how the servers are reached; p has its servers already.
func (d *decoder) connect(p *Pool, n ast.Node) {
	c := &p.Connect
	o := d.object(n, connectShape)
	if n := o["tls"]; n != nil {
		if value, ok := d.boolean(n, "tls"); ok && !value {
			c.TLS, c.Port = false, 5985
		}
	}
	if n := o["port"]; n != nil {
		c.Port, _ = d.integer(n, "port", 1, 65535)
	}
	if n := o["auth"]; n != nil {
		if i, ok := d.oneOf(n, "auth", auths); ok {
			c.Auth = Auth(auths[i])
		}
	}
	if n := o["hosts"]; n != nil {
		d.hosts(c, n)
	}
	if n := o["via"]; n != nil {
		c.Via, _ = d.fqdn(n, "via")
	}
	if n := o["identity"]; n != nil {
		d.identity(&c.Identity, n)
	}
	if n := o["user"]; n != nil {
		c.User, _ = d.text(n, "user")
	}
	if c.Auth == Certificate && !c.TLS {
		d.errorf(n, "auth: certificate needs tls: true, since the certificate is shown in the TLS handshake")
	}
}

// IsLoopback reports whether address, a host with or without a port, is a
// numeric address of this very machine, or localhost.
func IsLoopback(address string) bool {
	host, _, ok := splitAddress(address)
	if !ok {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// splitAddress parts host:port, [v6]:port, host and v6; port is 0 where there
// is none.
func splitAddress(s string) (host string, port int, ok bool) {
	host = s
	if v6, rest, bracketed := strings.Cut(strings.TrimPrefix(s, "["), "]"); bracketed && strings.HasPrefix(s, "[") {
		if rest == "" {
			return v6, 0, v6 != ""
		}
		if !strings.HasPrefix(rest, ":") {
			return "", 0, false
		}
		port, err := strconv.Atoi(rest[1:])
		return v6, port, err == nil && port >= 1 && port <= 65535 && v6 != ""
	}
	if i := strings.IndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		var err error
		host = s[:i]
		if port, err = strconv.Atoi(s[i+1:]); err != nil || port < 1 || port > 65535 {
			return "", 0, false
		}
	}
	return host, port, host != "" && !strings.ContainsAny(host, " \t/@\\[]")
}

func (d *decoder) hosts(c *Connect, n ast.Node) {
	list, ok := d.entries(n, "hosts")
	if !ok {
		return
	}
	seen, local := map[string]bool{}, ""
	for _, e := range list {
		name, ok := d.fqdn(e.name, "server")
		if !ok {
			continue
		}
		if seen[name] {
			d.errorf(e.name, "hosts names %s twice, in different case", name)
			continue
		}
		seen[name] = true
		if e.value == nil {
			d.errorf(e.name, "%s has no address", name)
			continue
		}
		address, ok := d.text(e.value, "address")
		if !ok {
			continue
		}
		if _, _, ok := splitAddress(address); !ok {
			d.errorf(e.value, "%s is not an address: write host:port, as %s", quote(address), quote("10.1.2.3:5986"))
			continue
		}
		if address == Local {
			if local != "" {
				d.errorf(e.value, "%s and %s cannot both be local: lrun runs on one machine", local, name)
				continue
			}
			local = name
		}
		c.Hosts = append(c.Hosts, Host{Name: name, Address: address})
	}
}

func (d *decoder) identity(id *Identity, n ast.Node) {
	s, ok := d.text(n, "identity")
	if !ok {
		return
	}
	kind, account, _ := strings.Cut(s, ":")
	switch {
	case s == "direct":
		*id = Identity{}
	case kind == "task" && account != "":
		*id = Identity{Kind: Task, Account: account}
	case kind == "gmsa" && account != "":
		*id = Identity{Kind: GMSA, Account: account}
	default:
		d.errorf(n, "identity is direct, task:ACCOUNT or gmsa:NAME, not %s", quote(s))
	}
}

func (d *decoder) notify(to *Notify, n ast.Node) {
	o := d.object(n, notifyShape)
	if n := o["webhook"]; n != nil {
		d.webhook(to, n)
	}
	if n := o["mail"]; n != nil {
		d.mail(to, n)
	}
	if n := o["command"]; n != nil {
		items, _ := d.listOrOne(n, "command")
		for _, item := range items {
			if s, ok := d.scalar(item, "command"); ok {
				to.Command = append(to.Command, s)
			}
		}
		if len(to.Command) == 0 || to.Command[0] == "" {
			d.errorf(n, "command names a program and its arguments: ['C:\\Tools\\page.exe', --quiet]")
		}
	}
}

// webhook checks the address of a webhook. Its messages never show it: the
// path of a webhook is often the only secret that guards it.
func (d *decoder) webhook(to *Notify, n ast.Node) {
	s, ok := d.text(n, "webhook")
	if !ok {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		d.errorf(n, "webhook is an address that begins with https://")
	case u.User != nil:
		d.errorf(n, "webhook holds a user name or a password: a secret never stands in this file")
	case u.Scheme == "http" && !IsLoopback(u.Host):
		d.errorf(n, "webhook begins with https://: plain http goes to this machine alone")
	default:
		to.Webhook = s
	}
}

func (d *decoder) mail(to *Notify, n ast.Node) {
	o := d.object(n, mailShape)
	m := &Mail{}
	if n := o["server"]; n != nil {
		s, ok := d.text(n, "mail server")
		if _, _, good := splitAddress(s); ok && !good {
			d.errorf(n, "mail server is host:port, or a host alone, not %s", quote(s))
		}
		m.Server = s
	}
	if n := o["from"]; n != nil {
		m.From = d.mailbox(n, "from")
	}
	if n := o["to"]; n != nil {
		items, _ := d.listOrOne(n, "to")
		for _, item := range items {
			m.To = append(m.To, d.mailbox(item, "to"))
		}
		if len(items) == 0 {
			d.errorf(n, "to names nobody")
		}
	}
	to.Mail = m
}

// mailbox is a bare address: no display name, no second address, nothing that
// could end a line of the SMTP dialogue.
func (d *decoder) mailbox(n ast.Node, what string) string {
	s, ok := d.text(n, what)
	if !ok {
		return ""
	}
	user, host, at := strings.Cut(s, "@")
	if !at || user == "" || host == "" || strings.ContainsAny(s, " \t<>,;\"()") || strings.Contains(host, "@") {
		d.errorf(n, "%s is a mail address, as ops@contoso.com, not %s", what, quote(s))
	}
	return s
}
