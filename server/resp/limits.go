package resp

import "math"

// Limits bounds what a [Reader] accepts from one connection. Lengths are in bytes.
type Limits struct {
	Bulk   int // length of one argument of a multibulk request
	Args   int // number of arguments of one multibulk request, its name counted
	Inline int // length of the line of an inline request; 0 refuses inline requests
	Buffer int // length of one whole request on the wire, and of what Keep holds

	// PreAuth says that the client has not logged in yet, and with it, what the error says to whom exceeds Bulk or Args.
	PreAuth bool
}

// DefaultLimits are those of a client that may do everything. The bounds of Bulk, Inline and Buffer are Redis's; Redis
// takes as many arguments as an int counts, which is 16 GB of pointers to begin with, so Args is that of Redis before 7.0.
var DefaultLimits = Limits{Bulk: 512 << 20, Args: 1 << 20, Inline: maxHeaderBytes, Buffer: 1 << 30}

// PreAuthLimits are those of a client that has yet to log in: what AUTH and HELLO need (the numbers are Redis's).
var PreAuthLimits = Limits{Bulk: 16384, Args: 10, Inline: maxHeaderBytes, Buffer: 1 << 20, PreAuth: true}

const (
	// maxHeaderBytes is the length up to which Redis waits for the end of a line (PROTO_INLINE_MAX_SIZE). A valid "*" or
	// "$" line has at most 23 bytes; the rest is the patience that decides which error the sender of a bad one gets.
	maxHeaderBytes = 64 << 10

	// maxCount is the largest number of arguments that Redis's header can announce (INT_MAX).
	maxCount = math.MaxInt32
)

// countError checks the announced number of arguments of a multibulk request.
func (l *Limits) countError(n int64) *ProtocolError {
	switch {
	case n <= int64(l.Args):
		return nil
	case l.PreAuth && n <= maxCount:
		return errCountPreAuth
	}
	return errCountInvalid
}

// bulkError checks the announced length of an argument.
func (l *Limits) bulkError(n int64) *ProtocolError {
	switch {
	case n >= 0 && n <= int64(l.Bulk):
		return nil
	case l.PreAuth && n >= 0 && n <= int64(DefaultLimits.Bulk):
		return errBulkPreAuth
	}
	return errBulkInvalid
}
