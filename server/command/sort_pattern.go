package command

import (
	"bytes"

	"ringcache/server/store"
)

// sortPattern is a pattern of BY or GET: "weight_*", "object_*->name", or "#", the element itself. For each element the first '*' is
// replaced by it, which gives a key, of which the string, or one field of the hash, is meant.
type sortPattern struct {
	self          bool // "#"
	before, after []byte
	star          bool   // without one, it never means anything
	field         []byte // nil for a string
}

var arrow = []byte("->")

// parseSortPattern takes a pattern apart. '*' and "->" count in front of the first zero byte only, as for C.
func parseSortPattern(text []byte) (p sortPattern) {
	seen := cString(text)
	if len(seen) == 1 && seen[0] == '#' {
		return sortPattern{self: true}
	}
	at := bytes.IndexByte(seen, '*')
	if at < 0 {
		return p
	}
	p.star, p.before, p.after = true, text[:at], text[at+1:]
	if f := bytes.Index(seen[at+1:], arrow); f >= 0 && at+1+f+len(arrow) < len(seen) {
		p.after, p.field = p.after[:f], p.after[f+len(arrow):]
	}
	return p
}

// inSlot reports whether every key that p may mean lies in the slot of key: whether a hash tag that ends before the element says so.
func (c *Ctx) inSlot(p *sortPattern, key []byte) bool {
	if !p.star {
		return true
	}
	_, tag, ok := bytes.Cut(p.before, []byte("{"))
	return ok && bytes.IndexByte(tag, '}') > 0 && c.SlotOf(p.before) == c.SlotOf(key)
}

// meaning finds what p means for an element, which lies in s's memory; false is nothing. It is valid until the next call.
func (s *sorting) meaning(c *Ctx, p *sortPattern, elem []byte) (val store.Element, ok bool) {
	if p.self {
		return store.Element{Str: elem}, true
	}
	if !p.star {
		return val, false
	}
	s.key = append(append(append(s.key[:0], p.before...), elem...), p.after...)
	r := c.KS.Ref(s.slot, c.DB, s.key)
	switch it := c.read(r); {
	case !it.Exists():
	case p.field != nil && it.Type() == store.TypeHash:
		h := c.KS.Hash(r, it, c.Now, c.eff.applying)
		return h.Get(p.field)
	case p.field == nil && it.Type() == store.TypeString:
		return store.Element{Str: it.Value()}, true
	}
	return val, false
}
