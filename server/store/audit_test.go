package store

import (
	"fmt"
	"math/bits"
	"slices"
)

// audit checks everything that must hold of a keyspace whose locks are free: the shape of tables, the counts, the memory, to the
// byte. It answers the first thing that is wrong.
func (ks *Keyspace) audit() error {
	var total int64
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		err := ks.auditShard(i, sh)
		total += sh.mem.Load()
		sh.mu.Unlock()
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	if used := ks.MemoryUsed(); used != total {
		return fmt.Errorf("%d bytes used, the shards have %d", used, total)
	}
	return nil
}

func (ks *Keyspace) auditShard(index int, sh *shard) error {
	inPool, accounted := 0, 0 // bytes in blocks of the pool, and all that counts
	for db := range Databases {
		d := ks.dbs[db].Load()
		if d == nil {
			continue
		}
		volatile := 0
		for slot := index; slot < Slots; slot += Shards {
			a := tableAudit{ks: ks, sh: sh, t: &d.tables[slot], seen: map[string]bool{}}
			if err := a.run(); err != nil {
				return fmt.Errorf("slot %d, database %d: %w", slot, db, err)
			}
			info := d.info[slot]
			if a.bytes != info.bytes || a.volatile != info.volatile || int(d.counts[slot].Load()) != a.keys {
				return fmt.Errorf("slot %d, database %d: %d bytes, %d volatile, %d keys; it has %d, %d, %d",
					slot, db, info.bytes, info.volatile, d.counts[slot].Load(), a.bytes, a.volatile, a.keys)
			}
			if info.volatile > 0 && ks.due[slot].Load() == 0 && !ks.expirer.begun {
				return fmt.Errorf("slot %d, database %d: %d volatile keys, and the slot is never due", slot, db, info.volatile)
			}
			inPool += a.inPool
			accounted += a.bytes
			volatile += a.volatile
		}
		if n := int(sh.volatile[db].Load()); n != volatile {
			return fmt.Errorf("database %d: %d volatile keys counted, %d there", db, n, volatile)
		}
	}
	for _, o := range slices.Concat(sh.mu.objects.all, sh.mu.graves.objects) {
		if o, ok := o.(pooled); ok {
			n, err := o.auditPool()
			if err != nil {
				return fmt.Errorf("%T: %w", o, err)
			}
			inPool += n
		}
	}
	for i := range sh.mu.graves.tables { // what waits for its release is in blocks still
		a := tableAudit{ks: ks, sh: sh, t: &sh.mu.graves.tables[i], seen: map[string]bool{}, grave: true}
		if err := a.run(); err != nil {
			return fmt.Errorf("grave %d: %w", i, err)
		}
		inPool += a.inPool
	}
	if mem := int(sh.mem.Load()); mem != accounted {
		return fmt.Errorf("%d bytes accounted, %d there", mem, accounted)
	}
	if sh.mu.pool.live != inPool {
		return fmt.Errorf("%d bytes of blocks in use, %d in tables: a block is lost", sh.mu.pool.live, inPool)
	}
	return sh.mu.pool.audit()
}

// pooled is an Object with memory in its shard's pool. auditPool checks its shape and its Size, and answers how many bytes of blocks
// it has in the pool.
type pooled interface {
	auditPool() (inPool int, err error)
}

func (d *Dict) auditPool() (inPool int, err error) {
	a := tableAudit{ks: d.ks, sh: d.sh, t: &d.t, seen: map[string]bool{}, grave: d.releasing}
	if err := a.run(); err != nil {
		return 0, err
	}
	if d.releasing {
		return a.inPool, nil
	}
	if a.bytes != d.bytes || a.volatile != d.volatile {
		return 0, fmt.Errorf("%d bytes, %d volatile; it has %d, %d", d.bytes, d.volatile, a.bytes, a.volatile)
	}
	return a.inPool, nil
}

type tableAudit struct {
	ks    *Keyspace
	sh    *shard
	t     *table
	grave bool
	seen  map[string]bool

	keys, volatile, bytes, inPool int
}

func (a *tableAudit) run() error {
	t := a.t
	if t.keys == 0 && (!a.grave || t.released()) {
		if *t != (table{}) && !a.grave {
			return fmt.Errorf("a table without keys is %+v", *t)
		}
		return nil
	}
	if t.depth == 0 {
		if err := a.segment(&t.root, 0); err != nil {
			return err
		}
	} else {
		end := uint64(1) << t.depth
		if a.grave {
			end = uint64(t.root.n)
		}
		deepest := uint32(0)
		a.bytes += dirEntry << t.depth
		for i := uint64(0); i < end; {
			s := t.entryAt(i)
			if s.depth > t.depth {
				return fmt.Errorf("a segment of depth %d in a directory of %d", s.depth, t.depth)
			}
			n := uint64(1) << (t.depth - s.depth)
			if n == 1 {
				deepest++
			}
			for j := range n {
				if c := t.entryAt(i + j); i%n != 0 || c.at != s.at || c.n != s.n || c.depth != s.depth {
					return fmt.Errorf("copy %d of the segment %+v is %+v", j, *s, *c)
				}
			}
			if err := a.segment(s, i>>(t.depth-s.depth)); err != nil {
				return err
			}
			i += n
		}
		if !a.grave && deepest != t.root.used {
			return fmt.Errorf("%d segments of the directory's depth, %d counted", deepest, t.root.used)
		}
	}
	if a.keys != int(t.keys) {
		return fmt.Errorf("%d keys, %d counted", a.keys, t.keys)
	}
	return nil
}

func (a *tableAudit) segment(s *segment, prefix uint64) error {
	p := &a.sh.mu.pool
	if s.n == 0 {
		return fmt.Errorf("a segment without buckets")
	}
	a.bytes += segmentBytes(s.n)
	a.inPool += segmentBytes(s.n)
	over := make([]int, s.n)
	used := 0
	for i := range s.n {
		b := s.bucket(p, i)
		for j := range bucketSlots {
			if (b.used>>j&1 == 1) != (b.refs[j] != 0) {
				return fmt.Errorf("slot %d: reference %x, used %012b", j, b.refs[j], b.used)
			}
		}
		for u := b.used; u != 0; u &= u - 1 {
			j := bits.TrailingZeros16(u)
			r := ref(b.refs[j] & refMask)
			it := Item{e: entry{p.at(r)}, sh: a.sh, r: r}
			hash := a.ks.hash(it.Key())
			if s.depth > 0 && hash>>(64-s.depth) != prefix {
				return fmt.Errorf("%q lies under the wrong prefix", it.Key())
			}
			if f := fragment(hash, s.depth); f != b.frag(j) {
				return fmt.Errorf("%q has the fragment %x, should have %x", it.Key(), b.frag(j), f)
			}
			for at := home(b.frag(j), s.n); at != i; at = (at + 1) % s.n {
				over[at]++
			}
			if a.seen[string(it.Key())] {
				return fmt.Errorf("%q is there twice", it.Key())
			}
			a.seen[string(it.Key())] = true
			if it.ExpireAt() != 0 {
				a.volatile++
			}
			n := a.sh.entryBytes(r)
			a.bytes += n
			a.inPool += classSize(p.classAt(r))
			if o := it.Object(); o != nil {
				a.bytes += o.Size()
			}
			used++
		}
	}
	for i, want := range over {
		if got := s.bucket(p, uint32(i)).over; got != maxOver && int(got) != want {
			return fmt.Errorf("bucket %d of %d: over is %d, should be %d", i, s.n, got, want)
		}
	}
	if used != int(s.used) {
		return fmt.Errorf("a segment of %d entries counts %d", used, s.used)
	}
	a.keys += used
	return nil
}

// audit checks the chains and counts of a pool.
func (p *pool) audit() error {
	chained := map[uint32]string{}
	follow := func(name string, head uint32) (n int, err error) {
		prev := uint32(0)
		for i := head; i != 0; i = p.pages[i].next {
			if was, ok := chained[i]; ok {
				return 0, fmt.Errorf("page %d is in the chains %s and %s", i, was, name)
			}
			if p.pages[i].prev != prev {
				return 0, fmt.Errorf("page %d follows %d, and says %d", i, prev, p.pages[i].prev)
			}
			chained[i], prev = name, i
			n++
		}
		return n, nil
	}
	for name, c := range map[string]struct {
		head uint32
		n    int
	}{"dirty": {p.dirty, p.nDirty}, "clean": {p.clean, p.nClean}} {
		if n, err := follow(name, c.head); err != nil || n != c.n {
			return fmt.Errorf("%d pages are %s, %d counted: %w", n, name, c.n, err)
		}
	}
	for c, head := range p.partial {
		if _, err := follow(fmt.Sprint("class ", c), head); err != nil {
			return err
		}
	}
	live, used := 0, 0
	for i := range p.pages {
		pg := &p.pages[i]
		if uint32(i) <= p.color%colors {
			continue
		}
		name := chained[uint32(i)]
		switch pg.state {
		case pageFree:
			if name != "dirty" && name != "clean" {
				return fmt.Errorf("the free page %d is in the chain %q", i, name)
			}
			continue
		case pageRun:
			live += pageSize
		case pageMarked:
			if name != "" {
				return fmt.Errorf("the marked page %d is in the chain %q", i, name)
			}
			live += int(pg.used) * classSize(pg.class)
		case pageUsed:
			want := fmt.Sprint("class ", pg.class)
			if pg.used == classes.blocks[pg.class] {
				want = ""
			}
			if name != want || pg.used == 0 {
				return fmt.Errorf("page %d with %d blocks is in the chain %q, should be in %q", i, pg.used, name, want)
			}
			live += int(pg.used) * classSize(pg.class)
		}
		used++
	}
	if live != p.live || used != p.nUsed {
		return fmt.Errorf("%d bytes live in %d pages, %d and %d counted", live, used, p.live, p.nUsed)
	}
	return nil
}
