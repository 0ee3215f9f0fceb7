package command

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSortScores: what C's strtod makes of a text, all of it or nothing.
func TestSortScores(t *testing.T) {
	for text, want := range map[string]float64{
		"": 0, "0": 0, "-0": 0, "7": 7, " 7": 7, "\t\n\v\f\r7": 7, "+7": 7, "007": 7, ".5": .5, "5.": 5, "1e3": 1000, "1E+3": 1000,
		"0x10": 16, "0x1.8p1": 3, "0X.8": .5, "-0x1P-1": -.5, "inf": math.Inf(1), "-Infinity": math.Inf(-1), "7\x00rest": 7, "\x00": 0,
		"9223372036854775807": 1 << 63, "-9223372036854775808": -1 << 63, "18446744073709551616": 1 << 64,
		"1e308": 1e308, "2.2250738585072014e-308": 0x1p-1022, "0e9999": 0, "-0x0.0p9": 0, strings.Repeat("0", 1<<20): 0, "0x1p-1074": 5e-324,
	} {
		if got, ok := sortScore([]byte(text)); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		" ", "x", "1x", "1 ", "--1", "+-1", "1e", "1e+", "e5", ".", "0x", "0x1p", "1_0", "0x_1", "nan", "-nan", "nan(1)", "infinite",
		"1e309", "-1e309", "0." + strings.Repeat("0", 1<<20) + "1", "1e-400", "4.9e-324", "1e-320", "0x1p1024", "0x1p-1075", "1 2", "²",
	} {
		if got, ok := sortScore([]byte(text)); ok {
			t.Errorf("%q is no score, but %v", text, got)
		}
	}
}

func TestSortPatterns(t *testing.T) {
	for text, want := range map[string]string{
		"#": "self", "##": "nothing", "": "nothing", "constant": "nothing", "a\x00*": "nothing",
		"w_*": "w_|", "*": "|", "w_*_x*": "w_|_x*", "h_*->f": "h_| f", "h->*": "h->|", "h_*->": "h_|->", "h_*->a->b": "h_| a->b",
		"h_*x->f": "h_|x f", "h_*->\x00f": "h_|->\x00f", "w_*\x00->f": "w_|\x00->f", "h_*->f\x00g": "h_| f\x00g",
	} {
		p := parseSortPattern([]byte(text))
		got := string(p.before) + "|" + string(p.after)
		switch {
		case p.self:
			got = "self"
		case !p.star:
			got = "nothing"
		case p.field != nil:
			got += " " + string(p.field)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestSortPatternsKeepToTheSlot: a pattern whose keys may lie elsewhere is refused, and nothing happens.
func TestSortPatternsKeepToTheSlot(t *testing.T) {
	cl := newCluster(1)
	for pattern, want := range map[string]bool{
		"{s}w_*": true, "x{s}*->f": true, "{s}*": true, "constant": true, "#": true, "{other}": true, "": true,
		"w_*": false, "{other}*": false, "*{s}": false, "{*}": false, "{s*}": false, "{}{s}*": false, "w_*->{s}": false,
	} {
		for option, text := range map[string]string{"BY": "BY", "GET": "GET"} {
			refusal := "-ERR " + text + " option of SORT denied in Cluster mode.\r\n"
			for _, name := range []string{"SORT", "SORT_RO"} {
				got := string(cl.do([]byte(name), []byte("{s}list"), []byte(option), []byte(pattern)))
				if (got != refusal) != want {
					t.Errorf("%s {s}list %s %s: %q", name, option, pattern, got)
				}
			}
		}
	}
}

// TestSortedKeys: where SORT finds its keys, as redis-server says.
func TestSortedKeys(t *testing.T) {
	redis, ours := startRedis(t), newAdmin(t)
	redis.do("HELLO 3")
	ours.do("HELLO 3")
	for _, call := range []string{
		"SORT k", "SORT k STORE d", "SORT k STORE d STORE e", "SORT k BY store GET store LIMIT store store", "SORT k STORE",
		"SORT k GET STORE d", "SORT k limit 0 1 store d asc", "SORT k store store", "SORT_RO k STORE d", "SORT_RO k BY a GET b",
		"GEORADIUS k 1 2 3 m", "GEORADIUS k 1 2 3 m STORE d", "GEORADIUS k 1 2 3 m STOREDIST d", "GEORADIUS k 1 2 3 m asc STORE",
		"GEORADIUSBYMEMBER k m 3 m STORE d", "GEORADIUSBYMEMBER k m 3 m COUNT 1 STOREDIST d", "GEORADIUS_RO k 1 2 3 m STORE d",
		"GEOSEARCHSTORE d k FROMMEMBER m BYRADIUS 1 m", "GEOSEARCH k FROMMEMBER m BYRADIUS 1 m", "GEOADD k 1 2 m",
	} {
		for _, ask := range []string{"COMMAND GETKEYS ", "COMMAND GETKEYSANDFLAGS "} {
			if want, got := redis.do(ask+call), ours.do(ask+call); got != want {
				t.Errorf("%s%s\n got %q\nwant %q", ask, call, got, want)
			}
		}
	}
}

// TestPartialSort: the part that is asked for is that of the sorted whole, for many shapes of input.
func TestPartialSort(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		a := make([]int, 1+rnd.IntN(200))
		kinds, up := 1+rnd.IntN(len(a)), rnd.IntN(4)
		for i := range a {
			a[i] = rnd.IntN(kinds)
			if up == 0 {
				a[i] += i
			}
		}
		want := slices.Sorted(slices.Values(a))
		from := rnd.IntN(len(a))
		to := from + rnd.IntN(len(a)-from)
		partialSort(a, from, to, func(x, y *int) int { return cmp.Compare(*x, *y) })
		if !slices.Equal(a[from:to+1], want[from:to+1]) {
			t.Fatalf("seed %d: from %d to %d: %v", seed, from, to, a)
		}
		if slices.Sort(a); !slices.Equal(a, want) {
			t.Fatalf("seed %d: elements are lost", seed)
		}
	}
}

// FuzzSortScore: the texts that ParseFloat takes as well read the same.
func FuzzSortScore(f *testing.F) {
	for _, s := range []string{"1", "-0x1p3", " 1e5", "inf", "1_0", "4.9e-324", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := sortScore(text)
		want, err := strconv.ParseFloat(string(text), 64)
		if ok && (math.IsNaN(got) || err == nil && got != want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if !ok && err == nil && math.Abs(want) >= minNormal && !strings.Contains(string(text), "_") {
			t.Errorf("%q is no score", text)
		}
	})
}
