package command

// zsetAlgebraRows are the commands on several sorted sets.
func zsetAlgebraRows() []*Row {
	return []*Row{
		{
			Name: "zunion", Arity: -3, Flags: ReadOnly | MovableKeys, Keys: numKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the " +
				"number of elements in the resulting sorted set.",
			Summary: "Add multiple sorted sets",
			Specs:   []KeySpec{numKeysSpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				intParam("weight").withToken("WEIGHTS").optional().multiple(),
				oneOf("aggregate", tokenParam("sum", "SUM"), tokenParam("min", "MIN"), tokenParam("max", "MAX")).withToken("AGGREGATE").optional(),
				tokenParam("withscores", "WITHSCORES").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetUnion,
		},
		{
			Name: "zinter", Arity: -3, Flags: ReadOnly | MovableKeys, Keys: numKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of " +
				"input sorted sets and M being the number of elements in the resulting sorted set.",
			Summary: "Intersect multiple sorted sets",
			Specs:   []KeySpec{numKeysSpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				intParam("weight").withToken("WEIGHTS").optional().multiple(),
				oneOf("aggregate", tokenParam("sum", "SUM"), tokenParam("min", "MIN"), tokenParam("max", "MAX")).withToken("AGGREGATE").optional(),
				tokenParam("withscores", "WITHSCORES").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetInter,
		},
		{
			Name: "zdiff", Arity: -3, Flags: ReadOnly | MovableKeys, Keys: numKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the " +
				"size of the first set, and K is the size of the result set.",
			Summary: "Subtract multiple sorted sets",
			Specs:   []KeySpec{numKeysSpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				tokenParam("withscores", "WITHSCORES").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetDiff,
		},
		{
			Name: "zunionstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, FirstKey: 1, LastKey: 1, KeyStep: 1, Keys: storeNumKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the " +
				"number of elements in the resulting sorted set.",
			Summary: "Add multiple sorted sets and store the resulting sorted set in a new key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), numKeysSpec(KeyRO|KeyAccess, 2)},
			Params: []Param{
				keyParam("destination", 0),
				intParam("numkeys"),
				keyParam("key", 1).multiple(),
				intParam("weight").withToken("WEIGHTS").optional().multiple(),
				oneOf("aggregate", tokenParam("sum", "SUM"), tokenParam("min", "MIN"), tokenParam("max", "MAX")).withToken("AGGREGATE").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetUnionStore,
		},
		{
			Name: "zinterstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, FirstKey: 1, LastKey: 1, KeyStep: 1, Keys: storeNumKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of " +
				"input sorted sets and M being the number of elements in the resulting sorted set.",
			Summary: "Intersect multiple sorted sets and store the resulting sorted set in a new key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), numKeysSpec(KeyRO|KeyAccess, 2)},
			Params: []Param{
				keyParam("destination", 0),
				intParam("numkeys"),
				keyParam("key", 1).multiple(),
				intParam("weight").withToken("WEIGHTS").optional().multiple(),
				oneOf("aggregate", tokenParam("sum", "SUM"), tokenParam("min", "MIN"), tokenParam("max", "MAX")).withToken("AGGREGATE").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetInterStore,
		},
		{
			Name: "zdiffstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, FirstKey: 1, LastKey: 1, KeyStep: 1, Keys: storeNumKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the " +
				"size of the first set, and K is the size of the result set.",
			Summary: "Subtract multiple sorted sets and store the resulting sorted set in a new key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), numKeysSpec(KeyRO|KeyAccess, 2)},
			Params: []Param{
				keyParam("destination", 0),
				intParam("numkeys"),
				keyParam("key", 1).multiple(),
			},
			Note: noteOneOwner,
			Fn:   zsetDiffStore,
		},
		{
			Name: "zintercard", Arity: -3, Flags: ReadOnly | MovableKeys, Keys: numKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "7.0.0",
			Complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
			Summary:    "Intersect multiple sorted sets and return the cardinality of the result",
			Specs:      []KeySpec{numKeysSpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				intParam("limit").withToken("LIMIT").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetInterCard,
		},
	}
}

// numKeysSpec is the spec of keys whose number stands at argument index, before them.
func numKeysSpec(flags KeyFlag, index int) KeySpec {
	return KeySpec{Flags: flags, Search: SearchIndex, Index: index, Find: FindKeyNum, FirstKeyN: 1, KeyStep: 1}
}

// storeNumKeys is numKeys with a key before the number.
func storeNumKeys(args [][]byte, dst []int) ([]int, error) {
	first := len(dst)
	dst, err := numKeys(args[1:], append(dst, 1))
	if len(dst) == first+1 {
		return dst[:first], err
	}
	for i := first + 1; i < len(dst); i++ {
		dst[i]++
	}
	return dst, err
}
