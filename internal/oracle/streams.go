package oracle

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// streamMakes make the commands of the family. Their ids are small, so that they meet: most entries have the greatest time there is,
// and a number by itself. No reply depends on the clock but by what normalizers take out.
var streamMakes = []make1{
	{weight: 14, fn: genXadd},
	{weight: 2, fn: func(g *Gen) []string { return []string{"xlen", g.streamKey()} }},
	{weight: 4, fn: genXrange},
	{weight: 4, fn: func(g *Gen) []string { return g.streamIDs("xdel", g.streamKey()) }},
	{weight: 3, fn: func(g *Gen) []string { return append([]string{"xtrim", g.streamKey()}, g.trim()...) }},
	{weight: 5, fn: genXread, oneSlot: true},
	{weight: 8, fn: genXreadgroup, oneSlot: true},
	{weight: 3, fn: func(g *Gen) []string { return g.streamIDs("xack", g.streamKey(), g.group()) }},
	{weight: 3, fn: genXpending},
	{weight: 4, fn: genXclaim},
	{weight: 4, fn: genXautoclaim},
	{weight: 8, fn: genXgroup},
	{weight: 6, fn: genXinfo},
	{weight: 1, fn: genXsetid},
	{weight: 1, fn: func(g *Gen) []string { return []string{g.pick("del", "exists", "type"), g.streamKey()} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"set", g.pick("n2", "{b}2"), "a string"} }},
	{weight: 1, fn: func(g *Gen) []string { return []string{"object", "encoding", g.streamKey()} }},
}

// streamClockMakes are those whose replies are what the clock says.
var streamClockMakes = []make1{
	{weight: 1, fn: func(g *Gen) []string {
		words := []string{"xadd", g.streamKey()}
		if g.chance(3) {
			words = append(words, g.trim()...)
		}
		return append(append(words, "*"), g.streamFields()...)
	}},
}

// streamKey is mostly a key that only commands of this family have: streams live long enough then to get groups.
func (g *Gen) streamKey() string {
	if g.chance(8) {
		return g.key()
	}
	return g.pick("{a}s", "{a}s", "{a}s", "{a}s", "{b}s")
}

func (g *Gen) group() string {
	if g.chance(20) {
		return g.pick("none", "", "a\x00b", "g\r\n")
	}
	return g.pick("g1", "g1", "g1", "g1", "g2")
}

func (g *Gen) consumer() string {
	return g.pick("alice", "alice", "alice", "bob", "bob", "carol", "", "7", "x\x00y")
}

// streamMs is the time of an id.
func (g *Gen) streamMs() string {
	if g.chance(4) {
		return strconv.Itoa(g.rnd.IntN(51))
	}
	return "50"
}

func (g *Gen) streamID() string {
	if g.chance(30) {
		return g.pick("0", "0-0", "-", "+", "$", ">", "*", "x", "", "1-", "-1", "1-2-3", "18446744073709551615-18446744073709551615",
			"18446744073709551616", "18446744073709551615", "+1", " 1", "01-02", "1- 2", "1--2", "1--02", "1-+3", "1-2\x00x", "1 ",
			strings.Repeat("0", 126)+"1", strings.Repeat("0", 127)+"1")
	}
	return g.streamMs() + "-" + strconv.Itoa(g.rnd.IntN(1+g.rnd.IntN(12)))
}

func (g *Gen) streamIDs(words ...string) []string {
	for range 1 + g.rnd.IntN(4) {
		words = append(words, g.streamID())
	}
	return words
}

func (g *Gen) streamFields() []string {
	switch g.rnd.IntN(5) {
	case 0:
		return []string{g.pick("a", "b", "7"), g.value()}
	case 1:
		return []string{"a", g.value(), g.pick("b", "c"), g.value()}
	case 2:
		words := []string{}
		for range 1 + g.rnd.IntN(4) {
			words = append(words, g.value(), g.value())
		}
		return words
	}
	return []string{"a", g.integer()}
}

// trim is the option of XADD and XTRIM, and now and then what it may not be.
func (g *Gen) trim() []string {
	words := []string{g.pick("MAXLEN", "maxlen", "MINID", "minid")}
	if !g.chance(3) {
		words = append(words, g.pick("=", "~", "~"))
	}
	if strings.EqualFold(words[0], "maxlen") {
		words = append(words, g.pick("0", "1", "2", "5", "8", "20", "-1", "x", strconv.Itoa(g.rnd.IntN(30))))
	} else {
		words = append(words, g.streamID())
	}
	if g.chance(4) {
		words = append(words, g.pick("LIMIT", "limit"), g.pick("0", "1", "3", "5", "10", "-1", "x"))
	}
	if g.chance(30) {
		words = append(words, g.pick("MAXLEN", "LIMIT", "NOMKSTREAM", "~"), "2")
	}
	return words
}

func genXadd(g *Gen) []string {
	words := []string{"xadd", g.streamKey()}
	if g.chance(8) {
		words = append(words, g.pick("NOMKSTREAM", "nomkstream"))
	}
	if g.chance(4) {
		words = append(words, g.trim()...)
	}
	switch {
	case g.chance(4):
		if id := g.streamID(); id != "*" { // what the clock says
			words = append(words, id)
			break
		}
		fallthrough
	default:
		words = append(words, g.streamMs()+"-*")
	}
	words = append(words, g.streamFields()...)
	if g.chance(30) {
		words = words[:len(words)-1]
	}
	return words
}

// bound is an end of an interval.
func (g *Gen) streamBound(open string) string {
	if g.chance(3) {
		return open
	}
	id := g.streamID()
	if g.chance(3) {
		id, _, _ = strings.Cut(id, "-")
	}
	if g.chance(4) {
		id = "(" + id
	}
	return id
}

func genXrange(g *Gen) []string {
	words := []string{"xrange", g.streamKey(), g.streamBound("-"), g.streamBound("+")}
	if g.chance(2) {
		words = []string{"xrevrange", words[1], words[3], words[2]}
	}
	if g.chance(2) {
		words = append(words, g.pick("COUNT", "count"), g.pick("0", "1", "2", "5", "-1", "x"))
	}
	return words
}

// streams are the last arguments of XREAD and XREADGROUP.
func (g *Gen) streams(key string, id func() string) []string {
	words := []string{g.pick("STREAMS", "streams"), key}
	n := g.rnd.IntN(3)
	for range n {
		words = append(words, g.streamKey())
	}
	if !g.opt.CrossSlot && n > 0 {
		for i := 2; i < len(words); i++ {
			words[i] = g.near(key)
		}
	}
	for range n + 1 {
		words = append(words, id())
	}
	if g.chance(30) {
		words = words[:len(words)-1]
	}
	return words
}

func (g *Gen) readOptions() (words []string) {
	if g.chance(2) {
		words = append(words, g.pick("COUNT", "count"), g.pick("0", "1", "2", "3", "-1", "x"))
	}
	return words
}

func genXread(g *Gen) []string {
	words := append([]string{"xread"}, g.readOptions()...)
	if g.chance(30) {
		words = append(words, g.pick("NOACK", "BLOCK", "GROUP"), g.pick("x", "-1"))
	}
	return append(words, g.streams(g.streamKey(), func() string {
		if g.chance(5) {
			return "$"
		}
		return g.streamID()
	})...)
}

func genXreadgroup(g *Gen) []string {
	words := append([]string{"xreadgroup", "GROUP", g.group(), g.consumer()}, g.readOptions()...)
	if g.chance(5) {
		words = append(words, "NOACK")
	}
	if g.chance(40) {
		words = append(words, g.pick("BLOCK", "COUNT", "GROUP"), "x")
	}
	return append(words, g.streams(g.streamKey(), func() string {
		if g.chance(3) {
			return g.streamID()
		}
		return ">"
	})...)
}

// idleTime is a least idle time: one that everything has, or only what was claimed with an old time.
func (g *Gen) idleTime() string {
	if g.chance(15) {
		return g.pick("-1", "x", "")
	}
	return g.pick("0", "0", "10000000")
}

func genXpending(g *Gen) []string {
	words := []string{"xpending", g.streamKey(), g.group()}
	if g.chance(3) {
		return words
	}
	if g.chance(3) {
		words = append(words, g.pick("IDLE", "idle"), g.idleTime())
	}
	words = append(words, g.streamBound("-"), g.streamBound("+"), g.pick("0", "1", "3", "10", "-1", "x"))
	if g.chance(3) {
		words = append(words, g.consumer())
	}
	return words
}

func genXclaim(g *Gen) []string {
	words := g.streamIDs("xclaim", g.streamKey(), g.group(), g.consumer(), g.idleTime())
	for g.chance(2) {
		switch g.rnd.IntN(7) {
		case 0:
			words = append(words, g.pick("IDLE", "idle"), g.pick("50000000", "0", "-5", "x"))
		case 1:
			words = append(words, "TIME", g.pick("1000000", "-1", "99999999999999", "x"))
		case 2:
			words = append(words, "RETRYCOUNT", g.pick("0", "5", "-1", "x"))
		case 3, 4:
			words = append(words, g.pick("FORCE", "force"))
		case 5:
			words = append(words, g.pick("JUSTID", "justid"))
		default:
			words = append(words, "LASTID", g.streamID())
		}
	}
	return words
}

func genXautoclaim(g *Gen) []string {
	words := []string{"xautoclaim", g.streamKey(), g.group(), g.consumer(), g.idleTime(), g.streamBound("-")}
	if g.chance(2) {
		words = append(words, g.pick("COUNT", "count"), g.pick("1", "1", "2", "5", "0", "-1", "x"))
	}
	if g.chance(3) {
		words = append(words, g.pick("JUSTID", "justid", "x"))
	}
	return words
}

func genXgroup(g *Gen) []string {
	key, group := g.streamKey(), g.group()
	switch g.rnd.IntN(10) {
	case 0:
		return []string{"xgroup", "SETID", key, group, g.pick("$", "0", "-", "+", g.streamID())}
	case 1:
		return []string{"xgroup", "setid", key, group, g.pick("$", g.streamID()), "ENTRIESREAD", g.pick("0", "3", "-1", "-2", "x")}
	case 2:
		return []string{"xgroup", "DESTROY", key, group}
	case 3:
		return []string{"xgroup", "CREATECONSUMER", key, group, g.consumer()}
	case 4:
		return []string{"xgroup", "DELCONSUMER", key, group, g.consumer()}
	case 5:
		return []string{"xgroup", g.pick("help", "nosuch", "create", "setid")}
	}
	words := []string{"xgroup", g.pick("CREATE", "create"), key, group, g.pick("$", "0", "0", "0", g.streamID())}
	if !g.chance(4) {
		words = append(words, g.pick("MKSTREAM", "mkstream"))
	}
	for g.chance(3) {
		if g.chance(3) {
			words = append(words, g.pick("MKSTREAM", "x"))
		} else {
			words = append(words, "ENTRIESREAD", g.pick("0", "1", "7", "-1", "-2", "x"))
		}
	}
	return words
}

func genXinfo(g *Gen) []string {
	switch key := g.streamKey(); g.rnd.IntN(8) {
	case 0:
		return []string{"xinfo", g.pick("help", "nosuch", "stream"), key}
	case 1:
		return []string{"xinfo", "GROUPS", key}
	case 2:
		return []string{"xinfo", "CONSUMERS", key, g.group()}
	case 3, 4:
		return []string{"xinfo", "STREAM", key}
	case 5:
		return []string{"xinfo", "stream", key, g.pick("full", "FULL", "x"), g.pick("COUNT", "count", "x"), g.pick("0", "1", "3", "-1", "x")}
	default:
		return []string{"xinfo", "STREAM", key, "FULL"}
	}
}

func genXsetid(g *Gen) []string {
	words := []string{"xsetid", g.streamKey(), g.pick("50-50", "60-1", g.streamID())}
	if g.chance(2) {
		words = append(words, g.pick("ENTRIESADDED", "entriesadded"), g.pick("0", "100", "-1", "x"))
	}
	if g.chance(2) {
		words = append(words, "MAXDELETEDID", g.streamID())
	}
	return words
}

// streamNormal makes equal what may differ in replies of the family: idle times and moments, which the clocks say.
var streamNormal = map[string]normalizer{
	"xpending": func(args [][]byte, reply []byte) string {
		if len(args) == 3 {
			return string(reply)
		}
		return string(idlePending.ReplaceAllFunc(reply, func(m []byte) []byte {
			parts := idlePending.FindSubmatch(m)
			size := "little"
			if len(parts[2]) > 6 { // what was claimed with an old time
				size = "long"
			}
			return append(append(bytes.Clone(parts[1]), size...), parts[3]...)
		}))
	},
	"xinfo": func(args [][]byte, reply []byte) string {
		if strings.EqualFold(string(args[1]), "consumers") {
			return idleConsumer.ReplaceAllString(string(reply), "$1 a while")
		}
		return moment.ReplaceAllStringFunc(string(reply), func(m string) string {
			n, err := strconv.ParseInt(m[1:len(m)-2], 10, 64)
			if d := time.Now().UnixMilli() - n; err == nil && d < 100_000_000 && d > -Slack {
				return "a moment\r\n"
			}
			return m
		})
	},
}

var (
	idlePending  = regexp.MustCompile(`(\*4\r\n\$\d+\r\n\d+-\d+\r\n\$\d+\r\n(?s:.*?)\r\n:)(\d+)(\r\n)`)
	idleConsumer = regexp.MustCompile(`(\$4\r\nidle\r\n:)\d+`)
	moment       = regexp.MustCompile(`:\d{13}\r\n`)
)

// sameStreams reports whether two replies to DUMP are payloads of streams: when something was delivered is in them, and strings that
// two compressors made.
func sameStreams(args [][]byte, want, got []byte) bool {
	const streamListpacks2 = 19
	_, w, _ := bytes.Cut(want, []byte("\r\n"))
	_, g, _ := bytes.Cut(got, []byte("\r\n"))
	return strings.EqualFold(string(args[0]), "dump") && len(w) > 1 && len(g) > 1 && w[0] == streamListpacks2 && g[0] == w[0]
}
