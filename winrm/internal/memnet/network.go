package memnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Network is one network. It is safe for concurrent use.
type Network struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	next      uint16
}

// firstPort is the first that is given to who asks for any.
const firstPort = 20000

// New makes a network on which nobody listens.
func New() *Network {
	return &Network{listeners: map[netip.AddrPort]*listener{}, next: firstPort}
}

// Listen listens on an address such as 127.0.0.1:15985; port 0 picks a free one.
func (n *Network) Listen(address string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: fmt.Errorf("%s: %w", address, err)}
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fail(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), n.free())
	}
	if n.listeners[at] != nil {
		return fail(os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	l := &listener{network: n, at: at, queue: make(chan *conn, backlog), done: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

// free is a port that was never given. The lock is held.
func (n *Network) free() uint16 {
	n.next++
	return n.next
}

// Dial connects, as net.Dialer.DialContext does. Nobody listening is a refusal.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fail(err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	n.mu.Lock()
	l := n.listeners[at]
	from := netip.AddrPortFrom(at.Addr(), n.free())
	n.mu.Unlock()
	refused := os.NewSyscallError("connect", syscall.ECONNREFUSED)
	if l == nil {
		return fail(refused)
	}
	here, there := pair(net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(at))
	select {
	case l.queue <- there:
		return here, nil
	case <-l.done:
		return fail(refused)
	case <-ctx.Done():
		return fail(ctx.Err())
	}
}

// backlog is how many connections wait to be accepted before further ones wait for room.
const backlog = 128

type listener struct {
	network *Network
	at      netip.AddrPort
	queue   chan *conn
	done    chan struct{}
	once    sync.Once
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

func (l *listener) Accept() (net.Conn, error) {
	closed := &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	select {
	case <-l.done:
		return nil, closed
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, closed
	}
}

// Close stops listening. Connections that were not accepted are reset.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.at)
		l.network.mu.Unlock()
		close(l.done)
	})
	for {
		select {
		case c := <-l.queue:
			c.Reset()
		default:
			return nil
		}
	}
}
