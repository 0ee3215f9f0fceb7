package config

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. It is written as Redis writes sizes: 100, 1k = 1000, 1kb = 1024, 1m, 1mb, 1g, 1gb, in either
// case; it is shown as plain bytes.
type Size int64

// Duration is a span of time, written as 500ms, 5s or 1m30s. Where Redis has a setting of the same name, a bare number is
// seconds.
type Duration time.Duration

// Grace is a Duration, or "never", which is below 0.
type Grace time.Duration

// Never is the Grace that does not end.
const Never Grace = -1

// ParseGrace reads a grace.
func ParseGrace(text string) (Grace, error) {
	if strings.EqualFold(text, "never") {
		return Never, nil
	}
	d, err := ParseDuration(text)
	if err != nil || d == 0 {
		return 0, errGrace
	}
	return Grace(d), nil
}

// String is the text that ParseGrace reads back.
func (g Grace) String() string {
	if g < 0 {
		return "never"
	}
	return Duration(g).String()
}

// Of gives the grace as a duration, below 0 for never.
func (g Grace) Of() time.Duration { return time.Duration(g) }

// YesNo is a switch, written and shown as yes or no. It is no bool, so that a flag of it wants its value: --name no.
type YesNo uint8

// The values of a YesNo.
const (
	No  YesNo = 0
	Yes YesNo = 1
)

// Perm is a file mode, written and shown in octal.
type Perm uint32

// Addrs is a list of hosts or of host:port addresses, separated by commas or blanks; shown with blanks.
type Addrs []string

// Class of a client for OutputLimits.
type Class int

// The classes of clients.
const (
	ClassNormal Class = iota
	ClassReplica
	ClassPubSub
	classes
)

// OutputLimit bounds the unread replies of one client: it is closed when they reach Hard bytes, or stay above Soft bytes
// for SoftSeconds. 0 is no limit.
type OutputLimit struct {
	Hard, Soft  Size
	SoftSeconds int
}

// OutputLimits has one limit for each Class.
type OutputLimits [classes]OutputLimit

// Bounds of what a setting accepts.
const (
	maxAddrs     = 64   // addresses in one list
	maxHostBytes = 255  // of a host name (RFC 1035)
	maxTextBytes = 4096 // of a value: a path at its longest (PATH_MAX); addresses fit as well
)

var (
	errSize         = errors.New("argument must be a memory value")
	errInteger      = errors.New("argument couldn't be parsed into an integer")
	errYesNo        = errors.New("argument must be 'yes' or 'no'")
	errDuration     = errors.New("argument must be a duration such as 500ms or 5s")
	errGrace        = errors.New("argument must be a duration such as 500ms or 5s, above 0, or never")
	errWholeSeconds = errors.New("argument must be a whole number of seconds")
	errAddrs        = errors.New("argument must be a list of addresses")
	errLimitCount   = errors.New("Wrong number of arguments in buffer limit configuration.")                   //nolint:staticcheck // Redis's text
	errLimitClass   = errors.New("Invalid client class specified in buffer limit configuration.")              //nolint:staticcheck // Redis's text
	errLimitValue   = errors.New("Error in hard, soft or soft_seconds setting in buffer limit configuration.") //nolint:staticcheck // Redis's text
	sizeUnits       = map[string]int64{"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30}
	classNames      = map[string]Class{"normal": ClassNormal, "slave": ClassReplica, "replica": ClassReplica, "pubsub": ClassPubSub}
	shownClasses    = [classes]string{"normal", "slave", "pubsub"}
)

// ParseSize reads a size; see Size.
func ParseSize(text string) (Size, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	unit, ok := sizeUnits[strings.ToLower(text[digits:])]
	if !ok || digits == 0 {
		return 0, errSize
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, errSize
	}
	return Size(n * unit), nil
}

// ParseDuration reads a duration that carries its unit; see Duration.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return Duration(d), nil
}

// String is the shortest text that ParseDuration reads back: 1m, not 1m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Of gives the duration as the standard library has it.
func (d Duration) Of() time.Duration { return time.Duration(d) }

// parseSeconds reads a Redis-named duration: a bare number of seconds, or a duration of whole seconds.
func parseSeconds(text string) (int64, error) {
	if n, err := parseInt(text); err == nil {
		return n, nil
	}
	d, err := ParseDuration(text)
	switch {
	case err != nil:
		return 0, errInteger
	case time.Duration(d)%time.Second != 0:
		return 0, errWholeSeconds
	}
	return int64(time.Duration(d) / time.Second), nil
}

// parseInt reads an integer as strictly as Redis: no plus sign, no leading zeros, no blanks.
func parseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, errInteger
	}
	return n, nil
}

func parseYesNo(text string) (YesNo, error) {
	switch strings.ToLower(text) {
	case "yes":
		return Yes, nil
	case "no":
		return No, nil
	}
	return No, errYesNo
}

// String is yes or no.
func (y YesNo) String() string {
	if y == Yes {
		return "yes"
	}
	return "no"
}

func parsePerm(text string) (Perm, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, errInteger
	}
	return Perm(n), nil
}

// String is the mode in octal.
func (p Perm) String() string { return strconv.FormatUint(uint64(p), 8) }

func parseAddrs(text string) (Addrs, error) {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > maxAddrs {
		return nil, errAddrs
	}
	for _, a := range list {
		if !validHost(a) {
			return nil, errAddrs
		}
	}
	return list, nil
}

// String is the list with blanks between.
func (a Addrs) String() string { return strings.Join(a, " ") }

// validHost says whether s can be a host name, an address, or either with a port: a check of shape, not of existence.
func validHost(s string) bool {
	if s == "" || len(s) > maxHostBytes {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil || s == "*" {
		return true
	}
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]%") == ""
}

// parseOutputLimits reads groups of "class hard soft seconds"; a class that is not named keeps what it has in cur.
func parseOutputLimits(cur OutputLimits, text string) (OutputLimits, error) {
	fields := strings.Fields(text)
	if len(fields)%4 != 0 {
		return cur, errLimitCount
	}
	for ; len(fields) > 0; fields = fields[4:] {
		class, ok := classNames[strings.ToLower(fields[0])]
		if !ok {
			return cur, errLimitClass
		}
		hard, herr := ParseSize(fields[1])
		soft, serr := ParseSize(fields[2])
		seconds, err := parseInt(fields[3])
		if herr != nil || serr != nil || err != nil || seconds < 0 || seconds > math.MaxInt32 {
			return cur, errLimitValue
		}
		cur[class] = OutputLimit{hard, soft, int(seconds)}
	}
	return cur, nil
}

// String is all classes, as Redis shows them.
func (l OutputLimits) String() string {
	var b []byte
	for class, limit := range l {
		if class > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, shownClasses[class]...), ' ')
		b = append(strconv.AppendInt(b, int64(limit.Hard), 10), ' ')
		b = append(strconv.AppendInt(b, int64(limit.Soft), 10), ' ')
		b = strconv.AppendInt(b, int64(limit.SoftSeconds), 10)
	}
	return string(b)
}
