package rdb

import (
	"math"
	"strconv"
	"testing"

	"ringcache/internal/oracle"
	"ringcache/internal/testenv"
)

// TestReaderOnRedis reads what redis-server writes, of a type with more than a string in it: a sorted set is a number of
// members, each with its score in 8 bytes.
func TestReaderOnRedis(t *testing.T) {
	const zset2 = Type(5)
	redis, err := oracle.Dial(testenv.RedisServer(t, "--zset-max-listpack-entries", "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	scores := []float64{-1e300, -2.5, 0, 0.1, 7, math.Inf(1)}
	for i, f := range scores {
		score := strconv.FormatFloat(f, 'g', -1, 64)
		if _, err := redis.Do([]byte("ZADD"), []byte("z"), []byte(score), strconv.AppendInt(nil, int64(i)*1000, 10)); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := redis.Do([]byte("DUMP"), []byte("z"))
	if err != nil {
		t.Fatal(err)
	}
	var head int
	for reply[head] != '\n' {
		head++
	}
	payload := reply[head+1 : len(reply)-2]
	r, err := Open(payload, 100)
	if err != nil {
		t.Fatalf("%q: %v", payload, err)
	}
	if typ, err := r.Type(); typ != zset2 || err != nil {
		t.Fatalf("type %d, %v", typ, err)
	}
	n, err := r.Count(9)
	if n != len(scores) || err != nil {
		t.Fatalf("%d members, %v", n, err)
	}
	for i := n - 1; i >= 0; i-- { // highest first
		member, err := r.String(nil)
		score, err2 := r.Float64()
		if err != nil || err2 != nil || string(member) != strconv.Itoa(i*1000) || score != scores[i] {
			t.Errorf("member %d: %q with %v, %v, %v", i, member, score, err, err2)
		}
	}
	if r.Remaining() != 0 {
		t.Errorf("%d bytes are left", r.Remaining())
	}
}
