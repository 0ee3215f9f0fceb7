package command

import "testing"

// TestStreamWaiters: XREAD and XREADGROUP wait for entries, for those after what "$" was when they began, and end when their stream or
// their group goes.
func TestStreamWaiters(t *testing.T) {
	type m = map[int]string
	entry := func(id string) string { return "*1|*2|$3|" + id + "|*2|$1|f|$1|v|" }
	read := func(id string) string { return "*1|*2|$4|{t}s|" + entry(id) }
	for _, tc := range []struct {
		name  string
		steps []waitStep
	}{
		{"all readers get an entry", []waitStep{
			{0, "XADD {t}s 1-1 f v", m{0: "$3|1-1|"}},
			{1, "XREAD BLOCK 0 STREAMS {t}s $", nil},
			{2, "XREAD BLOCK 0 STREAMS {t}s {t}x 1-1 0", nil},
			{3, "XREAD BLOCK 0 STREAMS {t}s 2-0", nil},
			{0, "XADD {t}s 1-2 f v", m{0: "$3|1-2|", 1: read("1-2"), 2: read("1-2")}},
			{0, "XADD {t}s 2-1 f v", m{0: "$3|2-1|", 3: read("2-1")}},
			{1, "XREAD BLOCK 0 STREAMS {t}s 1-2", m{1: read("2-1")}},
		}},
		{"a stream that is not there yet, and another type", []waitStep{
			{1, "XREAD BLOCK 0 STREAMS {t}s $", nil},
			{0, "SET {t}s x", m{0: "+OK|"}},
			{2, "XREAD BLOCK 0 STREAMS {t}s 0", m{2: "-WRONGTYPE Operation against a key holding the wrong kind of value|"}},
			{0, "DEL {t}s", m{0: ":1|"}},
			{0, "XADD {t}s 1-1 f v", m{0: "$3|1-1|", 1: read("1-1")}},
		}},
		{"of a group each gets one", []waitStep{
			{0, "XGROUP CREATE {t}s g $ MKSTREAM", m{0: "+OK|"}},
			{1, "XREADGROUP GROUP g a BLOCK 0 STREAMS {t}s >", nil},
			{2, "XREADGROUP GROUP g b BLOCK 0 STREAMS {t}s >", nil},
			{0, "XADD {t}s 1-1 f v", m{0: "$3|1-1|", 1: read("1-1")}},
			{0, "XADD {t}s 1-2 f v", m{0: "$3|1-2|", 2: read("1-2")}},
			{0, "XPENDING {t}s g", m{0: "*4|:2|$3|1-1|$3|1-2|*2|*2|$1|a|$1|1|*2|$1|b|$1|1|"}},
		}},
		{"the group goes, the stream goes", []waitStep{
			{0, "XGROUP CREATE {t}s g $ MKSTREAM", m{0: "+OK|"}},
			{0, "XGROUP CREATE {t}s h $", m{0: "+OK|"}},
			{1, "XREADGROUP GROUP g a BLOCK 0 STREAMS {t}s >", nil},
			{2, "XREADGROUP GROUP h a BLOCK 0 STREAMS {t}s >", nil},
			{0, "XGROUP DESTROY {t}s g", m{0: ":1|", 1: "-" + errReadGroupGone + "|"}},
			{0, "DEL {t}s", m{0: ":1|", 2: "-" + errReadGone + "|"}},
		}},
		{"an entry that is trimmed at once", []waitStep{
			{0, "XGROUP CREATE {t}s g $ MKSTREAM", m{0: "+OK|"}},
			{1, "XREAD BLOCK 0 STREAMS {t}s $", nil},
			{2, "XREADGROUP GROUP g a BLOCK 0 STREAMS {t}s >", nil},
			{0, "XADD {t}s MAXLEN 0 1-1 f v", m{0: "$3|1-1|", 1: "*1|*2|$4|{t}s|*0|", 2: "*1|*2|$4|{t}s|*0|"}},
			{1, "XREAD BLOCK 0 STREAMS {t}s 0", nil}, // it is there no longer for those who come
		}},
		{"a key named twice", []waitStep{
			{1, "XREAD BLOCK 0 STREAMS {t}s {t}x {t}s 1-1 0 0", nil},
			{0, "XADD {t}s 1-1 f v", m{0: "$3|1-1|"}},
			{0, "XADD {t}s 1-2 f v", m{0: "$3|1-2|", 1: read("1-2")}},
		}},
		{"a stream takes another one's place", []waitStep{
			{0, "XADD {t}x 1-1 f v", m{0: "$3|1-1|"}},
			{0, "XGROUP CREATE {t}x g 0", m{0: "+OK|"}},
			{0, "XGROUP CREATE {t}s g $ MKSTREAM", m{0: "+OK|"}},
			{0, "XGROUP CREATE {t}s h $", m{0: "+OK|"}},
			{1, "XREAD BLOCK 0 STREAMS {t}s $", nil},
			{2, "XREADGROUP GROUP g a BLOCK 0 STREAMS {t}s >", nil},
			{3, "XREADGROUP GROUP h a BLOCK 0 STREAMS {t}s >", nil},
			{0, "RENAME {t}x {t}s", m{0: "+OK|", 1: read("1-1"), 2: read("1-1"), 3: "-" + errReadGroupGone + "|"}},
			{0, "XPENDING {t}s g", m{0: "*4|:1|$3|1-1|$3|1-1|*1|*2|$1|a|$1|1|"}},
		}},
		{"both keys of RENAME: the new one first", []waitStep{
			{0, "XGROUP CREATE {t}x g $ MKSTREAM", m{0: "+OK|"}},
			{0, "XGROUP CREATE {t}s g $ MKSTREAM", m{0: "+OK|"}},
			{1, "XREADGROUP GROUP g a BLOCK 0 STREAMS {t}x {t}s > >", nil},
			{0, "XADD {t}y 1-1 f v", m{0: "$3|1-1|"}},
			{0, "XGROUP CREATE {t}y g 0", m{0: "+OK|"}},
			{2, "XREADGROUP GROUP g b BLOCK 0 STREAMS {t}x {t}s > >", nil},
			{0, "RENAME {t}y {t}s", m{0: "+OK|", 1: read("1-1")}},
			{0, "RENAME {t}s {t}x", m{0: "+OK|", 2: "-" + errReadGone + "|"}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { newWaitingNode(WaitLimits{Number: 100, Bytes: 1 << 20}).play(t, tc.steps) })
	}
}
