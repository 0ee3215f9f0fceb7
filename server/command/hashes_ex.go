package command

import (
	"strconv"

	"ringcache/server/store"
)

// hashHgetdel is HGETDEL: https://redis.io/docs/latest/commands/hgetdel/
func hashHgetdel(c *Ctx) {
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	fields, ok := c.fields(2, errFieldsCount)
	if !ok {
		return
	}
	var room [fewFields][]byte
	change := fieldsChange{c: c, r: r, h: &h, passed: true, changed: room[:0]}
	c.Out.Array(len(fields))
	for _, field := range fields {
		val, there := h.Get(field)
		if !there {
			c.Out.Null()
			continue
		}
		c.part(val)
		change.one(field)
	}
	change.end()
}

// hashHgetex is HGETEX: https://redis.io/docs/latest/commands/hgetex/
func hashHgetex(c *Ctx) {
	o, ok := c.exOptions(false)
	if !ok {
		return
	}
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	var room [fewFields][]byte
	change := c.changeFields(r, &h, o.at, o.keep, room[:0])
	c.Out.Array(len(o.fields))
	for _, field := range o.fields {
		val, there := h.Get(field)
		if !there {
			c.Out.Null()
			continue
		}
		c.part(val)
		if old, _ := h.Expiry(field); o.expires || o.keep && old != 0 {
			change.one(field)
		}
	}
	change.end()
}

// hashHsetex is HSETEX: https://redis.io/docs/latest/commands/hsetex/
func hashHsetex(c *Ctx) {
	o, ok := c.exOptions(true)
	if !ok {
		return
	}
	r, h, ok := c.findHash()
	if !ok {
		return
	}
	for i := 0; (o.fnx || o.fxx) && i < len(o.fields); i += 2 {
		if _, there := h.Get(o.fields[i]); there == o.fnx {
			c.Out.Int(0)
			return
		}
	}
	if o.expires && c.passed(o.at) {
		c.dropFields(r, &h, o.fields)
	} else {
		c.setFieldsEx(r, &h, &o)
	}
	c.Out.Int(1)
}

// dropFields removes the fields of pairs that are to be set with an expiry that has passed.
func (c *Ctx) dropFields(r store.Ref, h *store.Hash, pairs [][]byte) {
	var room [fewFields][]byte
	change := fieldsChange{c: c, r: r, h: h, passed: true, expires: true, changed: room[:0]}
	for i := 0; i < len(pairs); i += 2 {
		if _, there := h.Get(pairs[i]); there {
			change.one(pairs[i])
		}
	}
	change.end()
}

// setFieldsEx sets the pairs of HSETEX.
func (c *Ctx) setFieldsEx(r store.Ref, h *store.Hash, o *exOptions) {
	at := o.at
	if o.keep {
		at = store.KeepExpiry
	}
	longest := 0
	for _, arg := range o.fields {
		longest = max(longest, len(arg))
	}
	h.Widen(longest)
	for i := 0; i < len(o.fields); i += 2 {
		if o.keep {
			h.Bury(o.fields[i])
		}
		h.Set(o.fields[i], o.fields[i+1], at)
	}
	var room [6 + 2*fewFields][]byte
	words := append(room[:0], hsetexName, r.Key)
	switch {
	case o.keep:
		words = append(words, keepttlName)
	case o.expires:
		words = append(words, pxatName, strconv.AppendInt(c.eff.num[:0:16], o.at, 10))
	}
	words = append(words, fieldsName, strconv.AppendInt(c.eff.num[16:16], int64(len(o.fields)/2), 10))
	c.ReplicateAs(r.Slot, r.DB, append(words, o.fields...)...)
}

// exOptions are the options of HGETEX and HSETEX, and what follows FIELDS and the number.
type exOptions struct {
	fnx, fxx bool
	keep     bool // KEEPTTL, PERSIST
	expires  bool
	at       int64 // unix ms, where it expires
	fields   [][]byte
}

// exOptions reads the arguments from position 2 on, or replies the error. set is HSETEX, where each field has a value.
func (c *Ctx) exOptions(set bool) (o exOptions, ok bool) {
	keep, shown := "persist", "PERSIST"
	if set {
		keep, shown = "keepttl", "KEEPTTL"
	}
	for i := 2; i < len(c.Args); i++ {
		arg := c.Args[i]
		unit, isUnit := expiryOption(arg)
		switch {
		case is(arg, "fields"):
			return o, c.exFields(&o, i+1, set)
		case (isUnit || is(arg, keep)) && (o.expires || o.keep):
			c.Out.Error("ERR Only one of EX, PX, EXAT, PXAT or " + shown + " arguments can be specified")
			return o, false
		case is(arg, keep):
			o.keep = true
		case isUnit && i+1 == len(c.Args):
			c.Out.Error("ERR missing expire time")
			return o, false
		case isUnit:
			i++
			o.expires = true
			if o.at, ok = c.fieldExpiry(i, unit); !ok {
				return o, false
			}
		case set && (is(arg, "fnx") || is(arg, "fxx")):
			if o.fnx || o.fxx {
				c.Out.Error("ERR Only one of FXX or FNX arguments can be specified")
				return o, false
			}
			o.fnx, o.fxx = is(arg, "fnx"), is(arg, "fxx")
		default:
			c.Out.Error("ERR unknown argument: " + cstring(arg))
			return o, false
		}
	}
	c.wrongArity()
	return o, false
}

// exFields reads the number at position i and all that follows as fields, with their values where they have some.
func (c *Ctx) exFields(o *exOptions, i int, values bool) (ok bool) {
	per := int64(1)
	if values {
		per = 2
	}
	if i >= len(c.Args) {
		c.wrongArity()
		return false
	}
	n, ok := store.ParseInt(c.Args[i])
	o.fields = c.Args[i+1:]
	switch {
	case !ok || n < 1:
		c.Out.Error("ERR invalid number of fields")
		return false
	case int64(len(o.fields))%per != 0 || n != int64(len(o.fields))/per:
		c.wrongArity()
		return false
	}
	return true
}
