package winrm

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lrun/lrun/winrm/scripts"
)

// maxText bounds what a server's text adds to a message, in characters.
const maxText = 600

// clean makes a text from a server fit for a message: one line of printable characters, the last of a long one left out.
func clean(s string) string { return cleanTo(s, maxText) }

func cleanTo(s string, most int) string {
	var b strings.Builder
	n, blank := 0, true
	for _, r := range strings.ToValidUTF8(s, "?") {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			r = ' '
		}
		if r == ' ' && blank {
			continue
		}
		blank = r == ' '
		if n == most {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// endOf keeps the end of a long text, where an installer says what went wrong.
func endOf(s string) string {
	s = cleanTo(s, 1<<20)
	if r := []rune(s); len(r) > maxText {
		return "…" + string(r[len(r)-maxText:])
	}
	return s
}

// redact takes a password out of a text, should a server have sent it back. A password of fewer than four characters
// would take words to pieces and protect nobody.
func redact(s, secret string) string {
	if len(secret) < 4 {
		return s
	}
	return strings.ReplaceAll(s, secret, "********")
}

// scrub takes a password out of every text of a JSON value. Servers escape texts in ways of their own, so that the value
// is taken apart, unless nothing in it is escaped; where nothing is found it comes back as it was.
func scrub(raw json.RawMessage, secret string) json.RawMessage {
	if len(secret) < 4 || isPlain(raw) && !bytes.Contains(raw, []byte(secret)) {
		return raw
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	v, found := scrubValue(v, secret)
	if !found {
		return raw
	}
	clean, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return clean
}

// isPlain reports whether every text of a JSON value stands in it as it is.
func isPlain(raw json.RawMessage) bool { return bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) }

func scrubValue(v any, secret string) (any, bool) {
	found := false
	switch v := v.(type) {
	case string:
		return redact(v, secret), strings.Contains(v, secret)
	case []any:
		for i := range v {
			var f bool
			v[i], f = scrubValue(v[i], secret)
			found = found || f
		}
	case map[string]any:
		for k := range v {
			var f bool
			v[k], f = scrubValue(v[k], secret)
			found = found || f
		}
	}
	return v, found
}

// why is an error in words: what a script said, or what is wrong with the connection.
func why(err error) string {
	var s *scripts.ScriptError
	if errors.As(err, &s) {
		return clean(s.Msg)
	}
	return clean(err.Error())
}
