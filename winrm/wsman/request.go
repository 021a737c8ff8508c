package wsman

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lrun/lrun/winrm/internal/xmltree"
)

// Namespaces and URIs of the messages: SOAP 1.2, WS-Addressing 2004, DMTF WS-Management, and MS-WSMV's shell.
const (
	nsSOAP     = "http://www.w3.org/2003/05/soap-envelope"
	nsAddr     = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsTransfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	nsWSMan    = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	nsIdentity = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
	nsFault    = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
	nsShell    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

	resourceCmd = nsShell + "/cmd"
	actionFault = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
	addrAnon    = nsAddr + "/role/anonymous"
)

// Action is what a message asks for, by its short name.
type Action string

// The actions that are served.
const (
	ActionIdentify Action = "Identify"
	ActionCreate   Action = "Create"
	ActionCommand  Action = "Command"
	ActionSend     Action = "Send"
	ActionReceive  Action = "Receive"
	ActionSignal   Action = "Signal"
	ActionDelete   Action = "Delete"
)

var actionByURI = map[string]Action{
	nsTransfer + "/Create": ActionCreate,
	nsTransfer + "/Delete": ActionDelete,
	nsShell + "/Command":   ActionCommand,
	nsShell + "/Send":      ActionSend,
	nsShell + "/Receive":   ActionReceive,
	nsShell + "/Signal":    ActionSignal,
}

// request is a message whose headers have been read; body is the first element of the SOAP body, nil when it is empty.
type request struct {
	action      Action
	messageID   string
	resourceURI string
	shellID     string
	options     map[string]string // upper-case name
	timeout     time.Duration     // OperationTimeout; 0 when absent
	maxEnvelope int               // what the client takes; 0 when absent
	body        *xmltree.Element
}

// parseRequest reads an envelope. On a fault the request is still returned as far as it was understood, so that the
// fault can relate to it.
func parseRequest(data []byte) (*request, *SOAPFault) {
	req := &request{options: map[string]string{}}
	root, err := xmltree.Parse(string(data))
	if err != nil {
		return req, faultSchema("The request is not well-formed XML: " + err.Error())
	}
	if !root.Is(nsSOAP, "Envelope") {
		return req, faultVersion()
	}
	head, body := root.Child(nsSOAP, "Header"), root.Child(nsSOAP, "Body")
	if body == nil {
		return req, faultSchema("The request has no SOAP body.")
	}
	if req.body = body.First(); req.body.Is(nsIdentity, "Identify") {
		req.action = ActionIdentify
		return req, nil
	}
	return req, req.readHeader(head)
}

func (req *request) readHeader(head *xmltree.Element) *SOAPFault {
	req.messageID = head.TextOf(nsAddr, "MessageID")
	req.resourceURI = head.TextOf(nsWSMan, "ResourceURI")
	for _, s := range head.Child(nsWSMan, "SelectorSet").Children(nsWSMan, "Selector") {
		if strings.EqualFold(s.Value("Name"), "ShellId") {
			req.shellID = strings.TrimSpace(s.Text)
		}
	}
	for _, o := range head.Child(nsWSMan, "OptionSet").Children(nsWSMan, "Option") {
		req.options[strings.ToUpper(o.Value("Name"))] = strings.TrimSpace(o.Text)
	}
	uri := head.TextOf(nsAddr, "Action")
	action, ok := actionByURI[uri]
	if !ok {
		return faultAction(uri)
	}
	req.action = action
	if req.messageID == "" {
		return faultHeader("The request has no MessageID.")
	}
	if t := head.TextOf(nsWSMan, "OperationTimeout"); t != "" {
		d, err := parseDuration(t)
		if err != nil {
			return faultSchema("OperationTimeout: " + err.Error())
		}
		req.timeout = d
	}
	if m := head.TextOf(nsWSMan, "MaxEnvelopeSize"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n <= 0 {
			return faultSchema("MaxEnvelopeSize is not a positive number.")
		}
		// The standard makes 8 kB the least that a client may ask for.
		req.maxEnvelope = max(n, 8<<10)
	}
	return nil
}

func (req *request) option(name string) string { return req.options[name] }

func (req *request) optionTrue(name string) bool {
	v := req.options[name]
	return strings.EqualFold(v, "true") || v == "1"
}

// parseDuration reads an xs:duration of days and less, such as PT20S, PT1H30M, P1DT0.5S. Longer than 10 years is refused.
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%.40q is not a duration", s)
	rest, ok := strings.CutPrefix(s, "P")
	if !ok {
		return 0, bad
	}
	const limit = 10 * 366 * 24 * time.Hour
	units := map[byte]time.Duration{'D': 24 * time.Hour}
	var total float64
	var fields int
	for rest != "" {
		if rest[0] == 'T' {
			if _, twice := units['S']; twice || len(rest) == 1 {
				return 0, bad
			}
			units = map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}
			rest = rest[1:]
			continue
		}
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return 0, bad
		}
		unit, ok := units[rest[n]]
		v, err := strconv.ParseFloat(rest[:n], 64)
		if !ok || err != nil {
			return 0, bad
		}
		if total += v * float64(unit); total > float64(limit) {
			return 0, fmt.Errorf("%.40q is too long", s)
		}
		rest = rest[n+1:]
		fields++
	}
	if fields == 0 {
		return 0, bad
	}
	return time.Duration(total), nil
}
