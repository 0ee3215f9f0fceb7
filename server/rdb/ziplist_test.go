package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// zipped is a ziplist of elements that are encoded already.
func zipped(elements ...string) []byte {
	b := bytes.Repeat([]byte{0}, ziplistHead)
	last, before := ziplistHead, 0
	for _, e := range elements {
		last = len(b)
		if before < ziplistLong {
			b = append(b, byte(before))
		} else {
			b = binary.LittleEndian.AppendUint32(append(b, ziplistLong), uint32(before))
		}
		b = append(b, e...)
		before = len(b) - last
	}
	b = append(b, ziplistEnd)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint32(b[4:], uint32(last))
	binary.LittleEndian.PutUint16(b[8:], uint16(len(elements)))
	return b
}

func TestZiplist(t *testing.T) {
	long, longer := strings.Repeat("x", 300), strings.Repeat("y", 20_000)
	good := zipped("\x01a", "\x00", "\x41\x2c"+long, "\x80\x00\x00\x4e\x20"+longer, "\xf1", "\xfd", "\xfe\x80", "\xc0\xff\x7f", "\xf0\x00\x00\x80",
		"\xd0\x00\x00\x00\x80", "\xe0\xff\xff\xff\xff\xff\xff\xff\x7f")
	want := []string{"a", "", long, longer, "0", "12", "-128", "32767", "-8388608", "-2147483648", "9223372036854775807"}
	got, err := Ziplist(good)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d elements, %v", len(got), err)
	}
	for i, w := range want {
		if string(got[i]) != w {
			t.Errorf("element %d is %.40q, want %.40q", i, got[i], w)
		}
	}
	for i := range good { // cut anywhere, it is none
		if _, err := Ziplist(good[:i]); !errors.Is(err, ErrFormat) {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
	}
	for _, bad := range [][]byte{
		nil, zipped("\xff"), zipped("\x02a"), zipped("\xc0\x01"), zipped("\x81aaaa"), append(zipped("\x01a"), 0),
	} {
		if _, err := Ziplist(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzZiplist: whatever it is, it is read within its bounds or refused.
func FuzzZiplist(f *testing.F) {
	f.Add(zipped("\x01a", "\xf5"))
	f.Add(zipped("\x41\x2c"+strings.Repeat("x", 300), "\xc0\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		elements, err := Ziplist(b)
		if err != nil {
			return
		}
		total := 0
		for _, e := range elements {
			total += len(e)
		}
		if len(elements) > len(b)/2 || total > 20*len(b) {
			t.Fatalf("%d elements of %d bytes from %d", len(elements), total, len(b))
		}
	})
}

func TestTextFloat64(t *testing.T) {
	for text, want := range map[string]float64{"\x031.5": 1.5, "\xfe": math.Inf(1), "\xff": math.Inf(-1), "\x05-1e10": -1e10} {
		r := Reader{p: []byte(text)}
		if got, err := r.TextFloat64(); err != nil || got != want || r.Remaining() > 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\x00", "\x05123", "\x01x"} {
		r := Reader{p: []byte(text)}
		if _, err := r.TextFloat64(); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
