package store

import (
	"math/bits"
	"sync"
	"time"
)

// Compaction.
//
// After deletes pages are partly used, and only empty ones can be given back to the system. When a shard's pages hold so much
// free room that it pays, a run begins: of each size class the emptiest pages are marked, so many that the free blocks of the
// others hold what is in them. From then on nothing is allocated in marked pages. The run then goes through all tables of the
// shard, by hash, a few segments under each hold of the lock, and moves every entry and segment that lies in a marked page, and
// after them through all Objects. Nothing need lead from an entry to its table: the walk comes from there. A page whose last block has moved is free.

const (
	compactShare   = 16  // a run begins when one in so many of a shard's pages could be free
	compactMin     = 4   // and at least so many
	compactSlack   = 32  // one in so many blocks of the pages that stay is left free
	compactLevels  = 16  // degrees of use by which pages are told apart
	compactEntries = 128 // looked at under one hold of the lock, at least: some tens of microseconds where all move
	maintainHolds  = 8   // holds of a shard's lock before the next shard has its turn
)

// compaction is the state of a shard's run.
type compaction struct {
	running bool
	db      int
	slot    int // of the shard's slots, from 0
	from    uint64
	object  int // of the shard's Objects, once the tables are through
	quiet   int // bytes in use when it was last found that no run pays
}

// excess is how many pages could be free if each class's blocks were in as few as possible.
func (p *pool) excess() int {
	var used, pages [numClasses]int
	for i := range p.pages {
		if pg := &p.pages[i]; pg.state == pageUsed || pg.state == pageMarked {
			used[pg.class] += int(pg.used)
			pages[pg.class]++
		}
	}
	n := 0
	for c := range used {
		per := int(classes.blocks[c])
		n += pages[c] - (used[c]+used[c]/compactSlack+per-1)/per
	}
	return n
}

// mark marks the pages to be emptied, and reports whether there are any.
func (p *pool) mark() bool {
	// Pages by class and degree of use.
	var levels [numClasses][compactLevels]uint32
	var used [numClasses]int
	for i := range p.pages {
		if pg := &p.pages[i]; pg.state == pageUsed {
			levels[pg.class][pg.level()]++
			used[pg.class] += int(pg.used)
		}
	}
	// The fullest stay, until they have room for all: those above a degree, and some of that degree.
	var degree, keep [numClasses]int
	for c := range levels {
		per := int(classes.blocks[c])
		need := (used[c] + used[c]/compactSlack + per - 1) / per
		for l := compactLevels - 1; l >= 0 && need > 0; l-- {
			degree[c], keep[c] = l, need
			need -= int(levels[c][l])
		}
	}
	found := false
	for i := range p.pages {
		pg := &p.pages[i]
		if pg.state != pageUsed || pg.level() > degree[pg.class] {
			continue
		}
		if pg.level() == degree[pg.class] {
			if keep[pg.class]--; keep[pg.class] >= 0 {
				continue
			}
		}
		if pg.used < classes.blocks[pg.class] {
			p.unlink(&p.partial[pg.class], uint32(i))
		}
		pg.state = pageMarked
		found = true
	}
	return found
}

// level is a page's degree of use.
func (pg *page) level() int {
	return (int(pg.used) - 1) * compactLevels / int(classes.blocks[pg.class])
}

// unmark ends a run: what could not be emptied is used on.
func (p *pool) unmark() {
	for i := range p.pages {
		if pg := &p.pages[i]; pg.state == pageMarked {
			pg.state = pageUsed
			if pg.used < classes.blocks[pg.class] {
				p.link(&p.partial[pg.class], uint32(i))
			}
		}
	}
}

// compact begins, continues or ends a run, and reports whether there is more to do. Under the lock.
func (ks *Keyspace) compact(index int, sh *shard) (more bool) {
	c, p := &sh.mu.compaction, &sh.mu.pool
	if !c.running {
		if changed := p.live - c.quiet; max(changed, -changed) < compactMin*pageSize/2+p.live/compactShare/4 {
			return false
		}
		if n := p.excess(); n < compactMin || n < p.nUsed/compactShare || !p.mark() {
			c.quiet = p.live
			return false
		}
		*c = compaction{running: true}
	}
	for budget := compactEntries; budget > 0; {
		if c.db == Databases {
			if c.object == len(sh.mu.objects.all) {
				p.unmark()
				*c = compaction{quiet: p.live}
				return false
			}
			budget -= c.evacuateObject(sh.mu.objects.all[c.object], budget)
			continue
		}
		if c.slot == Slots/Shards {
			c.slot = 0
			c.db++
			continue
		}
		d := ks.dbs[c.db].Load()
		if d == nil {
			c.slot = Slots / Shards
			continue
		}
		slot := c.slot*Shards + index
		if d.tables[slot].keys == 0 {
			c.slot++
			budget--
			continue
		}
		n, next := d.tables[slot].evacuate(p, c.from, nil)
		budget -= n
		if c.from = next; next == 0 {
			c.slot++
		}
	}
	return true
}

// evacuateObject moves a part of an Object (nil: it is gone) out of marked pages, and answers how much it looked at.
func (c *compaction) evacuateObject(o Object, budget int) (n int) {
	if o != nil {
		n, c.from = o.Evacuate(c.from, budget)
	} else {
		c.from = 0
	}
	if c.from == 0 {
		c.object++
	}
	return n + 1
}

// evacuate moves the segment for a hash, and its entries, out of marked pages. It answers how many entries it looked at, and the
// hash with which the next segment begins, or 0. moved, if there is one, is told of each entry that has moved.
func (t *table) evacuate(p *pool, hash uint64, moved func(from, to ref)) (n int, next uint64) {
	s := *t.counting(hash)
	if s.n*bucketSize <= maxBlock && p.pages[s.at.page()].state == pageMarked {
		to := p.alloc(p.classAt(s.at))
		copy(bytesAt(p.at(to), int(s.n)*bucketSize), bytesAt(p.at(s.at), int(s.n)*bucketSize))
		p.free(s.at)
		s.at = to
		t.put(hash, s)
	}
	for i := range s.n {
		b := s.bucket(p, i)
		for u := b.used; u != 0; u &= u - 1 {
			w := &b.refs[bits.TrailingZeros16(u)]
			if r := ref(*w & refMask); p.pages[r.page()].state == pageMarked {
				class := p.classAt(r)
				to := p.alloc(class)
				copy(bytesAt(p.at(to), classSize(class)), bytesAt(p.at(r), classSize(class)))
				p.free(r)
				*w = *w&^refMask | uint32(to)
				if moved != nil {
					moved(r, to)
				}
			}
		}
	}
	if s.depth == 0 {
		return int(s.used), 0
	}
	return int(s.used), (hash>>(64-s.depth) + 1) << (64 - s.depth)
}

// maintainer is the state of MaintainSlice. One call at a time has it.
type maintainer struct {
	sync.Mutex     // guards the rest; a shard's lock is taken while it is held, never the other way round
	shard      int // that has its turn
}

// MaintainSlice gives memory back that is not needed any more: it releases what was flushed and large collections that were
// deleted, compacts pages, and returns free ones to the system. It does so for about as long as budget, holding a lock for some
// tens of microseconds at a time, and reports whether there is more to do. A call beside another does nothing. No lock may be
// held.
func (ks *Keyspace) MaintainSlice(budget time.Duration) (more bool) {
	m := &ks.maintainer
	if !m.TryLock() {
		return false
	}
	defer m.Unlock()
	start := time.Now()
	for quiet := 0; quiet <= Shards; {
		left := false
		if m.shard == Shards {
			left = ks.large.purge()
		} else {
			for range maintainHolds {
				if left = ks.maintain(m.shard); !left || time.Since(start) >= budget {
					break
				}
			}
		}
		quiet++
		if left {
			quiet = 0
		}
		m.shard = (m.shard + 1) % (Shards + 1)
		if time.Since(start) >= budget {
			return true
		}
	}
	return false
}

// maintain does a little of what there is to do in one shard, and reports whether there is more.
func (ks *Keyspace) maintain(index int) (more bool) {
	sh := &ks.shards[index]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return ks.release(sh) || ks.compact(index, sh) || sh.mu.pool.purge()
}
