package winrm

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/transport"
)

// Credentials is who logs in, beside what the pool file says of it. None of it is ever printed.
type Credentials struct {
	Password string // for kerberos, ntlm and basic
	Krb5Conf string // kerberos: the text of a krb5.conf
	Cert     []byte // certificate: PEM of the certificate and of its key
	Key      []byte
	CA       []byte // PEM of the authorities to trust; the system's where empty

	// Environ is the environment of what is run on this machine itself, with no secret in it; nil is lrun's own.
	Environ []string

	// Insecure lets basic, and kerberos with a key that cannot encrypt, travel over plain HTTP to other machines.
	// Certificates are checked all the same.
	Insecure bool
}

// Format keeps all of it out of every verb.
func (Credentials) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "credentials") }

// NewLogin makes the Login of a pool file: one account for all servers, so that a wrong password is tried once. It refuses
// to send a password in the clear to another machine, unless Insecure says so.
func NewLogin(p *pool.Pool, c Credentials) (Login, error) {
	if err := inTheClear(p, c); err != nil {
		return Login{}, err
	}
	auth, err := authOf(p, c)
	if err != nil {
		return Login{}, err
	}
	if id := p.Connect.Identity; id.Kind == pool.Task && takesPassword(id.Account) && p.Connect.Auth != pool.Certificate && !sameAccount(id.Account, p.Connect.User) {
		return Login{}, fmt.Errorf("identity: task:%s would be given the password of connect: user: %s; write the same account in both, or gmsa:NAME", id.Account, p.Connect.User)
	}
	secret := c.Password
	login := Login{Secret: func() string { return secret }}
	login.Dial = func(server string) (transport.Runner, error) {
		if p.Connect.Local(server) {
			return &transport.Local{Environ: c.Environ}, nil
		}
		cfg, err := configOf(&p.Connect, server, auth, c)
		if err != nil {
			return nil, err
		}
		return transport.Open(cfg)
	}
	return login, nil
}

// inTheClear refuses to send a password unencrypted to another machine.
func inTheClear(p *pool.Pool, c Credentials) error {
	if p.Connect.TLS || p.Connect.Auth != pool.Basic || c.Insecure {
		return nil
	}
	names := p.Names(p.All())
	if p.Connect.Via != "" {
		names = append(names, p.Connect.Via)
	}
	for _, h := range p.Connect.Hosts {
		names = append(names, h.Name)
	}
	for _, n := range names {
		if !p.Connect.Local(n) && !pool.IsLoopback(p.Connect.Address(n)) {
			return fmt.Errorf("auth: basic with tls: false would send the password in the clear to %s: write tls: true, or another auth", n)
		}
	}
	return nil
}

func authOf(p *pool.Pool, c Credentials) (transport.Auth, error) {
	user := p.Connect.User
	if user == "" && p.Connect.Auth != pool.Certificate {
		return nil, errors.New("the pool file names no user: write user: under connect:, as in CONTOSO\\lync-admin")
	}
	if c.Password == "" && p.Connect.Auth != pool.Certificate {
		return nil, fmt.Errorf("there is no password for %s", user)
	}
	switch p.Connect.Auth {
	case pool.Basic:
		return transport.Basic(transport.NewCredential(user, c.Password)), nil
	case pool.NTLM:
		return transport.NTLM(transport.NewCredential(user, c.Password)), nil
	case pool.Kerberos:
		return transport.Kerberos(transport.KerberosConfig{
			Credential: transport.NewCredential(user, c.Password), Krb5Conf: c.Krb5Conf,
		})
	case pool.Certificate:
		return transport.Certificate(c.Cert, c.Key)
	}
	return nil, fmt.Errorf("there is no way to log in by %q", p.Connect.Auth)
}

// configOf is how one server is reached: at its address, and by its FQDN in certificates and tickets.
func configOf(c *pool.Connect, server string, auth transport.Auth, cred Credentials) (transport.Config, error) {
	host, text, err := net.SplitHostPort(c.Address(server))
	if err != nil {
		return transport.Config{}, fmt.Errorf("the address of %s: %w", server, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return transport.Config{}, fmt.Errorf("the port of %s: %w", server, err)
	}
	return transport.Config{
		Host: host, Port: port, Auth: auth, TLS: c.TLS, CA: cred.CA, ServerName: server, Insecure: cred.Insecure,
		MaxCommands: 4,
	}, nil
}
