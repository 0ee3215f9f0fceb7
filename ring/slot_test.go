package ring

import (
	"bytes"
	"strings"
	"testing"
)

// slowSlot is the specification word for word: the tag, then the CRC bit by bit.
func slowSlot(key string) uint16 {
	if open := strings.Index(key, "{"); open >= 0 {
		if end := strings.Index(key[open+1:], "}"); end > 0 {
			key = key[open+1 : open+1+end]
		}
	}
	return slowCRC([]byte(key)) & 0x3fff
}

func slowCRC(p []byte) uint16 {
	var crc uint16
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			top := crc>>15 ^ uint16(b>>bit&1)
			crc <<= 1
			if top == 1 {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

func TestChecksum(t *testing.T) {
	// The check value of CRC-16/XMODEM, as the specification and every catalogue of CRCs give it.
	if got := checksum([]byte("123456789")); got != 0x31c3 {
		t.Fatalf("CRC of 123456789 is %#x, want 0x31c3", got)
	}
}

func TestSlotOf(t *testing.T) {
	for key, want := range map[string]uint16{
		"":                     0,
		"123456789":            12739,
		"foo":                  12182,
		"bar":                  5061,
		"hello":                866,
		"somekey":              11058,
		"{user1000}.following": slowCRC16("user1000"),
		"{user1000}.followers": slowCRC16("user1000"),
		"user1000":             3443,
		"foo{}{bar}":           slowCRC16("foo{}{bar}"), // an empty tag is none
		"foo{{bar}}zap":        slowCRC16("{bar"),
		"foo{bar}{zap}":        5061,
		"{}":                   slowCRC16("{}"),
		"{}a{b}":               slowCRC16("{}a{b}"),
		"a}b{c":                slowCRC16("a}b{c"),
		"}{x}":                 slowCRC16("x"),
		"{":                    slowCRC16("{"),
		"{\x00}y":              slowCRC16("\x00"),
	} {
		if got := SlotOf([]byte(key)); got != want {
			t.Errorf("slot of %q is %d, want %d", key, got, want)
		}
	}
}

func slowCRC16(s string) uint16 { return slowCRC([]byte(s)) % Slots }

func TestSlotOfAllocatesNothing(t *testing.T) {
	key := []byte("{user:000000042}:name")
	if n := testing.AllocsPerRun(100, func() { SlotOf(key); Hash(key) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzSlotOf(f *testing.F) {
	for _, s := range []string{"", "{", "}", "{}", "{a}", "a{b}c", "{{a}}", "123456789abcdefgh", "{}{a}", strings.Repeat("x", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		before := bytes.Clone(key)
		if got, want := SlotOf(key), slowSlot(string(key)); got != want {
			t.Fatalf("slot of %q is %d, want %d", key, got, want)
		}
		if !bytes.Equal(before, key) {
			t.Fatal("the key has changed")
		}
	})
}

func BenchmarkSlotOf(b *testing.B) {
	for name, key := range map[string]string{
		"17 bytes": "key:0000000012345", "tag": "{user1000}.following", "64 bytes": strings.Repeat("k", 64),
	} {
		b.Run(name, func(b *testing.B) {
			k := []byte(key)
			b.ReportAllocs()
			for b.Loop() {
				SlotOf(k)
			}
		})
	}
}
