package scripts

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxStderr bounds what StderrText returns, in characters.
const maxStderr = 4000

// StderrText makes what PowerShell wrote to stderr readable, for logs and messages: CLIXML becomes the texts of its
// errors and warnings, and control characters become blanks. It never decides anything.
func StderrText(stderr []byte) string {
	var lines []string
	for len(stderr) > 0 {
		before, after, found := bytes.Cut(stderr, []byte("#< CLIXML"))
		lines = append(lines, strings.Split(string(before), "\n")...)
		if !found {
			break
		}
		texts, rest := clixml(after)
		lines = append(lines, texts...)
		stderr = rest
	}
	var out []string
	n := 0
	for _, line := range lines {
		line = printable(strings.ToValidUTF8(line, "?"))
		if line == "" {
			continue
		}
		if n += len(line); n > maxStderr {
			out = append(out, "…")
			break
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// clixml reads one <Objs> document and returns its texts and what follows it. One that is cut gives what it has.
func clixml(b []byte) (texts []string, rest []byte) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var text strings.Builder
	stream, depth := "", 0
	for {
		tok, err := d.Token()
		if err != nil {
			return splitLines(texts), nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			stream = ""
			for _, a := range t.Attr {
				// Progress and verbose records are left out.
				if a.Name.Local == "S" && (a.Value == "Error" || a.Value == "Warning" || a.Value == "error" || a.Value == "warning") {
					stream = a.Value
				}
			}
			text.Reset()
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			depth--
			if stream != "" && t.Name.Local == "S" {
				texts = append(texts, unescape(text.String()))
			}
			stream = ""
			if depth == 0 {
				return splitLines(texts), b[d.InputOffset():]
			}
		}
	}
}

// splitLines puts texts that end in the middle of a line together, as they were cut for a console.
func splitLines(texts []string) []string {
	return strings.Split(strings.Join(texts, ""), "\n")
}

var escaped = regexp.MustCompile(`(?:_x[0-9A-Fa-f]{4}_)+`)

// unescape turns _x000D_ back into the UTF-16 unit that it stands for.
func unescape(s string) string {
	return escaped.ReplaceAllStringFunc(s, func(run string) string {
		var units []uint16
		for i := 0; i+7 <= len(run); i += 7 {
			u, err := strconv.ParseUint(run[i+2:i+6], 16, 16)
			if err != nil {
				return run
			}
			units = append(units, uint16(u))
		}
		return string(utf16.Decode(units))
	})
}
