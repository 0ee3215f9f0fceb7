package resp

import (
	"strconv"
	"strings"
	"testing"
)

// pipeline is a batch of 16 requests, as redis-benchmark -P 16 sends them.
func pipeline(args ...string) []byte { return []byte(strings.Repeat(encode(args), 16)) }

var (
	getKey   = []string{"GET", "key:000000000001"}
	setKey   = []string{"SET", "key:000000000001", strings.Repeat("v", 32)}
	setKeyEX = []string{"SET", "key:000000000001", strings.Repeat("v", 1000), "EX", "100"}
)

// run works through what p holds.
func run(b testing.TB, r *Reader, p []byte) int {
	r.Feed(p)
	n := 0
	for {
		cmd, ok, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			break
		}
		n += len(cmd.Args)
	}
	r.Keep()
	return n
}

// One operation is one request; sixteen are fed at once.
func BenchmarkReader(b *testing.B) {
	for _, c := range []struct {
		name string
		args []string
	}{{"GET", getKey}, {"SET", setKey}, {"SETEX1000", setKeyEX}} {
		b.Run(c.name, func(b *testing.B) {
			p := pipeline(c.args...)
			var r Reader
			b.ReportAllocs()
			for i := 0; i < b.N; i += 16 {
				run(b, &r, p)
			}
		})
	}
	b.Run("GET/one at a time", func(b *testing.B) {
		p := []byte(encode(getKey))
		var r Reader
		b.ReportAllocs()
		for range b.N {
			run(b, &r, p)
		}
	})
	b.Run("SET/each cut in two", func(b *testing.B) {
		p := []byte(encode(setKey))
		var r Reader
		b.ReportAllocs()
		for range b.N {
			run(b, &r, p[:len(p)-20])
			run(b, &r, p[len(p)-20:])
		}
	})
	b.Run("inline", func(b *testing.B) {
		p := []byte(strings.Repeat("SET key:000000000001 value\r\n", 16))
		var r Reader
		b.ReportAllocs()
		for i := 0; i < b.N; i += 16 {
			run(b, &r, p)
		}
	})
	b.Run("SET 16MB in 64KB pieces", func(b *testing.B) {
		p := []byte(encode([]string{"SET", "key", strings.Repeat("v", 16<<20)}))
		var r Reader
		b.SetBytes(int64(len(p)))
		for range b.N {
			for at := 0; at < len(p); at += 64 << 10 {
				run(b, &r, p[at:min(len(p), at+64<<10)])
			}
		}
	})
	b.Run("MSET 1000", func(b *testing.B) {
		args := []string{"MSET"}
		for i := range 1000 {
			args = append(args, "key:"+strconv.Itoa(i), "value")
		}
		p := []byte(encode(args))
		var r Reader
		b.ReportAllocs()
		for range b.N {
			run(b, &r, p)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	value := []byte(strings.Repeat("v", 32))
	w := Writer{B: make([]byte, 0, 4096)}
	for name, fn := range map[string]func(){
		"Bulk":   func() { w.Bulk(value) },
		"OK":     func() { w.OK() },
		"Int":    func() { w.Int(123456) },
		"Double": func() { w.Double(3.25) },
		"Null":   func() { w.Null() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				w.B = w.B[:0]
				fn()
			}
		})
	}
}

func BenchmarkReplyLen(b *testing.B) {
	var w Writer
	w.Bulk([]byte(strings.Repeat("v", 32)))
	bulk := len(w.B)
	w.Array(10)
	for i := range 10 {
		w.Int(int64(i))
	}
	b.Run("bulk", func(b *testing.B) {
		for range b.N {
			ReplyLen(w.B[:bulk])
		}
	})
	b.Run("array", func(b *testing.B) {
		for range b.N {
			ReplyLen(w.B[bulk:])
		}
	})
}

func TestNoAllocations(t *testing.T) {
	set, inline := pipeline(setKey...), []byte("SET key value\r\nPING\r\nECHO \"a b\" c d e f g h\r\n")
	many := []byte(encode(strings.Split(strings.Repeat("a,", 200), ",")))
	var r Reader
	w := Writer{B: make([]byte, 0, 4096)}
	for name, fn := range map[string]func(){
		"pipeline": func() { run(t, &r, set) },
		"cut": func() {
			for at := 0; at < len(set); at += 37 {
				run(t, &r, set[at:min(len(set), at+37)])
			}
		},
		"inline": func() { run(t, &r, inline) },
		"many":   func() { run(t, &r, many); run(t, &r, many[:300]); run(t, &r, many[300:]) },
		"writer": func() {
			w.B = w.B[:0]
			w.Bulk(set[:30])
			w.Int(-12345678901)
			w.Double(0.1)
			w.Error(ErrWrongType)
			w.Verbatim("txt", "text")
			w.InsertArray(0, 5)
		},
		"ReplyLen": func() { ReplyLen(w.B) },
	} {
		fn()
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
