package command

import "testing"

// TestStreamCountBeyond63Bits: XSETID takes the count of added entries to its greatest, one more entry beyond it, and Redis's copies take that.
func TestStreamCountBeyond63Bits(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	for _, line := range []string{"XADD s 1-1 f v", "XSETID s 1-1 ENTRIESADDED 9223372036854775807 MAXDELETEDID 0-0", "XADD s 1-2 f v"} {
		if theirs, ours := string(redis.run(words(line)...)), cl.text(line); theirs != ours {
			t.Fatalf("%s: %q, not %q", line, ours, theirs)
		}
	}
	ours, theirs := bulk(t, cl.do(args("DUMP", "s")...)), bulk(t, redis.run(args("DUMP", "s")...))
	for name, reply := range map[string][]byte{
		"Redis's here": cl.do(args("RESTORE", "copy", 0, theirs)...), "ours there": redis.run(args("RESTORE", "copy", 0, ours)...),
		"ours here": cl.do(args("RESTORE", "again", 0, ours)...),
	} {
		if string(reply) != "+OK\r\n" {
			t.Errorf("%s: %q", name, reply)
		}
	}
}
