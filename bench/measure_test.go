package main

import "testing"

func TestParseCSV(t *testing.T) {
	text := "WARNING: something\n" +
		`"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"` + "\n" +
		`"SET","812345.50","0.9","0.1","0.85","1.2","1.60","4.0"` + "\n"
	m, err := parseCSV(text)
	if err != nil || m.rps != 812345.5 || m.p50Milli != 0.85 || m.p99Milli != 1.6 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, bad := range []string{"", "Could not connect", `"test","rps"` + "\n", `"test"` + "\n" + `"SET","x","","","","","",""`} {
		if m, err := parseCSV(bad); err == nil {
			t.Errorf("%q gave %+v", bad, m)
		}
	}
}

func TestMedianAndRatio(t *testing.T) {
	tab := newTable()
	for i, cpuMicro := range []float64{3, 1, 2} {
		tab.add("a", "get", 16, measurement{cpuMicro: cpuMicro})
		tab.add("b", "get", 16, measurement{cpuMicro: cpuMicro * float64(i+2)})
	}
	a, b := cell{"a", "get", 16}, cell{"b", "get", 16}
	if got := tab.median(a, cpu); got != 2 {
		t.Errorf("median %v, want 2", got)
	}
	if got := tab.ratio(b, a, cpu); got != 3 { // 2, 3 and 4
		t.Errorf("ratio %v, want 3", got)
	}
}
