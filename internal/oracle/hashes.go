package oracle

import (
	"fmt"
	"strconv"
	"strings"
)

// hashMakes make the commands of the family, and some that meet hashes.
var hashMakes = []make1{
	{weight: 16, fn: genHset},
	{weight: 3, fn: func(g *Gen) []string { return []string{"hsetnx", g.hashKey(), g.field(), g.fieldValue()} }},
	{weight: 5, fn: func(g *Gen) []string { return []string{"hget", g.hashKey(), g.field()} }},
	{weight: 4, fn: func(g *Gen) []string { return g.fields("hmget", g.hashKey()) }},
	{weight: 4, fn: func(g *Gen) []string { return []string{g.pick("hgetall", "hkeys", "hvals"), g.hashKey()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"hlen", g.hashKey()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{g.pick("hstrlen", "hexists"), g.hashKey(), g.field()} }},
	{weight: 6, fn: func(g *Gen) []string { return g.fields("hdel", g.hashKey()) }},
	{weight: 5, fn: func(g *Gen) []string { return []string{"hincrby", g.hashKey(), g.field(), g.integer()} }},
	{weight: 5, fn: func(g *Gen) []string { return []string{"hincrbyfloat", g.hashKey(), g.field(), g.float()} }},
	{weight: 4, fn: genHrandfield},
	{weight: 4, fn: genHscan},
	{weight: 4, fn: func(g *Gen) []string { return []string{"object", "encoding", g.hashKey()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("del", "persist", "type"), g.key()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"set", g.key(), "7"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"expire", g.key(), g.after(1)} }},
	{weight: 1, fn: genRename, oneSlot: true},
	{weight: 1, fn: genCopy, oneSlot: true},
}

// hashKey is most times one of few, so that among commands of all types hashes live for a while.
func (g *Gen) hashKey() string {
	if g.chance(3) {
		return g.key()
	}
	return g.pick("{b}3", "{b}3", "{b}3", "n3")
}

// field is a field of a hash: one of so many that hashes of few and of many come about.
func (g *Gen) field() string {
	switch g.rnd.IntN(12) {
	case 0:
		return g.pick("", "\x00\r\n\xff", strings.Repeat("x", 64), strings.Repeat("x", 65), "9223372036854775807", "-129", "70000", "4095")
	case 1:
		return strconv.Itoa(g.rnd.IntN(30) - 5)
	case 2, 3, 4, 5, 6, 7, 8:
		return g.pick("f", "f", "f", "a", "field")
	}
	return "m" + strconv.Itoa(g.rnd.IntN(24))
}

func (g *Gen) fieldValue() string {
	if g.chance(30) {
		return strings.Repeat("v", 60+g.rnd.IntN(10))
	}
	return g.value()
}

// fields adds some fields to words.
func (g *Gen) fields(words ...string) []string {
	for range 1 + g.rnd.IntN(4) {
		words = append(words, g.field())
	}
	return words
}

func genHset(g *Gen) []string {
	words := []string{g.pick("hset", "hset", "hmset"), g.hashKey()}
	n := 1 + g.rnd.IntN(4)
	if g.chance(15) {
		n = 30
	}
	for range n {
		words = append(words, g.field(), g.fieldValue())
	}
	if g.chance(20) {
		words = words[:len(words)-1]
	}
	return words
}

func genHrandfield(g *Gen) []string {
	words := []string{"hrandfield", g.hashKey()}
	if g.chance(4) {
		return words
	}
	words = append(words, g.pick("0", "1", "2", "5", "20", "1000", "1000", "-1", "-3", "-50", "x", "4611686018427387904",
		"-9223372036854775808", "9223372036854775807", "1.5"))
	if !g.chance(3) {
		words = append(words, g.pick("WITHVALUES", "withvalues"))
	}
	if g.chance(20) {
		words = append(words, g.pick("WITHVALUES", "x"))
	}
	return words
}

func genHscan(g *Gen) []string {
	words := []string{"hscan", g.hashKey(), g.pick("0", "0", "0", "0", "x", "-", "1x", "99999999999999999999")}
	if !g.chance(8) {
		words = append(words, "COUNT", g.pick("1000000", "1000000", "1000000", "0", "-1", "x"))
	}
	if g.chance(2) {
		words = append(words, "MATCH", g.pick("*", "m*", "*1", "[a-f]", "?", "-*", "x*", ""))
	}
	if g.chance(20) {
		words = append(words, g.pick("TYPE", "COUNT", "MATCH", "x"))
	}
	return words
}

// hashExpiryMakes make commands of Redis 7.4 and 8.0, with expiries that pass soon.
var hashExpiryMakes = []make1{
	{weight: 28, fn: genHexpire},
	{weight: 4, fn: func(g *Gen) []string {
		return append([]string{g.pick("httl", "hpttl", "hexpiretime", "hpexpiretime"), g.hashKey()}, g.counted(false)...)
	}},
	{weight: 8, fn: func(g *Gen) []string { return append([]string{"hpersist", g.hashKey()}, g.counted(false)...) }},
	{weight: 4, fn: func(g *Gen) []string { return append([]string{"hgetdel", g.hashKey()}, g.counted(false)...) }},
	{weight: 4, fn: func(g *Gen) []string {
		return append(append([]string{"hgetex", g.hashKey()}, g.soon("PERSIST")...), g.counted(false)...)
	}},
	{weight: 10, fn: func(g *Gen) []string {
		words := []string{"hsetex", g.hashKey()}
		if g.chance(3) {
			words = append(words, g.pick("FNX", "FXX"))
		}
		return append(append(words, g.soon("KEEPTTL")...), g.counted(true)...)
	}},
}

// counted are FIELDS, their number and some fields, with values or without.
func (g *Gen) counted(values bool) []string {
	var fields []string
	n := 1 + g.rnd.IntN(4)
	for range n {
		fields = append(fields, g.field())
		if values {
			fields = append(fields, g.fieldValue())
		}
	}
	if g.chance(25) {
		n = g.rnd.IntN(5) - 1
	}
	return append([]string{g.pick("FIELDS", "fields"), strconv.Itoa(n)}, fields...)
}

// soon is an expiry that passes within seconds, or the other word, or nothing.
func (g *Gen) soon(other string) []string {
	switch g.rnd.IntN(5) {
	case 0:
		return []string{"EX", strconv.Itoa(g.rnd.IntN(3))}
	case 1, 2:
		return []string{"PX", strconv.Itoa(g.rnd.IntN(3000))}
	case 3:
		return []string{other}
	}
	return nil
}

func genHexpire(g *Gen) []string {
	name := g.pick("hexpire", "hpexpire", "hexpireat", "hpexpireat")
	when := strconv.Itoa(g.rnd.IntN(3000))
	switch name {
	case "hexpire":
		when = g.pick("0", "1", "2", "100000")
	case "hexpireat":
		when = g.pick("0", "1", g.farMoment(1), g.farMoment(1))
	case "hpexpireat":
		when = g.moment(1000)
	}
	words := []string{name, g.hashKey(), when}
	if g.chance(3) {
		words = append(words, g.pick("NX", "XX", "GT", "LT"))
	}
	return append(words, g.counted(false)...)
}

// hashPayload is the type of the payload of a large hash.
const hashPayload = 4

// hashNormal makes equal what may differ in replies of the family: the order of fields, and which are drawn.
var hashNormal = map[string]normalizer{
	"hgetall": func(_ [][]byte, reply []byte) string {
		return string(reply[:1]) + strings.Join(sorted(inPairs(elements(reply))), "")
	},
	"hkeys": sortedReply,
	"hvals": sortedReply,
	"hrandfield": func(args [][]byte, reply []byte) string {
		switch parts := elements(reply); {
		case len(args) == 2 && reply[0] == '$' && string(reply) != "$-1\r\n":
			return "a field"
		case len(args) == 2 || reply[0] != '*' || len(parts) == 0:
			return string(reply)
		case string(args[2]) != "1000" || len(args) > 3 && parts[0][0] != '*':
			return fmt.Sprintf("%d of %c", len(parts), parts[0][0])
		default:
			return strings.Join(sorted(parts), "")
		}
	},
	"hscan": func(args [][]byte, reply []byte) string {
		parts := elements(reply)
		if len(parts) != 2 || !wholeScan(args[1:]) {
			return "a scan"
		}
		return parts[0] + strings.Join(sorted(inPairs(elements([]byte(parts[1])))), "")
	},
}

func sortedReply(_ [][]byte, reply []byte) string { return strings.Join(sorted(elements(reply)), "") }

// inPairs joins each two elements.
func inPairs(parts []string) []string {
	var pairs []string
	for i := 0; i+1 < len(parts); i += 2 {
		pairs = append(pairs, parts[i]+parts[i+1])
	}
	return pairs
}
