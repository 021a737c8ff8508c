package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/lrun/lrun/internal/spell"
	"github.com/lrun/lrun/pool"
)

func main() { os.Exit(interruptible(processEnv(), os.Args[1:])) }

// interruptible is cli until Ctrl-C. The first one ends what only computes; the default comes back with it, so that a
// second one always works.
func interruptible(e *env, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	return cli(ctx, e, args)
}

// env is everything a command may touch of the machine it runs on, so that a test can hand in its own.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	files  filer
	cores  int
	// terminal reports whether a stream is shown to a person as it is written.
	terminal func(io.Writer) bool
	// prompt asks for a secret without showing it; keyring looks it up, by service and user.
	prompt  func(text string) (string, error)
	keyring func(service, user string) (string, error)
	// interrupts lets Ctrl-C arrive on a channel, until stop is called.
	interrupts func(c chan<- os.Signal) (stop func())
	// reach gives the way to a live pool.
	reach func(p *pool.Pool, insecure bool) (func(*pool.Pool) (site, error), error)
	// tap is nil but in tests; see [night.tap].
	tap func(when string, seq int64)
}

func processEnv() *env {
	e := &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, files: osFiles{},
		cores: runtime.GOMAXPROCS(0), terminal: isTerminal, prompt: promptTerminal, keyring: keyringGet, interrupts: notifyInterrupts,
	}
	e.reach = e.reachLive
	return e
}

// notifyInterrupts also sees to it that a night does not end because a pager or a log that it is piped into has.
func notifyInterrupts(c chan<- os.Signal) func() {
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}

// The exit codes; README and docs/design.md say the same table in more words.
const (
	exitDone        = 0   // done; nothing found; nothing differs
	exitFailed      = 1   // the runbook failed or was aborted; `fmt -l` found a difference
	exitUsage       = 2   // bad usage, or a file that does not load: nothing was touched
	exitViolated    = 3   // a property is violated, a golden test differs
	exitUnfinished  = 4   // stopped with work left that resume can finish, or servers were skipped
	exitInterrupted = 130 // interrupted by the operator
)

// exitCode ends a command that has said all there is to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// usageError is a mistake in what was typed, or a file that does not load.
type usageError struct {
	msg  string
	hint string // what was probably meant, or what to do; may be empty
}

func (e *usageError) Error() string { return e.msg }

func usagef(hint, format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...), hint: hint}
}

// action carries out a command with the arguments that are no flags.
type action func(ctx context.Context, e *env, args []string) error

// command is a row of the table of commands.
type command struct {
	name  string
	about string
	usage string // the whole text of --help, with an example
	// setup declares the flags, and gives what runs once they are read.
	setup func(*pflag.FlagSet) action
	// args says what the shell may offer for arguments that are no flags: "runbook", "tests", "name", "shell", or nothing.
	args string
	// messages says that the command lives on messages, to servers or as servers.
	messages bool
}

// cli runs one command line and returns the exit code.
func cli(ctx context.Context, e *env, args []string) int {
	err := dispatch(ctx, e, args)
	var code exitCode
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		e.fail(usage.msg, usage.hint)
		return exitUsage
	case errors.Is(err, context.Canceled):
		e.fail("interrupted", "")
		return exitInterrupted
	}
	e.fail(err.Error(), "")
	return exitFailed
}

func dispatch(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 {
		e.errorText(overview())
		return exitCode(exitUsage)
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "--help", "-h":
		if len(rest) == 0 || name != "help" {
			return e.print(overview())
		}
		name, rest = rest[0], []string{"--help"}
	case "--version":
		name = "version"
	}
	cmd := find(name)
	if cmd == nil {
		return unknownCommand(name)
	}
	fs := flagSet(cmd)
	run := cmd.setup(fs)
	if err := fs.Parse(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return e.print(cmd.usage)
		}
		return flagError(cmd, fs, err)
	}
	if cmd.messages {
		collectLess()
	}
	return run(ctx, e, fs.Args())
}

func flagSet(cmd *command) *pflag.FlagSet {
	fs := pflag.NewFlagSet("lrun "+cmd.name, pflag.ContinueOnError)
	fs.Usage = func() {}
	fs.SetOutput(io.Discard)
	return fs
}

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func unknownCommand(name string) error {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	hint := "lrun help lists the commands"
	if near := spell.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", "lrun "+near)
	} else if endsWith(name, ".lrun") {
		hint = fmt.Sprintf("a command comes first: lrun check %s", name)
	}
	return usagef(hint, "unknown command %q", clip(name))
}

// flagError words what pflag found wrong, with the flag that was probably meant.
func flagError(cmd *command, fs *pflag.FlagSet, err error) error {
	hint := "lrun " + cmd.name + " --help shows the flags"
	var missing *pflag.NotExistError
	var value *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		name := missing.GetSpecifiedName()
		if short := missing.GetSpecifiedShortnames(); short != "" {
			return usagef(hint, "unknown flag -%s", clip(name))
		}
		var names []string
		fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := spell.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
		return usagef(hint, "unknown flag --%s", clip(name))
	case errors.As(err, &value):
		return usagef(hint, "--%s needs a value", value.GetSpecifiedName())
	case errors.As(err, &invalid):
		return usagef(hint, "--%s %s: want %s", invalid.GetFlag().Name, clip(invalid.GetValue()), typeWords(invalid.GetFlag().Value.Type()))
	}
	return usagef(hint, "%s", err)
}

func typeWords(flagType string) string {
	switch flagType {
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number from 0 to 18446744073709551615"
	case "bool":
		return "true or false"
	}
	return "a " + flagType
}

// noArgs refuses arguments for a command that takes none.
func noArgs(name string, args []string) error {
	if len(args) > 0 {
		return usagef("lrun "+name+" --help shows how it is used", "lrun %s takes no argument, got %q", name, clip(args[0]))
	}
	return nil
}
