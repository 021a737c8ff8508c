package transport

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Local runs command lines as child processes of lrun, for use on a management host or on a front end itself.
type Local struct {
	// Program replaces the program that the command line names; empty means powershell.exe of the system folder
	// for a line that begins with powershell.exe, so that no file of that name elsewhere on the path is run.
	Program   string
	Environ   []string      // of the processes, as of [os.Environ], which it is where nil; no secret belongs in it
	MaxOutput int           // bytes of stdout and stderr together; 4 MiB where 0
	Grace     time.Duration // for the pipes to close after the process has been killed; 3 s where 0

	once  sync.Once
	slots chan struct{}
}

// localCommands is how many processes run at once; others wait for their turn.
const localCommands = 4

var _ Runner = (*Local)(nil)

// Run is described at Runner. A process that could not be started is NotBegun; one that was killed at the end of
// ctx is InDoubt.
func (l *Local) Run(ctx context.Context, commandLine string, stdin []byte) (Result, error) {
	fail := func(op string, state State, err error) error {
		return &Error{Host: "localhost", Op: op, State: state, Err: err}
	}
	args := strings.Fields(commandLine)
	if len(args) == 0 || strings.ContainsAny(commandLine, "\"'`") {
		return Result{}, fail("command", NotBegun, ErrCommandLine)
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fail("command", NotBegun, context.Cause(ctx))
	}
	l.once.Do(func() { l.slots = make(chan struct{}, localCommands) })
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return Result{}, fail("command", NotBegun, context.Cause(ctx))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	cmd := exec.CommandContext(ctx, l.program(args[0]), args[1:]...) //nolint:gosec // running programs is its task
	cmd.Env = l.Environ
	cmd.SysProcAttr = apart() // Ctrl-C is for lrun, which brings the turn to its end; a child would die of it
	cmd.WaitDelay = l.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 3 * time.Second
	}
	out := &bounded{left: l.MaxOutput, over: func() { cancel(ErrOutputLimit) }}
	if out.left == 0 {
		out.left = 4 << 20
	}
	stdout, stderr := out.stream(), out.stream()
	cmd.Stdin = strings.NewReader(string(stdin))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return Result{}, fail("command", NotBegun, err)
	}
	err := cmd.Wait()
	res := Result{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Exit: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return res, fail("receive", InDoubt, context.Cause(ctx))
	case err == nil, errors.As(err, &exit) && exit.Exited():
		return res, nil
	case cmd.ProcessState.Exited():
		// The process ended by itself; what failed is the input that it did not read.
		return res, nil
	}
	return res, fail("receive", InDoubt, err)
}

// Close does nothing: a child process has ended when Run returns.
func (*Local) Close(context.Context) error { return nil }

func (l *Local) program(name string) string {
	if l.Program != "" {
		return l.Program
	}
	if root := os.Getenv("SystemRoot"); root != "" && strings.EqualFold(name, "powershell.exe") {
		return filepath.Join(root, "System32", "WindowsPowerShell", "v1.0", "powershell.exe")
	}
	return name
}

// bounded is a budget of bytes that several streams share.
type bounded struct {
	mu   sync.Mutex
	left int
	over func()
}

type boundedStream struct {
	b   *bounded
	buf []byte
}

var _ io.Writer = (*boundedStream)(nil)

func (b *bounded) stream() *boundedStream { return &boundedStream{b: b} }

// Write keeps what fits and takes the rest without keeping it, so that the process ends by being killed and not by
// a broken pipe.
func (s *boundedStream) Write(p []byte) (int, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	keep := p
	if len(keep) > s.b.left {
		keep = keep[:s.b.left]
		s.b.over()
	}
	s.b.left -= len(keep)
	s.buf = append(s.buf, keep...)
	return len(p), nil
}

func (s *boundedStream) bytes() []byte {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.buf
}
