//go:build !linux

package rehearsal

import (
	"net/netip"
	"os"
)

// hold reserves nothing here: an address whose server is down is free for anybody, and is tried again until it is free.
func hold(ip netip.Addr, port int) (*os.File, netip.AddrPort, error) {
	return nil, netip.AddrPortFrom(ip, uint16(port)), nil
}
