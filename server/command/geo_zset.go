package command

import "ringcache/server/store"

// What geo does with sorted sets: a place is a member whose score is its geohash.

// geoScoreOf is the score of a member of the sorted set that an item holds, if it is one.
func geoScoreOf(it store.Item, member []byte) (float64, bool) {
	if !it.Exists() {
		return 0, false
	}
	scores := store.ScoresOf(it)
	return scores.Score(member)
}

// addPlaces gives the members at argument first and every third after it these scores. It answers how many are new and how many have
// another score now, or false after an error reply.
func (c *Ctx) addPlaces(scores []float64, first int, mode store.AddMode) (added, updated int64, ok bool) {
	r := c.ref(1)
	it := c.find(r)
	if c.wrongType(it, store.TypeZset) {
		return 0, 0, false
	}
	z := c.KS.OpenZset(r, it, c.Now)
	for i, score := range scores {
		switch _, result := z.Add(c.Args[first+3*i], score, mode); result {
		case store.AddNew:
			added++
		case store.AddUpdated:
			updated++
		}
	}
	if added+updated > 0 {
		c.touched()
	}
	return added, updated, true
}

// storeScores makes findings the sorted set of a key, or deletes it where there are none.
func (c *Ctx) storeScores(r store.Ref, f *geoFindings) {
	it := c.find(r)
	if len(f.list) == 0 {
		if it.Exists() {
			c.del(r, it)
		}
		return
	}
	members := make([]store.Scored, len(f.list))
	for i := range f.list {
		members[i] = store.Scored{Member: f.member(i), Score: f.list[i].score}
	}
	c.emitValue(r, c.KS.StoreScored(r, it, members, false, 0, c.Now))
}
