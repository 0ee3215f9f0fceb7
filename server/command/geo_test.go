package command

import (
	"fmt"
	"strings"
	"testing"
)

const sicily = "GEOADD {s}g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"

// TestGeoByTheBook: the examples of Redis's own pages, and what the random commands cannot show.
func TestGeoByTheBook(t *testing.T) {
	cl := newCluster(1)
	wantReply(t, cl, sicily, ":2")
	wantReply(t, cl, sicily, ":0")
	wantReply(t, cl, "GEODIST {s}g Palermo Catania", "$11|166274.1516")
	wantReply(t, cl, "GEODIST {s}g Palermo Catania km", "$8|166.2742")
	wantReply(t, cl, "GEODIST {s}g Palermo nobody", "$-1")
	wantReply(t, cl, "GEOHASH {s}g Palermo Catania nobody", "*3|$11|sqc8b49rny0|$11|sqdtr74hyu0|$-1")
	wantReply(t, cl, "GEOPOS {s}g Palermo nobody", "*2|*2|$20|13.36138933897018433|$20|38.11555639549629859|*-1")
	wantReply(t, cl, "GEORADIUS {s}g 15 37 200 km WITHDIST WITHHASH ASC",
		"*2|*3|$7|Catania|$7|56.4413|:3479447370796909|*3|$7|Palermo|$8|190.4424|:3479099956230698")
	wantReply(t, cl, "GEOSEARCH {s}g FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1", "*1|$7|Catania")
	wantReply(t, cl, "GEOSEARCHSTORE {s}near {s}g FROMMEMBER Catania BYRADIUS 100 km", ":1")
	wantReply(t, cl, "TYPE {s}near", "+zset")
	wantReply(t, cl, "GEOSEARCHSTORE {s}near {s}g FROMLONLAT 0 0 BYRADIUS 1 m", ":0")
	wantReply(t, cl, "EXISTS {s}near", ":0")
	wantReply(t, cl, "GEORADIUSBYMEMBER {s}g Palermo 500 km STORE {s}g", ":2")
	wantReply(t, cl, "GEORADIUSBYMEMBER {s}none Palermo 500 km STORE {s}g", ":0")
	wantReply(t, cl, "EXISTS {s}g", ":0")
}

// TestGeoEffects: GEOADD is an effect as it is; what is stored elsewhere is one by value.
func TestGeoEffects(t *testing.T) {
	cl := newCluster(1)
	for _, tc := range []struct{ line, effect string }{
		{sicily, `"GEOADD" "{s}g"`},
		{sicily, ""},
		{"GEOADD {s}g XX 1 2 nobody", ""},
		{"GEOADD {s}g 1 2 x 1000 2 y", ""},
		{"GEOSEARCHSTORE {s}near {s}g FROMMEMBER Catania BYRADIUS 100 km", `"RESTORE" "{s}near"`},
		{"GEORADIUS {s}g 15 37 200 km STOREDIST {s}far", `"RESTORE" "{s}far"`},
		{"GEOSEARCHSTORE {s}near {s}g FROMLONLAT 0 0 BYRADIUS 1 m", `"DEL" "{s}near"`},
		{"GEOSEARCHSTORE {s}near {s}g FROMLONLAT 0 0 BYRADIUS 1 m", ""},
		{"GEORADIUS {s}g 15 37 200 km", ""},
		{"GEOSEARCH {s}g FROMLONLAT 15 37 BYBOX 400 400 km", ""},
	} {
		cl.sinks[0].effects = nil
		cl.text(tc.line)
		got := ""
		for _, e := range cl.sinks[0].effects {
			got += e.String()
		}
		if want := "0: [" + tc.effect; tc.effect == "" && got != "" || tc.effect != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: effect %s, want %s", tc.line, got, tc.effect)
		}
	}
}

// TestSortEffects is the same for SORT.
func TestSortEffects(t *testing.T) {
	cl := newCluster(1)
	cl.text("RPUSH {s}l 3 1 2")
	for _, tc := range []struct{ line, effect string }{
		{"SORT {s}l", ""},
		{"SORT_RO {s}l DESC", ""},
		{"SORT {s}l STORE {s}d", `"RESTORE" "{s}d"`},
		{"SORT {s}none STORE {s}d", `"DEL" "{s}d"`},
		{"SORT {s}none STORE {s}d", ""},
		{"SORT {s}l STORE {s}l", `"RESTORE" "{s}l"`},
	} {
		cl.sinks[0].effects = nil
		cl.text(tc.line)
		got := ""
		for _, e := range cl.sinks[0].effects {
			got += e.String()
		}
		if want := "0: [" + tc.effect; tc.effect == "" && got != "" || tc.effect != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: effect %s, want %s", tc.line, got, tc.effect)
		}
	}
	wantReply(t, cl, "LRANGE {s}l 0 -1", "*3|$1|1|$1|2|$1|3")
}

// BenchmarkGeoSearch finds some hundred of ten thousand places.
func BenchmarkGeoSearch(b *testing.B) {
	cl := newCluster(1)
	for i := range 10_000 {
		cl.text(fmt.Sprintf("GEOADD {s}g %f %f member:%06d", 10+float64(i%100)/20, 40+float64(i/100)/20, i))
	}
	c := cl.nodes[0]
	for _, options := range []string{"", " ASC", " COUNT 10", " COUNT 10 ANY"} {
		b.Run("radius"+options, func(b *testing.B) {
			c.Args = words("GEOSEARCH {s}g FROMLONLAT 12.5 42.5 BYRADIUS 40 km" + options)
			c.Slot = testSlot(c.Args[1])
			row := testTable.Lookup(c.Args)
			b.ReportAllocs()
			for b.Loop() {
				c.Out.B = c.Out.B[:0]
				c.Run(row)
			}
		})
	}
}

// BenchmarkSort sorts a thousand numbers.
func BenchmarkSort(b *testing.B) {
	cl := newCluster(1)
	for i := range 1000 {
		cl.text(fmt.Sprintf("RPUSH {s}l %d", i*7919%100_003))
	}
	c := cl.nodes[0]
	for _, options := range []string{"", " ALPHA", " BY {s}w_*", " BY nosort LIMIT 0 10"} {
		b.Run("list"+options, func(b *testing.B) {
			c.Args = words("SORT_RO {s}l" + options)
			c.Slot = testSlot(c.Args[1])
			row := testTable.Lookup(c.Args)
			b.ReportAllocs()
			for b.Loop() {
				c.Out.B = c.Out.B[:0]
				c.Run(row)
			}
		})
	}
}
