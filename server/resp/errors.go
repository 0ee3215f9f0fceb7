package resp

// ProtocolError is a violation of the protocol, after which nothing more can be read from the connection: the client is
// told, then disconnected.
type ProtocolError struct {
	Msg string // Redis's text without "-ERR ", for example "Protocol error: invalid bulk length"
}

// Error answers Msg.
func (e *ProtocolError) Error() string { return e.Msg }

// The violations, with the texts of Redis 7.0. That of a wrong byte instead of '$' is made in errExpectedDollar.
var (
	errInlineTooBig     = &ProtocolError{"Protocol error: too big inline request"}
	errUnbalancedQuotes = &ProtocolError{"Protocol error: unbalanced quotes in request"}
	errCountTooBig      = &ProtocolError{"Protocol error: too big mbulk count string"}
	errCountInvalid     = &ProtocolError{"Protocol error: invalid multibulk length"}
	errCountPreAuth     = &ProtocolError{"Protocol error: unauthenticated multibulk length"}
	errBulkTooBig       = &ProtocolError{"Protocol error: too big bulk count string"}
	errBulkInvalid      = &ProtocolError{"Protocol error: invalid bulk length"}
	errBulkPreAuth      = &ProtocolError{"Protocol error: unauthenticated bulk length"}
	// Redis closes the connection without a word when its query buffer is full; a word helps whoever has to find out why.
	errBufferFull = &ProtocolError{"Protocol error: too big request"}
)

// errExpectedDollar says that an argument did not begin with '$'. A line end in the text of an error would end the
// reply, so it shows as a space, as in Redis.
func errExpectedDollar(got byte) *ProtocolError {
	if got == '\r' || got == '\n' {
		got = ' '
	}
	return &ProtocolError{"Protocol error: expected '$', got '" + string([]byte{got}) + "'"}
}

// Error replies that several rooms give, in Redis's words and without the leading '-': arguments of [Writer.Error].
const (
	ErrSyntax          = "ERR syntax error"
	ErrWrongType       = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNotInteger      = "ERR value is not an integer or out of range"
	ErrNotFloat        = "ERR value is not a valid float"
	ErrOutOfRange      = "ERR value is out of range"
	ErrNotPositive     = "ERR value is out of range, must be positive"
	ErrIndexRange      = "ERR index out of range"
	ErrOffsetRange     = "ERR offset is out of range"
	ErrOverflow        = "ERR increment or decrement would overflow"
	ErrNaN             = "ERR increment would produce NaN or Infinity"
	ErrNoSuchKey       = "ERR no such key"
	ErrSameObject      = "ERR source and destination objects are the same"
	ErrMinMaxFloat     = "ERR min or max is not a float"
	ErrTimeoutFloat    = "ERR timeout is not a float or out of range"
	ErrTimeoutNegative = "ERR timeout is negative"
	ErrStringTooLong   = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrInvalidCursor   = "ERR invalid cursor"
	ErrDBIndex         = "ERR DB index is out of range"

	ErrNoAuth       = "NOAUTH Authentication required."
	ErrWrongPass    = "WRONGPASS invalid username-password pair or user is disabled."
	ErrNoProto      = "NOPROTO unsupported protocol version"
	ErrMaxClients   = "ERR max number of clients reached"
	ErrOOM          = "OOM command not allowed when used memory > 'maxmemory'."
	ErrReadOnly     = "READONLY You can't write against a read only replica."
	ErrLoading      = "LOADING Redis is loading the dataset in memory"
	ErrBusyKey      = "BUSYKEY Target key name already exists."
	ErrNoReplicas   = "NOREPLICAS Not enough good replicas to write."
	ErrExecAbort    = "EXECABORT Transaction discarded because of previous errors."
	ErrNestedMulti  = "ERR MULTI calls can not be nested"
	ErrExecNoMulti  = "ERR EXEC without MULTI"
	ErrDiscardMulti = "ERR DISCARD without MULTI"
	ErrWatchInMulti = "ERR WATCH inside MULTI is not allowed"

	ErrCrossSlot     = "CROSSSLOT Keys in request don't hash to the same slot"
	ErrClusterDown   = "CLUSTERDOWN The cluster is down"
	ErrSlotNotServed = "CLUSTERDOWN Hash slot not served"
	ErrTryAgain      = "TRYAGAIN Multiple keys request during rehashing of slot"

	// ErrInternal is ours: a node broke a rule between nodes, or a goal that cannot be missed was missed. The client's
	// request may or may not have been carried out.
	ErrInternal = "ERR internal error"
)
