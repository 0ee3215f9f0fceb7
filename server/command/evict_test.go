package command

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	redisoracle "ringcache/internal/oracle"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// overLimit is one call at least of each command that writes, and some that do not, for a node without memory.
var overLimit = []string{
	"SET k v", "SET k v EX 100", "GETSET k v", "SETRANGE k 1 x", "APPEND k x", "SETNX k v", "SETEX k 100 v", "PSETEX k 100 v",
	"MSET k v l v", "MSETNX k v l v", "INCR k", "INCRBY k 1", "INCRBYFLOAT k 1", "DECR k", "DECRBY k 1", "COPY k l", "DEL k",
	"UNLINK k", "RENAME k l", "RENAMENX k l", "MOVE k 1", "EXPIRE k 100", "PEXPIRE k 100", "EXPIREAT k 1", "PEXPIREAT k 1",
	"PERSIST k", "GETEX k", "GETEX k EX 10", "GETDEL k", "GET k", "MGET k l", "EXISTS k", "STRLEN k", "TTL k", "TOUCH k",
	"HSET k f v", "HMSET k f v", "HSETNX k f v", "HGET k f", "HMGET k f", "HGETALL k", "HKEYS k", "HVALS k", "HLEN k", "HSTRLEN k f",
	"HEXISTS k f", "HDEL k f", "HINCRBY k f 1", "HINCRBYFLOAT k f 1", "HRANDFIELD k", "HSCAN k 0", "HSET k", "HINCRBY k f x",
	"SADD k v", "SREM k v", "SPOP k", "SMOVE k l v", "SINTERSTORE k l", "SUNIONSTORE k l", "SDIFFSTORE k l", "SINTER k l",
	"GEOADD k 1 2 m", "GEOSEARCHSTORE k l FROMLONLAT 1 2 BYRADIUS 1 m", "GEORADIUS k 1 2 3 m", "GEORADIUSBYMEMBER k m 3 m", "SORT k", "SORT k STORE l",
	"ZADD k 1 v", "ZINCRBY k 1 v", "ZREM k v", "ZPOPMIN k", "ZPOPMAX k", "ZMPOP 1 k MIN", "ZRANGESTORE k l 0 -1", "ZUNIONSTORE k 1 l", "ZINTERSTORE k 1 l",
	"ZDIFFSTORE k 1 l", "ZREMRANGEBYRANK k 0 1", "ZREMRANGEBYSCORE k 0 1", "ZREMRANGEBYLEX k - +", "ZUNION 1 k", "ZRANGE k 0 -1",
	"PFADD k v", "PFMERGE k l", "PFCOUNT k", "PFDEBUG ENCODING k",
	"SETBIT k 1 1", "BITOP AND k l", "BITFIELD k SET u8 0 1", "BITFIELD k GET u8 0", "BITCOUNT k",
	"BLPOP k 0.01", "BRPOP k 0.01", "BLMOVE k l LEFT LEFT 0.01", "BRPOPLPUSH k l 0.01", "BLMPOP 0.01 1 k LEFT", "BZPOPMIN k 0.01",
	"BZPOPMAX k 0.01", "BZMPOP 0.01 1 k MIN", "RESTORE k 0 x", "SET k", "SET k v NX XX", "INCRBY k x", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1",
	"LPUSH k v", "RPUSH k v", "LPUSHX k v", "RPUSHX k v", "LPOP k", "RPOP k 2", "LSET k 0 v", "LINSERT k BEFORE a b", "LREM k 0 v", "LTRIM k 0 1", "LMOVE k l LEFT LEFT", "RPOPLPUSH k l", "LMPOP 1 k LEFT", "LRANGE k 0 1",
	"XADD k 1-1 f v", "XDEL k 1-1", "XTRIM k MAXLEN 1", "XREADGROUP GROUP g c STREAMS k >", "XACK k g 1-1", "XCLAIM k g c 0 1-1",
	"XAUTOCLAIM k g c 0 0", "XSETID k 1-1", "XGROUP CREATE k g 0", "XGROUP DESTROY k g", "XREAD STREAMS k 0", "XLEN k",
}

// TestOutOfMemoryAsRedis: a node without memory, where nothing may be evicted, refuses what Redis refuses, in the same words.
func TestOutOfMemoryAsRedis(t *testing.T) {
	covered := map[*Row]bool{}
	for _, line := range overLimit {
		covered[testTable.Lookup(words(line))] = true
	}
	for _, row := range testTable.Rows() {
		if row.Flags&(Write|DenyOOM) != 0 && !covered[row] && row.Since < "7.1" { // Redis 7.0 knows it
			t.Errorf("%s is not among the calls compared", row.FullName())
		}
	}
	for _, policy := range []store.Policy{store.NoEviction, store.VolatileLRU, store.VolatileTTL} {
		addr := redisoracle.StartRedis(t, "--maxmemory", "1", "--maxmemory-policy", policy.String())
		redis, err := redisoracle.Dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer redis.Close()
		for _, proto := range []int{2, 3} {
			if _, err := redis.Do(words("HELLO " + strconv.Itoa(proto))...); err != nil {
				t.Fatal(err)
			}
			for _, line := range overLimit {
				cl := newCluster(1)
				cl.proto, cl.db = proto, 9
				cl.text("SET there already")
				cl.db = 0
				cl.nodes[0].Node = &limitNode{limit: 1}
				cl.nodes[0].KS.SetEviction(policy, 5)
				want, err := redis.Do(words(line)...)
				if err != nil {
					t.Fatal(err)
				}
				if got := cl.do(words(line)...); string(got) != string(want) {
					t.Errorf("%v, RESP%d, %s: %q, Redis says %q", policy, proto, line, got, want)
				}
			}
		}
	}
}

// TestWritesEvict: a write makes room for itself, a read leaves things as they are, and the effects make the same keyspace.
func TestWritesEvict(t *testing.T) {
	for _, policy := range []store.Policy{store.AllKeysLRU, store.VolatileTTL} {
		cl := newCluster(1)
		c := cl.nodes[0]
		c.KS.SetEviction(policy, 5)
		for i := range 1000 {
			cl.text(fmt.Sprintf("SET key%d value EX %d", i, 1000+i))
		}
		node := &limitNode{limit: c.KS.MemoryUsed() / 2}
		c.Node = node
		cl.text("GET key1")
		if n := c.KS.Keys(); n != 1000 {
			t.Errorf("%v: a read evicted %d keys", policy, 1000-n)
		}
		for i := 0; c.KS.MemoryUsed() > node.limit; i++ { // each write's time is bounded
			if i == 10_000 {
				t.Fatalf("%v: %d bytes used, limit %d", policy, c.KS.MemoryUsed(), node.limit)
			}
			wantReply(t, cl, "DEL none", ":0")
		}
		for i := range 1000 {
			wantReply(t, cl, fmt.Sprintf("SET new%d value EX 100", i), "+OK")
		}
		if s := c.KS.Stats(); s.Evicted < 1000 || c.KS.MemoryUsed() > node.limit*102/100 {
			t.Errorf("%v: %+v, %d bytes used, limit %d", policy, s, c.KS.MemoryUsed(), node.limit)
		}
		if !maps.Equal(replayed(t, cl.sinks[0].effects), dump(c.KS)) {
			t.Errorf("%v: the replica differs", policy)
		}
	}
}

// TestEvictsOwnedOnly: what is a copy of another node does not go, and where there is nothing else a write is refused.
func TestEvictsOwnedOnly(t *testing.T) {
	cl := newCluster(1)
	c := cl.nodes[0]
	c.KS.SetEviction(store.AllKeysRandom, 5)
	for i := range 100 {
		cl.text(fmt.Sprint("SET key", i, " v"))
	}
	c.Node, c.Owned = &limitNode{limit: 1}, func(uint16) bool { return false }
	wantReply(t, cl, "SET k v", "-"+resp.ErrOOM)
	if n := c.KS.Keys(); n != 100 {
		t.Errorf("%d keys are left of 100", n)
	}
}

func TestInfoEviction(t *testing.T) {
	a := newAdmin(t)
	a.node.stats = Stats{
		Evicted: 7, OverLimitMilli: 1500, OverLimitNowMilli: 20, MaxMemory: 1 << 20, EvictionPolicy: "allkeys-lru",
	}
	text := a.do("INFO everything")
	for _, want := range []string{
		"evicted_keys:7\r\n", "total_eviction_exceeded_time:1500\r\n", "current_eviction_exceeded_time:20\r\n",
		"maxmemory:1048576\r\n", "maxmemory_human:1.00M\r\n", "maxmemory_policy:allkeys-lru\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("INFO lacks %q", want)
		}
	}
}

// BenchmarkSetLimit is a SET below the limit, and one at it: each of a new key, evicting another.
func BenchmarkSetLimit(b *testing.B) {
	for _, name := range []string{"none", "below", "at"} {
		b.Run(name, func(b *testing.B) {
			c, _ := benchCtx(b, coldKeys)
			c.KS.SetEviction(store.AllKeysLRU, 5)
			switch name {
			case "below":
				c.Node = &limitNode{limit: 1 << 40}
			case "at":
				c.Node = &limitNode{limit: c.KS.MemoryUsed()}
			}
			c.Args = words("SET k a-value-of-thirty-two-bytes-yes-")
			set := testTable.LookupName("set")
			var key [32]byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := i % coldKeys
				if name == "at" {
					n = i + coldKeys
				}
				c.Args[1] = fmt.Appendf(key[:0], "memtier-%010d", n)
				c.Slot = testSlot(c.Args[1])
				c.Out.B = c.Out.B[:0]
				c.Run(set)
			}
		})
	}
}
