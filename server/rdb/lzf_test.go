package rdb

import (
	"bytes"
	"hash/crc64"
	"math/rand/v2"
	"strings"
	"testing"
)

// samples are strings that compress in different ways, or do not.
func samples(seed uint64) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	noise := func(n, letters int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(letters))
		}
		return b
	}
	var all [][]byte
	for _, n := range []int{
		0, 1, 2, 3, 4, 5, 20, 21, 22, 31, 32, 33, 63, 64, 65, 263, 264, 265, 1023, 1024, 1025, 8191, 8192, 8193, 16383, 16384, 70000,
	} {
		all = append(all, bytes.Repeat([]byte{'x'}, n), noise(n, 256), noise(n, 2), noise(n, 7),
			[]byte(strings.Repeat("0123456789", n/10)))
	}
	far := noise(64, 256)
	for _, gap := range []int{8192 - 65, 8192 - 64, 8192 - 63} { // a repetition just within reach of a match, and just beyond
		all = append(all, bytes.Join([][]byte{far, noise(gap, 256), far}, nil))
	}
	for range 100 { // pieces of itself, from anywhere, of any length
		b := noise(40, 256)
		for range rng.IntN(60) {
			from := rng.IntN(len(b))
			b = append(b, b[from:min(len(b), from+rng.IntN(400))]...)
			b = append(b, noise(rng.IntN(40), 256)...)
		}
		all = append(all, b)
	}
	return all
}

func TestCompress(t *testing.T) {
	seed := rand.Uint64()
	for i, s := range samples(seed) {
		packed, ok := compress([]byte("head"), s, len(s)+len(s)/32+1)
		if !ok || !bytes.HasPrefix(packed, []byte("head")) {
			t.Fatalf("seed %d: sample %d of %d bytes does not fit where it must", seed, i, len(s))
		}
		packed = packed[4:]
		out := make([]byte, len(s))
		if !decompress(out, packed) || !bytes.Equal(out, s) {
			t.Fatalf("seed %d: sample %d of %d bytes is not what it was", seed, i, len(s))
		}
		for _, n := range []int{len(s) - 1, len(s) + 1} {
			if n >= 0 && decompress(make([]byte, n), packed) {
				t.Fatalf("seed %d: sample %d of %d bytes passes for %d", seed, i, len(s), n)
			}
		}
		if again, ok := compress(nil, s, len(packed)); !ok || !bytes.Equal(again, packed) {
			t.Fatalf("seed %d: sample %d does not fit into its own length", seed, i)
		}
		dst := make([]byte, 1, 1+len(packed))
		if again, ok := compress(dst, s, len(packed)-1); len(packed) > 0 && (ok || len(again) != 1) {
			t.Fatalf("seed %d: sample %d fits into less than its length", seed, i)
		}
	}
}

// TestCompressRatio: what is obviously shorter gets short.
func TestCompressRatio(t *testing.T) {
	for s, most := range map[string]int{
		strings.Repeat("x", 264*100):                                 320,
		strings.Repeat("0123456789", 1000):                           160,
		noiseText(50_000) + strings.Repeat("0123456789", 1000):       54_000,
		strings.Repeat(`{"name":"some name","id":12345},`, 32) + "]": 80,
	} {
		if packed, ok := compress(nil, []byte(s), most); !ok {
			t.Errorf("%.40q...: %d bytes take more than %d", s, len(s), most)
		} else if len(packed) < len(s)/lzfMaxRatio {
			t.Errorf("%.40q...: %d bytes of %d are impossible", s, len(packed), len(s))
		}
	}
}

// noiseText is n bytes that do not compress.
func noiseText(n int) string {
	rng := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	rng.Read(b)
	return string(b)
}

func TestDecompress(t *testing.T) {
	for _, tc := range []struct{ packed, want string }{
		{"\x00a", "a"},
		{"\x02abc", "abc"},
		{"\x00a\x20\x00", "aaaa"},                                     // 3 bytes, the shortest match, into itself
		{"\x01ab\xc0\x01", "abababab" + "ab"},                         // 8 bytes of a period of two
		{"\x02abc\xe0\x00\x02", "abcabcabcabc"},                       // 9 bytes, the shortest long match
		{"\x00x\xe0\xff\x00", "x" + strings.Repeat("x", lzfMaxMatch)}, // the longest
		{"\x1f" + strings.Repeat("y", 32), strings.Repeat("y", 32)},   // the longest run
	} {
		dst := make([]byte, len(tc.want))
		if !decompress(dst, []byte(tc.packed)) || string(dst) != tc.want {
			t.Errorf("%q: %q, want %q", tc.packed, dst, tc.want)
		}
	}
	for _, bad := range []string{
		"\x00", "\x02ab", "\x20", "\x20\x00", "\x00a\x20", "\x00a\x20\x01", "\x00a\xe0", "\x00a\xe0\x00", "\x00a\x3f\xff", "\x00ab",
	} {
		for n := range 40 {
			if decompress(make([]byte, n), []byte(bad)) {
				t.Errorf("%q passes for %d bytes", bad, n)
			}
		}
	}
	far := append(bytes.Repeat([]byte("\x1f"+strings.Repeat("z", 32)), 256), "\x3f\xff"...) // an offset of 8192
	if !decompress(make([]byte, 8195), far) {
		t.Error("the farthest match is refused")
	}
}

// FuzzDecompress: whatever the bytes, nothing is read or written beyond, and what passes can be compressed and come back.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x00a\x20\x00"), 4)
	f.Add([]byte("\x00x\xe0\xff\x00"), 265)
	for i, s := range samples(1) {
		if packed, ok := compress(nil, s, 1000); ok && i%7 == 0 {
			f.Add(packed, len(s))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, n int) {
		if n < 0 || n > 1<<16 {
			return
		}
		room := bytes.Repeat([]byte{0xA5}, n+64)
		if decompress(room[:n:n], packed) {
			if n > len(packed)*lzfMaxRatio {
				t.Fatalf("%d bytes hold %d", len(packed), n)
			}
			again, ok := compress(nil, room[:n], n+n/32+1)
			back := make([]byte, n)
			if !ok || !decompress(back, again) || !bytes.Equal(back, room[:n]) {
				t.Fatalf("%x does not come back", room[:n])
			}
		}
		if !bytes.Equal(room[n:], bytes.Repeat([]byte{0xA5}, 64)) {
			t.Fatal("bytes behind the end were written")
		}
	})
}

func TestChecksum(t *testing.T) {
	if got := checksum(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("%x", got)
	}
	table := crc64.MakeTable(jones)
	rng := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, 300)
	for n := range p {
		p[n] = byte(rng.Uint32())
		want := ^crc64.Update(^uint64(0), table, p[:n])
		if got := checksum(0, p[:n]); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
		if half := n / 2; checksum(checksum(0, p[:half]), p[half:n]) != want {
			t.Fatalf("%d bytes in two parts differ", n)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	p := make([]byte, 1<<20)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		checksum(0, p)
	}
}

func BenchmarkCompress(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	text := []byte(strings.Repeat(`{"name":"some name","id":12345,"tags":["a","b"]},`, 1<<20/49))
	for i := 0; i < len(text); i += 20 {
		text[i] = byte('a' + rng.IntN(26))
	}
	for name, p := range map[string][]byte{
		"noise 1MB": noise, "text 1MB": text, "text 100B": text[:100], "text 1KB": text[:1000],
	} {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, len(p))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				compress(dst, p, len(p)-compressGain)
			}
		})
	}
	packed, _ := compress(nil, text, len(text))
	b.Run("decompress text", func(b *testing.B) {
		out := make([]byte, len(text))
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			decompress(out, packed)
		}
	})
}
