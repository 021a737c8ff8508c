package runstore

import (
	"errors"
	"strings"
)

// DefaultDir is the state folder where nobody names one: LRUN_STATE, else the user's own as the operating system has it.
// goos is runtime.GOOS, env is os.Getenv.
func DefaultDir(goos string, env func(string) string) (string, error) {
	if dir := env("LRUN_STATE"); dir != "" {
		return dir, nil
	}
	switch goos {
	case "windows":
		if base := env("LOCALAPPDATA"); base != "" {
			return strings.TrimRight(base, `\/`) + `\lrun`, nil
		}
		return "", errors.New("no state folder: LOCALAPPDATA is not set; name one with --state or LRUN_STATE")
	case "darwin":
		if home := env("HOME"); home != "" {
			return strings.TrimRight(home, "/") + "/Library/Application Support/lrun", nil
		}
	default:
		if base := env("XDG_STATE_HOME"); strings.HasPrefix(base, "/") {
			return strings.TrimRight(base, "/") + "/lrun", nil
		}
		if home := env("HOME"); home != "" {
			return strings.TrimRight(home, "/") + "/.local/state/lrun", nil
		}
	}
	return "", errors.New("no state folder: HOME is not set; name one with --state or LRUN_STATE")
}
