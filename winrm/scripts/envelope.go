package scripts

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// marker begins the one line of a result. The number is the version of the envelope.
const marker = "LRUN1 "

var (
	// ErrNoResult says that there is no valid result. The outcome of the call is unknown.
	ErrNoResult = errors.New("the script left no result")
	// ErrUnknownScript is the error of a Script that does not exist.
	ErrUnknownScript = errors.New("no such script")
)

// CommandLine is the command line of every call. It is a constant of about 4,000 characters and holds no value.
var CommandLine = sync.OnceValue(func() string { return encodedCommand(bootstrap.Text()) })

const powershell = "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand "

func encodedCommand(text string) string { return powershell + encodeUTF16(text) }

// encodeUTF16 is what -EncodedCommand takes: base64 of UTF-16, little endian.
func encodeUTF16(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// NewNonce makes the nonce of one call: 32 hexadecimal digits.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// Request is what a call brings to the server.
type Request struct {
	Nonce  string          `json:"nonce"`
	Name   Script          `json:"name"` // for logs and for simulated servers; Windows looks at Script alone
	Script string          `json:"script"`
	Args   json.RawMessage `json:"args"`
	Secret string          `json:"-"` // a password, which the input holds apart from the rest; "" where there is none
}

// Encode makes the stdin of one call. args is encoded as a JSON object; nil means none. The password of a job is not part
// of that object but a second line: Windows can be told to log what cmdlets and functions are given, and the one that
// reads JSON is given the object.
func Encode(s Script, args any, nonce string) ([]byte, error) {
	if !s.isRequest() {
		return nil, fmt.Errorf("%w: %q", ErrUnknownScript, s)
	}
	if !validNonce(nonce) {
		return nil, fmt.Errorf("nonce %q is not 32 hexadecimal digits", nonce)
	}
	stdin, err := encodeRequest(s, args, nonce)
	if k, ok := args.(interface{ secret() string }); ok && err == nil && k.secret() != "" {
		stdin = append(base64.StdEncoding.AppendEncode(stdin, []byte(k.secret())), '\n')
	}
	return stdin, err
}

func encodeRequest(s Script, args any, nonce string) ([]byte, error) {
	if args == nil {
		args = struct{}{}
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 || raw[0] != '{' {
		return nil, fmt.Errorf("arguments of %s are not an object", s)
	}
	head, err := requestHead(s)
	if err != nil {
		return nil, err
	}
	b, _ := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(b)
	b.Reset()
	b.WriteString(requestBegin)
	b.WriteString(nonce) // of hexadecimal digits, or empty
	b.Write(head)
	b.Write(raw)
	b.WriteByte('}')
	line := make([]byte, 0, base64.StdEncoding.EncodedLen(b.Len())+1)
	return append(base64.StdEncoding.AppendEncode(line, b.Bytes()), '\n'), nil
}

// bodies are requests that have been encoded, for their memory.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// requestBegin is what a request begins with; its nonce follows.
const requestBegin = `{"nonce":"`

// requestHeads holds what stands between nonce and arguments in the requests of a script, by Script.
var requestHeads sync.Map

// requestHead is the part of a [Request] that is the same in every request of a script.
func requestHead(s Script) ([]byte, error) {
	if head, ok := requestHeads.Load(s); ok {
		return head.([]byte), nil
	}
	whole, err := json.Marshal(Request{Name: s, Script: s.Text(), Args: json.RawMessage("{}")})
	if err != nil {
		return nil, err
	}
	head := bytes.TrimSuffix(bytes.TrimPrefix(whole, []byte(requestBegin)), []byte("{}}"))
	requestHeads.Store(s, head)
	return head, nil
}

// DecodeRequest is the other side of Encode, for simulated servers.
func DecodeRequest(stdin []byte) (Request, error) {
	first, second, _ := bytes.Cut(bytes.TrimSpace(stdin), []byte("\n"))
	body, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(first))
	if err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	r, ok := takeApart(body)
	if !ok {
		if err := json.Unmarshal(body, &r); err != nil {
			return Request{}, fmt.Errorf("request: %w", err)
		}
	}
	secret, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(second))
	if err != nil {
		return Request{}, errors.New("request: its second line is not base64") // and is not shown
	}
	r.Secret = string(secret)
	return r, nil
}

// takeApart undoes encodeRequest: the script is known by its bytes, and not read again. Anything else is left to JSON.
func takeApart(body []byte) (Request, bool) {
	const digits = 32
	rest, ok := bytes.CutPrefix(body, []byte(requestBegin))
	if !ok || len(rest) < digits || !validNonce(string(rest[:digits])) {
		return Request{}, false
	}
	nonce, rest := string(rest[:digits]), rest[digits:]
	name, _, _ := bytes.Cut(bytes.TrimPrefix(rest, []byte(`","name":"`)), []byte(`"`))
	s := Script(name)
	if !s.isRequest() {
		return Request{}, false
	}
	head, err := requestHead(s)
	if err != nil {
		return Request{}, false
	}
	rest, known := bytes.CutPrefix(rest, head)
	args, ended := bytes.CutSuffix(rest, []byte("}"))
	if !known || !ended || !bytes.HasPrefix(args, []byte("{")) || !bytes.HasSuffix(args, []byte("}")) || !json.Valid(args) {
		return Request{}, false
	}
	return Request{Nonce: nonce, Name: s, Script: s.Text(), Args: args}, true
}

// Result is the decoded answer of a script.
type Result struct {
	OK        bool              // the script came to its end
	Out       []json.RawMessage // what it returned; one object for the scripts of this package
	Warn      []string          // its warnings
	PSVersion string
	Err       *ScriptError // set where OK is false
}

// ScriptError is the PowerShell error that ended a script. What the script had done before it is done.
type ScriptError struct {
	Msg      string `json:"msg"`
	Type     string `json:"type"` // of the .NET exception
	ID       string `json:"id"`   // FullyQualifiedErrorId
	Category string `json:"cat"`
	Position string `json:"pos"`
}

func (e *ScriptError) Error() string { return printable(e.Msg) }

// Into decodes the one object that the script returned. It fails with the ScriptError of a failed script, and with
// ErrNoResult where there is not exactly one object or it has not the shape of v.
func (r Result) Into(v any) error {
	switch {
	case r.Err != nil:
		return r.Err
	case !r.OK || len(r.Out) != 1:
		return fmt.Errorf("%w: %d objects", ErrNoResult, len(r.Out))
	}
	if err := json.Unmarshal(r.Out[0], v); err != nil {
		return fmt.Errorf("%w: %v", ErrNoResult, err) //nolint:errorlint // the shape is a detail of the unknown
	}
	if c, ok := v.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return fmt.Errorf("%w: %v", ErrNoResult, err) //nolint:errorlint // as above
		}
	}
	return nil
}

// wire is the JSON of a result line. Pointers tell what is missing from what is false.
type wire struct {
	OK   *bool             `json:"ok"`
	Out  []json.RawMessage `json:"out"`
	Warn []string          `json:"warn"`
	PSV  string            `json:"psv"`
	Err  *ScriptError      `json:"err"`
}

// Decode finds the result in what a call has printed. Anything before and after it is ignored; no line with the
// nonce, two of them, or one that does not decode is ErrNoResult.
func Decode(stdout []byte, nonce string) (Result, error) {
	if !validNonce(nonce) {
		return Result{}, fmt.Errorf("%w: nonce %q", ErrNoResult, nonce)
	}
	prefix := []byte(marker + nonce + " ")
	var found []byte
	n := 0
	for line := range bytes.Lines(stdout) {
		if rest, ok := bytes.CutPrefix(line, prefix); ok {
			// A line without its end may have been cut.
			if !bytes.HasSuffix(rest, []byte("\n")) {
				return Result{}, fmt.Errorf("%w: its line is cut", ErrNoResult)
			}
			found = bytes.TrimRight(rest, "\r\n")
			n++
		}
	}
	if n != 1 {
		return Result{}, fmt.Errorf("%w: %d lines carry the nonce", ErrNoResult, n)
	}
	body, err := base64.StdEncoding.Strict().DecodeString(string(found))
	if err != nil {
		return Result{}, fmt.Errorf("%w: %v", ErrNoResult, err) //nolint:errorlint // a detail of the unknown
	}
	return decodeBody(body)
}

func decodeBody(body []byte) (Result, error) {
	var w wire
	if !utf8.Valid(body) {
		return Result{}, fmt.Errorf("%w: it is not UTF-8", ErrNoResult)
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return Result{}, fmt.Errorf("%w: %v", ErrNoResult, err) //nolint:errorlint // a detail of the unknown
	}
	if w.OK == nil || *w.OK != (w.Err == nil) {
		return Result{}, fmt.Errorf("%w: it says neither that it worked nor why not", ErrNoResult)
	}
	return Result{OK: *w.OK, Out: w.Out, Warn: w.Warn, PSVersion: w.PSV, Err: w.Err}, nil
}

// EncodeResult prints a result as the bootstrap does, for simulated servers. out is what the script returned.
func EncodeResult(nonce string, out any, failure *ScriptError) ([]byte, error) {
	body, err := encodeBody(out, failure)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "\r\n%s%s %s\r\n", marker, nonce, base64.StdEncoding.EncodeToString(body)), nil
}

func encodeBody(out any, failure *ScriptError) ([]byte, error) {
	ok := failure == nil
	w := wire{OK: &ok, Out: []json.RawMessage{}, Warn: []string{}, PSV: "3.0", Err: failure}
	if ok {
		raw, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		w.Out = append(w.Out, raw)
	}
	return json.Marshal(w)
}

func validNonce(n string) bool {
	if len(n) != 32 {
		return false
	}
	for _, c := range n {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// printable makes a text from a server fit for a message: one line without control characters.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
