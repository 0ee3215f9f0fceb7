package command

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
)

// noise is n bytes that do not compress: the same for the same n.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return string(b)
}

// run is do for arguments of any bytes, and their reply as it is.
func (s *redisSession) run(line ...[]byte) []byte {
	s.tb.Helper()
	reply, err := s.conn.Do(line...)
	if err != nil {
		s.tb.Fatalf("%s: %v", redisoracle.Show(line), err)
	}
	return reply
}

// TestDumpAsRedis carries strings of all encodings from here to redis-server and back. The payloads must be the same, but for
// what is compressed.
func TestDumpAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	compressed := 0
	for _, value := range valuesToDump() {
		redis.run(args("SET", "k", value)...)
		cl.do(args("SET", "k", value)...)
		theirs, ours := bulk(t, redis.run(args("DUMP", "k")...)), bulk(t, cl.do(args("DUMP", "k")...))
		const lzf = 0xc3
		if theirs[1] == lzf || ours[1] == lzf {
			compressed++
			if len(value) <= 1<<20 && (theirs[1] == lzf) != (ours[1] == lzf) && min(len(theirs), len(ours)) < len(value)-8 {
				t.Errorf("%d bytes %.40q: Redis makes %d of them, here they are %d", len(value), value, len(theirs), len(ours))
			}
		} else if !bytes.Equal(theirs, ours) {
			t.Errorf("%d bytes %.40q\n  want %.100q\n  got  %.100q", len(value), value, theirs, ours)
		}
		if got := string(redis.run(args("RESTORE", "k", 0, ours, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("%d bytes %.40q: Redis says %q", len(value), value, got)
		}
		if got := string(cl.do(args("RESTORE", "k", 0, theirs, "REPLACE")...)); got != "+OK\r\n" {
			t.Errorf("%d bytes %.40q of Redis: %q", len(value), value, got)
		}
		if got := bulk(t, redis.run(args("GET", "k")...)); string(got) != value {
			t.Errorf("%d bytes %.40q became %.100q there", len(value), value, got)
		}
		if got := bulk(t, cl.do(args("GET", "k")...)); string(got) != value {
			t.Errorf("%d bytes %.40q became %.100q here", len(value), value, got)
		}
		encoding := args("OBJECT", "ENCODING", "k")
		if want, got := redis.run(encoding...), cl.do(encoding...); !bytes.Equal(want, got) {
			t.Errorf("%d bytes %.40q: the encoding is %q, want %q", len(value), value, got, want)
		}
	}
	if compressed < 20 {
		t.Errorf("%d values were compressed", compressed)
	}
}

// TestRestoreAsRedis sends the same to both, right and wrong, and compares the replies and what then is there.
func TestRestoreAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	good := payloadOf("value")
	payloads := map[string][]byte{
		"GOOD": good, "INT": payloadOf("-77"), "LZF": payloadOf(strings.Repeat("value ", 100)), "EMPTY": {},
		"SHORT": good[:9], "CUT": good[:len(good)-1], "SPOILT": append([]byte{1}, good[1:]...),
		"NEWER": newer(good), "ENCODING": body("\x00\xc4\x00"), "TYPE": body("\x1eabc"), "LENGTH": body("\x00\x82abc"),
		"BADLZF": body("\x00\xc3\x03\x05\x00aaa"), "FAR": body("\x00\x80\x7f\xff\xff\xffabc"),
	}
	for _, line := range []string{
		"DUMP none", "DUMP", "DUMP a b", "RESTORE k 0", "RESTORE",
		"RESTORE k 0 GOOD", "RESTORE k 0 GOOD", "RESTORE k x SHORT", "RESTORE k 0 GOOD REPLACE", "RESTORE k 0 INT rePLACE replace",
		"RESTORE k 0 LZF REPLACE", "RESTORE k -1 GOOD REPLACE", "RESTORE k x GOOD REPLACE", "RESTORE k 1.5 SHORT REPLACE",
		"RESTORE k -1 SHORT REPLACE", "RESTORE k 0 EMPTY REPLACE", "RESTORE k 0 SHORT REPLACE", "RESTORE k 0 CUT REPLACE",
		"RESTORE k 0 SPOILT REPLACE", "RESTORE k 0 NEWER REPLACE", "RESTORE k 0 ENCODING REPLACE", "RESTORE k 0 TYPE REPLACE",
		"RESTORE k 0 LENGTH REPLACE", "RESTORE k 0 BADLZF REPLACE", "RESTORE k 0 FAR REPLACE", "RESTORE k 0 GOOD ABSTTL",
		"RESTORE k 0 GOOD REPLACE ABSTTL", "RESTORE k 1000000 GOOD REPLACE", "RESTORE k 4000000000000 GOOD REPLACE ABSTTL",
		"RESTORE k 1 GOOD ABSTTL REPLACE", "RESTORE k 1 GOOD ABSTTL", "RESTORE k 1 CUT ABSTTL", "RESTORE k 1000000 GOOD",
		"RESTORE k 1 CUT ABSTTL REPLACE", "RESTORE k 9223372036854775807 GOOD REPLACE ABSTTL", "RESTORE k 9223372036854775807 GOOD",
		"RESTORE k 9223372036854775807 GOOD REPLACE", "RESTORE k 9223372036854775808 GOOD", "RESTORE k 0 GOOD IDLETIME",
		"RESTORE k 0 GOOD FREQ", "RESTORE k 0 GOOD IDLETIME x", "RESTORE k 0 GOOD FREQ x", "RESTORE k 0 GOOD IDLETIME -1",
		"RESTORE k 0 GOOD FREQ -1", "RESTORE k 0 GOOD FREQ 256", "RESTORE k 0 GOOD FREQ 5 IDLETIME 5",
		"RESTORE k 0 GOOD IDLETIME 5 FREQ 5", "RESTORE k 0 GOOD FREQ 5 FREQ 7 REPLACE",
		"RESTORE k 0 GOOD IDLETIME 5 IDLETIME 6 REPLACE",
		"RESTORE k 0 GOOD NX", "RESTORE k 0 GOOD REPLACE x", "RESTORE k 0 SHORT x",
		"RESTORE k 0 GOOD REPLACE IDLETIME 9223372036854775808",
		"RESTORE k 0 GOOD REPLACE IDLETIME 0", "RESTORE k 0 GOOD REPLACE FREQ 255 ABSTTL",
	} {
		list := words(line)
		for i := range list {
			if p, ok := payloads[string(list[i])]; ok {
				list[i] = p
			}
		}
		cl.now = time.Now().UnixMilli()
		if want, got := redis.run(list...), cl.do(list...); !bytes.Equal(want, got) {
			t.Errorf("%s\n  want %q\n  got  %q", line, want, got)
		}
		for _, look := range []string{"GET k", "PTTL k", "OBJECT ENCODING k", "DBSIZE"} {
			if diff := redisoracle.Compare(words(look), redis.run(words(look)...), cl.do(words(look)...)); diff != "" {
				t.Errorf("%s: %s", line, diff)
			}
		}
	}
}

// newer is a payload with a version that nobody has written yet, and the right checksum.
func newer(payload []byte) []byte {
	p := append(slices.Clone(payload[:len(payload)-10]), 200, 0)
	jones := crc64.MakeTable(0x95ac9329ac4bc9b5)
	return binary.LittleEndian.AppendUint64(p, ^crc64.Update(^uint64(0), jones, p))
}

// TestSpoiltPayloadsAsRedis spoils payloads and gives them the right checksum. What is taken here, Redis takes for the same
// value; what Redis refuses is refused here in the same words. (Redis takes more: a value that ends before the payload does, or
// that goes on into its footer.)
func TestSpoiltPayloadsAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	taken, refused := 0, 0
	for range 5000 {
		p := payloadOf([]string{"x", "-77", "1000000", strings.Repeat("value ", 1+rng.IntN(40)), noise(rng.IntN(80))}[rng.IntN(5)])
		p = p[1 : len(p)-10]
		for range 1 + rng.IntN(2) {
			switch at := rng.IntN(len(p) + 1); rng.IntN(4) {
			case 0:
				p = slices.Insert(p, at, byte(rng.Uint32()))
			case 1:
				p = slices.Insert(p, 0, byte(0xc0+rng.IntN(5)))
			default:
				if at < len(p) {
					p[at] ^= 1 << rng.IntN(8)
				}
			}
		}
		payload := body("\x00" + string(p)) // a string still: how Redis takes other types is another matter
		line := args("RESTORE", "k"+strconv.Itoa(rng.IntN(2)), 0, payload, "REPLACE")
		want, got := redis.run(line...), cl.do(line...)
		get := args("GET", line[1])
		switch {
		case got[0] == '-' && want[0] != '-':
			cl.do(args("SET", line[1], bulk(t, redis.run(get...)))...)
		case got[0] == '-':
			refused++
		default:
			taken++
		}
		if want[0] == '-' && !bytes.Equal(want, got) || got[0] == '+' && want[0] != '+' {
			t.Fatalf("seed %d: %q\n  want %q\n  got  %q", seed, payload, want, got)
		}
		if want, got := redis.run(get...), cl.do(get...); !bytes.Equal(want, got) {
			t.Fatalf("seed %d: %q\n  want %q\n  got  %q", seed, payload, want, got)
		}
	}
	if taken < 100 || refused < 100 {
		t.Errorf("seed %d: %d were taken, %d refused", seed, taken, refused)
	}
}
