package rehearsal

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
)

// hold reserves an address for as long as the file is open: a socket that is bound and never listens. While the server
// behind it is down connections are refused, and the kernel gives the port to nobody who asks for any free one, be it to
// listen or as the source of a connection. Without it a client of one rehearsal could find the server of another.
func hold(ip netip.Addr, port int) (*os.File, netip.AddrPort, error) {
	fail := func(err error) (*os.File, netip.AddrPort, error) {
		return nil, netip.AddrPort{}, fmt.Errorf("the address %s cannot be used: %w", netip.AddrPortFrom(ip, uint16(port)), err)
	}
	family := syscall.AF_INET6
	var at syscall.Sockaddr = &syscall.SockaddrInet6{Port: port, Addr: ip.As16()}
	if ip.Is4() {
		family, at = syscall.AF_INET, &syscall.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	f := os.NewFile(uintptr(fd), "address")
	// Both sockets have to allow the other one; that of net.Listen does.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, at)
	}
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(fd)
	}
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return fail(err)
	}
	switch a := bound.(type) {
	case *syscall.SockaddrInet4:
		port = a.Port
	case *syscall.SockaddrInet6:
		port = a.Port
	}
	return f, netip.AddrPortFrom(ip, uint16(port)), nil
}
