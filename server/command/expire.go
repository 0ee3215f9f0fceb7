package command

import (
	"math"

	"ringcache/server/store"
)

// keyExpire is EXPIRE: https://redis.io/docs/latest/commands/expire/
func keyExpire(c *Ctx) { c.expire(afterSeconds) }

// keyPexpire is PEXPIRE: https://redis.io/docs/latest/commands/pexpire/
func keyPexpire(c *Ctx) { c.expire(afterMillis) }

// keyExpireat is EXPIREAT: https://redis.io/docs/latest/commands/expireat/
func keyExpireat(c *Ctx) { c.expire(atSeconds) }

// keyPexpireat is PEXPIREAT: https://redis.io/docs/latest/commands/pexpireat/
func keyPexpireat(c *Ctx) { c.expire(atMillis) }

// expireCondition says when an expiry may replace the one that is there.
type expireCondition struct{ nx, xx, gt, lt bool }

// expireConditions reads the arguments from position 3 on, or replies the error.
func (c *Ctx) expireConditions() (cond expireCondition, ok bool) {
	for _, arg := range c.Args[3:] {
		switch {
		case is(arg, "nx"):
			cond.nx = true
		case is(arg, "xx"):
			cond.xx = true
		case is(arg, "gt"):
			cond.gt = true
		case is(arg, "lt"):
			cond.lt = true
		default:
			c.Out.Error("ERR Unsupported option " + cstring(arg))
			return cond, false
		}
	}
	switch {
	case cond.nx && (cond.xx || cond.gt || cond.lt):
		c.Out.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
		return cond, false
	case cond.gt && cond.lt:
		c.Out.Error("ERR GT and LT options at the same time are not compatible")
		return cond, false
	}
	return cond, true
}

// allows reports whether the expiry at may replace old (0 = none, which counts as the end of time).
func (cond expireCondition) allows(old, at int64) bool {
	switch {
	case cond.nx && old != 0, cond.xx && old == 0:
		return false
	case cond.gt && (old == 0 || at <= old), cond.lt && old != 0 && at >= old:
		return false
	}
	return true
}

func (c *Ctx) expire(unit expiryUnit) {
	cond, ok := c.expireConditions()
	if !ok {
		return
	}
	at, ok := c.intArg(2)
	if !ok {
		return
	}
	if unit.seconds() {
		if at > math.MaxInt64/1000 || at < math.MinInt64/1000 {
			c.invalidExpiry()
			return
		}
		at *= 1000
	}
	if unit.relative() {
		if at > math.MaxInt64-c.Now {
			c.invalidExpiry()
			return
		}
		at += c.Now
	}
	r := c.ref(1)
	it := c.find(r)
	if !it.Exists() || !cond.allows(it.ExpireAt(), at) {
		c.Out.Int(0)
		return
	}
	c.byValue()
	if c.passed(at) {
		c.del(r, it)
	} else {
		c.expireAt(r, it, at)
	}
	c.Out.Int(1)
}

// keyPersist is PERSIST: https://redis.io/docs/latest/commands/persist/
func keyPersist(c *Ctx) {
	r := c.ref(1)
	it := c.find(r)
	if !it.Exists() || it.ExpireAt() == 0 {
		c.Out.Int(0)
		return
	}
	c.expireAt(r, it, 0)
	c.Out.Int(1)
}

// keyTtl is TTL: https://redis.io/docs/latest/commands/ttl/
func keyTtl(c *Ctx) { c.timeLeft(func(it store.Item) int64 { return toSeconds(left(it, c.Now)) }) }

// keyPttl is PTTL: https://redis.io/docs/latest/commands/pttl/
func keyPttl(c *Ctx) { c.timeLeft(func(it store.Item) int64 { return left(it, c.Now) }) }

// keyExpiretime is EXPIRETIME: https://redis.io/docs/latest/commands/expiretime/
func keyExpiretime(c *Ctx) { c.timeLeft(func(it store.Item) int64 { return toSeconds(it.ExpireAt()) }) }

// keyPexpiretime is PEXPIRETIME: https://redis.io/docs/latest/commands/pexpiretime/
func keyPexpiretime(c *Ctx) { c.timeLeft(store.Item.ExpireAt) }

// timeLeft replies -2 where there is no key, -1 where it does not expire, and what show says otherwise.
func (c *Ctx) timeLeft(show func(store.Item) int64) {
	switch it := c.peek(c.ref(1)); {
	case !it.Exists():
		c.Out.Int(-2)
	case it.ExpireAt() == 0:
		c.Out.Int(-1)
	default:
		c.Out.Int(show(it))
	}
}

func left(it store.Item, now int64) int64 { return max(0, it.ExpireAt()-now) }

// toSeconds rounds to the nearest second. The latest expiry is far below the overflow: see expire.
func toSeconds(ms int64) int64 {
	if ms > math.MaxInt64-500 {
		return ms / 1000
	}
	return (ms + 500) / 1000
}
