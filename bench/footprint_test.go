package main

import (
	"strings"
	"testing"
	"time"
)

func TestFootprint(t *testing.T) {
	d := dataset{keyLen: 17, valueLen: 32, deletePercent: 90}
	f := footprint{
		subject: "a", keys: 1000,
		loaded: loaded{
			keys: 1000, empty: settled{bytes: 10_000}, resident: settled{bytes: 80_000, took: 7 * time.Second, steady: true},
			used: 59_000, took: time.Second, micros: 1500,
		},
		reduced: reduced{keys: 100, resident: settled{bytes: 40_000, took: time.Minute}},
		fresh:   loaded{keys: 100, empty: settled{bytes: 10_000}, resident: settled{bytes: 20_000}},
	}
	for name, v := range map[string]struct{ got, want float64 }{
		"overhead": {f.overhead(&d), 21}, "counted": {f.counted(&d), 10},
		"ratio": {f.ratio(), 2}, "growth ratio": {f.growthRatio(), 3},
	} {
		if v.got != v.want {
			t.Errorf("%s %v, want %v", name, v.got, v.want)
		}
	}
	var out strings.Builder
	printFootprints(&out, &d, []footprint{f})
	for _, want := range []string{
		"| a | 1000 | 0.1 | 0.0 | 21.0 | 10.0 | 1000 | 1.50 | 7 s |\n", "| a | 100 | 0.0 | 0.0 | 2.00 | 3.00 | not in 60 s |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, out.String())
		}
	}
}

func TestSteadiness(t *testing.T) {
	var s steadiness
	const level = 1 << 30
	for i := range 3 * settleSamples {
		if s.add(level + int64(i)*level/settleShare/10) {
			t.Fatalf("steady while it grows, at sample %d", i)
		}
	}
	for i := range settleSamples - 1 {
		if s.add(2 * level) {
			t.Fatalf("steady %d samples after a jump", i+1)
		}
	}
	if !s.add(2*level - level/settleShare) {
		t.Error("not steady after as many samples as are looked at")
	}
	if s.add(level) {
		t.Error("steady at once after a fall")
	}
}

func TestParseResident(t *testing.T) {
	const status = "Name:\tcached\nVmHWM:\t  900 kB\nVmRSS:\t   20692 kB\nRssAnon:\t 1 kB\n"
	if n, err := parseResident(status); err != nil || n != 20692<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "Name:\tx\n", "VmRSS:\t many kB\n"} {
		if n, err := parseResident(bad); err == nil {
			t.Errorf("%q gave %d", bad, n)
		}
	}
}

func TestInfoInt(t *testing.T) {
	text := "# Memory\r\nused_memory_rss:5\r\nused_memory:12345\r\n"
	if n, err := infoInt(text, "used_memory"); err != nil || n != 12345 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := infoInt(text, "used"); err == nil {
		t.Errorf("%d for a field that is not there", n)
	}
}
