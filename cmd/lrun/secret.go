package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/zalando/go-keyring"
	"golang.org/x/term"

	"github.com/lrun/lrun/pool"
)

// The password comes from the environment, from the keyring of the operating system, or from a prompt, in this order.
// It is handed to the login and to nothing else: no flag takes it, no file holds it, no child process inherits it.

const (
	passwordVar    = "LRUN_PASSWORD"
	keyringService = "lrun"
)

// password is the secret of the pool's user.
func (e *env) password(p *pool.Pool) (string, error) {
	user := p.Connect.User
	if secret := e.getenv(passwordVar); secret != "" {
		return secret, nil
	}
	if secret, err := e.keyring(keyringService, user); err == nil && secret != "" {
		return secret, nil
	}
	secret, err := e.prompt(fmt.Sprintf("Password of %s: ", user))
	if err != nil {
		return "", usagef("set "+passwordVar+", or keep it in the keyring as service "+keyringService+", user "+user,
			"no password for %s: %s", user, err)
	}
	if secret == "" {
		return "", usagef("", "no password for %s: nothing was touched", user)
	}
	return secret, nil
}

// promptTerminal asks for a secret without showing it.
func promptTerminal(text string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("there is no terminal to ask on")
	}
	_, _ = fmt.Fprint(os.Stderr, text)
	secret, err := term.ReadPassword(fd)
	_, _ = fmt.Fprintln(os.Stderr)
	return string(secret), err
}

func keyringGet(service, user string) (string, error) { return keyring.Get(service, user) }

// withoutSecrets is an environment for a child process.
func withoutSecrets(environ []string) []string {
	var clean []string
	for _, v := range environ {
		if name, _, _ := strings.Cut(v, "="); !strings.EqualFold(name, passwordVar) {
			clean = append(clean, v)
		}
	}
	return clean
}
