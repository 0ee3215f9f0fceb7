package server

import (
	"testing"

	"ringcache/ring"
)

const noReplicas = "-NOREPLICAS Not enough good replicas to write.|"

// TestMinReplicas: writes to slots with too few replicas in sync are refused, and nothing of them is done, through whichever node.
func TestMinReplicas(t *testing.T) {
	settings := testSettings
	settings.MinReplicas = 1
	nodes := startSome(t, 2, 2, 1, settings)
	key, other := keyOn(0, 2, "k"), keyOn(0, 2, "other")
	far := keyOn(1, 2, "far")
	near, away := nodes[0].client(t), nodes[1].client(t)
	for _, c := range []*tclient{near, away} {
		for _, line := range []string{
			"SET " + key + " v", "DEL " + key, "GETSET " + key + " v", "MSET " + key + " 1 " + far + " 2", "MSET " + key + " 1",
			"RPUSH " + key + " x", "BLPOP " + key + " 1", "FLUSHALL", "SORT " + key + " STORE " + key, "UNLINK " + key + " " + far,
		} {
			c.want(line, noReplicas)
		}
		c.want("GET "+key, "$-1|")
		c.want("EXISTS "+key+" "+far, ":0|")
		c.want("SET "+key, "-ERR wrong number of arguments for 'set' command|")
	}
	// One slot gets a copy that is in sync, another one that is not yet.
	f := withFollower(t, nodes, slotOf(key))
	change(nodes, func(m *ring.Map) {
		e := &m.Slots[slotOf(other)]
		e.Replicas[0], e.ReplicaCount = 1, 1
	})
	onLoop(t, nodes[0].loops[0], func() { nodes[0].loops[0].followers[1] = f })
	for _, c := range []*tclient{near, away} {
		c.want("SET "+key+" v", "+OK|")
		c.want("SET "+other+" v", noReplicas)
		c.want("DEL "+key+" "+other, noReplicas)
		c.want("DEL "+key+" "+far, noReplicas)
		c.want("GET "+key, "$1|v|")
	}
	settings.MinReplicas = 0
	for _, nd := range nodes {
		nd.Apply(settings)
	}
	for _, c := range []*tclient{near, away} {
		c.want("SET "+other+" v", "+OK|")
		c.want("MSET "+key+" 1 "+far+" 2", "+OK|")
	}
}
