package resp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// collect feeds input in pieces that end at cuts and answers what Next answered. Each piece lies in memory of its own, which
// is overwritten after Keep: whatever still points there shows. After some pieces Next is called only once, so that whole
// requests are kept too.
func collect(t testing.TB, r *Reader, input []byte, cuts []int, lazy bool) (got []request, errText string) {
	t.Helper()
	take := func() bool {
		cmd, ok, err := r.Next()
		if err != nil {
			var pe *ProtocolError
			if !errors.As(err, &pe) {
				t.Fatalf("Next: %v is not a ProtocolError", err)
			}
			errText = err.Error()
			return false
		}
		if !ok {
			return false
		}
		c := request{raw: string(cmd.Raw)}
		for _, a := range cmd.Args {
			c.args = append(c.args, string(a))
		}
		got = append(got, c)
		return true
	}
	at, most := 0, 0
	for i, cut := range append(slices.Clone(cuts), len(input)) {
		piece := bytes.Clone(input[at:cut])
		at = cut
		before := r.Buffered()
		r.Feed(piece)
		if errText == "" && r.Buffered() != before+len(piece) {
			t.Fatalf("Buffered is %d after %d and a piece of %d bytes", r.Buffered(), before, len(piece))
		}
		if lazy && i%2 == 0 {
			take()
		} else {
			for take() {
			}
		}
		most = max(most, before+len(piece))
		r.Keep()
		if r.owned && cap(r.in) > max(2*most, 1<<minBufferBits) {
			t.Fatalf("a buffer of %d bytes for at most %d", cap(r.in), most)
		}
		clear(piece)
	}
	for take() {
	}
	return got, errText
}

// compare compares the reader with the reference parser.
func compare(t testing.TB, input []byte, l Limits, cuts []int, lazy bool) {
	t.Helper()
	want, wantErr := reference(input, l)
	expect(t, want, wantErr, input, l, cuts, lazy)
}

func expect(t testing.TB, want []request, wantErr string, input []byte, l Limits, cuts []int, lazy bool) {
	t.Helper()
	var r Reader
	r.SetLimits(l)
	got, gotErr := collect(t, &r, input, cuts, lazy)
	if gotErr != wantErr {
		t.Fatalf("input %.200q cut at %v, lazy %v: error %q, want %q", input, cuts, lazy, gotErr, wantErr)
	}
	if !slices.EqualFunc(want, got, request.equal) {
		t.Fatalf("input %.200q cut at %v, lazy %v:\n%s", input, cuts, lazy, cmp.Diff(want, got, cmp.AllowUnexported(request{})))
	}
	if held := r.Buffered(); held > l.Buffer+maxHeaderBytes+growSlack {
		t.Fatalf("holds %d bytes", held)
	}
}

// inputs are requests and attacks, whole streams each.
func inputs() map[string]string {
	long := strings.Repeat("x", 70_000)
	many := encode(slices.Repeat([]string{"MSET", "k", ""}, 700))
	return map[string]string{
		"get":                 encode([]string{"GET", "key"}),
		"pipeline":            strings.Repeat(encode([]string{"SET", "key", "value"})+encode([]string{"GET", "key"}), 5),
		"lengths":             encode([]string{"", "a", strings.Repeat("b", 9), strings.Repeat("c", 10), strings.Repeat("d", 99)}),
		"hundred":             encode([]string{strings.Repeat("e", 100), strings.Repeat("f", 1000)}),
		"big":                 encode([]string{"SET", long, long, "EX", "10"}) + encode([]string{"PING"}),
		"many":                many + encode([]string{"GET", "x"}) + many,
		"binary":              encode([]string{"SET", "\r\n\x00*1\r\n", "\xff$"}),
		"nothing":             "*0\r\n*-1\r\n\r\n\n   \r\n*0\r\n" + encode([]string{"PING"}),
		"inline":              "PING\r\nGET  key \nSET a \"b\\x41\\n\\q\\\"\" 'c\\'d\\n'\r\n",
		"inline mixed":        "PING\n" + encode([]string{"GET", "a"}) + "ECHO x\r\n" + encode([]string{"GET", "b"}),
		"inline words":        strings.Repeat("w ", 300) + "\n",
		"inline empty":        "SET k \"\" ''\r\n",
		"inline glued":        "ECHO a\"b c\" d'e f'\r\n",
		"inline space":        "ECHO \va\vb\fc\td\re\r\r\n",
		"inline 64k":          long[:65536] + "\nPING\n",
		"inline too long":     long[:65537] + "\nPING\n",
		"inline endless":      long,
		"inline zero":         "PI\x00NG\r\n" + long,
		"quotes":              "GET \"abc\r\nPING\r\n",
		"quotes single":       "GET 'abc\\'\r\n",
		"quotes glued":        "GET \"abc\"d\r\n",
		"quotes escape":       "GET \"abc\\\r\n",
		"quotes hex":          "GET \"\\x4\\xg1\\x\"\r\n",
		"count word":          "*abc\r\n",
		"count none":          "*\r\n",
		"count zero led":      "*01\r\n",
		"count minus zero":    "*-0\r\n",
		"count plus":          "*+1\r\n",
		"count int":           "*2147483648\r\n",
		"count max":           "*9223372036854775807\r\n",
		"count over":          "*9223372036854775808\r\n",
		"count min":           "*-9223372036854775808\r\nPING\r\n",
		"count endless":       "*" + strings.Repeat("1", 70_000),
		"count 64k":           "*" + long[:65535] + "\r\n",
		"count zero":          "*1\x00\r\n" + long,
		"count no LF":         "*1\rX$4\rYPINGzz",
		"not dollar":          "*1\r\n+4\r\nPING\r\n",
		"not dollar high":     "*1\r\n\xff4\r\n",
		"not dollar CR":       "*1\r\n\r\n",
		"not dollar LF":       "*1\r\n\n4\r\n",
		"not dollar open":     "*1\r\nx",
		"bulk negative":       "*1\r\n$-1\r\n",
		"bulk word":           "*1\r\n$abc\r\n",
		"bulk none":           "*1\r\n$\r\n",
		"bulk zero led":       "*1\r\n$04\r\nPING\r\n",
		"bulk too big":        "*1\r\n$536870913\r\n",
		"bulk biggest":        "*1\r\n$536870912\r\nx",
		"bulk max":            "*1\r\n$9223372036854775807\r\n",
		"bulk endless":        "*1\r\n$" + strings.Repeat("1", 70_000),
		"bulk zero":           "*1\r\n$4\x00\r\n" + long,
		"bulk end unseen":     "*2\r\n$3\r\nGETxy$1\r\nkzz" + encode([]string{"PING"}),
		"eleven":              encode(slices.Repeat([]string{"a"}, 11)),
		"ten":                 encode(slices.Repeat([]string{"a"}, 10)),
		"16385":               encode([]string{"SET", long[:16385]}),
		"16384":               encode([]string{"SET", long[:16384]}),
		"good then bad":       encode([]string{"PING"}) + "*1\r\n!\r\n" + encode([]string{"PING"}),
		"count over the args": "*1048577\r\n",
	}
}

func TestReaderCuts(t *testing.T) {
	small := Limits{Bulk: 1000, Args: 50, Inline: 100, Buffer: 2000}
	for name, input := range inputs() {
		t.Run(name, func(t *testing.T) {
			for _, l := range []Limits{DefaultLimits, PreAuthLimits, small} {
				in := []byte(input)
				want, wantErr := reference(in, l)
				expect(t, want, wantErr, in, l, nil, false)
				expect(t, want, wantErr, in, l, nil, true)
				step := max(1, len(in)/50)
				for at := 0; at <= len(in); at += step {
					expect(t, want, wantErr, in, l, []int{at}, at%2 == 0)
				}
				if len(in) < 300 {
					expect(t, want, wantErr, in, l, upTo(len(in)), false)
					expect(t, want, wantErr, in, l, upTo(len(in)), true)
				}
			}
		})
	}
}

func upTo(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestReaderRandom(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	all := inputs()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	sizes := []int{0, 1, 5, 9, 10, 50, 99, 100, 500, 3000, 40_000}
	for range 80 {
		var in []byte
		for range rng.IntN(30) {
			args := make([]string, 1+rng.IntN(9))
			for i := range args {
				args[i] = strings.Repeat("v", sizes[rng.IntN(len(sizes))])
			}
			in = append(in, encode(args)...)
		}
		in = append(in, all[names[rng.IntN(len(names))]]...)
		for range 3 {
			var cuts []int
			for range rng.IntN(20) {
				cuts = append(cuts, rng.IntN(len(in)+1))
			}
			slices.Sort(cuts)
			compare(t, in, DefaultLimits, cuts, rng.IntN(2) == 0)
		}
	}
}

func TestReaderMemoryFollowsArrival(t *testing.T) {
	var r Reader
	r.Feed([]byte("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870912\r\n"))
	if _, ok, err := r.Next(); ok || err != nil {
		t.Fatal(ok, err)
	}
	r.Keep()
	if cap(r.in) > 1024 {
		t.Fatalf("a header committed %d bytes", cap(r.in))
	}
	piece := make([]byte, 64<<10)
	held := 0
	for range 400 {
		r.Feed(piece)
		held += len(piece)
		if _, ok, err := r.Next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		r.Keep()
		if cap(r.in) > 2*held+1024 {
			t.Fatalf("%d bytes arrived, %d are held", held, cap(r.in))
		}
	}
	r.Release()

	r.Feed([]byte("*1048576\r\n"))
	r.Next()
	r.Keep()
	if cap(r.list) > 1<<minArgsBits {
		t.Fatalf("a count committed a list of %d", cap(r.list))
	}
}

func TestReaderIdleOwnsNothing(t *testing.T) {
	var r Reader
	many := encode(slices.Repeat([]string{"a"}, 1<<18))
	for _, in := range []string{encode([]string{"SET", "k", strings.Repeat("v", 3<<20)}), many, "inline a b c d e f g\r\n"} {
		for at := 0; at < len(in); at += 64 << 10 {
			r.Feed([]byte(in[at:min(len(in), at+64<<10)]))
			_, ok, err := r.Next()
			if whole := at+64<<10 >= len(in); ok != whole || err != nil {
				t.Fatal(at, ok, err)
			}
			r.Keep()
		}
		few := slices.ContainsFunc(r.few[:], func(a []byte) bool { return a != nil })
		if few || r.owned || r.in != nil || r.rest != nil || r.list != nil || r.line != nil || r.args != nil {
			t.Fatalf("an idle reader holds buffers: %+v", r)
		}
	}
}

func TestReaderRetainsNoLongList(t *testing.T) {
	var r Reader
	r.Feed([]byte(encode(slices.Repeat([]string{"a"}, 1<<16)) + encode(slices.Repeat([]string{"b"}, 6))))
	for range 2 {
		if _, ok, err := r.Next(); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if cap(r.list) > 1<<maxArgsBits {
		t.Fatalf("a list of %d is kept", cap(r.list))
	}
}

func TestReaderLimitsSwitch(t *testing.T) {
	in := encode([]string{"AUTH", "p"}) + encode(slices.Repeat([]string{"x"}, 20))
	var r Reader
	r.SetLimits(PreAuthLimits)
	r.Feed([]byte(in))
	if _, ok, err := r.Next(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	r.SetLimits(DefaultLimits)
	if cmd, ok, err := r.Next(); !ok || err != nil || len(cmd.Args) != 20 {
		t.Fatal(ok, err)
	}
}

func TestReaderErrorIsFinal(t *testing.T) {
	var r Reader
	r.Feed([]byte("*x\r\n"))
	for range 3 {
		_, ok, err := r.Next()
		if ok || err == nil || err.Error() != "Protocol error: invalid multibulk length" {
			t.Fatal(ok, err)
		}
		r.Feed([]byte("PING\r\n"))
		if r.Buffered() != 0 {
			t.Fatal("a failed reader holds bytes")
		}
		r.Keep()
	}
	r.Release()
	r.Feed([]byte("PING\r\n"))
	if _, ok, err := r.Next(); !ok || err != nil {
		t.Fatal("not usable after Release:", ok, err)
	}
}

func TestReaderBoundsWhatIsKept(t *testing.T) {
	var r Reader
	l := DefaultLimits
	l.Buffer = 1000
	r.SetLimits(l)
	p := []byte(strings.Repeat("PING\r\n", 10_000))
	for i := 0; ; i++ {
		r.Feed(p)
		r.Keep()
		if r.Buffered() > l.Buffer+maxHeaderBytes+growSlack {
			t.Fatalf("%d bytes are kept", r.Buffered())
		}
		if r.Buffered() == 0 {
			break
		}
		if i > 100 {
			t.Fatal("no end")
		}
	}
	if _, _, err := r.Next(); err == nil {
		t.Fatal("no error")
	}
}

// A session that runs one kept request at a time, keeping between, must not copy all the others each time.
func TestReaderKeepsWithoutCopying(t *testing.T) {
	var r Reader
	one := encode([]string{"GET", "key"})
	const n = 1000
	r.Feed([]byte(strings.Repeat(one, n)))
	r.Keep()
	first := &r.in[0]
	for i := range n {
		if _, ok, err := r.Next(); !ok || err != nil {
			t.Fatal(i, ok, err)
		}
		if i < n-1 {
			r.Keep()
			if &r.in[0] != first {
				t.Fatal("moved")
			}
		}
	}
}

func TestReaderArgsDoNotOverlap(t *testing.T) {
	var r Reader
	for _, in := range []string{encode([]string{"SET", "k", "v"}), "SET k v\r\n"} {
		r.Feed([]byte(in))
		cmd, _, _ := r.Next()
		for i := range cmd.Args {
			_ = append(cmd.Args[i], "XXXX"...)
		}
		if got := fmt.Sprintf("%s", cmd.Args); got != "[SET k v]" {
			t.Fatalf("%s: appending to an argument changed another: %s", in, got)
		}
		if !bytes.Contains(cmd.Raw, []byte("$1\r\nv\r\n")) {
			t.Fatalf("raw changed: %q", cmd.Raw)
		}
		r.Keep()
	}
}

func TestReadersShareThePools(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var r Reader
			value := strings.Repeat(string(rune('a'+g)), 600)
			mset := encode([]string{"MSET", "a", value, "b", value, "c", value})
			in := []byte(strings.Repeat(mset, 20) + "inline " + value + "\n")
			for round := range 50 {
				n := 0
				for at := 0; at < len(in); at += 100 + round {
					r.Feed(in[at:min(len(in), at+100+round)])
					for {
						cmd, ok, err := r.Next()
						if err != nil {
							t.Error(err)
							return
						}
						if !ok {
							break
						}
						if last := cmd.Args[len(cmd.Args)-1]; string(last) != value {
							t.Errorf("reader %d reads %q", g, last)
							return
						}
						n++
					}
					r.Keep()
				}
				if n != 21 {
					t.Errorf("reader %d reads %d requests", g, n)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzReader(f *testing.F) {
	for _, in := range inputs() {
		f.Add([]byte(in), uint64(1), byte(3))
		f.Add([]byte(in[:len(in)/2]), uint64(2), byte(255))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, pieces byte) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var cuts []int
		for range pieces {
			cuts = append(cuts, rng.IntN(len(in)+1))
		}
		slices.Sort(cuts)
		l := []Limits{DefaultLimits, PreAuthLimits, {Bulk: 100, Args: 40, Inline: 50, Buffer: 300}}[seed%3]
		compare(t, in, l, cuts, seed%2 == 0)
	})
}
