package command

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestCommandStats(t *testing.T) {
	g := NewStatsGroup(testTable)
	get, sleep := testTable.LookupName("ping"), testTable.LookupName("debug|sleep")
	one, two := g.NewLoop(), g.NewLoop()
	measured := 0
	for range 200 {
		if one.Begin(get) {
			one.Time(get, 3000)
			measured++
		}
		one.End(get, []byte("+PONG\r\n"))
	}
	if measured != 4 {
		t.Errorf("%d of 200 calls were measured, want the first and one of each %d", measured, timeEvery)
	}
	if n := g.Totals()[get.Index()]; n.Calls != 0 {
		t.Errorf("before Publish: %+v", n)
	}
	one.Publish()
	two.Begin(get)
	two.End(get, []byte("-WRONGTYPE no\r\n"))
	two.Reject(get, []byte("-ERR wrong number\r\n"))
	two.Reject(nil, []byte("-ERR unknown command\r\n"))
	for range 3 {
		if !two.Begin(sleep) {
			t.Error("a slow command is not measured")
		}
	}
	two.Publish()
	n := g.Totals()[get.Index()]
	if n.Calls != 201 || n.Failed != 1 || n.Rejected != 1 || n.Timed != 4 || n.Micros() != 201*3 {
		t.Errorf("the sum of two loops: %+v, %v us", n, n.Micros())
	}
	if got := fmt.Sprint(g.Errors.Counts(), g.Errors.Total()); got != "[{ERR 2} {WRONGTYPE 1}] 3" {
		t.Errorf("errors: %s", got)
	}

	g.Reset()
	if n := g.Totals()[get.Index()]; n != (CommandCount{}) || g.Errors.Total() != 0 {
		t.Errorf("after Reset: %+v", n)
	}
	one.Begin(get)
	one.Publish()
	if n := g.Totals()[get.Index()]; n.Calls != 1 {
		t.Errorf("one call after Reset: %+v", n)
	}
}

// TestCommandStatsConcurrent counts on several loops while others read and reset: nothing is lost that was counted after.
func TestCommandStatsConcurrent(t *testing.T) {
	g := NewStatsGroup(testTable)
	ping := testTable.LookupName("ping")
	stop := make(chan struct{})
	var readers, loops sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				g.Totals()
				g.Reset()
				g.Errors.Counts()
			}
		}
	})
	const each = 20000
	for range 4 {
		s := g.NewLoop()
		loops.Go(func() {
			for i := range each {
				s.Begin(ping)
				s.End(ping, []byte("-ERR no\r\n"))
				if i%16 == 0 {
					s.Publish()
				}
			}
			s.Publish()
		})
	}
	loops.Wait()
	close(stop)
	readers.Wait()
	g.mu.base = nil
	if n := g.Totals()[ping.Index()]; n.Calls != 4*each || n.Failed != 4*each {
		t.Errorf("counted %+v, want %d", n, 4*each)
	}
}

func TestErrorStatsAreBounded(t *testing.T) {
	var e ErrorStats
	for i := range 1000 {
		e.Note(fmt.Appendf(nil, "-E%d text\r\n", i))
	}
	e.Note([]byte("-" + strings.Repeat("X", 100) + "\r\n"))
	e.Note([]byte("- space\r\n"))
	e.Note([]byte("+OK\r\n"))
	e.Note(nil)
	var over uint64
	for _, c := range e.Counts() {
		if c.Prefix == errorOverflow {
			over = c.Count
		}
	}
	if n := len(e.Counts()); n != maxErrorKinds+1 || over != 1000-maxErrorKinds+2 || e.Total() != 1002 {
		t.Errorf("%d kinds, %d over, %d in all", n, over, e.Total())
	}
}

func TestCommandStatsAllocateNothing(t *testing.T) {
	s := NewStatsGroup(testTable).NewLoop()
	get := testTable.LookupName("get")
	if n := testing.AllocsPerRun(100, func() {
		s.Begin(get)
		s.End(get, []byte("-ERR no\r\n"))
		s.Publish()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCommandStats(b *testing.B) {
	s := NewStatsGroup(testTable).NewLoop()
	get := testTable.LookupName("get")
	reply := []byte("$-1\r\n")
	b.Run("call", func(b *testing.B) {
		for b.Loop() {
			s.Begin(get)
			s.End(get, reply)
		}
	})
	b.Run("batch of 16", func(b *testing.B) {
		for b.Loop() {
			for range 16 {
				s.Begin(get)
				s.End(get, reply)
			}
			s.Publish()
		}
	})
}
