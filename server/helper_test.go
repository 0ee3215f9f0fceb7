package server

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringcache/internal/bus"
	"ringcache/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; it is never what they wait for.
const patience = 20 * time.Second

// waitFor returns once cond holds.
func waitFor(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// tclient is a client that speaks raw RESP. Replies are shown with "|" for each line end.
type tclient struct {
	tb testing.TB
	nc net.Conn
	rd *bufio.Reader
}

func dialClient(tb testing.TB, addr string) *tclient {
	tb.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	return &tclient{tb: tb, nc: nc, rd: bufio.NewReaderSize(nc, 64<<10)}
}

func (n *testNode) client(tb testing.TB) *tclient {
	tb.Helper()
	return dialClient(tb, n.addr)
}

// encode is a request as RESP.
func encode(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

// cmd is a request as RESP, from words separated by spaces.
func cmd(line string) string { return encode(strings.Fields(line)...) }

// send writes raw bytes.
func (c *tclient) send(raw ...string) {
	c.tb.Helper()
	c.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.nc.Write([]byte(strings.Join(raw, ""))); err != nil {
		c.tb.Fatal(err)
	}
}

// reply reads one reply.
func (c *tclient) reply() string {
	c.tb.Helper()
	s, err := c.tryReply()
	if err != nil {
		c.tb.Fatalf("reading a reply: %v (have %q)", err, s)
	}
	return s
}

func (c *tclient) tryReply() (string, error) {
	c.nc.SetReadDeadline(time.Now().Add(patience))
	raw, err := readReply(c.rd, nil)
	return strings.ReplaceAll(string(raw), "\r\n", "|"), err
}

// readReply appends one whole reply to buf.
func readReply(rd *bufio.Reader, buf []byte) ([]byte, error) {
	line, err := rd.ReadBytes('\n')
	buf = append(buf, line...)
	if err != nil {
		return buf, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	switch line[0] {
	case '$', '=', '!':
		if n >= 0 {
			text := make([]byte, n+2)
			for at := 0; at < len(text); {
				k, err := rd.Read(text[at:])
				if at += k; err != nil {
					return append(buf, text[:at]...), err
				}
			}
			buf = append(buf, text...)
		}
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for range max(n, 0) {
			if buf, err = readReply(rd, buf); err != nil {
				return buf, err
			}
		}
	}
	return buf, nil
}

// do sends a command of words and answers its reply.
func (c *tclient) do(line string) string {
	c.tb.Helper()
	c.send(cmd(line))
	return c.reply()
}

// want sends a command and checks its reply.
func (c *tclient) want(line, reply string) {
	c.tb.Helper()
	if got := c.do(line); got != reply {
		c.tb.Errorf("%s: got %q, want %q", line, got, reply)
	}
}

// wantReply checks the next reply.
func (c *tclient) wantReply(reply string) {
	c.tb.Helper()
	if got := c.reply(); got != reply {
		c.tb.Errorf("got %q, want %q", got, reply)
	}
}

// wantEnd checks that the server closes the connection and says nothing more.
func (c *tclient) wantEnd() {
	c.tb.Helper()
	c.nc.SetReadDeadline(time.Now().Add(patience))
	if b, err := c.rd.ReadByte(); err == nil {
		c.tb.Errorf("got a byte %q, want the end", b)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.tb.Error("the connection is still open")
	}
}

// keyOn is a key that node i of n owns as the slots are dealt out by startNodes; no two values of name give the same key.
func keyOn(i, n int, name string) string {
	for k := 0; ; k++ {
		if key := name + ":" + strconv.Itoa(k); int(ring.SlotOf([]byte(key)))%n == i {
			return key
		}
	}
}

func slotOf(key string) uint16 { return ring.SlotOf([]byte(key)) }

// onLoop runs fn on a loop and waits for it.
func onLoop(tb testing.TB, l *loop, fn func()) {
	tb.Helper()
	done := make(chan struct{})
	if !l.ev.Post(func() { fn(); close(done) }) {
		tb.Fatal("the loop has stopped")
	}
	select {
	case <-done:
	case <-time.After(patience):
		tb.Fatal("the loop is stuck")
	}
}

// change publishes to all nodes that run the map that edit makes of the present one.
func change(nodes []*testNode, edit func(*ring.Map)) *ring.Map {
	m := *nodes[0].Map()
	m.Nodes = append([]ring.Node(nil), m.Nodes...)
	m.Epoch++
	edit(&m)
	for _, nd := range nodes {
		if nd.Server != nil {
			nd.setMap(&m)
		}
	}
	return &m
}

// peerLink is the test's end of a link of a real node to a node that the test plays.
type peerLink struct {
	tb  testing.TB
	id  bus.RequestID            // of the request that was read last
	ids map[string]bus.RequestID // of those that were expected, by their line
	nc  net.Conn
	rd  *bufio.Reader
}

// play makes the test the node's end of links; each link that is opened to it comes through the channel.
func (n *testNode) play(tb testing.TB) <-chan *peerLink {
	links := make(chan *peerLink, 16)
	n.bus.Handle(bus.KindProxy, func(nc net.Conn, _ bus.Peer) {
		links <- &peerLink{tb: tb, nc: nc, rd: bufio.NewReader(nc)}
	})
	tb.Cleanup(func() {
		n.bus.Close()
		for {
			select {
			case p := <-links:
				p.nc.Close()
			default:
				return
			}
		}
	})
	return links
}

// accept waits for the next link.
func accept(tb testing.TB, links <-chan *peerLink) *peerLink {
	tb.Helper()
	select {
	case p := <-links:
		tb.Cleanup(func() { p.nc.Close() })
		return p
	case <-time.After(patience):
		tb.Fatal("no link came")
		return nil
	}
}

// request reads the next request.
func (p *peerLink) request() (bus.Header, string) {
	p.tb.Helper()
	h, body, err := p.tryRequest()
	if err != nil {
		p.tb.Fatalf("reading a request: %v", err)
	}
	return h, body
}

func (p *peerLink) tryRequest() (bus.Header, string, error) {
	p.nc.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, bus.HeaderSize)
	if _, err := readFull(p.rd, head); err != nil {
		return bus.Header{}, "", err
	}
	h, _, err := bus.ParseHeader(head)
	if err != nil {
		return h, "", err
	}
	body := make([]byte, h.Bytes)
	_, err = readFull(p.rd, body)
	p.id = bus.RequestID{}
	if h.Flags&bus.FlagNumbered != 0 && err == nil {
		var ok bool
		if p.id, body, ok = bus.ParseRequestID(body); !ok {
			p.tb.Errorf("a request of id %v", p.id)
		}
	}
	return h, string(body), err
}

func readFull(rd *bufio.Reader, b []byte) (int, error) {
	at := 0
	for at < len(b) {
		n, err := rd.Read(b[at:])
		if at += n; err != nil {
			return at, err
		}
	}
	return at, nil
}

// expect reads the next request and checks that it is this command.
func (p *peerLink) expect(line string) bus.Header {
	p.tb.Helper()
	h, body := p.request()
	if body != cmd(line) {
		p.tb.Errorf("the peer got %q, want %q", body, cmd(line))
	}
	if p.ids == nil {
		p.ids = map[string]bus.RequestID{}
	}
	p.ids[line] = p.id
	return h
}

// answer sends a reply.
func (p *peerLink) answer(id uint32, reply string) {
	p.tb.Helper()
	b := bus.AppendHeader(nil, bus.Header{Bytes: uint32(len(reply)), ID: id, Type: bus.FrameReply})
	if _, err := p.nc.Write(append(b, reply...)); err != nil {
		p.tb.Fatal(err)
	}
}

// ask sends a request to a real node's inbound end; answered reads a reply there.
func (p *peerLink) ask(h bus.Header, raw string) {
	p.tb.Helper()
	h.Bytes, h.Type = uint32(len(raw)), bus.FrameRequest
	if _, err := p.nc.Write(append(bus.AppendHeader(nil, h), raw...)); err != nil {
		p.tb.Fatal(err)
	}
}

// dialAs opens a link to node `to` in the name of n.
func (n *testNode) dialAs(tb testing.TB, to *testNode) *peerLink {
	tb.Helper()
	nc, _, err := bus.Dial(tb.Context(), to.bus.Addr().String(), bus.KindProxy, n.bus.Identity(), string(to.id))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	return &peerLink{tb: tb, nc: nc, rd: bufio.NewReader(nc)}
}

// answered reads the next reply.
func (p *peerLink) answered() (id uint32, reply string) {
	p.tb.Helper()
	h, body, err := p.tryRequest()
	if err != nil {
		p.tb.Fatalf("reading a reply: %v", err)
	}
	return h.ID, body
}
