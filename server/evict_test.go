package server

import (
	"fmt"
	"strings"
	"testing"

	"ringcache/server/store"
)

// TestEvictsInTheBackground: when the limit is lowered below what is used, keys give way though no command comes; copies of
// other nodes' slots stay, and INFO tells.
func TestEvictsInTheBackground(t *testing.T) {
	settings := testSettings
	settings.Policy = "allkeys-lru"
	nd := startSome(t, 2, 2, 1, settings)[0]
	policy, err := store.ParsePolicy(settings.Policy)
	if err != nil {
		t.Fatal(err)
	}
	nd.ks.SetEviction(policy, 5)
	c := nd.client(t)
	const n = 2000
	for i := range n {
		c.send(encode("SET", keyOn(0, 2, fmt.Sprint("k", i)), strings.Repeat("v", 100)))
	}
	for range n {
		c.wantReply("+OK|")
	}
	foreign := int64(0)
	nd.ks.LockSlot(1) // node 1 is its primary
	for i := range 100 {
		r := nd.ks.Ref(1, 0, fmt.Append(nil, "copy", i))
		nd.ks.Set(r, store.Item{}, make([]byte, 100), 0, 1)
		foreign++
	}
	nd.ks.UnlockSlot(1)
	settings.MaxMemory = nd.ks.MemoryUsed() / 2
	nd.Apply(settings)
	waitFor(t, "memory to return under the limit", func() bool { return nd.ks.MemoryUsed() <= settings.MaxMemory })
	waitFor(t, "eviction to notice that", func() bool { return nd.ks.Stats().OverLimitNow == 0 })
	if got := int64(nd.ks.SlotKeys(1)); got != foreign {
		t.Errorf("%d of %d copies are left", got, foreign)
	}
	evicted := nd.ks.Stats().Evicted
	if left := nd.ks.Keys(); left+int64(evicted) != n+foreign || left < n/4 {
		t.Errorf("%d keys left, %d evicted, of %d", left, evicted, n+foreign)
	}
	info := c.do("INFO everything")
	for _, want := range []string{
		fmt.Sprintf("|evicted_keys:%d|", evicted), fmt.Sprintf("|maxmemory:%d|", settings.MaxMemory),
		"|maxmemory_policy:allkeys-lru|", "|current_eviction_exceeded_time:0|",
	} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %q", want)
		}
	}
	c.want("CONFIG RESETSTAT", "+OK|")
	info = c.do("INFO stats")
	if !strings.Contains(info, "|evicted_keys:0|") || !strings.Contains(info, "|total_eviction_exceeded_time:0|") {
		t.Errorf("after CONFIG RESETSTAT: %q", info)
	}

	// Without its lease the node leaves everything as it is.
	nd.setLease(0)
	before := nd.ks.Keys()
	settings.MaxMemory = 1
	nd.Apply(settings)
	waitFor(t, "a tick", func() bool { return len(nd.newLimit) == 0 })
	nd.newLimit <- struct{}{} // the one before this has been dealt with once this is taken
	waitFor(t, "another", func() bool { return len(nd.newLimit) == 0 })
	if got := nd.ks.Keys(); got != before {
		t.Errorf("without a lease %d keys were evicted", before-got)
	}
	nd.setLease(1 << 62)
	waitFor(t, "the node to evict all it owns", func() bool { return nd.ks.Keys() == foreign })
}

// TestExpiredShowsInInfo: keys and fields that expired are counted by their owner.
func TestExpiredShowsInInfo(t *testing.T) {
	nd := startNodes(t, 1, 1)[0]
	c := nd.client(t)
	c.want("HSET h a 1 b 2 c 3", ":3|")
	c.want("HPEXPIRE h 1 FIELDS 2 a b", "*2|:1|:1|")
	waitFor(t, "the fields to expire", func() bool { return nd.ks.Stats().Fields == 2 })
	c.want("PEXPIRE h 1", ":1|")
	waitFor(t, "the key to expire", func() bool { return nd.ks.Stats().Expired == 1 })
	waitFor(t, "INFO to tell", func() bool { return strings.Contains(c.do("INFO stats"), "|expired_subkeys:2|expired_keys:1|") })
}
