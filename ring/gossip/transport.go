package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"ringcache/internal/bus"
)

const (
	// packetMax is the largest UDP datagram in bytes.
	packetMax = 65536
	// packetQueue bounds the received packets that memberlist has not yet taken; more are dropped, as UDP may.
	packetQueue = 256
	// streamQueue bounds the accepted streams that memberlist has not yet taken; more are closed.
	streamQueue = 16
	// udpBuffer is the socket's receive buffer in bytes: a second of gossip of a large cluster.
	udpBuffer = 2 << 20
	// readPause is how long the reader waits after a failed read before it tries again.
	readPause = 10 * time.Millisecond
)

// transport carries memberlist's packets by UDP on the bus port and its streams over the bus.
type transport struct {
	bus       *bus.Listener
	advertise string // host:port of the bus as others reach it
	udp       *net.UDPConn
	packets   chan *memberlist.Packet
	streams   chan net.Conn
	done      chan struct{}
	once      sync.Once
	wg        sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(l *bus.Listener, advertise string) (*transport, error) {
	at, err := net.ResolveUDPAddr("udp", l.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	udp, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	_ = udp.SetReadBuffer(udpBuffer) // the system may allow less
	t := &transport{
		bus: l, advertise: advertise, udp: udp,
		packets: make(chan *memberlist.Packet, packetQueue),
		streams: make(chan net.Conn, streamQueue),
		done:    make(chan struct{}),
	}
	l.Handle(bus.KindGossip, t.accept)
	t.wg.Add(1)
	go t.read()
	return t, nil
}

// FinalAdvertiseAddr answers the address that other nodes are told: the advertised bus address, resolved.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	a, err := net.ResolveUDPAddr("udp", t.advertise)
	if err != nil {
		return nil, 0, fmt.Errorf("gossip: advertised bus address: %w", err)
	}
	if a.IP == nil || a.IP.IsUnspecified() {
		return nil, 0, fmt.Errorf("gossip: the advertised bus address %q names no host", t.advertise)
	}
	return a.IP, a.Port, nil
}

func (t *transport) read() {
	defer t.wg.Done()
	buf := make([]byte, packetMax)
	for {
		n, from, err := t.udp.ReadFromUDP(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select {
			case <-t.done:
				return
			case <-time.After(readPause):
			}
			continue
		}
		if n == 0 {
			continue
		}
		p := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: time.Now()}
		select {
		case t.packets <- p:
		default:
		}
	}
}

// accept takes a stream from the bus listener. Once shut down, it closes what still comes.
func (t *transport) accept(nc net.Conn, _ bus.Peer) {
	select {
	case <-t.done:
		_ = nc.Close()
		return
	default:
	}
	select {
	case t.streams <- nc:
	default:
		_ = nc.Close()
	}
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *transport) StreamCh() <-chan net.Conn           { return t.streams }

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", a.Addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("gossip: %w", err)
	}
	_, err = t.udp.WriteTo(b, to)
	return time.Now(), err
}

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	nc, _, err := bus.Dial(ctx, a.Addr, bus.KindGossip, t.bus.Identity(), a.Name)
	return nc, err
}

func (t *transport) Shutdown() error {
	t.once.Do(func() {
		t.bus.Handle(bus.KindGossip, nil)
		close(t.done)
		_ = t.udp.Close()
		t.wg.Wait()
		for {
			select {
			case nc := <-t.streams:
				_ = nc.Close()
			default:
				return
			}
		}
	})
	return nil
}
