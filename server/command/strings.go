package command

// stringRows are the commands of the group "string".
func stringRows() []*Row {
	return []*Row{
		{
			Name: "set", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Set the string value of a key",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate|KeyVariableFlags, 1).noted(
				"RW and ACCESS due to the optional `GET` argument").varying(setKeyFlags)},
			Params: []Param{
				keyParam("key", 0),
				strParam("value"),
				oneOf("condition", tokenParam("nx", "NX"), tokenParam("xx", "XX")).since("2.6.12").optional(),
				tokenParam("get", "GET").since("6.2.0").optional(),
				oneOf("expiration",
					intParam("seconds").withToken("EX").since("2.6.12"),
					intParam("milliseconds").withToken("PX").since("2.6.12"),
					typedParam("unix-time-seconds", TypeUnixTime).withToken("EXAT").since("6.2.0"),
					typedParam("unix-time-milliseconds", TypeUnixTime).withToken("PXAT").since("6.2.0"),
					tokenParam("keepttl", "KEEPTTL").since("6.0.0")).optional(),
			},
			History: [][2]string{
				{"2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."},
				{"6.0.0", "Added the `KEEPTTL` option."},
				{"6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."},
				{"7.0.0", "Allowed the `NX` and `GET` options to be used together."},
			},
			Fn: stringSet,
		},
		{
			Name: "get", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Get the value of a key",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: stringGet,
		},
		{
			Name: "getex", Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Get the value of a key and optionally set its expiration",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1).noted(
				"RW and UPDATE because it changes the TTL")},
			Params: []Param{
				keyParam("key", 0),
				oneOf("expiration",
					intParam("seconds").withToken("EX"),
					intParam("milliseconds").withToken("PX"),
					typedParam("unix-time-seconds", TypeUnixTime).withToken("EXAT"),
					typedParam("unix-time-milliseconds", TypeUnixTime).withToken("PXAT"),
					tokenParam("persist", "PERSIST")).optional(),
			},
			Fn: stringGetex,
		},
		{
			Name: "getdel", Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Get the value of a key and delete the key",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: stringGetdel,
		},
		{
			Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary:         "Set the string value of a key and return its old value",
			DeprecatedSince: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("value"),
			},
			Fn: stringGetset,
		},
		{
			Name: "getrange", Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.4.0",
			Complexity: "O(N) where N is the length of the returned string. The complexity is ultimately " +
				"determined by the returned length, but because creating a substring from an existing " +
				"string is very cheap, it can be considered O(1) for small strings.",
			Summary: "Get a substring of the string stored at a key",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("end"),
			},
			Fn: stringGetrange,
		},
		{
			Name: "substr", Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0",
			Complexity: "O(N) where N is the length of the returned string. The complexity is ultimately " +
				"determined by the returned length, but because creating a substring from an existing " +
				"string is very cheap, it can be considered O(1) for small strings.",
			Summary:         "Get a substring of the string stored at a key",
			DeprecatedSince: "2.0.0", ReplacedBy: "`GETRANGE`",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("start"),
				intParam("end"),
			},
			Fn: stringGetrange,
		},
		{
			Name: "setrange", Arity: 4, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.2.0",
			Complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string " +
				"is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M " +
				"being the length of the value argument.",
			Summary: "Overwrite part of a string at key starting at the specified offset",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("offset"),
				strParam("value"),
			},
			Fn: stringSetrange,
		},
		{
			Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.0.0",
			Complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and " +
				"the already present value is of any size, since the dynamic string library used by " +
				"Redis will double the free space available on every reallocation.",
			Summary: "Append a value to a key",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("value"),
			},
			Fn: stringAppend,
		},
		{
			Name: "strlen", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.2.0", Complexity: "O(1)",
			Summary: "Get the length of the value stored in a key",
			Specs:   []KeySpec{oneKeySpec(KeyRO, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: stringStrlen,
		},
		{
			Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Set the value of a key, only if the key does not exist",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyInsert, 1)},
			Params: []Param{
				keyParam("key", 0),
				strParam("value"),
			},
			Fn: stringSetnx,
		},
		{
			Name: "setex", Arity: 4, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.0.0", Complexity: "O(1)",
			Summary: "Set the value and expiration of a key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("seconds"),
				strParam("value"),
			},
			Fn: stringSetex,
		},
		{
			Name: "psetex", Arity: 4, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Set the value and expiration in milliseconds of a key",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("milliseconds"),
				strParam("value"),
			},
			Fn: stringPsetex,
		},
		{
			Name: "mget", Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(N) where N is the number of keys to retrieve.",
			Summary: "Get the values of all the given keys",
			Tips:    []string{"request_policy:multi_shard"},
			Specs:   []KeySpec{rangeSpec(KeyRO|KeyAccess, 1, -1, 1)},
			Params: []Param{
				keyParam("key", 0).multiple(),
			},
			Split: SplitKeys, Join: JoinKeys, Fn: stringMget,
		},
		{
			Name: "mset", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 2, ACL: []string{"string"},
			Group: "string", Since: "1.0.1", Complexity: "O(N) where N is the number of keys to set.",
			Summary: "Set multiple keys to multiple values",
			Tips:    []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
			Specs:   []KeySpec{rangeSpec(KeyOW|KeyUpdate, 1, -1, 2)},
			Params: []Param{
				block("key_value", keyParam("key", 0), strParam("value")).multiple(),
			},
			Note:  "Keys of one owner are set in the same moment, those of several owners one owner after another.",
			Split: SplitPairs, Join: JoinOK, Fn: stringMset,
		},
		{
			Name: "msetnx", Arity: -3, Flags: Write | DenyOOM, FirstKey: 1, LastKey: -1, KeyStep: 2, ACL: []string{"string"},
			Group: "string", Since: "1.0.1", Complexity: "O(N) where N is the number of keys to set.",
			Summary: "Set multiple keys to multiple values, only if none of the keys exist",
			Tips:    []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Specs:   []KeySpec{rangeSpec(KeyOW|KeyInsert, 1, -1, 2)},
			Params: []Param{
				block("key_value", keyParam("key", 0), strParam("value")).multiple(),
			},
			Fn: stringMsetnx,
		},
		{
			Name: "incr", Arity: 2, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Increment the integer value of a key by one",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: stringIncr,
		},
		{
			Name: "incrby", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Increment the integer value of a key by the given amount",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("increment"),
			},
			Fn: stringIncrby,
		},
		{
			Name: "incrbyfloat", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "2.6.0", Complexity: "O(1)",
			Summary: "Increment the float value of a key by the given amount",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				typedParam("increment", TypeDouble),
			},
			Fn: stringIncrbyfloat,
		},
		{
			Name: "decr", Arity: 2, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Decrement the integer value of a key by one",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Fn: stringDecr,
		},
		{
			Name: "decrby", Arity: 3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Decrement the integer value of a key by the given number",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("decrement"),
			},
			Fn: stringDecrby,
		},
		{
			Name: "lcs", Arity: -3, Flags: ReadOnly | SelfLock | Slow, FirstKey: 1, LastKey: 2, KeyStep: 1, ACL: []string{"string"},
			Group: "string", Since: "7.0.0",
			Complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
			Summary:    "Find longest common substring",
			Specs:      []KeySpec{rangeSpec(KeyRO|KeyAccess, 1, 1, 1)},
			Params: []Param{
				keyParam("key1", 0),
				keyParam("key2", 0),
				tokenParam("len", "LEN").optional(),
				tokenParam("idx", "IDX").optional(),
				intParam("len").withToken("MINMATCHLEN").optional(),
				tokenParam("withmatchlen", "WITHMATCHLEN").optional(),
			},
			Split: SplitGet, Fn: stringLcs, Gather: gatherLcs,
		},
	}
}
