package store

import "fmt"

// Policy says what gives way when memory is over its limit: maxmemory-policy.
// https://redis.io/docs/latest/develop/reference/eviction/
type Policy uint8

// The policies.
const (
	NoEviction     Policy = iota // nothing: writes that need memory fail
	AllKeysLRU                   // the key whose last access is longest ago
	AllKeysLFU                   // the key with the least frequency of access
	AllKeysRandom                // any key
	VolatileLRU                  // as AllKeysLRU, of the keys that have an expiry
	VolatileLFU                  // as AllKeysLFU, of the keys that have an expiry
	VolatileRandom               // any key that has an expiry
	VolatileTTL                  // the key that expires soonest
)

var policyNames = [...]string{
	NoEviction: "noeviction", AllKeysLRU: "allkeys-lru", AllKeysLFU: "allkeys-lfu", AllKeysRandom: "allkeys-random",
	VolatileLRU: "volatile-lru", VolatileLFU: "volatile-lfu", VolatileRandom: "volatile-random", VolatileTTL: "volatile-ttl",
}

// ParsePolicy reads Redis's name of a policy.
func ParsePolicy(name string) (Policy, error) {
	for p, s := range policyNames {
		if s == name {
			return Policy(p), nil
		}
	}
	return NoEviction, fmt.Errorf("store: no eviction policy is called %q", name)
}

// String is Redis's name.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// LFU reports whether the policy goes by how often keys are used, and not by when.
func (p Policy) LFU() bool { return p == AllKeysLFU || p == VolatileLFU }

// Volatile reports whether only keys with an expiry give way.
func (p Policy) Volatile() bool { return p >= VolatileLRU }

func (p Policy) random() bool { return p == AllKeysRandom || p == VolatileRandom }
