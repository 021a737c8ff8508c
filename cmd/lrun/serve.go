package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
)

var serveCommand = &command{
	name: "serve", about: "serve the modelled pool by WinRM, to rehearse exec", usage: serveUsage, setup: setupServe, messages: true,
}

const serveUsage = `Usage: lrun serve --pool F [--scenario F] [--seed N] [--time-scale N] [--build V]
                  [--listen ADDRESS] [--user U] [--auth LIST] [--tls] [--keytab F]
                  [--delegation] [--write-pool G] [--log F]

Serves a modelled pool as WinRM endpoints on this machine: each front end of the
pool and of its paired pool has an address of its own. lrun exec, or any other tool
that speaks WinRM, can be rehearsed against it; nothing is ever executed. It serves
until it is interrupted. The password that it expects is in LRUN_PASSWORD.

      --pool F           the pool file
      --scenario F       what goes wrong in this night; nothing, without one. Its
                         times count from the first action of the first run
      --seed N           what is left to chance is drawn from this seed; without one
                         from the scenario's, else every duration is a middling one
      --time-scale N     seconds of the model in one second of the clock; 1. Bounds
                         pass as fast: at 1200 half an hour is a second and a half,
                         which a busy machine can miss. Up to 600 leaves room
      --build V          the version that the installer brings; without it the
                         product's last one
      --listen ADDRESS   of the first server, 127.0.0.1:15985; the others follow,
                         one port each. Port 0 takes free ones
      --user U           the account that may log on; without it that of the pool
                         file, else lrun
      --auth LIST        how it may log on: basic, ntlm, kerberos, certificate; the
                         first is what --write-pool names; basic,ntlm
      --tls              serve HTTPS, with a private authority whose certificate is
                         written beside the file of --write-pool, as G.ca.pem; with
                         certificate in --auth also the user's, as G.user.pem
      --keytab F         the keys of the servers, for kerberos
      --delegation       Kerberos logons reach other machines, as where delegation
                         has been set up
      --write-pool G     write the pool file by which exec reaches what is served,
                         once it is
      --log F            write what the servers live through, one JSON object a line

Exit code 0 when it was interrupted.

Example:

    lrun serve --pool contoso-6 --time-scale 600 --write-pool night.pool.yaml
`

type serving struct {
	pool, scenario, listen, user, build string
	auth, keytab, writePool, log        string
	seed                                uint64
	seeded, tls, delegation             bool
	scale                               int
}

func setupServe(fs *pflag.FlagSet) action {
	var s serving
	fs.StringVar(&s.pool, "pool", "", "")
	fs.StringVar(&s.scenario, "scenario", "", "")
	fs.Uint64Var(&s.seed, "seed", 0, "")
	fs.IntVar(&s.scale, "time-scale", 1, "")
	fs.StringVar(&s.build, "build", "", "")
	fs.StringVar(&s.listen, "listen", "127.0.0.1:15985", "")
	fs.StringVar(&s.user, "user", "", "")
	fs.StringVar(&s.auth, "auth", "basic,ntlm", "")
	fs.BoolVar(&s.tls, "tls", false, "")
	fs.StringVar(&s.keytab, "keytab", "", "")
	fs.BoolVar(&s.delegation, "delegation", false, "")
	fs.StringVar(&s.writePool, "write-pool", "", "")
	fs.StringVar(&s.log, "log", "", "")
	return func(ctx context.Context, e *env, args []string) error {
		if err := noArgs("serve", args); err != nil {
			return err
		}
		s.seeded = fs.Changed("seed")
		return s.run(ctx, e)
	}
}

func (s *serving) run(ctx context.Context, e *env) (err error) {
	// From here on an interrupt is the ordinary end, also one that comes before the pool is served.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := s.options(e)
	if err != nil {
		return err
	}
	if s.log != "" {
		f, err := os.Create(s.log)
		if err != nil {
			return usagef("", "cannot write %s: %s", s.log, cause(err))
		}
		defer func() {
			if closeErr := f.Close(); err == nil && closeErr != nil {
				err = fmt.Errorf("cannot write %s: %s", s.log, cause(closeErr))
			}
		}()
		o.Log = f
	}
	srv, err := rehearsal.Serve(*o)
	if err != nil {
		return usagef("", "%s", err)
	}
	err = s.announce(e, srv, o)
	if err == nil {
		<-ctx.Done()
		messages, commands := srv.Messages()
		err = e.print(plural(int(messages), "message", "messages") + " came, with " + plural(int(commands), "command", "commands") + "\n")
	}
	if closeErr := srv.Close(); err == nil {
		err = closeErr
	}
	return err
}

// options reads the files and the flags.
func (s *serving) options(e *env) (*rehearsal.Options, error) {
	const hint = "lrun serve --help shows how it is used"
	if s.pool == "" {
		return nil, usagef(hint, "lrun serve wants --pool")
	}
	if s.tls && s.writePool == "" {
		return nil, usagef("the certificate to trust is written beside it", "--tls wants --write-pool")
	}
	if s.scale < 1 {
		return nil, usagef("", "--time-scale %d: want a number of 1 or more", s.scale)
	}
	p, err := e.poolFile(s.pool)
	if err != nil {
		return nil, err
	}
	sc, err := e.scenarioFile(s.scenario, p)
	if err != nil {
		return nil, err
	}
	o := &rehearsal.Options{
		Pool: p, Scenario: sc, TimeScale: s.scale, Build: s.build, Listen: s.listen, User: s.user,
		Password: e.getenv("LRUN_PASSWORD"), Keytab: s.keytab, Delegation: s.delegation,
	}
	if s.seeded {
		o.Seed = &s.seed
	}
	if o.Auth, err = s.auths(); err != nil {
		return nil, err
	}
	if o.Password == "" && (slices.Contains(o.Auth, pool.Basic) || slices.Contains(o.Auth, pool.NTLM)) {
		return nil, usagef("LRUN_PASSWORD=… lrun serve …", "the password that it shall expect is to be in LRUN_PASSWORD")
	}
	if s.tls {
		if o.TLS, err = rehearsal.NewAuthority(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (s *serving) auths() ([]pool.Auth, error) {
	known := []pool.Auth{pool.Basic, pool.NTLM, pool.Kerberos, pool.Certificate}
	var list []pool.Auth
	for _, name := range strings.Split(s.auth, ",") {
		a := pool.Auth(strings.ToLower(strings.TrimSpace(name)))
		switch {
		case !slices.Contains(known, a):
			return nil, usagef("", "--auth %s: want some of basic, ntlm, kerberos, certificate, with commas", clip(s.auth))
		case a == pool.Kerberos && s.keytab == "":
			return nil, usagef("", "--auth kerberos wants --keytab")
		case a == pool.Certificate && !s.tls:
			return nil, usagef("", "--auth certificate wants --tls")
		case !slices.Contains(list, a):
			list = append(list, a)
		}
	}
	return list, nil
}

// announce writes the files by which the pool is reached, now that it is, and says where that is.
func (s *serving) announce(e *env, srv *rehearsal.Server, o *rehearsal.Options) error {
	var b strings.Builder
	addresses := srv.Addresses()
	fmt.Fprintf(&b, "serving %s: %s", o.Pool.Name, plural(len(addresses), "server", "servers"))
	if o.TimeScale > 1 {
		fmt.Fprintf(&b, ", %d seconds of the model in one", o.TimeScale)
	}
	b.WriteString("\n")
	for _, a := range addresses {
		fmt.Fprintf(&b, "  %-30s %s\n", a.Server, a.Address)
	}
	if s.writePool != "" {
		if err := s.writeFiles(e, srv, o); err != nil {
			return err
		}
		fmt.Fprintf(&b, "its pool file is %s\n", s.writePool)
		if s.tls {
			fmt.Fprintf(&b, "its certificates are trusted with SSL_CERT_FILE=%s\n", s.writePool+".ca.pem")
		}
	}
	b.WriteString("Ctrl-C ends it\n")
	return e.print(b.String())
}

// writeFiles writes the pool file last: who waits for it finds all else there.
func (s *serving) writeFiles(e *env, srv *rehearsal.Server, o *rehearsal.Options) error {
	failed := func(name string, err error) error {
		return usagef("", "cannot write %s: %s", name, cause(err))
	}
	if o.TLS != nil {
		name := s.writePool + ".ca.pem"
		if err := e.files.Write(name, o.TLS.PEM()); err != nil {
			return failed(name, err)
		}
		if slices.Contains(o.Auth, pool.Certificate) {
			name = s.writePool + ".user.pem"
			if err := writeUser(name, srv, o); err != nil {
				return failed(name, err)
			}
		}
	}
	if err := e.files.Write(s.writePool, srv.PoolFile()); err != nil {
		return failed(s.writePool, err)
	}
	return nil
}

// writeUser issues the user's certificate and writes it with its key, for nobody else to read.
func writeUser(name string, srv *rehearsal.Server, o *rehearsal.Options) error {
	cert, key, err := o.TLS.Client(srv.User())
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, string(cert)+string(key))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
