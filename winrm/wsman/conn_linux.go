package wsman

import (
	"net"

	"golang.org/x/sys/unix"
)

// tcpClosed is TCP_CLOSE of the kernel's tcp_states.h: a socket that is still open here and was reset by its peer.
const tcpClosed = 7

// wasReset asks the kernel whether the client has reset the connection, without waiting for a read to find out.
func (c *conn) wasReset() bool {
	if r, ok := c.Conn.(resetter); ok {
		return r.WasReset()
	}
	t, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return false
	}
	reset := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		reset = err == nil && info.State == tcpClosed
	})
	return err == nil && reset
}
