package server

// maxPlaces bounds the replies one session may have outstanding. A client that pipelines deeper is read again when half of
// them have left: it costs such a client nothing but memory here.
const maxPlaces = 8192

// place is where one reply, or several neighbouring local ones, wait for their turn.
type place struct {
	buf  []byte
	gate *gate // buf is the whole reply, and waits for this gate; compared only
	done bool  // buf is the whole reply, and may leave; else another node still owes it, or it waits for a gate
	mute bool  // CLIENT REPLY OFF or SKIP: the reply is dropped when it comes
}

// places keeps the replies of one session in the order of its requests. It is a ring of power-of-two size that exists only
// while a reply is outstanding; an idle session owns none.
type places struct {
	ring       []place
	head, tail uint32 // positions count up without end; tail is one past the last
}

func (q *places) empty() bool          { return q.head == q.tail }
func (q *places) len() int             { return int(q.tail - q.head) }
func (q *places) at(pos uint32) *place { return &q.ring[pos&uint32(len(q.ring)-1)] }

// push adds a place at the end and answers its position.
func (q *places) push() uint32 {
	if q.len() == len(q.ring) {
		q.grow()
	}
	pos := q.tail
	q.tail++
	*q.at(pos) = place{}
	return pos
}

func (q *places) grow() {
	size := max(16, 2*len(q.ring))
	ring := make([]place, size)
	for pos := q.head; pos != q.tail; pos++ {
		ring[pos&uint32(size-1)] = *q.at(pos)
	}
	q.ring = ring
}

// last answers the place at the end where it is done, or waits for that gate, so that another local reply may be appended to it; else nil.
func (q *places) last(g *gate) *place {
	if q.empty() {
		return nil
	}
	if p := q.at(q.tail - 1); (p.done || p.gate == g) && !p.mute {
		return p
	}
	return nil
}
