package command

// expireRows are the commands about the expiry of keys, of group "generic".
func expireRows() []*Row {
	return []*Row{
		{
			Name: "expire", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Set a key's time to live in seconds",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("seconds"),
				oneOf("condition",
					tokenParam("nx", "NX"),
					tokenParam("xx", "XX"),
					tokenParam("gt", "GT"),
					tokenParam("lt", "LT")).since("7.0.0").optional(),
			},
			History: [][2]string{
				{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
			},
			Fn: keyExpire,
		},
		{
			Name: "pexpire", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Set a key's time to live in milliseconds",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("milliseconds"),
				oneOf("condition",
					tokenParam("nx", "NX"),
					tokenParam("xx", "XX"),
					tokenParam("gt", "GT"),
					tokenParam("lt", "LT")).since("7.0.0").optional(),
			},
			History: [][2]string{
				{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
			},
			Fn: keyPexpire,
		},
		{
			Name: "expireat", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.2.0", Complexity: "O(1)",
			Summary: "Set the expiration for a key as a UNIX timestamp",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("unix-time-seconds", TypeUnixTime),
				oneOf("condition",
					tokenParam("nx", "NX"),
					tokenParam("xx", "XX"),
					tokenParam("gt", "GT"),
					tokenParam("lt", "LT")).since("7.0.0").optional(),
			},
			History: [][2]string{
				{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
			},
			Fn: keyExpireat,
		},
		{
			Name: "pexpireat", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("unix-time-milliseconds", TypeUnixTime),
				oneOf("condition",
					tokenParam("nx", "NX"),
					tokenParam("xx", "XX"),
					tokenParam("gt", "GT"),
					tokenParam("lt", "LT")).since("7.0.0").optional(),
			},
			History: [][2]string{
				{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."},
			},
			Fn: keyPexpireat,
		},
		{
			Name: "expiretime", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "7.0.0", Complexity: "O(1)",
			Summary: "Get the expiration Unix timestamp for a key",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: keyExpiretime,
		},
		{
			Name: "pexpiretime", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "7.0.0", Complexity: "O(1)",
			Summary: "Get the expiration Unix timestamp for a key in milliseconds",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: keyPexpiretime,
		},
		{
			Name: "ttl", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Get the time to live for a key in seconds",
			Tips:    []string{"nondeterministic_output"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			History: [][2]string{
				{"2.8.0", "Added the -2 reply."},
			},
			Fn: keyTtl,
		},
		{
			Name: "pttl", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Get the time to live for a key in milliseconds",
			Tips:    []string{"nondeterministic_output"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			History: [][2]string{
				{"2.8.0", "Added the -2 reply."},
			},
			Fn: keyPttl,
		},
		{
			Name: "persist", Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.2.0", Complexity: "O(1)",
			Summary: "Remove the expiration from a key",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: keyPersist,
		},
	}
}
