// Package replication carries the effects of a slot's primary to its replicas. It is pure: bytes in, bytes out, time an argument. The
// server owns the connections, and the locks of the slots.
//
// # Streams
//
// A Sender is the primary's end of one ordered stream to one replica, a Receiver the other end of one connection of it. The stream has
// the effects of all slots that the one node is primary of and the other a replica; an offset counts its bytes. A replica acknowledges
// the offset that it has applied. Both outlive a connection (Sender, and what Received keeps), so that a stream goes on after a cut with
// the first byte that the replica lacks; where it cannot, it is reset: a new stream, on which all slots are attached anew. The offset
// never goes back, as replies wait for offsets.
//
// # Copies
//
// Each node has a Position for each slot: the term and a count of effects. Copies at equal positions are equal. So after a reset or a
// change of primary nothing is sent for slots whose positions are equal; the others are synced in full: the replica empties the slot,
// and the primary walks it in small steps, whole values between live effects. While that lasts the copy is partial, and equals nothing.
//
// # What a walk asks of effects
//
// The replica of a slot that is walked has the keys before the cursor as the primary has them. Of the others it has what live effects
// made of nothing, which the walk will replace. That holds while
//
//   - each effect is about one key: a RENAME must be sent as the value of the one and a DEL of the other;
//   - a key that goes at the primary goes at the replica: an effect that takes a key's last element there may find other elements here,
//     so that a DEL must follow it. Else the key would stay, as the walk never comes to it;
//   - keys do not move past the cursor: after databases were exchanged the walk begins again (Sender.Restart).
//
// Sender.Syncing says when.
//
// # Waiting
//
// A reply about a slot leaves the primary when each replica that it waits for has acknowledged the slot's last effect: Sender.Waits,
// Last, Acked. It waits for those that the map has in sync, that it has claimed to be, or that are about to be claimed. While one of these
// is not known to be equal, nothing is released at all: acknowledgements say little then.
//
// # Repeated requests
//
// A proxied write has an id, and its effect carries it with the reply. Requests of primary and replica remember it, so that a repeat
// of a request that was in flight when the primary died is answered. A replica that is synced is sent the slot's records too: a reply may
// be on its way for long, its effect older than the replica's copy.
package replication
