package transport

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/masterzen/winrm"

	"github.com/lrun/lrun/winrm/wsman"
)

// library runs a command by the library's own loop over our connections.
func library(ctx context.Context, t *testing.T, s *Session, line, stdin string) (string, int, error) {
	t.Helper()
	p := winrm.NewParameters("PT1S", "en-US", 153600)
	p.TransportDecorator = func() winrm.Transporter { return s.Transporter(ctx) }
	c, err := winrm.NewClientWithParameters(winrm.NewEndpoint("127.0.0.1", 1, false, false, nil, nil, nil, 0), "", "", p)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	exit, err := c.RunWithContextWithInput(ctx, line, &out, &errs, strings.NewReader(stdin))
	return out.String(), exit, err
}

func TestLibraryOverTransporter(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	if out, exit, err := library(t.Context(), t, s, "cat", "input"); out != "input" || exit != 0 || err != nil {
		t.Errorf("%q, %d, %v", out, exit, err)
	}
	if _, exit, err := library(t.Context(), t, s, "exit 7", ""); exit != 7 || err != nil {
		t.Errorf("%d, %v", exit, err)
	}
}

// What loops for ever over the library's own transports ends here with the fault.
func TestLibraryEndsWithTheShell(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive {
			return wsman.Fault{Kind: wsman.FaultReply, Reply: wsman.FaultShellNotFound("X")}
		}
		return wsman.Fault{}
	})
	_, _, err := library(t.Context(), t, s, "sleep", "")
	var f *Fault
	if !errors.As(err, &f) || f.WSMan != FaultShellNotFound {
		t.Errorf("error is %v, want the fault", err)
	}
	if n := w.count(wsman.ActionReceive); n != 1 {
		t.Errorf("%d Receives", n)
	}
}

// The time-out fault keeps the library asking, and the context's end stops it, with the good-bye sent.
func TestLibraryEndsWithTheContext(t *testing.T) {
	w := serve(t, wsman.Options{})
	s := open(t, w.config(t))
	ctx, cancel := context.WithCancel(t.Context())
	w.fault(func(m wsman.MessageInfo) wsman.Fault {
		if m.Action == wsman.ActionReceive && m.Seq > 6 {
			cancel()
		}
		return wsman.Fault{}
	})
	_, _, err := library(ctx, t, s, "sleep", "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if w.count(wsman.ActionReceive) < 2 || w.count(wsman.ActionDelete) != 1 {
		t.Errorf("%d Receives, %d Deletes", w.count(wsman.ActionReceive), w.count(wsman.ActionDelete))
	}
}
