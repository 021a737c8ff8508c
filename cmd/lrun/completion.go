package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/internal/spell"
)

// completionCommand is made by a function, because its text is made of the table that it stands in.
func completionCommand() *command {
	return &command{
		name: "completion", about: "print the completion script of a shell", usage: completionUsage,
		setup: setupCompletion, args: "shell",
	}
}

const completionUsage = `Usage: lrun completion bash|zsh|fish|powershell

Prints a script that makes a shell complete the commands and flags of lrun.

Example:

    lrun completion bash > /etc/bash_completion.d/lrun
    lrun completion powershell >> $PROFILE
`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func setupCompletion(*pflag.FlagSet) action {
	return func(_ context.Context, e *env, args []string) error {
		if len(args) != 1 {
			return usagef("one of "+strings.Join(shells, ", "), "lrun completion wants the name of a shell")
		}
		switch args[0] {
		case "bash":
			return e.print(bashCompletion())
		case "zsh":
			return e.print(zshCompletion())
		case "fish":
			return e.print(fishCompletion())
		case "powershell", "pwsh":
			return e.print(powershellCompletion())
		}
		hint := "one of " + strings.Join(shells, ", ")
		if near := spell.Nearest(args[0], shells); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usagef(hint, "no completion for the shell %q", clip(args[0]))
	}
}

// offered is what a command line can hold, for all shells alike.
type offered struct {
	command *command
	flags   []flagInfo
}

type flagInfo struct {
	name, short string
	file        string // ending of the files it takes: ".pool.yaml"; "" = no file
	value       bool
}

func offers() []offered {
	var list []offered
	for _, c := range commands() {
		o := offered{command: c}
		fs := flagSet(c)
		c.setup(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			info := flagInfo{name: f.Name, short: f.Shorthand, value: f.Value.Type() != "bool"}
			switch f.Name {
			case "pool", "scenario":
				info.file = "." + f.Name + ".yaml"
			case "report":
				info.file = ".html"
			case "junit":
				info.file = ".xml"
			}
			o.flags = append(o.flags, info)
		})
		o.flags = append(o.flags, flagInfo{name: "help", short: "h"})
		list = append(list, o)
	}
	return list
}

// files is the ending of the files that stand behind the command, "" where none do.
func (o *offered) files() string {
	switch o.command.args {
	case "runbook":
		return ".lrun"
	case "tests":
		return testEnding
	}
	return ""
}

func (o *offered) words() string {
	var w []string
	for _, f := range o.flags {
		w = append(w, "--"+f.name)
		if f.short != "" {
			w = append(w, "-"+f.short)
		}
	}
	return strings.Join(w, " ")
}

func commandNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return strings.Join(names, " ")
}

func bashCompletion() string {
	var b strings.Builder
	b.WriteString(`# bash completion for lrun
_lrun() {
  local cur prev
  COMPREPLY=()
  cur="${COMP_WORDS[COMP_CWORD]}"
  prev="${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "` + commandNames() + ` help" -- "$cur"))
    return
  fi
  case "$prev" in
    --pool) COMPREPLY=($(compgen -f -X '!*.pool.yaml' -- "$cur") $(compgen -d -- "$cur")); return ;;
    --scenario) COMPREPLY=($(compgen -f -X '!*.scenario.yaml' -- "$cur") $(compgen -d -- "$cur")); return ;;
    --report | --junit) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  local flags="" words="" files=""
  case "${COMP_WORDS[1]}" in
`)
	for _, o := range offers() {
		fmt.Fprintf(&b, "    %s) flags=%q", o.command.name, o.words())
		switch {
		case o.files() != "":
			fmt.Fprintf(&b, " files='!*%s'", o.files())
		case o.command.args == "shell":
			fmt.Fprintf(&b, " words=%q", strings.Join(shells, " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *)
      if [ -n "$files" ]; then
        COMPREPLY=($(compgen -f -X "$files" -- "$cur") $(compgen -d -- "$cur"))
      else
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
      fi ;;
  esac
}
complete -o filenames -F _lrun lrun
`)
	return b.String()
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef lrun\n# zsh completion for lrun\n_lrun() {\n  local -a commands\n  commands=(\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "    '%s:%s'\n", c.name, quoteSingle(c.about))
	}
	b.WriteString("  )\n  if (( CURRENT == 2 )); then\n    _describe 'command' commands\n    return\n  fi\n  case \"${words[2]}\" in\n")
	for _, o := range offers() {
		fmt.Fprintf(&b, "    %s)\n      _arguments", o.command.name)
		for _, f := range o.flags {
			for _, name := range f.spellings() {
				suffix := ""
				if f.value {
					suffix = ":value:"
				}
				if f.file != "" {
					suffix = ":file:_files -g \"*" + f.file + "\""
				}
				fmt.Fprintf(&b, " \\\n        '%s[%s]%s'", name, f.name, suffix)
			}
		}
		switch {
		case o.files() != "":
			fmt.Fprintf(&b, " \\\n        '*:file:_files -g \"*%s\"'", o.files())
		case o.command.args == "shell":
			fmt.Fprintf(&b, " \\\n        '2:shell:(%s)'", strings.Join(shells, " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("  esac\n}\nif [ \"$funcstack[1]\" = \"_lrun\" ]; then\n  _lrun \"$@\"\nelse\n  compdef _lrun lrun\nfi\n")
	return b.String()
}

func (f *flagInfo) spellings() []string {
	if f.short == "" {
		return []string{"--" + f.name}
	}
	return []string{"--" + f.name, "-" + f.short}
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion for lrun\ncomplete -c lrun -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c lrun -n __fish_use_subcommand -a %s -d '%s'\n", c.name, quoteSingle(c.about))
	}
	for _, o := range offers() {
		cond := fmt.Sprintf("-n '__fish_seen_subcommand_from %s'", o.command.name)
		for _, f := range o.flags {
			fmt.Fprintf(&b, "complete -c lrun %s -l %s", cond, f.name)
			if f.short != "" {
				fmt.Fprintf(&b, " -s %s", f.short)
			}
			switch {
			case f.file != "":
				fmt.Fprintf(&b, " -r -k -a '(__fish_complete_suffix %s)'", f.file)
			case f.value:
				b.WriteString(" -x")
			}
			b.WriteByte('\n')
		}
		switch {
		case o.files() != "":
			fmt.Fprintf(&b, "complete -c lrun %s -k -a '(__fish_complete_suffix %s)'\n", cond, o.files())
		case o.command.args == "shell":
			fmt.Fprintf(&b, "complete -c lrun %s -a '%s'\n", cond, strings.Join(shells, " "))
		}
	}
	return b.String()
}

func powershellCompletion() string {
	var b strings.Builder
	b.WriteString("# PowerShell completion for lrun\nRegister-ArgumentCompleter -Native -CommandName lrun -ScriptBlock {\n" +
		"  param($word, $ast, $cursor)\n  $flags = @{\n")
	for _, o := range offers() {
		fmt.Fprintf(&b, "    '%s' = '%s'\n", o.command.name, o.words())
	}
	b.WriteString("  }\n  $words = @($ast.CommandElements | ForEach-Object { $_.ToString() })\n" +
		"  if ($words.Count -lt 2 -or ($words.Count -eq 2 -and $word)) {\n" +
		"    $all = '" + commandNames() + " help' -split ' '\n" +
		"  } elseif ($words[1] -eq 'completion' -and -not $word.StartsWith('-')) {\n" +
		"    $all = '" + strings.Join(shells, " ") + "' -split ' '\n" +
		"  } elseif ($word.StartsWith('-')) {\n    $all = \"$($flags[$words[1]])\" -split ' '\n  } else { return }\n" +
		"  $all | Where-Object { $_ -and $_.StartsWith($word) } | ForEach-Object {\n" +
		"    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)\n  }\n}\n")
	return b.String()
}

func quoteSingle(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
