package command

// zsetRangeRows are the commands on ranges of a sorted set.
func zsetRangeRows() []*Row {
	return []*Row{
		{
			Name: "zrange", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"returned.",
			Summary: "Return a range of members in a sorted set",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("start"),
				strParam("stop"),
				oneOf("sortby", tokenParam("byscore", "BYSCORE"), tokenParam("bylex", "BYLEX")).since("6.2.0").optional(),
				tokenParam("rev", "REV").since("6.2.0").optional(),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").since("6.2.0").optional(),
				tokenParam("withscores", "WITHSCORES").optional(),
			},
			History: [][2]string{
				{"6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."},
			},
			Fn: zsetRange,
		},
		{
			Name: "zrevrange", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"returned.",
			Summary:         "Return a range of members in a sorted set, by index, with scores ordered from high to low",
			DeprecatedSince: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` argument",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("stop"),
				tokenParam("withscores", "WITHSCORES").optional(),
			},
			Fn: zsetRevRange,
		},
		{
			Name: "zrangebyscore", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.0.5",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you " +
				"can consider it O(log(N)).",
			Summary:         "Return a range of members in a sorted set, by score",
			DeprecatedSince: "6.2.0", ReplacedBy: "`ZRANGE` with the `BYSCORE` argument",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("min", TypeDouble),
				typedParam("max", TypeDouble),
				tokenParam("withscores", "WITHSCORES").since("2.0.0").optional(),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
			},
			History: [][2]string{
				{"2.0.0", "Added the `WITHSCORES` modifier."},
			},
			Fn: zsetRangeByScore,
		},
		{
			Name: "zrevrangebyscore", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.2.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you " +
				"can consider it O(log(N)).",
			Summary:         "Return a range of members in a sorted set, by score, with scores ordered from high to low",
			DeprecatedSince: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` and `BYSCORE` arguments",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("max", TypeDouble),
				typedParam("min", TypeDouble),
				tokenParam("withscores", "WITHSCORES").optional(),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
			},
			History: [][2]string{
				{"2.1.6", "`min` and `max` can be exclusive."},
			},
			Fn: zsetRevRangeByScore,
		},
		{
			Name: "zrangebylex", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.8.9",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you " +
				"can consider it O(log(N)).",
			Summary:         "Return a range of members in a sorted set, by lexicographical range",
			DeprecatedSince: "6.2.0", ReplacedBy: "`ZRANGE` with the `BYLEX` argument",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("min"),
				strParam("max"),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
			},
			Fn: zsetRangeByLex,
		},
		{
			Name: "zrevrangebylex", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.8.9",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you " +
				"can consider it O(log(N)).",
			Summary:         "Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower strings.",
			DeprecatedSince: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` and `BYLEX` arguments",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("max"),
				strParam("min"),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
			},
			Fn: zsetRevRangeByLex,
		},
		{
			Name: "zrangestore", Arity: -5, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"stored into the destination key.",
			Summary: "Store a range of members from sorted set into another key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), oneKeySpec(KeyRO|KeyAccess, 2)},
			Params: []Param{
				keyParam("dst", 0),
				keyParam("src", 1),
				strParam("min"),
				strParam("max"),
				oneOf("sortby", tokenParam("byscore", "BYSCORE"), tokenParam("bylex", "BYLEX")).optional(),
				tokenParam("rev", "REV").optional(),
				block("offset_count", intParam("offset"), intParam("count")).withToken("LIMIT").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetRangeStore,
		},
		{
			Name: "zremrangebyrank", Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"removed by the operation.",
			Summary: "Remove all members in a sorted set within the given indexes",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("stop"),
			},
			Fn: zsetRemoveByRank,
		},
		{
			Name: "zremrangebyscore", Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"removed by the operation.",
			Summary: "Remove all members in a sorted set within the given scores",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("min", TypeDouble),
				typedParam("max", TypeDouble),
			},
			Fn: zsetRemoveByScore,
		},
		{
			Name: "zremrangebylex", Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.8.9",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements " +
				"removed by the operation.",
			Summary: "Remove all members in a sorted set between the given lexicographical range",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("min"),
				strParam("max"),
			},
			Fn: zsetRemoveByLex,
		},
	}
}
