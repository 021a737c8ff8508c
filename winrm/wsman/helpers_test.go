package wsman

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masterzen/winrm"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

const (
	testUser     = "admin"
	testPassword = "S3cret-Pa55"
)

var testAccounts = StaticAccounts{testUser: testPassword}

// logonLog collects what OnLogon is told.
type logonLog struct {
	mu  sync.Mutex
	all []Logon
}

func (l *logonLog) add(e Logon) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

func (l *logonLog) failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.all {
		if !e.OK {
			n++
		}
	}
	return n
}

// actor is the handler of most tests: a few small commands that show each side of the protocol.
func actor(ctx context.Context, c *Command) int {
	name, rest, _ := strings.Cut(c.CommandLine, " ")
	switch name {
	case "echo":
		fmt.Fprintf(c.Stdout, "%s\r\n", rest)
		return 0
	case "both":
		fmt.Fprint(c.Stdout, "out1 ")
		fmt.Fprint(c.Stderr, "err1 ")
		fmt.Fprint(c.Stdout, "out2")
		return 3
	case "cat":
		n, err := io.Copy(c.Stdout, c.Stdin)
		if err != nil {
			return 1
		}
		fmt.Fprintf(c.Stderr, "%d bytes", n)
		return 0
	case "wait":
		<-ctx.Done()
		return 1
	case "big":
		var n int
		fmt.Sscan(rest, &n)
		block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
		for n > 0 {
			m, err := c.Stdout.Write(block[:min(n, len(block))])
			if err != nil {
				return 1
			}
			n -= m
		}
		return 0
	case "env":
		fmt.Fprintf(c.Stdout, "%s=%s dir=%s page=%d user=%s scheme=%s", rest, c.Env[rest], c.WorkDir, c.CodePage, c.User, c.Scheme)
		return 0
	case "PowerShell", "powershell", "powershell.exe":
		ps, ok := UnwrapPowerShell(c.CommandLine)
		if !ok {
			return 2
		}
		fmt.Fprintf(c.Stdout, "ran: %s", ps.Script)
		return 0
	}
	fmt.Fprintf(c.Stderr, "'%s' is not recognized as an internal or external command.\r\n", name)
	return 9009
}

func startHost(t *testing.T, o Options, h Handler) *Host {
	t.Helper()
	if o.Auth == nil {
		o.Auth = []Auth{Basic(testAccounts)}
	}
	if h == nil {
		h = HandlerFunc(actor)
	}
	srv := NewServer(o)
	host, err := srv.Listen("127.0.0.1:0", "fe01.contoso.com", h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return host
}

// raw is a client that sends envelopes as a test wants them.
type raw struct {
	t      *testing.T
	url    string
	client *http.Client
	auth   string // Authorization; Basic of the test user when empty
}

func newRaw(t *testing.T, url string) *raw {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &raw{t: t, url: url, client: &http.Client{Transport: tr}}
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// envelope is a request; the action is short, such as Receive.
func envelope(action, shellID, messageID, timeout, body string) string {
	uri := nsShell + "/" + action
	if action == "Create" || action == "Delete" {
		uri = nsTransfer + "/" + action
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<e:Envelope xmlns:e="%s" xmlns:a="%s" xmlns:w="%s" xmlns:rsp="%s"><e:Header><a:Action>%s</a:Action><a:MessageID>%s</a:MessageID><w:ResourceURI>%s</w:ResourceURI>`,
		nsSOAP, nsAddr, nsWSMan, nsShell, uri, messageID, resourceCmd)
	if timeout != "" {
		fmt.Fprintf(&b, `<w:OperationTimeout>%s</w:OperationTimeout>`, timeout)
	}
	if shellID != "" {
		fmt.Fprintf(&b, `<w:SelectorSet><w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet>`, shellID)
	}
	fmt.Fprintf(&b, `</e:Header><e:Body>%s</e:Body></e:Envelope>`, body)
	return b.String()
}

// post sends a body and returns status, parsed answer (nil when there is none) and error.
func (r *raw) post(ctx context.Context, body string) (int, *xmltree.Element, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", soapType)
	auth := r.auth
	if auth == "" {
		auth = basicHeader(testUser, testPassword)
	}
	if auth != "none" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, nil, err
	}
	if len(data) == 0 {
		return resp.StatusCode, nil, nil
	}
	if ct := resp.Header.Get("Content-Type"); ct != soapType {
		return resp.StatusCode, nil, fmt.Errorf("content type %q", ct)
	}
	root, err := xmltree.Parse(string(data))
	return resp.StatusCode, root, err
}

// bytes sends an envelope that has to succeed and returns the answer as it came.
func (r *raw) bytes(env string) []byte {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(env))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", basicHeader(testUser, testPassword))
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return data
}

// must sends an envelope that has to succeed and returns the first element of the answer's body.
func (r *raw) must(env string) *xmltree.Element {
	r.t.Helper()
	status, root, err := r.post(context.Background(), env)
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("status %d, error %v, fault %s", status, err, faultCode(root))
	}
	if root == nil {
		r.t.Fatal("empty answer")
	}
	if first := root.Child(nsSOAP, "Body").First(); first != nil {
		return first
	}
	return nil
}

// faultCode returns the code of WSManFault in an answer, "" without one.
func faultCode(root *xmltree.Element) string {
	f := root.Child(nsSOAP, "Body").Child(nsSOAP, "Fault")
	return f.Child(nsSOAP, "Detail").Child(nsFault, "WSManFault").Value("Code")
}

// fails sends an envelope that has to be answered with that fault.
func (r *raw) fails(env string, code uint32) *xmltree.Element {
	r.t.Helper()
	status, root, err := r.post(context.Background(), env)
	if err != nil {
		r.t.Fatal(err)
	}
	if got := faultCode(root); status != 500 || got != fmt.Sprint(code) {
		r.t.Fatalf("status %d, fault %q; want 500 and %d", status, got, code)
	}
	return root.Child(nsSOAP, "Body").Child(nsSOAP, "Fault")
}

var messageCount struct {
	sync.Mutex
	n int
}

// msg returns a fresh MessageID.
func msg() string {
	messageCount.Lock()
	defer messageCount.Unlock()
	messageCount.n++
	return fmt.Sprintf("uuid:0000-%d", messageCount.n)
}

func (r *raw) create(inner string) string {
	r.t.Helper()
	env := envelope("Create", "", msg(), "PT20S", `<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams>`+inner+`</rsp:Shell>`)
	status, root, err := r.post(context.Background(), env)
	if err != nil || status != 200 {
		r.t.Fatalf("Create: status %d, error %v, fault %s", status, err, faultCode(root))
	}
	body := root.Child(nsSOAP, "Body")
	id := body.Child(nsShell, "Shell").TextOf(nsShell, "ShellId")
	sel := body.Child(nsTransfer, "ResourceCreated").Child(nsAddr, "ReferenceParameters").Child(nsWSMan, "SelectorSet").TextOf(nsWSMan, "Selector")
	if id == "" || id != sel {
		r.t.Fatalf("ShellId %q in the shell, %q in the selector", id, sel)
	}
	return id
}

func commandBody(line string) string {
	return `<rsp:CommandLine><rsp:Command><![CDATA[` + line + `]]></rsp:Command></rsp:CommandLine>`
}

func (r *raw) command(shell, line string) string {
	r.t.Helper()
	id := r.must(envelope("Command", shell, msg(), "PT20S", commandBody(line))).TextOf(nsShell, "CommandId")
	if id == "" {
		r.t.Fatal("no CommandId")
	}
	return id
}

func receiveBody(command string) string {
	return `<rsp:Receive><rsp:DesiredStream CommandId="` + command + `">stdout stderr</rsp:DesiredStream></rsp:Receive>`
}

func sendBody(command string, data []byte, end bool) string {
	return fmt.Sprintf(`<rsp:Send><rsp:Stream Name="stdin" CommandId="%s" End="%v">%s</rsp:Stream></rsp:Send>`, command, end, base64.StdEncoding.EncodeToString(data))
}

func signalBody(command, signal string) string {
	return `<rsp:Signal CommandId="` + command + `"><rsp:Code>` + nsShell + `/signal/` + signal + `</rsp:Code></rsp:Signal>`
}

// output is what Receive answers have brought.
type output struct {
	stdout, stderr string
	done           bool
	exit           string
}

// add takes one ReceiveResponse in.
func (o *output) add(t *testing.T, answer *xmltree.Element) {
	t.Helper()
	states := answer.Children(nsShell, "CommandState")
	if len(states) != 1 {
		t.Fatalf("%d CommandState elements", len(states))
	}
	for _, s := range answer.Children(nsShell, "Stream") {
		data, err := base64.StdEncoding.DecodeString(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		switch s.Value("Name") {
		case "stdout":
			o.stdout += string(data)
		case "stderr":
			o.stderr += string(data)
		}
	}
	o.done = strings.HasSuffix(states[0].Value("State"), "/Done")
	o.exit = states[0].TextOf(nsShell, "ExitCode")
	if o.done != (o.exit != "") {
		t.Fatalf("done %v with exit code %q", o.done, o.exit)
	}
}

// drain receives until the command is done.
func (r *raw) drain(shell, command string) output {
	r.t.Helper()
	var o output
	for !o.done {
		o.add(r.t, r.must(envelope("Receive", shell, msg(), "PT20S", receiveBody(command))))
	}
	return o
}

// stock is masterzen/winrm with one of its own transports.
func stock(t *testing.T, target string, decorate func() winrm.Transporter) *winrm.Client {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	fmt.Sscan(u.Port(), &port)
	ep := winrm.NewEndpoint(u.Hostname(), port, u.Scheme == "https", true, nil, nil, nil, 30*time.Second)
	p := winrm.NewParameters("PT20S", "en-US", 153600)
	p.TransportDecorator = decorate
	c, err := winrm.NewClientWithParameters(ep, testUser, testPassword, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
