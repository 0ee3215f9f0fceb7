package command

import (
	"strings"
	"testing"

	"ringcache/server/resp"
)

// FuzzAdmin runs any command line at all on the families here: it must answer with one whole reply (or, for those that the
// client wants silent, none) in both protocols.
func FuzzAdmin(f *testing.F) {
	for line := range strings.Lines(sameAsRedis + sameInCluster) {
		f.Add(strings.TrimSpace(line))
	}
	for i := range testTable.Len() {
		f.Add(strings.ReplaceAll(testTable.At(i).FullName(), "|", " ") + " a 1 b 2")
	}
	f.Add("COMMAND GETKEYSANDFLAGS mset a b c d")
	f.Add("COMMAND LIST FILTERBY PATTERN [a-\\")
	f.Fuzz(func(t *testing.T, line string) {
		var args [][]byte
		for _, w := range strings.Split(line, " ") {
			args = append(args, []byte(w))
		}
		for _, proto := range []int{2, 3} {
			a := newAdmin(t)
			close(a.node.stop) // nothing sleeps
			a.conn.info.Proto = proto
			row := a.ctx.Table.Lookup(args)
			if row != nil && (row.Route == Everywhere || row.Keyed() && row.Parent() == nil) {
				return // those families have their own
			}
			reply := a.run(args)
			silent := reply == "" && (a.conn.mode != ReplyOn || a.node.shutdown != "")
			if n, ok, err := resp.ReplyLen([]byte(reply)); !silent && (err != nil || !ok || n != len(reply)) {
				t.Fatalf("%q is not one reply: %d %v %v", reply, n, ok, err)
			}
		}
	})
}
