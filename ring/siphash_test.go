package ring

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestHashKeyVectors holds Func against CPython's hash of bytes objects, which is SipHash-1-3: Python 3.11 with
// PYTHONHASHSEED=42, whose key is the one below, of the bytes 0, 1, 2 ...
func TestHashKeyVectors(t *testing.T) {
	var k HashKey
	if _, err := hex.Decode(k[:], []byte("af90cd68d34f50dcc1e999fe9fbb20b9")); err != nil {
		t.Fatal(err)
	}
	sum := k.Func()
	for n, want := range map[int]uint64{
		1: 0xce880c366bcf3489, 2: 0xef32fbc0469f0756, 3: 0xef4b9dcae9b04417, 4: 0x79793200f3b3b3db, 5: 0xbe8653fc64f95fbd,
		6: 0xb32b5a11619800dd, 7: 0xce280fabc397fbda, 8: 0x60866c3c108c6afb, 9: 0x68814005f7469e03, 10: 0x060a514cd0a2e301,
		11: 0x72f315ef14fb4b09, 12: 0x550fe6ca26ef7fdd, 13: 0x19c8185b4c3e2799, 14: 0xfaa1fc2224a07929, 15: 0x94ace24d68c18cf8,
		16: 0x339176f3ac59ce05, 17: 0xed2706b414c296f1, 23: 0xad71bad831e3a42d, 24: 0xae431c6fb201ce8b, 31: 0x06f3af51bda71c61,
		32: 0x26f2ecd47de50371, 63: 0x06e24d6f0d014c37, 64: 0x91639ef7de8d52cb, 200: 0x8edc9abbc13e0591,
	} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i)
		}
		if got := sum(p); got != want {
			t.Errorf("%d bytes: %#016x, want %#016x", n, got, want)
		}
	}
	if sum(nil) == sum([]byte{0}) || sum(nil) != sum([]byte{}) {
		t.Error("the empty key")
	}
}

func TestHashKey(t *testing.T) {
	a, b := NewHashKey(), NewHashKey()
	if a == b || a.IsZero() {
		t.Fatal("keys drawn are equal or zero")
	}
	key := []byte("user:1000")
	sum, again, other := a.Func(), a.Func(), b.Func()
	if sum(key) != again(key) || sum(key) == other(key) {
		t.Error("the hash does not depend on its key, or on more")
	}
	if (HashKey{}).Func()(key) != Hash(key) {
		t.Error("without a key it is another hash than it was")
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v", a, Form{"c", a}, Form{"c", a}), fmt.Sprintf("%x", a)} {
		if strings.Contains(text, hex.EncodeToString(a[:4])) || strings.Contains(text, fmt.Sprintf("%d %d", a[0], a[1])) ||
			!strings.Contains(text, "secret") && !strings.Contains(text, hex.EncodeToString([]byte("(secret)"))) {
			t.Errorf("the key shows: %s", text)
		}
	}
	if n := testing.AllocsPerRun(100, func() { sum(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// XXH64 takes a word w of the last, incomplete 32 bytes so: state = rotl(state ^ scramble(w), 27)*prime1 + prime4. A flip of
// bit 36 of scramble(w) is one of bit 63 after the rotation, and remains just that: 2^63 times an odd number is 2^63, and to add
// it is to flip the top bit. The same bit flipped in the scramble of the next word takes it back. The state, and with it the
// seed, is never asked.
const (
	xxhPrime1 = 0x9E3779B185EBCA87
	xxhPrime2 = 0xC2B2AE3D27D4EB4F
)

func xxhScramble(w uint64) uint64 {
	p1 := uint64(xxhPrime1) // wraps, which constants do not
	return bits.RotateLeft64(w*xxhPrime2, 31) * p1
}

func xxhUnscramble(v uint64) uint64 {
	return bits.RotateLeft64(v*inverse(xxhPrime1), -31) * inverse(xxhPrime2)
}

// inverse is 1/n modulo 2^64, of an odd n, by Newton's method: each step doubles the correct bits, of which n itself has three.
func inverse(n uint64) uint64 {
	x := n
	for range 5 {
		x *= 2 - n*x
	}
	return x
}

// xxhTwin is another text of the same length with the same XXH64, whatever the seed. text has 16 to 31 bytes.
func xxhTwin(text []byte) []byte {
	twin := make([]byte, len(text))
	copy(twin, text)
	for i, bit := range []int{36, 63} {
		w := binary.LittleEndian.Uint64(text[8*i:])
		binary.LittleEndian.PutUint64(twin[8*i:], xxhUnscramble(xxhScramble(w)^1<<bit))
	}
	return twin
}

// TestSeedsDoNotProtectXXH64 is why the keyspace does not hash by XXH64 with a seed, be it given as such or hashed in front of
// the key, and that its own hash has no such twins.
func TestSeedsDoNotProtectXXH64(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		text := fmt.Appendf(nil, "any text of length %d", 10+i%10)[:16+i%6]
		twin := xxhTwin(text)
		if string(twin) == string(text) {
			t.Fatalf("%q is its own twin", text)
		}
		seed := rnd.Uint64()
		byOption, prefix := xxhash.NewWithSeed(seed), binary.LittleEndian.AppendUint64(nil, seed)
		withSeed := func(p []byte) uint64 {
			byOption.ResetWithSeed(seed)
			_, _ = byOption.Write(p) // never fails
			return byOption.Sum64()
		}
		if withSeed(text) != withSeed(twin) {
			t.Fatalf("seed %x: %q and %q differ", seed, text, twin)
		}
		if len(text) < 24 && Hash(append(prefix, text...)) != Hash(append(prefix, twin...)) {
			t.Fatalf("seed %x in front: %q and %q differ", seed, text, twin)
		}
		if sum := NewHashKey().Func(); sum(text) == sum(twin) {
			t.Fatalf("the keyed hash of %q and %q is the same", text, twin)
		}
	}
}

// BenchmarkHashKey compares what a keyspace may hash by. Each hash waits for the one before: it is the time until one is there.
func BenchmarkHashKey(b *testing.B) {
	keyed := NewHashKey().Func()
	for _, n := range []int{8, 17, 32, 64, 200} {
		for name, sum := range map[string]func([]byte) uint64{"XXH64": Hash, "keyed": keyed} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				keys := make([]byte, n+8) // another start each time, chosen by the last hash: no store is waited for
				at := uint64(0)
				for b.Loop() {
					at = sum(keys[at&7:][:n])
				}
			})
		}
	}
}
