package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"ringcache/server/resp"
	"ringcache/server/store"
)

// sparseOf is a sparse sketch with the given runs.
func sparseOf(runs string) string {
	return hllMagic + "\x01" + strings.Repeat("\x00", 10) + "\x80" + runs
}

// TestHLLEffects: what is counted is told by its bytes, what is added by the command, what becomes dense for its length by value.
func TestHLLEffects(t *testing.T) {
	cl := newCluster(1)
	withHLLSparse(cl, 24)
	sink := cl.sinks[0]
	for _, tc := range []struct {
		line string
		want []string // the effects' names
	}{
		{"PFADD k", []string{"PFADD"}},
		{"PFADD k", nil},
		{"PFADD k a", []string{"PFADD"}},
		{"PFADD k a", nil},
		{"PFCOUNT k", []string{"SETRANGE"}},
		{"PFCOUNT k", nil},
		{"PFCOUNT k none", nil},
		{"PFADD k b c d e f", []string{"SET"}},
		{"PFADD k a b c", nil},
		{"PFADD k g", []string{"PFADD"}},
		{"PFMERGE k", nil},
		{"PFCOUNT k", []string{"SETRANGE"}},
		{"PFMERGE k", []string{"SET"}},
		{"PFMERGE l", []string{"SET", "APPEND"}},
		{"PFMERGE l", nil},
		{"PFMERGE l k", []string{"SET"}},
		{"PFADD m a", []string{"PFADD"}},
		{"EXPIRE m 100", []string{"PEXPIREAT"}},
		{"PFDEBUG ENCODING m", nil},
		{"PFDEBUG GETREG m", []string{"PFDEBUG"}},
		{"PFDEBUG GETREG m", nil},
		{"PFADD n a", []string{"PFADD"}},
		{"PFDEBUG TODENSE n", []string{"PFDEBUG"}},
		{"PFDEBUG TODENSE n", nil},
		{"PFDEBUG NOSUCH n", nil},
		{"PFDEBUG DECODE none", nil},
	} {
		mark := len(sink.effects)
		cl.text(tc.line)
		var got []string
		for _, e := range sink.effects[mark:] {
			got = append(got, string(e.args[0]))
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%s has the effects %v, want %v", tc.line, got, tc.want)
		}
	}
	// A copy whose bound is another holds the same. Its default is 3000 here; it must not count at all.
	if want, got := dump(cl.nodes[0].KS), replayed(t, sink.effects); fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("a copy holds\n%v\nwant\n%v", got, want)
	}
}

// TestHLLEmbstr: a sketch that a client has set becomes raw once a command has it in hand, and so do its copies.
func TestHLLEmbstr(t *testing.T) {
	for _, line := range []string{"PFADD k", "PFCOUNT k", "PFMERGE k", "PFDEBUG DECODE k", "PFDEBUG NOSUCH k", "PFADD k a"} {
		cl := newCluster(1)
		cl.do(args("SET", "k", sparseOf("\x7f\xff"))...)
		wantReply(t, cl, "OBJECT ENCODING k", "$6|embstr")
		cl.text(line)
		wantReply(t, cl, "OBJECT ENCODING k", "$3|raw")
		if want, got := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("after %s a copy holds\n%v\nwant\n%v", line, got, want)
		}
	}
}

// hllLines are all commands, on the key k.
var hllLines = []string{
	"PFCOUNT k", "PFCOUNT k l", "PFCOUNT k k", "PFMERGE new k", "PFMERGE k", "PFMERGE k l", "PFADD k", "PFADD k a b c d", "PFDEBUG ENCODING k",
	"PFDEBUG DECODE k", "PFDEBUG GETREG k", "PFDEBUG TODENSE k",
}

// hllOnString runs all commands on a string. An error leaves it as it was; none panics.
func hllOnString(t *testing.T, value []byte) {
	t.Helper()
	for _, line := range hllLines {
		cl := newCluster(1)
		cl.text("PFADD l x y z")
		cl.do(args("SET", "k", value)...)
		reply := cl.do(words(line)...)
		n, whole, err := resp.ReplyLen(reply)
		if err != nil || !whole || n != len(reply) {
			t.Fatalf("%s of %q: %.100q", line, value, reply)
		}
		now := bulk(t, cl.do(words("GET k")...))
		switch {
		case resp.IsError(reply) && !bytes.Equal(now, value):
			t.Fatalf("%s of %q fails and leaves %q", line, value, now)
		case !resp.IsError(reply) && !isSketch(value):
			t.Fatalf("%s takes %q", line, value)
		}
		if want, got := dump(cl.nodes[0].KS), replayed(t, cl.sinks[0].effects); fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("after %s of %q a copy holds\n%v\nwant\n%v", line, value, got, want)
		}
	}
}

// corrupt are strings that claim to be sketches.
var corrupt = []string{
	sparseOf(""), sparseOf("\x7f\xfe"), sparseOf("\x7f\xff\x00"), sparseOf("\x7f"), sparseOf("\x7f\xff\x7f"), sparseOf("\x7f\xff\xff"),
	sparseOf("\xff\x7f\xff"), sparseOf(strings.Repeat("\x00", 40_000)), sparseOf(strings.Repeat("\x7f\xff", 100)), sparseOf(strings.Repeat("\x83", 4097)),
	sparseOf(strings.Repeat("\x80", 16383) + "\x40"),
}

func TestHLLCorrupt(t *testing.T) {
	for _, value := range corrupt {
		hllOnString(t, []byte(value))
		cl := newCluster(2)
		cl.do(args("SET", "k", value)...)
		for _, line := range []string{"PFCOUNT k", "PFCOUNT k a b c d", "PFMERGE k"} {
			if got, valid := cl.text(line), value == corrupt[len(corrupt)-1]; !valid && got != "-"+errCorruptHLL+"\r\n" {
				t.Errorf("%s of %.100q: %q", line, value, got)
			}
		}
	}
	for _, value := range []string{"", "x", sparseOf("")[:15], "HYLL\x02" + sparseOf("\x7f\xff")[5:], "HYLL\x00" + strings.Repeat("\x00", hllDenseLen-6), "123"} {
		hllOnString(t, []byte(value))
		cl := newCluster(1)
		cl.do(args("SET", "k", value)...)
		for _, line := range hllLines {
			wantReply(t, cl, line, "-"+errNotHLL)
		}
	}
}

func FuzzHLL(f *testing.F) {
	for _, value := range corrupt {
		f.Add([]byte(value))
	}
	f.Add([]byte(sparseOf("\x80\x80\x80\x80\x84\x84\x87\x87\x7f\xef")))
	f.Fuzz(func(t *testing.T, value []byte) {
		hllOnString(t, value)
		hllOnString(t, append([]byte(sparseOf("")), value...))
	})
}

// TestSparseAgainstRegisters changes sparse sketches in any order: they hold what plain registers hold, and searches that go on from the
// last find what searches from the beginning find.
func TestSparseAgainstRegisters(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var want registers
		e := sparseEdit{s: appendSketch(nil), most: 1 << 20}
		plain := sparseEdit{s: appendSketch(nil), most: 1 << 20}
		index, stride := 0, 1+rnd.IntN(60)
		for range rnd.IntN(600) {
			if index += rnd.IntN(stride); rnd.IntN(50) == 0 || index >= hllRegisters {
				index = rnd.IntN(hllRegisters)
			}
			rank := uint8(1 + rnd.IntN(3))
			spot, ok := e.find(index)
			plain.from = sparseRun{}
			other, _ := plain.find(index)
			if !ok || spot.rank != want[index] || spot.sparseRun != other.sparseRun {
				t.Fatalf("seed %d: register %d is %+v, from the beginning %+v, want %d", seed, index, spot, other, want[index])
			}
			if rank > want[index] {
				want[index] = rank
				if !e.put(&spot, index, rank) || !plain.put(&other, index, rank) || !bytes.Equal(e.s, plain.s) {
					t.Fatalf("seed %d: register %d:\n% x\n% x", seed, index, e.s, plain.s)
				}
			}
		}
		var got, dense registers
		d, ok := e.s.toDense()
		if !got.merge(e.s) || got != want || !ok || !dense.merge(d) || dense != want {
			t.Fatalf("seed %d: the registers differ", seed)
		}
		h, _ := e.s.count()
		if fromDense, _ := d.count(); h != want.count() || h != fromDense {
			t.Fatalf("seed %d: the ranks are counted differently", seed)
		}
	}
}

func TestDenseRegisters(t *testing.T) {
	if msg := hllSelfTest(store.DefaultThresholds.HLLSparse); msg != "" {
		t.Error(msg)
	}
	var want, got registers
	s := sketch(make([]byte, hllDenseLen))
	for i := range want {
		want[i] = uint8(i*7) & hllMask
		s.setRegister(i, want[i])
	}
	for i := range want {
		if s.register(i) != want[i] {
			t.Fatalf("register %d is %d, want %d", i, s.register(i), want[i])
		}
	}
	packed := sketch(make([]byte, hllDenseLen))
	want.pack(packed)
	if !got.merge(s) || got != want || !bytes.Equal(packed, s) {
		t.Error("the registers differ")
	}
}

// TestHLLDoesNotAllocate: elements that change nothing, those that change registers, and counting.
func TestHLLDoesNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("many elements")
	}
	c := hllCtx(t, 1000, 100_000)
	for _, key := range []string{"1000", "100000"} {
		n := 0
		lines := make([][][]byte, 0, 600)
		for i := range 300 {
			lines = append(lines, args("PFADD", key, "new"+strconv.Itoa(i)), args("PFCOUNT", key))
		}
		if got := testing.AllocsPerRun(len(lines)-1, func() {
			runLine(c, lines[n])
			n++
		}); got != 0 {
			t.Errorf("key %s: %v allocations a command", key, got)
		}
	}
}
