package command

// listRows are the commands of the group "list".
func listRows() []*Row {
	return []*Row{
		{
			Name: "lpush", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called " +
				"with multiple arguments.",
			Summary: "Prepend one or multiple elements to a list",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element").multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple `element` arguments."},
			},
			Fn: listLpush,
		},
		{
			Name: "rpush", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called " +
				"with multiple arguments.",
			Summary: "Append one or multiple elements to a list",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element").multiple(),
			},
			History: [][2]string{
				{"2.4.0", "Accepts multiple `element` arguments."},
			},
			Fn: listRpush,
		},
		{
			Name: "lpushx", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "2.2.0",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called " +
				"with multiple arguments.",
			Summary: "Prepend an element to a list, only if the list exists",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element").multiple(),
			},
			History: [][2]string{
				{"4.0.0", "Accepts multiple `element` arguments."},
			},
			Fn: listLpushx,
		},
		{
			Name: "rpushx", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "2.2.0",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called " +
				"with multiple arguments.",
			Summary: "Append an element to a list, only if the list exists",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element").multiple(),
			},
			History: [][2]string{
				{"4.0.0", "Accepts multiple `element` arguments."},
			},
			Fn: listRpushx,
		},
		{
			Name: "lpop", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N) where N is the number of elements returned",
			Summary:    "Remove and get the first elements in a list",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").since("6.2.0").optional(),
			},
			History: [][2]string{
				{"6.2.0", "Added the `count` argument."},
			},
			Fn: listLpop,
		},
		{
			Name: "rpop", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N) where N is the number of elements returned",
			Summary:    "Remove and get the last elements in a list",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count").since("6.2.0").optional(),
			},
			History: [][2]string{
				{"6.2.0", "Added the `count` argument."},
			},
			Fn: listRpop,
		},
		{
			Name: "llen", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(1)",
			Summary:    "Get the length of a list",
			Specs:      []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: listLlen,
		},
		{
			Name: "lindex", Arity: 3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N) where N is the number of elements to traverse to get to the element at index. " +
				"This makes asking for the first or the last element of the list O(1).",
			Summary: "Get an element from a list by its index",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("index"),
			},
			Fn: listLindex,
		},
		{
			Name: "lset", Arity: 4, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N) where N is the length of the list. Setting either the first or the last element " +
				"of the list is O(1).",
			Summary: "Set the value of an element in a list by its index",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("index"),
				strParam("element"),
			},
			Fn: listLset,
		},
		{
			Name: "lrange", Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from " +
				"nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the " +
				"specified range.",
			Summary: "Get a range of elements from a list",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("stop"),
			},
			Fn: listLrange,
		},
		{
			Name: "linsert", Arity: 5, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "2.2.0",
			Complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. " +
				"This means that inserting somewhere on the left end on the list (head) can be " +
				"considered O(1) and inserting somewhere on the right end (tail) is O(N).",
			Summary: "Insert an element before or after another element in a list",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				oneOf("where",
					tokenParam("before", "BEFORE"),
					tokenParam("after", "AFTER")),
				strParam("pivot"),
				strParam("element"),
			},
			Fn: listLinsert,
		},
		{
			Name: "lrem", Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
			Summary:    "Remove elements from a list",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("count"),
				strParam("element"),
			},
			Fn: listLrem,
		},
		{
			Name: "ltrim", Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.0.0",
			Complexity: "O(N) where N is the number of elements to be removed by the operation.",
			Summary:    "Trim a list to the specified range",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("stop"),
			},
			Fn: listLtrim,
		},
		{
			Name: "lpos", Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "6.0.6",
			Complexity: "O(N) where N is the number of elements in the list, for the average case. When " +
				"searching for elements near the head or the tail of the list, or when the MAXLEN " +
				"option is provided, the command may run in constant time.",
			Summary: "Return the index of matching elements on a list",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element"),
				intParam("rank").withToken("RANK").optional(),
				intParam("num-matches").withToken("COUNT").optional(),
				intParam("len").withToken("MAXLEN").optional(),
			},
			Fn: listLpos,
		},
		{
			Name: "lmove", Arity: 5, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 2, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "6.2.0",
			Complexity: "O(1)",
			Summary:    "Pop an element from a list, push it to another list and return it",
			Specs: []KeySpec{
				oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1),
				oneKeySpec(KeyRW|KeyInsert, 2),
			},
			Params: []Param{
				keyParam("source", 0),
				keyParam("destination", 1),
				oneOf("wherefrom",
					tokenParam("left", "LEFT"),
					tokenParam("right", "RIGHT")),
				oneOf("whereto",
					tokenParam("left", "LEFT"),
					tokenParam("right", "RIGHT")),
			},
			Fn: listLmove,
		},
		{
			Name: "rpoplpush", Arity: 3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 2, KeyStep: 1,
			ACL:   []string{"list"},
			Group: "list", Since: "1.2.0",
			Complexity: "O(1)",
			Summary:    "Remove the last element in a list, prepend it to another list and return it",
			Specs: []KeySpec{
				oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1),
				oneKeySpec(KeyRW|KeyInsert, 2),
			},
			Params: []Param{
				keyParam("source", 0),
				keyParam("destination", 1),
			},
			DeprecatedSince: "6.2.0", ReplacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
			Fn: listRpoplpush,
		},
		{
			Name: "lmpop", Arity: -4, Flags: Write | MovableKeys, Keys: numKeys,
			ACL:   []string{"list"},
			Group: "list", Since: "7.0.0",
			Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
			Summary:    "Pop elements from a list",
			Specs:      []KeySpec{{Flags: KeyRW | KeyAccess | KeyDelete, Search: SearchIndex, Index: 1, Find: FindKeyNum, KeyNumIndex: 0, FirstKeyN: 1, KeyStep: 1}},
			Params: []Param{
				intParam("numkeys"),
				keyParam("key", 0).multiple(),
				oneOf("where",
					tokenParam("left", "LEFT"),
					tokenParam("right", "RIGHT")),
				intParam("count").withToken("COUNT").optional(),
			},
			Fn: listLmpop,
		},
	}
}
