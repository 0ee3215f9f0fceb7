package command

// hllRows are the commands of the group "hyperloglog".
func hllRows() []*Row {
	return []*Row{
		{
			Name: "pfadd", Arity: -2, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"hyperloglog"},
			Group: "hyperloglog", Since: "2.8.9",
			Complexity: "O(1) to add every element.",
			Summary:    "Adds the specified elements to the specified HyperLogLog.",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("element").optional().multiple(),
			},
			Fn: hllPfadd,
		},
		{
			Name: "pfcount", Arity: -2, Flags: ReadOnly | MayReplicate, FirstKey: 1, LastKey: -1, KeyStep: 1,
			ACL:   []string{"hyperloglog"},
			Group: "hyperloglog", Since: "2.8.9",
			Complexity: "O(1) with a very small average constant time when called with a single key. O(N) with N being the number " +
				"of keys, and much bigger constant times, when called with multiple keys.",
			Summary: "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
			Specs: []KeySpec{rangeSpec(KeyRW|KeyAccess, 1, -1, 1).noted(
				"RW because it may change the internal representation of the key, and propagate to replicas")},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Split: SplitGet, Fn: hllPfcount, Gather: gatherPfcount,
		},
		{
			Name: "pfmerge", Arity: -2, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 1,
			ACL:   []string{"hyperloglog"},
			Group: "hyperloglog", Since: "2.8.9",
			Complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
			Summary:    "Merge N different HyperLogLogs into a single one.",
			Specs: []KeySpec{
				oneKeySpec(KeyRW|KeyAccess|KeyInsert, 1),
				rangeSpec(KeyRO|KeyAccess, 2, -1, 1),
			},
			Params: []Param{
				keyParam("destkey", 0),
				keyParam("sourcekey", 1).multiple(),
			},
			Fn: hllPfmerge,
		},
		{
			Name: "pfdebug", Arity: 3, Flags: Write | DenyOOM | Admin, FirstKey: 2, LastKey: 2, KeyStep: 1,
			ACL:   []string{"hyperloglog"},
			Group: "hyperloglog", Since: "2.8.9",
			Complexity: "N/A",
			Summary:    "Internal commands for debugging HyperLogLog values",
			SysCmd:     true,
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess, 2)},
			Params: []Param{
				strParam("subcommand"),
				keyParam("key", 0),
			},
			Fn: hllPfdebug,
		},
		{
			Name: "pfselftest", Arity: 1, Flags: Admin | Slow, Route: Here,
			ACL:   []string{"hyperloglog"},
			Group: "hyperloglog", Since: "2.8.9",
			Complexity: "N/A",
			Summary:    "An internal command for testing HyperLogLog values",
			SysCmd:     true,
			Note:       "Adds a million elements where Redis adds ten.",
			Fn:         hllPfselftest,
		},
	}
}
