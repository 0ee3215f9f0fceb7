package store

import (
	"encoding/binary"
	"math"
)

// ranked is the Object of a sorted set in its large form: a dictionary of the members, whose values are their scores, and the order of
// them. What the dictionary holds, the tree holds.
type ranked struct {
	Dict
	ranks ranks
}

// Type is that of a sorted set.
func (*ranked) Type() Type { return TypeZset }

// Encoding is Redis's for such a set.
func (*ranked) Encoding() Encoding { return EncSkiplist }

const scoreLen = 8 // bytes of a score in a dictionary

// entryScore is the score that an entry of the dictionary holds.
func entryScore(e entry) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(e.stored()))
}

// put gives a member a score. it is what Find answered for it.
func (z *ranked) put(hash uint64, it Item, member []byte, f float64) {
	var val [scoreLen]byte
	binary.LittleEndian.PutUint64(val[:], math.Float64bits(f))
	if !it.Exists() {
		it = z.Put(hash, it, member, val[:], 0)
		z.add(f, it.r, member)
		return
	}
	var path rankPath
	z.way(it, &path)
	if !z.rescored(&path, f) {
		z.cut(&path)
		z.add(f, it.r, member)
	}
	z.Put(hash, it, member, val[:], 0) // of the same length, so the entry stays where it is
}

// way goes down to a member that is there, and answers its rank.
func (z *ranked) way(it Item, path *rankPath) (rank int) {
	rank = z.seek(&bound{score: entryScore(it.e), name: it.e.key(), self: it.r}, path)
	if n := z.node(path[0].at, 0); path[0].i == n.used() || n.member(path[0].i) != it.r {
		panic("store: a member of a sorted set has no rank")
	}
	return rank
}

// drop removes a member that Find answered.
func (z *ranked) drop(hash uint64, it Item) {
	var path rankPath
	z.way(it, &path)
	z.cut(&path)
	z.Delete(hash, it)
}

// dropRanks removes n members from a rank on.
func (z *ranked) dropRanks(rank, n int) {
	for range n {
		var path rankPath
		z.seekRank(rank, &path)
		r := z.node(path[0].at, 0).member(path[0].i)
		z.cut(&path)
		it := Item{e: entry{z.at(r)}, sh: z.sh, r: r}
		z.Delete(z.Hash(it.Key()), it)
	}
}

// Release gives memory back: the tree's first, which leads to entries.
func (z *ranked) Release(budget int) (done bool) {
	return z.releaseRanks(budget) && z.Dict.Release(budget)
}

// Evacuate moves the members, and then the nodes of the tree, out of marked pages. The positions of the second part are odd: those of
// the first have their low bits clear.
func (z *ranked) Evacuate(from uint64, budget int) (looked int, next uint64) {
	if from&1 == 0 {
		looked, next = z.evacuateMembers(from, budget, z.moved)
		if next == 0 {
			next = 1
		}
		return looked, next
	}
	looked, rank := z.evacuateRanks(int(from>>1), budget)
	if rank == 0 {
		return looked, 0
	}
	return looked, uint64(rank)<<1 | 1
}
