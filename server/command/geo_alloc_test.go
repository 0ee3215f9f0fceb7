//go:build !race

package command

import "testing"

// TestGeoSearchAllocates nothing.
func TestGeoSearchAllocates(t *testing.T) {
	cl := newCluster(1)
	cl.text(sicily)
	c := cl.nodes[0]
	for _, line := range []string{
		"GEOSEARCH {s}g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH", "GEOPOS {s}g Palermo Catania",
		"GEODIST {s}g Palermo Catania", "GEOHASH {s}g Palermo", sicily,
	} {
		args := words(line)
		row := testTable.Lookup(args)
		c.Out.B = make([]byte, 0, 4096)
		c.Args, c.Slot = args, testSlot(args[1])
		allocs := testing.AllocsPerRun(100, func() {
			c.Out.B = c.Out.B[:0]
			c.Run(row)
		})
		if allocs > 0 {
			t.Errorf("%s: %.0f allocations", line, allocs)
		}
	}
}
