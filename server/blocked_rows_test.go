package server

import (
	"strconv"

	"ringcache/server/command"
	"ringcache/server/store"
)

// testRows are blocking commands over strings, for tests of the waiting alone:
//
//	TAKE key [key ...] timeout        waits for a string, deletes it and answers [key, value]
//	TAKEMOVE from to timeout          waits for a string at from, and renames it
//	PEEK key [key ...] timeout        TAKE without the deletion; it reads only
func testRows() []*command.Row {
	const flags = command.NoScript | command.Blocking
	keys := []command.KeySpec{{
		Flags: command.KeyRW | command.KeyAccess | command.KeyDelete, Search: command.SearchIndex, Index: 1, Find: command.FindRange,
		LastKey: -2, KeyStep: 1,
	}}
	last := func(args [][]byte) int { return len(args) - 1 }
	row := func(name string, arity int, more command.Flag, fn func(*command.Ctx)) *command.Row {
		return &command.Row{
			Name: name, Arity: arity, Flags: flags | more, FirstKey: 1, LastKey: -2, KeyStep: 1, Group: "string", Since: "1.0.0",
			Summary: "A test", Specs: keys, TimeoutAt: last, Fn: fn,
		}
	}
	return []*command.Row{
		row("take", -3, command.Write, func(c *command.Ctx) { testTake(c, true) }),
		row("peek", -3, command.ReadOnly, func(c *command.Ctx) { testTake(c, false) }),
		row("takemove", 4, command.Write, testTakeMove),
	}
}

func testRef(c *command.Ctx, i int) (store.Ref, store.Item) {
	r := c.KS.Ref(c.SlotOf(c.Args[i]), c.DB, c.Args[i])
	return r, c.KS.Lookup(r, c.Now, 0)
}

func testBlock(c *command.Ctx, keys ...int) {
	sec, err := strconv.ParseFloat(string(c.Args[len(c.Args)-1]), 64)
	if err != nil {
		c.Out.Error("ERR timeout is not a float or out of range")
		return
	}
	c.Block(command.Wait{Type: store.TypeString, Keys: keys, Millis: int64(sec * 1000)})
}

func testTake(c *command.Ctx, del bool) {
	var keys []int
	for i := 1; i < len(c.Args)-1; i++ {
		r, it := testRef(c, i)
		if !it.Exists() {
			keys = append(keys, i)
			continue
		}
		c.Out.Array(2)
		c.Out.Bulk(c.Args[i])
		c.Out.Bulk(it.Value())
		if del {
			c.KS.Delete(r, it)
			c.ReplicateAs(r.Slot, r.DB, []byte("DEL"), r.Key)
		}
		return
	}
	testBlock(c, keys...)
}

func testTakeMove(c *command.Ctx) {
	from, it := testRef(c, 1)
	if !it.Exists() {
		testBlock(c, 1)
		return
	}
	val := append([]byte(nil), it.Value()...)
	c.KS.Delete(from, it)
	c.ReplicateAs(from.Slot, from.DB, []byte("DEL"), from.Key)
	to, old := testRef(c, 2)
	c.KS.Set(to, old, val, 0, c.Now)
	c.ReplicateAs(to.Slot, to.DB, []byte("SET"), to.Key, val)
	c.Out.Bulk(val)
}
