package store

import (
	"fmt"
	"strings"
	"testing"
)

// TestFreedItemsPanic: an item that is used after its key was deleted or changed does not answer another's bytes. Wherever in its
// page the entry lay, and whatever was freed before it.
func TestFreedItemsPanic(t *testing.T) {
	long := strings.Repeat("v", 60_000)
	for name, change := range map[string]func(ks *Keyspace, r Ref, it Item){
		"Delete":    func(ks *Keyspace, r Ref, it Item) { ks.Delete(r, it) },
		"Set":       func(ks *Keyspace, r Ref, it Item) { ks.Set(r, it, make([]byte, 3000), 0, now) },
		"SetExpire": func(ks *Keyspace, r Ref, it Item) { ks.SetExpire(r, it, now+1) },
		"Resize":    func(ks *Keyspace, r Ref, it Item) { ks.Resize(r, it, 5000, now) },
		"expiry":    func(ks *Keyspace, r Ref, it Item) { ks.Lookup(r, never, 0) },
		"FlushSlot": func(ks *Keyspace, r Ref, _ Item) { ks.FlushSlot(r.Slot); ks.MaintainSlice(1 << 40) },
	} {
		for _, val := range []string{"", "some value", "12", "123456789012345", strings.Repeat("v", 300), long} {
			ks := New(Options{Hash: hash, Poison: true})
			ks.database(3)
			const keys = 700
			at := int64(0)
			if name == "expiry" {
				at = now
			}
			for i := range keys {
				ks.Set(ks.Ref(5, 3, fmt.Appendf(nil, "key%08d", i)), Item{}, []byte(val), at, now)
			}
			for i := range keys {
				r := ks.Ref(5, 3, fmt.Appendf(nil, "key%08d", i))
				it := ks.Lookup(r, now, Expired)
				if it.Exists() {
					change(ks, r, it)
				} else if name != "FlushSlot" {
					t.Fatal("a key is lost")
				}
				if it.r == 0 || name == "SetExpire" && ks.Lookup(r, now, 0).e == it.e {
					continue // there was room for the expiry
				}
				if name == "Resize" && ks.Lookup(r, now, 0).e == it.e {
					continue
				}
				for use, fn := range map[string]func(){
					"Key": func() { it.Key() }, "Value": func() { it.Value() }, "Len": func() { it.Len() },
				} {
					if got := panicOf(fn); got == nil {
						t.Fatalf("%s of %d bytes, then %s of the freed item %d: no panic", name, len(val), use, i)
					}
				}
				if i > 20 && len(val) > 1000 {
					break
				}
			}
			ks.Close()
		}
	}
}
