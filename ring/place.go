package ring

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/buraksezer/consistent"
)

// # Placement
//
// The ring says whom each slot prefers, from nothing but the set of members; so every node computes the same, and a member
// more or less changes little. It is the ring of consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam,
// https://arxiv.org/abs/1608.01350): each member stands at many points of a circle of hashes, a slot belongs to the first
// point at or after its own hash whose member has room.
//
// A node of weight w is w members of the ring, which bound their loads one by one, so that its share is w times as large.
//
// The first copy of a slot should lie where its primary would be if the present one did not exist: then the death of a node
// moves nothing but roles, and spreads them over all others. Building a ring without each node would say so, at N rings for
// one copy and N²/2 for two. One walk says the same: go on clockwise from the slot's hash until there is another node. The
// bounds of that walk are on pairs (how many slots of p have their copy at r) and on each node's total, which is what keeps both
// the load after a death and the memory for copies even. The library's own GetClosestN is no help: it gives all slots of a node the
// same successor.

const (
	// ringLoad bounds a ring member's slots to this multiple of the mean. At 1 (rounded up) 3 to 20 equal nodes get within 2.1 %
	// of their share; at 1.02 one of them lacked 14 %, at the library's default 1.25 it lacked 17 %. The price is that a
	// join changes the preference of up to 18 % more slots than it must, at 20 nodes. Target does not pay it.
	ringLoad = 1.0

	// maxRingMembers bounds the members of the ring. Beyond it weights are scaled down: the library sorts all points
	// for each member that it adds, so the time grows with the square of the members.
	maxRingMembers = 1024
)

// pointsOf is at how many points each of that many ring members stands. More points make the ring change less when a member
// comes; fewer make it quicker to build (see maxRingMembers). The steps are wide, because crossing one alters the
// preferences of most slots.
func pointsOf(members int) int {
	switch {
	case members <= 128:
		return 500
	case members <= 256:
		return 128
	default:
		return 16
	}
}

// Placement is whom each slot prefers.
type Placement struct {
	Members  []Member       // sorted by ID; what the indices below are places in
	Primary  [Slots]Index   // the preferred primary
	Replicas [Slots][]Index // the preferred holders of copies, first successor first; fewer than asked for when members lack
}

// ErrPlace is what every error of Place and Target wraps.
var ErrPlace = errors.New("ring: cannot place")

// Place asks the ring for the preferred primary and that many replicas of each slot. The order of members does not matter.
// It fails without members, with more than MaxNodes, with bad or repeated ones, and for replicas outside 0..MaxReplicas.
func Place(members []Member, replicas int) (*Placement, error) {
	switch {
	case len(members) == 0:
		return nil, fmt.Errorf("%w: no members", ErrPlace)
	case len(members) > MaxNodes:
		return nil, fmt.Errorf("%w: %d members, at most %d", ErrPlace, len(members), MaxNodes)
	case replicas < 0 || replicas > MaxReplicas:
		return nil, fmt.Errorf("%w: %d replicas, at most %d", ErrPlace, replicas, MaxReplicas)
	}
	p := &Placement{Members: slices.Clone(members)}
	slices.SortFunc(p.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for i, m := range p.Members {
		if m.ID == "" || m.Weight < 0 || m.Weight > MaxWeight {
			return nil, fmt.Errorf("%w: member %.60q of weight %d", ErrPlace, string(m.ID), m.Weight)
		}
		if i > 0 && p.Members[i-1].ID == m.ID {
			return nil, fmt.Errorf("%w: member %s is there twice", ErrPlace, m.ID.Short())
		}
	}
	f := newFleet(len(p.Members), p.Members, func(i int) int { return i })
	parts := ringParts(f.primary)
	p.placePrimaries(parts)
	p.placeReplicas(f, parts, replicas)
	return p, nil
}

// ringParts is how many members of the ring each node is: its weight, the common divisor taken out, scaled down to
// maxRingMembers. A standby is none.
func ringParts(weight []int) []int {
	divisor, total := 0, 0
	for _, w := range weight {
		for a := w; a != 0; {
			divisor, a = a, divisor%a
		}
		total += w
	}
	parts := make([]int, len(weight))
	for i, w := range weight {
		parts[i] = w / divisor
		if total/divisor > maxRingMembers && w > 0 {
			parts[i] = max(1, int(math.Round(float64(w)*maxRingMembers/float64(total))))
		}
	}
	return parts
}

// ringMember is one of a node's members of the ring.
type ringMember struct {
	node Index
	name string
}

func newRingMember(node int, id NodeID, part int) ringMember {
	return ringMember{Index(node), string(id) + "/" + strconv.Itoa(part)}
}

// String is the name that the library hashes.
func (m ringMember) String() string { return m.name }

// ringHasher gives the library its hash.
type ringHasher struct{}

// Sum64 is Hash.
func (ringHasher) Sum64(p []byte) uint64 { return Hash(p) }

// placePrimaries asks the library. The ring is always built anew: Remove has been seen to panic, and a ring that has
// grown step by step need not be the one that New gives.
func (p *Placement) placePrimaries(parts []int) {
	var members []consistent.Member
	for i, n := range parts {
		for part := range n {
			members = append(members, newRingMember(i, p.Members[i].ID, part))
		}
	}
	ring := consistent.New(members, consistent.Config{
		Hasher: ringHasher{}, PartitionCount: Slots, ReplicationFactor: pointsOf(len(members)), Load: ringLoad,
	})
	for slot := range Slots {
		p.Primary[slot] = ring.GetPartitionOwner(slot).(ringMember).node
	}
}

// point is one point of the circle.
type point struct {
	hash uint64
	node Index
}

// circle is the library's circle with the standbys in it, in order.
func (p *Placement) circle(parts []int) []point {
	total, smallest := 0, 0
	for _, n := range parts {
		total += n
		if n > 0 && (smallest == 0 || n < smallest) {
			smallest = n
		}
	}
	perMember := pointsOf(total)
	points := make([]point, 0, (total+smallest)*perMember)
	var key []byte
	for i, n := range parts {
		if n == 0 {
			n = smallest
		}
		for part := range n {
			m := newRingMember(i, p.Members[i].ID, part)
			for k := range perMember {
				key = strconv.AppendInt(key[:0], int64(k), 10)
				key = append(append(key, ':'), m.name...)
				points = append(points, point{Hash(key), m.node})
			}
		}
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.node, b.node))
	})
	return points
}

// slotHash is where a slot stands on the circle: the library's hash of a partition.
func slotHash(slot int) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(slot))
	return Hash(b[:])
}

// placeReplicas chooses the copies, one round for the first copy of all slots, one for the second, and so on.
func (p *Placement) placeReplicas(f *fleet, parts []int, replicas int) {
	replicas = min(replicas, len(p.Members)-1)
	if replicas == 0 {
		return
	}
	w := newWalk(p, f, p.circle(parts))
	backing := make([]Index, Slots*(replicas+1))
	holders := make([][]Index, Slots)
	for slot := range holders {
		row := backing[slot*(replicas+1):][: 0 : replicas+1]
		holders[slot] = append(row, p.Primary[slot])
	}
	for round := 1; round <= replicas; round++ {
		w.bound(round)
		for slot := range holders {
			holders[slot] = append(holders[slot], w.next(slot, holders[slot]))
		}
	}
	for slot := range holders {
		p.Replicas[slot] = holders[slot][1:]
	}
}
