// Package memnet is a network inside the process that behaves as TCP on a loopback does, as far as WS-Management can
// tell: writes are buffered, an address without a listener refuses, and whoever closes a connection with data unread, or
// writes to one that has been closed, causes a reset. Its waits are on channels, so that it works in the bubbles of
// package testing/synctest, whose clock jumps while everybody waits: a night on it takes as long as its work does.
//
//	n := memnet.New()
//	l, err := n.Listen("127.0.0.1:0")
//	c, err := n.Dial(ctx, "tcp", l.Addr().String())
//
// The tests and benchmarks of package winrm import it.
package memnet
