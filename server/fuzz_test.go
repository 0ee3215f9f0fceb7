package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ringcache/internal/bus"
	"ringcache/server/resp"
)

// fuzzNode is one node for all inputs of a fuzz target; the other node of its cluster is the fuzzer.
type fuzzNode struct {
	nodes []*testNode
	links <-chan *peerLink
}

func startFuzzNode(f *testing.F, hold time.Duration) *fuzzNode {
	n := &fuzzNode{}
	settings := testSettings
	settings.Hold = hold
	settings.MaxBulk, settings.QueryBuffer, settings.OutputHard = 1<<20, 4<<20, 64<<20
	n.nodes = startSomeWith(f, 2, 1, 1, settings, func(nodes []*testNode) { n.links = nodes[1].play(f) })
	return n
}

// alive checks that the node still serves.
func (n *fuzzNode) alive(t *testing.T) {
	t.Helper()
	c := n.nodes[0].client(t)
	c.want("PING", "+PONG|")
	c.want("SET "+keyOn(0, 2, "alive")+" v", "+OK|")
	c.nc.Close()
}

// frame is one frame of a link.
func frame(h bus.Header, payload string) string {
	h.Bytes = uint32(len(payload))
	return string(bus.AppendHeader(nil, h)) + payload
}

// dozing are commands that wait by design, or end the process: a fuzzer would only learn that they do.
func dozing(p []byte) bool {
	s := strings.ToLower(string(p))
	return strings.Contains(s, "debug") || strings.Contains(s, "shutdown")
}

// FuzzInboundFrames sends arbitrary bytes to the receiving end of a link: the node answers or closes it, and lives.
func FuzzInboundFrames(f *testing.F) {
	request := func(id uint32, flags uint8, raw string) string {
		return frame(bus.Header{ID: id, Type: bus.FrameRequest, Flags: flags, Hops: 1, Epoch: 1}, raw)
	}
	numbered := func(number uint64, flags uint8, raw string) string {
		id := bus.AppendRequestID(nil, bus.RequestID{Origin: 7, Number: number, Low: 1})
		return request(uint32(number), flags|bus.FlagNumbered, string(id)+raw)
	}
	near := keyOn(0, 2, "k")
	for _, seed := range []string{
		"", "x", request(1, 0, cmd("GET "+near)), request(0, 0, cmd("SET "+near+" v")) + request(0, bus.FlagProto3, cmd("GET "+near)),
		request(1, bus.FlagPart, cmd("DBSIZE")), request(1, bus.FlagPart, cmd("KEYS *")), request(1, bus.FlagPart, cmd("GET a")),
		request(1, bus.FlagPart, cmd("SCAN 0 COUNT 9")), request(1, 0, cmd("MGET a b c")), request(1, 0, "PING\r\n"), request(1, 0, cmd("CLIENT LIST")),
		request(1, 0, cmd("CLUSTER GETKEYSINSLOT 5 9999")), request(1, 0, "*3\r\n$3\r\n"), frame(bus.Header{ID: 1, Type: bus.FrameReply}, "+OK\r\n"),
		frame(bus.Header{ID: 1, Type: bus.FrameRequest, DB: 15, Hops: 255, Slot: 16383, Epoch: 1 << 60}, cmd("GET "+near)),
		string(bus.AppendHeader(nil, bus.Header{Bytes: 1 << 30, ID: 1, Type: bus.FrameRequest})) + "*1\r\n", strings.Repeat(request(1, 0, cmd("INCR "+near)), 50),
		request(1, 0, cmd("TAKE "+near+" 0")) + frame(bus.Header{ID: 1, Type: bus.FrameCancel}, "") + request(2, 0, cmd("PEEK "+near+" 0.01")),
		numbered(1, 0, cmd("INCR "+near)) + numbered(1, bus.FlagRepeat, cmd("INCR "+near)) + numbered(2, bus.FlagRepeat, cmd("DEL "+near+" a b c")),
		numbered(1, 0, cmd("TAKE "+near+" 0")) + numbered(1, bus.FlagRepeat, cmd("TAKE "+near+" 0")) + request(1, bus.FlagNumbered, cmd("INCR "+near)),
		request(1, 0, cmd("TAKE "+near+" 0")) + request(1, 0, cmd("TAKE "+near+" 0")) + frame(bus.Header{ID: 1, Type: bus.FrameCancel}, "x"),
		request(1, 0, cmd("TAKE "+near+" 0")) + frame(bus.Header{ID: 1, Type: bus.FrameCancel, Flags: bus.FlagTimedOut}, "") + request(3, 0, cmd("SET "+near+" v")),
	} {
		f.Add([]byte(seed))
	}
	n := startFuzzNode(f, 50*time.Millisecond)
	f.Fuzz(func(t *testing.T, p []byte) {
		if dozing(p) {
			t.Skip()
		}
		in := n.nodes[1].dialAs(t, n.nodes[0])
		in.nc.SetDeadline(time.Now().Add(patience))
		if _, err := in.nc.Write(p); err != nil && !gone(err) {
			t.Fatal(err)
		}
		in.nc.(*net.TCPConn).CloseWrite()
		out, err := io.ReadAll(in.rd)
		if err != nil && !gone(err) {
			t.Fatal(err)
		}
		for len(out) > 0 && err == nil {
			h, ok, err := bus.ParseHeader(out)
			if err != nil || !ok || h.Type != bus.FrameReply || len(out) < bus.HeaderSize+int(h.Bytes) {
				t.Fatalf("it answered %q", out)
			}
			body := out[bus.HeaderSize : bus.HeaderSize+int(h.Bytes)]
			if k, rest, err := countReplies(body); k != 1 || len(rest) != 0 || err != nil {
				t.Fatalf("%q is not one reply", body)
			}
			out = out[bus.HeaderSize+int(h.Bytes):]
		}
		in.nc.Close()
		n.alive(t)
	})
}

// gone reports whether an error says that the other side has closed the connection.
func gone(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// FuzzLinkReplies answers requests of all kinds with arbitrary bytes: clients get something or lose nothing but these replies, and
// the node lives.
func FuzzLinkReplies(f *testing.F) {
	reply := func(id uint32, body string) string { return frame(bus.Header{ID: id, Type: bus.FrameReply}, body) }
	moved := func(id uint32, body string) string {
		return frame(bus.Header{ID: id, Type: bus.FrameReply, Flags: bus.FlagMoved}, body)
	}
	for _, seed := range []string{
		"", "x", reply(1, "$1\r\nv\r\n"), reply(1, "") + reply(2, "*2\r\n:1\r\n"), reply(9, "+OK\r\n"), reply(0, "+OK\r\n"),
		reply(1, "$-1\r\n") + reply(2, "*1\r\n$1\r\nx\r\n") + reply(3, ":5\r\n") + reply(4, "$3\r\nabc\r\n"), reply(1, "a") + reply(1, "b"),
		reply(4, "*0\r\n") + reply(3, "_\r\n") + reply(2, "*-1\r\n") + reply(1, "*1\r\n*1\r\n*1\r\n"),
		frame(bus.Header{ID: 1, Type: bus.FrameRequest}, cmd("GET a")),
		string(bus.AppendHeader(nil, bus.Header{Bytes: 1 << 30, ID: 1, Type: bus.FrameReply})) + "+", moved(1, "*1\r\n"), moved(9, ""), moved(0, ""),
		moved(1, cmd("GET a")) + moved(2, cmd("TAKE far 1")) + moved(3, cmd("TAKE")) + moved(4, cmd("PEEK a 0.1")),
	} {
		f.Add([]byte(seed))
	}
	n := startFuzzNode(f, patience)
	far, near := keyOn(1, 2, "far"), keyOn(0, 2, "near")
	f.Fuzz(func(t *testing.T, p []byte) {
		nd := n.nodes[0]
		waitFor(t, "a link", func() bool { return nd.peer(n.nodes[1].id).links.Load() == 1 })
		peer := accept(t, n.links)
		for len(n.links) > 0 { // the last one stands
			peer.nc.Close()
			peer = accept(t, n.links)
		}
		var clients []*tclient
		var wg sync.WaitGroup
		for _, line := range []string{"GET " + far, "MGET " + near + " " + far, "DBSIZE", "LCS " + near + " " + far, "SCAN 0", "RANDOMKEY", "KEYS *", "TAKE " + far + " 0"} {
			c := nd.client(t)
			c.send(cmd(line))
			clients = append(clients, c)
		}
		wg.Go(func() {
			for range clients {
				if _, _, err := peer.tryRequest(); err != nil {
					return
				}
			}
		})
		peer.nc.SetDeadline(time.Now().Add(patience))
		wg.Wait()
		_, _ = peer.nc.Write(p)
		for _, c := range clients { // with a reset: one that only shuts its side is waited for
			_ = c.nc.(*net.TCPConn).SetLinger(0)
			c.nc.Close()
		}
		peer.nc.Close()
		n.alive(t)
		waitFor(t, "nothing to be left", func() bool { return nd.clients.Load() == 0 })
	})
}

// FuzzSessionBytes sends arbitrary bytes of a client through a whole session: it never panics, and there is one reply for each
// command that a reader finds in the bytes, and one for a protocol error.
func FuzzSessionBytes(f *testing.F) {
	near := keyOn(0, 2, "k")
	for _, seed := range []string{
		"", "PING\r\n", "\r\n\r\nPING\r\n", cmd("SET "+near+" v") + cmd("GET "+near), cmd("MGET " + near + " " + near + "{" + near + "}"), cmd("HELLO 3") + cmd("GET "+near),
		"*1\r\n$9223372036854775807\r\n", "*9223372036854775807\r\n", "*0\r\n*-1\r\nPING\r\n", cmd("CLUSTER SLOTS") + cmd("INFO") + cmd("COMMAND COUNT"),
		cmd("CLIENT LIST") + cmd("PING") + "*1\r\n!", "SET " + near + " \"a\\x00\"\r\nGET " + near + "\r\n", "GET 'x\r\n",
		cmd("RESET") + cmd("SELECT 3") + cmd("DEL "+near) + cmd("SELECT 99"), cmd("QUIT") + cmd("PING"), "*3\r\n$3\r\nSET\r\n$1\r\n",
	} {
		f.Add([]byte(seed))
	}
	settings := testSettings
	settings.MaxBulk, settings.QueryBuffer, settings.OutputHard = 1<<20, 4<<20, 64<<20
	nd := startSome(f, 1, 1, 1, settings)[0]
	f.Fuzz(func(t *testing.T, p []byte) {
		if dozing(p) {
			t.Skip()
		}
		var rd resp.Reader
		lim := resp.DefaultLimits
		lim.Bulk, lim.Buffer = settings.MaxBulk, settings.QueryBuffer
		rd.SetLimits(lim)
		rd.Feed(p)
		var broken bool
		want := 0
		for {
			c, ok, err := rd.Next()
			if broken = err != nil; broken {
				want++
			}
			if !ok {
				break
			}
			name := strings.ToLower(string(c.Args[0]))
			if name == "client" || name == "quit" { // REPLY and KILL end what can be counted
				t.Skip()
			}
			want++
		}
		if rd.Buffered() > 0 { // the beginning of a command: it would swallow the last one
			t.Skip()
		}
		c := nd.client(t)
		c.nc.SetDeadline(time.Now().Add(patience))
		go func() { _, _ = c.nc.Write([]byte(string(p) + cmd("CLIENT REPLY ON") + cmd("QUIT"))) }()
		out, err := io.ReadAll(bufio.NewReader(c.nc))
		if err != nil && !gone(err) {
			t.Fatal(err)
		}
		got, rest, err := countReplies(out)
		if err != nil || len(rest) > 0 {
			t.Fatalf("the replies are malformed from %q on: %v", rest, err)
		}
		if !broken { // else nothing more is read
			want += 2
		}
		if got != want {
			t.Fatalf("%d replies to %d commands: %q", got, want, out)
		}
		c.nc.Close()
		waitFor(t, "the session to end", func() bool { return nd.clients.Load() == 0 })
	})
}

// countReplies answers how many whole replies there are in p, and what is left over.
func countReplies(p []byte) (n int, rest []byte, err error) {
	for len(p) > 0 {
		k, ok, err := resp.ReplyLen(p)
		if err != nil || !ok {
			return n, p, err
		}
		n, p = n+1, p[k:]
	}
	return n, nil, nil
}
