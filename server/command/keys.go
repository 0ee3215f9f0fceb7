package command

// keyRows are the commands about keys of any type, but for their expiry, and about whole databases: group "generic" and some of "server".
func keyRows() []*Row {
	return []*Row{
		{
			Name: "del", Arity: -2, Flags: Write, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0",
			Complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a " +
				"value other than a string, the individual complexity for this key is O(M) where M is " +
				"the number of elements in the list, set, sorted set or hash. Removing a single key that " +
				"holds a string value is O(1).",
			Summary: "Delete a key",
			Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Specs:   []KeySpec{rangeSpec(KeyRM|KeyDelete, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Split: SplitKeys, Join: JoinSum, Fn: keyDel,
		},
		{
			Name: "unlink", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "4.0.0",
			Complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a " +
				"different thread in order to reclaim memory, where N is the number of allocations the " +
				"deleted objects where composed of.",
			Summary: "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non " +
				"blocking.",
			Tips:  []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Specs: []KeySpec{rangeSpec(KeyRM|KeyDelete, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Split: SplitKeys, Join: JoinSum, Fn: keyDel,
		},
		{
			Name: "exists", Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(N) where N is the number of keys to check.",
			Summary: "Determine if a key exists",
			Tips:    []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Specs:   []KeySpec{rangeSpec(KeyRO, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			History: [][2]string{
				{"3.0.3", "Accepts multiple `key` arguments."},
			},
			Split: SplitKeys, Join: JoinSum, Fn: keyExists,
		},
		{
			Name: "type", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Determine the type stored at key",
			Specs:   []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: keyType,
		},
		{
			Name: "touch", Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "3.2.1",
			Complexity: "O(N) where N is the number of keys that will be touched.",
			Summary:    "Alters the last access time of a key(s). Returns the number of existing keys specified.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Specs:      []KeySpec{rangeSpec(KeyRO, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Split: SplitKeys, Join: JoinSum, Fn: keyTouch,
		},
		{
			Name: "keys", Arity: 2, Flags: ReadOnly | Slow, ACL: []string{"keyspace", "dangerous"},
			Group: "generic", Since: "1.0.0",
			Complexity: "O(N) with N being the number of keys in the database, under the assumption that the key " +
				"names in the database and the given pattern have limited length.",
			Summary: "Find all keys matching the given pattern",
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output_order"},
			Params: []Param{
				typedParam("pattern", TypePattern),
			},
			Route: Everywhere, Join: JoinConcat, PartFn: keysPart,
		},
		{
			Name: "scan", Arity: -2, Flags: ReadOnly, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.8.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for " +
				"the cursor to return back to 0. N is the number of elements inside the collection.",
			Summary: "Incrementally iterate the keys space",
			Tips:    []string{"nondeterministic_output", "request_policy:special"},
			Params: []Param{
				intParam("cursor"),
				typedParam("pattern", TypePattern).withToken("MATCH").optional(),
				intParam("count").withToken("COUNT").optional(),
				strParam("type").withToken("TYPE").since("6.0.0").optional(),
			},
			History: [][2]string{
				{"6.0.0", "Added the `TYPE` subcommand."},
			},
			Note:  "A cursor is a position in the whole cluster: any node goes on from it, also after slots have moved.",
			Route: Everywhere, Join: JoinCustom, PartFn: scanPart, JoinFn: scanJoin, SlowIf: scanIsSlow,
		},
		{
			Name: "randomkey", Arity: 1, Flags: ReadOnly, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Return a random key from the keyspace",
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output"},
			Route:   Everywhere, Join: JoinCustom, PartFn: randomkeyPart, JoinFn: randomkeyJoin,
		},
		{
			Name: "rename", Arity: 3, Flags: Write, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Rename a key",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1), oneKeySpec(KeyOW|KeyUpdate, 2)},
			Params: []Param{
				keyParam("key", 0),
				keyParam("newkey", 1),
			},
			Fn: keyRename,
		},
		{
			Name: "renamenx", Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Rename a key, only if the new key does not exist",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1), oneKeySpec(KeyOW|KeyInsert, 2)},
			Params: []Param{
				keyParam("key", 0),
				keyParam("newkey", 1),
			},
			History: [][2]string{
				{"3.2.0", "The command no longer returns an error when source and destination names are the same."},
			},
			Fn: keyRenamenx,
		},
		{
			Name: "copy", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "6.2.0",
			Complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string " +
				"values.",
			Summary: "Copy a key",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1), oneKeySpec(KeyOW|KeyUpdate, 2)},
			Params: []Param{
				keyParam("source", 0),
				keyParam("destination", 1),
				intParam("destination-db").withToken("DB").optional(),
				tokenParam("replace", "REPLACE").optional(),
			},
			Fn: keyCopy,
		},
		{
			Name: "move", Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Move a key to another database",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("db"),
			},
			Fn: keyMove,
		},
		{
			Name: "object", Arity: -2,
			Group: "generic", Since: "2.2.3", Complexity: "Depends on subcommand.",
			Summary: "A container for object introspection commands",
			Sub: []*Row{
				{
					Name: "encoding", Arity: 3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
					Group: "generic", Since: "2.2.3", Complexity: "O(1)",
					Summary: "Inspect the internal encoding of a Redis object",
					Tips:    []string{"nondeterministic_output"},
					Specs:   []KeySpec{oneKeySpec(KeyRO, 2)},
					Params: []Param{
						keyParam("key", 0),
					},
					Fn: objectEncoding,
				},
				{
					Name: "freq", Arity: 3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
					Group: "generic", Since: "4.0.0", Complexity: "O(1)",
					Summary: "Get the logarithmic access frequency counter of a Redis object",
					Tips:    []string{"nondeterministic_output"},
					Specs:   []KeySpec{oneKeySpec(KeyRO, 2)},
					Params: []Param{
						keyParam("key", 0),
					},
					Fn: objectFreq,
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, ACL: []string{"keyspace"},
					Group: "generic", Since: "6.2.0", Complexity: "O(1)",
					Summary: "Show helpful text about the different subcommands",
					Route:   Here, Fn: objectHelp,
				},
				{
					Name: "idletime", Arity: 3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
					Group: "generic", Since: "2.2.3", Complexity: "O(1)",
					Summary: "Get the time since a Redis object was last accessed",
					Tips:    []string{"nondeterministic_output"},
					Specs:   []KeySpec{oneKeySpec(KeyRO, 2)},
					Params: []Param{
						keyParam("key", 0),
					},
					Fn: objectIdletime,
				},
				{
					Name: "refcount", Arity: 3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, ACL: []string{"keyspace"},
					Group: "generic", Since: "2.2.3", Complexity: "O(1)",
					Summary: "Get the number of references to the value of the key",
					Tips:    []string{"nondeterministic_output"},
					Specs:   []KeySpec{oneKeySpec(KeyRO, 2)},
					Params: []Param{
						keyParam("key", 0),
					},
					Note: "Always 1: values are never shared.",
					Fn:   objectRefcount,
				},
			},
		},
		{
			Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast, ACL: []string{"keyspace"},
			Group: "server", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Return the number of keys in the selected database",
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_sum"},
			Route:   Everywhere, Join: JoinSum, PartFn: dbsizePart,
		},
		{
			Name: "flushall", Arity: -1, Flags: Write, ACL: []string{"keyspace", "dangerous"},
			Group: "server", Since: "1.0.0",
			Complexity: "O(N) where N is the total number of keys in all databases",
			Summary:    "Remove all keys from all databases",
			Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Params: []Param{
				oneOf("async",
					tokenParam("async", "ASYNC").since("4.0.0"),
					tokenParam("sync", "SYNC").since("6.2.0")).optional(),
			},
			History: [][2]string{
				{"4.0.0", "Added the `ASYNC` flushing mode modifier."},
				{"6.2.0", "Added the `SYNC` flushing mode modifier."},
			},
			Note:  "ASYNC and SYNC are the same: a slot is emptied in constant time, one after another.",
			Route: Everywhere, Join: JoinOK, PartFn: flushallPart, ApplyFn: flushallApply,
		},
		{
			Name: "flushdb", Arity: -1, Flags: Write, ACL: []string{"keyspace", "dangerous"},
			Group: "server", Since: "1.0.0",
			Complexity: "O(N) where N is the number of keys in the selected database",
			Summary:    "Remove all keys from the current database",
			Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Params: []Param{
				oneOf("async",
					tokenParam("async", "ASYNC").since("4.0.0"),
					tokenParam("sync", "SYNC").since("6.2.0")).optional(),
			},
			History: [][2]string{
				{"4.0.0", "Added the `ASYNC` flushing mode modifier."},
				{"6.2.0", "Added the `SYNC` flushing mode modifier."},
			},
			Note:  "ASYNC and SYNC are the same: a slot is emptied in constant time, one after another.",
			Route: Everywhere, Join: JoinOK, PartFn: flushdbPart, ApplyFn: flushdbApply,
		},
		{
			Name: "swapdb", Arity: 3, Flags: Write | Fast, ACL: []string{"keyspace", "dangerous"},
			Group: "server", Since: "4.0.0",
			Complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
			Summary:    "Swaps two Redis databases",
			Params: []Param{
				intParam("index1"),
				intParam("index2"),
			},
			Note:  "Each slot swaps at once, one after another: not all in the same moment.",
			Route: Everywhere, Join: JoinOK, PartFn: swapdbPart, ApplyFn: swapdbApply,
		},
	}
}
