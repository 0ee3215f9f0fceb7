package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"ringcache/internal/bus"
	"ringcache/ring"
)

type echoRequest struct{ Text string }

func TestCalls(t *testing.T) {
	nodes := form(t, 3)
	for _, x := range nodes {
		HandleCall(x.node, "echo", func(_ context.Context, from bus.Peer, req echoRequest) (string, error) {
			switch req.Text {
			case "fail":
				return "", errors.New("told to")
			case "leader only":
				if x.node.lead.Load() == nil {
					return "", &notLeaderError{x.node.leader()}
				}
			}
			return from.NodeID[:8] + " " + req.Text, nil
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	self := string(nodes[0].node.Self())[:8]
	for _, x := range nodes { // itself too
		got, err := Call[string](ctx, nodes[0].node, x.node.Self(), "echo", echoRequest{"hello"})
		if err != nil || got != self+" hello" {
			t.Errorf("a call answers %q, %v", got, err)
		}
	}
	var remote *RemoteError
	if _, err := Call[string](ctx, nodes[0].node, nodes[1].node.Self(), "echo", echoRequest{"fail"}); !errors.As(err, &remote) || remote.Text != "told to" {
		t.Errorf("a failing call answers %v", err)
	}
	if _, err := Call[string](ctx, nodes[0].node, nodes[1].node.Self(), "none", echoRequest{}); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("an unknown call answers %v", err)
	}
	for _, x := range nodes {
		if _, err := CallLeader[string](ctx, x.node, "echo", echoRequest{"leader only"}); err != nil {
			t.Errorf("a call of the leader answers %v", err)
		}
	}
	follower := without(nodes, leading(nodes...))[0]
	other := without(nodes, follower)[0]
	if _, err := Call[string](ctx, other.node, follower.node.Self(), "echo", echoRequest{"leader only"}); !errors.Is(err, ErrNotLeader) {
		t.Errorf("a follower answers %v", err)
	}
	// A kept connection that has died is no failure: the call is made again on a new one.
	nodes[1].node.calls.mu.Lock()
	for nc := range nodes[1].node.calls.mu.served {
		_ = nc.Close()
	}
	nodes[1].node.calls.mu.Unlock()
	if _, err := Call[string](ctx, nodes[0].node, nodes[1].node.Self(), "echo", echoRequest{"again"}); err != nil {
		t.Errorf("a call after the connection died answers %v", err)
	}
	// Nobody who is no member gets more than the question to join.
	stranger := bus.Identity{ClusterID: func() string { return "" }, NodeID: string(ring.NewNodeID()), Secret: testSecret}
	c := newCalls(ctx, stranger, nodes[0].node.log)
	defer c.stop()
	var reply string
	if err := c.call(ctx, nodes[0].node.cfg.Self.Bus, "", "echo", echoRequest{"x"}, &reply); !errors.As(err, &remote) {
		t.Errorf("a stranger's call answers %v", err)
	}
}

func FuzzReadCall(f *testing.F) {
	var b bytes.Buffer
	_ = writeCall(&b, "lease", []byte(`{"node":{}}`))
	f.Add(b.Bytes())
	b.Reset()
	_ = writeCall(&b, "lease", []byte(`{"node":{"Incarnation":3},"number":1,"term":2,"report":{"synced":{"ab":"AQI="},"incarnations":{"ab":1}}}`))
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		name, body, err := readCall(bytes.NewReader(p))
		if err == nil {
			var again bytes.Buffer
			if err := writeCall(&again, name, body); err != nil || !bytes.HasPrefix(p, again.Bytes()) {
				t.Fatalf("%q %q was read from %q (%v)", name, body, p, err)
			}
			var req leaseRequest
			if json.Unmarshal(body, &req) == nil && req.Report.validate() == nil {
				for _, set := range req.Report.Synced {
					if len(set) > slotSetBytes || set.Has(ring.Slots-1) && set.Len() == 0 {
						t.Fatalf("a set of slots of %d bytes", len(set))
					}
				}
			}
		}
		if _, _, err := readReply(bytes.NewReader(p)); err == nil && len(p) < 5 {
			t.Fatal("a reply was read from nothing")
		}
	})
}

func TestQuorumSince(t *testing.T) {
	tr := &ackTransport{}
	tr.mu.acks = map[raft.ServerID]ack{
		"b": {term: 3, sent: 10 * time.Millisecond},
		"c": {term: 3, sent: 20 * time.Millisecond},
		"d": {term: 2, sent: 30 * time.Millisecond}, // of another term: counts for nothing
	}
	tests := []struct {
		voters string
		want   time.Duration
	}{
		{"a b c", 20 * time.Millisecond}, // a itself and c
		{"a b c d e", 10 * time.Millisecond},
		{"a d e", -1},
		{"b c d", 10 * time.Millisecond}, // a has no vote: it needs two others
	}
	for _, tt := range tests {
		var voters []raft.ServerID
		for v := range strings.FieldsSeq(tt.voters) {
			voters = append(voters, raft.ServerID(v))
		}
		if got := tr.quorumSince(3, "a", voters); got != tt.want {
			t.Errorf("voters %s: %v, not %v", tt.voters, got, tt.want)
		}
	}
	before := Mono()
	if got := tr.quorumSince(3, "a", []raft.ServerID{"a"}); got < before {
		t.Errorf("a lone voter is its own quorum at %v, before %v", got, before)
	}
}
