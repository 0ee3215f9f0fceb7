package command

// Texts of OBJECT FREQ and OBJECT IDLETIME under a policy that does not track what they show.
const (
	errNoLFU = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " +
		"between policies at runtime LRU and LFU data will take some time to adjust."
	errNoLRU = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching " +
		"between policies at runtime LRU and LFU data will take some time to adjust."
)

// objectEncoding is OBJECT ENCODING: https://redis.io/docs/latest/commands/object-encoding/
func objectEncoding(c *Ctx) {
	if it := c.peek(c.ref(2)); it.Exists() {
		c.Out.BulkString(it.Encoding().String())
	} else {
		c.Out.Null()
	}
}

// objectFreq is OBJECT FREQ: https://redis.io/docs/latest/commands/object-freq/
func objectFreq(c *Ctx) {
	switch it := c.peek(c.ref(2)); {
	case !it.Exists():
		c.Out.Null()
	case !c.KS.TracksLFU():
		c.Out.Error(errNoLFU)
	default:
		c.Out.Int(int64(c.KS.Freq(it, c.Now)))
	}
}

// objectIdletime is OBJECT IDLETIME: https://redis.io/docs/latest/commands/object-idletime/
func objectIdletime(c *Ctx) {
	switch it := c.peek(c.ref(2)); {
	case !it.Exists():
		c.Out.Null()
	case c.KS.TracksLFU():
		c.Out.Error(errNoLRU)
	default:
		c.Out.Int(it.Idle(c.Now))
	}
}

// objectRefcount is OBJECT REFCOUNT: https://redis.io/docs/latest/commands/object-refcount/
func objectRefcount(c *Ctx) {
	if c.peek(c.ref(2)).Exists() {
		c.Out.Int(1) // values are never shared
	} else {
		c.Out.Null()
	}
}

func objectHelp(c *Ctx) {
	c.help("OBJECT", []string{
		"ENCODING <key>",
		"    Return the kind of internal representation used in order to store the value",
		"    associated with a <key>.",
		"FREQ <key>",
		"    Return the access frequency index of the <key>. The returned integer is",
		"    proportional to the logarithm of the recent access frequency of the key.",
		"IDLETIME <key>",
		"    Return the idle time of the <key>, that is the approximated number of",
		"    seconds elapsed since the last access to the key.",
		"REFCOUNT <key>",
		"    Return the number of references of the value associated with the specified",
		"    <key>.",
	})
}

// help replies the help of a container: what it has, in Redis's frame.
func (c *Ctx) help(container string, lines []string) {
	c.Out.Array(len(lines) + 3)
	c.Out.Simple(container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, line := range lines {
		c.Out.Simple(line)
	}
	c.Out.Simple("HELP")
	c.Out.Simple("    Prints this help.")
}
