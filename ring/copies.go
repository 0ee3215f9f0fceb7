package ring

import (
	"math"
	"slices"
)

// copies decides who holds the copies of slots whose primaries are settled. It starts from who holds one now and changes as
// little as it can: every step beyond dropping what is too much costs a whole copy of a slot.
type copies struct {
	fleet   *fleet
	primary []Index                // by slot
	holders [][]Index              // by slot: the copies; altered
	number  int                    // copies that each slot should have
	prefer  func(slot int) []Index // whom the ring prefers, as members
	node    []Index                // of each member
	fixed   func(slot int) bool    // its copies may not move

	pair    []int     // [primary*nodes+holder]: copies there are
	total   []int     // [holder]
	want    []float64 // as pair: copies there should be
	wantAll []float64 // as total
}

const (
	// evenTotal is how far a node's copies may be from its share, as a fraction (or one slot), before some move. Moving for
	// less would copy data for nothing that anybody could notice.
	evenTotal = 0.02

	// evenPair is the same for the copies that one node has of another's slots: what decides how evenly a dead node's load falls
	// on the others. It is wider, because there are many pairs and each is small.
	evenPair = 0.18
)

func newCopies(f *fleet, primary []Index, holders [][]Index, number int) *copies {
	n := len(f.copies)
	c := &copies{
		fleet: f, primary: primary, holders: holders, number: number,
		pair: make([]int, n*n), total: make([]int, n), want: make([]float64, n*n), wantAll: make([]float64, n),
	}
	slotsOf := make([]int, n)
	for _, p := range primary {
		slotsOf[p]++
	}
	for p, slots := range slotsOf {
		if slots == 0 {
			continue
		}
		row := c.want[p*n : (p+1)*n]
		copy(row, f.spread(p, float64(slots), number))
		for r, share := range row {
			c.wantAll[r] += share
		}
	}
	return c
}

// settle alters the holders until each slot has its number of copies and they lie evenly.
func (c *copies) settle() {
	for slot, list := range c.holders {
		for _, r := range list {
			c.count(slot, r, 1)
		}
	}
	for slot := range c.holders {
		c.trim(slot)
	}
	for slot := range c.holders {
		c.complete(slot)
	}
	c.even()
}

// even moves copies until they lie evenly, or as evenly as it gets: weights, zones and pairs may contradict each other, and then
// passes undo each other's work for ever. So the best state so far is kept, and when patience passes in a row find no better
// one, that is the result. From there another run would see the same passes and keep it too, which is why a cluster at its
// target stays as it is.
func (c *copies) even() {
	const (
		patience = 2
		passes   = 32 // two are usual
	)
	best := c.unevenness()
	var kept []Index
	kept = c.save(kept)
	for stale, n := 0, 0; stale < patience && n < passes; n++ {
		if c.pass(c.betterPair)+c.pass(c.betterTotal)+c.pass(c.betterSpread) == 0 {
			break
		}
		if now := c.unevenness(); now <= best-1 {
			best, stale = now, 0
			kept = c.save(kept)
		} else {
			stale++
		}
	}
	c.restore(kept)
}

// unevenness is by how many copies nodes and pairs are beyond their slack.
func (c *copies) unevenness() float64 {
	sum, n := 0.0, len(c.total)
	for r := range c.total {
		sum += max(0, math.Abs(c.over(Index(r)))-c.slack(Index(r)))
	}
	for at, got := range c.pair {
		if c.fleet.copies[at%n] > 0 {
			sum += max(0, math.Abs(float64(got)-c.want[at])-pairSlack(c.want[at]))
		}
	}
	return sum
}

// save writes the holders of all slots into one list, restore reads them from there.
func (c *copies) save(list []Index) []Index {
	list = list[:0]
	for _, holders := range c.holders {
		list = append(list, holders...)
	}
	return list
}

func (c *copies) restore(list []Index) {
	for _, holders := range c.holders {
		list = list[copy(holders, list):]
	}
}

// at is the place of a pair.
func (c *copies) at(slot int, r Index) int { return int(c.primary[slot])*len(c.total) + int(r) }

// count records that r has one copy more or less, of a slot.
func (c *copies) count(slot int, r Index, by int) {
	c.pair[c.at(slot, r)] += by
	c.total[r] += by
}

// over is how many copies r holds above its share.
func (c *copies) over(r Index) float64 { return float64(c.total[r]) - c.wantAll[r] }

// overPair is how many copies r holds of the slot's primary's slots above its share of these.
func (c *copies) overPair(slot int, r Index) float64 {
	at := c.at(slot, r)
	return float64(c.pair[at]) - c.want[at]
}

// trim drops copies beyond the number, and copies that share a zone although there is a free one: the fullest node first.
func (c *copies) trim(slot int) {
	if c.fixed(slot) {
		return
	}
	for {
		list := c.holders[slot]
		worst, worstOver := -1, 0.0
		for k, r := range list {
			crowded := !c.apart(slot, k)
			if len(list) <= c.number && !crowded {
				continue
			}
			over := c.over(r) + c.overPair(slot, r)
			if crowded {
				over += Slots // goes before any other
			}
			if worst < 0 || over > worstOver {
				worst, worstOver = k, over
			}
		}
		if worst < 0 {
			return
		}
		c.count(slot, list[worst], -1)
		c.holders[slot] = slices.Delete(list, worst, worst+1)
	}
}

// apart reports whether the copy at position k has a zone for itself, or there is none that it could have.
func (c *copies) apart(slot, k int) bool {
	others := c.others(slot, k)
	return c.fleet.fresh(int(c.holders[slot][k]), others) || !c.fleet.zoneLeft(others)
}

// others is the primary and the holders but that at position k (-1: all).
func (c *copies) others(slot, k int) []Index {
	others := append(make([]Index, 0, MaxReplicas+2), c.primary[slot])
	for i, r := range c.holders[slot] {
		if i != k {
			others = append(others, r)
		}
	}
	return others
}

// complete adds the copies that the slot lacks: where the ring prefers them if that node has room, else where there is most.
func (c *copies) complete(slot int) {
	for len(c.holders[slot]) < c.number {
		others := c.others(slot, -1)
		best, bestScore := None, 0.0
		for _, m := range c.prefer(slot) {
			if r := c.node[m]; c.may(r, others) && c.over(r) <= -1 && c.overPair(slot, r) <= -1 {
				best = r
				break
			}
		}
		if best == None {
			for i := range c.total {
				if r := Index(i); c.may(r, others) {
					score := c.overPair(slot, r)/max(1, c.want[c.at(slot, r)]) + c.over(r)/max(1, c.wantAll[r])
					if best == None || score < bestScore {
						best, bestScore = r, score
					}
				}
			}
		}
		if best == None {
			return // nobody is left: fewer nodes than copies
		}
		c.holders[slot] = append(c.holders[slot], best)
		c.count(slot, best, 1)
	}
}

// may reports whether r may have a copy beside the others.
func (c *copies) may(r Index, others []Index) bool {
	return c.fleet.copies[r] > 0 && !slices.Contains(others, r) &&
		(c.fleet.fresh(int(r), others) || !c.fleet.zoneLeft(others))
}

// pass moves the copies of all slots for which better says so, to the best receiver, and counts them.
func (c *copies) pass(better func(slot int, from, to Index) (float64, bool)) int {
	moves := 0
	for slot, list := range c.holders {
		if c.fixed(slot) {
			continue
		}
		for k, from := range list {
			if !c.uneven(slot, from) {
				continue
			}
			others := c.others(slot, k)
			best, bestGain := None, 0.0
			for i := range c.total {
				to := Index(i)
				if gain, ok := better(slot, from, to); ok && gain > bestGain && to != from && c.may(to, others) {
					best, bestGain = to, gain
				}
			}
			if best != None {
				c.count(slot, from, -1)
				c.count(slot, best, 1)
				list[k] = best
				moves++
			}
		}
	}
	return moves
}

// uneven is a quick answer for most slots: whether a copy may have a reason to leave r at all.
func (c *copies) uneven(slot int, r Index) bool {
	return c.over(r) > -2*c.slack(r) || c.overPair(slot, r) > 0
}

// slack is how far r's total may be from its share.
func (c *copies) slack(r Index) float64 { return max(1, evenTotal*c.wantAll[r]) }

// betterTotal moves a copy from a node that has too many or to one that has too few.
func (c *copies) betterTotal(slot int, from, to Index) (float64, bool) {
	a, b := c.over(from), c.over(to)
	return a - b, (a > c.slack(from) || b < -c.slack(to)) && a-b > 1
}

// betterPair is betterTotal for copies whose move evens out the pairs too.
func (c *copies) betterPair(slot int, from, to Index) (float64, bool) {
	gain, ok := c.betterTotal(slot, from, to)
	pairs := c.overPair(slot, from) - c.overPair(slot, to)
	return gain + pairs, ok && pairs > 1
}

// betterSpread moves a copy when its pair is too full, or the receiver's too empty. It may overdraw the slack of the totals by
// a half: without that, two nodes at the ends of their slack block each other; the next pass brings the totals back.
func (c *copies) betterSpread(slot int, from, to Index) (float64, bool) {
	const overdraw = 1.5
	if c.over(from)-1 < -overdraw*c.slack(from) || c.over(to)+1 > overdraw*c.slack(to) {
		return 0, false
	}
	a, b := c.overPair(slot, from), c.overPair(slot, to)
	full, empty := a > pairSlack(c.want[c.at(slot, from)]), b < -pairSlack(c.want[c.at(slot, to)])
	return a - b, (full || empty) && a-b > 1
}

// pairSlack is how far a pair's copies may be from what it should have.
func pairSlack(want float64) float64 { return max(1, evenPair*want) }
