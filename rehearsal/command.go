package rehearsal

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/wsman"
)

// Run acts out a command line; it makes a server a wsman.Handler.
func (s *server) Run(ctx context.Context, cmd *wsman.Command) int {
	if cmd.CommandLine == scripts.CommandLine() {
		return s.script(ctx, cmd)
	}
	t := &typed{s: s, ctx: ctx, cmd: cmd}
	if ps, ok := wsman.UnwrapPowerShell(cmd.CommandLine); ok {
		if ps.File {
			return t.refuse("powershell -File: there are no files on a modelled server")
		}
		return t.powershell(ps.Script)
	}
	words := strings.Fields(cmd.CommandLine)
	if len(words) > 2 && program(words[0]) == "cmd" && strings.EqualFold(words[1], "/c") {
		words = words[2:]
	}
	return t.program(words)
}

// typed is a command that a person or another tool has typed.
type typed struct {
	s   *server
	ctx context.Context // of the command: a cmdlet that waits ends with it
	cmd *wsman.Command
}

func (t *typed) print(text string) { _, _ = io.WriteString(t.cmd.Stdout, text) }

// refuse says on stderr what cannot be done. Whoever reads it has lost nothing: nothing was done.
func (t *typed) refuse(format string, args ...any) int {
	_, _ = fmt.Fprintf(t.cmd.Stderr, format+"\r\n", args...)
	return exitFailed
}

// program names a program as a person knows it: without folder, .exe and capitals.
func program(word string) string {
	word = strings.ToLower(strings.Trim(word, `"`))
	return strings.TrimSuffix(path.Base(strings.ReplaceAll(word, `\`, "/")), ".exe")
}

// program acts out a program of Windows, as far as one is known here.
func (t *typed) program(words []string) int {
	if len(words) == 0 {
		return 0
	}
	switch name := program(words[0]); name {
	case "hostname":
		label, _, _ := strings.Cut(t.s.name, ".")
		t.print(label + "\r\n")
		return 0
	case "whoami":
		t.print(strings.ToLower(t.cmd.User) + "\r\n")
		return 0
	case "exit":
		code := 0
		if len(words) > 1 {
			code, _ = strconv.Atoi(words[1])
		}
		return code
	case "shutdown":
		return t.shutdown(words[1:])
	default:
		return t.refuse("'%s' is not recognized as an internal or external command, operable program or batch file "+
			"on this modelled server.", words[0])
	}
}

// defaultDelay is what shutdown.exe waits for without /t.
const defaultDelay = 30 * time.Second

// shutdown is shutdown.exe, of which only the reboot is modelled.
func (t *typed) shutdown(words []string) int {
	reboot, delay := false, defaultDelay
	for i := 0; i < len(words); i++ {
		flag := strings.ToLower(strings.TrimLeft(words[i], "/-"))
		switch flag {
		case "r", "g":
			reboot = true
		case "f":
		case "t":
			if i++; i < len(words) {
				if n, err := strconv.Atoi(words[i]); err == nil && n >= 0 {
					delay = time.Duration(n) * time.Second
				}
			}
		case "c":
			i = len(words) // the rest is for people
		case "d":
			i++
		default:
			return t.refuse("shutdown.exe: the modelled server only knows /r, with /f, /t, /c and /d; %s is none of them", words[i])
		}
	}
	if !reboot {
		return t.refuse("shutdown.exe: the modelled server only knows /r")
	}
	return t.reboots(delay)
}

// reboots asks for a reboot and says what shutdown.exe would.
func (t *typed) reboots(delay time.Duration) int {
	rc := shutdownDenied
	_, ok := t.act(func(c *call) {
		c.shutsDown(delay, func(code int) {
			rc = code
			c.done(nil)
		})
	})
	switch {
	case !ok:
		return exitFailed
	case rc == shutdownUnderWay:
		return t.end(rc, "A system shutdown has already been scheduled.(1190)")
	case rc != 0:
		return t.end(rc, "Access is denied.(5)")
	}
	return 0
}

func (t *typed) end(rc int, says string) int {
	t.refuse("%s", says)
	return rc
}

// act lets a cmdlet run on the model until it has its reply. ok is false where its client has gone or its connection broke.
func (t *typed) act(a actor) (r reply, ok bool) {
	r, ok = t.s.act(t.ctx, a, &scripts.Request{}, t.cmd)
	return r, ok && !r.lost
}
