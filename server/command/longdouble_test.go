package command

import (
	"strings"
	"testing"

	"ringcache/server/resp"
)

func TestAddFloats(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"10.50", "0.1", "10.6"},
		{"10.6", "-5", "5.6"},
		{"5.0e3", "2.0e2", "5200"},
		{"0", "0.1", "0.1"},
		{"0.1", "0.2", "0.3"},
		{"3", "0.0000001", "3.0000001"},
		{"1", "-1.00000000000000000001", "0"},
		{"-0", "-0", "0"},
		{"0", "0x1p-3", "0.125"},
		{"0", "1e17", "100000000000000000"},
		{"0", "17179869184.123456789", "17179869184.12345678918063641"}, // as Redis,
		{"9007199254740993", "0", "9007199254740993"},
		{"0", "+.5", "0.5"},
		{"0", "5.", "5"},
	} {
		if got, err := addFloats([]byte(tc.a), []byte(tc.b)); err != "" || string(got) != tc.want {
			t.Errorf("%s + %s = %s %s, want %s", tc.a, tc.b, got, err, tc.want)
		}
	}
	for _, bad := range []string{
		"", " 1", "1 ", "nan", "1e", "e1", ".", "0x", "0x.p1", "1_0", "--1", "1e5000", "1e-5000", "infi",
		"1e99999999999999999999", "1p3", strings.Repeat("1", maxFloatText+1),
	} {
		if got, err := addFloats([]byte("1"), []byte(bad)); err != resp.ErrNotFloat {
			t.Errorf("1 + %.30q = %s %q", bad, got, err)
		}
	}
	for _, infinite := range []string{"inf", "-INF", "+infinity"} {
		if _, err := addFloats([]byte("1"), []byte(infinite)); err != resp.ErrNaN {
			t.Errorf("1 + %s: %q", infinite, err)
		}
	}
	if _, err := addFloats([]byte("1e4932"), []byte("1e4932")); err != resp.ErrNaN {
		t.Errorf("twice 1e4932: %q", err)
	}
}

func FuzzAddFloats(f *testing.F) {
	for _, s := range []string{"0", "1.5", "-0", "inf", "nan", "1e4932", "0x1.8p3", "1e-4940", "1e400", ".5e+3"} {
		f.Add([]byte(s), []byte("0.1"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		sum, err := addFloats(a, b)
		if err != "" {
			return
		}
		again, err := addFloats(sum, []byte("0"))
		if err != "" || string(again) != string(sum) && len(sum) < 15 {
			t.Errorf("%q + %q = %s; that + 0 = %s %s", a, b, sum, again, err)
		}
	})
}
