package command

import "ringcache/server/store"

// setRows are the commands of the group "set".
func setRows() []*Row {
	return []*Row{
		{
			Name: "sadd", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called " +
				"with multiple arguments.",
			Summary: "Add one or more members to a set",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member").multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple `member` arguments."},
			},
			Note: "Small sets are packed as in Redis 7.2; with `set-max-listpack-entries 0`, as in 7.0.",
			Fn:   setAdd,
		},
		{
			Name: "srem", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members to be removed.",
			Summary: "Remove one or more members from a set",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member").multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple `member` arguments."},
			},
			Fn: setRemove,
		},
		{
			Name: "sismember", Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Determine if a given value is a member of a set",
			Specs:   []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member"),
			},
			Fn: setIsMember,
		},
		{
			Name: "smismember", Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "6.2.0",
			Complexity: "O(N) where N is the number of elements being checked for membership",
			Summary:    "Returns the membership associated with the given elements for a set",
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("member").multiple(),
			},
			Fn: setAreMembers,
		},
		{
			Name: "smembers", Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the set cardinality.",
			Summary: "Get all the members in a set",
			Tips:    []string{"nondeterministic_output_order"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: setMembers,
		},
		{
			Name: "scard", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Get the number of members in a set",
			Specs:   []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: setCard,
		},
		{
			Name: "spop", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
			Summary:    "Remove and return one or multiple random members from a set",
			Tips:       []string{"nondeterministic_output"},
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").since("3.2.0").optional(),
			},
			History: [][2]string{
				{"3.2.0", "Added the `count` argument."},
			},
			Fn: setPop,
		},
		{
			Name: "srandmember", Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
			Summary:    "Get one or multiple random members from a set",
			Tips:       []string{"nondeterministic_output"},
			Specs:      []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").since("2.6.0").optional(),
			},
			History: [][2]string{
				{"2.6.0", "Added the optional `count` argument."},
			},
			Note: "A count below -1048576, or a reply of more than 512 MB, is out of range: Redis makes any such reply, or dies of it.",
			Fn:   setRandom,
		},
		{
			Name: "smove", Arity: 4, Flags: Write | Fast, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Move a member from one set to another",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1), oneKeySpec(KeyRW|KeyInsert, 2)},
			Params: []Param{
				keyParam("source", 0),
				keyParam("destination", 1),
				strParam("member"),
			},
			Note: noteOneOwner,
			Fn:   setMove,
		},
		{
			Name: "sinter", Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Summary:    "Intersect multiple sets",
			Tips:       []string{"nondeterministic_output_order"},
			Specs:      []KeySpec{rangeSpec(KeyRO|KeyAccess, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setInter,
		},
		{
			Name: "sunion", Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Summary:    "Add multiple sets",
			Tips:       []string{"nondeterministic_output_order"},
			Specs:      []KeySpec{rangeSpec(KeyRO|KeyAccess, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setUnion,
		},
		{
			Name: "sdiff", Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Summary:    "Subtract multiple sets",
			Tips:       []string{"nondeterministic_output_order"},
			Specs:      []KeySpec{rangeSpec(KeyRO|KeyAccess, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setDiff,
		},
		{
			Name: "sintercard", Arity: -3, Flags: ReadOnly | MovableKeys, Keys: numKeys, ACL: []string{"set"},
			Group: "set", Since: "7.0.0",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Summary:    "Intersect multiple sets and return the cardinality of the result",
			Specs:      []KeySpec{{Flags: KeyRO | KeyAccess, Search: SearchIndex, Index: 1, Find: FindKeyNum, FirstKeyN: 1, KeyStep: 1}},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				intParam("limit").withToken("LIMIT").optional(),
			},
			Note: noteOneOwner,
			Fn:   setInterCard,
		},
		{
			Name: "sinterstore", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Summary:    "Intersect multiple sets and store the resulting set in a key",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1), rangeSpec(KeyRO|KeyAccess, 2, -1, 1)},
			Params: []Param{
				keyParam("destination", 0),
				keyParam("key", 1).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setInterStore,
		},
		{
			Name: "sunionstore", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Summary:    "Add multiple sets and store the resulting set in a key",
			Specs:      []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), rangeSpec(KeyRO|KeyAccess, 2, -1, 1)},
			Params: []Param{
				keyParam("destination", 0),
				keyParam("key", 1).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setUnionStore,
		},
		{
			Name: "sdiffstore", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "1.0.0",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Summary:    "Subtract multiple sets and store the resulting set in a key",
			Specs:      []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), rangeSpec(KeyRO|KeyAccess, 2, -1, 1)},
			Params: []Param{
				keyParam("destination", 0),
				keyParam("key", 1).multiple(),
			},
			Note: noteOneOwner,
			Fn:   setDiffStore,
		},
		{
			Name: "sscan", Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"set"},
			Group: "set", Since: "2.8.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls " +
				"for the cursor to return back to 0. N is the number of elements inside the " +
				"collection..",
			Summary: "Incrementally iterate Set elements",
			Tips:    []string{"nondeterministic_output"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("cursor"),
				typedParam("pattern", TypePattern).withToken("MATCH").optional(),
				intParam("count").withToken("COUNT").optional(),
			},
			Fn: setScan,
		},
	}
}

// noteOneOwner is that of rows whose keys must have one owner.
const noteOneOwner = "All keys must have the same owner at the moment, as those with the same hash tag always have; otherwise CROSSSLOT."

// numKeys appends the positions of the keys behind their number, which is argument 1. Where that is none, there are no keys: the
// handler has the words for what is wrong.
func numKeys(args [][]byte, dst []int) ([]int, error) {
	n, ok := store.ParseInt(args[1])
	if !ok || n < 1 || n > int64(len(args)-2) {
		return dst, nil
	}
	for i := range int(n) {
		dst = append(dst, 2+i)
	}
	return dst, nil
}
