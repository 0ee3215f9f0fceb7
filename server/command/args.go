package command

import (
	"math"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// is reports whether an argument is word (in lower case), in any case.
func is(arg []byte, word string) bool { return len(arg) == len(word) && equalFold(arg, word) }

// intArg reads argument i as an integer, or replies the error.
func (c *Ctx) intArg(i int) (int64, bool) {
	n, ok := store.ParseInt(c.Args[i])
	if !ok {
		c.Out.Error(resp.ErrNotInteger)
	}
	return n, ok
}

// int32Arg reads argument i as an integer of 32 bits, or replies the error.
func (c *Ctx) int32Arg(i int) (int, bool) {
	n, ok := c.intArg(i)
	if ok && (n < math.MinInt32 || n > math.MaxInt32) {
		c.Out.Error("ERR value is out of range, value must between -2147483648 and 2147483647")
		return 0, false
	}
	return int(n), ok
}

// expiryUnit says what the number of an expiry means.
type expiryUnit uint8

const (
	afterSeconds expiryUnit = iota // EX
	afterMillis                    // PX
	atSeconds                      // EXAT
	atMillis                       // PXAT
)

func (u expiryUnit) seconds() bool  { return u == afterSeconds || u == atSeconds }
func (u expiryUnit) relative() bool { return u == afterSeconds || u == afterMillis }

// expiryArg reads argument i as the expiry of a value that is being set: a moment in unix milliseconds, above 0. It replies
// the error where there is none.
func (c *Ctx) expiryArg(i int, unit expiryUnit) (at int64, ok bool) {
	at, ok = c.intArg(i)
	if !ok {
		return 0, false
	}
	if at <= 0 || unit.seconds() && at > math.MaxInt64/1000 {
		return 0, c.invalidExpiry()
	}
	if unit.seconds() {
		at *= 1000
	}
	if unit.relative() {
		if at > math.MaxInt64-c.Now {
			return 0, c.invalidExpiry()
		}
		at += c.Now
	}
	return at, true
}

func (c *Ctx) invalidExpiry() bool {
	c.Out.Error("ERR invalid expire time in '" + c.Row.FullName() + "' command")
	return false
}

// passed reports whether a key that is to expire at the given time is dead already. To replicas it never is: their primary says
// so by DEL.
func (c *Ctx) passed(at int64) bool { return at <= c.Now && !c.eff.applying }

// maxString is the longest string value in bytes: Redis's proto-max-bulk-len.
const maxString = 512 << 20

// stringFits replies the error where a value of size+more bytes would be too long.
func (c *Ctx) stringFits(size, more int64) bool {
	if size > maxString-more {
		c.Out.Error(resp.ErrStringTooLong)
		return false
	}
	return true
}
