package transport

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// maxLine is what fits through cmd.exe with room for what the shell adds to it (its limit is 8191).
const maxLine = 8000

// maxChunk is how many bytes of input go into one Send. Base64 and XML make it 135 kB, which stays below the
// 150 kB envelope of the oldest servers.
const maxChunk = 100_000

// envelopeSize is announced as MaxEnvelopeSize, in bytes.
const envelopeSize = 153600

func seconds(d time.Duration) string { return fmt.Sprintf("PT%dS", int(d/time.Second)) }

// checkLine refuses what the shell could not take or what would break the CDATA section that the library puts
// around a command.
func checkLine(line string) error {
	switch {
	case line == "":
		return fmt.Errorf("%w: it is empty", ErrCommandLine)
	case len(line) > maxLine:
		return fmt.Errorf("%w: %d characters of at most %d", ErrCommandLine, len(line), maxLine)
	case strings.Contains(line, "]]>"):
		return fmt.Errorf("%w: it holds ]]>", ErrCommandLine)
	case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0xFFFE || r == 0xFFFF }):
		return fmt.Errorf("%w: it holds a control character", ErrCommandLine)
	}
	return nil
}

var messageID = regexp.MustCompile(`<[a-z]+:MessageID[^>]*>([^<]+)</`)

// wrap makes a message of what the library built, after the changes that its API does not offer: the shell loads
// no profile, is dropped after idle, and stdin is a pipe and not a console, so that it can carry 100 kB and an end.
func wrap(op string, m *soap.SoapMessage, idle time.Duration) *message {
	body := []byte(m.String())
	body = bytes.Replace(body, []byte(`Name="WINRS_NOPROFILE">FALSE<`), []byte(`Name="WINRS_NOPROFILE">TRUE<`), 1)
	body = bytes.Replace(body, []byte(`Name="WINRS_CONSOLEMODE_STDIN">TRUE<`), []byte(`Name="WINRS_CONSOLEMODE_STDIN">FALSE<`), 1)
	if op == "create" {
		add := fmt.Sprintf("<rsp:IdleTimeOut>%s</rsp:IdleTimeOut></rsp:Shell>", seconds(idle))
		body = bytes.Replace(body, []byte("</rsp:Shell>"), []byte(add), 1)
	}
	out := &message{op: op, body: body}
	if id := messageID.FindSubmatch(body); id != nil {
		out.id = string(id[1])
	}
	return out
}

// templates are the messages of every operation.
type templates struct {
	create, command, send, sendEnd, receive, signal, delete *template
}

// templatesOf makes the templates for clients whose messages say the same of time, once for all of them.
func templatesOf(c *Config) *templates {
	key := spans{c.OperationTimeout, c.ShellIdle}
	if known, ok := allTemplates.Load(key); ok {
		return known.(*templates)
	}
	made, _ := allTemplates.LoadOrStore(key, newTemplates(key))
	return made.(*templates)
}

// spans are the times that messages tell the server.
type spans struct{ operation, idle time.Duration }

// allTemplates holds *templates by their spans: one, but in tests.
var allTemplates sync.Map

func newTemplates(t spans) *templates {
	p := winrm.NewParameters(seconds(t.operation), "en-US", envelopeSize)
	cut := func(op string, m *soap.SoapMessage) *template { return newTemplate(op, m, t.idle) }
	return &templates{
		create:  cut("create", winrm.NewOpenShellRequest(urlWord, p)),
		command: cut("command", winrm.NewExecuteCommandRequest(urlWord, shellWord, lineWord, nil, p)),
		send:    cut("send", winrm.NewSendInputRequest(urlWord, shellWord, commandWord, inputWord, false, p)),
		sendEnd: cut("send", winrm.NewSendInputRequest(urlWord, shellWord, commandWord, inputWord, true, p)),
		receive: cut("receive", winrm.NewGetOutputRequest(urlWord, shellWord, commandWord, "stdout stderr", p)),
		signal:  cut("signal", winrm.NewSignalRequest(urlWord, shellWord, commandWord, p)),
		delete:  cut("delete", winrm.NewDeleteShellRequest(urlWord, shellWord, p)),
	}
}

func (c *client) createMessage() *message {
	m := c.messages.create.fill(&values{url: c.cfg.url()})
	m.repeat = true
	return m
}

func (c *client) commandMessage(shell, line string) *message {
	return c.messages.command.fill(&values{url: c.cfg.url(), shell: shell, line: line})
}

func (c *client) sendMessage(shell, command string, chunk []byte, end bool) *message {
	t := c.messages.send
	if end {
		t = c.messages.sendEnd
	}
	return t.fill(&values{url: c.cfg.url(), shell: shell, command: command, input: chunk})
}

func (c *client) receiveMessage(shell, command string) *message {
	m := c.messages.receive.fill(&values{url: c.cfg.url(), shell: shell, command: command})
	m.lane = laneReceive
	return m
}

func (c *client) signalMessage(shell, command string) *message {
	m := c.messages.signal.fill(&values{url: c.cfg.url(), shell: shell, command: command})
	m.repeat = true
	return m
}

func (c *client) deleteMessage(shell string) *message {
	m := c.messages.delete.fill(&values{url: c.cfg.url(), shell: shell})
	m.repeat = true
	return m
}

// identifyMessage asks who is there. It has no MessageID and its answer relates to nothing.
func identifyMessage() *message {
	return &message{op: "identify", repeat: true, body: []byte(
		`<s:Envelope xmlns:s="` + nsSOAP + `" xmlns:i="` + nsIdent + `"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`)}
}
