package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	cred := winrm.Credentials{Insecure: insecure, Environ: withoutSecrets(os.Environ())}
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
	open := winrm.OpenMemory
	if o.begun {
		open = winrm.ReopenMemory
	}
	memory, err := open(filepath.Join(o.folder, "memory.jsonl"))
	if err != nil {
		return nil, err
	}
	err = winrm.KeepInstallers(memory, o.installers)
	if list := winrm.Uncompared(memory, o.prog); err == nil && len(list) > 0 {
		err = fmt.Errorf("%s has not been seen to be the same file on every server, and no other is run", strings.Join(list, ", "))
	}
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	options := winrm.Options{
		Program: o.prog, Run: o.run, From: o.from, Memory: memory, Render: o.render, Operator: o.console,
	}
	if o.notify != nil {
		options.Notifier = o.notify
	}
	return &memoryWorld{winrm.NewWorld(s.servers, options), memory}, nil
}

func (s *liveSite) discover(ctx context.Context) (*livePool, error) {
	l, err := s.servers.Discover(ctx)
	if err != nil {
		return nil, err
	}
	p := s.servers.Pool()
	live := &livePool{topology: p, facts: factsOf(l), state: l.Pool, found: l}
	for i := range l.Servers {
		v := &l.Servers[i]
		live.servers = append(live.servers, liveServer{v.Name, v.Answers, v.Active, v.Why})
	}
	for _, d := range l.Differences(p) {
		live.differences = append(live.differences, d.String())
	}
	if len(live.differences) > 0 {
		if live.topology, err = l.Apply(p); err != nil {
			live.topology, live.unusable = nil, err
		}
	}
	return live, nil
}

// factsOf tells what was found in lines: the servers that are alike in one.
func factsOf(l *winrm.Live) []string {
	var list []string
	groups := map[string][]string{}
	var order []string
	for i := range l.Servers {
		v := &l.Servers[i]
		words := serverWords(v)
		if groups[words] == nil {
			order = append(order, words)
		}
		name, _, _ := strings.Cut(v.Name, ".")
		groups[words] = append(groups[words], name)
	}
	for _, words := range order {
		list = append(list, strings.Join(groups[words], " ")+": "+words)
	}
	if l.State != interp.NoReading {
		list = append(list, "the pool reads "+l.State.String())
	}
	if l.Pool != interp.Active && l.Pool != interp.StateUnread {
		list = append(list, "the state of the pool is "+l.Pool.String())
	}
	for _, u := range l.Unread {
		list = append(list, "not read: "+u)
	}
	return list
}

func serverWords(v *winrm.LiveServer) string {
	if !v.Answers {
		return "does not answer: " + v.Why
	}
	words := "in service"
	switch {
	case v.Disabled:
		words = "services are disabled"
	case !v.Active:
		words = "out of service"
	case len(v.NotRunning) > 0:
		words = "in service, but not " + strings.Join(v.NotRunning, " ")
	}
	if v.Version != "" {
		words += ", version " + v.Version
	}
	if len(v.Pending) > 0 {
		words += ", Windows waits for a reboot (" + strings.Join(v.Pending, ", ") + ")"
	}
	return words
}

func (s *liveSite) preflight(ctx context.Context, live *livePool, prog *interp.Program, run string) ([]finding, map[string]string) {
	l, ok := live.found.(*winrm.Live)
	if !ok {
		return nil, nil
	}
	r := s.servers.Preflight(ctx, l, prog, run)
	all := make([]finding, len(r.Checks))
	for i, c := range r.Checks {
		all[i] = finding{where: c.Server, what: c.What, text: c.Text}
		//exhaustive:enforce
		switch c.Grade {
		case winrm.OK:
			all[i].grade = fine
		case winrm.Warn:
			all[i].grade = warning
		case winrm.Fail:
			all[i].grade = against
		}
	}
	return all, r.Installers
}

// mark leaves the marks. A run whose mark somebody else has taken brings its turn to its end, for a server that is left
// half done helps neither; no other turn begins.
func (s *liveSite) mark(ctx context.Context, run string, tell, lost func(string)) (func(), error) {
	m, err := s.servers.Mark(ctx, run, whoami(), func(err error) { lost(err.Error()) })
	if err != nil {
		return nil, err
	}
	for _, silent := range m.Silent() {
		tell("no mark could be left on " + silent)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		_ = m.Release(ctx) // a mark that stays behind dies by itself
	}, nil
}
