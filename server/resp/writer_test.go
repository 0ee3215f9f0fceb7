package resp

import (
	"math"
	"strings"
	"testing"
)

// replies are calls of a Writer and what they write in RESP2 and in RESP3; one where both are the same.
var replies = []struct {
	name  string
	write func(*Writer)
	two   string
	three string
}{
	{"ok", func(w *Writer) { w.OK() }, "+OK\r\n", ""},
	{"simple", func(w *Writer) { w.Simple("PONG") }, "+PONG\r\n", ""},
	{"simple lines", func(w *Writer) { w.Simple("a\r\nb") }, "+a  b\r\n", ""},
	{"error", func(w *Writer) { w.Error(ErrSyntax) }, "-ERR syntax error\r\n", ""},
	{"error lines", func(w *Writer) { w.Error("ERR a\r\n+OK\n") }, "-ERR a  +OK \r\n", ""},
	{"error bytes", func(w *Writer) { w.ErrorBytes([]byte("ERR a\r\n+OK\n")) }, "-ERR a  +OK \r\n", ""},
	{"int", func(w *Writer) { w.Int(7) }, ":7\r\n", ""},
	{"int large", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ""},
	{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\n\x00")) }, "$4\r\na\r\n\x00\r\n", ""},
	{"bulk nil", func(w *Writer) { w.Bulk(nil) }, "$0\r\n\r\n", ""},
	{"bulk string", func(w *Writer) { w.BulkString(strings.Repeat("x", 100)) }, "$100\r\n" + strings.Repeat("x", 100) + "\r\n", ""},
	{"bulk int", func(w *Writer) { w.BulkInt(-120) }, "$4\r\n-120\r\n", ""},
	{"null", func(w *Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
	{"null array", func(w *Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
	{"array", func(w *Writer) { w.Array(2); w.Int(1); w.Int(2) }, "*2\r\n:1\r\n:2\r\n", ""},
	{"array empty", func(w *Writer) { w.Array(0) }, "*0\r\n", ""},
	{"map", func(w *Writer) { w.Map(1); w.Int(1); w.Int(2) }, "*2\r\n:1\r\n:2\r\n", "%1\r\n:1\r\n:2\r\n"},
	{"set", func(w *Writer) { w.Set(1); w.Int(1) }, "*1\r\n:1\r\n", "~1\r\n:1\r\n"},
	{"push", func(w *Writer) { w.Push(1); w.Int(1) }, "*1\r\n:1\r\n", ">1\r\n:1\r\n"},
	{"double", func(w *Writer) { w.Double(0.1) }, "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
	{"double whole", func(w *Writer) { w.Double(3) }, "$1\r\n3\r\n", ",3\r\n"},
	{"double inf", func(w *Writer) { w.Double(math.Inf(1)) }, "$3\r\ninf\r\n", ",inf\r\n"},
	{"double -inf", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
	{"double nan", func(w *Writer) { w.Double(math.NaN()) }, "$3\r\nnan\r\n", ",nan\r\n"},
	{"double -0", func(w *Writer) { w.Double(math.Copysign(0, -1)) }, "$2\r\n-0\r\n", ",-0\r\n"},
	{"double large", func(w *Writer) { w.Double(1e17) }, "$5\r\n1e+17\r\n", ",1e+17\r\n"},
	{"double small", func(w *Writer) { w.Double(5e-324) }, "$23\r\n4.9406564584124654e-324\r\n", ",4.9406564584124654e-324\r\n"},
	{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
	{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
	{
		"big number", func(w *Writer) { w.BigNumber("-12345678901234567890") },
		"$21\r\n-12345678901234567890\r\n", "(-12345678901234567890\r\n",
	},
	{"verbatim", func(w *Writer) { w.Verbatim("txt", "a\r\nb") }, "$4\r\na\r\nb\r\n", "=8\r\ntxt:a\r\nb\r\n"},
	{"verbatim short", func(w *Writer) { w.Verbatim("x", "") }, "$0\r\n\r\n", "=4\r\nx  :\r\n"},
	{"raw", func(w *Writer) { w.Raw([]byte(":1\r\n")) }, ":1\r\n", ""},
	{"attribute", func(w *Writer) {
		if w.Attribute(1) {
			w.Int(1)
			w.Int(2)
		}
		w.OK()
	}, "+OK\r\n", "|1\r\n:1\r\n:2\r\n+OK\r\n"},
	{"insert", func(w *Writer) {
		at := len(w.B)
		for range 12 {
			w.Int(1)
		}
		w.InsertArray(at, 12)
	}, "*12\r\n" + strings.Repeat(":1\r\n", 12), ""},
	{"insert bulk", func(w *Writer) {
		at := len(w.B)
		w.B = append(w.B, "0123456789"...)
		w.InsertBulk(at)
	}, "$10\r\n0123456789\r\n", ""},
	{"insert bulk of nothing", func(w *Writer) { w.InsertBulk(len(w.B)) }, "$0\r\n\r\n", ""},
	{"insert before nothing", func(w *Writer) { w.InsertArray(len(w.B), 0) }, "*0\r\n", ""},
}

func TestWriter(t *testing.T) {
	for _, c := range replies {
		if c.three == "" {
			c.three = c.two
		}
		for proto, want := range map[int]string{0: c.two, 2: c.two, 3: c.three} {
			w := Writer{B: []byte("before"), Proto: proto}
			c.write(&w)
			if got := string(w.B); got != "before"+want {
				t.Errorf("%s, RESP%d: %q, want %q", c.name, proto, got, want)
			}
			if n, ok, err := ReplyLen(w.B[6:]); n != len(want) || !ok || err != nil {
				t.Errorf("%s, RESP%d: ReplyLen answers %d %v %v", c.name, proto, n, ok, err)
			}
		}
	}
}

func TestAppendDouble(t *testing.T) {
	// What C's printf("%.17g") prints.
	for f, want := range map[float64]string{
		1: "1", -1: "-1", 100000: "100000", 1e16: "10000000000000000", 1e17: "1e+17", 123456789012345678: "1.2345678901234568e+17",
		0.0001: "0.0001", 0.00001: "1.0000000000000001e-05", 1.5: "1.5", 2.0 / 3: "0.66666666666666663", -3.25: "-3.25",
		math.MaxFloat64: "1.7976931348623157e+308", 9007199254740992: "9007199254740992",
		1e100: "1e+100", 1.1: "1.1000000000000001", 12.5: "12.5", 2251799813685249.5: "2251799813685249.5",
	} {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}

// FuzzWriter writes replies chosen by ops and reads them back.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz"), "text\r\n", int64(-5), 1.5, true)
	f.Add([]byte{0, 1, 2, 3, 255, 254}, "", int64(0), math.Inf(1), false)
	f.Fuzz(func(t *testing.T, ops []byte, s string, n int64, d float64, three bool) {
		w := Writer{Proto: 2}
		if three {
			w.Proto = 3
		}
		var ends []int
		for _, op := range ops {
			start := len(w.B)
			switch op % 17 {
			case 0:
				w.OK()
			case 1:
				w.Simple(s)
			case 2:
				w.Error(s)
			case 3:
				w.ErrorBytes([]byte(s))
			case 4:
				w.Int(n)
				if got, ok := ParseInt(w.B[start:]); !ok || got != n {
					t.Fatalf("ParseInt answers %d, %v", got, ok)
				}
			case 5:
				w.BulkString(s)
				if got, ok := ParseBulk(w.B[start:]); !ok || string(got) != s {
					t.Fatalf("ParseBulk answers %q, %v", got, ok)
				}
			case 6:
				w.Null()
				if got, ok := ParseBulk(w.B[start:]); !ok || got != nil {
					t.Fatalf("ParseBulk answers %q, %v", got, ok)
				}
			case 7:
				w.NullArray()
			case 8:
				w.Double(d)
			case 9:
				w.Bool(n > 0)
			case 10:
				w.Verbatim("txt", s)
				if got, ok := ParseBulk(w.B[start:]); !ok || string(got) != s {
					t.Fatalf("ParseBulk answers %q, %v", got, ok)
				}
			case 11:
				w.Array(1)
				w.Int(n)
				if k, body, ok := ParseArray(w.B[start:]); !ok || k != 1 || len(body) != len(w.B)-start-4 {
					t.Fatalf("ParseArray answers %d, %q, %v", k, body, ok)
				}
			case 12:
				w.Map(1)
				w.Set(1)
				w.Int(n)
				w.Push(0)
			case 13:
				if w.Attribute(1) {
					w.Bulk([]byte(s))
					w.BulkInt(n)
				}
				w.OK()
			case 14:
				w.Int(1)
				w.Array(0)
				w.InsertArray(start, 2)
			case 15:
				w.BigNumber("123")
			case 16:
				w.B = append(w.B, s...)
				w.InsertBulk(start)
			}
			ends = append(ends, len(w.B))
		}
		at := 0
		for _, end := range ends {
			n, ok, err := ReplyLen(w.B[at:])
			if err != nil || !ok || at+n != end {
				t.Fatalf("a reply of %d bytes: ReplyLen answers %d, %v, %v: %q", end-at, n, ok, err, w.B[at:end])
			}
			at = end
		}
	})
}
