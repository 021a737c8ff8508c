package wsman

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var guid = regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)

// pretty writes an element with one line for each, prefixes by the usual letters, GUIDs replaced and output decoded.
func pretty(b *strings.Builder, e *xmltree.Element, indent string) {
	prefixes := map[string]string{nsSOAP: "s", nsAddr: "a", nsTransfer: "x", nsWSMan: "w", nsShell: "rsp", nsFault: "f", nsIdentity: "wsmid"}
	fmt.Fprintf(b, "%s%s:%s", indent, prefixes[e.Name.Space], e.Name.Local)
	for _, a := range e.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			fmt.Fprintf(b, " %s=%s", a.Name.Local, a.Value)
		}
	}
	text := strings.TrimSpace(e.Text)
	if e.Name.Local == "Stream" {
		if data, err := base64.StdEncoding.DecodeString(text); err == nil && len(data) > 0 {
			text = fmt.Sprintf("(base64 of %q)", data)
		}
	}
	if text != "" {
		fmt.Fprintf(b, ": %s", guid.ReplaceAllString(text, "<guid>"))
	}
	b.WriteString("\n")
	for k := range e.All() {
		pretty(b, k, indent+"  ")
	}
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// TestConversation records the answers to one command from the opening of its shell to the end, and every fault.
func TestConversation(t *testing.T) {
	more := make(chan struct{})
	d := newDirect(t, Options{}, HandlerFunc(func(ctx context.Context, c *Command) int {
		fmt.Fprint(c.Stdout, "Ready")
		<-more
		fmt.Fprint(c.Stderr, "oops")
		return 3
	}))
	var b strings.Builder
	n := 0
	say := func(action, body string) {
		shell := "AAAAAAAA-0001"
		if action == "Create" {
			shell = ""
		}
		n++
		status, root := d.post(context.Background(), envelope(action, shell, fmt.Sprintf("uuid:request-%d", n), "PT20S", body))
		fmt.Fprintf(&b, "# %d %s -> %d\n", n, action, status)
		pretty(&b, root, "")
		b.WriteString("\n")
	}
	command := strings.Replace(commandBody("x"), "<rsp:CommandLine>", `<rsp:CommandLine CommandId="CCCCCCCC-0001">`, 1)
	say("Create", `<rsp:Shell ShellId="AAAAAAAA-0001"/>`)
	say("Command", command)
	say("Send", sendBody("CCCCCCCC-0001", []byte("in"), true))
	say("Receive", receiveBody("CCCCCCCC-0001"))
	d.host.mu.Lock()
	c := d.host.boot.shells.byID["AAAAAAAA-0001"].command("CCCCCCCC-0001")
	d.host.mu.Unlock()
	close(more)
	<-c.ctx.Done() // the program has ended, so that all that is left comes in one answer
	say("Receive", receiveBody("CCCCCCCC-0001"))
	say("Signal", signalBody("CCCCCCCC-0001", "terminate"))
	say("Delete", "")
	say("Command", command)
	checkGolden(t, "conversation.golden", b.String())
}

func TestFaultsAreAsDocumented(t *testing.T) {
	var b strings.Builder
	for _, f := range []*SOAPFault{
		FaultOperationTimeout(), FaultShellNotFound("AAAAAAAA-0001"), FaultTooManyShells(30), FaultTooManyOperations(1500), FaultTooManyProcesses(25),
		FaultAccessDenied(), FaultProviderDenied(), FaultBusy(), FaultGoingDown(), faultAborted(), faultPipeClosed(), faultCommandTooLong(),
	} {
		root, err := xmltree.Parse(string(answerFault(&request{messageID: "uuid:1"}, f, "fe01.contoso.com")))
		if err != nil {
			t.Fatal(err)
		}
		fault := root.Child(nsSOAP, "Body").Child(nsSOAP, "Fault")
		code := fault.Child(nsSOAP, "Code")
		w := fault.Child(nsSOAP, "Detail").Child(nsFault, "WSManFault")
		fmt.Fprintf(&b, "%-10s  %-10s  %-18s  %s\n", w.Value("Code"), code.TextOf(nsSOAP, "Value"), code.Child(nsSOAP, "Subcode").TextOf(nsSOAP, "Value"), w.TextOf(nsFault, "Message"))
	}
	checkGolden(t, "faults.golden", b.String())
}
