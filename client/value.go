package client

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the type of a reply.
type Kind uint8

// The kinds of replies, RESP2 and RESP3.
const (
	KindNull   Kind = iota // no value: _, and $-1 and *-1 of RESP2
	KindSimple             // a short text, such as OK: Str
	KindError              // Str is its text, code first
	KindInt                // Int
	KindBulk               // a string of any bytes, also a verbatim one without its format: Str
	KindArray              // Elems
	KindBool               // Int is 1 or 0
	KindDouble             // Float; Str as it came
	KindBigInt             // Str, in decimal
	KindMap                // Elems: key, value, key, value
	KindSet                // Elems
	KindPush               // Elems; out of band
)

var kindNames = [...]string{"null", "simple string", "error", "integer", "string", "array", "boolean", "double", "big number", "map", "set", "push"}

// String names the kind for people.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is one reply.
type Value struct {
	Kind  Kind
	Str   string
	Int   int64
	Float float64
	Elems []Value
}

// ServerError is an error reply: what the server said, as it said it.
type ServerError struct {
	Text string
}

// Error is the server's text.
func (e *ServerError) Error() string {
	if e.Text == "" {
		return "an error reply without a text"
	}
	return e.Text
}

// Code is the first word of the text: ERR, WRONGTYPE, NOAUTH and so on.
func (e *ServerError) Code() string {
	code, _, _ := strings.Cut(e.Text, " ")
	return code
}

// Err is a *ServerError where the value is an error reply, else nil.
func (v Value) Err() error {
	if v.Kind != KindError {
		return nil
	}
	return &ServerError{v.Str}
}

// IsNull says whether the reply is that there is no value.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Text is the value of a simple or bulk string, a number or a boolean as text. Other kinds are an error; so is null.
func (v Value) Text() (string, error) {
	switch v.Kind {
	case KindSimple, KindBulk, KindDouble, KindBigInt:
		return v.Str, nil
	case KindInt, KindBool:
		return strconv.FormatInt(v.Int, 10), nil
	}
	return "", v.unexpected("a string")
}

// Int64 is the value of an integer or boolean, or of a string that is an integer.
func (v Value) Int64() (int64, error) {
	switch v.Kind {
	case KindInt, KindBool:
		return v.Int, nil
	case KindSimple, KindBulk, KindBigInt:
		if n, err := strconv.ParseInt(v.Str, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, v.unexpected("an integer")
}

// Array is the elements of an array or set, or of a map as key, value, key, value.
func (v Value) Array() ([]Value, error) {
	switch v.Kind {
	case KindArray, KindSet, KindMap, KindPush:
		return v.Elems, nil
	}
	return nil, v.unexpected("an array")
}

// unexpected is the error of a reply that is not what was asked for: the server's own where it is one.
func (v Value) unexpected(want string) error {
	if err := v.Err(); err != nil {
		return err
	}
	return fmt.Errorf("client: the reply is %s %.40q, not %s", v.Kind, v.Str, want)
}
