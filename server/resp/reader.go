package resp

import (
	"bytes"
	"math/bits"
)

// Command is one request.
type Command struct {
	Args [][]byte // the name, then the arguments; valid until the next call of Next, Keep, Feed or Release
	Raw  []byte   // the request as RESP multibulk, ready to be forwarded (an inline one is encoded anew); valid as long
}

// Reader cuts the bytes of one connection into requests.
//
//	loop:  r.Feed(p)                     p is lent: nothing is copied
//	       for r.Next() answers commands execute each
//	       r.Keep()                      only now is what is left of p copied; nothing is left mostly
//
// A request that lies in p whole is answered as slices of p. One that was cut off is completed in a buffer of the reader's
// own, to which only its own missing bytes are copied; the requests behind it are slices of p again.
//
// The reader is a state machine over offsets: where the bytes end in the middle of a request it remembers how far it came,
// and goes on there. Its state is the same however the bytes were cut, so the answers are too.
//
// The zero value reads with DefaultLimits. A Reader must not be copied or used by two goroutines at once. An idle one holds
// no buffer.
type Reader struct {
	in    []byte // what is being parsed: a fed slice, or a buffer of the reader's own
	start int    // offset in in of the first byte not consumed: the beginning of the request being read
	pos   int    // offset of the first byte not parsed
	seen  int    // offset up to which the line that begins at pos is known not to end; meaningless if before pos
	need  int    // bytes from pos to the end of the argument whose header has been read; 0 = a header comes next
	left  int    // arguments of the request still to come; 0 = no request begun
	owned bool   // in is a buffer of the reader's own, and rest follows it
	rest  []byte // fed bytes not yet looked at
	args  [][]byte
	list  [][]byte  // a list from the pools, for requests of more arguments than few holds; nil mostly
	few   [5][]byte // as many arguments as SET key value EX seconds has
	line  []byte    // the last inline request, encoded
	err   *ProtocolError

	limits  Limits
	limited bool // limits was set
}

// growSlack is what a buffer grows beyond the argument that it waits for, in bytes: so that the small arguments that
// follow a big one do not cause another copy of it.
const growSlack = 4 << 10

// SetLimits sets the bounds; they apply from the next header that is parsed.
func (r *Reader) SetLimits(l Limits) {
	l.Inline = min(l.Inline, l.Buffer)
	r.limits, r.limited = l, true
}

// Feed gives the reader the bytes that follow those of the last call. They are lent until Keep, and are not changed.
func (r *Reader) Feed(p []byte) {
	if !r.limited {
		r.SetLimits(DefaultLimits)
	}
	if r.err != nil || len(p) == 0 {
		return
	}
	if len(r.rest) > 0 || !r.owned && r.start < len(r.in) {
		r.Keep() // the caller left it out
		if r.err != nil {
			return
		}
	}
	if r.start < len(r.in) {
		r.rest = p
		return
	}
	r.dropOwned()
	r.in = p
}

// Next answers the next request; false means that more bytes are needed. An error, a *ProtocolError, is final: every
// further call answers it, and what was fed is dropped. Requests without arguments (an empty line, *0) are passed over.
func (r *Reader) Next() (Command, bool, error) {
	for r.err == nil {
		args, raw, v := r.parse()
		if v == whole {
			return Command{Args: args, Raw: raw}, true, nil
		}
		if v == more && !r.pull() {
			return Command{}, false, nil
		}
	}
	return Command{}, false, r.err
}

// Keep ends the loan of the fed slice: what is unconsumed of it is copied to a buffer of the reader's own. Where nothing is
// left, all buffers go back to the pools.
//
// After Next has answered false, what is left is the beginning of one request, which the limits bound. Before that it may be
// any number of requests; more than Limits.Buffer bytes of them are an error, which the next call of Next answers.
func (r *Reader) Keep() {
	if r.owned && r.start == len(r.in) {
		rest := r.rest
		r.dropOwned()
		r.in = rest
	}
	held := r.Buffered()
	if held > r.limits.Buffer+maxHeaderBytes+growSlack {
		r.fail(errBufferFull)
		return
	}
	switch {
	case held == 0:
		r.in, r.start, r.pos, r.seen = nil, 0, 0, 0
	case r.owned:
		r.hold(r.rest)
		r.rest = nil
	default:
		tail := r.in[r.start:]
		r.pos, r.seen = r.pos-r.start, r.seen-r.start
		r.in, r.start = append(getBuffer(r.room(len(tail))), tail...), 0
		r.owned = true
		r.rebase()
	}
	if r.line != nil {
		putBuffer(r.line)
		r.line = nil
	}
	if r.left == 0 {
		r.args = nil
		clear(r.few[:])
		r.dropList()
	}
}

// Buffered answers how many bytes have been fed and not consumed by Next, those of a request that is not whole yet included.
func (r *Reader) Buffered() int { return len(r.in) - r.start + len(r.rest) }

// Release gives all buffers back and forgets what was fed, an error included: the reader is as new, but keeps its limits.
func (r *Reader) Release() {
	r.dropOwned()
	r.dropList()
	if r.line != nil {
		putBuffer(r.line)
	}
	*r = Reader{limits: r.limits, limited: r.limited}
}

// fail makes err the answer of every further call.
func (r *Reader) fail(err *ProtocolError) verdict {
	r.Release()
	r.err = err
	return failed
}

// pull makes more bytes available to parse; false means that there are none. It is called where the bytes of in end in the
// middle of a request, or with it. Of rest it copies what the request surely needs and at most the line that follows;
// once in is consumed, parsing goes on in rest itself.
func (r *Reader) pull() bool {
	if len(r.rest) == 0 {
		return false
	}
	rest := r.rest
	if r.start == len(r.in) {
		r.dropOwned()
		r.in = rest
		return true
	}
	missing := r.pos + r.need - len(r.in)
	if r.need == 0 {
		// A line: the most that may be needed is its longest length, a byte to see that it is longer, and the byte after '\r'.
		missing = max(r.limits.Inline, maxHeaderBytes) + 2 - (len(r.in) - r.pos)
		if i := bytes.IndexByte(rest[:min(missing, len(rest))], '\n'); i >= 0 {
			missing = i + 1
		}
	}
	missing = min(missing, len(rest))
	r.hold(rest[:missing])
	r.rest = rest[missing:]
	return true
}

// hold appends p to the reader's own buffer, which it makes larger where need be: to twice of what is held, so that all the
// copying of a request that grows is less than twice its length.
func (r *Reader) hold(p []byte) {
	if len(r.in)+len(p) <= cap(r.in) {
		r.in = append(r.in, p...)
		return
	}
	live := r.in[r.start:]
	old := r.in
	fits := len(live)+len(p) <= cap(old)/2 // then moving what is live to the front is cheap in the long run
	buf := old
	if !fits {
		buf = getBuffer(r.room(len(live) + len(p)))
	}
	buf = append(append(buf[:0], live...), p...) // append copies correctly where live overlaps the front
	r.pos, r.seen = r.pos-r.start, r.seen-r.start
	r.in, r.start = buf, 0
	r.rebase()
	if !fits {
		putBuffer(old)
	}
}

// room answers the size of the buffer in which to hold n bytes that have arrived: twice as much, but not beyond the argument
// that is waited for, nor the limit. A header alone thus commits nothing: memory follows what has arrived.
func (r *Reader) room(n int) int {
	size := 2 * n
	if r.need > 0 {
		size = min(size, r.pos-r.start+r.need+growSlack)
	}
	size = min(size, r.limits.Buffer+maxHeaderBytes+growSlack)
	if size <= 1<<maxBufferBits {
		size = 1 << (bits.Len(uint(size)) - 1) // a size class, and not the one above
	}
	return max(n, size)
}

// rebase lets the arguments read so far point into in again after the request has moved there. Where they lie follows from
// their lengths, because a number has one spelling only.
func (r *Reader) rebase() {
	if r.left == 0 {
		return
	}
	const around = len("$\r\n") // a header without its number
	at := r.start + around + digits(r.left+len(r.args))
	for i, a := range r.args {
		at += around + digits(len(a))
		end := at + len(a)
		r.args[i] = r.in[at:end:end]
		at = end + len(crlf)
	}
}

// dropOwned gives the reader's own buffer back; in and rest are empty then.
func (r *Reader) dropOwned() {
	if r.owned {
		putBuffer(r.in)
		if cap(r.in) > 1<<maxBufferBits { // else what is left of the last arguments would keep it alive
			clear(r.few[:])
			clear(r.list[:cap(r.list)])
		}
		r.owned = false
	}
	r.in, r.rest, r.start, r.pos, r.seen = nil, nil, 0, 0, 0
}

func (r *Reader) dropList() {
	if r.list != nil {
		putArgs(r.list)
		r.list = nil
	}
}
