package command

import (
	"strconv"

	"ringcache/server/store"
)

// Errors of commands about the expiry of fields, as of Redis 7.4 and 8.0.
const (
	errNoFields     = "ERR Mandatory argument FIELDS is missing or not at the right position"
	errFieldsTooFew = "ERR Parameter `numFields` should be greater than 0"
	errFieldsCount  = "ERR Number of fields must be a positive integer"
	errFieldsMatch  = "ERR The `numfields` parameter must match the number of arguments"
	errPastExpiry   = "ERR invalid expire time, must be >= 0"
)

// maxFieldExpiry is the latest expiry of a field in unix ms, and the most that an expiry may be ahead: as in Redis, 2^46, of the year
// 4199.
const maxFieldExpiry = (1<<48 - 1) >> 2

// What a command says of a field.
const (
	fieldMissing   = -2
	fieldNoExpiry  = -1
	fieldUnchanged = 0 // the condition does not hold
	fieldChanged   = 1
	fieldDeleted   = 2 // its time has passed
)

// fields reads FIELDS, a number and as many fields, from position i to the end, or replies the error; few is that of a number below 1.
func (c *Ctx) fields(i int, few string) (fields [][]byte, ok bool) {
	if !is(c.Args[i], "fields") {
		c.Out.Error(errNoFields)
		return nil, false
	}
	n, ok := store.ParseInt(c.Args[i+1])
	fields = c.Args[i+2:]
	switch {
	case !ok || n < 1:
		c.Out.Error(few)
		return nil, false
	case n != int64(len(fields)):
		c.Out.Error(errFieldsMatch)
		return nil, false
	}
	return fields, true
}

// fieldExpiry reads argument i as the expiry of fields, in unix ms, or replies the error.
func (c *Ctx) fieldExpiry(i int, unit expiryUnit) (at int64, ok bool) {
	if at, ok = c.intArg(i); !ok {
		return 0, false
	}
	if at < 0 {
		c.Out.Error(errPastExpiry)
		return 0, false
	}
	if c.eff.applying { // a moment that its primary worked out
		return at, true
	}
	most, base := int64(maxFieldExpiry), int64(0)
	if unit.relative() {
		base = c.Now
	}
	if unit.seconds() {
		most /= 1000
	}
	if at > most {
		return 0, c.invalidExpiry()
	}
	if unit.seconds() {
		at *= 1000
	}
	if at > 1<<48-1-base {
		return 0, c.invalidExpiry()
	}
	return at + base, true
}

// hashHexpire is HEXPIRE: https://redis.io/docs/latest/commands/hexpire/
func hashHexpire(c *Ctx) { c.expireFields(afterSeconds) }

// hashHpexpire is HPEXPIRE: https://redis.io/docs/latest/commands/hpexpire/
func hashHpexpire(c *Ctx) { c.expireFields(afterMillis) }

// hashHexpireat is HEXPIREAT: https://redis.io/docs/latest/commands/hexpireat/
func hashHexpireat(c *Ctx) { c.expireFields(atSeconds) }

// hashHpexpireat is HPEXPIREAT: https://redis.io/docs/latest/commands/hpexpireat/
func hashHpexpireat(c *Ctx) { c.expireFields(atMillis) }

func (c *Ctx) expireFields(unit expiryUnit) {
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	at, ok := c.fieldExpiry(2, unit)
	if !ok {
		return
	}
	i := 4
	cond := expireCondition{nx: is(c.Args[3], "nx"), xx: is(c.Args[3], "xx"), gt: is(c.Args[3], "gt"), lt: is(c.Args[3], "lt")}
	if cond == (expireCondition{}) {
		i = 3
	}
	fields, ok := c.fields(i, errFieldsTooFew)
	if !ok {
		return
	}
	var room [fewFields][]byte
	change := c.changeFields(r, &h, at, false, room[:0])
	c.Out.Array(len(fields))
	for _, field := range fields {
		switch old, there := h.Expiry(field); {
		case !there:
			c.Out.Int(fieldMissing)
		case !cond.allows(old, at):
			c.Out.Int(fieldUnchanged)
		default:
			c.Out.Int(change.one(field))
		}
	}
	change.end()
}

// fieldsChange gives fields of a hash an expiry, or takes it, or removes them, and emits that as one effect.
type fieldsChange struct {
	c       *Ctx
	r       store.Ref
	h       *store.Hash
	at      int64 // unix ms; 0 = they are to have none
	passed  bool  // they are removed, as it has passed, or as that is the command
	expires bool  // they count as expired then
	changed [][]byte
}

// changeFields begins a change of fields to the expiry at, of which one that has passed stands for their removal; or, with persist, to none.
func (c *Ctx) changeFields(r store.Ref, h *store.Hash, at int64, persist bool, room [][]byte) fieldsChange {
	return fieldsChange{c: c, r: r, h: h, at: at, passed: !persist && c.passed(at), expires: true, changed: room}
}

// one changes a field, which is there.
func (f *fieldsChange) one(field []byte) (reply int64) {
	f.changed = append(f.changed, field)
	if f.passed {
		f.h.Delete(field)
		return fieldDeleted
	}
	f.h.SetExpiry(field, f.at)
	return fieldChanged
}

// end emits what has changed.
func (f *fieldsChange) end() {
	if len(f.changed) == 0 {
		return
	}
	c := f.c
	if f.passed && f.expires {
		c.KS.CountExpiredFields(f.r.Slot, len(f.changed))
	}
	c.byValue()
	if c.delEmptied(f.r, f.h) {
		return
	}
	var room [5 + fewFields][]byte
	words := room[:0]
	// A moment has 15 digits at most, and the number of a request's arguments 7.
	at, n := c.eff.num[:0:16], c.eff.num[16:16]
	switch {
	case f.passed:
		words = append(words, hdelName, f.r.Key)
	case f.at == 0:
		words = append(words, hpersistName, f.r.Key, fieldsName, strconv.AppendInt(n, int64(len(f.changed)), 10))
	default:
		words = append(words, hpexpireatName, f.r.Key, strconv.AppendInt(at, f.at, 10), fieldsName,
			strconv.AppendInt(n, int64(len(f.changed)), 10))
	}
	c.ReplicateAs(f.r.Slot, f.r.DB, append(words, f.changed...)...)
}

// fewFields is how many fields a command may change without allocating.
const fewFields = 8

var (
	hpexpireatName = []byte("HPEXPIREAT")
	hpersistName   = []byte("HPERSIST")
)

// hashHpersist is HPERSIST: https://redis.io/docs/latest/commands/hpersist/
func hashHpersist(c *Ctx) {
	_, h, ok := c.findHash()
	if !ok {
		return
	}
	fields, ok := c.fields(2, errFieldsCount)
	if !ok {
		return
	}
	c.Out.Array(len(fields))
	for _, field := range fields {
		h.Bury(field)
		switch at, there := h.Expiry(field); {
		case !there:
			c.Out.Int(fieldMissing)
		case at == 0:
			c.Out.Int(fieldNoExpiry)
		default:
			h.SetExpiry(field, 0)
			c.touched()
			c.Out.Int(fieldChanged)
		}
	}
}

// hashHttl is HTTL: https://redis.io/docs/latest/commands/httl/
func hashHttl(c *Ctx) { c.fieldTimes(afterSeconds) }

// hashHpttl is HPTTL: https://redis.io/docs/latest/commands/hpttl/
func hashHpttl(c *Ctx) { c.fieldTimes(afterMillis) }

// hashHexpiretime is HEXPIRETIME: https://redis.io/docs/latest/commands/hexpiretime/
func hashHexpiretime(c *Ctx) { c.fieldTimes(atSeconds) }

// hashHpexpiretime is HPEXPIRETIME: https://redis.io/docs/latest/commands/hpexpiretime/
func hashHpexpiretime(c *Ctx) { c.fieldTimes(atMillis) }

// fieldTimes replies when fields expire. Seconds are rounded up.
func (c *Ctx) fieldTimes(unit expiryUnit) {
	h, ok := c.readHash()
	if !ok {
		return
	}
	fields, ok := c.fields(2, errFieldsCount)
	if !ok {
		return
	}
	c.Out.Array(len(fields))
	for _, field := range fields {
		switch at, there := h.Expiry(field); {
		case !there:
			c.Out.Int(fieldMissing)
		case at == 0:
			c.Out.Int(fieldNoExpiry)
		default:
			if unit.relative() {
				at -= c.Now
			}
			if unit.seconds() {
				at = (at + 999) / 1000
			}
			c.Out.Int(at)
		}
	}
}
