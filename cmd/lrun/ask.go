package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// console is the person in front of lrun: questions go to stderr, answers are lines of stdin. Questions are asked one
// after the other; while one is asked the live view stands still.
type console struct {
	e    *env
	once sync.Once
	line chan string // closed at the end of the input
	turn chan struct{}
	// still silences the live view while a question stands, and lets it go on.
	still func(bool)
}

func newConsole(e *env) *console {
	return &console{e: e, line: make(chan string), turn: make(chan struct{}, 1), still: func(bool) {}}
}

var errNobody = errors.New("nobody answers: the input has ended")

// read begins reading lines. A line that nobody waits for any more answers the next question, or none.
func (c *console) read() {
	c.once.Do(func() {
		go func() {
			defer close(c.line)
			r := bufio.NewReader(io.LimitReader(c.e.stdin, 1<<20))
			for {
				text, err := r.ReadString('\n')
				if text != "" {
					c.line <- strings.TrimSpace(text)
				}
				if err != nil {
					return
				}
			}
		}()
	})
}

// ask says a text and waits for a line.
func (c *console) ask(ctx context.Context, text string) (string, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	c.read()
	c.still(true)
	defer c.still(false)
	c.e.errorText(text)
	select {
	case line, ok := <-c.line:
		if !ok {
			return "", errNobody
		}
		return line, nil
	case <-ctx.Done():
		c.e.errorText("\n")
		return "", ctx.Err()
	}
}

// yes asks until the answer is yes or no.
func (c *console) yes(ctx context.Context, question string) (bool, error) {
	for {
		line, err := c.ask(ctx, question+" [yes/no] ")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(line) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// Confirm is the question of a `confirm` step. The bell is for somebody who looks elsewhere.
func (c *console) Confirm(ctx context.Context, question string) (bool, error) {
	bell := ""
	if c.e.terminal(c.e.stderr) {
		bell = "\a"
	}
	return c.yes(ctx, bell+oneLine(question))
}

// begin asks the opening question, which is answered by typing the pool's name.
func (c *console) begin(ctx context.Context, verb, pool string) error {
	line, err := c.ask(ctx, fmt.Sprintf("Type the name of the pool, %s, to %s: ", pool, verb))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return usagef("--yes answers the opening question where nobody sits in front", "%s: nothing was touched", err)
	case !strings.EqualFold(line, pool):
		return usagef("", "the answer was not %s: nothing was touched", pool)
	}
	return nil
}

// oneLine keeps a text from drawing on the terminal: control characters become blanks.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
