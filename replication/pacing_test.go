package replication

import (
	"testing"
	"time"
)

// TestPacing: a sync's window grows until the replica takes what it takes, and no further: what waits there is some hundred microseconds'
// worth, or a share of a long way; when something else keeps the replica busy, it shrinks.
func TestPacing(t *testing.T) {
	for _, v := range []struct {
		name        string
		way         time.Duration // there and back
		rate        float64       // bytes per second that the replica applies
		least, most time.Duration // of an acknowledgement, in the end
		share       float64       // of the rate that is reached
	}{
		{"loopback", 100 * time.Microsecond, 100e6, 300 * time.Microsecond, 900 * time.Microsecond, 0.95},
		{"a rack", 400 * time.Microsecond, 400e6, 400 * time.Microsecond, 1000 * time.Microsecond, 0.95},
		{"a busy replica", 200 * time.Microsecond, 5e6, 6 * time.Millisecond, 8 * time.Millisecond, 0.95}, // the least window
		{"another region", 20 * time.Millisecond, 100e6, 20 * time.Millisecond, 26 * time.Millisecond, 0.9},
	} {
		p := newPacing()
		now, offset, idle := time.Duration(0), uint64(0), time.Duration(0)
		free := now // when the replica has applied all
		type flight struct {
			end uint64
			at  time.Duration
		}
		var acks []flight
		acked, took, bytes, begun := uint64(0), time.Duration(0), 0, time.Duration(0)
		for step := range 60_000 {
			if step == 30_000 {
				bytes, idle, begun = 0, 0, now
			}
			if int(offset-acked) < p.window {
				const piece = 8 << 10
				offset += piece
				bytes += piece
				arrives := now + v.way/2
				if arrives > free {
					idle += arrives - free
					free = arrives
				}
				free += time.Duration(piece / v.rate * float64(time.Second))
				p.sent(offset, now)
				acks = append(acks, flight{offset, free + v.way/2})
				continue
			}
			now = max(now, acks[0].at)
			measured := p.measure != 0 && acks[0].end >= p.measure
			from := p.sentAt
			acked = acks[0].end
			acks = acks[1:]
			p.acked(acked, now)
			if measured {
				took = now - from
			}
		}
		if took < v.least || took > v.most {
			t.Errorf("%s: an acknowledgement takes %v with a window of %d", v.name, took, p.window)
		}
		if got := float64(bytes) / (now - begun).Seconds(); got < v.share*v.rate {
			t.Errorf("%s: %.1f MB/s of %.1f; the replica was idle for %v of %v", v.name, got/1e6, v.rate/1e6, idle, now-begun)
		}
	}
	p := newPacing()
	for i := range uint64(10_000) {
		p.sent(i+1, 0)
		p.acked(i+1, 100*time.Microsecond)
	}
	if p.window != syncWindow {
		t.Errorf("the window grew to %d", p.window)
	}
	for i := range uint64(100) {
		p.sent(i+1, 0)
		p.acked(i+1, 10*time.Millisecond)
	}
	if p.window != syncWindowMin {
		t.Errorf("the window shrank to %d", p.window)
	}
}
