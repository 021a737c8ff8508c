package transport

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// Transporter puts this package below github.com/masterzen/winrm, for code that is written against that library.
// It ends with its context, keeps the library's Receive loop going on the time-out fault alone, and reports
// everything else as an error of this package, which ends that loop. Make one for each command.
type Transporter struct {
	ctx context.Context
	s   *Session
}

// Transporter returns a winrm.Transporter that sends over the Session's connections until ctx ends.
func (s *Session) Transporter(ctx context.Context) *Transporter { return &Transporter{ctx: ctx, s: s} }

var _ winrm.Transporter = (*Transporter)(nil)

// Transport is called by the library with an endpoint, which is not looked at: the Session's own Config holds.
func (t *Transporter) Transport(*winrm.Endpoint) error { return nil }

// errGoOn is the text by which the library recognises that nothing came within OperationTimeout.
var errGoOn = errors.New("OperationTimeout")

// Post sends a message that the library has built and returns the SOAP answer.
func (t *Transporter) Post(_ *winrm.Client, sm *soap.SoapMessage) (string, error) {
	ctx := t.ctx
	m := wrap(opOf(sm), sm, t.s.c.cfg.ShellIdle)
	switch m.op {
	case "receive":
		m.lane = laneReceive
	case "signal", "delete":
		// The good-bye goes out even when the context has ended.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), t.s.c.cfg.CleanupTimeout)
		defer cancel()
		m.repeat = true
	case "create":
		m.repeat = true
	}
	a, f := t.s.c.post(ctx, m)
	if f == nil {
		return string(a.raw), nil
	}
	var fault *Fault
	if m.op == "receive" && errors.As(f.err, &fault) && fault.timedOut() {
		return "", errGoOn
	}
	state := InDoubt
	if !f.sent || m.op == "create" {
		state = NotBegun
	}
	return "", t.s.fail(m.op, state, f.err)
}

var action = regexp.MustCompile(`<[a-z]+:Action[^>]*>[^<]*/([A-Za-z]+)</`)

// opOf reads the operation off the action: the last word of ".../shell/Receive" or ".../transfer/Create".
func opOf(sm *soap.SoapMessage) string {
	if a := action.FindStringSubmatch(sm.String()); a != nil {
		return strings.ToLower(a[1])
	}
	return "message"
}
