package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/wsman"
)

// call is one script that is acted out on a server.
type call struct {
	s      *server
	args   json.RawMessage
	secret string // the password that came with it
	user   string
	hops   bool             // the logon reaches other machines as its user
	answer func(out reply)  // takes the one reply; under the lock of the night
	again  func(try func()) // tries once more when something has happened; nil where nobody can wait
	unsent bool             // what it was to begin never reaches the server
}

// reply is what comes of a script.
type reply struct {
	out  any
	fail *scripts.ScriptError
	lost bool // the connection breaks, and there is no reply
}

func (c *call) done(out any) { c.answer(reply{out: out}) }

func (c *call) fail(kind, format string, args ...any) {
	c.answer(reply{fail: &scripts.ScriptError{
		Msg: fmt.Sprintf(format, args...), Type: kind, ID: "RuntimeException", Category: "OperationStopped",
	}})
}

// The .NET types of the exceptions that scripts die of.
const (
	typeRuntime  = "System.Management.Automation.RuntimeException"
	typeCommand  = "System.Management.Automation.CommandNotFoundException"
	typeFabric   = "Microsoft.Rtc.Management.Hadr.ManagementException"
	typeServices = "Microsoft.Rtc.Management.Deployment.DeploymentException"
	typeAD       = "Microsoft.Rtc.Management.ADConnect.ADException"
)

// begun reports whether what was begun last on a server, or on the pool, is going.
func (c *call) begun(f *farm, server int) bool {
	b := f.model.Beginning(server)
	c.unsent = b == sim.Lost
	return b == sim.Begun
}

// read decodes the arguments.
func read[T any](c *call) (args T, ok bool) {
	if err := json.Unmarshal(c.args, &args); err != nil {
		c.fail(typeRuntime, "the arguments are not those of the script: %v", err)
		return args, false
	}
	return args, true
}

// reaches fails the script where its logon does not reach Active Directory and the Central Management store.
func (c *call) reaches() bool {
	if c.hops {
		return true
	}
	c.fail(typeAD, "%s", secondHop)
	return false
}

// What a logon without credentials hears from Active Directory and from SQL Server.
const (
	secondHop    = `Active Directory error "-2147016672" occurred while searching for domain controllers: "An operations error occurred."`
	ldapRefuses  = "An operations error occurred."
	anonymousSQL = `Login failed for user 'NT AUTHORITY\ANONYMOUS LOGON'.`
)

// maxRequest bounds the input of a call; the largest is a job with a script of the runbook's author in it.
const maxRequest = 8 << 20

// inputs are those of calls that have been decoded, for their memory.
var inputs = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// script carries out a call of our own bootstrap.
func (s *server) script(ctx context.Context, cmd *wsman.Command) int {
	stdin, _ := inputs.Get().(*bytes.Buffer)
	stdin.Reset()
	if _, err := stdin.ReadFrom(io.LimitReader(cmd.Stdin, maxRequest)); err != nil {
		return exitFailed
	}
	req, err := scripts.DecodeRequest(stdin.Bytes())
	inputs.Put(stdin)
	if err != nil {
		return s.print(cmd, "-", reply{fail: &scripts.ScriptError{Msg: err.Error(), Type: typeRuntime}})
	}
	act := actors[scriptOf()[req.Script]]
	if act == nil {
		return s.print(cmd, req.Nonce, reply{fail: &scripts.ScriptError{
			Msg: "this modelled server knows the scripts of lrun by their text, and this is none of them", Type: typeRuntime,
		}})
	}
	r, ok := s.act(ctx, act, &req, cmd)
	switch {
	case !ok:
		return exitFailed
	case r.lost:
		return exitFailed // without a line of result
	}
	return s.print(cmd, req.Nonce, r)
}

const exitFailed = 1

func (s *server) print(cmd *wsman.Command, nonce string, r reply) int {
	line, err := scripts.EncodeResult(nonce, r.out, r.fail)
	if err == nil {
		_, err = cmd.Stdout.Write(line)
	}
	if err != nil || r.fail != nil {
		return exitFailed
	}
	return 0
}

// act lets a script run until it has its reply, or until its client has lost interest.
func (s *server) act(ctx context.Context, act actor, req *scripts.Request, cmd *wsman.Command) (reply, bool) {
	n := s.night
	replies := make(chan reply, 1)
	c := &call{
		s: s, args: req.Args, secret: req.Secret, user: cmd.User, hops: n.opts.Delegation && strings.EqualFold(cmd.Scheme, "Kerberos"),
		answer: func(r reply) {
			select {
			case replies <- r:
			default: // it has its one reply already
			}
		},
	}
	var retry func()
	c.again = func(try func()) { retry = try }
	n.enter()
	act(c)
	for {
		changed := n.changed
		if retry == nil {
			n.leave()
			select {
			case r := <-replies:
				return r, true
			case <-ctx.Done():
				return reply{}, false
			}
		}
		// What it waits for is in the model, and every change of that is told.
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return reply{}, false
		}
		n.enter()
		try := retry
		retry = nil
		try()
	}
}

// actor acts out one script. It is called with the night entered, does not wait, and sees to one reply.
type actor func(*call)

// scriptOf finds a script by its text.
var scriptOf = sync.OnceValue(func() map[string]scripts.Script {
	m := map[string]scripts.Script{}
	for _, s := range scripts.All() {
		m[s.Text()] = s
	}
	return m
})

// actors are the scripts that can be acted out.
var actors map[scripts.Script]actor

func init() {
	actors = map[scripts.Script]actor{
		scripts.Survey: survey, scripts.Readiness: readiness, scripts.Facts: facts, scripts.Installer: installer,
		scripts.Hop: hop, scripts.Computers: computers, scripts.Registrar: registrar, scripts.Backup: backup,
		scripts.CMS: cms, scripts.Edge: edge, scripts.Mirror: mirror, scripts.PoolFacts: poolFacts,
		scripts.Stop: stop, scripts.Start: start, scripts.BootMark: bootMark, scripts.Restart: restart, scripts.Mark: markOf,
		scripts.JobStart: jobStart, scripts.JobRead: jobRead, scripts.JobPoll: jobPoll, scripts.JobVoid: jobVoid, scripts.JobRemove: jobRemove,
		scripts.Upgrade: upgrade, scripts.Run: runText, scripts.FailoverPool: failoverPool, scripts.FailbackPool: failbackPool,
		scripts.FailoverCMS: failoverCMS, scripts.FailoverComputer: failoverComputer, scripts.FailbackComputer: failbackComputer,
	}
}
