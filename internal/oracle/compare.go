package oracle

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Slack is by how much two clocks' replies may differ, in milliseconds: the two servers do not run a command at the same moment.
const Slack = 5000

// Compare answers what is wrong where two raw replies to the same command differ by more than they may, or "".
func Compare(args [][]byte, want, got []byte) string {
	w, g := Normalize(args, want), Normalize(args, got)
	if w == g || closeEnough(args, want, got) || compressed(args, want, got) || zrankWithScore(args, want) || lposLowestRank(args, got) ||
		sameDistances(args, want, got) || sameStreams(args, want, got) {
		return ""
	}
	return fmt.Sprintf("%s\n  want %q\n  got  %q", Show(args), want, got)
}

// Show prints a command for a person, who can paste it into redis-cli.
func Show(args [][]byte) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strconv.Quote(string(a))
		if len(a) > 200 {
			words[i] = fmt.Sprintf("%q... (%d bytes)", a[:200], len(a))
		}
	}
	return strings.Join(words, " ")
}

// normalizer makes equal what may differ in the reply, not an error, to one command. "" leaves a reply to others.
type normalizer func(args [][]byte, reply []byte) string

// normalizers are those of the families, by the command's name.
var normalizers = []map[string]normalizer{hashNormal, listNormal, setNormal, zsetNormal, geoNormal, streamNormal, sortNormal}

// Normalize makes equal what may differ in the reply to a command: the order of keys, which key was drawn, numbers that depend
// on the server's insides.
func Normalize(args [][]byte, reply []byte) string {
	if len(args) == 0 || len(reply) == 0 || reply[0] == '-' {
		return string(reply)
	}
	name := strings.ToLower(string(args[0]))
	for _, family := range normalizers {
		if fn := family[name]; fn != nil {
			if s := fn(args, reply); s != "" {
				return s
			}
		}
	}
	switch name {
	case "keys":
		return strings.Join(sorted(elements(reply)), "")
	case "scan": // [cursor, keys]: only whole scans, of one call, compare
		parts := elements(reply)
		if len(parts) != 2 || !wholeScan(args) {
			return "a scan"
		}
		return parts[0] + strings.Join(sorted(elements([]byte(parts[1]))), "")
	case "randomkey":
		if reply[0] == '_' || bytes.HasPrefix(reply, []byte("$-1")) {
			return string(reply)
		}
		return "a key"
	case "object":
		if len(args) == 3 && reply[0] == ':' && !strings.EqualFold(string(args[1]), "encoding") {
			return "a number"
		}
	}
	return string(reply)
}

// wholeScan reports whether a SCAN is to see all keys in one call; cursors mean something to their server only.
func wholeScan(args [][]byte) bool {
	const plenty = 100_000 // more keys than a Gen makes
	if string(args[1]) != "0" {
		return false
	}
	for i := 2; i+1 < len(args); i++ {
		if strings.EqualFold(string(args[i]), "count") {
			n, err := strconv.Atoi(string(args[i+1]))
			return err == nil && n > plenty
		}
	}
	return false
}

// closeEnough reports whether two replies about time differ by no more than Slack.
func closeEnough(args [][]byte, want, got []byte) bool {
	unit := int64(1)
	switch strings.ToLower(string(args[0])) {
	case "pttl", "pexpiretime":
	case "ttl", "expiretime":
		unit = 1000
	default:
		return false
	}
	w, ok := integer(want)
	g, ok2 := integer(got)
	if !ok || !ok2 || w < 0 || g < 0 {
		return false
	}
	d := w - g
	return max(d, -d) <= Slack/unit
}

// compressed reports whether two replies to DUMP are payloads of one type, a string in at least one of which is compressed: two
// compressors make different bytes of the same value, or find it worth their while only here or there. Or their order is free.
func compressed(args [][]byte, want, got []byte) bool {
	const lzf = 0xc3
	if !strings.EqualFold(string(args[0]), "dump") {
		return false
	}
	_, w, _ := bytes.Cut(want, []byte("\r\n"))
	_, g, _ := bytes.Cut(got, []byte("\r\n"))
	return len(w) > 1 && len(g) > 1 && w[0] == g[0] && (w[1] == lzf || g[1] == lzf || unordered[w[0]] && w[1] == g[1])
}

// unordered are the types of payloads whose elements come in any order, after their number.
var unordered = map[byte]bool{hashPayload: true, setPayload: true}

func integer(reply []byte) (int64, bool) {
	if len(reply) < 4 || reply[0] != ':' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(reply[1:len(reply)-2]), 10, 64)
	return n, err == nil
}

// elements takes an aggregate apart; nil where it is none.
func elements(reply []byte) []string {
	r := bufio.NewReader(bytes.NewReader(reply))
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 4 || !strings.ContainsAny(line[:1], "*~%>") {
		return nil
	}
	n, err := strconv.Atoi(line[1 : len(line)-2])
	if err != nil {
		return nil
	}
	if line[0] == '%' {
		n *= 2
	}
	var parts []string
	for range n {
		p, err := ReadReply(r, nil)
		if err != nil {
			return nil
		}
		parts = append(parts, string(p))
	}
	return parts
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
