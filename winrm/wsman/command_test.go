package wsman

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var bothStreams = map[string]bool{"stdout": true, "stderr": true}

func newTestCommand(t *testing.T) *command {
	c := newCommand(context.Background(), "C", DefaultLimits(), func(answerID) bool { return false })
	t.Cleanup(func() { c.cancel(nil) })
	return c
}

// TestReceiveWaitsForAnAnswerOnItsWay asks again while the answer before is being written: only its end tells whose
// the output is.
func TestReceiveWaitsForAnAnswerOnItsWay(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newTestCommand(t)
			fmt.Fprint(writer{c, "stdout"}, "one ")
			first, _ := c.receive(context.Background(), "a", answerID{}, bothStreams, 100)
			if !c.writing(first) {
				t.Fatal("taken back by nobody")
			}
			fmt.Fprint(writer{c, "stdout"}, "two")
			var text string
			done := make(chan struct{})
			go func() {
				defer close(done)
				d, _ := c.receive(context.Background(), "b", answerID{}, bothStreams, 100)
				for _, s := range d.segments {
					text += string(s.data)
				}
			}()
			synctest.Wait()
			select {
			case <-done:
				t.Fatal("did not wait")
			default:
			}
			want := "one two"
			if arrived {
				c.written(first)
				want = "two"
			}
			c.giveBack(first)
			<-done
			if text != want {
				t.Errorf("arrived=%v: got %q, want %q", arrived, text, want)
			}
			if c.writing(first) {
				t.Error("an answer that was overtaken may still go out")
			}
		})
	}
}

func TestReceiveStopsWaitingForAnAnswerOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCommand(t)
		fmt.Fprint(writer{c, "stdout"}, "one")
		first, _ := c.receive(context.Background(), "a", answerID{}, bothStreams, 100)
		c.writing(first)
		wait, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if d, f := c.receive(wait, "b", answerID{}, bothStreams, 100); d != nil || f != nil {
			t.Errorf("got %+v %v", d, f)
		}
		c.giveBack(first)
		if d, _ := c.receive(context.Background(), "c", answerID{}, bothStreams, 100); len(d.segments) != 1 || string(d.segments[0].data) != "one" {
			t.Errorf("got %+v", d)
		}
	})
}

// TestStreamsThatNobodyWants stay where they are and do not keep the others.
func TestStreamsThatNobodyWants(t *testing.T) {
	c := newTestCommand(t)
	fmt.Fprint(writer{c, "stderr"}, "quiet")
	fmt.Fprint(writer{c, "stdout"}, "0123456789")
	var got []string
	ask := func(id string, want map[string]bool) *delivery {
		d, f := c.receive(context.Background(), id, answerID{}, want, 4)
		if f != nil {
			t.Fatal(f)
		}
		c.writing(d)
		c.written(d)
		for _, s := range d.segments {
			got = append(got, s.stream+" "+string(s.data))
		}
		return d
	}
	out := map[string]bool{"stdout": true}
	ask("1", out)
	ask("2", out)
	c.finish(9)
	if d := ask("3", out); !d.done || d.exit != 9 || len(d.ends) != 1 {
		t.Errorf("last of stdout: %+v", d)
	}
	if d := ask("4", bothStreams); d.done {
		t.Error("done with stderr unread")
	}
	if d := ask("5", bothStreams); !d.done {
		t.Error("not done")
	}
	if want := fmt.Sprint([]string{"stdout 0123", "stdout 4567", "stdout 89", "stderr quie", "stderr t"}); fmt.Sprint(got) != want {
		t.Errorf("got %q", got)
	}
}

// TestWriterWakesWhenItsCommandIsEnded covers a program that is blocked because nobody reads its output.
func TestWriterWakesWhenItsCommandIsEnded(t *testing.T) {
	for _, cause := range []error{ErrTerminated, ErrInterrupted, ErrHostDown} {
		synctest.Test(t, func(t *testing.T) {
			c := newCommand(context.Background(), "C", Limits{MaxOutput: 4}, func(answerID) bool { return false })
			result := make(chan error)
			go func() {
				_, err := fmt.Fprint(writer{c, "stdout"}, "more than fits")
				result <- err
			}()
			synctest.Wait()
			c.cancel(cause)
			if err := <-result; !errors.Is(err, cause) {
				t.Errorf("%v: Write says %v", cause, err)
			}
			if _, err := (reader{c}).Read(make([]byte, 1)); !errors.Is(err, cause) {
				t.Errorf("%v: Read says %v", cause, err)
			}
		})
	}
}
