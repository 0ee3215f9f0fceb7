package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/store"
)

// withHLLSparse sets hll-sparse-max-bytes.
func withHLLSparse(cl *cluster, most int) {
	for _, c := range cl.nodes {
		th := store.DefaultThresholds
		th.HLLSparse = most
		c.KS.SetThresholds(th)
	}
}

// TestHLLOracle runs random commands on HyperLogLogs here and on redis-server, with several bounds of the sparse form.
func TestHLLOracle(t *testing.T) {
	for _, tc := range []struct{ nodes, proto, most int }{{1, 2, 3000}, {1, 3, 200}, {3, 2, 0}, {3, 3, 15000}} {
		t.Run(fmt.Sprintf("%d nodes, RESP%d, %d bytes", tc.nodes, tc.proto, tc.most), func(t *testing.T) {
			addr := redisoracle.StartRedis(t, "--hll-sparse-max-bytes", strconv.Itoa(tc.most))
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 10_000
			if testing.Short() {
				steps = 2000
			}
			g := redisoracle.NewGen(seed, redisoracle.Options{
				Families: []redisoracle.Family{redisoracle.HLLs}, CrossSlot: tc.nodes == 1,
			})
			cl := newCluster(tc.nodes)
			withHLLSparse(cl, tc.most)
			compareWithRedis(t, addr, cl, tc.proto, g, steps)
		})
	}
}

// TestHLLBytesAsRedis adds elements one at a time, and sets of them at once, and compares all bytes after each.
func TestHLLBytesAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	same := func(line [][]byte) {
		t.Helper()
		for _, l := range [][][]byte{line, args("GET", line[1])} {
			if want, got := redis.run(l...), cl.do(l...); !bytes.Equal(want, got) {
				t.Fatalf("seed %d: after %s:\n  want %.2000q\n  got  %.2000q", seed, redisoracle.Show(line), want, got)
			}
		}
	}
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		key := "k" + strconv.Itoa(round)
		for n := range 2500 {
			same(args("PFADD", key, strconv.Itoa(rnd.IntN(1<<20))))
			if n%50 == 0 {
				same(args("PFCOUNT", key))
			}
		}
	}
	for n := 1; n < 1_000_000; n *= 2 {
		key := "many" + strconv.Itoa(n)
		for left := n; left > 0; left -= 10_000 {
			line := args("PFADD", key)
			for range min(left, 10_000) {
				line = append(line, strconv.AppendUint(nil, rnd.Uint64(), 36))
			}
			same(line)
		}
		same(args("PFCOUNT", key))
		same(args("PFMERGE", "all", key, "k0"))
		same(args("PFCOUNT", "all", key))
	}
	for range 300 { // any ranks at all
		b := make([]byte, hllDenseLen)
		copy(b, "HYLL")
		b[15] = 0x80
		for i := range b[hllHeader:] {
			b[hllHeader+i] = byte(rnd.Uint32())
		}
		switch rnd.IntN(4) {
		case 0: // all as good as full
			for i := range b[hllHeader:] {
				b[hllHeader+i] |= 0xf3
			}
		case 1: // nearly empty
			clear(b[hllHeader+rnd.IntN(200):])
		}
		same(args("SET", "any", b))
		same(args("PFCOUNT", "any"))
		same(args("PFMERGE", "other", "any"))
	}
	full := bytes.Repeat([]byte{0xff}, hllDenseLen)
	copy(full, "HYLL\x00")
	same(args("SET", "any", full))
	same(args("PFCOUNT", "any"))
	for i := hllHeader; i < hllDenseLen; i += 3 { // 51 in each
		copy(full[i:], "\xf3\x3c\xcf")
	}
	same(args("SET", "any", full))
	same(args("PFCOUNT", "any"))
	same(args("PFCOUNT", "any", "none"))
	same(args("PFADD", "any", "x"))
}
