package wsman

import (
	"context"
	"errors"
	"io"
	"sync"
)

// The causes for which a command's context is cancelled.
var (
	ErrTerminated   = errors.New("terminated by its client")
	ErrInterrupted  = errors.New("interrupted by its client")
	ErrShellDeleted = errors.New("shell deleted by its client")
	ErrShellIdle    = errors.New("shell deleted: idle for too long")
	ErrHostDown     = errors.New("host went down")
)

// LogonType is a Windows logon type. It decides whether a command can reach other servers as its user.
type LogonType int

// LogonNetwork is what every WinRM logon gets here: no credentials to pass on, thus no second hop. Basic would give
// cleartext credentials on Windows, but serves local accounts only, and those are nobody in the domain.
const LogonNetwork LogonType = 3

// Command is one command line run in a shell.
type Command struct {
	Host        string // name of the modelled server
	ShellID     string
	CommandID   string
	User        string // as the client gave it
	Scheme      string // Basic, NTLM, Kerberos or Certificate
	Logon       LogonType
	CommandLine string            // the whole line as cmd.exe takes it: command and arguments, see [JoinCommandLine]
	Args        []string          // the Arguments elements as they were sent
	Env         map[string]string // of the shell, names in upper case
	WorkDir     string            // of the shell, "" when none was asked for
	CodePage    int               // WINRS_CODEPAGE, 437 when absent
	ConsoleMode bool              // WINRS_CONSOLEMODE_STDIN: input is a console's; false means a pipe
	SkipCmd     bool              // WINRS_SKIP_CMD_SHELL: the command is started without cmd.exe
	Stdin       io.Reader         // ends after the client's last chunk; fails with the context's cause when cancelled
	Stdout      io.Writer         // waits while more than Limits.MaxOutput bytes are unread; fails when cancelled
	Stderr      io.Writer
}

// Handler acts out command lines. Run is called on its own goroutine for each command and returns the exit code.
// It returns soon after ctx is done; what it writes or returns then is discarded unless the cause is [ErrInterrupted].
type Handler interface {
	Run(ctx context.Context, c *Command) (exit int)
}

// HandlerFunc is a Handler that is a function.
type HandlerFunc func(ctx context.Context, c *Command) int

// Run calls f.
func (f HandlerFunc) Run(ctx context.Context, c *Command) int { return f(ctx, c) }

// command is a running or finished command with its unread output and input.
type command struct {
	id     string
	ctx    context.Context
	cancel context.CancelCauseFunc
	lost   func(answerID) bool // whether an answer was not read

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	out      []segment     // unread output, in order
	outSize  int
	maxOut   int
	sent     *delivery // the last answer with output, until the client shows that it has it
	receiver uint64    // number of the newest Receive; older ones give way
	done     bool
	exit     int
	in       []byte
	maxIn    int
	inEnd    bool
}

// segment is output of one stream.
type segment struct {
	stream string
	data   []byte
}

// delivery is the content of one Receive answer. It belongs to its exchange while it is c.sent; one that another
// exchange has taken back must not go out any more.
type delivery struct {
	messageID string
	at        answerID
	state     deliveryState
	segments  []segment
	done      bool
	exit      int
	ends      []string // streams closed with it
}

type deliveryState int

const (
	deliveryPending deliveryState = iota // not a byte has gone out
	deliveryWriting                      // it is going out
	deliveryWritten                      // all of it went out; whether the client has read it is not known
)

func newCommand(ctx context.Context, id string, limits Limits, lost func(answerID) bool) *command {
	c := &command{id: id, changed: make(chan struct{}), maxOut: limits.MaxOutput, maxIn: limits.MaxInput, lost: lost}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// notify wakes everybody who waits for a change. The lock is held.
func (c *command) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// killed reports whether the command was ended from outside, so that what it says no longer matters. An interrupted
// command may go on, and one that has ended by itself was cancelled without a cause.
func (c *command) killed() bool {
	err := context.Cause(c.ctx)
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrInterrupted)
}

// finish records the end of the program.
func (c *command) finish(exit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.exit = true, exit
	c.in = nil
	c.notify()
}

// writer is Stdout or Stderr of a command.
type writer struct {
	c      *command
	stream string
}

func (w writer) Write(p []byte) (int, error) {
	c := w.c
	n := 0
	for n < len(p) {
		c.mu.Lock()
		if c.killed() {
			c.mu.Unlock()
			return n, context.Cause(c.ctx)
		}
		if c.done {
			c.mu.Unlock()
			return n, io.ErrClosedPipe
		}
		if room := c.maxOut - c.outSize; room > 0 {
			part := p[n:min(len(p), n+room)]
			c.appendOutput(w.stream, part)
			n += len(part)
			c.notify()
			c.mu.Unlock()
			continue
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.ctx.Done():
			if err := context.Cause(c.ctx); errors.Is(err, ErrInterrupted) {
				return n, err
			}
		}
	}
	return n, nil
}

func (c *command) appendOutput(stream string, p []byte) {
	c.outSize += len(p)
	if last := len(c.out) - 1; last >= 0 && c.out[last].stream == stream {
		c.out[last].data = append(c.out[last].data, p...)
		return
	}
	c.out = append(c.out, segment{stream: stream, data: append([]byte(nil), p...)})
}

// reader is Stdin of a command.
type reader struct{ c *command }

func (r reader) Read(p []byte) (int, error) {
	c := r.c
	if len(p) == 0 {
		return 0, nil
	}
	for {
		c.mu.Lock()
		if err := context.Cause(c.ctx); err != nil {
			c.mu.Unlock()
			return 0, err
		}
		if len(c.in) > 0 {
			n := copy(p, c.in)
			c.in = c.in[n:]
			c.notify()
			c.mu.Unlock()
			return n, nil
		}
		if c.inEnd {
			c.mu.Unlock()
			return 0, io.EOF
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
	}
}

// send gives input to the command, all of it or none: it waits for room until wait is done and is then busy.
// A chunk larger than the whole buffer is taken when the buffer is empty, since the envelope already bounds it. p is the
// command's from here on.
func (c *command) send(wait context.Context, p []byte, end bool) *SOAPFault {
	for {
		c.mu.Lock()
		if c.done || c.inEnd {
			empty := c.inEnd && len(p) == 0 && !c.done
			c.mu.Unlock()
			if empty {
				return nil
			}
			return faultPipeClosed()
		}
		if c.ctx.Err() != nil {
			c.mu.Unlock()
			return faultAborted()
		}
		if len(c.in) == 0 || len(c.in)+len(p) <= c.maxIn {
			if len(c.in) == 0 {
				c.in = p
			} else {
				c.in = append(c.in, p...)
			}
			c.inEnd = end
			c.notify()
			c.mu.Unlock()
			return nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.ctx.Done():
		case <-wait.Done():
			return FaultBusy()
		}
	}
}

// receive waits for output of the wanted streams or the end of the command. It returns nil without a fault when wait
// ended first: the caller knows whether that was the time-out or a client that left.
//
// What the last answer carried is kept until this call: a Receive that repeats the MessageID of the last one gets the
// same again, and so does any Receive if the connection of the last answer broke before the client can have read it.
func (c *command) receive(wait context.Context, messageID string, at answerID, want map[string]bool, room int) (*delivery, *SOAPFault) {
	c.mu.Lock()
	c.receiver++
	me := c.receiver
	c.notify()
	for c.sent != nil {
		s := c.sent
		if s.messageID == messageID {
			again := *s
			again.at, again.state = at, deliveryPending
			c.sent = &again
			c.mu.Unlock()
			return &again, nil
		}
		if s.state == deliveryWriting && !c.lost(s.at) {
			// Whether the client can have it is known in a moment.
			if !c.waitChange(wait) {
				c.mu.Unlock()
				return nil, nil
			}
			continue
		}
		if s.state != deliveryWritten || c.lost(s.at) {
			c.putBack(s)
		}
		c.sent = nil
	}
	for {
		if c.receiver != me {
			c.mu.Unlock()
			return nil, FaultOperationTimeout()
		}
		if c.killed() {
			c.mu.Unlock()
			return nil, faultAborted()
		}
		if wait.Err() != nil {
			c.mu.Unlock()
			return nil, nil
		}
		if d := c.take(want, room); d != nil {
			d.messageID, d.at = messageID, at
			c.sent = d
			c.notify()
			c.mu.Unlock()
			return d, nil
		}
		changed, killed := c.changed, c.ctx.Done()
		if c.ctx.Err() != nil {
			killed = nil // it was only interrupted and may still say something
		}
		c.mu.Unlock()
		select {
		case <-changed:
		case <-killed:
		case <-wait.Done():
		}
		c.mu.Lock()
	}
}

// waitChange waits for the next change and reports whether it came before wait was done. The lock is held, but for
// the time of waiting.
func (c *command) waitChange(wait context.Context) bool {
	changed := c.changed
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-changed:
		return true
	case <-wait.Done():
		return false
	}
}

// take removes up to room bytes of wanted output. It returns nil when there is nothing to tell. The lock is held.
func (c *command) take(want map[string]bool, room int) *delivery {
	d := &delivery{}
	var rest []segment
	more := false
	for _, s := range c.out {
		switch {
		case !want[s.stream]:
			rest = append(rest, s)
		case room <= 0 || more:
			more = true
			rest = append(rest, s)
		case len(s.data) <= room:
			room -= len(s.data)
			c.outSize -= len(s.data)
			d.segments = append(d.segments, s)
		default:
			d.segments = append(d.segments, segment{s.stream, s.data[:room:room]})
			rest = append(rest, segment{s.stream, s.data[room:]})
			c.outSize -= room
			more = true
		}
	}
	if len(d.segments) == 0 && !c.done {
		return nil
	}
	c.out = rest
	if c.done && !more {
		d.done, d.exit = true, c.exit
		for _, name := range []string{"stdout", "stderr"} {
			if want[name] {
				d.ends = append(d.ends, name)
			}
		}
	}
	return d
}

// writing announces that a delivery goes out now. It reports whether it still may.
func (c *command) writing(d *delivery) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent != d {
		return false
	}
	d.state = deliveryWriting
	return true
}

// written notes that all of a delivery has gone out.
func (c *command) written(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent == d {
		d.state = deliveryWritten
		c.notify()
	}
}

// giveBack returns output that did not go out, unless it was taken back already.
func (c *command) giveBack(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent == d && d.state != deliveryWritten {
		c.putBack(d)
		c.sent = nil
		c.notify()
	}
}

// putBack puts the output of a delivery in front of what is unread. The lock is held. The buffer may exceed its limit
// by one answer; writers wait until it is read.
func (c *command) putBack(d *delivery) {
	for _, s := range d.segments {
		c.outSize += len(s.data)
	}
	c.out = append(append([]segment(nil), d.segments...), c.out...)
}
