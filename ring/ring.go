// Package ring says which nodes hold a key: key -> slot -> nodes.
//
// It is pure: no network, no disk, no clock, no goroutine. Three things live here.
//
//   - Hashing: [SlotOf] gives the slot of a key exactly as the Redis Cluster specification does, a [HashKey] its place there.
//   - What is: [Map], an immutable value that says for each slot who is its primary, who holds copies and which copies are
//     complete. A [Change] is one step from a map to the next; nothing else alters a map.
//   - What should be: [Place] asks the consistent-hash ring who is preferred, [Target] bends that preference to what is, so
//     that few slots move, [Plan] lists the moves between two maps, and [Heirs] says who inherits from a dead node.
//
// Everything is deterministic: two nodes that apply the same changes, or place the same members, get the same bytes.
package ring

import "github.com/cespare/xxhash/v2"

const (
	// Slots is the number of slots that the keys are divided into, fixed by the Redis Cluster specification.
	Slots = 16384

	// MaxReplicas is the most copies of a slot beside its primary. Each costs a whole copy of the data and a message per
	// write; more than four protect from nothing that four do not.
	MaxReplicas = 4

	// MaxNodes is the most nodes in a map. Redis Cluster names the same limit; above it a node holds fewer than 17 slots
	// and slots stop being a fair unit.
	MaxNodes = 1000

	// MaxWeight is the largest weight of a node: a machine a hundred times as large as the smallest.
	MaxWeight = 100

	// MaxAddr bounds an address in bytes: the longest DNS name (253), a colon and five digits.
	MaxAddr = 259

	// MaxZone bounds a zone's name in bytes, as Kubernetes bounds the value of a topology label.
	MaxZone = 63

	// MaxClusterID bounds a cluster's id in bytes; ids are 40 hex digits, the rest is room for other schemes.
	MaxClusterID = 64
)

// Hash is the 64-bit xxhash of key, the one hash of the ring. What indexes keys has a keyed one, see [HashKey]. It does not
// allocate.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }
