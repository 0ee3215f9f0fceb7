package control

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestStopWhileAsked: a leader that is asked all the time whether it leads stops all the same, and every question is answered.
func TestStopWhileAsked(t *testing.T) {
	for range 10 {
		x := newTestNode(t).mustStart()
		<-x.node.Ready()
		cons := x.node.cons.Load()
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for !errors.Is(cons.verify(), raft.ErrRaftShutdown) {
					continue
				}
			})
		}
		stopped := make(chan struct{})
		go func() {
			x.stop()
			asking.Wait()
			close(stopped)
		}()
		select {
		case <-stopped:
		case <-time.After(patience):
			t.Fatal("the node does not stop, or a question has no answer")
		}
	}
}
