package command

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	redisoracle "ringcache/internal/oracle"
)

// TestScoresAsRedis reads texts that are numbers, nearly, or not at all, as scores and as ends of ranges, here and in redis-server.
func TestScoresAsRedis(t *testing.T) {
	redis, cl := startRedis(t), newCluster(1)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	pieces := strings.Fields(`0 1 2 5 9 10 007 123456789 9007199254740993 18446744073709551616 4611686018427387904 0.1 .5 5. . e E e5 E-7 e+ 1e308 1e309
		1e-320 1e-400 + - -- inf -inf Infinity INF nan nan(1) 0x 0X1F 0xfp3 0x.8 0x1.8p-1 0x1p 0x1p-2000 p p5 x _ 1_0 a ( [ 2.2250738585072011e-308
		179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880`)
	pieces = append(pieces, "", " ", "\t", "\x00", "\n")
	for range 6000 {
		var text strings.Builder
		for range 1 + rng.IntN(3) {
			text.WriteString(pieces[rng.IntN(len(pieces))])
		}
		for _, line := range [][][]byte{
			args("ZADD", "k", "CH", text.String(), "m"), args("ZSCORE", "k", "m"), args("ZCOUNT", "k", text.String(), "+inf"),
			args("ZRANGEBYSCORE", "k", "-inf", "("+text.String()), args("ZINCRBY", "l", text.String(), "m"), args("DEL", "l"),
		} {
			if want, got := redis.run(line...), cl.do(line...); !bytes.Equal(want, got) {
				t.Fatalf("seed %d: %s\n  want %q\n  got  %q", seed, redisoracle.Show(line), want, got)
			}
		}
	}
}
