package store

// Changes of the tree.

// add puts a member into its place. It is not in the tree.
func (z *ranked) add(f float64, r ref, name []byte) {
	t := &z.ranks
	if t.root == 0 {
		t.root = z.newNode(0)
	}
	b := bound{score: f, name: name, self: r}
	var path rankPath
	for {
		z.seek(&b, &path)
		s := path[0]
		n := z.node(s.at, 0)
		if n.used() < leafMost {
			n.open(s.i, 1)
			n.setScore(s.i, f)
			n.setMember(s.i, r)
			t.n++
			z.counted(&path, 1)
			if s.i == 0 {
				z.renamed(&path, 0)
			}
			return
		}
		z.makeRoom(&path)
	}
}

// newNode is an empty node of a level.
func (z *ranked) newNode(level int) ref {
	size := leafNode
	if level > 0 {
		size = forkNode
	}
	r := z.alloc(size)
	z.node(r, level).setUsed(0)
	return r
}

// counted adds to the members below the nodes on a way.
func (z *ranked) counted(path *rankPath, delta int) {
	for level := z.ranks.height; level > 0; level-- {
		n := z.node(path[level].at, level)
		n.setBelow(path[level].i, n.below(path[level].i)+delta)
	}
}

// renamed has the nodes on a way know the first member below them, after that of the node of a level has changed.
func (z *ranked) renamed(path *rankPath, level int) {
	f, r := z.node(path[level].at, level).first()
	for level++; level <= z.ranks.height; level++ {
		n, i := z.node(path[level].at, level), path[level].i
		n.setScore(i, f)
		n.setMember(i, r)
		if i > 0 {
			return
		}
	}
}

// makeRoom changes the tree so that a new way to where this one leads is nearer to a leaf that has room: each call splits one node, or
// has it share with a neighbour.
func (z *ranked) makeRoom(path *rankPath) {
	t := &z.ranks
	level := 0 // of the highest of the full nodes that lie one above the other
	for level < t.height && z.node(path[level+1].at, level+1).used() == forkMost {
		level++
	}
	if level == t.height {
		z.grow()
		path[t.height] = rankStep{t.root, 0}
	}
	up, i := z.node(path[level+1].at, level+1), path[level+1].i
	end := z.end(path)
	switch {
	case end > 0:
		z.split(up, level, i, mostOf(level)-1)
		return
	case end < 0:
		z.split(up, level, i, 1)
		return
	case up.used() == 1:
		z.split(up, level, i, mostOf(level)/2)
		return
	}
	j := i // the left one of the node and its neighbour
	if i == up.used()-1 || i > 0 && z.node(up.child(i-1), level).used() < z.node(up.child(i+1), level).used() {
		j = i - 1
	}
	sum := z.node(up.child(j), level).used() + z.node(up.child(j+1), level).used()
	if sum*100 < 2*mostOf(level)*rankDense-100 {
		z.spread(up, level, j, 2, 2)
	} else {
		z.spread(up, level, j, 2, 3)
	}
}

// grow puts a new root above the old one.
func (z *ranked) grow() {
	t := &z.ranks
	old := z.node(t.root, t.height)
	top := z.newNode(t.height + 1)
	n := z.node(top, t.height+1)
	n.setUsed(1)
	z.describe(n, 0, t.root, old)
	t.root = top
	t.height++
}

// describe writes what entry i of an inner node says of a child.
func (z *ranked) describe(up rankNode, i int, at ref, child rankNode) {
	f, r := child.first()
	up.setScore(i, f)
	up.setMember(i, r)
	up.setChild(i, at)
	up.setBelow(i, child.total())
}

// end tells whether a way leads behind the last member, 1, or before the first, -1.
func (z *ranked) end(path *rankPath) int {
	last, first := path[0].i == z.node(path[0].at, 0).used(), path[0].i == 0
	for level := 1; level <= z.ranks.height; level++ {
		last = last && path[level].i == z.node(path[level].at, level).used()-1
		first = first && path[level].i == 0
	}
	switch {
	case last:
		return 1
	case first:
		return -1
	}
	return 0
}

// split leaves so many entries in child i of a node, and makes a new child of the others.
func (z *ranked) split(up rankNode, level, i, keep int) {
	n := z.node(up.child(i), level)
	at := z.newNode(level)
	to := z.node(at, level)
	to.setUsed(n.used() - keep)
	copy(to.bytes(0, to.used()), n.bytes(keep, to.used()))
	n.setUsed(keep)
	up.open(i+1, 1)
	z.describe(up, i, up.child(i), n)
	z.describe(up, i+1, at, to)
}

// spread parts what is in m children of a node, from child i on, among k of them, evenly. One is at most a neighbour of the other.
func (z *ranked) spread(up rankNode, level, i, m, k int) {
	var (
		buf   [rankWindow * forkNode]byte
		nodes [rankWindow]ref
	)
	all, sum := buf[:0], 0
	for j := range m {
		nodes[j] = up.child(i + j)
		n := z.node(nodes[j], level)
		all = append(all, n.bytes(0, n.used())...)
		sum += n.used()
	}
	for j := m; j < k; j++ {
		nodes[j] = z.newNode(level)
	}
	for j := k; j < m; j++ {
		z.free(nodes[j])
	}
	if k > m {
		up.open(i+m, k-m)
	} else {
		up.close(i+k, m-k)
	}
	for j := range k {
		n := z.node(nodes[j], level)
		n.setUsed(sum*(j+1)/k - sum*j/k)
		all = all[copy(n.bytes(0, n.used()), all):]
		z.describe(up, i+j, nodes[j], n)
	}
}

// rankWindow is how many neighbours are evened out at once, at most.
const rankWindow = 3

// cut removes the member at which a way ends. The way is of no more use.
func (z *ranked) cut(path *rankPath) {
	t := &z.ranks
	t.n--
	z.counted(path, -1)
	level := 0
	for {
		n := z.node(path[level].at, level)
		n.close(path[level].i, 1)
		if n.used() > 0 {
			break
		}
		z.free(path[level].at)
		if level == t.height {
			*t = ranks{}
			return
		}
		level++
	}
	if path[level].i == 0 {
		z.renamed(path, level)
	}
	for ; level < t.height && z.evenOut(path, level); level++ {
	}
	for t.height > 0 && z.node(t.root, t.height).used() == 1 {
		old := t.root
		t.root = z.node(old, t.height).child(0)
		t.height--
		z.free(old)
	}
}

// evenOut has a node that has become too empty share with its neighbours, and reports whether their parent may have become too empty.
func (z *ranked) evenOut(path *rankPath, level int) bool {
	most, used := mostOf(level), z.node(path[level].at, level).used()
	if used*100 >= most*rankSparse {
		return false
	}
	up, i := z.node(path[level+1].at, level+1), path[level+1].i
	m := min(up.used(), rankWindow)
	if m == 1 {
		return true
	}
	first := max(0, min(i-1, up.used()-m))
	sum, fullest := 0, 0
	for j := range m {
		u := z.node(up.child(first+j), level).used()
		sum += u
		fullest = max(fullest, u)
	}
	k := (sum*100 + most*rankDense - 1) / (most * rankDense)
	if k == m && fullest-used < most/4 {
		return false // it would soon be like this again
	}
	z.spread(up, level, first, m, k)
	return k < m
}

// rescored has a member change its score, where it keeps its place in its leaf, and reports whether it does.
func (z *ranked) rescored(path *rankPath, f float64) bool {
	n, i := z.node(path[0].at, 0), path[0].i
	if i == 0 || i == n.used()-1 || n.score(i-1) >= f || n.score(i+1) <= f {
		return false
	}
	n.setScore(i, f)
	return true
}

// moved has the tree know that a member's entry is elsewhere.
func (z *ranked) moved(from, to ref) {
	e := entry{z.at(to)}
	var path rankPath
	z.seek(&bound{score: entryScore(e), name: e.key(), self: from}, &path)
	n, i := z.node(path[0].at, 0), path[0].i
	if i == n.used() || n.member(i) != from {
		panic("store: a member of a sorted set has no rank")
	}
	n.setMember(i, to)
	if i == 0 {
		z.renamed(&path, 0)
	}
}

// evacuateRanks moves the nodes above the members from a rank on out of marked pages, for about budget members, and answers the rank
// to go on from, or 0.
func (z *ranked) evacuateRanks(rank, budget int) (looked, next int) {
	const perNode = 8 // members that a node counts as
	t := &z.ranks
	for rank < t.n && looked < budget {
		var path rankPath
		z.seekRank(rank, &path)
		for level := t.height; level >= 0; level-- {
			to := z.evacuate(path[level].at)
			if level == t.height {
				t.root = to
			} else {
				up := path[level+1]
				z.node(up.at, level+1).setChild(up.i, to)
			}
			path[level].at = to
		}
		rank += z.node(path[0].at, 0).used() - path[0].i
		looked += perNode
	}
	if rank >= t.n {
		return looked, 0
	}
	return looked, rank
}

// releaseRanks frees leaves, the last first, of about so many members, and reports whether none is left.
func (z *ranked) releaseRanks(budget int) (done bool) {
	t := &z.ranks
	t.n = 0
	for ; t.root != 0 && budget > 0; budget -= leafMost {
		var way [rankLevels]ref
		way[t.height] = t.root
		for level := t.height; level > 0; level-- {
			n := z.node(way[level], level)
			way[level-1] = n.child(n.used() - 1)
		}
		for level := 0; ; level++ {
			z.free(way[level])
			if level == t.height {
				t.root = 0
				break
			}
			up := z.node(way[level+1], level+1)
			up.setUsed(up.used() - 1)
			if up.used() > 0 {
				break
			}
		}
	}
	return t.root == 0
}
