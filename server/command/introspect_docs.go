package command

// commandDocs is COMMAND DOCS [name ...]: a map from names to what is known of them. Unknown names are left out.
func commandDocs(c *Ctx) {
	rows := c.Table.Rows()
	if names := c.Args[2:]; len(names) > 0 {
		rows = make([]*Row, 0, len(names))
		for _, name := range names {
			if r := c.Table.LookupName(string(name)); r != nil {
				rows = append(rows, r)
			}
		}
	}
	c.Out.Map(len(rows))
	for _, r := range rows {
		c.writeDocs(r)
	}
}

// writeDocs writes the name of r and the map that describes it. Fields that say nothing are left out, as in Redis.
func (c *Ctx) writeDocs(r *Row) {
	w := &c.Out
	var docFlags []string
	if r.DeprecatedSince != "" {
		docFlags = append(docFlags, "deprecated")
	}
	if r.SysCmd {
		docFlags = append(docFlags, "syscmd")
	}
	w.BulkString(r.full)
	w.Map(2 + count(r.Since != "", r.Complexity != "", len(docFlags) > 0, r.DeprecatedSince != "", r.ReplacedBy != "",
		len(r.History) > 0, len(r.Params) > 0, len(r.Sub) > 0))
	c.field("summary", r.Summary)
	c.field("since", r.Since)
	c.field("group", r.Group)
	c.field("complexity", r.Complexity)
	if len(docFlags) > 0 {
		w.BulkString("doc_flags")
		c.writeStatusSet(docFlags, "")
	}
	c.field("deprecated_since", r.DeprecatedSince)
	c.field("replaced_by", r.ReplacedBy)
	if len(r.History) > 0 {
		w.BulkString("history")
		w.Set(len(r.History))
		for _, h := range r.History {
			w.Array(2)
			w.BulkString(h[0])
			w.BulkString(h[1])
		}
	}
	if len(r.Params) > 0 {
		w.BulkString("arguments")
		c.writeParams(r.Params)
	}
	if len(r.Sub) > 0 {
		w.BulkString("subcommands")
		w.Map(len(r.Sub))
		for _, s := range r.Sub {
			c.writeDocs(s)
		}
	}
}

func (c *Ctx) writeParams(params []Param) {
	w := &c.Out
	w.Array(len(params))
	for i := range params {
		p := &params[i]
		isKey := p.Type == TypeKey || p.Type == TypePattern && p.Spec > 0
		flagged := p.Optional || p.Multiple || p.MultipleToken
		w.Map(2 + count(isKey, p.Token != "", p.Summary != "", p.Since != "", p.DeprecatedSince != "", flagged, len(p.Sub) > 0))
		c.field("name", p.Name)
		c.field("type", string(p.Type))
		if isKey {
			c.pair("key_spec_index", p.Spec)
		}
		c.field("token", p.Token)
		c.field("summary", p.Summary)
		c.field("since", p.Since)
		c.field("deprecated_since", p.DeprecatedSince)
		if flagged {
			w.BulkString("flags")
			var flags []string
			if p.Optional {
				flags = append(flags, "optional")
			}
			if p.Multiple {
				flags = append(flags, "multiple")
			}
			if p.MultipleToken {
				flags = append(flags, "multiple_token")
			}
			c.writeStatusSet(flags, "")
		}
		if len(p.Sub) > 0 {
			w.BulkString("arguments")
			c.writeParams(p.Sub)
		}
	}
}

// field writes a pair of strings, or nothing where there is no value.
func (c *Ctx) field(name, value string) {
	if value != "" {
		c.Out.BulkString(name)
		c.Out.BulkString(value)
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, b := range conditions {
		if b {
			n++
		}
	}
	return n
}
