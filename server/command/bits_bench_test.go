package command

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ringcache/server/store"
)

const largeBits = 1 << 20 // bytes

// bitsCtx has a string of largeBits bytes at k.
func bitsCtx() *cluster {
	cl := newCluster(1)
	cl.nodes[0].KS = newKeyspaceWithoutSink()
	cl.text(fmt.Sprintf("SETBIT k %d 1", largeBits*8-1))
	return cl
}

// valueOf answers the bytes of k where they are.
func valueOf(c *Ctx) []byte {
	r := c.KS.Ref(testSlot([]byte("k")), 0, []byte("k"))
	c.KS.LockSlot(r.Slot)
	defer c.KS.UnlockSlot(r.Slot)
	return c.KS.Lookup(r, testNow, store.Expired).Value()
}

// TestBitsChangeInPlace: what changes bits of a large string neither copies it nor allocates, whatever it is kept in.
func TestBitsChangeInPlace(t *testing.T) {
	cl := bitsCtx()
	c := cl.nodes[0]
	before := &valueOf(c)[0]
	for _, line := range []string{
		"SETBIT k 12345 1", "SETBIT k 12345 0", "SETBIT k 8388607 0", "BITFIELD k SET u8 622216 200", "BITFIELD k INCRBY i63 999 7 OVERFLOW SAT INCRBY u4 0 9",
		"SETRANGE k 500000 hello",
	} {
		args := words(line)
		row := testTable.Lookup(args)
		c.Args, c.Slot = args, testSlot([]byte("k"))
		if n := testing.AllocsPerRun(20, func() {
			c.Out.B = c.Out.B[:0]
			c.Run(row)
		}); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
		if after := &valueOf(c)[0]; after != before {
			t.Errorf("%s: the string has moved", line)
		}
	}
	if got := cl.text("GETRANGE k 500000 500004"); got != "$5\r\nhello\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestBitsGrowWithRoom: a string that grows by one byte after the other is not copied each time.
func TestBitsGrowWithRoom(t *testing.T) {
	cl := bitsCtx()
	c := cl.nodes[0]
	moves := 0
	before := &valueOf(c)[0]
	const grows = 4000
	for i := range grows {
		cl.text(fmt.Sprintf("SETBIT k %d 1", (largeBits+i)*8))
		if after := &valueOf(c)[0]; after != before {
			moves, before = moves+1, after
		}
	}
	if n := len(valueOf(c)); n != largeBits+grows {
		t.Errorf("it has %d bytes", n)
	}
	if moves > 3 {
		t.Errorf("it was copied %d times", moves)
	}
}

// TestBitsOfLongStrings counts and finds bits of strings of which most words are the same, against looking at each bit.
func TestBitsOfLongStrings(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		val := make([]byte, 1+rnd.IntN(400))
		if rnd.IntN(2) == 0 {
			for i := range val {
				val[i] = 0xFF
			}
		}
		total := int64(len(val)) * 8
		for range rnd.IntN(4) {
			val[rnd.IntN(len(val))] ^= 1 << rnd.IntN(8)
		}
		for range 20 {
			first := rnd.Int64N(total)
			last := first + rnd.Int64N(total-first)
			count, found := int64(0), [2]int64{-1, -1}
			for i := first; i <= last; i++ {
				bit := val[i>>3] >> (7 - i&7) & 1
				count += int64(bit)
				if found[bit] < 0 {
					found[bit] = i
				}
			}
			got := [3]int64{countBits(val, first, last), findBit(val, false, first, last), findBit(val, true, first, last)}
			if want := [3]int64{count, found[0], found[1]}; got != want {
				t.Fatalf("seed %d, bits %d to %d of %x: %d, want %d", seed, first, last, val, got, want)
			}
		}
	}
}

func BenchmarkBits1MB(b *testing.B) {
	for _, line := range []string{
		"SETBIT k 4000000 1", "GETBIT k 4000000", "BITCOUNT k", "BITCOUNT k 100 200", "BITPOS k 1", "BITPOS k 0", "BITFIELD k INCRBY u32 32000 1",
		"BITFIELD_RO k GET u16 4000003 GET i64 77", "BITOP NOT d k",
	} {
		b.Run(line, func(b *testing.B) {
			c := bitsCtx().nodes[0]
			c.Args = words(line)
			c.Slot = testSlot([]byte("k"))
			on := byte('0')
			b.ReportAllocs()
			for b.Loop() {
				if c.Args[0][0] == 'S' { // each call changes the bit
					on ^= 1
					c.Args[3][0] = on
				}
				c.Out.B = c.Out.B[:0]
				c.Run(testTable.Lookup(c.Args))
			}
		})
	}
}
