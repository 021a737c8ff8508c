package transport

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/lrun/lrun/winrm/wsman"
)

// BenchmarkRun is one short command on a kept-open shell over loopback, by login.
func BenchmarkRun(b *testing.B) {
	for name, s := range passwordSchemes {
		b.Run(name, func(b *testing.B) {
			srv := wsman.NewServer(wsman.Options{Auth: s.server})
			defer srv.Close()
			h, err := srv.Listen("127.0.0.1:0", "fe01", wsman.HandlerFunc(shellHandler))
			if err != nil {
				b.Fatal(err)
			}
			run(b, h.Addr(), s.client(NewCredential(testUser, testPassword)))
		})
	}
}

// BenchmarkRunFarAway is the same with a round trip of 20 ms: the time over 20 ms is how many round trips a command
// costs.
func BenchmarkRunFarAway(b *testing.B) {
	srv := wsman.NewServer(wsman.Options{Auth: []wsman.Auth{wsman.NTLM(accounts)},
		Faults: func(wsman.MessageInfo) wsman.Fault { return wsman.Fault{Latency: 20 * time.Millisecond} }})
	defer srv.Close()
	h, err := srv.Listen("127.0.0.1:0", "fe01", wsman.HandlerFunc(shellHandler))
	if err != nil {
		b.Fatal(err)
	}
	run(b, h.Addr(), NTLM(NewCredential(testUser, testPassword)))
}

func run(b *testing.B, addr string, a Auth) {
	b.Helper()
	host, port, _ := net.SplitHostPort(addr)
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(Config{Host: host, Port: n, Auth: a})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(context.Background())
	for b.Loop() {
		if _, err := s.Run(b.Context(), "cat", []byte("request")); err != nil {
			b.Fatal(err)
		}
	}
}
