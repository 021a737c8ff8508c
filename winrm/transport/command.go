package transport

import (
	"context"
	"errors"
	"time"
)

// How often a Receive or a busy Send is tried again, and after how long. A server that restarts needs longer than
// this; its command is gone by then.
var retryAfter = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// idlePause follows an answer that told nothing, so that a server which answers at once with nothing is not asked
// at full speed for ever.
const idlePause = 50 * time.Millisecond

// command is one command under way on the server.
type command struct {
	s     *Session
	shell *shell
	id    string

	input     chan struct{}           // closed when no Send is under way any more
	received  chan struct{}           // closed when no Receive is
	stopInput context.CancelCauseFunc // ends the input
	lost      bool                    // the server has no such shell any more
}

// follow sends the input and reads the output at the same time, each on its own connection: the output of a short
// command is there one round trip earlier, and a long input cannot block behind a full pipe.
func (c *command) follow(ctx context.Context, stdin []byte) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The output may be there before the last input is acknowledged, and the caller gone with it. To break that Send off
	// would cost its connection, with the login on it: it ends by itself, or with end.
	input, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	c.stopInput = stop
	together := context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })
	c.input, c.received = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.input)
		if err := c.send(input, stdin); err != nil {
			cancel(err)
		}
	}()
	res, err := c.receive(ctx)
	close(c.received)
	if err != nil {
		cancel(err) // no more input for a command that is given up
	} else {
		together()
	}
	return res, err
}

// send delivers stdin in chunks, the last one marked as the end. After a fault the command is granted a moment to
// end: one that ended early refuses the rest of its input, and its output is still worth reading. One that does not
// end then lacks input for ever.
func (c *command) send(ctx context.Context, stdin []byte) error {
	for first := true; first || len(stdin) > 0; first = false {
		chunk := stdin[:min(len(stdin), maxChunk)]
		stdin = stdin[len(chunk):]
		if err := c.sendChunk(ctx, chunk, len(stdin) == 0); err != nil {
			var fault *Fault
			if errors.As(err, &fault) {
				t := time.NewTimer(c.s.c.cfg.CleanupTimeout)
				defer t.Stop()
				select {
				case <-c.received:
					return nil
				case <-t.C:
				}
			}
			return err
		}
	}
	return nil
}

func (c *command) sendChunk(ctx context.Context, chunk []byte, end bool) error {
	cl := c.s.c
	for try := 0; ; try++ {
		_, f := cl.post(ctx, cl.sendMessage(c.shell.id, c.id, chunk, end))
		if f == nil {
			return nil
		}
		var fault *Fault
		busy := errors.As(f.err, &fault) && fault.WSMan == FaultBusy
		// What the server has certainly not taken can be sent again; the same bytes twice would be another script.
		if (f.sent && !busy) || isAuth(f.err) || try == len(retryAfter) || !pause(ctx, retryAfter[try]) {
			return c.s.fail("send", InDoubt, f.err)
		}
	}
}

// receive reads until the command is done. Nothing within OperationTimeout means ask again; a broken connection
// means ask again a few times; everything else ends the call in doubt.
func (c *command) receive(ctx context.Context) (Result, error) {
	cl := c.s.c
	var res Result
	for broken := 0; ; {
		a, f := cl.post(ctx, cl.receiveMessage(c.shell.id, c.id))
		if f == nil {
			broken = 0
			res.Stdout = join(res.Stdout, a.stdout)
			res.Stderr = join(res.Stderr, a.stderr)
			if len(res.Stdout)+len(res.Stderr) > cl.cfg.MaxOutput {
				return cut(res, cl.cfg.MaxOutput), c.s.fail("receive", InDoubt, ErrOutputLimit)
			}
			if !a.done {
				if len(a.stdout)+len(a.stderr) == 0 && !pause(ctx, idlePause) {
					return res, c.gaveUp(ctx)
				}
				continue
			}
			if a.exit == nil {
				return res, c.s.fail("receive", InDoubt, protocolf("the command ended without an exit code"))
			}
			res.Exit = *a.exit
			return res, nil
		}
		var fault *Fault
		switch {
		case ctx.Err() != nil:
			return res, c.gaveUp(ctx)
		case errors.As(f.err, &fault) && fault.timedOut():
			broken = 0
			if !pause(ctx, idlePause) {
				return res, c.gaveUp(ctx)
			}
			continue
		case errors.As(f.err, &fault) && fault.shellGone():
			c.lost = true
			return res, c.s.fail("receive", InDoubt, f.err)
		case fault != nil || isAuth(f.err) || isProtocol(f.err) || broken == len(retryAfter):
			return res, c.s.fail("receive", InDoubt, f.err)
		}
		res.Gap = res.Gap || f.sent
		if !pause(ctx, retryAfter[broken]) {
			return res, c.gaveUp(ctx)
		}
		broken++
	}
}

// gaveUp is the error of a context that ended: the caller's own, or that of the input that could not be sent.
func (c *command) gaveUp(ctx context.Context) error {
	cause := context.Cause(ctx)
	var e *Error
	if errors.As(cause, &e) {
		return e
	}
	return c.s.fail("receive", InDoubt, cause)
}

func isProtocol(err error) bool {
	var p *ProtocolError
	return errors.As(err, &p)
}

func cut(res Result, limit int) Result {
	if len(res.Stdout) > limit {
		res.Stdout = res.Stdout[:limit]
	}
	res.Stderr = res.Stderr[:min(len(res.Stderr), limit-len(res.Stdout))]
	return res
}

// end tells the server to forget the command, which also ends one that still runs, and then calls free. MS-WSMV
// wants this signal after the last Receive of every command. Input that is not acknowledged is waited for, but not for so
// long that nothing is left for the signal.
func (c *command) end(free func()) {
	s := c.s
	s.later(func(ctx context.Context) {
		defer free()
		wait, cancel := context.WithTimeout(ctx, s.c.cfg.CleanupTimeout/2)
		defer cancel()
		select {
		case <-c.input:
		case <-wait.Done():
		}
		c.stopInput(nil)
		<-c.input
		if c.lost {
			s.forget(c.shell)
		} else {
			_, f := s.c.post(ctx, s.c.signalMessage(c.shell.id, c.id))
			var fault *Fault
			if f != nil && errors.As(f.err, &fault) && fault.shellGone() {
				s.forget(c.shell)
			}
		}
		s.leave(c.shell)
	})
}
