package replication

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"ringcache/ring"
)

// plain is a keyspace that keeps nothing.
type plain struct{ applied int }

func (*plain) Lock(uint16)   {}
func (*plain) Unlock(uint16) {}
func (*plain) Clear(uint16)  {}

func (k *plain) Apply(uint16, int, [][]byte) error {
	k.applied++
	return nil
}

func (*plain) Walk(_ uint16, _ uint64, dst []byte, _ int) ([]byte, uint64, bool) { return dst, 0, true }

// wire is a live pair over keyspaces that keep nothing, with buffers that are used again.
type wire struct {
	s              *Sender
	r              *Receiver
	ks             *plain
	pos            *Positions
	term           uint64
	down, up, rest []byte
	now            time.Duration
}

func newWire(t testing.TB) *wire {
	m := fuzzMap(t)
	w := &wire{ks: new(plain), pos: new(Positions), term: m.Slots[3].Epoch}
	w.s = NewSender(SenderOptions{
		Self: nodeID(0), Peer: nodeID(1), Incarnation: 1, Buffer: 256 << 20, NodeTimeout: testTimeout, Source: w.ks, Positions: w.pos,
	})
	recv := new(Received)
	w.r = NewReceiver(ReceiverOptions{
		Self: nodeID(1), Peer: nodeID(0), Incarnation: 1, Target: w.ks, Positions: new(Positions), Requests: new(Requests), Received: recv,
	})
	recv.SetMap(m, nodeID(1))
	w.s.SetMap(m)
	w.s.Open(0)
	for range 5 {
		w.turn(t)
		w.s.Sync(0, 1<<20)
	}
	if w.s.State().Live != 10 {
		t.Fatalf("state %+v", w.s.State())
	}
	return w
}

// turn takes what there is to the replica, and its answer back.
func (w *wire) turn(t testing.TB) {
	var err error
	w.down = w.s.Take(append(w.down[:0], w.rest...), 64<<10)
	rest, up, err := w.r.Receive(w.down, w.up[:0], w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.up = up
	w.rest = append(w.rest[:0], rest...)
	if _, err = w.s.Receive(w.up, w.now); err != nil {
		t.Fatal(err)
	}
}

// In the steady state nothing is allocated: not by an effect, nor by what it carries.
func TestNoAllocations(t *testing.T) {
	w := newWire(t)
	args, reply := words("SET", "key:000000000042", "a value of thirty-two bytes, yes"), []byte("+OK\r\n")
	var effect []byte
	n := uint64(0)
	got := testing.AllocsPerRun(200, func() {
		for range 100 {
			n++
			effect = AppendEffect(effect[:0], 3, 0, args, RequestID{9, n, max(n, 50) - 49}, reply)
			w.pos.Next(3, w.term)
			w.s.Append(3, effect)
		}
		w.turn(t)
	})
	if got > 0 {
		t.Errorf("%v allocations in 100 effects", got)
	}
	if w.s.Acked() != w.s.End() || w.ks.applied < 20000 {
		t.Errorf("%d effects were applied; acknowledged up to %d of %d", w.ks.applied, w.s.Acked(), w.s.End())
	}
}

// BenchmarkEffect is an effect's whole way: made, appended, taken, received, applied to nothing, acknowledged.
func BenchmarkEffect(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			w := newWire(b)
			args := words("SET", "key:000000000042", "a value of thirty-two bytes, yes")
			var effect []byte
			start := w.s.End()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				effect = AppendEffect(effect[:0], 3, 0, args, RequestID{}, nil)
				w.pos.Next(3, w.term)
				w.s.Append(3, effect)
				if i%batch == batch-1 {
					w.turn(b)
				}
			}
			b.ReportMetric(float64(w.s.End()-start)/float64(b.N), "bytes/effect")
		})
	}
}

// BenchmarkAppend is what a command costs its loop for each replica.
func BenchmarkAppend(b *testing.B) {
	w := newWire(b)
	effect := AppendEffect(nil, 3, 0, words("SET", "key:000000000042", "a value of thirty-two bytes, yes"), RequestID{}, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.pos.Next(3, w.term)
		w.s.Append(3, effect)
		if i%1024 == 1023 {
			b.StopTimer()
			w.turn(b)
			w.turn(b)
			b.StartTimer()
		}
	}
}

// BenchmarkSetMap is what a change of the map costs each stream.
func BenchmarkSetMap(b *testing.B) {
	w := newWire(b)
	m := fuzzMap(b)
	for b.Loop() {
		w.s.SetMap(m)
	}
}

// BenchmarkAttach is a reset of a stream with all slots: each is locked, compared and acknowledged.
func BenchmarkAttach(b *testing.B) {
	w := newWire(b)
	m, err := fuzzMap(b).Apply(ring.SetSlots{
		Slots: []ring.SlotRange{{Start: 10, End: ring.Slots - 1}}, Primary: nodeID(0), Add: []ring.NodeID{nodeID(1)},
	})
	if err != nil {
		b.Fatal(err)
	}
	w.r.SetMap(m)
	w.s.SetMap(m)
	for b.Loop() {
		w.s.mu.Lock()
		w.s.reset()
		w.s.mu.control = appendFrame(w.s.mu.control, frameStart, 0, 0, w.s.mu.stream, w.s.mu.sent)
		w.s.mu.Unlock()
		w.r.started = false
		for w.s.State().Live < ring.Slots {
			w.s.Sync(0, 1<<16)
			w.turn(b)
		}
	}
}

// Loops append to slots, each under its lock, while another has the connection, a third changes maps and reports, and replies are looked
// at: what the race detector watches.
func TestManyLoops(t *testing.T) {
	c, p, r, l := pair(t, 1, 2, 3, 4)
	const writes = 2000
	var loops, rest sync.WaitGroup
	done := make(chan struct{})
	for slot := range uint16(4) {
		loops.Add(1)
		go func() {
			defer loops.Done()
			for i := range writes {
				p.ks.Lock(slot + 1)
				s := p.ks.held(slot + 1)
				e := []string{"RPUSH", fmt.Sprint("k", i%10), fmt.Sprint(i)}
				if err := s.apply(0, e); err != nil {
					t.Error(err)
				}
				p.pos.Next(slot+1, p.m.Slots[slot+1].Epoch)
				l.s.Append(slot+1, AppendEffect(nil, slot+1, 0, words(e...), RequestID{uint64(slot) + 1, uint64(i), uint64(i)}, []byte("+OK")))
				p.ks.Unlock(slot + 1)
				if l.s.Waits(slot+1) && l.s.Last(slot+1) > l.s.End() {
					t.Error("an offset beyond the end")
				}
			}
		}()
	}
	rest.Add(1)
	go func() {
		defer rest.Done()
		m := p.m
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			next, err := m.Apply(ring.SetDraining{ID: r.id, Draining: i%2 == 0})
			if err != nil {
				t.Error(err)
				return
			}
			m = next
			l.s.SetMap(m)
			r.recv.SetMap(m, r.id)
			_, _, number := l.s.Report()
			l.s.Heard(number)
			l.s.State()
		}
	}()
	go func() {
		loops.Wait()
		close(done)
	}()
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rnd.IntN(200) == 0 {
			c.cut(l, false)
		}
		c.dial(p, l)
		l.s.Sync(c.now, 1<<12)
		c.take(l, 1+rnd.IntN(1<<16))
		c.deliver(l, rnd.IntN(1<<16))
		c.back(l, rnd.IntN(1000))
	}
	rest.Wait()
	c.settle()
	for slot := range uint16(4) {
		c.equal(slot+1, p, r)
	}
	if l.s.Acked() != l.s.End() {
		t.Errorf("seed %d: acknowledged up to %d of %d", seed, l.s.Acked(), l.s.End())
	}
}
