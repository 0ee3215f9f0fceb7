package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"ringcache/internal/bus"
	"ringcache/ring"
)

// Control calls: one request and one reply at a time on a bus connection of kind 'C', in JSON. They carry joining, leases and
// administration, a few a second for each node; nothing on the way of a client's request.
//
//	request: length (4, of what follows) | length of name (1) | name | JSON
//	reply:   length (4, of what follows) | code (1)           | JSON, or the text of an error
//
// A caller whose kept connection turns out dead calls again on a new one, so handlers must be idempotent.
const (
	// maxCallBody bounds one request or reply in bytes: the largest is a lease reply with a Map and the View of ring.MaxNodes.
	maxCallBody = 4 << 20
	// maxCallName bounds a handler's name in bytes.
	maxCallName = 32
	// callTimeout bounds a call whose context has no nearer deadline, and the work of a handler.
	callTimeout = 10 * time.Second
	// callIdle is how long the server keeps a connection that asks nothing.
	callIdle = time.Minute
	// maxCallConns bounds the connections served at once: two for each of ring.MaxNodes nodes.
	maxCallConns = 2 * ring.MaxNodes
	// maxIdleConns bounds the kept connections for one address.
	maxIdleConns = 2
)

type callCode byte

const (
	callOK callCode = iota
	callFailed
	callNotLeader // the body is a leaderHint
	callUnknown
)

// The errors of calls; what a handler said is wrapped as text.
var (
	ErrNotLeader   = errors.New("control: the node is not the leader")
	ErrNoLeader    = errors.New("control: no leader is known")
	ErrUnknownCall = errors.New("control: unknown call")
	ErrCall        = errors.New("control: malformed call")
)

// RemoteError is what a handler on another node answered.
type RemoteError struct{ Text string }

// Error answers Text.
func (e *RemoteError) Error() string { return e.Text }

// notLeaderError carries who leads instead, as far as the answering node knows.
type notLeaderError struct{ hint leaderHint }

func (e *notLeaderError) Error() string { return ErrNotLeader.Error() }
func (e *notLeaderError) Unwrap() error { return ErrNotLeader }

// leaderHint is where the leader is, as far as a node knows; zero when it does not.
type leaderHint struct {
	ID  ring.NodeID `json:"id,omitempty"`
	Bus string      `json:"bus,omitempty"`
}

type handlerFunc func(ctx context.Context, from bus.Peer, body []byte) (any, error)

// calls serves and makes control calls.
type calls struct {
	id  bus.Identity
	log *slog.Logger
	ctx context.Context // ends when the control plane stops
	wg  sync.WaitGroup

	mu struct {
		sync.Mutex
		handlers map[string]handlerFunc
		open     map[string]bool       // names that a node without a cluster may call
		served   map[net.Conn]struct{} // connections of others, so that stop can end them
		idle     map[string][]net.Conn // kept connections to others, by address
		closed   bool
	}
}

func newCalls(ctx context.Context, id bus.Identity, log *slog.Logger) *calls {
	c := &calls{id: id, log: log, ctx: ctx}
	c.mu.handlers = map[string]handlerFunc{}
	c.mu.open = map[string]bool{}
	c.mu.served = map[net.Conn]struct{}{}
	c.mu.idle = map[string][]net.Conn{}
	return c
}

// HandleCall serves control calls of the given name (at most 32 bytes) by fn, whose request and reply types are encoded as
// JSON. fn must be idempotent; its context ends after 10 s or when the node stops; its error reaches the caller as a
// RemoteError. Only nodes of this cluster reach it.
func HandleCall[Req, Resp any](n *Node, name string, fn func(ctx context.Context, from bus.Peer, req Req) (Resp, error)) {
	n.calls.handle(name, false, decoding(fn))
}

func decoding[Req, Resp any](fn func(ctx context.Context, from bus.Peer, req Req) (Resp, error)) handlerFunc {
	return func(ctx context.Context, from bus.Peer, body []byte) (any, error) {
		var req Req
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCall, err)
		}
		return fn(ctx, from, req)
	}
}

// Call asks node to for the named call.
func Call[Resp any](ctx context.Context, n *Node, to ring.NodeID, name string, req any) (Resp, error) {
	var resp Resp
	if to == n.Self() {
		err := n.calls.local(ctx, name, req, &resp)
		return resp, err
	}
	addr, err := n.busAddr(to)
	if err != nil {
		return resp, err
	}
	err = n.calls.call(ctx, addr, to, name, req, &resp)
	return resp, err
}

// CallLeader asks whichever node leads, following the hints of those that do not; ErrNoLeader when none is known.
func CallLeader[Resp any](ctx context.Context, n *Node, name string, req any) (Resp, error) {
	const hops = 3 // a hint may be one election old, hardly ever two
	to := n.leader()
	for hop := 0; ; hop++ {
		var resp Resp
		var err error
		switch {
		case to.ID == n.Self():
			err = n.calls.local(ctx, name, req, &resp)
		case to.Bus != "":
			err = n.calls.call(ctx, to.Bus, to.ID, name, req, &resp)
		default:
			return resp, ErrNoLeader
		}
		var not *notLeaderError
		if !errors.As(err, &not) || hop == hops || not.hint.ID == "" || not.hint.ID == to.ID {
			return resp, err
		}
		to = not.hint
	}
}

func (c *calls) handle(name string, open bool, fn handlerFunc) {
	if len(name) == 0 || len(name) > maxCallName {
		panic(fmt.Sprintf("control: the name of a call has 1 to %d bytes: %q", maxCallName, name))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.handlers[name] = fn
	c.mu.open[name] = open
}

// run executes one call that came from a peer.
func (c *calls) run(ctx context.Context, from bus.Peer, name string, body []byte) (any, error) {
	c.mu.Lock()
	fn, open := c.mu.handlers[name], c.mu.open[name]
	c.mu.Unlock()
	if fn == nil {
		return nil, fmt.Errorf("%w: %.32q", ErrUnknownCall, name)
	}
	if from.ClusterID == "" && !open {
		return nil, errors.New("control: a node without a cluster may only ask to join")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return fn(ctx, from, body)
}

// local runs a call on this node, through the same encoding as a remote one so that both behave alike.
func (c *calls) local(ctx context.Context, name string, req, resp any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCall, err)
	}
	v, err := c.run(ctx, bus.Peer{NodeID: c.id.NodeID, ClusterID: c.id.ClusterID()}, name, body)
	if err != nil {
		return err
	}
	if body, err = json.Marshal(v); err != nil {
		return fmt.Errorf("%w: %w", ErrCall, err)
	}
	return json.Unmarshal(body, resp)
}

// serve answers the calls of one connection until it ends.
func (c *calls) serve(nc net.Conn, from bus.Peer) {
	defer nc.Close()
	c.mu.Lock()
	if c.mu.closed || len(c.mu.served) >= maxCallConns {
		c.mu.Unlock()
		return
	}
	c.mu.served[nc] = struct{}{}
	c.wg.Add(1)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.mu.served, nc)
		c.mu.Unlock()
		c.wg.Done()
	}()
	for {
		_ = nc.SetDeadline(time.Now().Add(callIdle))
		name, body, err := readCall(nc)
		if err != nil {
			if errors.Is(err, ErrCall) {
				c.log.Warn("a malformed control call", "from", from.NodeID, "addr", from.Addr, "err", err)
			}
			return
		}
		_ = nc.SetDeadline(time.Now().Add(callTimeout))
		v, err := c.run(c.ctx, from, name, body)
		if err := writeReply(nc, v, err); err != nil {
			return
		}
	}
}

// call asks the node at a bus address; want may be "" for any node there.
func (c *calls) call(ctx context.Context, addr string, want ring.NodeID, name string, req, resp any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCall, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := addr + "/" + string(want)
	if nc := c.takeIdle(key); nc != nil {
		err, answered := c.exchange(ctx, nc, key, name, body, resp)
		if answered || ctx.Err() != nil {
			return err
		}
	}
	nc, _, err := bus.Dial(ctx, addr, bus.KindControl, c.id, string(want))
	if err != nil {
		return err
	}
	err, _ = c.exchange(ctx, nc, key, name, body, resp)
	return err
}

// exchange does one call on a connection and keeps or closes it. answered tells whether a whole reply came.
func (c *calls) exchange(ctx context.Context, nc net.Conn, key, name string, body []byte, resp any) (err error, answered bool) { //nolint:revive // the error is the result; answered says about what
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	var code callCode
	var reply []byte
	if err = writeCall(nc, name, body); err == nil {
		code, reply, err = readReply(nc)
	}
	clean := stop()
	if err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("control: call %s: %w", name, err), false
	}
	if clean {
		c.keepIdle(key, nc)
	} else {
		_ = nc.Close()
	}
	switch code {
	case callOK:
		if err := json.Unmarshal(reply, resp); err != nil {
			return fmt.Errorf("%w: reply to %s: %w", ErrCall, name, err), true
		}
		return nil, true
	case callNotLeader:
		not := &notLeaderError{}
		if err := json.Unmarshal(reply, &not.hint); err != nil {
			return fmt.Errorf("%w: reply to %s: %w", ErrCall, name, err), true
		}
		return not, true
	case callUnknown:
		return fmt.Errorf("%w: %s", ErrUnknownCall, name), true
	}
	return &RemoteError{Text: string(reply)}, true
}

func (c *calls) takeIdle(key string) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.mu.idle[key]
	if len(list) == 0 {
		return nil
	}
	nc := list[len(list)-1]
	if list = list[:len(list)-1]; len(list) == 0 {
		delete(c.mu.idle, key)
	} else {
		c.mu.idle[key] = list
	}
	return nc
}

func (c *calls) keepIdle(key string, nc net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed || len(c.mu.idle[key]) >= maxIdleConns {
		_ = nc.Close()
		return
	}
	c.mu.idle[key] = append(c.mu.idle[key], nc)
}

// dropIdle closes the kept connections.
func (c *calls) dropIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.mu.idle {
		for _, nc := range list {
			_ = nc.Close()
		}
	}
	clear(c.mu.idle)
}

// stop ends all connections and waits for the handlers; the context has been cancelled before.
func (c *calls) stop() {
	c.mu.Lock()
	c.mu.closed = true
	for nc := range c.mu.served {
		_ = nc.Close()
	}
	c.mu.Unlock()
	c.dropIdle()
	c.wg.Wait()
}

func writeCall(w io.Writer, name string, body []byte) error {
	size := 1 + len(name) + len(body)
	if size > maxCallBody {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrCall, size, maxCallBody)
	}
	b := make([]byte, 0, 4+size)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = append(b, byte(len(name)))
	b = append(b, name...)
	_, err := w.Write(append(b, body...))
	return err
}

func readCall(r io.Reader) (name string, body []byte, err error) {
	b, err := readFrame(r)
	if err != nil {
		return "", nil, err
	}
	n := int(b[0])
	if n == 0 || n > maxCallName || len(b) < 1+n {
		return "", nil, fmt.Errorf("%w: a name of %d bytes in %d", ErrCall, n, len(b))
	}
	return string(b[1 : 1+n]), b[1+n:], nil
}

func writeReply(w io.Writer, v any, err error) error {
	code, body := callOK, []byte(nil)
	var not *notLeaderError
	switch {
	case errors.As(err, &not):
		code = callNotLeader
		body, err = json.Marshal(not.hint)
	case errors.Is(err, ErrUnknownCall):
		code, err = callUnknown, nil
	case err != nil:
		code, body, err = callFailed, []byte(err.Error()), nil
	default:
		body, err = json.Marshal(v)
	}
	if err != nil || len(body) >= maxCallBody {
		code, body = callFailed, []byte(fmt.Sprintf("control: the reply cannot be sent (%d bytes): %v", len(body), err))
	}
	b := make([]byte, 0, 5+len(body))
	b = binary.LittleEndian.AppendUint32(b, uint32(1+len(body)))
	b = append(b, byte(code))
	_, err = w.Write(append(b, body...))
	return err
}

func readReply(r io.Reader) (callCode, []byte, error) {
	b, err := readFrame(r)
	if err != nil {
		return 0, nil, err
	}
	if callCode(b[0]) > callUnknown {
		return 0, nil, fmt.Errorf("%w: reply code %d", ErrCall, b[0])
	}
	return callCode(b[0]), b[1:], nil
}

// readFrame reads a length and that many bytes, at least one. Memory grows with what arrives, not with what is announced.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size == 0 || size > maxCallBody {
		return nil, fmt.Errorf("%w: a frame of %d bytes, at most %d", ErrCall, size, maxCallBody)
	}
	const step = 64 << 10 // bytes allocated ahead of what has arrived
	b := make([]byte, 0, min(size, step))
	for len(b) < int(size) {
		n := min(int(size)-len(b), step)
		b = append(b, make([]byte, n)...)
		if _, err := io.ReadFull(r, b[len(b)-n:]); err != nil {
			return nil, fmt.Errorf("%w: a frame of %d bytes broke off: %w", ErrCall, size, err)
		}
	}
	return b, nil
}
