package clustertest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"ringcache/internal/oracle"
)

// wire is a connection of a load's client. It differs from a client library in what a history needs: it never repeats a request,
// and tells a request that cannot have arrived from one that may have.
type wire struct {
	nc net.Conn
	r  *bufio.Reader
}

// reply is what a request was answered: a text, a number, or nothing (null).
type reply struct {
	kind byte // the first byte on the wire
	text string
	n    int64
	null bool
}

// errNotSent is the error of a request of which the server cannot have got the whole.
var errNotSent = errors.New("not sent")

func dialWire(addr string, timeout time.Duration) (*wire, error) {
	nc, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	return &wire{nc, bufio.NewReader(nc)}, nil
}

// do sends a command and reads its reply.
func (w *wire) do(timeout time.Duration, args ...string) (reply, error) {
	if err := w.nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	p := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		p = fmt.Appendf(p, "$%d\r\n%s\r\n", len(a), a)
	}
	if n, err := w.nc.Write(p); err != nil {
		if n < len(p) {
			return reply{}, fmt.Errorf("%w: %w", errNotSent, err)
		}
		return reply{}, err
	}
	raw, err := oracle.ReadReply(w.r, nil)
	if err != nil {
		return reply{}, err
	}
	return parseReply(raw)
}

// parseReply reads a reply that is no aggregate.
func parseReply(raw []byte) (reply, error) {
	head, body, ok := strings.Cut(string(raw), "\r\n")
	if !ok || head == "" {
		return reply{}, fmt.Errorf("not a reply: %q", raw)
	}
	r := reply{kind: head[0], text: head[1:]}
	switch r.kind {
	case '+', '-':
		return r, nil
	case '_':
		r.null = true
		return r, nil
	case ':':
		n, err := strconv.ParseInt(r.text, 10, 64)
		r.n = n
		return r, err
	case '$':
		n, err := strconv.Atoi(r.text)
		switch {
		case err != nil:
			return reply{}, err
		case n == -1:
			r.null, r.text = true, ""
		case len(body) != n+2:
			return reply{}, fmt.Errorf("not a reply: %q", raw)
		default:
			r.text = body[:n]
		}
		return r, nil
	}
	return reply{}, fmt.Errorf("not a reply to such a command: %q", raw)
}

func (w *wire) close() { w.nc.Close() }
