package command

// geoRows are the commands of the group "geo".
func geoRows() []*Row {
	return []*Row{
		geoRow(Row{
			Name: "geoadd", Arity: -5, Flags: Write | DenyOOM, Since: "3.2.0",
			Complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			Summary:    "Add one or more geospatial items in the geospatial index represented using a sorted set",
			Specs:      []KeySpec{oneKeySpec(KeyRW|KeyUpdate, 1)},
			Params: []Param{
				keyParam("key", 0),
				oneOf("condition", tokenParam("nx", "NX"), tokenParam("xx", "XX")).since("6.2.0").optional(),
				tokenParam("change", "CH").since("6.2.0").optional(),
				block("longitude_latitude_member",
					typedParam("longitude", TypeDouble), typedParam("latitude", TypeDouble), strParam("member")).multiple(),
			},
			History: [][2]string{{"6.2.0", "Added the `CH`, `NX` and `XX` options."}},
			Fn:      geoAdd,
		}),
		geoRow(Row{
			Name: "geopos", Arity: -2, Flags: ReadOnly, Since: "3.2.0",
			Complexity: "O(N) where N is the number of members requested.",
			Summary:    "Returns longitude and latitude of members of a geospatial index",
			Params:     []Param{keyParam("key", 0), strParam("member").multiple()},
			Fn:         geoPos,
		}),
		geoRow(Row{
			Name: "geodist", Arity: -4, Flags: ReadOnly, Since: "3.2.0", Complexity: "O(log(N))",
			Summary: "Returns the distance between two members of a geospatial index",
			Params:  []Param{keyParam("key", 0), strParam("member1"), strParam("member2"), unitParam().optional()},
			Fn:      geoDist,
		}),
		geoRow(Row{
			Name: "geohash", Arity: -2, Flags: ReadOnly, Since: "3.2.0",
			Complexity: "O(log(N)) for each member requested, where N is the number of elements in the sorted set.",
			Summary:    "Returns members of a geospatial index as standard geohash strings",
			Params:     []Param{keyParam("key", 0), strParam("member").multiple()},
			Fn:         geoHash,
		}),
		geoRow(Row{
			Name: "geosearch", Arity: -7, Flags: ReadOnly, Since: "6.2.0", Complexity: searchComplexity,
			Summary: "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle.",
			Params:  append(append([]Param{keyParam("key", 0)}, searchParams()...), withParams()...),
			History: [][2]string{upperUnits},
			Fn:      geoSearch,
		}),
		geoRow(Row{
			Name: "geosearchstore", Arity: -8, Flags: Write | DenyOOM, LastKey: 2, Since: "6.2.0", Complexity: searchComplexity,
			Summary: "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, " +
				"and store the result in another key.",
			Specs: []KeySpec{oneKeySpec(KeyOW|KeyUpdate, 1), oneKeySpec(KeyRO|KeyAccess, 2)},
			Params: append(append([]Param{keyParam("destination", 0), keyParam("source", 1)}, searchParams()...),
				tokenParam("storedist", "STOREDIST").optional()),
			History: [][2]string{upperUnits},
			Note:    digitsNote,
			Fn:      geoSearchStore,
		}),
		radiusRow(Row{
			Name: "georadius", Flags: Write | DenyOOM | MovableKeys, Since: "3.2.0",
			Summary:    "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a point",
			ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
			History:    [][2]string{anyAdded, upperUnits},
			Fn:         geoRadius,
		}, false),
		radiusRow(Row{
			Name: "georadius_ro", Flags: ReadOnly, Since: "3.2.10",
			Summary:    "A read-only variant for GEORADIUS",
			ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` argument",
			History:    [][2]string{anyAdded},
			Fn:         geoRadiusRO,
		}, false),
		radiusRow(Row{
			Name: "georadiusbymember", Flags: Write | DenyOOM | MovableKeys, Since: "3.2.0",
			Summary:    "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a member",
			ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
			History:    [][2]string{upperUnits},
			Fn:         geoRadiusByMember,
		}, true),
		radiusRow(Row{
			Name: "georadiusbymember_ro", Flags: ReadOnly, Since: "3.2.10",
			Summary:    "A read-only variant for GEORADIUSBYMEMBER",
			ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
			Fn:         geoRadiusByMemberRO,
		}, true),
	}
}

const (
	searchComplexity = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape " +
		"provided as the filter and M is the number of items inside the shape"
	radiusComplexity = "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by " +
		"center and radius and M is the number of items inside the index."
	digitsNote = "The last digit of a distance that STOREDIST makes a score may differ: it is rounded correctly here, and in Redis " +
		"as its C library does."
)

var (
	upperUnits = [2]string{"7.0.0", "Added support for uppercase unit names."}
	anyAdded   = [2]string{"6.2.0", "Added the `ANY` option for `COUNT`."}
)

// geoRow fills in what most of the rows share.
func geoRow(r Row) *Row {
	r.Group, r.ACL, r.FirstKey, r.KeyStep = "geo", []string{"geo"}, 1, 1
	if r.LastKey == 0 {
		r.LastKey = 1
	}
	if r.Specs == nil {
		r.Specs = []KeySpec{oneKeySpec(KeyRO|KeyAccess, 1)}
	}
	return &r
}

// radiusRow fills in what GEORADIUS and its variants share.
func radiusRow(r Row, byMember bool) *Row {
	r.Arity, r.Complexity, r.DeprecatedSince = -6, radiusComplexity, "6.2.0"
	r.Params = []Param{keyParam("key", 0), typedParam("longitude", TypeDouble), typedParam("latitude", TypeDouble)}
	count := countParam("6.2.0")
	if byMember {
		r.Arity = -5
		r.Params = []Param{keyParam("key", 0), strParam("member")}
		count = countParam("")
	}
	r.Params = append(r.Params, typedParam("radius", TypeDouble), unitParam())
	r.Params = append(append(r.Params, withParams()...), count, orderParam())
	if r.Has(Write) {
		r.Keys, r.Note = radiusKeys, digitsNote
		r.Specs = []KeySpec{
			oneKeySpec(KeyRO|KeyAccess, 1), radiusStoreSpec("STORE", -r.Arity), radiusStoreSpec("STOREDIST", -r.Arity),
		}
		r.Params = append(r.Params, keyParam("key", 1).withToken("STORE").optional(),
			keyParam("key", 2).withToken("STOREDIST").optional())
	}
	return geoRow(r)
}

func radiusStoreSpec(word string, from int) KeySpec {
	return KeySpec{Flags: KeyOW | KeyUpdate, Search: SearchKeyword, Keyword: word, StartFrom: from, Find: FindRange, KeyStep: 1}
}

func unitParam() Param {
	return oneOf("unit", tokenParam("m", "M"), tokenParam("km", "KM"), tokenParam("ft", "FT"), tokenParam("mi", "MI"))
}

func countParam(anySince string) Param {
	return block("count", intParam("count").withToken("COUNT"), tokenParam("any", "ANY").since(anySince).optional()).optional()
}

func orderParam() Param {
	return oneOf("order", tokenParam("asc", "ASC"), tokenParam("desc", "DESC")).optional()
}

// withParams ask for more than the names of members.
func withParams() []Param {
	return []Param{
		tokenParam("withcoord", "WITHCOORD").optional(), tokenParam("withdist", "WITHDIST").optional(),
		tokenParam("withhash", "WITHHASH").optional(),
	}
}

// searchParams are those of GEOSEARCH and GEOSEARCHSTORE.
func searchParams() []Param {
	return []Param{
		oneOf("from",
			strParam("member").withToken("FROMMEMBER"),
			block("longitude_latitude", typedParam("longitude", TypeDouble), typedParam("latitude", TypeDouble)).withToken("FROMLONLAT")),
		oneOf("by",
			block("circle", typedParam("radius", TypeDouble).withToken("BYRADIUS"), unitParam()),
			block("box", typedParam("width", TypeDouble).withToken("BYBOX"), typedParam("height", TypeDouble), unitParam())),
		orderParam(), countParam(""),
	}
}

// radiusKeys finds the keys of GEORADIUS and GEORADIUSBYMEMBER: the source, and the last that is stored to.
func radiusKeys(args [][]byte, dst []int) ([]int, error) {
	store := 0
	for i := 5; i+1 < len(args); i++ {
		if is(args[i], "store") || is(args[i], "storedist") {
			i++
			store = i
		}
	}
	dst = append(dst, 1)
	if store > 0 {
		dst = append(dst, store)
	}
	return dst, nil
}
