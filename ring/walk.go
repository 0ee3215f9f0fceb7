package ring

import (
	"math"
	"slices"
)

// walk goes round the circle to find the holders of copies, within bounds.
type walk struct {
	fleet   *fleet
	points  []point
	start   []int32   // by slot: its first point
	slotsOf []int     // by node: the slots that prefer it as primary
	pair    []int     // [primary*nodes+holder]: copies given so far
	total   []int     // [holder]: copies given so far
	want    []float64 // as pair: copies that it should have after this round
	wantAll []float64 // as total
}

func newWalk(p *Placement, f *fleet, points []point) *walk {
	n := len(p.Members)
	w := &walk{
		fleet: f, points: points, start: make([]int32, Slots), slotsOf: make([]int, n),
		pair: make([]int, n*n), total: make([]int, n), want: make([]float64, n*n), wantAll: make([]float64, n),
	}
	for slot := range Slots {
		w.slotsOf[p.Primary[slot]]++
		at, _ := slices.BinarySearchFunc(points, slotHash(slot), func(pt point, h uint64) int {
			if pt.hash < h {
				return -1
			}
			return 1 // the first point not below h
		})
		w.start[slot] = int32(at % len(points))
	}
	return w
}

// bound sets the bounds of a round: what each should hold when every slot has that many copies.
func (w *walk) bound(copies int) {
	n := len(w.total)
	clear(w.wantAll)
	for p, slots := range w.slotsOf {
		row := w.want[p*n : (p+1)*n]
		if slots > 0 {
			copy(row, w.fleet.spread(p, float64(slots), copies))
		}
		for r, share := range row {
			w.wantAll[r] += share
		}
	}
}

// next is the next holder of a copy of the slot that the holders have: the first one clockwise that is no holder, in a zone
// of its own if there is one left, and within its bounds; when all have reached their bounds, the one that is least above.
func (w *walk) next(slot int, holders []Index) Index {
	n := len(w.total)
	row := int(holders[0]) * n
	apart := w.fleet.zoneLeft(holders)
	allowed := func(i int) bool {
		return w.fleet.copies[i] > 0 && !slices.Contains(holders, Index(i)) && (!apart || w.fleet.fresh(i, holders))
	}
	room := func(i int, even bool) bool {
		bound := math.Ceil(w.want[row+i])
		if even {
			bound = math.Floor(w.want[row+i])
		}
		return float64(w.pair[row+i]) < bound && float64(w.total[i]) < math.Ceil(w.wantAll[i])
	}

	best, bestOver, anyRoom, even := None, math.Inf(1), false, false
	for i := range n {
		if !allowed(i) {
			continue
		}
		if room(i, true) {
			anyRoom, even = true, true
			break
		}
		if room(i, false) {
			anyRoom = true
			continue
		}
		// A node's memory is the scarcer good; the pair decides only among nodes that are as full.
		over := float64(w.total[i])/max(w.wantAll[i], 1) + max(0, float64(w.pair[row+i])-math.Ceil(w.want[row+i]))
		if over < bestOver {
			best, bestOver = Index(i), over
		}
	}
	if anyRoom {
		at := int(w.start[slot])
		for {
			if i := w.points[at].node; allowed(int(i)) && room(int(i), even) {
				best = i
				break
			}
			if at++; at == len(w.points) {
				at = 0
			}
		}
	}
	w.pair[row+int(best)]++
	w.total[best]++
	return best
}
