package wsman

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strconv"
)

const (
	envelopeOpen = `<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `" xmlns:a="` + nsAddr + `" xmlns:x="` + nsTransfer +
		`" xmlns:w="` + nsWSMan + `" xmlns:rsp="` + nsShell + `"`
	// answerOverhead is room for everything in a Receive answer that is not output.
	answerOverhead = 4 << 10
)

func xmlText(b *bytes.Buffer, s string) {
	// bytes.Buffer never fails to write.
	_ = xml.EscapeText(b, []byte(s))
}

// someAnswer is what an answer without output needs at the least.
const someAnswer = 1 << 10

// openAnswer writes the envelope up to and including <s:Body>. Clients check that RelatesTo is their MessageID.
func openAnswer(b *bytes.Buffer, req *request, action string) {
	b.Grow(someAnswer)
	b.WriteString(envelopeOpen)
	b.WriteString(`><s:Header><a:Action>`)
	b.WriteString(action)
	b.WriteString(`</a:Action><a:MessageID>uuid:`)
	b.WriteString(newGUID())
	b.WriteString(`</a:MessageID><a:To>` + addrAnon + `</a:To>`)
	if req.messageID != "" {
		b.WriteString(`<a:RelatesTo>`)
		xmlText(b, req.messageID)
		b.WriteString(`</a:RelatesTo>`)
	}
	b.WriteString(`</s:Header><s:Body>`)
}

const closeAnswer = `</s:Body></s:Envelope>`

// answerEmpty is an answer without a body, as Delete has it.
func answerEmpty(req *request, action string) []byte {
	var b bytes.Buffer
	openAnswer(&b, req, action)
	b.WriteString(closeAnswer)
	return b.Bytes()
}

func answerElement(req *request, action, element string) []byte {
	var b bytes.Buffer
	openAnswer(&b, req, action)
	b.WriteString(element)
	b.WriteString(closeAnswer)
	return b.Bytes()
}

func answerIdentify(known bool, product string) []byte {
	if !known {
		product = "OS: 0.0.0 SP: 0.0 Stack: 3.0"
	}
	var b bytes.Buffer
	b.WriteString(`<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="` + nsIdentity +
		`"><wsmid:ProtocolVersion>` + nsWSMan + `</wsmid:ProtocolVersion><wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor><wsmid:ProductVersion>`)
	xmlText(&b, product)
	b.WriteString(`</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>`)
	return b.Bytes()
}

// answerCreate carries the ShellId in both places that clients read: the selector (pywinrm) and the shell (masterzen).
func answerCreate(req *request, sh *shell) []byte {
	var b bytes.Buffer
	openAnswer(&b, req, nsTransfer+"/CreateResponse")
	b.WriteString(`<x:ResourceCreated><a:Address>` + addrAnon + `</a:Address><a:ReferenceParameters><w:ResourceURI>` + resourceCmd +
		`</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">` + sh.id + `</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>`)
	b.WriteString(`<rsp:Shell><rsp:ShellId>` + sh.id + `</rsp:ShellId><rsp:ResourceUri>` + resourceCmd + `</rsp:ResourceUri><rsp:Owner>`)
	xmlText(&b, sh.user)
	b.WriteString(`</rsp:Owner><rsp:IdleTimeOut>PT` + strconv.FormatFloat(sh.idle.Seconds(), 'f', 3, 64) + `S</rsp:IdleTimeOut>`)
	b.WriteString(`<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>`)
	b.WriteString(closeAnswer)
	return b.Bytes()
}

// answerReceive carries output and exactly one CommandState. State Done, with the exit code, comes once and last.
func answerReceive(req *request, commandID string, d *delivery) []byte {
	size := answerOverhead
	for _, s := range d.segments {
		size += 200 + base64.StdEncoding.EncodedLen(len(s.data))
	}
	var b bytes.Buffer
	b.Grow(size)
	openAnswer(&b, req, nsShell+"/ReceiveResponse")
	b.WriteString(`<rsp:ReceiveResponse>`)
	stream := func(name string, data []byte, end bool) {
		b.WriteString(`<rsp:Stream Name="` + name + `" CommandId="` + commandID + `"`)
		if end {
			b.WriteString(` End="true"`)
		}
		b.WriteString(`>`)
		b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), data))
		b.WriteString(`</rsp:Stream>`)
	}
	for _, s := range d.segments {
		stream(s.stream, s.data, false)
	}
	if d.done {
		for _, name := range d.ends {
			stream(name, nil, true)
		}
		// The exit code is a DWORD: -1 goes out as 4294967295 on Windows, but clients read a signed number as well and
		// report what the program returned, so the sign is kept.
		b.WriteString(`<rsp:CommandState CommandId="` + commandID + `" State="` + nsShell + `/CommandState/Done"><rsp:ExitCode>` +
			strconv.Itoa(d.exit) + `</rsp:ExitCode></rsp:CommandState>`)
	} else {
		b.WriteString(`<rsp:CommandState CommandId="` + commandID + `" State="` + nsShell + `/CommandState/Running"/>`)
	}
	b.WriteString(`</rsp:ReceiveResponse>`)
	b.WriteString(closeAnswer)
	return b.Bytes()
}

func answerFault(req *request, f *SOAPFault, machine string) []byte {
	code := "s:Receiver"
	if f.Sender {
		code = "s:Sender"
	}
	text := printable(f.Text, 2000)
	var b bytes.Buffer
	openAnswer(&b, req, actionFault)
	b.WriteString(`<s:Fault><s:Code><s:Value>` + code + `</s:Value><s:Subcode><s:Value>`)
	xmlText(&b, f.Subcode)
	b.WriteString(`</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">`)
	xmlText(&b, text)
	b.WriteString(`</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="` + nsFault + `" Code="` + strconv.FormatUint(uint64(f.Code), 10) + `" Machine="`)
	xmlText(&b, machine)
	b.WriteString(`"><f:Message>`)
	xmlText(&b, text)
	b.WriteString(`</f:Message></f:WSManFault></s:Detail></s:Fault>`)
	b.WriteString(closeAnswer)
	return b.Bytes()
}
