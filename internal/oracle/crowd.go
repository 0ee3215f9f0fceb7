package oracle

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Crowd is some clients of a redis-server, any of which may wait in a command that blocks. It sends one command at a time, and
// knows whom that serves.
type Crowd struct {
	conns   []*Conn
	ids     []string // as CLIENT LIST has them
	watch   *Conn
	waiting map[int]bool
}

// NewCrowd connects n clients that speak a protocol.
func NewCrowd(addr string, n, proto int) (*Crowd, error) {
	c := &Crowd{waiting: make(map[int]bool)}
	for i := range n + 1 {
		conn, err := Dial(addr)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
		if i == n { // a watch reads texts as they are
			break
		}
		if _, err := conn.Do([]byte("HELLO"), []byte(strconv.Itoa(proto))); err != nil {
			c.Close()
			return nil, err
		}
		id, err := conn.Do([]byte("CLIENT"), []byte("ID"))
		if err != nil {
			c.Close()
			return nil, err
		}
		c.ids = append(c.ids, strings.Trim(string(id), ":\r\n"))
	}
	c.watch = c.conns[n]
	return c, nil
}

// Close closes the connections.
func (c *Crowd) Close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// Waiting counts the clients that wait.
func (c *Crowd) Waiting() int { return len(c.waiting) }

// Any answers a client that waits, or one that does not; the n-th from some on. There must be one.
func (c *Crowd) Any(waits bool, n int) int {
	for c.waiting[n%len(c.ids)] != waits {
		n++
	}
	return n % len(c.ids)
}

// Do has a client send a command, and answers who has got a reply: the client, unless it waits now, and whom it served.
func (c *Crowd) Do(client int, args ...[]byte) (replies map[int][]byte, err error) {
	conn := c.conns[client]
	if err := conn.Send(args...); err != nil {
		return nil, err
	}
	const look = time.Millisecond / 4 // a reply is there sooner, if it comes at all
	for end := time.Now().Add(requestTimeout); !conn.Readable(look); {
		blocked, err := c.blocked()
		if err != nil {
			return nil, err
		}
		if blocked[client] {
			c.waiting[client] = true
			return nil, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("oracle: %s neither replies nor waits", Show(args))
		}
	}
	reply, err := conn.Receive()
	if err != nil {
		return nil, err
	}
	replies, err = c.served()
	if err == nil {
		replies[client] = reply
	}
	return replies, err
}

// Unblock has a client that waits wait no longer, and answers its reply; reason is one of CLIENT UNBLOCK's.
func (c *Crowd) Unblock(client int, reason string) ([]byte, error) {
	n, err := c.watch.Do([]byte("CLIENT"), []byte("UNBLOCK"), []byte(c.ids[client]), []byte(reason))
	if err != nil {
		return nil, err
	}
	if string(n) != ":1\r\n" {
		return nil, fmt.Errorf("oracle: CLIENT UNBLOCK: %q", n)
	}
	delete(c.waiting, client)
	return c.conns[client].Receive()
}

// served answers the replies to those that have waited until now.
func (c *Crowd) served() (map[int][]byte, error) {
	replies := make(map[int][]byte)
	if len(c.waiting) == 0 {
		return replies, nil
	}
	blocked, err := c.blocked()
	if err != nil {
		return nil, err
	}
	for i := range c.waiting {
		if blocked[i] {
			continue
		}
		delete(c.waiting, i)
		if replies[i], err = c.conns[i].Receive(); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// blocked answers which clients the server says are blocked.
func (c *Crowd) blocked() (map[int]bool, error) {
	list, err := c.watch.Do([]byte("CLIENT"), []byte("LIST"))
	if err != nil {
		return nil, err
	}
	blocked := make(map[int]bool)
	for line := range bytes.SplitSeq(list, []byte("\n")) {
		if !bytes.Contains(line, []byte(" flags=b ")) {
			continue
		}
		for i, id := range c.ids {
			if bytes.HasPrefix(line, []byte("id="+id+" ")) {
				blocked[i] = true
			}
		}
	}
	return blocked, nil
}
