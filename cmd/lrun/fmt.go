package main

import (
	"bytes"
	"context"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/pflag"

	"github.com/lrun/lrun/lang"
)

var fmtCommand = &command{
	name: "fmt", about: "bring runbooks into canonical form", usage: fmtUsage, setup: setupFmt, args: "runbook",
}

const fmtUsage = `Usage: lrun fmt [-w] [-d] [-l] RUNBOOK…

Prints runbooks in their canonical form: two blanks a level, comments in columns.
White space changes and nothing else. "-" reads a runbook from standard input.

  -d, --diff    print what would change
  -l, --list    list the files that differ, and exit with 1 if there is one
  -w, --write   write the canonical form back to the file

Exit code 0, with -l 1 where a file differs, 2 where a file cannot be read as a
runbook; such a file is left alone.

Example:

    lrun fmt -l -w *.lrun
`

type formatting struct{ write, diff, list bool }

func setupFmt(fs *pflag.FlagSet) action {
	var f formatting
	fs.BoolVarP(&f.write, "write", "w", false, "")
	fs.BoolVarP(&f.diff, "diff", "d", false, "")
	fs.BoolVarP(&f.list, "list", "l", false, "")
	return func(_ context.Context, e *env, args []string) error {
		if len(args) == 0 {
			return usagef(`"-" reads standard input`, "lrun fmt wants a runbook")
		}
		differs, broken := false, false
		for _, name := range expand(e, args) {
			changed, whole, err := e.format(name, &f)
			if err != nil {
				return err
			}
			differs, broken = differs || changed, broken || !whole
		}
		switch {
		case broken:
			return exitCode(exitUsage)
		case f.list && differs:
			return exitCode(exitFailed)
		}
		return nil
	}
}

// expand gives patterns a meaning where the shell does not, as on Windows.
func expand(e *env, args []string) []string {
	var names []string
	for _, a := range args {
		if found, err := e.files.Glob(a); err == nil && len(found) > 0 && bytes.ContainsAny([]byte(a), "*?") {
			names = append(names, found...)
			continue
		}
		names = append(names, a)
	}
	return names
}

// format handles one file. changed tells whether its form is not the canonical one, whole whether it is a runbook at all.
func (e *env) format(name string, f *formatting) (changed, whole bool, err error) {
	if name == "-" && f.write {
		return false, false, usagef("", "-w cannot write standard input back")
	}
	src, err := e.source(name)
	if err != nil {
		return false, false, err
	}
	out, ds := lang.Format(displayName(name), src)
	if ds.HasErrors() {
		e.errorText(ds.Render(map[string][]byte{displayName(name): src}, lang.RenderOptions{Color: e.color(e.stderr)}))
		return false, false, nil
	}
	changed = !bytes.Equal(src, out)
	if f.list && changed {
		if err := e.printf("%s\n", displayName(name)); err != nil {
			return changed, true, err
		}
	}
	if f.diff && changed {
		if err := e.print(string(diff.Diff(displayName(name), src, displayName(name)+" (canonical)", out))); err != nil {
			return changed, true, err
		}
	}
	if f.write && changed {
		if err := e.files.Write(name, out); err != nil {
			return changed, true, usagef("", "cannot write %s: %s", name, cause(err))
		}
	}
	if !f.list && !f.diff && !f.write {
		return changed, true, e.print(string(out))
	}
	return changed, true, nil
}
