package ring

import (
	"cmp"
	"math"
	"slices"
)

// fleet is what the nodes may carry: their weights and zones, by node.
type fleet struct {
	primary []int     // weight as a primary; 0 = gets no primaries
	copies  []float64 // weight as a holder of copies; 0 = gets none
	zone    []int     // number of the node's zone; from zones on, those whose nodes may all hold nothing
	zones   int       // zones that have a node which may hold copies
}

// newFleet gathers the members; node is where each one stands among n nodes. The others may hold nothing, and are in no zone
// until the caller says otherwise.
//
// A standby (weight 0) gets no primaries while there is any other member, and when there is none all are equal. Its share of the
// copies is that of the smallest weight: its size is unknown, and it may have to serve what it holds.
func newFleet(n int, members []Member, node func(int) int) *fleet {
	f := &fleet{primary: make([]int, n), copies: make([]float64, n), zone: make([]int, n)}
	smallest := 0
	for _, m := range members {
		if m.Weight > 0 && (smallest == 0 || m.Weight < smallest) {
			smallest = m.Weight
		}
	}
	standbys := smallest > 0
	smallest = max(smallest, 1)
	number := make(map[string]int)
	for i := range f.zone {
		f.zone[i] = math.MaxInt
	}
	for i, m := range members {
		at := node(i)
		f.primary[at] = m.Weight
		if !standbys {
			f.primary[at] = 1
		}
		f.copies[at] = float64(max(m.Weight, smallest))
		z, known := number[m.Zone]
		if !known {
			z = len(number)
			number[m.Zone] = z
		}
		f.zone[at] = z
	}
	f.zones = len(number)
	return f
}

// elsewhere is how many zones other than that of p have a node which may hold copies.
func (f *fleet) elsewhere(p int) int {
	if f.zone[p] < f.zones {
		return f.zones - 1
	}
	return f.zones
}

// quotas divides the slots by weight: each node's share, rounded down or up. Where rounding leaves a choice, the nodes that
// hold more than the rounded-down share now get the odd slots, so that these stay where they are.
//
// When held slots are pinned, a node that holds more than its share keeps it all, and the others share the rest.
func (f *fleet) quotas(held []int, pinned bool) []int {
	weight := slices.Clone(f.primary)
	quota := make([]int, len(weight))
	slots := Slots
	for full := pinned; full; {
		total := 0
		for _, w := range weight {
			total += w
		}
		full = false
		for i, n := range held {
			if quota[i] == 0 && n > 0 && n*total >= slots*weight[i] {
				quota[i], weight[i], full = n, 0, true
			}
		}
		slots = Slots
		for i, w := range weight {
			if w == 0 {
				slots -= quota[i]
			}
		}
	}
	divide(quota, slots, weight, held)
	return quota
}

// divide adds that many slots to the quotas of the nodes that have a weight.
func divide(quota []int, slots int, weight, held []int) {
	total := 0
	for _, w := range weight {
		total += w
	}
	if total == 0 {
		return
	}
	type odd struct{ node, keeps, rest int }
	var odds []odd
	left := slots
	for i, w := range weight {
		if w == 0 {
			continue
		}
		quota[i] = slots * w / total
		left -= quota[i]
		if rest := slots * w % total; rest > 0 {
			keeps := 0
			if held[i] > quota[i] {
				keeps = 1
			}
			odds = append(odds, odd{i, keeps, rest})
		}
	}
	slices.SortStableFunc(odds, func(a, b odd) int {
		return cmp.Or(cmp.Compare(b.keeps, a.keeps), cmp.Compare(b.rest, a.rest))
	})
	for _, o := range odds[:left] {
		quota[o.node]++
	}
}

// spread is how many copies each node should hold of the slots whose primary is node p: fractions, by weight, as far as
// possible outside p's zone and no two copies in one zone. slots is how many slots p has, copies how many each should have.
func (f *fleet) spread(p int, slots float64, copies int) []float64 {
	n := len(f.copies)
	share, limit := make([]float64, n), make([]float64, n)
	outside := min(copies, f.elsewhere(p)) // copies that can have a zone for themselves
	if outside > 0 {
		weight, zoneLimit := make([]float64, f.zones), make([]float64, f.zones)
		for i, w := range f.copies {
			if z := f.zone[i]; w > 0 && z != f.zone[p] {
				weight[z] += w
				zoneLimit[z] = slots
			}
		}
		ofZone := make([]float64, f.zones)
		fill(ofZone, slots*float64(outside), weight, zoneLimit)
		for i, w := range f.copies {
			if z := f.zone[i]; w > 0 && z != f.zone[p] {
				share[i] = ofZone[z] * w / weight[z] // at most slots, as the zone's share is
			}
		}
	}
	if copies > outside {
		for i, w := range f.copies {
			if w > 0 && i != p {
				limit[i] = slots
			}
		}
		fill(share, slots*float64(copies-outside), f.copies, limit)
	}
	return share
}

// fill pours amount over the cells by weight, on top of what share holds already, no cell beyond its limit. What is too much
// for one cell flows to the others; what is too much for all is dropped.
func fill(share []float64, amount float64, weight, limit []float64) {
	const drop = 1e-6 // slots: below it the arithmetic only chases its own rounding
	for amount > drop {
		open := 0.0
		for i, w := range weight {
			if share[i] < limit[i] {
				open += w
			}
		}
		if open == 0 {
			return
		}
		poured := 0.0
		for i, w := range weight {
			if room := limit[i] - share[i]; room > 0 {
				part := min(amount*w/open, room)
				share[i] += part
				poured += part
			}
		}
		if poured <= drop {
			return
		}
		amount -= poured
	}
}

// fresh reports whether node i is in a zone that none of the holders is in.
func (f *fleet) fresh(i int, holders []Index) bool {
	for _, h := range holders {
		if f.zone[h] == f.zone[i] {
			return false
		}
	}
	return true
}

// zoneLeft reports whether there is a zone that none of the holders is in.
func (f *fleet) zoneLeft(holders []Index) bool {
	n := 0
	for k, h := range holders {
		if f.zone[h] < f.zones && f.fresh(int(h), holders[:k]) {
			n++
		}
	}
	return n < f.zones
}
