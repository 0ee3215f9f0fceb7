package command

import (
	"bytes"
	"math"
	"math/big"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// Blocking commands, as their handlers see them.
//
// A row with the flag Blocking may have its caller wait. Its handler runs under the locks of all its keys, finds them by
// [Ctx.await], and where it can serve replies as any other. Where it cannot it calls [Ctx.Block] and appends nothing. The command
// then waits, in the registry of waiters.go: whenever one of its keys is created, deleted or changes its type, or a handler calls
// [Ctx.ready], the handler runs again, under the same locks. It is served once it does not call Block again.
//
// What such a handler changes it emits by the name of the command that does not wait (LPOP, not BLPOP), with [Ctx.ReplicateAs].

// Wait is what a command that cannot be served waits for.
type Wait struct {
	Type   store.Type // of a key that can serve it
	Keys   []int      // positions of the keys that can serve it
	Millis int64      // how long, 0 = for ever
	// Gone has the handler run as well when a key is deleted or gets another type.
	Gone bool
	// Args is the command to run from now on, where it is not the one that was sent: XREAD's "$" means what it meant when the
	// waiting began. It may be kept.
	Args [][]byte
}

// Block has the command wait. Where it may not, because an effect is applied or NoBlock is set, the reply is the one at the
// time-out, at once. The handler returns without a reply of its own.
func (c *Ctx) Block(w Wait) {
	if !c.mayBlock() {
		c.Out.NullArray()
		return
	}
	c.wait.asked, c.wait.Wait = true, w
}

// waitState is what a [Ctx] knows of the waiting of the run under way.
type waitState struct {
	Wait
	asked   bool // Block was called
	waiter  *Waiter
	retried *Waiter   // whose command runs again; nil in a first run
	at      store.Ref // the key that it may be served by then
	await   *Await    // of WAIT
}

func (c *Ctx) mayBlock() bool { return c.Waiters != nil && !c.NoBlock && !c.eff.applying }

// waited reports whether the command runs again after it has waited.
func (c *Ctx) waited() bool { return c.wait.retried != nil }

// atHand reports whether a key may serve a command. One that has waited is served by the key that has become ready, even where in the
// meantime another, which it names before, has become so too: that one has its own turn.
func (c *Ctx) atHand(r store.Ref) bool {
	at := &c.wait.at
	return !c.waited() || r.DB == at.DB && r.Hash == at.Hash && bytes.Equal(r.Key, at.Key)
}

// await finds a key of type t, at position i of the arguments of a command that may wait: it answers no item where the command
// has to wait for it. A value of another type is an error, and ok false, at first; a command that has waited goes on waiting.
//
// Where the key is being given out to those who wait for it, a newcomer waits behind them.
func (c *Ctx) await(i int, t store.Type) (r store.Ref, it store.Item, ok bool) {
	r = c.ref(i)
	it = c.find(r)
	switch {
	case !it.Exists():
	case !c.atHand(r):
		it = store.Item{}
	case it.Type() != t:
		if !c.waited() {
			c.Out.Error(resp.ErrWrongType)
			return r, store.Item{}, false
		}
		it = store.Item{}
	case !c.waited() && c.mayBlock() && c.Waiters.busy(r):
		it = store.Item{}
	}
	return r, it, true
}

// ready says that who waits for the key r may be served by it now, although it was there before: a stream has got an entry, or
// lost a group. That a key is created, deleted or changes its type is known without it. Under the key's lock; it costs next to
// nothing where nobody waits.
func (c *Ctx) ready(r store.Ref) {
	if c.Waiters != nil && !c.eff.applying {
		c.Waiters.KeyChanged(r.Slot, r.DB, r.Key)
	}
}

// The errors of a time-out, as Redis words them.
const (
	errTimeoutNotFloat = "ERR timeout is not a float or out of range"
	errTimeoutNotInt   = "ERR timeout is not an integer or out of range"
	errTimeoutNegative = "ERR timeout is negative"
)

// timeoutArg reads the time-out at position i in the row's unit, or replies the error. The answer is in milliseconds, 0 = for ever.
func (c *Ctx) timeoutArg(i int) (millis int64, ok bool) {
	millis, err := c.Row.timeout(c.Args[i])
	if err != "" {
		c.Out.Error(err)
	}
	return millis, err == ""
}

// timeout reads a time-out in the row's unit: seconds with a fraction, rounded up to milliseconds, or milliseconds.
func (r *Row) timeout(arg []byte) (millis int64, err string) {
	if r.TimeoutMillis {
		n, ok := store.ParseInt(arg)
		switch {
		case !ok:
			return 0, errTimeoutNotInt
		case n < 0:
			return 0, errTimeoutNegative
		}
		return n, ""
	}
	if n, ok := store.ParseInt(arg); ok && n >= 0 && n < math.MaxInt64/1000 { // nearly all
		return n * 1000, ""
	}
	f, ok := parseLongDouble(arg)
	switch {
	case !ok:
		return 0, errTimeoutNotFloat
	case f.IsInf():
		return 0, errTimeoutNegative // so Redis says of all that is too large, too
	}
	f = new(big.Float).SetPrec(mantissaBits).Mul(f, big.NewFloat(1000))
	millis, acc := f.Int64()
	switch {
	case millis == math.MaxInt64 && acc == big.Below, millis < 0:
		return 0, errTimeoutNegative
	case acc == big.Below:
		millis++
	}
	return millis, ""
}

// Waits reports whether a call of the row may wait.
func (r *Row) Waits(args [][]byte) bool { return r.Has(Blocking) && r.TimeoutAt(args) > 0 }

// TimesOut reports whether a call of the row that may wait has a time-out.
func (r *Row) TimesOut(args [][]byte) bool {
	millis, _ := r.timeout(args[r.TimeoutAt(args)])
	return millis > 0
}

// AppendWithTimeout appends, as RESP, the command args with another time-out, at least one millisecond.
func (r *Row) AppendWithTimeout(dst []byte, args [][]byte, millis int64) []byte {
	w := resp.Writer{B: dst}
	at := r.TimeoutAt(args)
	w.Array(len(args))
	for i, a := range args {
		switch {
		case i != at:
			w.Bulk(a)
		case r.TimeoutMillis:
			w.Bulk(strconv.AppendInt(nil, millis, 10))
		default:
			w.Bulk(appendSeconds(nil, millis))
		}
	}
	return w.B
}

// appendSeconds appends milliseconds as seconds with three places.
func appendSeconds(dst []byte, millis int64) []byte {
	dst = strconv.AppendInt(dst, millis/1000, 10)
	frac := millis % 1000
	return append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}

// lastArg is the TimeoutAt of a row whose time-out is the last argument.
func lastArg(args [][]byte) int { return len(args) - 1 }

// firstArg is the TimeoutAt of a row whose time-out is the first argument.
func firstArg([][]byte) int { return 1 }

// TimeoutLeft answers what is left, in milliseconds, of the time-out of a call of the row when it has waited for some.
func (r *Row) TimeoutLeft(args [][]byte, waited int64) int64 {
	millis, _ := r.timeout(args[r.TimeoutAt(args)])
	return millis - waited
}
