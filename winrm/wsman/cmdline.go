package wsman

import "strings"

// JoinCommandLine makes the line that cmd.exe takes from the command and the arguments of a WinRS message: joined by
// blanks, and with the quotes around the command stripped as cmd /c strips them when the program's name needs none.
// Ruby's client quotes every command.
func JoinCommandLine(command string, args []string) string {
	command = strings.TrimSpace(command)
	if rest, ok := strings.CutPrefix(command, `"`); ok {
		name, tail, closed := strings.Cut(rest, `"`)
		if closed && name != "" && !strings.ContainsAny(name, " \t&<>()@^|") && (tail == "" || tail[0] == ' ') {
			command = name + tail
		}
	}
	return strings.TrimRight(strings.Join(append([]string{command}, args...), " "), " ")
}
