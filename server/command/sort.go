package command

// sortRows are the commands of the group "generic" that this file has.
func sortRows() []*Row {
	r := sortRow(Row{
		Name: "sort", Flags: Write | DenyOOM | MovableKeys, Since: "1.0.0",
		Summary: "Sort the elements in a list, set or sorted set",
		Keys:    sortKeys,
		Fn:      sortStore,
	})
	r.Specs = append(r.Specs, KeySpec{
		Notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
		Flags: KeyOW | KeyUpdate, Positions: sortStoreKey,
	})
	r.Params = append(r.Params, keyParam("destination", 2).withToken("STORE").optional())
	ro := sortRow(Row{
		Name: "sort_ro", Flags: ReadOnly | MovableKeys, Since: "7.0.0",
		Summary: "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
		Fn:      sortRead,
	})
	return []*Row{r, ro}
}

// sortRow fills in what both rows share.
func sortRow(r Row) *Row {
	r.Arity, r.FirstKey, r.LastKey, r.KeyStep = -2, 1, 1, 1
	r.Group, r.ACL = "generic", []string{"set", "sortedset", "list", "dangerous"}
	r.Complexity = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned " +
		"elements. When the elements are not sorted, complexity is O(N)."
	r.Specs = []KeySpec{
		oneKeySpec(KeyRO|KeyAccess, 1),
		{
			Notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
			Flags: KeyRO | KeyAccess,
		},
	}
	r.Params = []Param{
		keyParam("key", 0),
		Param{Name: "pattern", Type: TypePattern, Spec: 1}.withToken("BY").optional(),
		block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
		Param{Name: "pattern", Type: TypePattern, Spec: 1, MultipleToken: true}.withToken("GET").optional().multiple(),
		orderParam(),
		tokenParam("sorting", "ALPHA").optional(),
	}
	r.Note = "Patterns of BY and GET need a hash tag before their '*' that puts their keys into the slot of the sorted key; " +
		"Redis in Cluster mode denies them all. Bytes are compared, whatever the locale. The keys of a slot's shard wait while a " +
		"collection is sorted, as everything does in Redis."
	return &r
}

// sortStoreKey finds the key that SORT stores to: the last one named.
func sortStoreKey(args [][]byte) (pos []int) {
	at := 0
	for i := 2; i < len(args); i++ {
		switch left := len(args) - i - 1; {
		case is(args[i], "limit"):
			i += 2
		case is(args[i], "get"), is(args[i], "by"):
			i++
		case is(args[i], "store") && left > 0:
			at = i + 1
		}
	}
	if at > 0 {
		pos = append(pos, at)
	}
	return pos
}

func sortKeys(args [][]byte, dst []int) ([]int, error) {
	return append(append(dst, 1), sortStoreKey(args)...), nil
}
