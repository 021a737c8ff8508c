package transport

import (
	"encoding/base64"
	"encoding/xml"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

// XML namespaces and actions of WS-Management and of its Windows shell.
const (
	nsSOAP   = "http://www.w3.org/2003/05/soap-envelope"
	nsAddr   = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsWSMan  = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	nsFault  = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
	nsShell  = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsIdent  = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
	stateEnd = nsShell + "/CommandState/Done"
)

// answer is what one message brought back. Fields that the message does not have are empty.
type answer struct {
	relatesTo string
	shellID   string
	commandID string
	stdout    []byte
	stderr    []byte
	done      bool
	exit      *int
	version   string // ProductVersion of Identify
	identify  bool
	fault     *Fault
	raw       []byte // the envelope as it came
}

// parseReply turns an HTTP answer into an answer or a typed error.
func parseReply(r reply) (*answer, error) {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	soap := kind == "application/soap+xml"
	switch {
	case r.status == http.StatusOK && !soap:
		return nil, protocolf("content type %q", r.header.Get("Content-Type"))
	case r.status != http.StatusOK && !soap:
		return nil, &StatusError{Status: r.status}
	}
	a, err := parseEnvelope(r.body)
	switch {
	case err != nil && r.status != http.StatusOK:
		return nil, &StatusError{Status: r.status}
	case err != nil:
		return nil, err
	case a.fault != nil:
		a.fault.HTTP = r.status
		return a, a.fault
	case r.status != http.StatusOK:
		return nil, &StatusError{Status: r.status}
	}
	return a, nil
}

// parseEnvelope reads a SOAP envelope. Anything that is not well formed, is too deep or too large, has a document type or
// holds base64 that does not decode is a *ProtocolError: half an answer is none.
func parseEnvelope(body []byte) (*answer, error) {
	root, err := xmltree.Parse(string(body))
	if err != nil {
		return nil, protocolf("%v", err)
	}
	if !root.Is(nsSOAP, "Envelope") {
		return nil, protocolf("the root element is %s", root.Name.Local)
	}
	p := &envelopeParser{a: &answer{raw: body}}
	if err := p.element(root, false); err != nil {
		return nil, err
	}
	return p.a, nil
}

// envelopeParser takes out of an envelope what is known, in its order and wherever it stands.
type envelopeParser struct{ a *answer }

// element reads an element with all that is in it; subcode is whether it is inside of a Subcode.
func (p *envelopeParser) element(e *xmltree.Element, subcode bool) error {
	p.open(e)
	for k := range e.All() {
		if err := p.element(k, subcode || e.Name.Local == "Subcode"); err != nil {
			return err
		}
	}
	return p.shut(e, strings.TrimSpace(e.Text), subcode)
}

func (p *envelopeParser) open(e *xmltree.Element) {
	switch e.Name {
	case xml.Name{Space: nsSOAP, Local: "Fault"}:
		_ = p.fault() // from here on the answer is one
	case xml.Name{Space: nsFault, Local: "WSManFault"}:
		// A provider's fault may be nested inside; the outer one is what WS-Management itself says.
		if code, err := strconv.ParseUint(e.Value("Code"), 10, 32); err == nil && p.fault().WSMan == 0 {
			p.a.fault.WSMan = uint32(code)
		}
	case xml.Name{Space: nsShell, Local: "CommandState"}:
		if e.Value("State") == stateEnd {
			p.a.done = true
		}
	case xml.Name{Space: nsIdent, Local: "IdentifyResponse"}:
		p.a.identify = true
	}
}

func (p *envelopeParser) shut(e *xmltree.Element, text string, subcode bool) error {
	a := p.a
	switch e.Name {
	case xml.Name{Space: nsAddr, Local: "RelatesTo"}:
		a.relatesTo = text
	case xml.Name{Space: nsShell, Local: "ShellId"}:
		a.shellID = text
	case xml.Name{Space: nsWSMan, Local: "Selector"}:
		if e.Value("Name") == "ShellId" && a.shellID == "" {
			a.shellID = text
		}
	case xml.Name{Space: nsShell, Local: "CommandId"}:
		a.commandID = text
	case xml.Name{Space: nsShell, Local: "Stream"}:
		return p.stream(e.Value("Name"), text)
	case xml.Name{Space: nsShell, Local: "ExitCode"}:
		// Windows writes the exit code as a signed or as an unsigned 32-bit number.
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < -1<<31 || n >= 1<<32 {
			return protocolf("exit code %q", text)
		}
		code := int(int32(uint32(n))) //nolint:gosec // the wrap is meant: 4294967295 and -1 are one code
		a.exit = &code
	case xml.Name{Space: nsIdent, Local: "ProductVersion"}:
		a.version = oneLine(text, 100)
	default:
		p.faultText(e.Name, text, subcode)
	}
	return nil
}

func (p *envelopeParser) stream(name, text string) error {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return protocolf("output that is not base64")
	}
	switch name {
	case "stdout":
		p.a.stdout = join(p.a.stdout, b)
	case "stderr":
		p.a.stderr = join(p.a.stderr, b)
	}
	return nil
}

// join appends b to a; where a is nothing yet, it is b itself from now on.
func join(a, b []byte) []byte {
	if len(a) == 0 {
		return b
	}
	return append(a, b...)
}

func (p *envelopeParser) faultText(name xml.Name, text string, subcode bool) {
	if p.a.fault == nil {
		return
	}
	f := p.a.fault
	switch {
	case name == xml.Name{Space: nsSOAP, Local: "Value"} && subcode:
		f.Subcode = oneLine(localName(text), 60)
	case name == xml.Name{Space: nsSOAP, Local: "Value"}:
		f.Code = oneLine(localName(text), 60)
	case name == xml.Name{Space: nsSOAP, Local: "Text"},
		name == xml.Name{Space: nsFault, Local: "Message"} && f.Text == "":
		f.Text = oneLine(text, 500)
	}
}

func (p *envelopeParser) fault() *Fault {
	if p.a.fault == nil {
		p.a.fault = &Fault{}
	}
	return p.a.fault
}

func localName(q string) string {
	if i := strings.LastIndexByte(q, ':'); i >= 0 {
		return q[i+1:]
	}
	return q
}
