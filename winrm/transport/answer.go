package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
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

	maxDepth    = 32
	maxElements = 20000
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

// parseEnvelope reads a SOAP envelope in one pass. Anything that is not well formed, is too deep, has a document
// type or holds base64 that does not decode is a *ProtocolError: half an answer is none.
func parseEnvelope(body []byte) (*answer, error) {
	p := &envelopeParser{a: &answer{}}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "utf-8") {
			return in, nil
		}
		return nil, errors.New("character set " + label)
	}
	for elements := 0; ; elements++ {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, protocolf("%v", err)
		}
		if elements > maxElements {
			return nil, protocolf("too many elements")
		}
		if err := p.token(tok); err != nil {
			return nil, err
		}
	}
	if !p.envelope {
		return nil, protocolf("no SOAP envelope")
	}
	p.a.raw = body
	return p.a, nil
}

type envelopeParser struct {
	a        *answer
	path     []xml.StartElement
	text     strings.Builder
	envelope bool
}

func (p *envelopeParser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.Directive:
		return protocolf("a document type declaration")
	case xml.StartElement:
		if len(p.path) == 0 {
			if t.Name != (xml.Name{Space: nsSOAP, Local: "Envelope"}) {
				return protocolf("the root element is %s", t.Name.Local)
			}
			p.envelope = true
		}
		if len(p.path) >= maxDepth {
			return protocolf("elements nested deeper than %d", maxDepth)
		}
		p.path = append(p.path, t.Copy())
		p.text.Reset()
		return p.open(t)
	case xml.CharData:
		p.text.Write(t)
	case xml.EndElement:
		err := p.shut(p.path[len(p.path)-1], strings.TrimSpace(p.text.String()))
		p.path = p.path[:len(p.path)-1]
		p.text.Reset()
		return err
	}
	return nil
}

func (p *envelopeParser) open(e xml.StartElement) error {
	switch e.Name {
	case xml.Name{Space: nsSOAP, Local: "Fault"}:
		_ = p.fault() // from here on the answer is one
	case xml.Name{Space: nsFault, Local: "WSManFault"}:
		// A provider's fault may be nested inside; the outer one is what WS-Management itself says.
		if code, err := strconv.ParseUint(attr(e, "Code"), 10, 32); err == nil && p.fault().WSMan == 0 {
			p.a.fault.WSMan = uint32(code)
		}
	case xml.Name{Space: nsShell, Local: "CommandState"}:
		if attr(e, "State") == stateEnd {
			p.a.done = true
		}
	case xml.Name{Space: nsIdent, Local: "IdentifyResponse"}:
		p.a.identify = true
	}
	return nil
}

func (p *envelopeParser) shut(e xml.StartElement, text string) error {
	a := p.a
	switch e.Name {
	case xml.Name{Space: nsAddr, Local: "RelatesTo"}:
		a.relatesTo = text
	case xml.Name{Space: nsShell, Local: "ShellId"}:
		a.shellID = text
	case xml.Name{Space: nsWSMan, Local: "Selector"}:
		if attr(e, "Name") == "ShellId" && a.shellID == "" {
			a.shellID = text
		}
	case xml.Name{Space: nsShell, Local: "CommandId"}:
		a.commandID = text
	case xml.Name{Space: nsShell, Local: "Stream"}:
		return p.stream(attr(e, "Name"), text)
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
		p.faultText(e, text)
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
		p.a.stdout = append(p.a.stdout, b...)
	case "stderr":
		p.a.stderr = append(p.a.stderr, b...)
	}
	return nil
}

func (p *envelopeParser) faultText(e xml.StartElement, text string) {
	if p.a.fault == nil {
		return
	}
	f := p.a.fault
	switch {
	case e.Name == xml.Name{Space: nsSOAP, Local: "Value"} && p.inside("Subcode"):
		f.Subcode = oneLine(localName(text), 60)
	case e.Name == xml.Name{Space: nsSOAP, Local: "Value"}:
		f.Code = oneLine(localName(text), 60)
	case e.Name == xml.Name{Space: nsSOAP, Local: "Text"},
		e.Name == xml.Name{Space: nsFault, Local: "Message"} && f.Text == "":
		f.Text = oneLine(text, 500)
	}
}

func (p *envelopeParser) fault() *Fault {
	if p.a.fault == nil {
		p.a.fault = &Fault{}
	}
	return p.a.fault
}

func (p *envelopeParser) inside(local string) bool {
	for _, e := range p.path {
		if e.Name.Local == local {
			return true
		}
	}
	return false
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func localName(q string) string {
	if i := strings.LastIndexByte(q, ':'); i >= 0 {
		return q[i+1:]
	}
	return q
}
