package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm"
)

// Where secrets and trust come from, beside the password. All are names of files.
const (
	certificateVar = "LRUN_CERTIFICATE" // PEM with the user's certificate and its key, for auth: certificate
	authorityVar   = "SSL_CERT_FILE"    // PEM of the authorities to trust
	krb5Var        = "KRB5_CONFIG"      // krb5.conf
)

// maxSecretFile bounds the files that are read for a login.
const maxSecretFile = 1 << 20

// reachLive gives the way to the servers of a pool. The login is asked for once, however often the way is taken.
func (e *env) reachLive(p *pool.Pool, insecure bool) (func(*pool.Pool) (site, error), error) {
	cred := winrm.Credentials{Insecure: insecure}
	var err error
	if name := e.getenv(authorityVar); name != "" && p.Connect.TLS {
		if cred.CA, err = e.read(name, "certificate", maxSecretFile); err != nil {
			return nil, err
		}
	}
	if p.Connect.Auth == pool.Kerberos {
		conf, err := e.read(e.krb5Conf(), "Kerberos", maxSecretFile)
		if err != nil {
			return nil, err
		}
		cred.Krb5Conf = string(conf)
	}
	if p.Connect.Auth == pool.Certificate {
		name := e.getenv(certificateVar)
		if name == "" {
			return nil, usagef("", "auth: certificate wants the file of the certificate and its key in %s", certificateVar)
		}
		if cred.Cert, err = e.read(name, "certificate", maxSecretFile); err != nil {
			return nil, err
		}
		cred.Key = cred.Cert
	}
	if p.Connect.Auth != pool.Certificate || p.Connect.Identity.Kind == pool.Task {
		if cred.Password, err = e.password(p); err != nil {
			return nil, err
		}
	}
	login, err := winrm.NewLogin(p, cred)
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return func(p *pool.Pool) (site, error) {
		servers, err := winrm.Connect(p, login)
		if err != nil {
			return nil, err
		}
		return &liveSite{servers: servers}, nil
	}, nil
}

func (e *env) krb5Conf() string {
	if name := e.getenv(krb5Var); name != "" {
		return name
	}
	if runtime.GOOS == "windows" {
		return `C:\ProgramData\MIT\Kerberos5\krb5.ini`
	}
	return "/etc/krb5.conf"
}

// liveSite is a pool of real servers.
type liveSite struct {
	servers *winrm.Servers
}

// closeLimit bounds the good-byes to the servers.
const closeLimit = 5 * time.Second

func (s *liveSite) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_ = s.servers.Close(ctx) // a session that is not closed ends by itself
}

// memoryWorld closes the memory of a run with its World.
type memoryWorld struct {
	*winrm.World
	memory interface{ Close() error }
}

func (w *memoryWorld) Close() {
	w.World.Close()
	_ = w.memory.Close()
}

func (s *liveSite) world(o worldOptions) (liveWorld, error) {
	memory, err := winrm.OpenMemory(filepath.Join(o.folder, "memory.jsonl"))
	if err != nil {
		return nil, err
	}
	options := winrm.Options{
		Program: o.prog, Run: o.run, From: o.from, Memory: memory, Render: o.render, Operator: o.console, InstallerSHA256: o.sha256,
	}
	if o.notify != nil {
		options.Notifier = o.notify
	}
	return &memoryWorld{winrm.NewWorld(s.servers, options), memory}, nil
}

func (s *liveSite) discover(ctx context.Context) (*livePool, error) {
	return &livePool{topology: s.servers.Pool()}, nil
}

func (s *liveSite) preflight(ctx context.Context, prog *interp.Program) []finding {
	return nil
}

func (s *liveSite) mark(ctx context.Context, run string) (func(), error) {
	return func() {}, nil
}

// markName tells a process that works on a pool from every other.
func markName() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	return "lrun-" + hex.EncodeToString(b)
}
