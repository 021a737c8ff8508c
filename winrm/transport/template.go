package transport

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"sync"
	"time"

	"github.com/masterzen/winrm/soap"
)

// The messages of one operation differ in a few values. So each is built by the library once, with a word in the place of
// each value, and cut up at these; what is sent is the pieces with the values between them.
//
// A word is one that the library's messages do not hold. That of the input is base64, which the library makes of [inputWord].
const (
	urlWord     = "{url}"
	shellWord   = "{shell}"
	commandWord = "{command}"
	lineWord    = "{line}"
	inputBase64 = "lrun/input++"
)

// inputWord is what becomes inputBase64.
var inputWord, _ = base64.StdEncoding.DecodeString(inputBase64)

// slot is the place of a value.
type slot int

const (
	slotNone slot = iota // behind the last piece
	slotID               // MessageID
	slotURL
	slotShell
	slotCommand
	slotLine
	slotInput
)

// values are what a message is filled with.
type values struct {
	url            string
	shell, command string // ids that the server has chosen
	line           string
	input          []byte
}

// template is a message with places for its values.
type template struct {
	op     string
	pieces []piece
	size   int // of all pieces
}

// piece is text with what comes behind it.
type piece struct {
	text string
	then slot
}

// newTemplate cuts up a message.
func newTemplate(op string, m *soap.SoapMessage, idle time.Duration) *template {
	whole := wrap(op, m, idle)
	if whole.id == "" {
		panic("winrm: the library's message has no MessageID")
	}
	words := []struct {
		text string
		slot slot
	}{{whole.id, slotID}, {urlWord, slotURL}, {shellWord, slotShell}, {commandWord, slotCommand}, {lineWord, slotLine}, {inputBase64, slotInput}}
	t := &template{op: op, size: len(whole.body)}
	for rest := whole.body; len(rest) > 0; {
		p, at, behind := piece{}, len(rest), len(rest)
		for _, w := range words {
			if i := bytes.Index(rest[:at], []byte(w.text)); i >= 0 {
				p.then, at, behind = w.slot, i, i+len(w.text)
			}
		}
		p.text = string(rest[:at])
		t.pieces = append(t.pieces, p)
		rest = rest[behind:]
	}
	return t
}

// fill makes a message of the template. Whoever has posted it frees it.
func (t *template) fill(v *values) *message {
	b, _ := buffers.Get().(*bytes.Buffer)
	m := &message{op: t.op, id: newMessageID(), buffer: b}
	b.Reset()
	b.Grow(t.size + len(v.url) + len(v.shell) + len(v.command) + len(v.line) + base64.StdEncoding.EncodedLen(len(v.input)))
	for _, p := range t.pieces {
		b.WriteString(p.text)
		switch p.then {
		case slotNone:
		case slotID:
			b.WriteString(m.id)
		case slotURL:
			writeText(b, v.url)
		case slotShell:
			writeText(b, v.shell)
		case slotCommand:
			writeText(b, v.command)
		case slotLine:
			b.WriteString(v.line) // in a CDATA section, which checkLine sees to
		case slotInput:
			b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), v.input))
		}
	}
	m.body = b.Bytes()
	return m
}

// buffers are those of messages that have been posted: a message is some 10 kB, and a night is thousands of them.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// free gives back the memory of a message that nobody sends any more.
func (m *message) free() {
	if m.buffer != nil {
		buffers.Put(m.buffer)
		m.buffer, m.body = nil, nil
	}
}

// writeText writes a value as text of an element or of an attribute.
func writeText(b *bytes.Buffer, s string) { _ = xml.EscapeText(b, []byte(s)) } // a Buffer takes all

// newMessageID makes the name of one message: a random UUID, as the library has it.
func newMessageID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: see crypto/rand
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	text := hex.EncodeToString(id[:])
	return fmt.Sprintf("uuid:%s-%s-%s-%s-%s", text[:8], text[8:12], text[12:16], text[16:20], text[20:])
}
