package command

// KeyFlag is a set of facts about the keys that one [KeySpec] finds: what a command does to them. The names are Redis's.
type KeyFlag uint16

// Key flags. Of the first four exactly one is set, unless NotKey is.
const (
	KeyRO KeyFlag = 1 << iota // the value is read
	KeyRW                     // the value is read and changed
	KeyOW                     // the value is overwritten
	KeyRM                     // the key is removed

	KeyAccess        // the reply tells of the value
	KeyUpdate        // data of the user's changes
	KeyInsert        // data is added, none changes
	KeyDelete        // data is explicitly deleted
	KeyNotKey        // it only looks like a key
	KeyIncomplete    // the spec does not find every key
	KeyVariableFlags // the facts depend on the arguments
)

var keyFlagNames = [...]string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
}

// Names appends the flags' names as COMMAND INFO shows them, in its order, to dst.
func (f KeyFlag) Names(dst []string) []string {
	for i, name := range keyFlagNames {
		if f&(1<<i) != 0 {
			dst = append(dst, name)
		}
	}
	return dst
}

// SearchKind says how a [KeySpec] finds where the keys begin.
type SearchKind uint8

// The ways to begin.
const (
	SearchUnknown SearchKind = iota
	SearchIndex              // at argument Index
	SearchKeyword            // after the argument Keyword, looked for from argument StartFrom (negative: from the end, backwards)
)

// FindKind says how a [KeySpec] goes on from where the keys begin.
type FindKind uint8

// The ways to go on.
const (
	FindUnknown FindKind = iota
	FindRange            // up to LastKey (counted from the beginning; negative: from the end), every KeyStep; Limit divides the rest
	FindKeyNum           // a number of keys stands at KeyNumIndex, the first key at FirstKey, then every KeyStep
)

// KeySpec tells where keys stand among the arguments, and what is done to them; see https://redis.io/docs/reference/key-specs.
type KeySpec struct {
	Notes string
	Flags KeyFlag
	// FlagsFor tells what a certain call does to the keys, where that varies (KeyVariableFlags).
	FlagsFor func(args [][]byte) KeyFlag

	Search    SearchKind
	Index     int
	Keyword   string
	StartFrom int

	Find                   FindKind
	LastKey, KeyStep       int // FindRange, FindKeyNum (KeyStep)
	Limit                  int
	KeyNumIndex, FirstKeyN int // FindKeyNum, relative to the beginning

	// Positions finds the keys where Search and Find cannot say them.
	Positions func(args [][]byte) []int
}

// oneKeySpec is the spec of a single key at argument index.
func oneKeySpec(flags KeyFlag, index int) KeySpec { return rangeSpec(flags, index, 0, 1) }

// rangeSpec is the spec of the keys from argument index to last (relative to index; negative: from the end), every step.
func rangeSpec(flags KeyFlag, index, last, step int) KeySpec {
	return KeySpec{Flags: flags, Search: SearchIndex, Index: index, Find: FindRange, LastKey: last, KeyStep: step}
}

// ParamType is the type of one [Param], by COMMAND DOCS' names.
type ParamType string

// The types of parameters.
const (
	TypeString    ParamType = "string"
	TypeInteger   ParamType = "integer"
	TypeDouble    ParamType = "double"
	TypeKey       ParamType = "key"
	TypePattern   ParamType = "pattern"
	TypeUnixTime  ParamType = "unix-time"
	TypePureToken ParamType = "pure-token"
	TypeOneOf     ParamType = "oneof"
	TypeBlock     ParamType = "block"
)

// Param is one parameter in a command's syntax: a value, a bare token, a choice (TypeOneOf) or a sequence (TypeBlock) of others.
type Param struct {
	Name            string
	Type            ParamType
	Token           string // the word in front of the value; of a pure token, the word itself
	Since           string
	DeprecatedSince string
	Summary         string
	Spec            int // TypeKey, and TypePattern where above 0: index into Row.Specs
	Optional        bool
	Multiple        bool // may be repeated
	MultipleToken   bool // the token is repeated with it
	Sub             []Param
}

func keyParam(name string, spec int) Param { return Param{Name: name, Type: TypeKey, Spec: spec} }

func strParam(name string) Param { return Param{Name: name, Type: TypeString} }
func intParam(name string) Param { return Param{Name: name, Type: TypeInteger} }

// tokenParam is a bare word; its name is the word in lower case.
func tokenParam(name, token string) Param {
	return Param{Name: name, Type: TypePureToken, Token: token}
}

func oneOf(name string, choices ...Param) Param {
	return Param{Name: name, Type: TypeOneOf, Sub: choices}
}

func (p Param) optional() Param             { p.Optional = true; return p }
func (p Param) multiple() Param             { p.Multiple = true; return p }
func (p Param) multipleToken() Param        { p.MultipleToken = true; return p }
func (p Param) since(version string) Param  { p.Since = version; return p }
func (p Param) withToken(word string) Param { p.Token = word; return p }

// typedParam is a value of a type that has no helper of its own.
func typedParam(name string, t ParamType) Param { return Param{Name: name, Type: t} }

func (s KeySpec) noted(notes string) KeySpec { s.Notes = notes; return s }

// varying has flags tell what a certain call does to the keys.
func (s KeySpec) varying(flags func(args [][]byte) KeyFlag) KeySpec {
	s.FlagsFor = flags
	return s
}

// block is a sequence of parameters.
func block(name string, parts ...Param) Param { return Param{Name: name, Type: TypeBlock, Sub: parts} }
