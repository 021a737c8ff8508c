package wsman

import (
	"net/http"
	"testing"
)

// BenchmarkCommand is one short command in a shell that stays open: Command, Receive until done, Signal.
func BenchmarkCommand(b *testing.B) {
	srv := NewServer(Options{Auth: []Auth{Basic(testAccounts)}})
	defer srv.Close()
	host, err := srv.Listen("127.0.0.1:0", "fe01.contoso.com", HandlerFunc(actor))
	if err != nil {
		b.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	t := &testing.T{}
	r := &raw{t: t, url: host.URL(), client: &http.Client{Transport: tr}}
	sh := r.create("")
	for b.Loop() {
		cmd := r.command(sh, "echo x")
		r.drain(sh, cmd)
		r.must(envelope("Signal", sh, msg(), "", signalBody(cmd, "terminate")))
	}
}
