package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

var versionCommand = &command{name: "version", about: "print the version", usage: versionUsage, setup: setupVersion}

const versionUsage = `Usage: lrun version

Prints the version of lrun, and what it was built with and for.

Example:

    lrun version
`

func setupVersion(*pflag.FlagSet) action {
	return func(_ context.Context, e *env, args []string) error {
		if err := noArgs("version", args); err != nil {
			return err
		}
		return e.printf("lrun %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
}

// version is that of the module, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, modified := "(devel)", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = "commit " + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	return commit + modified
}
