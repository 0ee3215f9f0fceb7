package command

import "slices"

// zsetRows are the commands of the group "sorted-set".
func zsetRows() []*Row { return slices.Concat(zsetMemberRows(), zsetRangeRows(), zsetAlgebraRows()) }

// zsetMemberRows are the commands on members of one sorted set.
func zsetMemberRows() []*Row {
	return []*Row{
		{
			Name: "zadd", Arity: -4, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			Summary:    "Add one or more members to a sorted set, or update its score if it already exists",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				oneOf("condition", tokenParam("nx", "NX"), tokenParam("xx", "XX")).since("3.0.2").optional(),
				oneOf("comparison", tokenParam("gt", "GT"), tokenParam("lt", "LT")).since("6.2.0").optional(),
				tokenParam("change", "CH").since("3.0.2").optional(),
				tokenParam("increment", "INCR").since("3.0.2").optional(),
				block("score_member", typedParam("score", TypeDouble), strParam("member")).multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple elements."},
				{"3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."},
				{"6.2.0", "Added the `GT` and `LT` options."},
			},
			Fn: zsetAdd,
		},
		{
			Name: "zincrby", Arity: 4, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(log(N)) where N is the number of elements in the sorted set.",
			Summary:    "Increment the score of a member in a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("increment"),
				strParam("member"),
			},
			Fn: zsetIncrby,
		},
		{
			Name: "zrem", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements " +
				"to be removed.",
			Summary: "Remove one or more members from a sorted set",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member").multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple elements."},
			},
			Fn: zsetRemove,
		},
		{
			Name: "zscore", Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(1)",
			Summary:    "Get the score associated with the given member in a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member"),
			},
			Fn: zsetScore,
		},
		{
			Name: "zmscore", Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(N) where N is the number of members being requested.",
			Summary:    "Get the score associated with the given members in a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member").multiple(),
			},
			Fn: zsetScores,
		},
		{
			Name: "zcard", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "1.2.0",
			Complexity: "O(1)",
			Summary:    "Get the number of members in a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: zsetCard,
		},
		{
			Name: "zcount", Arity: 4, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Summary:    "Count the members in a sorted set with scores within the given values",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("min", TypeDouble),
				typedParam("max", TypeDouble),
			},
			Fn: zsetCount,
		},
		{
			Name: "zlexcount", Arity: 4, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.8.9",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Summary:    "Count the number of members in a sorted set between a given lexicographical range",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("min"),
				strParam("max"),
			},
			Fn: zsetLexCount,
		},
		{
			Name: "zrank", Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(log(N))",
			Summary:    "Determine the index of a member in a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member"),
				tokenParam("withscore", "WITHSCORE").since("7.2.0").optional(),
			},
			History: [][2]string{{"7.2.0", "Added the optional `WITHSCORE` argument."}},
			Fn:      zsetRank,
		},
		{
			Name: "zrevrank", Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.0.0",
			Complexity: "O(log(N))",
			Summary:    "Determine the index of a member in a sorted set, with scores ordered from high to low",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member"),
				tokenParam("withscore", "WITHSCORE").since("7.2.0").optional(),
			},
			History: [][2]string{{"7.2.0", "Added the optional `WITHSCORE` argument."}},
			Fn:      zsetRevRank,
		},
		{
			Name: "zpopmin", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "5.0.0",
			Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of " +
				"elements popped.",
			Summary: "Remove and return members with the lowest scores in a sorted set",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").optional(),
			},
			Fn: zsetPopMin,
		},
		{
			Name: "zpopmax", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "5.0.0",
			Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of " +
				"elements popped.",
			Summary: "Remove and return members with the highest scores in a sorted set",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").optional(),
			},
			Fn: zsetPopMax,
		},
		{
			Name: "zmpop", Arity: -4, Flags: Write | MovableKeys, Keys: numKeys, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "7.0.0",
			Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in " +
				"the sorted set, and M being the number of elements popped.",
			Summary: "Remove and return members with scores in a sorted set",
			Specs:   []KeySpec{numKeysSpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				oneOf("where", tokenParam("min", "MIN"), tokenParam("max", "MAX")),
				intParam("count").withToken("COUNT").optional(),
			},
			Note: noteOneOwner,
			Fn:   zsetMPop,
		},
		{
			Name: "zrandmember", Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "6.2.0",
			Complexity: "O(N) where N is the number of elements returned",
			Summary:    "Get one or multiple random elements from a sorted set",
			Tips:       []string{"nondeterministic_output"},
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				block("options", intParam("count"), tokenParam("withscores", "WITHSCORES").optional()).optional(),
			},
			Fn: zsetRandom,
		},
		{
			Name: "zscan", Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"sortedset"},
			Group: "sorted-set", Since: "2.8.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the " +
				"cursor to return back to 0. N is the number of elements inside the collection..",
			Summary: "Incrementally iterate sorted sets elements and associated scores",
			Tips:    []string{"nondeterministic_output"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("cursor"),
				typedParam("pattern", TypePattern).withToken("MATCH").optional(),
				intParam("count").withToken("COUNT").optional(),
			},
			Fn: zsetScan,
		},
	}
}
