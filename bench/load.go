package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/bits"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The loader: connections that each send pipelined requests, made as they go, and check the replies by comparing bytes. It
// leaves most of a processor to the server under test.

// Bounds of the loader.
const (
	loadConns    = 4                // connections: more than enough to keep a server's loops busy at this pipeline depth
	loadDepth    = 512              // requests sent before the first reply is read
	loadBytes    = 64 << 10         // bytes sent before the first reply is read: what sockets of both sides hold
	replyTimeout = 30 * time.Second // for one pipeline: far beyond any stop of a server worth measuring
)

// Bounds of keys and values, in bytes.
const (
	keyPrefix = "key:"
	maxKey    = 1 << 10
	maxValue  = 1 << 20
)

// dataset is a set of keys with their values, each a function of its number: nothing of it is kept in memory.
type dataset struct {
	keys             uint64
	keyLen, valueLen int // bytes
	ttl              bool
	seed             uint64
	deletePercent    uint64 // of the keys, those that doomed picks
}

// minKeyLen is the least length in bytes in which keys can be told apart.
func minKeyLen(keys uint64) int { return len(keyPrefix) + len(strconv.FormatUint(keys-1, 10)) }

// appendKey appends the name of key i: the prefix, then i with leading zeros.
func (d *dataset) appendKey(b []byte, i uint64) []byte {
	b = append(b, keyPrefix...)
	at := len(b)
	for range d.keyLen - len(keyPrefix) {
		b = append(b, '0')
	}
	for p := len(b) - 1; i > 0 && p >= at; p-- {
		b[p] = byte('0' + i%10)
		i /= 10
	}
	return b
}

// appendValue appends the value of key i: random bytes, which no server can pack.
func (d *dataset) appendValue(b []byte, i uint64) []byte {
	state := mix(d.seed ^ mix(i))
	for n := d.valueLen; n > 0; n -= 8 {
		word := mix(state)
		state += golden
		for range min(n, 8) {
			b = append(b, byte(word))
			word >>= 8
		}
	}
	return b
}

// Lives of keys with an expiry: they outlast the measuring, and are as different as in earnest.
const (
	minLife = 6 * 3600  // seconds
	maxLife = 48 * 3600 // seconds
)

// appendSet appends the request that sets key i.
func (d *dataset) appendSet(b []byte, i uint64) []byte {
	if d.ttl {
		b = append(b, "*5\r\n$3\r\nSET\r\n"...)
	} else {
		b = append(b, "*3\r\n$3\r\nSET\r\n"...)
	}
	b = d.appendKey(appendBulkHead(b, d.keyLen), i)
	b = append(b, '\r', '\n')
	b = d.appendValue(appendBulkHead(b, d.valueLen), i)
	b = append(b, '\r', '\n')
	if d.ttl {
		b = append(b, "$2\r\nEX\r\n"...)
		life := minLife + mix(i^d.seed)%(maxLife-minLife)
		b = appendBulkHead(b, len(strconv.FormatUint(life, 10)))
		b = append(strconv.AppendUint(b, life, 10), '\r', '\n')
	}
	return b
}

// appendDel appends the request that deletes key i.
func (d *dataset) appendDel(b []byte, i uint64) []byte {
	b = d.appendKey(appendBulkHead(append(b, "*2\r\n$3\r\nDEL\r\n"...), d.keyLen), i)
	return append(b, '\r', '\n')
}

func appendBulkHead(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, '$'), int64(n), 10), '\r', '\n')
}

// doomed picks the share of keys that are deleted: at random, the same in each run with the same seed.
func (d *dataset) doomed(i uint64) bool { return mix(i+mix(d.seed))%100 < d.deletePercent }

// scattered is a permutation of the keys' numbers, in whose order they are deleted: not in that of their making, in which their
// memory may lie. It is j*step modulo the number of keys, with a step without common factor, near the golden section.
func (d *dataset) scattered() func(j uint64) uint64 {
	step := uint64(float64(d.keys)*0.6180339887) | 1
	for gcd(step, d.keys) != 1 {
		step += 2
	}
	return func(j uint64) uint64 {
		hi, lo := bits.Mul64(j, step)
		return bits.Rem64(hi, lo, d.keys)
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// golden is 2^64 divided by the golden section, the increment of splitmix64.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// send sends the requests that request appends for 0 to n-1 (nothing: none) to the server at addr over several connections,
// and answers how many there were. A reply other than want is an error, which quotes it.
func send(ctx context.Context, addr string, n uint64, want string, request func(b []byte, i uint64) []byte) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg      sync.WaitGroup
		next    atomic.Uint64
		total   atomic.Int64
		replies = bytes.Repeat([]byte(want), loadDepth)
	)
	for range loadConns {
		wg.Go(func() {
			sent, err := sendShare(ctx, addr, &next, n, replies, len(want), request)
			total.Add(sent)
			if err != nil {
				cancel(err) // the first error is the cause; the others follow from it
			}
		})
	}
	wg.Wait()
	return total.Load(), context.Cause(ctx)
}

// sendShare is what one connection does: it takes loadDepth numbers at a time from next.
func sendShare(ctx context.Context, addr string, next *atomic.Uint64, n uint64, replies []byte, replyLen int,
	request func([]byte, uint64) []byte,
) (sent int64, err error) {
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })() // wakes whoever reads or writes
	var (
		out     = make([]byte, 0, loadBytes+4<<10)
		in      = make([]byte, len(replies))
		waiting int
	)
	exchange := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := nc.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
			return err
		}
		if _, err := nc.Write(out); err != nil {
			return err
		}
		got, want := in[:waiting*replyLen], replies[:waiting*replyLen]
		if m, err := io.ReadFull(nc, got); err != nil {
			return fmt.Errorf("after %d bytes of replies, %q: %w", m, firstLine(got[:m]), err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("the server answered %q, not %q", differing(got, want, replyLen), replies[:replyLen])
		}
		sent += int64(waiting)
		out, waiting = out[:0], 0
		return nil
	}
	for {
		first := next.Add(loadDepth) - loadDepth
		if first >= n {
			return sent, nil
		}
		for i := first; i < min(first+loadDepth, n); i++ {
			before := len(out)
			if out = request(out, i); len(out) > before {
				waiting++
			}
			if len(out) >= loadBytes {
				if err := exchange(); err != nil {
					return sent, err
				}
			}
		}
		if waiting > 0 {
			if err := exchange(); err != nil {
				return sent, err
			}
		}
	}
}

// differing is the first line of got from the first reply on that is not as want has it.
func differing(got, want []byte, replyLen int) []byte {
	for at := 0; at < len(got); at += replyLen {
		if !bytes.Equal(got[at:at+replyLen], want[at:at+replyLen]) {
			return firstLine(got[at:])
		}
	}
	return nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line[:min(len(line), 200)]
}
