package transport

import (
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"

	"github.com/lrun/lrun/winrm/internal/xmltree"
	"github.com/lrun/lrun/winrm/wsman"
)

// What is changed in the library's messages is changed, and nothing else is needed from them.
func TestMessages(t *testing.T) {
	c, err := newClient(Config{Host: "127.0.0.1", Auth: Basic(NewCredential("u", "p")), ShellIdle: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		m      *message
		holds  []string
		lane   lane
		repeat bool
	}{
		{c.createMessage(), []string{`"WINRS_NOPROFILE">TRUE<`, `"WINRS_CODEPAGE">65001<`, "<rsp:IdleTimeOut>PT90S</rsp:IdleTimeOut></rsp:Shell>",
			"OperationTimeout>PT20S<"}, laneCommand, true},
		{c.commandMessage("S1", "echo <&>"), []string{`"WINRS_CONSOLEMODE_STDIN">FALSE<`, "<![CDATA[echo <&>]]>", ">S1<"}, laneCommand, false},
		{c.sendMessage("S1", "C1", []byte("in"), true), []string{`End="true"`, "aW4=", `CommandId="C1"`}, laneCommand, false},
		{c.receiveMessage("S1", "C1"), []string{"stdout stderr", `CommandId="C1"`}, laneReceive, false},
		{c.signalMessage("S1", "C1"), []string{"signal/terminate", `CommandId="C1"`}, laneCommand, true},
		{c.deleteMessage("S1"), []string{"transfer/Delete", ">S1<"}, laneCommand, true},
	} {
		for _, want := range tt.holds {
			if !strings.Contains(string(tt.m.body), want) {
				t.Errorf("%s lacks %s:\n%s", tt.m.op, want, tt.m.body)
			}
		}
		if !strings.HasPrefix(tt.m.id, "uuid:") || tt.m.lane != tt.lane || tt.m.repeat != tt.repeat {
			t.Errorf("%s: id %q, lane %d, repeat %v", tt.m.op, tt.m.id, tt.m.lane, tt.m.repeat)
		}
	}
}

// What is sent is what the library builds for the same values, byte for byte.
func TestMessagesAreTheLibrarys(t *testing.T) {
	c, err := newClient(Config{Host: "fe01.contoso.com", TLS: true, Auth: Basic(NewCredential("u", "p")), ShellIdle: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://fe01.contoso.com:5986/wsman"
	params := winrm.NewParameters("PT20S", "en-US", envelopeSize)
	input := []byte("{shell} {line} lrun/input++ \x00\xff")
	for _, tt := range []struct {
		got  *message
		want *soap.SoapMessage
	}{
		{c.createMessage(), winrm.NewOpenShellRequest(url, params)},
		{c.commandMessage("S1", "echo <&> {shell}"), winrm.NewExecuteCommandRequest(url, "S1", "echo <&> {shell}", nil, params)},
		{c.sendMessage("S1", "C1", input, false), winrm.NewSendInputRequest(url, "S1", "C1", input, false, params)},
		{c.sendMessage("S1", "C1", nil, true), winrm.NewSendInputRequest(url, "S1", "C1", nil, true, params)},
		{c.receiveMessage("S1", "C1"), winrm.NewGetOutputRequest(url, "S1", "C1", "stdout stderr", params)},
		{c.signalMessage("S1", "C1"), winrm.NewSignalRequest(url, "S1", "C1", params)},
		{c.deleteMessage("S1"), winrm.NewDeleteShellRequest(url, "S1", params)},
	} {
		want := wrap(tt.got.op, tt.want, 90*time.Second)
		// The library writes an element without text in another way, which means the same.
		body := strings.Replace(strings.ReplaceAll(string(want.body), want.id, tt.got.id), ` End="true"/>`, ` End="true"></rsp:Stream>`+"\n", 1)
		if string(tt.got.body) != body {
			t.Errorf("%s is\n%s\nand not\n%s", tt.got.op, tt.got.body, body)
		}
		if _, err := xmltree.Parse(string(tt.got.body)); err != nil {
			t.Errorf("%s: %v", tt.got.op, err)
		}
	}
}

// Two messages never bear one name.
func TestMessageIDs(t *testing.T) {
	seen := map[string]bool{}
	form := regexp.MustCompile(`^uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for range 1000 {
		id := newMessageID()
		if seen[id] || !form.MatchString(id) {
			t.Fatal(id)
		}
		seen[id] = true
	}
}

// An id is the server's to choose, and cannot break out of its place.
func TestHostileIDs(t *testing.T) {
	c, err := newClient(Config{Host: "127.0.0.1", Auth: Basic(NewCredential("u", "p"))})
	if err != nil {
		t.Fatal(err)
	}
	const id = `S"/><a>]]>&`
	root, err := xmltree.Parse(string(c.signalMessage(id, id).body))
	if err != nil {
		t.Fatal(err)
	}
	if got := root.Child(nsSOAP, "Body").Child(nsShell, "Signal").Value("CommandId"); got != id {
		t.Errorf("the command is %q", got)
	}
}

func TestInputIsAPipe(t *testing.T) {
	w := serve(t, wsman.Options{})
	w.handler = func(_ context.Context, c *wsman.Command) int {
		if _, err := io.Copy(io.Discard, c.Stdin); err != nil || c.ConsoleMode || c.CodePage != 65001 {
			return 1
		}
		return 0
	}
	if got := open(t, w.config(t)).mustRun(t, "x", ""); got.Exit != 0 {
		t.Error("the input is a console or has no end")
	}
}

// Every command is signed off, so that the server forgets it.
func TestEveryCommandIsSignedOff(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	for range 3 {
		s.mustRun(t, "echo x", "")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(wsman.ActionSignal); n != 3 {
		t.Errorf("%d signals for 3 commands", n)
	}
	if n := w.count(wsman.ActionDelete); n != 1 {
		t.Errorf("%d deletes for 1 shell", n)
	}
}

// A command that may run under an id that nobody knows is ended with its shell, and not before the shell's other
// commands have ended.
func TestLostCommandEndsWithItsShell(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	s.mustRun(t, "echo x", "")
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) (f wsman.Fault) {
		if m.Action == wsman.ActionCommand {
			once.Do(func() { f = wsman.Fault{Kind: wsman.FaultReset, After: true} })
		}
		return f
	})
	_, err := s.Run(t.Context(), "sleep", nil)
	wantState(t, err, InDoubt)
	s.background.Wait()
	if n := w.host.Stats().Shells; n != 0 {
		t.Errorf("%d shells are left, and the command in one of them", n)
	}
}

func TestGapIsTold(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	var once sync.Once
	w.fault(func(m wsman.MessageInfo) (f wsman.Fault) {
		if m.Action == wsman.ActionReceive {
			once.Do(func() { f = wsman.Fault{Kind: wsman.FaultReset} })
		}
		return f
	})
	if got := s.mustRun(t, "echo x", ""); !got.Gap || string(got.Stdout) != "x" {
		t.Errorf("%+v", got)
	}
	if got := s.mustRun(t, "echo y", ""); got.Gap {
		t.Errorf("%+v", got)
	}
}
