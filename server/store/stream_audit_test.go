package store

import (
	"fmt"
	"unsafe"
)

func (s *Stream) auditPool() (inPool int, err error) {
	bytes, heap := 0, streamHeader+cap(s.nodes)*streamNodeSize
	block := func(d *span) {
		switch {
		case d.at == 0:
		case d.large != 0:
			bytes += largeSize(int(d.n))
		default:
			n := s.room(ref(d.at))
			bytes, inPool = bytes+n, inPool+n
		}
	}
	length := 0
	for i := range s.nodes {
		n := &s.nodes[i]
		block(&n.data)
		c, _, err := checkNode(&StreamNodeData{n.id, s.packed(i)})
		if err != nil || c.live != n.live || c.total != n.total || i > 0 && !s.nodeLast(i-1).Less(n.id) {
			return 0, fmt.Errorf("node %d of %d with %d entries of %d: %+v: %w", i, len(s.nodes), n.live, n.total, c, err)
		}
		length += int(n.live)
	}
	if length != s.length && len(s.nodes) > 0 {
		return 0, fmt.Errorf("%d entries, %d counted", length, s.length)
	}
	for _, g := range s.groups {
		heap += groupBytes + len(g.Name) + cap(g.pending.dir)*int(unsafe.Sizeof(recordDir{}))
		if err := auditRecords(s, &g.pending, block); err != nil {
			return 0, fmt.Errorf("group %q: %w", g.Name, err)
		}
		had := 0
		for _, c := range g.sorted {
			heap += consumerBytes + len(c.Name) + cap(c.ids.dir)*int(unsafe.Sizeof(recordDir{}))
			if err := auditRecords(s, &c.ids, block); err != nil {
				return 0, fmt.Errorf("group %q, consumer %q: %w", g.Name, c.Name, err)
			}
			for at := (recordAt{}); at.chunk < len(c.ids.dir); at = c.ids.next(&s.parts, at) {
				if p := g.pending.get(&s.parts, *c.ids.at(&s.parts, at)); p == nil || g.all[p.consumer] != c {
					return 0, fmt.Errorf("consumer %q has %v, and its group does not know", c.Name, *c.ids.at(&s.parts, at))
				}
			}
			had += c.ids.n
		}
		if had != g.pending.n {
			return 0, fmt.Errorf("%d entries are pending, consumers have %d", g.pending.n, had)
		}
	}
	if heap != s.heap && s.heap != 0 || bytes+s.heap != s.bytes {
		return 0, fmt.Errorf("%d bytes on the heap, %d in blocks; counted %d, %d in all", heap, bytes, s.heap, s.bytes)
	}
	return inPool, nil
}

func auditRecords[T record](s *Stream, l *records[T], block func(*span)) error {
	n := 0
	var last StreamID
	for i := range l.dir {
		block(&l.dir[i].data)
		c := l.chunk(&s.parts, i)
		if len(c) == 0 || len(c) > l.perChunk() || c[0].key().Less(l.dir[i].first) {
			return fmt.Errorf("chunk %d has %d records, from %v on", i, len(c), l.dir[i].first)
		}
		for _, r := range c {
			if n > 0 && !last.Less(r.key()) {
				return fmt.Errorf("%v stands behind %v", r.key(), last)
			}
			last = r.key()
			n++
		}
	}
	if n != l.n {
		return fmt.Errorf("%d records, %d counted", n, l.n)
	}
	return nil
}
