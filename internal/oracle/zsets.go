package oracle

import (
	"slices"
	"strconv"
	"strings"
)

// zsetMakes make the commands of the family.
var zsetMakes = []make1{
	{weight: 20, fn: genZadd},
	{weight: 4, fn: genZaddMany},
	{weight: 5, fn: func(g *Gen) []string { return []string{"zincrby", g.zsetKey(), g.score(), g.member()} }},
	{weight: 20, fn: func(g *Gen) []string { return g.zmembers("zrem") }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"zscore", g.zsetKey(), g.member()} }},
	{weight: 2, fn: func(g *Gen) []string { return g.zmembers("zmscore") }},
	{weight: 2, fn: func(g *Gen) []string { return []string{"zcard", g.zsetKey()} }},
	{weight: 3, fn: func(g *Gen) []string { return []string{"zcount", g.zsetKey(), g.scoreEnd(), g.scoreEnd()} }},
	{weight: 4, fn: func(g *Gen) []string { return []string{g.pick("zrank", "zrevrank"), g.zsetKey(), g.member()} }},
	{weight: 10, fn: func(g *Gen) []string { return g.zrange([]string{"zrange", g.zsetKey()}, false) }},
	{weight: 6, fn: genZrangeOld},
	{weight: 5, fn: genZrangestore, oneSlot: true},
	{weight: 24, fn: genZremrange},
	{weight: 10, fn: genZpop},
	{weight: 8, fn: genZmpop, oneSlot: true},
	{weight: 3, fn: genZrandmember},
	{weight: 3, fn: genZscan},
	{weight: 6, fn: func(g *Gen) []string { return g.zoperation(g.pick("zunion", "zinter", "zdiff"), "") }, oneSlot: true},
	{weight: 16, fn: func(g *Gen) []string {
		key := g.zsetKey()
		return g.zoperation(g.pick("zunionstore", "zinterstore", "zdiffstore"), key)
	}, oneSlot: true},
	{weight: 3, fn: genZintercard, oneSlot: true},
	{weight: 6, fn: genZlexAlike, keep: true},
	{weight: 8, fn: func(g *Gen) []string { return g.zlex(lexKeys[g.rnd.IntN(len(lexKeys))]) }, keep: true},
	{weight: 8, fn: func(g *Gen) []string {
		return []string{"zremrangebylex", lexKeys[g.rnd.IntN(len(lexKeys))], g.lexEnd(), g.lexEnd()}
	}, keep: true},
	{weight: 2, fn: genZsetRestore},
}

// zsetNormal makes equal what may differ in replies of the family.
var zsetNormal = map[string]normalizer{
	"zrandmember": func(_ [][]byte, reply []byte) string { return shape(reply) },
	"zscan": func(args [][]byte, reply []byte) string { // [cursor, members and scores]: only whole scans, of one call, compare
		parts := elements(reply)
		if len(parts) != 2 || !wholeScan(args[1:]) {
			return "a scan"
		}
		flat := elements([]byte(parts[1]))
		var pairs []string
		for i := 0; i+1 < len(flat); i += 2 {
			pairs = append(pairs, flat[i]+flat[i+1])
		}
		slices.Sort(pairs)
		return parts[0] + strings.Join(pairs, "")
	},
	"dump": func(_ [][]byte, reply []byte) string {
		const lzf = "\xc3"
		if _, payload, _ := strings.Cut(string(reply), "\r\n"); len(payload) > 1 && payload[0] == 5 && strings.Contains(payload, lzf) {
			return "a sorted set with compressed members, beginning with " + strconv.Itoa(int(payload[1])) // their number
		}
		return ""
	},
}

// zrankWithScore reports whether a command is ZRANK or ZREVRANK with the option that Redis has from 7.2 on, or with what stands in its
// place: the server that we compare with counts arguments only.
func zrankWithScore(args [][]byte, want []byte) bool {
	name := strings.ToLower(string(args[0]))
	return len(args) > 3 && (name == "zrank" || name == "zrevrank") && strings.HasPrefix(string(want), "-ERR wrong number of arguments")
}

// score is a score: mostly a small number, so that many are equal.
func (g *Gen) score() string {
	switch g.rnd.IntN(16) {
	case 0:
		return g.float()
	case 1:
		return g.pick("inf", "-inf", "+inf", "Infinity", "-0", "0", "1e400", "1e-400", "0x1p4", "0x1f", "nan", "1_0", "4611686018427387904",
			"4611686018427387392", "1e17", "100000000000000000", "9007199254740993", "1e-310", "+5", "5.", ".5", "1e", " 1", "1 ", "x")
	case 2:
		return strconv.FormatFloat(g.rnd.NormFloat64()*1e3, 'g', -1, 64)
	case 3, 4:
		return strconv.FormatFloat(float64(g.rnd.IntN(40))/4, 'f', -1, 64)
	default:
		return strconv.Itoa(g.rnd.IntN(24) - 4)
	}
}

func (g *Gen) scoreEnd() string {
	switch g.rnd.IntN(12) {
	case 0:
		return g.pick("-inf", "+inf", "inf", "(inf", "(-inf", "", "(", "((1", "nan", "(nan", " 1", "( 1", "1 ", "1\x00x", "1e400", "0x5", "x")
	case 1, 2, 3:
		return "(" + g.score()
	case 4:
		return "-inf"
	case 5:
		return "+inf"
	}
	return g.score()
}

// zsetKey is a key, most often one that hardly anything but sorted sets is set to: they should live a while, and meet.
func (g *Gen) zsetKey() string {
	if g.chance(3) {
		return g.key()
	}
	return g.pick("{a}zset", "{a}zset2", "zset")
}

// zsetNear is a key of the same slot as key, or where CrossSlot allows it any.
func (g *Gen) zsetNear(key string) string {
	if strings.HasPrefix(key, "{a}") && !g.chance(3) {
		return g.pick("{a}zset", "{a}zset2")
	}
	if !g.opt.CrossSlot && !strings.HasPrefix(key, "{") {
		return key
	}
	return g.near(key)
}

func (g *Gen) zmembers(name string) []string {
	words := []string{name, g.zsetKey()}
	for range 1 + g.rnd.IntN(5) {
		words = append(words, g.pick(g.member(), strconv.Itoa(g.rnd.IntN(12))))
	}
	return words
}

func genZadd(g *Gen) []string {
	words := []string{"zadd", g.zsetKey()}
	for g.chance(3) {
		words = append(words, g.pick("nx", "xx", "gt", "LT", "ch", "CH", "incr", "gt", "x"))
	}
	for {
		words = append(words, g.score(), g.pick(g.member(), strconv.Itoa(g.rnd.IntN(12))))
		if g.chance(2) {
			break
		}
	}
	return words
}

// genZaddMany adds about as many members as the small form holds, or removes them.
func genZaddMany(g *Gen) []string {
	remove := g.chance(3)
	words := []string{"zadd", g.zsetKey()}
	if remove {
		words[0] = "zrem"
	}
	first, prefix := g.rnd.IntN(100), g.pick("", "", "m")
	for i := range g.pick2(10, 30, 130) + g.rnd.IntN(12) {
		if !remove {
			words = append(words, strconv.Itoa(g.rnd.IntN(1000)))
		}
		words = append(words, prefix+strconv.Itoa(first+i))
	}
	return words
}

// zrange adds a range to the words of ZRANGE or ZRANGESTORE.
func (g *Gen) zrange(words []string, storing bool) []string {
	kind := g.rnd.IntN(5)
	if kind < 2 {
		words = append(words, g.scoreEnd(), g.scoreEnd(), g.pick("byscore", "BYSCORE"))
	} else {
		words = append(words, g.rank(), g.rank())
	}
	if g.chance(3) {
		words = append(words, g.pick("rev", "REV"))
	}
	if kind < 2 && g.chance(3) || g.chance(20) {
		words = append(words, g.limit()...)
	}
	if !storing && g.chance(2) || g.chance(20) {
		words = append(words, g.pick("withscores", "WITHSCORES"))
	}
	if g.chance(30) {
		words = append(words, g.pick("bylex", "rev", "x", "limit", "byscore"))
	}
	return words
}

func (g *Gen) rank() string {
	if g.chance(12) {
		return g.integer()
	}
	return strconv.Itoa(g.rnd.IntN(24) - 12)
}

func (g *Gen) limit() []string {
	if g.chance(10) {
		return []string{"limit", g.integer(), g.integer()}
	}
	return []string{g.pick("limit", "LIMIT"), strconv.Itoa(g.rnd.IntN(8) - 1), strconv.Itoa(g.rnd.IntN(8) - 2)}
}

func genZrangeOld(g *Gen) []string {
	var words []string
	if g.chance(3) {
		words = []string{"zrevrange", g.zsetKey(), g.rank(), g.rank()}
	} else {
		words = []string{g.pick("zrangebyscore", "zrevrangebyscore"), g.zsetKey(), g.scoreEnd(), g.scoreEnd()}
		if g.chance(3) {
			words = append(words, g.limit()...)
		}
	}
	if g.chance(2) {
		words = append(words, "withscores")
	}
	if g.chance(20) {
		words = append(words, g.pick("rev", "bylex", "byscore", "limit", "x"))
	}
	return words
}

func genZrangestore(g *Gen) []string {
	key := g.zsetKey()
	return g.zrange([]string{"zrangestore", g.zsetNear(key), key}, true)
}

func genZremrange(g *Gen) []string {
	switch g.rnd.IntN(4) {
	case 0:
		return []string{"zremrangebyrank", g.zsetKey(), strconv.Itoa(g.rnd.IntN(3)), strconv.Itoa(g.rnd.IntN(5) - 3)}
	case 1:
		return []string{"zremrangebyrank", g.zsetKey(), g.rank(), g.rank()}
	case 2:
		low := g.rnd.IntN(20) - 4
		return []string{"zremrangebyscore", g.zsetKey(), strconv.Itoa(low), strconv.Itoa(low + g.rnd.IntN(4))}
	}
	return []string{"zremrangebyscore", g.zsetKey(), g.scoreEnd(), g.scoreEnd()}
}

func genZpop(g *Gen) []string {
	words := []string{g.pick("zpopmin", "zpopmax"), g.zsetKey()}
	if g.chance(2) {
		words = append(words, g.pick("0", "1", "2", "3", "7", "30", "-1", "x", "9223372036854775807", ""))
	}
	if g.chance(20) {
		words = append(words, "1")
	}
	return words
}

func (g *Gen) countedKeys(name string) []string {
	key := g.zsetKey()
	keys := []string{key}
	for range g.rnd.IntN(4) {
		keys = append(keys, g.zsetNear(key))
	}
	n := strconv.Itoa(len(keys))
	if g.chance(20) {
		n = g.pick("0", "-1", "x", "100", "9223372036854775807", "1")
	}
	return append([]string{name, n}, keys...)
}

func genZmpop(g *Gen) []string {
	words := append(g.countedKeys("zmpop"), g.pick("min", "MAX", "min", "max", "mid"))
	for g.chance(3) {
		words = append(words, g.pick("count", "COUNT"), g.pick("1", "2", "5", "20", "0", "-1", "x"))
	}
	return words
}

func genZrandmember(g *Gen) []string {
	words := []string{"zrandmember", g.zsetKey()}
	if g.chance(3) {
		return words
	}
	if g.chance(8) {
		words = append(words, g.pick("9223372036854775807", "-9223372036854775808", "9223372036854775808", "x", "", "1.5", "0"))
	} else {
		words = append(words, strconv.Itoa(g.rnd.IntN(60)-30))
	}
	if g.chance(2) {
		words = append(words, g.pick("withscores", "WITHSCORES", "withscores", "x"))
	}
	return words
}

func genZscan(g *Gen) []string {
	words := genSscan(g)
	words[0], words[1] = "zscan", g.zsetKey()
	return words
}

// zoperation makes a union, an intersection or a difference, stored in a key if there is one.
func (g *Gen) zoperation(name, to string) []string {
	words := g.countedKeys(name)
	if to != "" {
		for i := 2; i < len(words); i++ {
			words[i] = g.zsetNear(to)
		}
		words = slices.Insert(words, 1, to)
	}
	keys := len(words) - 2
	if to != "" {
		keys--
	}
	if g.chance(2) && !strings.HasPrefix(name, "zdiff") || g.chance(20) {
		words = append(words, g.pick("weights", "WEIGHTS"))
		for range keys {
			words = append(words, g.pick("1", "2", "-1", "0", "0.5", "1e3", "inf", "-inf", g.score()))
		}
	}
	if g.chance(2) && !strings.HasPrefix(name, "zdiff") || g.chance(20) {
		words = append(words, "aggregate", g.pick("sum", "min", "MAX", "min", "avg"))
	}
	if to == "" && g.chance(2) || g.chance(20) {
		words = append(words, "withscores")
	}
	return words
}

func genZintercard(g *Gen) []string {
	words := g.countedKeys("zintercard")
	for g.chance(3) {
		words = append(words, g.pick("LIMIT", "limit", "LIMIT", "limi"), g.pick("0", "1", "2", "3", "100", "-1", "x"))
	}
	return words
}

// zsetPayloads are what redis-server 7.0.15 answers to DUMP of sorted sets: packed and large.
var zsetPayloads = []string{
	"\x11\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x01\x01\xff\x0a\x00\xa8\x05\xce\xb8\xd7\xa93\x02",
	"\x11\x1c\x1c\x00\x00\x00\x06\x00\x07\x01\xdf\xff\x02\x81a\x02\x832.5\x04\x81b\x02\x832.5\x04\xff\x0a\x000M\xa1\xd3\xb6\xdc\x07\x9c",
	"\x11!!\x00\x00\x00\x06\x00\x81y\x02\x84-inf\x05\xdf\xfd\x02\x840.25\x05\x81x\x02\x83inf\x04\xff\x0a\x00\x94w+\xb4\x0c,\xc1|",
	"\x05\x07\x02m5\x00\x00\x00\x00\x00\x00\x00@\x02m2\x00\x00\x00\x00\x00\x00\x00@\x02m4\x00\x00\x00\x00\x00\x00\xf0?\x02m1\x00\x00\x00\x00\x00\x00\xf0?\x02m6\x00\x00\x00\x00\x00\x00\x00\x00\x02m3\x00\x00\x00\x00\x00\x00\x00\x00\x02m0\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x19\xcfg&v\x8f\x97V",
	"\x05\x05\xc0\x00\x00\x00\x00\x00\x00\x00\xe0?\xc0\x01\x00\x00\x00\x00\x00\x00\xf8\xbf\xc0\x02\x00\x00\x00\x00\x00\x00\x04\xc0\xc0\x03\x00\x00\x00\x00\x00\x00\x0c\xc0\xc0\x04\x00\x00\x00\x00\x00\x00\x12\xc0\x0a\x00\x9fqv\x17F\xe8\xcd\x89",
}

func genZsetRestore(g *Gen) []string {
	words := []string{"restore", g.zsetKey(), "0", g.pick(zsetPayloads...)}
	if !g.chance(4) {
		words = append(words, "REPLACE")
	}
	return words
}
