package wsman

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// PowerShell is a call of powershell.exe taken apart.
type PowerShell struct {
	Script  string   // the text that runs, decoded
	Options []string // the switches of the outermost call without their values, lower case and in full: noprofile, ...
	Depth   int      // how many calls were inside one another, from 1
	File    bool     // Script is the path of a file and its arguments (-File)
}

// maxUnwrap bounds how deep calls may be nested. Ansible nests twice.
const maxUnwrap = 8

// psParameters are those of powershell.exe 3.0 to 5.1, with what follows them: nothing, a value, or the script. A
// unique beginning is enough on the command line; the order here settles the others as powershell.exe does.
var psParameters = []struct {
	name string
	kind byte // 's'witch, 'v'alue, 'e'ncoded, 'c'ommand text, 'f'ile
	min  int
}{
	{"encodedcommand", 'e', 1}, {"executionpolicy", 'v', 2},
	{"encodedarguments", 'v', 8}, {"command", 'c', 1}, {"configurationname", 'v', 6}, {"file", 'f', 1},
	{"noprofile", 's', 3}, {"nologo", 's', 3}, {"noninteractive", 's', 4}, {"noexit", 's', 3},
	{"inputformat", 'v', 2}, {"outputformat", 'v', 1},
	{"psconsolefile", 'v', 1}, {"sta", 's', 1}, {"mta", 's', 1}, {"version", 'v', 1}, {"windowstyle", 'v', 1},
}

var psAliases = map[string]string{"ec": "encodedcommand", "ep": "executionpolicy", "if": "inputformat", "of": "outputformat"}

// UnwrapPowerShell takes a command line such as `powershell.exe -NoProfile -EncodedCommand dwBo...` apart. While the
// script is itself nothing but such a call, as Ansible's modules are sent, it goes on inside. It returns false when the
// line does not call powershell.exe or cannot be decoded.
func UnwrapPowerShell(line string) (PowerShell, bool) {
	ps, ok := unwrapOnce(line)
	if !ok {
		return PowerShell{}, false
	}
	for ps.Depth < maxUnwrap && !ps.File {
		inner, ok := unwrapOnce(ps.Script)
		if !ok || !inner.encoded {
			break
		}
		ps.Script, ps.File = inner.Script, inner.File
		ps.Depth++
	}
	return ps.PowerShell, true
}

type unwrapped struct {
	PowerShell
	encoded bool
}

func unwrapOnce(line string) (unwrapped, bool) {
	word, rest := nextWord(line)
	word = strings.ToLower(word)
	word = word[strings.LastIndexAny(word, `\/`)+1:]
	if word != "powershell" && word != "powershell.exe" {
		return unwrapped{}, false
	}
	u := unwrapped{PowerShell: PowerShell{Depth: 1}}
	for rest != "" {
		before := rest
		word, rest = nextWord(rest)
		if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "/") {
			// The first word that is no parameter begins the command.
			u.Script = unquoteScript(before)
			return u, u.Script != ""
		}
		name, kind := psParameter(strings.ToLower(word[1:]))
		if kind == 0 {
			return unwrapped{}, false
		}
		u.Options = append(u.Options, name)
		switch kind {
		case 'v':
			_, rest = nextWord(rest)
		case 'e':
			word, rest = nextWord(rest)
			script, ok := decodeScript(word)
			u.Script, u.encoded = script, rest == ""
			return u, ok
		case 'c', 'f':
			u.Script, u.File = unquoteScript(rest), kind == 'f'
			return u, u.Script != ""
		}
	}
	return unwrapped{}, false
}

func psParameter(given string) (name string, kind byte) {
	if full, ok := psAliases[given]; ok {
		given = full
	}
	for _, p := range psParameters {
		if len(given) >= p.min && strings.HasPrefix(p.name, given) {
			return p.name, p.kind
		}
	}
	return "", 0
}

// nextWord cuts the first word off a line, without its quotes.
func nextWord(line string) (word, rest string) {
	line = strings.TrimLeft(line, " \t\r\n")
	if strings.HasPrefix(line, `"`) {
		word, rest, _ = strings.Cut(line[1:], `"`)
	} else if i := strings.IndexAny(line, " \t\r\n"); i >= 0 {
		word, rest = line[:i], line[i:]
	} else {
		word = line
	}
	return word, strings.TrimLeft(rest, " \t\r\n")
}

// unquoteScript removes one pair of quotes around the whole text and undoes \" inside it.
func unquoteScript(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	}
	return s
}

// decodeScript reads the base64 of a UTF-16LE text.
func decodeScript(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || len(b)%2 != 0 {
		return "", false
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u)), true
}

// EncodePowerShell returns a script as -EncodedCommand wants it.
func EncodePowerShell(script string) string {
	u := utf16.Encode([]rune(script))
	b := make([]byte, 2*len(u))
	for i, v := range u {
		binary.LittleEndian.PutUint16(b[2*i:], v)
	}
	return base64.StdEncoding.EncodeToString(b)
}
