package command

// fieldsParam is FIELDS, a number, and so many of what follows.
func fieldsParam(each Param) Param {
	return block("fields", intParam("numfields"), each.multiple()).withToken("FIELDS")
}

// hashExpireRows are the commands about the expiry of fields, of Redis 7.4.
func hashExpireRows() []*Row {
	const perField = "O(N) where N is the number of specified fields"
	update, access := []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)}, []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)}
	fields := fieldsParam(strParam("field"))
	expire := func(name, summary string, when Param, fn Func) *Row {
		return &Row{
			Name: name, Arity: -6, Flags: Write | DenyOOM | Fast, Since: "7.4.0", Complexity: perField, Summary: summary, Specs: update,
			Params: []Param{
				keyParam("key", 0), when,
				oneOf("condition", tokenParam("nx", "NX"), tokenParam("xx", "XX"), tokenParam("gt", "GT"),
					tokenParam("lt", "LT")).optional(),
				fields,
			},
			Fn: fn,
		}
	}
	look := func(name, summary string, fn Func) *Row {
		return &Row{
			Name: name, Arity: -5, Flags: ReadOnly | Fast, Since: "7.4.0", Complexity: perField, Summary: summary, Specs: access,
			Params: []Param{keyParam("key", 0), fields}, Fn: fn,
		}
	}
	rows := []*Row{
		expire("hexpire", "Set the time to live of hash fields in seconds", intParam("seconds"), hashHexpire),
		expire("hpexpire", "Set the time to live of hash fields in milliseconds", intParam("milliseconds"), hashHpexpire),
		expire("hexpireat", "Have hash fields expire at a Unix time in seconds",
			typedParam("unix-time-seconds", TypeUnixTime), hashHexpireat),
		expire("hpexpireat", "Have hash fields expire at a Unix time in milliseconds",
			typedParam("unix-time-milliseconds", TypeUnixTime), hashHpexpireat),
		look("httl", "Get the time to live of hash fields in seconds", hashHttl),
		look("hpttl", "Get the time to live of hash fields in milliseconds", hashHpttl),
		look("hexpiretime", "Get the Unix time in seconds at which hash fields expire", hashHexpiretime),
		look("hpexpiretime", "Get the Unix time in milliseconds at which hash fields expire", hashHpexpiretime),
		{
			Name: "hpersist", Arity: -5, Flags: Write | Fast, Since: "7.4.0", Complexity: perField,
			Summary: "Have hash fields expire no more", Specs: update,
			Params: []Param{keyParam("key", 0), fields}, Fn: hashHpersist,
		},
	}
	rows[4].Tips = []string{"nondeterministic_output"}
	rows[5].Tips = []string{"nondeterministic_output"}
	return rows
}

// hashExRows are the commands that read or write fields and change their expiry, of Redis 8.0.
func hashExRows() []*Row {
	units := func(last Param) Param {
		return oneOf("expiration",
			intParam("seconds").withToken("EX"),
			intParam("milliseconds").withToken("PX"),
			typedParam("unix-time-seconds", TypeUnixTime).withToken("EXAT"),
			typedParam("unix-time-milliseconds", TypeUnixTime).withToken("PXAT"),
			last).optional()
	}
	fields := fieldsParam(strParam("field"))
	return []*Row{
		{
			Name: "hgetdel", Arity: -5, Flags: Write | Fast, Since: "8.0.0",
			Complexity: "O(N) where N is the number of specified fields",
			Summary:    "Get the values of hash fields and delete the fields",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyDelete, 1)},
			Params:     []Param{keyParam("key", 0), fields},
			Fn:         hashHgetdel,
		},
		{
			Name: "hgetex", Arity: -5, Flags: Write | Fast, Since: "8.0.0",
			Complexity: "O(N) where N is the number of specified fields",
			Summary:    "Get the values of hash fields and optionally set their expiration",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyAccess|KeyUpdate, 1).noted(
				"RW and UPDATE because it changes the TTL")},
			Params: []Param{keyParam("key", 0), units(tokenParam("persist", "PERSIST")), fields},
			Fn:     hashHgetex,
		},
		{
			Name: "hsetex", Arity: -6, Flags: Write | DenyOOM | Fast, Since: "8.0.0",
			Complexity: "O(N) where N is the number of fields being set.",
			Summary:    "Set the values of hash fields and optionally their expiration",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0), oneOf("condition", tokenParam("fnx", "FNX"), tokenParam("fxx", "FXX")).optional(),
				units(tokenParam("keepttl", "KEEPTTL")), fieldsParam(block("data", strParam("field"), strParam("value"))),
			},
			Fn: hashHsetex,
		},
	}
}
