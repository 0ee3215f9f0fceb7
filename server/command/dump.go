package command

import (
	"math"
	"slices"
	"strconv"

	"ringcache/server/rdb"
	"ringcache/server/resp"
	"ringcache/server/store"
)

// DUMP and RESTORE carry a value from one cache to another, Redis and Valkey included, as a payload of [rdb]. A type of values
// takes part by one row of dumpTypes.

// dumpType is how the values of one type become payloads, and how payloads become values.
type dumpType struct {
	typ   store.Type
	codes []rdb.Type // the encodings that decode reads
	// encode appends the code of an encoding, and the value in it.
	encode func(dst []byte, it store.Item) []byte
	// exact is encode for this node's like: what it writes keeps the encoding. nil = so does encode.
	exact func(dst []byte, it store.Item) []byte
	// decode reads a value, after its code, without touching the keyspace. The reader's bounds hold for what it makes.
	decode func(code rdb.Type, r *rdb.Reader) (restored, error)
}

// restored is the value of a payload, whole and checked, before it is in the keyspace.
type restored interface {
	// create gives the value and an expiry (unix ms, 0 = none) to a key that is not there: it is what a lookup found. It emits no
	// effect. With c.eff.large a collection takes its large form, however small it is.
	create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item
}

// dumpTypes has a row for each type. No code stands in two.
var dumpTypes = slices.Concat([]dumpType{
	{typ: store.TypeString, codes: []rdb.Type{rdb.TypeString}, encode: encodeString, decode: decodeString},
}, hashDumps, listDumps, setDumps, zsetDumps, streamDumps)

// appendValue appends a value as a payload has it: code and contents.
func appendValue(dst []byte, it store.Item) []byte {
	i := slices.IndexFunc(dumpTypes, func(t dumpType) bool { return t.typ == it.Type() })
	return dumpTypes[i].encode(dst, it)
}

// appendExact is appendValue for a reader that is another ringcache: the encoding stays.
func appendExact(dst []byte, it store.Item) []byte {
	i := slices.IndexFunc(dumpTypes, func(t dumpType) bool { return t.typ == it.Type() })
	if exact := dumpTypes[i].exact; exact != nil {
		return exact(dst, it)
	}
	return dumpTypes[i].encode(dst, it)
}

func encodeString(dst []byte, it store.Item) []byte {
	return rdb.AppendString(rdb.AppendType(dst, rdb.TypeString), it.Value())
}

func decodeString(_ rdb.Type, r *rdb.Reader) (restored, error) {
	s, err := r.String(nil)
	return restoredString(s), err
}

// restoredString may be a part of the payload.
type restoredString []byte

func (s restoredString) create(c *Ctx, r store.Ref, it store.Item, at int64) store.Item {
	return c.KS.Set(r, it, s, at, c.Now)
}

// Errors of RESTORE.
const (
	errPayload     = "ERR DUMP payload version or checksum are wrong"
	errDumpFormat  = "ERR Bad data format"
	errInvalidTTL  = "ERR Invalid TTL value, must be >= 0"
	errInvalidIdle = "ERR Invalid IDLETIME value, must be >= 0"
	errInvalidFreq = "ERR Invalid FREQ value, must be >= 0 and <= 255"
)

// keyDump is DUMP: https://redis.io/docs/latest/commands/dump/
func keyDump(c *Ctx) {
	it := c.read(c.ref(1))
	if !it.Exists() {
		c.Out.Null()
		return
	}
	at := len(c.Out.B)
	c.Out.B = rdb.AppendFooter(appendValue(c.Out.B, it), at)
	c.Out.InsertBulk(at)
}

// undump is the value of a payload, or the error to reply.
func undump(payload []byte) (val restored, refusal string) {
	r, err := rdb.Open(payload, maxString)
	if err != nil {
		return nil, errPayload
	}
	code, err := r.Type()
	if err != nil {
		return nil, errDumpFormat
	}
	for i := range dumpTypes {
		if t := &dumpTypes[i]; slices.Contains(t.codes, code) {
			if val, err = t.decode(code, &r); err != nil || r.Remaining() != 0 {
				return nil, errDumpFormat
			}
			return val, ""
		}
	}
	return nil, errDumpFormat
}

// restoreOptions are the options of RESTORE.
type restoreOptions struct {
	replace, absTTL bool
	large           bool
	idleSec         int64 // -1: not given
	freq            int   // -1: not given
}

// restoreOptions reads the arguments from position 4 on, or replies the error. IDLETIME and FREQ exclude each other; any option
// may be given twice.
func (c *Ctx) restoreOptions() (o restoreOptions, ok bool) {
	o.idleSec, o.freq = -1, -1
	for i := 4; i < len(c.Args); i++ {
		arg, last := c.Args[i], i == len(c.Args)-1
		switch {
		case is(arg, "replace"):
			o.replace = true
		case is(arg, "absttl"):
			o.absTTL = true
		case c.eff.applying && is(arg, "large"): // see emitValue
			o.large = true
		case is(arg, "idletime") && !last && o.freq < 0:
			i++
			if o.idleSec, ok = c.intWithin(i, math.MaxInt64, errInvalidIdle); !ok {
				return o, false
			}
		case is(arg, "freq") && !last && o.idleSec < 0:
			i++
			n, ok := c.intWithin(i, math.MaxUint8, errInvalidFreq)
			if !ok {
				return o, false
			}
			o.freq = int(n)
		default:
			c.Out.Error(resp.ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// intWithin reads argument i as an integer from 0 to most, or replies an error: refusal where it is another integer.
func (c *Ctx) intWithin(i int, most int64, refusal string) (int64, bool) {
	n, ok := c.intArg(i)
	if ok && (n < 0 || n > most) {
		c.Out.Error(refusal)
		return 0, false
	}
	return n, ok
}

// keyRestore is RESTORE: https://redis.io/docs/latest/commands/restore/
//
// The payload is made a value before anything changes, so that a bad one leaves the key as it was.
func keyRestore(c *Ctx) {
	o, ok := c.restoreOptions()
	if !ok {
		return
	}
	r := c.ref(1)
	it := c.find(r)
	if it.Exists() && !o.replace {
		c.Out.Error(resp.ErrBusyKey)
		return
	}
	at, ok := c.intWithin(2, math.MaxInt64, errInvalidTTL)
	if !ok {
		return
	}
	val, refusal := undump(c.Args[3])
	if refusal != "" {
		c.Out.Error(refusal)
		return
	}
	if at != 0 && !o.absTTL {
		at += c.Now // beyond the end of time it becomes negative, and counts as passed: so it does in Redis
	}
	c.restore(r, it, val, at, o)
	c.Out.OK()
}

// restore puts a value in the place of what is there, if anything. Nothing of the old key stays, how it was used included.
func (c *Ctx) restore(r store.Ref, it store.Item, val restored, at int64, o restoreOptions) {
	passed := at != 0 && c.passed(at)
	if it.Exists() {
		if passed {
			c.byValue()
			c.del(r, it)
			return
		}
		c.KS.Delete(r, it)
		it = c.find(r)
	}
	if passed {
		return
	}
	c.eff.large = o.large
	it = val.create(c, r, it, at)
	c.eff.large = false
	c.KS.SetAccess(it, o.idleSec, o.freq, c.Now)
	// How a key is used is known to each node for itself, so IDLETIME and FREQ stay here.
	c.ReplicateAs(r.Slot, r.DB, restoreName, r.Key, strconv.AppendInt(c.eff.num[:0], at, 10), c.Args[3], replaceName, absttlName)
}

// dumpRows are DUMP and RESTORE, of group "generic".
func dumpRows() []*Row {
	return []*Row{
		{
			Name: "dump", Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, ACL: []string{"keyspace"},
			Group: "generic", Since: "2.6.0",
			Complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis " +
				"objects composing the value and M their average size. For small string values the time " +
				"complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
			Summary: "Return a serialized version of the value stored at the specified key.",
			Tips:    []string{"nondeterministic_output"},
			Specs:   []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)},
			Params: []Param{
				keyParam("key", 0),
			},
			Note: "In Redis's format, version 10; compressed strings are other bytes for the same value.",
			Fn:   keyDump,
		},
		{
			Name: "restore", Arity: -4, Flags: Write | DenyOOM, FirstKey: 1, LastKey: 1, KeyStep: 1,
			ACL:   []string{"keyspace", "dangerous"},
			Group: "generic", Since: "2.6.0",
			Complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N " +
				"is the number of Redis objects composing the value and M their average size. For small " +
				"string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). " +
				"However for sorted set values the complexity is O(N*M*log(N)) because inserting values into " +
				"sorted sets is O(log(N)).",
			Summary: "Create a key using the provided serialized value, previously obtained using DUMP.",
			Specs:   []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				intParam("ttl"),
				strParam("serialized-value"),
				tokenParam("replace", "REPLACE").since("3.0.0").optional(),
				tokenParam("absttl", "ABSTTL").since("5.0.0").optional(),
				intParam("seconds").withToken("IDLETIME").since("5.0.0").optional(),
				intParam("frequency").withToken("FREQ").since("5.0.0").optional(),
			},
			History: [][2]string{
				{"3.0.0", "Added the `REPLACE` modifier."},
				{"5.0.0", "Added the `ABSTTL` modifier."},
				{"5.0.0", "Added the `IDLETIME` and `FREQ` options."},
			},
			Note: "Payloads of Redis up to 8.0 and of Valkey up to 9 are read; one that goes on after its value is refused.",
			Fn:   keyRestore,
		},
	}
}
