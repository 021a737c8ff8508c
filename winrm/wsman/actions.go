package wsman

import (
	"encoding/base64"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

// maxKeptCommands bounds the commands a shell remembers when a client never sends the final Signal.
const maxKeptCommands = 1000

// act carries out a message that was understood.
func (x *exchange) act() {
	if x.req.action == ActionIdentify {
		_ = x.answer(answerIdentify(x.id != nil, x.b.host.server.opts.Product))
		return
	}
	if !strings.EqualFold(strings.TrimSuffix(x.req.resourceURI, "/"), resourceCmd) {
		x.answerFault(faultResource(x.req.resourceURI))
		return
	}
	done, f := x.b.shells.operate(x.id.owner)
	if f != nil {
		x.answerFault(f)
		return
	}
	defer done()
	if x.req.action == ActionCreate {
		x.create()
		return
	}
	sh, f := x.b.shells.find(x.req.shellID, x.id.owner)
	if f != nil {
		x.answerFault(f)
		return
	}
	defer sh.enter()()
	switch x.req.action {
	case ActionCommand:
		x.command(sh)
	case ActionSend:
		x.send(sh)
	case ActionReceive:
		x.receive(sh)
	case ActionSignal:
		x.signal(sh)
	case ActionDelete:
		x.b.shells.remove(sh, ErrShellDeleted)
		_ = x.answer(answerEmpty(x.req, nsTransfer+"/DeleteResponse"))
	}
}

func (x *exchange) create() {
	body := x.req.body
	if !body.Is(nsShell, "Shell") {
		x.answerFault(faultSchema("Create needs an rsp:Shell in its body."))
		return
	}
	sh := &shell{id: newGUID(), owner: x.id.owner, user: x.id.user, scheme: x.id.scheme,
		env: map[string]string{}, commands: map[string]*command{}, page: 437, idle: x.b.host.server.opts.Limits.IdleTimeout}
	if id := body.Value("ShellId"); id != "" {
		if !validID(id) {
			x.answerFault(faultSchema("The ShellId is not a GUID."))
			return
		}
		sh.id = id
	}
	if n, err := strconv.Atoi(x.req.option("WINRS_CODEPAGE")); err == nil && n > 0 && n <= 65535 {
		sh.page = n
	}
	sh.dir = body.TextOf(nsShell, "WorkingDirectory")
	for _, v := range body.Child(nsShell, "Environment").Children(nsShell, "Variable") {
		sh.env[strings.ToUpper(v.Value("Name"))] = v.Text
	}
	if t := body.TextOf(nsShell, "IdleTimeOut"); t != "" {
		d, err := parseDuration(t)
		if err != nil || d <= 0 {
			x.answerFault(faultSchema("IdleTimeOut is not a positive duration."))
			return
		}
		sh.idle = min(d, x.b.host.server.opts.Limits.IdleTimeout)
	}
	if f := x.b.shells.add(sh); f != nil {
		x.answerFault(f)
		return
	}
	_ = x.answer(answerCreate(x.req, sh))
}

// validID accepts what a client may choose as ShellId or CommandId: a GUID, or at least its alphabet and no more than
// its length.
func validID(id string) bool {
	return len(id) <= 36 && strings.Trim(id, "0123456789abcdefABCDEF-") == ""
}

// commandLine joins Command and Arguments as cmd.exe takes them.
func commandLine(body *xmltree.Element) (string, []string) {
	var args []string
	for _, a := range body.Children(nsShell, "Arguments") {
		args = append(args, a.Text)
	}
	return JoinCommandLine(body.TextOf(nsShell, "Command"), args), args
}

func (x *exchange) command(sh *shell) {
	limits := &x.b.host.server.opts.Limits
	body := x.req.body
	if body == nil || body.Name.Local != "CommandLine" || body.Child(nsShell, "Command") == nil {
		x.answerFault(faultSchema("Command needs an rsp:CommandLine in its body."))
		return
	}
	line, args := commandLine(body)
	skip := x.req.optionTrue("WINRS_SKIP_CMD_SHELL")
	// No text has more units of UTF-16 than bytes of UTF-8.
	if len(line) > limits.MaxCommandLine && len(utf16.Encode([]rune(line))) > limits.MaxCommandLine {
		x.answerFault(faultCommandTooLong())
		return
	}
	id := body.Value("CommandId")
	if id == "" {
		id = newGUID()
	} else if !validID(id) {
		x.answerFault(faultSchema("The CommandId is not a GUID."))
		return
	}
	c := newCommand(sh.ctx, id, *limits, x.b.lost)
	cmd := &Command{
		Host: x.b.host.name, ShellID: sh.id, CommandID: id, User: sh.user, Scheme: sh.scheme, Logon: LogonNetwork,
		CommandLine: line, Args: args, Env: maps.Clone(sh.env), WorkDir: sh.dir, CodePage: sh.page, SkipCmd: skip,
		ConsoleMode: x.req.optionTrue("WINRS_CONSOLEMODE_STDIN"),
		Stdin:       reader{c}, Stdout: writer{c, "stdout"}, Stderr: writer{c, "stderr"},
	}
	if f := x.start(sh, c, cmd); f != nil {
		c.cancel(nil)
		x.answerFault(f)
		return
	}
	_ = x.answer(answerElement(x.req, nsShell+"/CommandResponse",
		`<rsp:CommandResponse><rsp:CommandId>`+id+`</rsp:CommandId></rsp:CommandResponse>`))
}

// start registers a command and runs it on its own goroutine.
func (x *exchange) start(sh *shell, c *command, cmd *Command) *SOAPFault {
	limits, s := &x.b.host.server.opts.Limits, x.b.host.server
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch {
	case sh.ctx.Err() != nil:
		return FaultShellNotFound(sh.id)
	case sh.commands[c.id] != nil:
		return faultCommandExists(c.id)
	case sh.running >= limits.MaxProcessesPerShell:
		return FaultTooManyProcesses(limits.MaxProcessesPerShell)
	case len(sh.commands) >= maxKeptCommands:
		return FaultTooManyProcesses(maxKeptCommands)
	}
	if !s.begin() {
		return FaultGoingDown()
	}
	sh.running++
	sh.commands[c.id] = c
	go func() {
		defer s.wg.Done()
		exit := x.b.host.handler.Run(c.ctx, cmd)
		c.finish(exit)
		c.cancel(nil)
		sh.mu.Lock()
		sh.running--
		sh.mu.Unlock()
	}()
	return nil
}

func (x *exchange) send(sh *shell) {
	streams := x.req.body.Children(nsShell, "Stream")
	if len(streams) != 1 {
		x.answerFault(faultSchema("Send needs exactly one rsp:Stream in its body."))
		return
	}
	st := streams[0]
	if st.Value("Name") != "stdin" {
		x.answerFault(faultSchema("The only input stream is stdin."))
		return
	}
	c := sh.command(st.Value("CommandId"))
	if c == nil {
		x.answerFault(faultCommandNotFound(printable(st.Value("CommandId"), 80)))
		return
	}
	data, err := base64.StdEncoding.DecodeString(withoutSpace(st.Text))
	if err != nil {
		x.answerFault(faultSchema("The stream is not base64."))
		return
	}
	wait, cancel := x.within()
	defer cancel()
	end := strings.EqualFold(st.Value("End"), "true") || st.Value("End") == "1"
	if f := c.send(wait, data, end); f != nil {
		if x.gone() {
			x.b.abort(x.sess)
		}
		x.answerFault(f)
		return
	}
	_ = x.answer(answerElement(x.req, nsShell+"/SendResponse", `<rsp:SendResponse/>`))
}

func withoutSpace(s string) string {
	const space = " \t\r\n"
	if !strings.ContainsAny(s, space) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(space, r) {
			return -1
		}
		return r
	}, s)
}

// gone reports whether the client or the host is no longer there.
func (x *exchange) gone() bool { return x.r.Context().Err() != nil || x.b.ctx.Err() != nil }

func (x *exchange) receive(sh *shell) {
	desired := x.req.body.Child(nsShell, "DesiredStream")
	if desired == nil {
		x.answerFault(faultSchema("Receive needs an rsp:DesiredStream in its body."))
		return
	}
	c := sh.command(desired.Value("CommandId"))
	if c == nil {
		x.answerFault(faultCommandNotFound(printable(desired.Value("CommandId"), 80)))
		return
	}
	want := map[string]bool{}
	for _, name := range strings.Fields(desired.Text) {
		want[name] = true
	}
	limit := x.b.host.server.opts.Limits.MaxEnvelope
	if x.req.maxEnvelope > 0 {
		limit = min(limit, x.req.maxEnvelope)
	}
	wait, cancel := x.within()
	defer cancel()
	d, f := c.receive(wait, x.req.messageID, x.sess.answer(), want, (limit-answerOverhead)/4*3)
	if x.gone() {
		if d != nil {
			c.giveBack(d)
		}
		x.b.abort(x.sess)
	}
	if d == nil && f == nil {
		f = FaultOperationTimeout()
	}
	if f != nil {
		x.answerFault(f)
		return
	}
	x.deliver(c, d)
}

// deliver sends output and takes it back unless the whole answer went out. A fault that hits the answer ends in a
// panic, thus the defer.
func (x *exchange) deliver(c *command, d *delivery) {
	defer c.giveBack(d)
	body := answerReceive(x.req, c.id, d)
	x.acted()
	if x.fault.Kind != FaultNone {
		x.strike(body)
		return
	}
	if !c.writing(d) {
		// A newer Receive has it: this client gave up waiting.
		x.b.abort(x.sess)
	}
	if x.write(http.StatusOK, body) == nil {
		c.written(d)
	}
}

func (x *exchange) signal(sh *shell) {
	body := x.req.body
	if body == nil || body.Name.Local != "Signal" {
		x.answerFault(faultSchema("Signal needs an rsp:Signal in its body."))
		return
	}
	id := body.Value("CommandId")
	c := sh.command(id)
	if c == nil {
		x.answerFault(faultCommandNotFound(printable(id, 80)))
		return
	}
	code := strings.ToLower(body.TextOf(nsShell, "Code"))
	switch code[strings.LastIndexByte(code, '/')+1:] {
	case "terminate":
		// After the final Signal the command is forgotten, whether it had ended or not.
		c.cancel(ErrTerminated)
		sh.forget(id)
	case "ctrl_c", "ctrl_break":
		c.cancel(ErrInterrupted)
	default:
		x.answerFault(faultSchema("Unknown signal " + printable(code, 120) + "."))
		return
	}
	_ = x.answer(answerElement(x.req, nsShell+"/SignalResponse", `<rsp:SignalResponse/>`))
}
