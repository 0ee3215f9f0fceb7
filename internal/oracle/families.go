package oracle

// families say how commands are made, and how often against each other.
var families = map[Family][]make1{
	Strings: {
		{weight: 8, fn: func(g *Gen) []string { return []string{"set", g.key(), g.value()} }},
		{weight: 8, fn: genSet},
		{weight: 8, fn: func(g *Gen) []string { return []string{"get", g.key()} }},
		{weight: 4, fn: genGetex},
		{weight: 2, fn: func(g *Gen) []string { return []string{"getdel", g.key()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"getset", g.key(), g.value()} }},
		{weight: 3, fn: func(g *Gen) []string { return []string{g.pick("getrange", "substr"), g.key(), g.index(), g.index()} }},
		{weight: 3, fn: genSetrange},
		{weight: 3, fn: func(g *Gen) []string { return []string{"append", g.key(), g.value()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"strlen", g.key()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"setnx", g.key(), g.value()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"setex", g.key(), g.after(1), g.value()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"psetex", g.key(), g.after(1000), g.value()} }},
		{weight: 3, fn: func(g *Gen) []string { return g.keys("mget") }},
		{weight: 3, fn: genMset},
		{weight: 2, fn: genMsetnx, oneSlot: true},
		{weight: 3, fn: func(g *Gen) []string { return []string{g.pick("incr", "decr"), g.key()} }},
		{weight: 4, fn: func(g *Gen) []string { return []string{g.pick("incrby", "decrby"), g.key(), g.integer()} }},
		{weight: 4, fn: func(g *Gen) []string { return []string{"incrbyfloat", g.key(), g.float()} }},
		{weight: 3, fn: genLCS},
	},
	Keys: {
		{weight: 3, fn: func(g *Gen) []string { return g.keys(g.pick("del", "unlink")) }},
		{weight: 2, fn: func(g *Gen) []string { return g.keys(g.pick("exists", "touch")) }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"type", g.key()} }},
		{weight: 4, fn: genRename, oneSlot: true},
		{weight: 4, fn: genCopy, oneSlot: true},
		{weight: 3, fn: func(g *Gen) []string {
			return []string{"move", g.key(), g.pick("0", "1", "2", "2", "16", "-1", "x", "9999999999")}
		}},
		{weight: 8, fn: genExpire},
		{weight: 6, fn: func(g *Gen) []string { return []string{g.pick("ttl", "pttl", "expiretime", "pexpiretime"), g.key()} }},
		{weight: 2, fn: func(g *Gen) []string { return []string{"persist", g.key()} }},
		{weight: 3, fn: func(g *Gen) []string { return []string{"dump", g.key()} }},
		{weight: 4, fn: genRestore},
		{weight: 5, fn: func(g *Gen) []string {
			return []string{"object", g.pick("encoding", "encoding", "ENCODING", "idletime"), g.key()}
		}},
		{weight: 1, fn: func(g *Gen) []string {
			return []string{"object", g.pick("refcount", "freq", "help", "nosuch"), g.key()}
		}},
		{weight: 1, fn: func(g *Gen) []string {
			return []string{g.pick("object", "nosuchcommand", "gets"), g.pick("help",
				"x")}
		}},
	},
	Database: {
		{weight: 3, fn: func(*Gen) []string { return []string{"dbsize"} }},
		{weight: 2, fn: func(*Gen) []string { return []string{"randomkey"} }},
		{weight: 3, fn: func(g *Gen) []string { return []string{"keys", g.pattern()} }},
		{weight: 3, fn: genScan},
		{weight: 1, fn: func(g *Gen) []string {
			return []string{"swapdb", g.pick("0", "1", "2", "16", "x"), g.pick("0", "1", "2", "-1", "x")}
		}},
		{weight: 1, fn: func(g *Gen) []string {
			if g.chance(3) {
				return []string{g.pick("flushall", "flushdb"), g.pick("async", "SYNC", "x")}
			}
			return []string{g.pick("flushall", "flushdb")}
		}},
	},
	Hashes:      hashMakes,
	Lists:       listMakes,
	Sets:        setMakes,
	Zsets:       zsetMakes,
	HLLs:        hllMakes,
	Bits:        bitMakes,
	Geo:         geoMakes,
	Streams:     streamMakes,
	Sort:        sortMakes,
	Pops:        popMakes,
	Lex:         lexMakes,
	HashTTL:     hashExpiryMakes,
	StreamClock: streamClockMakes,
	Select: {
		{weight: 2, fn: func(g *Gen) []string { return []string{"select", g.pick("0", "0", "1", "2")} }},
	},
}

func genSet(g *Gen) []string {
	words := []string{"set", g.key(), g.value()}
	if g.chance(3) {
		words = append(words, g.pick("NX", "XX", "xx"))
	}
	if g.chance(3) {
		words = append(words, g.pick("GET", "get"))
	}
	if g.chance(2) {
		words = append(words, g.expiry("KEEPTTL")...)
	}
	if g.chance(15) {
		words = append(words, g.expiry("NX")...)
	}
	if g.chance(20) {
		words = append(words, g.pick("EX", "PERSIST", "NX", "KEEPTTL", "x"))
	}
	return words
}

func genGetex(g *Gen) []string {
	words := []string{"getex", g.key()}
	if g.chance(3) {
		return words
	}
	words = append(words, g.expiry("PERSIST")...)
	if g.chance(15) {
		words = append(words, g.expiry("KEEPTTL")...)
	}
	return words
}

func genSetrange(g *Gen) []string {
	offset := g.index()
	if g.chance(10) {
		offset = g.pick("536870912", "9223372036854775807", "-1")
	}
	return []string{"setrange", g.key(), offset, g.pick(g.value(), "Redis", "")}
}

func genMset(g *Gen) []string {
	words := []string{"mset"}
	for range 1 + g.rnd.IntN(4) {
		words = append(words, g.key(), g.value())
	}
	if g.chance(10) {
		words = words[:len(words)-1]
	}
	return words
}

func genMsetnx(g *Gen) []string {
	key := g.key()
	words := []string{"msetnx", key, g.value()}
	for range g.rnd.IntN(3) {
		words = append(words, g.near(key), g.value())
	}
	return words
}

func genLCS(g *Gen) []string {
	words := []string{"lcs", g.key(), g.key()}
	for range g.rnd.IntN(4) {
		words = append(words, g.pick("LEN", "IDX", "idx", "WITHMATCHLEN", "MINMATCHLEN"))
		if words[len(words)-1] == "MINMATCHLEN" {
			words = append(words, g.pick("0", "1", "2", "4", "-3", "x"))
		}
	}
	return words
}

func genRename(g *Gen) []string {
	key := g.key()
	return []string{g.pick("rename", "renamenx"), key, g.near(key)}
}

func genCopy(g *Gen) []string {
	key := g.key()
	words := []string{"copy", key, g.near(key)}
	if g.chance(3) {
		words = append(words, "DB", g.pick("0", "1", "2", "16", "-1", "x", "9999999999"))
	}
	if g.chance(2) {
		words = append(words, g.pick("REPLACE", "replace", "replac"))
	}
	return words
}

func genExpire(g *Gen) []string {
	words := []string{g.pick("expire", "pexpire", "expireat", "pexpireat"), g.key()}
	switch words[0] {
	case "expire":
		words = append(words, g.after(1))
	case "pexpire":
		words = append(words, g.after(1000))
	case "expireat":
		words = append(words, g.moment(1))
	default:
		words = append(words, g.moment(1000))
	}
	for g.chance(3) {
		words = append(words, g.pick("NX", "XX", "GT", "LT", "gt", "lt", "zz"))
	}
	return words
}

// payloads are what redis-server 7.0.15 answers to DUMP of strings: of integers of 8 and 16 bits and of none, short ones, and a
// compressed one.
var payloads = []string{
	"\x00\x00\n\x00]\x9b\\@\x0f\x7f\xa2\xda",
	"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb",
	"\x00\xc1\x7f\xff\n\x00\x17`\x82(T\x80\x84\x80",
	"\x00\n9999999999\n\x00\xd2j\xc2\x99\xdfS\xef\xd2",
	"\x00\vhello world\n\x00\v\xfcI\xb9\xa6\xc7\xa04",
	"\x00\x04\x00\r\n\xff\n\x00l\xb6u\xf9\xd5#],",
	"\x00\xc3\t@d\x01xx\xe0W\x00\x01xx\n\x00]\xb7\xf6c\xbb\x08b_",
}

// badPayloads have a right checksum and no value: an unknown encoding, an unknown type, no length, and wrong compression; and
// last an old checksum under another value.
var badPayloads = []string{
	"\x00\xc4\x00\n\x00V\xeam\xf8\xd0\xbd4m",
	"\x1e\x01a\n\x00=/M\x14\xf5S\xbc\xa4",
	"\x00\x82a\n\x00\x81\xd4\xd3\xb0\xec\x80\x0ep",
	"\x00\xc3\x03\x05\x00aaa\n\x00z?h:3\xd1\xae(",
	"\x00\xc0\x0b\n\x00n\x9fWE\x0e\xaec\xbb",
}

func genRestore(g *Gen) []string {
	payload := g.pick(payloads...)
	if g.chance(10) {
		payload = g.pick(badPayloads...)
	}
	words := []string{"restore", g.key(), "0", payload}
	switch g.rnd.IntN(4) {
	case 0:
		words[2] = g.after(1000)
	case 1:
		words[2] = g.moment(1000)
		words = append(words, g.pick("ABSTTL", "absttl"))
	}
	if !g.chance(3) {
		words = append(words, g.pick("REPLACE", "replace"))
	}
	for g.chance(4) {
		words = append(words, g.pick("IDLETIME", "FREQ", "idletime", "freq"), g.pick("0", "7", "255", "256", "-1", "x", ""))
	}
	if g.chance(20) {
		words = append(words, g.pick("IDLETIME", "FREQ", "NX", "x"))
	}
	return words
}

func (g *Gen) pattern() string {
	return g.pick("*", "**", "{a}*", "*1", "?1", "n[1-2]", "n[^1]", "[n{]*", "key", "*e*", "\\[x\\]*", "", "[", "n[", "n\\",
		"*[1-", "???",
		"[a-", "[^", "n[3-1]", "[\\]n]?", "*\xff*", "*\r\n*")
}

// genScan makes scans that see all keys in one call: partial ones do not compare.
func genScan(g *Gen) []string {
	words := []string{
		"scan", g.pick("0", "0", "0", "0", "x", "-", "1x", "99999999999999999999", " 0"), "COUNT",
		g.pick("1000000", "1000000", "1000000", "0", "-1", "x"),
	}
	if g.chance(2) {
		words = append(words, "MATCH", g.pattern())
	}
	if g.chance(3) {
		words = append(words, "TYPE", g.pick("string", "STRING", "list", "nosuch"))
	}
	return words
}
