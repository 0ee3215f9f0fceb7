// Package resp speaks the Redis serialization protocol: it reads requests ([Reader]), writes replies of RESP2 and RESP3
// ([Writer]), finds the ends of replies ([ReplyLen]), and holds the error texts that several rooms need.
//
// Requests come from anyone who can open a connection, so the reader trusts nothing: every length has a limit, memory is
// committed only for bytes that have arrived, no byte is parsed twice however the input is cut, and what is refused is
// refused with the bytes with which Redis 7.0 refuses it. The appenders of redcon write those replies for which they
// give Redis's bytes; redcon's request readers are not used, because they bound nothing.
package resp
