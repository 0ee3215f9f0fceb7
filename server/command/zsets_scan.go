package command

import (
	"math"
	"strconv"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// zsetScan is ZSCAN: https://redis.io/docs/latest/commands/zscan/
//
// The cursor is a position in the order of hashes, as that of SCAN within a slot; a small set is the answer to one call.
func zsetScan(c *Ctx) {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		c.Out.Error(resp.ErrInvalidCursor)
		return
	}
	s, ok := c.zsetToRead(1)
	if !ok {
		return
	}
	var o scanOptions
	if s.Len() > 0 { // Redis looks at them only then
		if o, ok = c.memberScanOptions(3); !ok {
			return
		}
	}
	members := c.Out
	members.B = nil
	next, found := uint64(0), 0
	if s.Len() > 0 && cursor>>scanHashBits == 0 {
		var digits, score [32]byte
		next, _ = s.Scan(cursor<<(64-scanHashBits), int(min(o.count, math.MaxInt32)), func(e store.Element, f float64) {
			text := e.Str
			if e.IsInt {
				text = strconv.AppendInt(digits[:0], e.Int, 10)
			}
			if o.pattern != nil && !globMatch(o.pattern, text) {
				return
			}
			members.Bulk(text)
			if s.Small() {
				members.Bulk(store.AppendScore(score[:0], f))
			} else {
				members.Bulk(resp.AppendDouble(score[:0], f))
			}
			found += 2
		})
	}
	c.Out.Array(2)
	var digits [20]byte
	c.Out.Bulk(strconv.AppendUint(digits[:0], next>>(64-scanHashBits), 10))
	c.Out.Array(found)
	c.Out.Raw(members.B)
}
