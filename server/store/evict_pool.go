package store

// candidate is a key that may give way. It is known by its hash, so that a pool holds no keys, whatever their length: two keys
// of a slot whose 64 bits agree stand for each other, and either may go.
type candidate struct {
	rank int64 // the lowest goes first; of the time that it was looked at
	hash uint64
	slot uint16
	db   uint8
}

func (c *candidate) same(o *candidate) bool {
	return c.hash == o.hash && c.slot == o.slot && c.db == o.db
}

// poolSize is Redis's: with 16 the remembered candidates already come close to the exact order.
const poolSize = 16

// candidates keeps the best candidates seen so far, in falling order of rank: the best is the last.
type candidates struct {
	n    int
	held [poolSize]candidate
}

// wants reports whether a candidate of that rank would be kept.
func (p *candidates) wants(rank int64) bool { return p.n < poolSize || rank < p.held[0].rank }

// put keeps c, once, by what is known of it now. Where there is no room, the worst candidate is forgotten.
func (p *candidates) put(c candidate) {
	for i := range p.held[:p.n] {
		if p.held[i].same(&c) {
			p.n--
			copy(p.held[i:p.n], p.held[i+1:])
			break
		}
	}
	if !p.wants(c.rank) {
		return
	}
	if p.n == poolSize {
		p.n--
		copy(p.held[:], p.held[1:])
	}
	i := p.n
	for ; i > 0 && p.held[i-1].rank < c.rank; i-- {
		p.held[i] = p.held[i-1]
	}
	p.held[i] = c
	p.n++
}

// pop takes the best candidate out.
func (p *candidates) pop() (c candidate, ok bool) {
	if p.n == 0 {
		return candidate{}, false
	}
	p.n--
	return p.held[p.n], true
}
