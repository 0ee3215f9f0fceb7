package command

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/rdb"
	"ringcache/server/store"
)

// Types of payloads that are listpacks, and what the nodes of a list are.
const (
	rdbHashListpack = rdb.Type(16)
	quicklistPacked = 2
)

// packedOracleMax is the most bytes of a collection in these tests.
const packedOracleMax = 1 << 22

// packedPair is a small collection twice: as a key of a redis-server, and packed here. What is done to both leaves the same
// bytes.
type packedPair struct {
	t     *testing.T
	redis *redisoracle.Conn
	rnd   *rand.Rand
	p     store.Packed
}

func newPackedPair(t *testing.T) *packedPair {
	redis, err := redisoracle.Dial(redisoracle.StartRedis(t,
		"--hash-max-listpack-value", "10000", "--list-max-listpack-size", "-5", "--sanitize-dump-payload", "yes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &packedPair{t: t, redis: redis, rnd: rand.New(rand.NewPCG(seed, 0)), p: store.NewPacked(nil)}
}

// do has redis-server do a command, and answers its reply. An error is none that the test expects.
func (pp *packedPair) do(args ...string) []byte {
	pp.t.Helper()
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	reply, err := pp.redis.Do(raw...)
	if err != nil || reply[0] == '-' {
		pp.t.Fatalf("%.100q: %.100q, %v", args, reply, err)
	}
	return reply
}

// listpack is the one that the key's DUMP has.
func (pp *packedPair) listpack(key string) []byte {
	pp.t.Helper()
	reply := pp.do("DUMP", key)
	head := bytes.IndexByte(reply, '\n') + 1
	r, err := rdb.Open(reply[head:len(reply)-2], packedOracleMax)
	if err != nil {
		pp.t.Fatal(err)
	}
	switch typ, _ := r.Type(); typ {
	case rdbHashListpack:
	case rdbQuicklist2:
		nodes, err := r.Length()
		kind, err2 := r.Length()
		if nodes != 1 || kind != quicklistPacked || err != nil || err2 != nil {
			pp.t.Fatalf("%d nodes, the first of kind %d: %v, %v", nodes, kind, err, err2)
		}
	default:
		pp.t.Fatalf("a payload of type %d", typ)
	}
	b, err := r.String(nil)
	if err != nil || r.Remaining() != 0 {
		pp.t.Fatalf("%v, %d bytes left", err, r.Remaining())
	}
	return b
}

// compare demands the same bytes of both, and that Check takes them.
func (pp *packedPair) compare(key string, did []string) {
	pp.t.Helper()
	theirs := pp.listpack(key)
	if _, err := store.Check(theirs, pp.p.Len()); err != nil || !bytes.Equal(theirs, pp.p) {
		pp.t.Fatalf("after %.100q: %v\n% .200x here\n% .200x there", did, err, []byte(pp.p), theirs)
	}
}

// text is a string near the borders of all encodings.
func (pp *packedPair) text() string {
	switch pp.rnd.IntN(3) {
	case 0:
		return strconv.FormatInt(int64(pp.rnd.Uint64())>>pp.rnd.IntN(64), 10)
	case 1:
		near := []int{0, 62, 124, 4094}[pp.rnd.IntN(4)]
		return strings.Repeat(string(rune('a'+pp.rnd.IntN(3))), near+pp.rnd.IntN(4))
	}
	return []string{"-0", "00", "\xff", "9223372036854775808", "1", "2"}[pp.rnd.IntN(6)]
}

// element is the text and the position of an element by chance. There must be one.
func (pp *packedPair) element() (int, store.Pos, string) {
	i := pp.rnd.IntN(pp.p.Len())
	pos, _ := pp.p.Seek(i)
	return i, pos, string(pp.p.At(pos).Append(nil))
}

// TestPackedBordersOnRedis packs what is next to where encodings and backlens change, each in a list of its own.
func TestPackedBordersOnRedis(t *testing.T) {
	pp := newPackedPair(t)
	var all []string
	for _, n := range []int{0, 63, 64, 125, 126, 4095, 4096, 16377, 16378, 16379, 1<<21 - 7, 1<<21 - 6, 1<<21 - 5} {
		all = append(all, strings.Repeat("x", n))
	}
	for _, bits := range []int{0, 7, 12, 15, 23, 31, 63} {
		border := uint64(1) << bits
		for _, n := range []uint64{border - 1, border, border + 1} {
			all = append(all, strconv.FormatUint(n, 10), "-"+strconv.FormatUint(n, 10))
		}
	}
	for i, s := range all {
		pp.p = store.NewPacked(pp.p).Append([]byte(s))
		did := []string{"RPUSH", "border" + strconv.Itoa(i), s}
		pp.do(did...)
		pp.compare(did[1], did)
	}
}

// TestPackedListOnRedis makes random changes to a list there and here.
func TestPackedListOnRedis(t *testing.T) {
	pp := newPackedPair(t)
	for range 1500 {
		var did []string
		s := pp.text()
		op := pp.rnd.IntN(6)
		switch n := pp.p.Len(); {
		case n < 2 || op == 0:
			did = []string{"RPUSH", "list", s}
			pp.p = pp.p.Append([]byte(s))
		case n > 12:
			did = []string{"LPOP", "list", strconv.Itoa(n / 2)}
			pp.p = pp.p.Delete(pp.p.First(), n/2)
		case op == 1:
			did = []string{"LPUSH", "list", s}
			pp.p = pp.p.Insert(pp.p.First(), true, []byte(s))
		case op == 2:
			i, pos, _ := pp.element()
			did = []string{"LSET", "list", strconv.Itoa(i - pp.rnd.IntN(2)*n), s}
			pp.p, _ = pp.p.Replace(pos, []byte(s))
		case op == 3:
			_, _, pivot := pp.element()
			pos, _ := pp.p.Find(pp.p.First(), 0, []byte(pivot))
			where := []string{"AFTER", "BEFORE"}[pp.rnd.IntN(2)]
			did = []string{"LINSERT", "list", where, pivot, s}
			pp.p = pp.p.Insert(pos, where == "BEFORE", []byte(s))
		case op == 4:
			_, _, s = pp.element()
			pos, _ := pp.p.Find(pp.p.First(), 0, []byte(s))
			did = []string{"LREM", "list", "1", s}
			pp.p = pp.p.Delete(pos, 1)
		default:
			did = []string{"RPOP", "list"}
			pp.p = pp.p.Delete(pp.p.Last(), 1)
		}
		pp.do(did...)
		pp.compare("list", did)
	}
}

// TestPackedHashOnRedis makes random changes to a hash there and here, and has redis-server restore what was made here.
func TestPackedHashOnRedis(t *testing.T) {
	pp := newPackedPair(t)
	for i := range 1500 {
		field, value := pp.text(), pp.text()
		pos, ok := pp.p.Find(pp.p.First(), 1, []byte(field))
		did := []string{"HSET", "hash", field, value}
		switch {
		case !ok:
			pp.p = pp.p.Append([]byte(field)).Append([]byte(value))
		case pp.rnd.IntN(3) > 0 || pp.p.Len() == 2:
			pos, _ = pp.p.Next(pos)
			pp.p, _ = pp.p.Replace(pos, []byte(value))
		default:
			did = []string{"HDEL", "hash", field}
			pp.p = pp.p.Delete(pos, 2)
		}
		pp.do(did...)
		if pp.p.Len() > 30 {
			did = []string{"HDEL", "hash", string(pp.p.At(pp.p.First()).Append(nil))}
			pp.p = pp.p.Delete(pp.p.First(), 2)
			pp.do(did...)
		}
		pp.compare("hash", did)
		if i%50 == 0 {
			payload := rdb.AppendString(rdb.AppendType(nil, rdbHashListpack), pp.p)
			pp.do("RESTORE", "copy", "0", string(rdb.AppendFooter(payload, 0)), "REPLACE")
			pp.compare("copy", did)
			if a, b := pp.do("HGETALL", "hash"), pp.do("HGETALL", "copy"); !bytes.Equal(a, b) {
				t.Fatalf("restored:\n%.200q, want\n%.200q", b, a)
			}
		}
	}
}
