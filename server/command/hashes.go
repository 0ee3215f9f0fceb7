package command

// hashRows are the commands of the group "hash".
func hashRows() []*Row {
	rows := hashBasicRows()
	rows = append(rows, hashLookRows()...)
	rows = append(rows, hashExpireRows()...)
	rows = append(rows, hashExRows()...)
	for _, r := range rows {
		r.Group, r.FirstKey, r.LastKey, r.KeyStep, r.ACL = "hash", 1, 1, 1, []string{"hash"}
	}
	return rows
}

func hashBasicRows() []*Row {
	pair := block("field_value", strParam("field"), strParam("value")).multiple()
	return []*Row{
		{
			Name: "hset", Arity: -4, Flags: Write | DenyOOM | Fast, Since: "2.0.0",
			Complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called " +
				"with multiple field/value pairs.",
			Summary: "Set the string value of a hash field",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params:  []Param{keyParam("key", 0), pair},
			History: [][2]string{{"4.0.0", "Accepts multiple `field` and `value` arguments."}},
			Fn:      hashHset,
		},
		{
			Name: "hmset", Arity: -4, Flags: Write | DenyOOM | Fast, Since: "2.0.0",
			Complexity:      "O(N) where N is the number of fields being set.",
			Summary:         "Set multiple hash fields to multiple values",
			DeprecatedSince: "4.0.0", ReplacedBy: "`HSET` with multiple field-value pairs",
			Specs:  []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{keyParam("key", 0), pair},
			Fn:     hashHmset,
		},
		{
			Name: "hsetnx", Arity: 4, Flags: Write | DenyOOM | Fast, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Set the value of a hash field, only if the field does not exist",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyInsert, 1)},
			Params:  []Param{keyParam("key", 0), strParam("field"), strParam("value")},
			Fn:      hashHsetnx,
		},
		{
			Name: "hdel", Arity: -3, Flags: Write | Fast, Since: "2.0.0",
			Complexity: "O(N) where N is the number of fields to be removed.",
			Summary:    "Delete one or more hash fields",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params:     []Param{keyParam("key", 0), strParam("field").multiple()},
			History:    [][2]string{{"2.4.0", "Accepts multiple `field` arguments."}},
			Fn:         hashHdel,
		},
		{
			Name: "hincrby", Arity: 4, Flags: Write | DenyOOM | Fast, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Increment the integer value of a hash field by the given number",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params:  []Param{keyParam("key", 0), strParam("field"), intParam("increment")},
			Fn:      hashHincrby,
		},
		{
			Name: "hincrbyfloat", Arity: 4, Flags: Write | DenyOOM | Fast, Since: "2.6.0", Complexity: "O(1)",
			Summary: "Increment the float value of a hash field by the given amount",
			Specs:   []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1)},
			Params:  []Param{keyParam("key", 0), strParam("field"), typedParam("increment", TypeDouble)},
			Fn:      hashHincrbyfloat,
		},
	}
}

func hashLookRows() []*Row {
	access := []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)}
	look := []KeySpec{oneKeySpec(KeyRO, 1)}
	unordered := []string{"nondeterministic_output_order"}
	whole := "O(N) where N is the size of the hash."
	return []*Row{
		{
			Name: "hget", Arity: 3, Flags: ReadOnly | Fast, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Get the value of a hash field", Specs: access,
			Params: []Param{keyParam("key", 0), strParam("field")},
			Fn:     hashHget,
		},
		{
			Name: "hmget", Arity: -3, Flags: ReadOnly | Fast, Since: "2.0.0",
			Complexity: "O(N) where N is the number of fields being requested.",
			Summary:    "Get the values of all the given hash fields", Specs: access,
			Params: []Param{keyParam("key", 0), strParam("field").multiple()},
			Fn:     hashHmget,
		},
		{
			Name: "hgetall", Arity: 2, Flags: ReadOnly, Since: "2.0.0", Complexity: whole, Tips: unordered,
			Summary: "Get all the fields and values in a hash", Specs: access,
			Params: []Param{keyParam("key", 0)},
			Fn:     hashHgetall,
		},
		{
			Name: "hkeys", Arity: 2, Flags: ReadOnly, Since: "2.0.0", Complexity: whole, Tips: unordered,
			Summary: "Get all the fields in a hash", Specs: access,
			Params: []Param{keyParam("key", 0)},
			Fn:     hashHkeys,
		},
		{
			Name: "hvals", Arity: 2, Flags: ReadOnly, Since: "2.0.0", Complexity: whole, Tips: unordered,
			Summary: "Get all the values in a hash", Specs: access,
			Params: []Param{keyParam("key", 0)},
			Fn:     hashHvals,
		},
		{
			Name: "hlen", Arity: 2, Flags: ReadOnly | Fast, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Get the number of fields in a hash", Specs: look,
			Params: []Param{keyParam("key", 0)},
			Fn:     hashHlen,
		},
		{
			Name: "hstrlen", Arity: 3, Flags: ReadOnly | Fast, Since: "3.2.0", Complexity: "O(1)",
			Summary: "Get the length of the value of a hash field", Specs: look,
			Params: []Param{keyParam("key", 0), strParam("field")},
			Fn:     hashHstrlen,
		},
		{
			Name: "hexists", Arity: 3, Flags: ReadOnly | Fast, Since: "2.0.0", Complexity: "O(1)",
			Summary: "Determine if a hash field exists", Specs: look,
			Params: []Param{keyParam("key", 0), strParam("field")},
			Fn:     hashHexists,
		},
		{
			Name: "hrandfield", Arity: -2, Flags: ReadOnly, Since: "6.2.0", Tips: []string{"nondeterministic_output"},
			Complexity: "O(N) where N is the number of fields returned",
			Summary:    "Get one or multiple random fields from a hash", Specs: access,
			Params: []Param{
				keyParam("key", 0),
				block("options", intParam("count"), tokenParam("withvalues", "WITHVALUES").optional()).optional(),
			},
			Note: "A count below -1048576 is out of range.",
			Fn:   hashHrandfield,
		},
		{
			Name: "hscan", Arity: -3, Flags: ReadOnly, Since: "2.8.0", Tips: []string{"nondeterministic_output"},
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to " +
				"return back to 0. N is the number of elements inside the collection..",
			Summary: "Incrementally iterate hash fields and associated values", Specs: access,
			Params: []Param{
				keyParam("key", 0), intParam("cursor"), typedParam("pattern", TypePattern).withToken("MATCH").optional(),
				intParam("count").withToken("COUNT").optional(),
			},
			Note: "`NOVALUES` of Redis 7.4 is taken too. A field that is there throughout is returned exactly once.",
			Fn:   hashHscan,
		},
	}
}
