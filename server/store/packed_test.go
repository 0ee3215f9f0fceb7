package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// texts are the elements of p from the first to the last.
func texts(p Packed) (out []string) {
	for pos := p.First(); !p.AtEnd(pos); pos, _ = p.Next(pos) {
		out = append(out, string(p.At(pos).Append(nil)))
	}
	return out
}

// checkWalks demands that p passes Check, has n elements, and is the same from both ends and by numbers near the ends.
func checkWalks(t *testing.T, p Packed, n int) {
	t.Helper()
	if _, err := Check(p, n); err != nil || p.Len() != n || p.Bytes() != len(p) {
		t.Fatalf("%d elements, want %d: %v", p.Len(), n, err)
	}
	var forth, back []Pos
	for pos, ok := p.First(), n > 0; ok; pos, ok = p.Next(pos) {
		forth = append(forth, pos)
		if e := p.At(pos); !e.Is(e.Append(nil)) || e.Is(append(e.Append(nil), '0')) || e.IsInt && e.Str != nil {
			t.Fatalf("%+v is not its text", e)
		}
	}
	for pos, ok := p.Last(), n > 0; ok; pos, ok = p.Prev(pos) {
		back = append(back, pos)
	}
	slices.Reverse(back)
	if len(forth) != n || !slices.Equal(forth, back) {
		t.Fatalf("of %d elements there are, forth and back:\n%v\n%v", n, forth, back)
	}
	for _, i := range []int{0, 1, n / 2, n/2 + 1, n - 1, n, -1, -2, -n / 2, -n/2 - 1, -n, -n - 1, math.MaxInt, math.MinInt} {
		want, ok := p.end(), i >= -n && i < n
		if ok {
			want = forth[(i+n)%n]
		}
		if pos, found := p.Seek(i); pos != want || found != ok {
			t.Fatalf("element %d of %d is at %d, %v; want %d", i, n, pos, found, want)
		}
	}
	if end, ok := p.Next(p.end()); end != p.end() || ok {
		t.Fatalf("after the end comes %d, %v", end, ok)
	}
}

// TestPackedBytes holds every encoding against bytes that were worked out by hand from the format.
func TestPackedBytes(t *testing.T) {
	run := func(n int) string { return strings.Repeat("x", n) }
	for _, tc := range []struct{ text, head, tail string }{ // the element is head, text where it is a string, tail
		{"0", "00", "01"},
		{"127", "7f", "01"},
		{"128", "c080", "02"},
		{"-1", "dfff", "02"},
		{"4095", "cfff", "02"},
		{"-4096", "d000", "02"},
		{"4096", "f10010", "03"},
		{"-4097", "f1ffef", "03"},
		{"32767", "f1ff7f", "03"},
		{"-32768", "f10080", "03"},
		{"32768", "f2008000", "04"},
		{"-32769", "f2ff7fff", "04"},
		{"8388607", "f2ffff7f", "04"},
		{"-8388608", "f2000080", "04"},
		{"8388608", "f300008000", "05"},
		{"-8388609", "f3ffff7fff", "05"},
		{"2147483647", "f3ffffff7f", "05"},
		{"-2147483648", "f300000080", "05"},
		{"2147483648", "f40000008000000000", "09"},
		{"-2147483649", "f4ffffff7fffffffff", "09"},
		{"9223372036854775807", "f4ffffffffffffff7f", "09"},
		{"-9223372036854775808", "f40000000000000080", "09"},
		{"", "80", "01"},
		{"a", "81", "02"},
		{"9223372036854775808", "93", "14"}, // no int64
		{"-9223372036854775809", "94", "15"},
		{"-0", "82", "03"}, // no canonical decimal form
		{"007", "83", "04"},
		{"+1", "82", "03"},
		{" 1", "82", "03"},
		{"1.0", "83", "04"},
		{run(63), "bf", "40"},
		{run(64), "e040", "42"},
		{run(125), "e07d", "7f"},
		{run(126), "e07e", "0180"},
		{run(4095), "efff", "2081"},
		{run(4096), "f000100000", "2085"},
		{run(16377), "f0f93f0000", "7ffe"},
		{run(16378), "f0fa3f0000", "00ffff"},
		{run(16379), "f0fb3f0000", "018080"},
		{run(1<<21 - 7), "f0f9ff1f00", "7ffffe"},
		{run(1<<21 - 6), "f0faff1f00", "00ffffff"},
	} {
		want, _ := hex.DecodeString(tc.head)
		_, err := strconv.ParseInt(tc.text, 10, 64)
		isInt := want[0] < 0x80 || want[0] >= 0xc0 && want[0] < 0xe0 || want[0] > 0xf0
		if canonical := err == nil && !strings.ContainsAny(tc.text, "+ ") && tc.text != "-0" && tc.text != "007"; canonical != isInt {
			t.Errorf("%.20q: the table has it wrong", tc.text)
		}
		if !isInt {
			want = append(want, tc.text...)
		}
		tail, _ := hex.DecodeString(tc.tail)
		want = append(want, tail...)
		p := NewPacked(nil).Append([]byte(tc.text))
		if got := p[6 : len(p)-1]; !bytes.Equal(got, want) {
			t.Errorf("%.20q of %d: % x, want % x", tc.text, len(tc.text), got[:min(20, len(got))], want[:min(20, len(want))])
			continue
		}
		if e := p.At(p.First()); e.IsInt != isInt || !e.Is([]byte(tc.text)) {
			t.Errorf("%.20q: an integer: %v", tc.text, e.IsInt)
		}
		checkWalks(t, p, 1)
		if n, err := strconv.ParseInt(tc.text, 10, 64); isInt && (err != nil || !bytes.Equal(NewPacked(nil).AppendInt(n), p)) {
			t.Errorf("%s: AppendInt makes it other than Append", tc.text)
		}
	}
	p := NewPacked(nil).Append([]byte("a")).AppendInt(1)
	if want := "0c000000" + "0200" + "816102" + "0101" + "ff"; hex.EncodeToString(p) != want {
		t.Errorf("% x, want %s", p, want)
	}
}

// TestBacklen goes to lengths that would take too much memory as elements.
func TestBacklen(t *testing.T) {
	for _, tc := range []struct {
		n    int
		want string
	}{
		{0, "00"},
		{127, "7f"},
		{128, "0180"},
		{1<<14 - 2, "7ffe"},
		{1<<14 - 1, "00ffff"},
		{1 << 14, "018080"},
		{1<<21 - 2, "7ffffe"},
		{1<<21 - 1, "00ffffff"},
		{1<<28 - 2, "7ffffffe"},
		{1<<28 - 1, "00ffffffff"},
		{PackedMax, "0480808080"},
	} {
		b := bytes.Repeat([]byte{0xAA}, 10)
		size := backlenSize(tc.n)
		putBacklen(b[5:], tc.n)
		if got := hex.EncodeToString(b[5 : 5+size]); got != tc.want || 5+size < len(b) && b[5+size] != 0xAA {
			t.Errorf("%d: %s, want %s", tc.n, got, tc.want)
		}
		if n, read := readBacklen(b[:5+size]); n != tc.n || read != size {
			t.Errorf("%d in %d bytes is read as %d in %d", tc.n, size, n, read)
		}
	}
}

// packedModel is a Packed and what it should hold.
type packedModel struct {
	p    Packed
	want []string
	rnd  *rand.Rand
}

// text is an element: an integer of any size, or a string whose length is near those where encodings change.
func (m *packedModel) text() []byte {
	switch m.rnd.IntN(4) {
	case 0:
		return strconv.AppendInt(nil, int64(m.rnd.Uint64())>>m.rnd.IntN(64), 10)
	case 1:
		return strconv.AppendInt(nil, m.rnd.Int64N(4), 10) // often equal
	case 2:
		near := []int{0, 62, 124, 4094, 16377}[m.rnd.IntN(5)*m.rnd.IntN(2)]
		return bytes.Repeat([]byte{byte('a' + m.rnd.IntN(3))}, near+m.rnd.IntN(4))
	}
	return []byte([]string{"-0", "00", "\xff", "1e3", "-", "9223372036854775808"}[m.rnd.IntN(6)])
}

// step makes a random change, in place or in new memory.
func (m *packedModel) step(t *testing.T) {
	n := len(m.want)
	i := m.rnd.IntN(n + 1)
	pos, ok := m.p.Seek(i)
	if ok != (i < n) {
		t.Fatalf("Seek(%d) of %d: %v", i, n, ok)
	}
	elem := m.text()
	switch op := m.rnd.IntN(6); {
	case op == 0 && m.rnd.IntN(4) > 0:
		m.p, m.want = m.p.Append(elem), append(m.want, string(elem))
	case op == 0:
		num := int64(m.rnd.Uint64())
		m.p, m.want = m.p.AppendInt(num), append(m.want, strconv.FormatInt(num, 10))
	case op == 1 || n == 0:
		m.p, m.want = m.p.Insert(pos, true, elem), slices.Insert(m.want, i, string(elem))
		if !m.p.At(pos).Is(elem) {
			t.Fatalf("%q is not where it was put", elem)
		}
	case op == 2 && i < n:
		m.p, m.want = m.p.Insert(pos, false, elem), slices.Insert(m.want, i+1, string(elem))
	case op == 3 && i < n:
		var next Pos
		m.p, next = m.p.Replace(pos, elem)
		m.want[i] = string(elem)
		if at, more := m.p.Seek(i + 1); next != at || m.p.AtEnd(next) == more {
			t.Fatalf("after element %d of %d comes %d, want %d", i, n, next, at)
		}
	case op == 4:
		count := m.rnd.IntN(3) * m.rnd.IntN(3)
		m.p = m.p.Delete(pos, count)
		m.want = slices.Delete(m.want, i, min(i+count, n))
		if at, _ := m.p.Seek(i); at != pos {
			t.Fatalf("after %d deleted at %d the next is at %d", count, pos, at)
		}
	default:
		m.find(t, i, pos, elem)
	}
}

// find compares what is found from element i, at pos, with what is there.
func (m *packedModel) find(t *testing.T, i int, pos Pos, elem []byte) {
	skip := m.rnd.IntN(3)
	for ; i < len(m.want) && m.want[i] != string(elem); i += skip + 1 {
		continue
	}
	at, ok := m.p.Seek(min(i, len(m.want)))
	if got, found := m.p.Find(pos, skip, elem); got != at || found != ok {
		t.Fatalf("Find(%d, %d, %q) is %d, %v; want %d, %v", pos, skip, elem, got, found, at, ok)
	}
}

func TestPackedModel(t *testing.T) {
	seed := modelSeed(t)
	m := packedModel{rnd: rand.New(rand.NewPCG(seed, 0))}
	m.p = NewPacked([]byte("what was here before"))
	for range modelSize(t) / 100 {
		m.step(t)
		checkWalks(t, m.p, len(m.want))
		if got := texts(m.p); !slices.Equal(got, m.want) {
			t.Fatalf("%.100q, want %.100q", got, m.want)
		}
		if len(m.want) > 30 {
			m.p, m.want = m.p.Delete(m.p.First(), 31), m.want[:0]
			m.p = slices.Clip(slices.Clone(m.p)) // grow from nothing again
			if len(m.p) != 7 {
				m.p = NewPacked(m.p)
			}
		}
	}
}

// TestPackedUncounted: from 65535 elements on the header does not have their number, until there are far fewer again.
func TestPackedUncounted(t *testing.T) {
	const most = packedUncounted
	p := NewPacked(nil)
	for i := range most - 1 {
		p = p.AppendInt(int64(i & 63))
	}
	number := func() int { return int(binary.LittleEndian.Uint16(p[4:])) }
	if number() != most-1 {
		t.Errorf("the header has %d of %d", number(), most-1)
	}
	checkWalks(t, p, most-1)
	for n := most; n < most+3; n++ {
		p = p.AppendInt(5)
		if number() != most {
			t.Errorf("the header has %d of %d", number(), n)
		}
		checkWalks(t, p, n)
	}
	long := p.Append(bytes.Repeat([]byte("x"), 200))
	p = long.Delete(long.First(), 10)
	checkWalks(t, p, most+3-10)
	if number() != most {
		t.Errorf("%d elements were counted where there may be as many as before", number())
	}
	p = p.Delete(p.First(), 1000)
	checkWalks(t, p, most+3-1010)
	if number() != most+3-1010 {
		t.Errorf("the header has %d, want %d", number(), most+3-1010)
	}
}

func TestPackedAllocations(t *testing.T) {
	buf := make([]byte, 0, 1000)
	elem, text := []byte("element"), make([]byte, 0, 20)
	if n := testing.AllocsPerRun(10, func() {
		p := NewPacked(buf).AppendInt(-5).Append(elem)
		p = p.Insert(p.First(), false, []byte("17"))
		p, _ = p.Replace(p.First(), elem)
		_, found := p.Find(p.First(), 0, elem)
		if p = p.Delete(p.Last(), 1); !found || p.Len() != 2 || len(p.At(p.Last()).Append(text)) != 2 {
			t.Fatalf("%q", texts(p))
		}
	}); n != 0 {
		t.Errorf("%v allocations where there was room", n)
	}
	p := NewPacked(nil).Append(elem).Append(elem)
	_ = append(p.At(p.First()).Str, 'x')
	checkWalks(t, p, 2) // the answered string has no room over what follows it
	for range 10 {
		p = p.Append(p.At(p.First()).Str)
	}
	if got := texts(p); len(got) != 12 || slices.ContainsFunc(got, func(s string) bool { return s != "element" }) {
		t.Errorf("%q", got)
	}
}

// TestPackedMisuse: what no content can lead to panics, before anything is changed.
func TestPackedMisuse(t *testing.T) {
	p := NewPacked(nil).Append([]byte("\xff\xff"))
	was := slices.Clone(p)
	for name, misuse := range map[string]func(){
		"At the end":       func() { p.At(p.end()) },
		"Replace the end":  func() { p.Replace(p.end(), nil) },
		"Insert after it":  func() { p.Insert(p.end(), false, nil) },
		"At in an element": func() { p.At(p.First() + 1) },
		"beyond PackedMax": func() { p.splice(p.end(), 0, packedElement{head: PackedMax}) },
	} {
		func() {
			defer func() {
				if recover() == nil || !bytes.Equal(p, was) {
					t.Errorf("%s: no panic, or a change to % x", name, p)
				}
			}()
			misuse()
		}()
	}
	if room := PackedMax - len(p) - packedOverhead; !p.Fits(room) || p.Fits(room+1) {
		t.Errorf("with %d bytes %d more do not fit, or a byte more does", len(p), room)
	}
}

// BenchmarkPackedFind looks for the last field of a hash of 64 fields.
func BenchmarkPackedFind(b *testing.B) {
	p := NewPacked(nil)
	for i := range 64 {
		p = p.Append(fmt.Appendf(nil, "field:%04d", i)).Append([]byte("a value of 24 characters"))
	}
	want, last := []byte("field:0063"), Pos(0)
	for b.Loop() {
		last, _ = p.Find(p.First(), 1, want)
	}
	if !p.At(last).Is(want) {
		b.Fatal(last)
	}
}

// BenchmarkPackedReplace changes an element in the middle of 128, to one that is a byte longer and back.
func BenchmarkPackedReplace(b *testing.B) {
	p := NewPacked(nil)
	for range 128 {
		p = p.Append([]byte("a value of 24 characters"))
	}
	pos, _ := p.Seek(64)
	short, long := []byte("a value of 24 characters"), []byte("a value of 25 characters.")
	for b.Loop() {
		p, _ = p.Replace(pos, long)
		p, _ = p.Replace(pos, short)
	}
}
