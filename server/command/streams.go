package command

// What several of the rows have.
var (
	trimParam = block("trim",
		oneOf("strategy", tokenParam("maxlen", "MAXLEN"), tokenParam("minid", "MINID").since("6.2.0")),
		oneOf("operator", tokenParam("equal", "="), tokenParam("approximately", "~")).optional(),
		strParam("threshold"),
		intParam("count").withToken("LIMIT").since("6.2.0").optional())
	streamCountParam = intParam("count").withToken("COUNT").optional()
	blockParam       = intParam("milliseconds").withToken("BLOCK").optional()
	streamsParam     = block("streams", keyParam("key", 0).multiple(), strParam("id").multiple()).withToken("STREAMS")
	groupIDParam     = oneOf("id", strParam("id"), tokenParam("new_id", "$"))
	readParam        = intParam("entries_read").withToken("ENTRIESREAD").optional()
	exclusiveSince   = [][2]string{{"6.2.0", "Added exclusive ranges."}}
	readSince        = [][2]string{{"7.0.0", "Added the `entries-read` and `lag` fields"}}
	groupKeyParams   = []Param{keyParam("key", 0), strParam("groupname")}
)

// keyPlus is the syntax of a command with a key in front.
func keyPlus(more ...Param) []Param { return append([]Param{keyParam("key", 0)}, more...) }

// groupPlus is the syntax of a command with a key and a group in front.
func groupPlus(more ...Param) []Param {
	return append([]Param{keyParam("key", 0), strParam("groupname")}, more...)
}

// readSpec is where XREAD and XREADGROUP have their keys.
func readSpec(from int) []KeySpec {
	return []KeySpec{{
		Flags: KeyRO | KeyAccess, Search: SearchKeyword, Keyword: "STREAMS", StartFrom: from, Find: FindRange, LastKey: -1, KeyStep: 1,
		Limit: 2,
	}}
}

// streamRows are the commands of the group "stream".
func streamRows() []*Row {
	rows := []*Row{
		{
			Name: "xadd", Arity: -5, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
			Summary:    "Appends a new entry to a stream", Tips: []string{"nondeterministic_output"},
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1).noted(
				"UPDATE instead of INSERT because of the optional trimming feature")},
			Params: keyPlus(tokenParam("nomkstream", "NOMKSTREAM").since("6.2.0").optional(), trimParam.optional(),
				oneOf("id_or_auto", tokenParam("auto_id", "*"), strParam("id")),
				block("field_value", strParam("field"), strParam("value")).multiple()),
			History: [][2]string{
				{"6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."},
				{"7.0.0", "Added support for the `<ms>-*` explicit ID form."},
			},
			Fn: streamAdd,
		},
		{
			Name: "xlen", Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0", Complexity: "O(1)", Summary: "Return the number of entries in a stream",
			Specs: []KeySpec{oneKeySpec(KeyRO, 1)}, Params: keyPlus(), Fn: streamLen,
		},
		{
			Name: "xrange", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first " +
				"10 elements with COUNT), you can consider it O(1).",
			Summary: "Return a range of elements in a stream, with IDs matching the specified IDs interval",
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)}, Params: keyPlus(strParam("start"), strParam("end"), streamCountParam),
			History: exclusiveSince, Fn: streamRange,
		},
		{
			Name: "xrevrange", Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 " +
				"elements with COUNT), you can consider it O(1).",
			Summary: "Return a range of elements in a stream, with IDs matching the specified IDs interval, in reverse order (from " +
				"greater to smaller IDs) compared to XRANGE",
			Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)}, Params: keyPlus(strParam("end"), strParam("start"), streamCountParam),
			History: exclusiveSince, Fn: streamRevrange,
		},
		{
			Name: "xdel", Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
			Summary: "Removes the specified entries from the stream. Returns the number of items actually deleted, that may be " +
				"different from the number of IDs passed in case certain IDs do not exist.",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)}, Params: keyPlus(strParam("id").multiple()), Fn: streamDel,
		},
		{
			Name: "xtrim", Arity: -4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are " +
				"organized in macro nodes containing multiple entries that can be released with a single deallocation.",
			Summary: "Trims the stream to (approximately if '~' is passed) a certain size", Tips: []string{"nondeterministic_output"},
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)}, Params: keyPlus(trimParam),
			History: [][2]string{{"6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."}}, Fn: streamTrim,
		},
		{
			Name: "xread", Arity: -4, Flags: ReadOnly | Blocking | MovableKeys, Keys: readKeys, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing " +
				"with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M " +
				"clients blocked on the stream getting new data.",
			Summary: "Return never seen elements in multiple streams, with IDs greater than the ones reported by the caller for " +
				"each stream. Can block.",
			Specs: readSpec(1), Params: []Param{streamCountParam, blockParam, streamsParam}, TimeoutAt: blockAt, TimeoutMillis: true, Fn: streamRead,
		},
		{
			Name: "xreadgroup", Arity: -7, Flags: Write | Blocking | MovableKeys, Keys: readKeys, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always " +
				"asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, " +
				"XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.",
			Summary: "Return new entries from a stream using a consumer group, or access the history of the pending entries for a " +
				"given consumer. Can block.",
			Specs: readSpec(4),
			Params: []Param{
				block("group_consumer", strParam("group"), strParam("consumer")).withToken("GROUP"), streamCountParam, blockParam,
				tokenParam("noack", "NOACK").optional(), streamsParam,
			},
			Note:      "What is delivered again from a consumer's history counts on replicas too.",
			TimeoutAt: blockAt, TimeoutMillis: true, Fn: streamReadgroup,
		},
		{
			Name: "xsetid", Arity: -3, Flags: Write | DenyOOM | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0", Complexity: "O(1)", Summary: "An internal command for replicating stream values",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: keyPlus(strParam("last-id"), intParam("entries_added").withToken("ENTRIESADDED").since("7.0.0").optional(),
				strParam("max_deleted_entry_id").withToken("MAXDELETEDID").since("7.0.0").optional()),
			History: [][2]string{{"7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments."}}, Fn: streamSetid,
		},
	}
	return append(append(rows, pendingRows()...), groupRows(), infoRows())
}

// pendingRows are the commands about pending entries.
func pendingRows() []*Row {
	return []*Row{
		{
			Name: "xack", Arity: -4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0", Complexity: "O(1) for each message ID processed.",
			Summary: "Marks a pending message as correctly processed, effectively removing it from the pending entries list of the " +
				"consumer group. Return value of the command is the number of messages successfully acknowledged, that is, the IDs " +
				"we were actually able to resolve in the PEL.",
			Specs: []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)}, Params: keyPlus(strParam("group"), strParam("id").multiple()), Fn: streamAck,
		},
		{
			Name: "xpending", Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is " +
				"O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns " +
				"just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for " +
				"iterating every consumer.",
			Summary: "Return information and entries from a stream consumer group pending entries list, that are messages fetched " +
				"but never acknowledged.",
			Tips: []string{"nondeterministic_output"}, Specs: []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: keyPlus(strParam("group"), block("filters",
				intParam("min-idle-time").withToken("IDLE").since("6.2.0").optional(), strParam("start"), strParam("end"),
				intParam("count"), strParam("consumer").optional()).optional()),
			History: [][2]string{{"6.2.0", "Added the `IDLE` option and exclusive range intervals."}}, Fn: streamPending,
		},
		{
			Name: "xclaim", Arity: -6, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "5.0.0",
			Complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
			Summary: "Changes (or acquires) ownership of a message in a consumer group, as if the message was delivered to the " +
				"specified consumer.",
			Tips: []string{"nondeterministic_output"}, Specs: []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: keyPlus(strParam("group"), strParam("consumer"), strParam("min-idle-time"), strParam("id").multiple(),
				intParam("ms").withToken("IDLE").optional(),
				typedParam("unix-time-milliseconds", TypeUnixTime).withToken("TIME").optional(),
				intParam("count").withToken("RETRYCOUNT").optional(), tokenParam("force", "FORCE").optional(),
				tokenParam("justid", "JUSTID").optional(), strParam("id").withToken("LASTID").optional()),
			Fn: streamClaim,
		},
		{
			Name: "xautoclaim", Arity: -6, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"stream"},
			Group: "stream", Since: "6.2.0", Complexity: "O(1) if COUNT is small.",
			Summary: "Changes (or acquires) ownership of messages in a consumer group, as if the messages were delivered to the " +
				"specified consumer.",
			Tips: []string{"nondeterministic_output"}, Specs: []KeySpec{oneKeySpec(KeyRW|KeyDelete, 1)},
			Params: keyPlus(strParam("group"), strParam("consumer"), strParam("min-idle-time"), strParam("start"), streamCountParam,
				tokenParam("justid", "JUSTID").optional()),
			History: [][2]string{
				{"7.0.0", "Added an element to the reply array, containing deleted entries the command cleared from the PEL"},
			},
			Fn: streamAutoclaim,
		},
	}
}

// groupRows is XGROUP.
func groupRows() *Row {
	help := []string{
		"CREATE <key> <groupname> <id|$> [option]", "    Create a new consumer group. Options are:", "    * MKSTREAM",
		"      Create the empty stream if it does not exist.", "    * ENTRIESREAD entries_read",
		"      Set the group's entries_read counter (internal use).",
		"CREATECONSUMER <key> <groupname> <consumer>", "    Create a new consumer in the specified group.",
		"DELCONSUMER <key> <groupname> <consumer>", "    Remove the specified consumer.",
		"DESTROY <key> <groupname>", "    Remove the specified group.",
		"SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]", "    Set the current group ID and entries_read counter.",
	}
	row := &Row{
		Name: "xgroup", Arity: -2, Group: "stream", Since: "5.0.0", Complexity: "Depends on subcommand.",
		Summary: "A container for consumer groups commands",
	}
	return container(row, []string{"stream"}, help, []*Row{
		{
			Name: "create", Arity: -5, Flags: Write | DenyOOM, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "Create a consumer group.", Specs: []KeySpec{oneKeySpec(KeyRW|KeyInsert, 2)},
			Params:  groupPlus(groupIDParam, tokenParam("mkstream", "MKSTREAM").optional(), readParam),
			History: [][2]string{{"7.0.0", "Added the `entries_read` named argument."}}, Fn: streamGroupCreate,
		},
		{
			Name: "createconsumer", Arity: 5, Flags: Write | DenyOOM, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "6.2.0",
			Complexity: "O(1)", Summary: "Create a consumer in a consumer group.", Specs: []KeySpec{oneKeySpec(KeyRW|KeyInsert, 2)},
			Params: groupPlus(strParam("consumername")), Fn: streamGroupCreateconsumer,
		},
		{
			Name: "delconsumer", Arity: 5, Flags: Write, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "Delete a consumer from a consumer group.", Specs: []KeySpec{oneKeySpec(KeyRW|KeyDelete, 2)},
			Params: groupPlus(strParam("consumername")), Fn: streamGroupDelconsumer,
		},
		{
			Name: "destroy", Arity: 4, Flags: Write, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0",
			Complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
			Summary:    "Destroy a consumer group.", Specs: []KeySpec{oneKeySpec(KeyRW|KeyDelete, 2)}, Params: groupKeyParams,
			Fn: streamGroupDestroy,
		},
		{
			Name: "setid", Arity: -5, Flags: Write, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "Set a consumer group to an arbitrary last delivered ID value.", Specs: []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 2)},
			Params:  groupPlus(groupIDParam, readParam),
			History: [][2]string{{"7.0.0", "Added the optional `entries_read` argument."}}, Fn: streamGroupSetid,
		},
	})
}

// infoRows is XINFO.
func infoRows() *Row {
	help := []string{
		"CONSUMERS <key> <groupname>", "    Show consumers of <groupname>.",
		"GROUPS <key>", "    Show the stream consumer groups.",
		"STREAM <key> [FULL [COUNT <count>]", "    Show information about the stream.",
	}
	row := &Row{
		Name: "xinfo", Arity: -2, Group: "stream", Since: "5.0.0", Complexity: "Depends on subcommand.",
		Summary: "A container for stream introspection commands",
	}
	spec := []KeySpec{oneKeySpec(KeyRO|KeyAccess, 2)}
	return container(row, []string{"stream"}, help, []*Row{
		{
			Name: "consumers", Arity: 4, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "List the consumers in a consumer group", Tips: []string{"nondeterministic_output"}, Specs: spec,
			Params: groupKeyParams, Note: "When a consumer last asked each node knows by itself: a replica by what it was sent.",
			Fn: streamInfoConsumers,
		},
		{
			Name: "groups", Arity: 3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "List the consumer groups of a stream", Specs: spec, Params: keyPlus(), History: readSince, Fn: streamInfoGroups,
		},
		{
			Name: "stream", Arity: -3, Flags: ReadOnly, FirstKey: 2, LastKey: 2, KeyStep: 1, Since: "5.0.0", Complexity: "O(1)",
			Summary: "Get information about a stream", Specs: spec,
			Params: keyPlus(block("full", streamCountParam).withToken("FULL").optional()),
			History: [][2]string{
				{"6.0.0", "Added the `FULL` modifier."},
				{
					"7.0.0",
					"Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields",
				},
			},
			Fn: streamInfoStream,
		},
	})
}
