package oracle

import (
	"strconv"
	"strings"
)

// setMakes make the commands of the family. What SPOP takes is chance: here it takes all or nothing, as two servers would part ways
// otherwise. See popMakes.
var setMakes = []make1{
	{weight: 20, fn: func(g *Gen) []string { return g.members("sadd") }},
	{weight: 4, fn: genSaddMany},
	{weight: 14, fn: func(g *Gen) []string { return g.members("srem") }},
	{weight: 4, fn: func(g *Gen) []string { return []string{"sismember", g.setKey(), g.member()} }},
	{weight: 3, fn: func(g *Gen) []string { return g.members("smismember") }},
	{weight: 4, fn: func(g *Gen) []string { return []string{"smembers", g.setKey()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"scard", g.setKey()} }},
	{weight: 1, fn: func(g *Gen) []string {
		return []string{"spop", g.setKey(), g.pick("1000000", "0", "-1", "x", "9223372036854775807", "9223372036854775808", "1.5", "")}
	}, exact: true},
	{weight: 3, fn: genSrandmember},
	{weight: 32, fn: genSmove, oneSlot: true},
	{weight: 8, fn: func(g *Gen) []string { return g.nearKeys(g.pick("sinter", "sunion", "sdiff")) }, oneSlot: true},
	{weight: 14, fn: func(g *Gen) []string {
		return g.nearKeys(g.pick("sinterstore", "sunionstore", "sdiffstore"))
	}, oneSlot: true},
	{weight: 4, fn: genSintercard, oneSlot: true},
	{weight: 3, fn: genSscan},
	{weight: 2, fn: genSetRestore},
}

// popMakes make commands that take away members by chance.
var popMakes = []make1{
	{weight: 3, fn: func(g *Gen) []string { return []string{"spop", g.setKey()} }},
	{weight: 4, fn: func(g *Gen) []string { return []string{"spop", g.setKey(), strconv.Itoa(g.rnd.IntN(20))} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"spop", g.setKey(), strconv.Itoa(g.rnd.IntN(700))} }},
}

// setNormal makes equal what may differ in replies of the family.
// setPayload is the type of the payload of a set that is not of integers.
const setPayload = 2

var setNormal = map[string]normalizer{
	"smembers": anyOrder, "sinter": anyOrder, "sunion": anyOrder, "sdiff": anyOrder,
	"spop": func(args [][]byte, reply []byte) string {
		if len(args) == 3 && len(args[2]) > 3 { // all of them
			return anyOrder(args, reply)
		}
		return shape(reply)
	},
	"srandmember": func(_ [][]byte, reply []byte) string { return shape(reply) },
	"sscan": func(args [][]byte, reply []byte) string { // [cursor, members]: only whole scans, of one call, compare
		parts := elements(reply)
		if len(parts) != 2 || !wholeScan(args[1:]) {
			return "a scan"
		}
		return parts[0] + anyOrder(args, []byte(parts[1]))
	},
	"dump": func(_ [][]byte, reply []byte) string {
		if _, payload, _ := strings.Cut(string(reply), "\r\n"); len(payload) > 1 && payload[0] == 2 {
			return "a set of members in any order, beginning with " + strconv.Itoa(int(payload[1])) // their number
		}
		return ""
	},
}

// anyOrder is an aggregate whose elements come in any order.
func anyOrder(_ [][]byte, reply []byte) string {
	head, _, _ := strings.Cut(string(reply), "\r\n")
	return head + strings.Join(sorted(elements(reply)), "")
}

// shape is what is no chance in a reply that is drawn: how many elements it has, or that it is null.
func shape(reply []byte) string {
	head, _, _ := strings.Cut(string(reply), "\r\n")
	if head[0] == '$' && head != "$-1" {
		return "a member"
	}
	return head
}

// member is a member of a set: mostly a small integer, so that sets have some in common.
func (g *Gen) member() string {
	switch g.rnd.IntN(12) {
	case 0:
		return g.value()
	case 1:
		return g.pick("32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649")
	case 2, 3:
		return g.pick("a", "b", "c", "member", strings.Repeat("m", 63), strings.Repeat("m", 64), strings.Repeat("m", 65))
	default:
		return strconv.Itoa(g.rnd.IntN(24) - 4)
	}
}

// setKey is a key, most often one that hardly anything but sets is set to: they should live a while, and meet.
func (g *Gen) setKey() string {
	if g.chance(3) {
		return g.key()
	}
	return g.pick("{a}set", "{a}set2")
}

func (g *Gen) members(name string) []string {
	words := []string{name, g.setKey()}
	if g.chance(2) { // integers only: sets of nothing else should live a while
		for range 1 + g.rnd.IntN(6) {
			words = append(words, strconv.Itoa(g.rnd.IntN(12)))
		}
		return words
	}
	for range 1 + g.rnd.IntN(5) {
		words = append(words, g.member())
	}
	return words
}

// genSaddMany adds about as many members as the small forms hold.
func genSaddMany(g *Gen) []string {
	words := []string{g.pick("sadd", "sadd", "srem"), g.setKey()}
	first, prefix := g.rnd.IntN(100), g.pick("", "", "m")
	for i := range g.pick2(20, 130, 520) + g.rnd.IntN(12) {
		words = append(words, prefix+strconv.Itoa(first+i))
	}
	return words
}

func (g *Gen) pick2(choices ...int) int { return choices[g.rnd.IntN(len(choices))] }

// nearKeys is a command with keys of one slot, if that has to be.
func (g *Gen) nearKeys(name string) []string {
	key := g.setKey()
	words := []string{name, key}
	for range g.rnd.IntN(4) {
		if strings.HasPrefix(key, "{a}") && g.chance(2) {
			words = append(words, g.pick("{a}set", "{a}set2"))
		} else {
			words = append(words, g.near(key))
		}
	}
	return words
}

func genSrandmember(g *Gen) []string {
	words := []string{"srandmember", g.setKey()}
	if g.chance(3) {
		return words
	}
	if g.chance(8) {
		return append(words, g.pick("9223372036854775807", "-9223372036854775808", "9223372036854775808", "x", "", "1.5", "0"))
	}
	return append(words, strconv.Itoa(g.rnd.IntN(60)-30))
}

func genSmove(g *Gen) []string {
	key := g.setKey()
	to := g.near(key)
	if strings.HasPrefix(key, "{a}") && g.chance(2) {
		to = g.pick("{a}set", "{a}set2")
	}
	return []string{"smove", key, to, g.pick("1", "2", "3", "4", "100", g.member())}
}

func genSintercard(g *Gen) []string {
	words := g.nearKeys("sintercard")
	keys := words[1:]
	words = append([]string{"sintercard", strconv.Itoa(len(keys))}, keys...)
	if g.chance(10) {
		words[1] = g.pick("0", "-1", "x", "70", "9223372036854775807")
	}
	for g.chance(3) {
		words = append(words, g.pick("LIMIT", "limit", "LIMIT", "limi"), g.pick("0", "1", "2", "3", "100", "-1", "x"))
	}
	if g.chance(15) {
		words = append(words, "LIMIT")
	}
	return words
}

// genSscan makes scans that see all members in one call.
func genSscan(g *Gen) []string {
	words := []string{
		"sscan", g.setKey(), g.pick("0", "0", "0", "0", "x", "-", "99999999999999999999"), "COUNT", g.pick("1000000", "1000000", "0", "-1", "x"),
	}
	if g.chance(2) {
		words = append(words, "MATCH", g.pick("*", "1*", "?", "[12]*", "m*", "nosuch"))
	}
	if g.chance(10) {
		words = append(words, g.pick("TYPE", "MATCH", "x"))
	}
	return words
}

// setPayloads are what redis-server 7.0.15 answers to DUMP of sets: of a string, of strings and an integer, and of integers of three
// widths.
var setPayloads = []string{
	"\x02\x01\x01x\n\x00\xff\xe8\x80\xbav\x0c/\t",
	"\x02\x05\x00\x01x\xc0\a\x01y\xc2\xa0\x86\x01\x00\n\x00\xfdE\xa6Qa\xe1\x10\x0e",
	"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00\n\x00\xa5\x02\\\xe2mnM\x1b",
	"\x0b\x10\x04\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\xff@\x9c\x00\x00\n\x00\xb2\xd8\xad\x84\xd8\xa0\xe0\xe1",
	"\x0b\xc3\x18 \x04\b\x00\x00\x00\x03 \x03\x01\xfa\xff\x80\x00\x00\x05 \x0b@\x00\x80\r\x01\xff\x7f\n\x00\xaf\x94\xb4\xd6\x1corT",
}

func genSetRestore(g *Gen) []string {
	words := []string{"restore", g.key(), "0", g.pick(setPayloads...)}
	if !g.chance(4) {
		words = append(words, "REPLACE")
	}
	return words
}
