package rehearsal

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lrun/lrun/pool"
)

// PoolFile is the pool file by which exec reaches the served pool: the one that is modelled, with the addresses, the time
// scale, and without its notify, so that a rehearsal pages nobody.
func (s *Server) PoolFile() []byte {
	p := s.opts.Pool
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by lrun serve for a modelled pool. It holds while that serves, and for this machine alone.")
	line("pool: %s", p.Name)
	line("product: %s", p.Product)
	if p.Paired() {
		line("backup: %s", p.Backup)
	}
	line("domains:")
	for i := range p.Domains {
		line("  %s: [%s]", quoted(p.Domains[i].Name), strings.Join(p.Names(p.Domains[i].Servers), ", "))
	}
	if p.Installer != "" {
		line("installer: %s", quoted(p.Installer))
	}
	line("connect:")
	line("  tls: %t", s.opts.TLS != nil)
	line("  auth: %s", s.opts.Auth[0])
	line("  hosts:")
	for _, a := range s.Addresses() {
		line("    %s: %s", a.Server, quoted(a.Address))
	}
	if p.Connect.Via != "" {
		line("  via: %s", p.Connect.Via)
	}
	switch id := p.Connect.Identity; id.Kind {
	case pool.Task:
		line("  identity: %s", quoted("task:"+id.Account))
	case pool.GMSA:
		line("  identity: %s", quoted("gmsa:"+id.Account))
	case pool.Direct:
		// A network logon cannot reach the directory or the management store, here as on Windows, and exec would refuse
		// the night for it. Who wants to see that writes direct.
		line("  identity: %s   # direct shows what a logon without delegation cannot do", quoted("gmsa:"+defaultGMSA))
	}
	line("  user: %s", quoted(s.opts.User))
	line("model:")
	m := &p.Model
	line("  users: %d", m.Users)
	line("  sessions: %d", m.Sessions)
	for _, r := range []struct {
		key string
		pool.Range
	}{
		{"drain", m.Drain}, {"stop", m.Stop}, {"start", m.Start}, {"upgrade", m.Upgrade}, {"reboot", m.Reboot},
		{"settle", m.Settle}, {"verify", m.Verify}, {"failover", m.Failover}, {"failback", m.Failback}, {"cms", m.CMS},
		{"failover_server", m.FailoverServer}, {"failback_server", m.FailbackServer}, {"run", m.Run}, {"notify", m.Notify},
		{"confirm", m.Confirm},
	} {
		line("  %s: %s", r.key, r.Range)
	}
	line("rehearsal: {time_scale: %d}", s.opts.TimeScale)
	return []byte(b.String())
}

// defaultGMSA is the account that cmdlets of the whole pool run under where the pool file names none.
const defaultGMSA = `CONTOSO\lrun$`

// quoted writes a text as a YAML scalar; every JSON text is one.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(b)
}
