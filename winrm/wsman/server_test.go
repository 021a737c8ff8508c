package wsman

import (
	"context"
	"strings"
	"testing"
)

func TestStockClientBasic(t *testing.T) {
	host := startHost(t, Options{}, nil)
	c := stock(t, host.URL(), nil)
	out, errOut, exit, err := c.RunWithContextWithString(context.Background(), "both", "")
	if err != nil || out != "out1 out2" || errOut != "err1 " || exit != 3 {
		t.Fatalf("got %q %q %d %v", out, errOut, exit, err)
	}
	if st := host.Stats(); st.Shells != 0 || st.FailedLogons != 0 {
		t.Fatalf("left behind: %+v", st)
	}
}

func TestStockClientInput(t *testing.T) {
	host := startHost(t, Options{}, nil)
	in := strings.Repeat("line of input\n", 20000)
	out, errOut, exit, err := stock(t, host.URL(), nil).RunWithContextWithString(context.Background(), "cat", in)
	// The stock client cuts its input at an envelope and never sends the last End when the program has ended before.
	if err != nil || exit != 0 || out != in || errOut != "280000 bytes" {
		t.Fatalf("got %d bytes %q %d %v", len(out), errOut, exit, err)
	}
}

func TestRawExchange(t *testing.T) {
	host := startHost(t, Options{}, nil)
	r := newRaw(t, host.URL())
	sh := r.create(`<rsp:WorkingDirectory>C:\temp</rsp:WorkingDirectory><rsp:Environment><rsp:Variable Name="step">42</rsp:Variable></rsp:Environment>`)
	if got := r.drain(sh, r.command(sh, "env STEP")); got.stdout != `STEP=42 dir=C:\temp page=437 user=admin scheme=Basic` {
		t.Errorf("environment: %+v", got)
	}
	cmd := r.command(sh, "cat")
	r.must(envelope("Send", sh, msg(), "", sendBody(cmd, []byte("a & "), false)))
	r.must(envelope("Send", sh, msg(), "", sendBody(cmd, []byte("<b>"), true)))
	if got := r.drain(sh, cmd); got != (output{"a & <b>", "7 bytes", true, "0"}) {
		t.Errorf("input: %+v", got)
	}
	r.must(envelope("Signal", sh, msg(), "", signalBody(cmd, "terminate")))
	r.fails(envelope("Receive", sh, msg(), "", receiveBody(cmd)), CodeShellNotFound)
	r.must(envelope("Delete", sh, msg(), "", ""))
	r.fails(envelope("Command", sh, msg(), "", commandBody("echo x")), CodeShellNotFound)
}
