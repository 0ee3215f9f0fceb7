package store

import (
	"bytes"
	"testing"
)

// TestEncodings: what a key holds has the encoding that it was set with, however long the key.
func TestEncodings(t *testing.T) {
	ks := New(Options{Hash: hash, Poison: true})
	defer ks.Close()
	for _, klen := range []int{1, 255, 256, maxIntKey, maxIntKey + 1, 16_000, 17_000} {
		r := ks.Ref(1, 0, bytes.Repeat([]byte("k"), klen))
		for _, tc := range []struct {
			val string
			enc Encoding
		}{
			{"12345", EncInt},
			{"-9223372036854775808", EncInt},
			{"012", EncEmbstr},
			{"short", EncRaw},
			{"12345", EncEmbstr}, // of INCRBYFLOAT
			{string(make([]byte, EmbstrMax+1)), EncRaw},
		} {
			it := ks.SetAs(r, ks.Lookup(r, now, 0), []byte(tc.val), tc.enc, 0, now)
			if it.Encoding() != tc.enc || string(it.Value()) != tc.val {
				t.Errorf("a key of %d bytes: %q has the encoding %v, should have %v", klen, it.Value(), it.Encoding(), tc.enc)
			}
		}
	}
}
