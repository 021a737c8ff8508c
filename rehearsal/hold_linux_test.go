package rehearsal_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/lrun/lrun/rehearsal"
)

// While a server is down its port is refused and yet is taken: who does not ask for it by name does not get it.
func TestAddressOfAServerThatIsDown(t *testing.T) {
	r := serve(t, func(o *rehearsal.Options) {
		o.Scenario = scenario(t, o.Pool, "start: {down: [fe01.contoso.com]}")
	})
	r.wait(rehearsal.EventDown, fe01, 1)
	if _, err := net.Dial("tcp", r.Address(fe01)); err == nil {
		t.Fatal("a server that is down was reached")
	}
	// The kernel asks the same of a free port as of one that is bound without SO_REUSEADDR.
	strict := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0) }); e != nil {
			return e
		}
		return err
	}}
	if l, err := strict.Listen(t.Context(), "tcp", r.Address(fe01)); err == nil {
		_ = l.Close()
		t.Error("the address of a server that is down is free")
	}
	if err := r.Host(fe01).Up(); err != nil {
		t.Error(err)
	}
}
