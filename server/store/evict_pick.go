package store

import (
	"math/rand/v2"
	"sort"
	"time"
)

// Drawing slots.
//
// Slots differ in size, most of all with hash tags, and every key is to have the same chance of being looked at. A visit looks
// at a run of neighbours, so a key of a slot with n keys is met with probability run/n, or surely where n is less than run. The
// slot is therefore drawn with a weight of max(n, run), from running sums over the slots. They are counted anew now and then;
// in between, sizes that changed a little cost a little fairness.
//
// Rejected: taking or leaving a random slot by its size needs no sums, but with one slot of a million keys beside thousands of
// small ones it rejects nearly all it draws.

// How long running sums serve.
const (
	minDraws  = 64              // draws, of a keyspace with few keys
	drawShare = 8               // a draw for each so many keys: an eighth of them may have changed since
	missCost  = minDraws / 4    // draws that an empty slot stands for: four of them, and the sums are too old
	picksAge  = 1 * time.Second // a node that evicts seldom
)

// picks draws slots and databases.
type picks struct {
	slots []uint16 // those that hold keys and are owned
	ends  []uint64 // for each of slots: sum of the weights up to it, its own included
	dbs   []int    // the databases that hold what is looked for
	run   int      // items looked at in one visit
	rare  bool     // even maxLook items should hold none that may give way: drawing is of no use
	left  int      // draws for which this serves
	until time.Duration
}

func (p *picks) fresh(at time.Duration) bool { return p.left > 0 && at < p.until }

// total is the weight of all slots; 0 = there is nothing to draw.
func (p *picks) total() uint64 {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

// count takes the sizes of the slots that owned picks. For volatile policies it looks at databases with volatile keys only,
// and chooses a run that should hold as many of them as there are to be samples.
func (p *picks) count(ks *Keyspace, volatileOnly bool, samples int, owned func(slot uint16) bool, at time.Duration) {
	p.slots, p.ends, p.dbs = p.slots[:0], p.ends[:0], p.dbs[:0]
	var keys, volatileKeys int64
	for db := range Databases {
		v := int64(1)
		if volatileOnly {
			v = ks.VolatileLen(db)
		}
		if n := ks.DBLen(db); n > 0 && v > 0 {
			p.dbs = append(p.dbs, db)
			keys += n
			volatileKeys += v
		}
	}
	p.run, p.rare = min(samples, maxRun), false
	if volatileOnly && volatileKeys > 0 {
		p.run = int(max(int64(p.run), min(maxRun, int64(p.run)*keys/volatileKeys)))
		p.rare = volatileKeys*maxLook < keys
	}
	sum := uint64(0)
	for slot := ks.NextNonEmpty(0); slot < Slots; slot = ks.NextNonEmpty(slot + 1) {
		if owned != nil && !owned(uint16(slot)) {
			continue
		}
		before := sum
		for _, db := range p.dbs {
			sum += p.weight(ks, uint16(slot), db)
		}
		if sum > before {
			p.slots, p.ends = append(p.slots, uint16(slot)), append(p.ends, sum)
		}
	}
	p.left = int(min(max(keys/drawShare, minDraws), Slots))
	p.until = at + picksAge
}

func (p *picks) weight(ks *Keyspace, slot uint16, db int) uint64 {
	if n := ks.SlotLen(slot, db); n > 0 {
		return uint64(max(n, p.run))
	}
	return 0
}

// draw answers a slot and database with keys, or false where those it hit upon are gone.
func (p *picks) draw(ks *Keyspace) (slot uint16, db int, ok bool) {
	p.left--
	r := rand.Uint64N(p.total())
	slot = p.slots[sort.Search(len(p.ends)-1, func(i int) bool { return p.ends[i] > r })]
	if len(p.dbs) == 1 {
		return slot, p.dbs[0], ks.SlotLen(slot, p.dbs[0]) > 0
	}
	sum := uint64(0)
	for _, db := range p.dbs {
		sum += p.weight(ks, slot, db)
	}
	if sum == 0 {
		return slot, 0, false
	}
	r = rand.Uint64N(sum)
	for _, db := range p.dbs {
		w := p.weight(ks, slot, db)
		if r < w {
			return slot, db, true
		}
		r -= w
	}
	return slot, 0, false // keys went in this moment
}

// missed notes that a draw came to nothing.
func (p *picks) missed() { p.left -= missCost }
