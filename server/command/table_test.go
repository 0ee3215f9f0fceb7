package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func words(line string) (args [][]byte) {
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(w))
	}
	return args
}

func TestLookup(t *testing.T) {
	for line, want := range map[string]string{
		"get": "get", "GET": "get", "gEt k": "get", "INCRBYFLOAT": "incrbyfloat", "incrbyfloaT k": "incrbyfloat",
		"object": "object", "OBJECT ENCODING k": "object|encoding", "object help": "object|help",
		"ge": "", "gett": "", "object nosuch": "", "g\x05t": "", "g\x45t": "get", "incrbyfloa\x14": "", "incrbyfloatt": "",
	} {
		row := testTable.Lookup(words(line))
		switch {
		case row == nil && want != "":
			t.Errorf("%q is unknown", line)
		case row != nil && row.FullName() != want:
			t.Errorf("%q is %q, want %q", line, row.FullName(), want)
		}
	}
	if testTable.Lookup([][]byte{{}}) != nil || testTable.Lookup([][]byte{make([]byte, 1<<20)}) != nil {
		t.Error("an empty or a huge name is known")
	}
	for i := range testTable.Len() {
		row := testTable.At(i)
		if row.Index() != i || testTable.LookupName(strings.ToUpper(row.FullName())) != row {
			t.Errorf("%s is not found by its name or its index %d", row.FullName(), row.Index())
		}
	}
	if testTable.LookupName("object encoding") != nil || testTable.LookupName("get|x") != nil ||
		testTable.LookupName("") != nil {
		t.Error("a name that is none is found")
	}
}

func TestCheckError(t *testing.T) {
	long := strings.Repeat("x", 200)
	for line, want := range map[string]string{
		"GET k":                 "",
		"nosuch":                "ERR unknown command 'nosuch', with args beginning with: ",
		"nosuch a b":            "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ",
		"nosuch " + long + " y": "ERR unknown command 'nosuch', with args beginning with: '" + long[:128] + "' ",
		"no\rsu\nch":            "ERR unknown command 'no', with args beginning with: 'su' 'ch' ",
		"GET":                   "ERR wrong number of arguments for 'get' command",
		"Get a b":               "ERR wrong number of arguments for 'get' command",
		"MSET a b c":            "ERR wrong number of arguments for 'mset' command",
		"OBJECT":                "ERR wrong number of arguments for 'object' command",
		"object encoding":       "ERR wrong number of arguments for 'object|encoding' command",
		"object nosuch x":       "ERR unknown subcommand 'nosuch'. Try OBJECT HELP.",
	} {
		if got := testTable.CheckError(words(line)); got != want {
			t.Errorf("%q\n  want %q\n  got  %q", line, want, got)
		}
	}
	if got := testTable.CheckError([][]byte{[]byte("a\r\nb\x00c"), []byte("d\x00e\n")}); got !=
		"ERR unknown command 'a  b', with args beginning with: 'd' " {
		t.Errorf("got %q", got)
	}
}

// TestMalformedRows: a mistake in a row shows when the table is built.
func TestMalformedRows(t *testing.T) {
	fn := func(*Ctx) {}
	good := func() *Row {
		return &Row{
			Name: "x", Arity: 2, FirstKey: 1, LastKey: 1, KeyStep: 1, Specs: []KeySpec{oneKeySpec(KeyRO, 1)},
			Group: "string", Summary: "s", Since: "1", Fn: fn,
		}
	}
	newTable([]*Row{good()})
	for want, spoil := range map[string]func(*Row){
		"lower case":      func(r *Row) { r.Name = "X" },
		"no arity":        func(r *Row) { r.Arity = 0 },
		"unknown group":   func(r *Row) { r.Group = "strings" },
		"no summary":      func(r *Row) { r.Summary = "" },
		"since":           func(r *Row) { r.Since = "" },
		"no Fn":           func(r *Row) { r.Fn = nil },
		"both write":      func(r *Row) { r.Flags = Write | ReadOnly },
		"PartFn":          func(r *Row) { r.Route = Everywhere },
		"has keys":        func(r *Row) { r.Route, r.PartFn, r.Join = Everywhere, fn, JoinOK },
		"has none":        func(r *Row) { r.FirstKey, r.LastKey, r.KeyStep = 0, 0, 0 },
		"JoinFn":          func(r *Row) { r.Join = JoinCustom },
		"not joined":      func(r *Row) { r.Split = SplitKeys },
		"Gather":          func(r *Row) { r.Split = SplitGet },
		"every argument":  func(r *Row) { r.Split, r.Join = SplitKeys, JoinSum },
		"pairs":           func(r *Row) { r.Split, r.Join = SplitPairs, JoinOK },
		"first key or":    func(r *Row) { r.FirstKey, r.LastKey = 2, 2 },
		"the last key":    func(r *Row) { r.LastKey = 5 },
		"no first key":    func(r *Row) { r.Route, r.FirstKey = Here, 0 },
		"without specs":   func(r *Row) { r.Specs = nil },
		"MovableKeys":     func(r *Row) { r.Keys = func(_ [][]byte, dst []int) ([]int, error) { return dst, nil } },
		"names no key":    func(r *Row) { r.Params = []Param{keyParam("key", 1)} },
		"without a name":  func(r *Row) { r.Params = []Param{{Type: TypeString}} },
		"choice or block": func(r *Row) { r.Params = []Param{oneOf("x")} },
		"without a word":  func(r *Row) { r.Params = []Param{tokenParam("x", "")} },
		"has subcommands": func(r *Row) { s := good(); s.Sub = []*Row{good()}; r.Sub = []*Row{s} },
		"needs an ApplyFn": func(r *Row) {
			*r = Row{
				Name: "x", Arity: 1, Group: "string", Summary: "s", Since: "1",
				Route: Everywhere, PartFn: fn, Join: JoinOK, Flags: Write,
			}
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("want %q, got %q", want, got)
				}
			}()
			r := good()
			spoil(r)
			newTable([]*Row{r})
		}()
	}
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "two rows named x") {
			t.Errorf("got %q", got)
		}
	}()
	newTable([]*Row{good(), good()})
}

// TestRowsAreSafe calls every row of the keyspace's families with as few arguments as it takes, and with more, all of them odd.
func TestRowsAreSafe(t *testing.T) {
	cl := newCluster(2)
	for _, row := range slices.Concat(keyRows(), expireRows(), dumpRows(), stringRows(), streamRows()) {
		names := []string{row.Name}
		for _, sub := range row.Sub {
			names = append(names, row.Name+" "+sub.Name)
		}
		for _, name := range names {
			for _, arg := range []string{"", "0", "-1", "x", "9223372036854775807", "*", "{t}"} {
				args := words(name)
				for range 6 {
					if reply := cl.do(args...); len(reply) < 4 {
						t.Errorf("%q: %q", args, reply)
					}
					args = append(args, []byte(arg))
				}
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, line := range []string{"GET k", "set k v", "INCRBYFLOAT k 1", "OBJECT ENCODING k"} {
		args := words(line)
		b.Run(line, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if testTable.Lookup(args) == nil {
					b.Fatal("unknown")
				}
			}
		})
	}
}
