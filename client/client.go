// Package client is a small Go client for ringcache, or anything that speaks RESP: one connection, pipelined requests,
// bounded replies. Every node answers every command, so a connection to any node is a connection to the whole cluster.
//
//	c, err := client.Dial(ctx, "127.0.0.1:7000", client.Options{})
//	if err != nil { ... }
//	defer c.Close()
//	v, err := c.Do(ctx, "GET", "key")
package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultDialTimeout bounds connecting and logging in where the context has no earlier deadline: two lost SYN packets.
	DefaultDialTimeout = 5 * time.Second

	// DefaultMaxReply bounds the memory, in bytes, that one reply may take: Redis's largest string, and room around it.
	DefaultMaxReply = 544 << 20

	// writeInline is the largest pipeline, in bytes, that is written before the first reply is read. A larger one is written
	// beside the reading: the server might wait for its replies to be read while this side waits for its requests to be
	// taken. It is below the smallest send buffer that a socket gets by default.
	writeInline = 16 << 10

	readBuffer = 16 << 10 // bytes read at a time
)

// ErrClosed is what a call on a closed connection answers.
var ErrClosed = errors.New("client: connection is closed")

// Options are what Dial may be told. The zero value is fine for a node without a password.
type Options struct {
	User     string      // for AUTH; empty is the default user
	Password string      // empty: no AUTH is sent
	Proto    int         // 2 or 3; 0 is 2
	MaxReply int         // bytes of memory that one reply may take; 0 is DefaultMaxReply
	Push     func(Value) // called with each push message (RESP3) while a reply is awaited; nil drops them
}

// Conn is one connection. It is not for use by several goroutines at a time.
type Conn struct {
	nc     net.Conn
	r      replyReader
	push   func(Value)
	out    []byte // the requests of one Pipeline, kept for the next
	broken error  // why the connection can no longer be used: requests and replies are out of step
}

// Dial connects to addr, host:port or unix:PATH, and logs in as o says. The context bounds both.
func Dial(ctx context.Context, addr string, o Options) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultDialTimeout)
	defer cancel()
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if o.MaxReply == 0 {
		o.MaxReply = DefaultMaxReply
	}
	c := &Conn{nc: nc, r: replyReader{r: bufio.NewReaderSize(nc, readBuffer), max: o.MaxReply}, push: o.Push}
	if err := c.login(ctx, o); err != nil {
		_ = c.Close() // the first error says more
		return nil, err
	}
	return c, nil
}

func (c *Conn) login(ctx context.Context, o Options) error {
	user := o.User
	if user == "" {
		user = "default"
	}
	var args []string
	switch {
	case o.Proto == 3 && o.Password != "":
		args = []string{"HELLO", "3", "AUTH", user, o.Password}
	case o.Proto == 3:
		args = []string{"HELLO", "3"}
	case o.Password != "" && o.User == "":
		args = []string{"AUTH", o.Password} // what every version understands
	case o.Password != "":
		args = []string{"AUTH", user, o.Password}
	default:
		return nil
	}
	if _, err := c.Do(ctx, args...); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	if errors.Is(c.broken, ErrClosed) {
		return nil
	}
	c.broken = ErrClosed
	return c.nc.Close()
}

// Do sends one request, the command's name first, and waits for its reply. An error reply is answered as a *ServerError.
// Any other error leaves the connection unusable.
func (c *Conn) Do(ctx context.Context, args ...string) (Value, error) {
	replies, err := c.Pipeline(ctx, args)
	if err != nil {
		return Value{}, err
	}
	return replies[0], replies[0].Err()
}

// Pipeline sends all requests at once and waits for all replies, which it answers in the order of the requests. Error
// replies are values among them: see Value.Err. An error of Pipeline itself leaves the connection unusable, and says nothing
// about which requests were executed.
func (c *Conn) Pipeline(ctx context.Context, requests ...[]string) ([]Value, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	for _, args := range requests {
		if len(args) == 0 {
			return nil, errors.New("client: a request without a command")
		}
	}
	c.out = c.out[:0]
	for _, args := range requests {
		c.out = appendRequest(c.out, args)
	}
	replies, err := c.exchange(ctx, len(requests))
	if cap(c.out) > writeInline {
		c.out = nil // an idle connection keeps no large buffer
	}
	if err == nil {
		return replies, nil
	}
	if cause := ctx.Err(); cause != nil {
		err = cause // it is seen as a time-out of the socket
	}
	c.broken = fmt.Errorf("client: connection to %s is broken: %w", c.nc.RemoteAddr(), err)
	_ = c.nc.Close() // what broke it is the error that counts
	return nil, c.broken
}

// exchange writes c.out and reads n replies, until the context ends.
func (c *Conn) exchange(ctx context.Context, n int) ([]Value, error) {
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = c.nc.SetDeadline(time.Unix(1, 0)) // wakes reader and writer at once
	})
	defer func() {
		if !stop() {
			<-woken // or it would reach into the next exchange
		}
	}()

	written := make(chan error, 1)
	if len(c.out) <= writeInline {
		_, err := c.nc.Write(c.out)
		written <- err
	} else {
		go func(out []byte) {
			_, err := c.nc.Write(out)
			written <- err
		}(c.out)
	}
	replies, err := c.readReplies(n)
	if err != nil {
		_ = c.nc.SetDeadline(time.Unix(1, 0)) // the writer must not go on
		return nil, errors.Join(err, <-written)
	}
	return replies, <-written
}

func (c *Conn) readReplies(n int) ([]Value, error) {
	replies := make([]Value, 0, min(n, maxFirstElements))
	for len(replies) < n {
		v, err := c.r.read()
		if err != nil {
			return nil, err
		}
		if v.Kind == KindPush {
			if c.push != nil {
				c.push(v)
			}
			continue
		}
		replies = append(replies, v)
	}
	return replies, nil
}

// appendRequest appends a request as RESP: an array of bulk strings.
func appendRequest(b []byte, args []string) []byte {
	b = append(strconv.AppendInt(append(b, '*'), int64(len(args)), 10), '\r', '\n')
	for _, a := range args {
		b = append(strconv.AppendInt(append(b, '$'), int64(len(a)), 10), '\r', '\n')
		b = append(append(b, a...), '\r', '\n')
	}
	return b
}
