package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestLength(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "\x00", 63: "\x3f", 64: "\x40\x40", 16383: "\x7f\xff", 16384: "\x80\x00\x00\x40\x00",
		math.MaxUint32:     "\x80\xff\xff\xff\xff",
		math.MaxUint32 + 1: "\x81\x00\x00\x00\x01\x00\x00\x00\x00",
		math.MaxUint64:     "\x81\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		got := AppendLength(nil, n)
		if string(got) != want || lengthSize(n) != len(want) {
			t.Errorf("%d: %x of %d, want %x", n, got, lengthSize(n), want)
		}
		r := Reader{p: got}
		if back, err := r.Length(); err != nil || back != n || r.Remaining() != 0 {
			t.Errorf("%d comes back as %d, %v", n, back, err)
		}
		for cut := range got {
			r := Reader{p: got[:cut]}
			if _, err := r.Length(); !errors.Is(err, ErrFormat) {
				t.Errorf("%x, cut to %d: %v", got, cut, err)
			}
		}
	}
	zeros := strings.Repeat("\x00", 8)
	for _, bad := range []string{"\x82" + zeros, "\xbf" + zeros, "\xc0\x01", "\xff\x01"} {
		r := Reader{p: []byte(bad)}
		if n, err := r.Length(); !errors.Is(err, ErrFormat) {
			t.Errorf("%x is %d, %v", bad, n, err)
		}
	}
}

func TestCount(t *testing.T) {
	for _, tc := range []struct {
		n, size, there int
		ok             bool
	}{{0, 1, 0, true}, {3, 1, 3, true}, {4, 1, 3, false}, {3, 2, 6, true}, {3, 2, 5, false}, {1, 9, 8, false}} {
		r := Reader{p: append(AppendLength(nil, uint64(tc.n)), make([]byte, tc.there)...)}
		if n, err := r.Count(tc.size); (err == nil) != tc.ok || tc.ok && n != tc.n {
			t.Errorf("%+v: %d, %v", tc, n, err)
		}
	}
	r := Reader{p: AppendLength(nil, math.MaxUint64)}
	if _, err := r.Count(1); !errors.Is(err, ErrFormat) {
		t.Error("a count beyond all memory passes")
	}
}

func TestFloat64(t *testing.T) {
	for _, f := range []float64{0, 1, -1.5, math.Inf(-1), math.MaxFloat64, 5e-324} {
		r := Reader{p: AppendFloat64(nil, f)}
		if got, err := r.Float64(); err != nil || got != f {
			t.Errorf("%v comes back as %v, %v", f, got, err)
		}
	}
	if r := (Reader{p: make([]byte, 7)}); true {
		if _, err := r.Float64(); !errors.Is(err, ErrFormat) {
			t.Error(err)
		}
	}
}

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"": "\x00", "a": "\x01a", "0": "\xc0\x00", "-1": "\xc0\xff", "127": "\xc0\x7f", "128": "\xc1\x80\x00", "-128": "\xc0\x80",
		"-129": "\xc1\x7f\xff", "32767": "\xc1\xff\x7f", "32768": "\xc2\x00\x80\x00\x00", "-32768": "\xc1\x00\x80",
		"-32769": "\xc2\xff\x7f\xff\xff", "2147483647": "\xc2\xff\xff\xff\x7f", "-2147483648": "\xc2\x00\x00\x00\x80",
		"2147483648": "\x0a2147483648", "-2147483649": "\x0b-2147483649", "00": "\x0200", "-0": "\x02-0",
		"+1": "\x02+1", "-": "\x01-",
		" 1": "\x02 1", "1 ": "\x021 ", "01": "\x0201", "1:": "\x021:", "1/": "\x021/",
		strings.Repeat("x", 20):      "\x14" + strings.Repeat("x", 20),
		strings.Repeat("x", 21):      "\xc3\x05\x15\x00x\xe0\x0b\x00",
		"abcdefghijklmnopqrstuvwxyz": "\x1aabcdefghijklmnopqrstuvwxyz",
	} {
		if got := AppendString([]byte("head"), []byte(s)); string(got) != "head"+want {
			t.Errorf("%q: %x, want %x", s, got[4:], want)
		}
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), compressMax/16)
	if got := AppendString(nil, long); len(got) > len(long)/40 {
		t.Errorf("%d bytes take %d", len(long), len(got))
	}
	if got := AppendString(nil, append(long, 'x')); len(got) != len(long)+1+5 {
		t.Errorf("a byte more takes %d: is it compressed?", len(got))
	}
}

func TestStringsComeBack(t *testing.T) {
	all := samples(3)
	for _, n := range []int64{
		math.MinInt64 + 1, math.MinInt32, math.MinInt16, math.MinInt8, 0,
		math.MaxInt8, math.MaxInt16, math.MaxInt32, math.MaxInt64 - 1,
	} {
		for d := int64(-1); d <= 1; d++ {
			all = append(all, strconv.AppendInt(nil, n+d, 10))
		}
	}
	buf := make([]byte, 0, 100)
	for i, s := range all {
		payload := AppendFooter(AppendString(AppendType(nil, TypeString), s), 0)
		r, err := Open(payload, len(s))
		if err != nil {
			t.Fatal(err)
		}
		if typ, err := r.Type(); typ != TypeString || err != nil {
			t.Fatalf("type %d, %v", typ, err)
		}
		if got, err := r.String(buf); err != nil || !bytes.Equal(got, s) || r.Remaining() != 0 {
			t.Fatalf("sample %d of %d bytes: %.100q, %v, %d left", i, len(s), got, err, r.Remaining())
		}
		if len(s) == 0 {
			continue
		}
		r, _ = Open(payload, len(s)-1)
		r.Type()
		if _, err := r.String(buf); !errors.Is(err, ErrFormat) {
			t.Fatalf("sample %d of %d bytes passes a limit below: %v", i, len(s), err)
		}
	}
}

// TestLimitIsForAll: the limit is for all strings of a value together.
func TestLimitIsForAll(t *testing.T) {
	var p []byte
	for range 3 {
		p = AppendString(p, bytes.Repeat([]byte("x"), 1000))
	}
	r := Reader{p: p, room: 2999}
	for i := range 3 {
		if _, err := r.String(nil); (err == nil) != (i < 2) {
			t.Errorf("string %d: %v", i, err)
		}
	}
}

func TestBadStrings(t *testing.T) {
	for _, bad := range []string{
		"", "\x01", "\x05abcd", "\x40", "\x40\x05abcd", "\x80\x00\x00\x00\x05abcd", "\x80\xff\xff\xff\xff", "\x82\x00\x00\x00\x01a",
		"\x81\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\x80\x00\x00\x00\x00\x00\x00\x00a",
		"\xc0", "\xc1\x01", "\xc2\x01\x02\x03", "\xc4\x00",
		"\xff\x00\x00",
		"\xc3", "\xc3\x01", "\xc3\x02\x01\x00", "\xc3\x02\x02\x00a", "\xc3\xc0\x02\x01\x00a", "\xc3\x02\xc0\x01\x00a", "\xc3\x00\x00",
		"\xc3\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00a", // more than two bytes can hold
		"\xc3\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00a",
	} {
		r := Reader{p: []byte(bad), room: 1 << 30}
		if s, err := r.String(nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%x is %.100q, %v", bad, s, err)
		}
	}
}

// TestNoRoomForLies: a length that its data cannot fill takes no memory.
func TestNoRoomForLies(t *testing.T) {
	lie := []byte("\xc3\x03\x80\x40\x00\x00\x00\x00a\x20")
	if n := testing.AllocsPerRun(10, func() {
		r := Reader{p: lie, room: math.MaxInt}
		if _, err := r.String(nil); err == nil {
			t.Fatal("the lie passes")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFooter(t *testing.T) {
	payload := AppendFooter([]byte("junk\x00\x01a"), 4)[4:]
	if want := "\x00\x01a\x0a\x00"; !bytes.HasPrefix(payload, []byte(want)) || len(payload) != len(want)+8 {
		t.Fatalf("%x", payload)
	}
	for i := range payload {
		for bit := range 8 {
			bad := bytes.Clone(payload)
			bad[i] ^= 1 << bit
			if _, err := Open(bad, 10); !errors.Is(err, ErrFooter) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
		}
		if _, err := Open(payload[:i], 10); !errors.Is(err, ErrFooter) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	for version := range 1 << 16 {
		p := append(bytes.Clone(payload[:3]), byte(version), byte(version>>8))
		p = appendChecksum(p)
		if _, err := Open(p, 10); (err == nil) != (version <= 12 || version == 80) {
			t.Fatalf("version %d: %v", version, err)
		}
	}
}

func appendChecksum(p []byte) []byte {
	crc := checksum(0, p)
	for range 8 {
		p = append(p, byte(crc))
		crc >>= 8
	}
	return p
}

func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, s := range []string{"", "123", "some string", strings.Repeat("x", 2000), strings.Repeat("0123456789abcdef", 100)} {
		value := []byte(s)
		payload := AppendFooter(AppendString(AppendType(nil, TypeString), value), 0)
		buf := make([]byte, 0, 2000)
		if n := testing.AllocsPerRun(100, func() {
			AppendFooter(AppendString(AppendType(dst, TypeString), value), 0)
		}); n != 0 {
			t.Errorf("writing %.20q: %v allocations", s, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			r, _ := Open(payload, 4096)
			r.Type()
			r.String(buf)
		}); n != 0 {
			t.Errorf("reading %.20q: %v allocations", s, n)
		}
	}
}

// FuzzReader reads whatever there is, by all methods in any order: an error, or something that is written and read alike.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\xc3\x05\x15\x00x\xe0\x0b\x00"), []byte("s"))
	f.Add([]byte("\x03\xc0\x01\xc1\x01\x02\x05abcdef"), []byte("csss"))
	f.Add(AppendFloat64([]byte{0x80, 0, 0, 1, 0}, 1.5), []byte("lf"))
	f.Fuzz(func(t *testing.T, p, methods []byte) {
		const limit = 1 << 20
		r := Reader{p: p, room: limit}
		total := 0
		for _, m := range methods {
			before := r.Remaining()
			var err error
			switch m {
			case 's':
				var s, back []byte
				if s, err = r.String(nil); err == nil {
					again := Reader{p: AppendString(nil, s), room: len(s)}
					if back, err = again.String(nil); err != nil || !bytes.Equal(back, s) || again.Remaining() != 0 {
						t.Fatalf("%.100q comes back as %.100q, %v", s, back, err)
					}
				}
				if total += len(s); total > limit || len(s) > lzfMaxRatio*before {
					t.Fatalf("%d bytes of strings from %d", total, len(p))
				}
			case 'l':
				_, err = r.Length()
			case 'c':
				var n int
				if n, err = r.Count(2); err == nil && n > r.Remaining()/2 {
					t.Fatalf("%d elements in %d bytes", n, r.Remaining())
				}
			case 'f':
				_, err = r.Float64()
			default:
				_, err = r.Type()
			}
			if err != nil {
				if !errors.Is(err, ErrFormat) {
					t.Fatal(err)
				}
				return
			}
			if r.Remaining() >= before {
				t.Fatalf("%q read nothing", m)
			}
		}
	})
}

func Example() {
	payload := AppendFooter(AppendString(AppendType(nil, TypeString), []byte("hello")), 0)
	fmt.Printf("%q\n", payload)
	r, err := Open(payload, 512<<20)
	if err != nil {
		fmt.Println(err)
	}
	typ, err := r.Type()
	fmt.Println(typ, err)
	s, err := r.String(nil)
	fmt.Printf("%s %v\n", s, err)
	// Output:
	// "\x00\x05hello\n\x00cr\xdfve4 \n"
	// 0 <nil>
	// hello <nil>
}
