package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/lrun/lrun/pool"
)

// TestWhereThePasswordComesFrom: the environment, then the keyring under the pool's user, then the prompt. A keyring that
// cannot be asked, or that has nothing of this user, leads to the prompt, and an empty answer there to nothing.
func TestWhereThePasswordComesFrom(t *testing.T) {
	keyring.MockInit()
	if err := keyring.Set("lrun", `CONTOSO\kept`, "of the keyring"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, user, variable, typed string
		noTerminal, noKeyring       bool
		want, err                   string
	}{
		{name: "all three", user: `CONTOSO\kept`, variable: "of the environment", typed: "typed", want: "of the environment"},
		{name: "the keyring", user: `CONTOSO\kept`, typed: "typed", want: "of the keyring"},
		{name: "the keyring, with nobody there", user: `CONTOSO\kept`, noTerminal: true, want: "of the keyring"},
		{name: "another user", user: `CONTOSO\somebody`, typed: "typed", want: "typed"},
		{name: "no keyring", user: `CONTOSO\kept`, noKeyring: true, typed: "typed", want: "typed"},
		{name: "nobody there", user: `CONTOSO\somebody`, noTerminal: true, err: `no password for CONTOSO\somebody: there is no terminal`},
		{name: "nothing typed", user: `CONTOSO\somebody`, err: "nothing was touched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ""
			e := &env{
				getenv: func(name string) string {
					if name == "LRUN_PASSWORD" {
						return c.variable
					}
					return ""
				},
				keyring: keyringGet,
				prompt: func(text string) (string, error) {
					asked = text
					if c.noTerminal {
						return "", errors.New("there is no terminal to ask on")
					}
					return c.typed, nil
				},
			}
			if c.noKeyring {
				e.keyring = func(string, string) (string, error) { return "", errors.New("no bus") }
			}
			got, err := e.password(&pool.Pool{Connect: pool.Connect{User: c.user}})
			if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v; want %q, %q", got, err, c.want, c.err)
			}
			if prompted := asked != ""; prompted != (c.want == "typed" || c.err != "") || prompted && !strings.Contains(asked, c.user) {
				t.Errorf("asked %q", asked)
			}
		})
	}
}
