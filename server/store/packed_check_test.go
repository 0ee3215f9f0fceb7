package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPackedCheck(t *testing.T) {
	p := NewPacked(nil)
	for _, s := range []string{"", "7", "-7", "300000", "abc", strings.Repeat("x", 200), strings.Repeat("y", 5000)} {
		p = p.Append([]byte(s))
	}
	n := p.Len()
	for i := range p {
		if _, err := Check(p[:i], n); !errors.Is(err, ErrPacked) {
			t.Fatalf("%d bytes of %d: %v", i, len(p), err)
		}
		cut := append(slices.Clone(p[:i]), packedEnd) // the header and the end are right, what is between them stops short
		if i >= packedHeader && i < len(p)-1 {
			binary.LittleEndian.PutUint32(cut, uint32(len(cut)))
			if _, err := Check(cut, n); !errors.Is(err, ErrPacked) {
				t.Fatalf("cut at %d of %d: %v", i, len(p), err)
			}
		}
	}
	for _, max := range []int{-1, 0, n - 1} {
		if _, err := Check(p, max); !errors.Is(err, errPackedMany) {
			t.Errorf("%d elements where %d may be: %v", n, max, err)
		}
	}
	for _, tc := range []struct {
		name, hex string
		want      error
	}{
		{"an empty one", "07000000" + "0000" + "ff", nil},
		{"number unknown", "09000000" + "ffff" + "0101" + "ff", nil},
		{"a number in a string", "0a000000" + "0100" + "813102" + "ff", nil},
		{"a small integer in 8 bytes", "11000000" + "0100" + "f4010000000000000009" + "ff", nil},
		{"a byte more", "07000000" + "0000" + "ffff", errPackedHeader},
		{"no end", "07000000" + "0000" + "00", errPackedHeader},
		{"a number too high", "09000000" + "0200" + "0101" + "ff", errPackedCount},
		{"a number too low", "09000000" + "0000" + "0101" + "ff", errPackedCount},
		{"no encoding", "09000000" + "0100" + "f501" + "ff", errPackedElement},
		{"an end before the end", "09000000" + "0100" + "ff01" + "ff", errPackedElement},
		{"no backlen", "08000000" + "0100" + "01" + "ff", errPackedElement},
		{"a wrong backlen", "09000000" + "0100" + "0102" + "ff", errPackedBacklen},
		{"a string of 4 GB", "0d000000" + "0100" + "f0ffffffff00" + "ff", errPackedElement},
		{"half an integer", "09000000" + "0100" + "f401" + "ff", errPackedElement},
		{"half a length", "08000000" + "0100" + "e1" + "ff", errPackedElement},
	} {
		b, err := hex.DecodeString(tc.hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Check(b, 10)
		if !errors.Is(err, tc.want) || (got == nil) != (tc.want != nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// FuzzPacked: what passes Check can be walked both ways, read and changed, and is made again of its texts.
func FuzzPacked(f *testing.F) {
	seed := NewPacked(nil)
	f.Add([]byte(seed), uint8(0))
	for i, s := range []string{"", "1", "-1", "5000", "-40000", "9000000", "1234567890123", "abc", strings.Repeat("x", 130)} {
		seed = seed.Append([]byte(s))
		f.Add(slices.Clone([]byte(seed)), uint8(i))
	}
	f.Add([]byte("\x0a\x00\x00\x00\xff\xff\x811\x02\xff"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		p, err := Check(b, len(b))
		if err != nil {
			if !errors.Is(err, ErrPacked) || p != nil {
				t.Fatal(p, err)
			}
			return
		}
		all := texts(p)
		checkWalks(t, p, len(all))
		again := NewPacked(nil)
		for _, s := range all {
			again = again.Append([]byte(s))
		}
		if !slices.Equal(texts(again), all) || len(again) > len(p) {
			t.Fatalf("%q made of %q", again, p)
		}
		if len(all) == 0 {
			return
		}
		i := int(at) % len(all)
		pos, _ := p.Seek(i)
		first, ok := p.Find(p.First(), 0, []byte(all[i]))
		if want, _ := p.Seek(slices.Index(all, all[i])); !ok || first != want {
			t.Fatalf("%q is found at %d, want %d", all[i], first, want)
		}
		changed, _ := slices.Clone(p).Replace(pos, []byte(all[0]))
		changed = changed.Insert(pos, true, []byte("new")).Delete(pos, 1)
		all[i] = all[0]
		if got := texts(changed); !slices.Equal(got, all) {
			t.Fatalf("%q, want %q", got, all)
		}
		checkWalks(t, changed, len(all))
	})
}
