package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// masked is shown in place of a secret that is set.
const masked = "(hidden)"

// setting is one field of Config and what its tags say.
type setting struct {
	name      string
	older     string // another name, or ""
	field     int    // index in Config
	deflt     string
	enum      []string
	only      *string // the one accepted value, or nil
	onlyWhy   string
	seconds   bool
	clamp     bool
	immutable bool
	secret    bool
	flagOnly  bool
	min, max  int64 // of numbers, in the units of CONFIG GET (bytes, seconds); durations in nanoseconds
}

// settings are all settings in the order of Config's fields, derived once.
var settings = sync.OnceValue(func() []*setting {
	t := reflect.TypeFor[Config]()
	list := make([]*setting, t.NumField())
	for i := range list {
		list[i] = newSetting(i, t.Field(i))
	}
	return list
})

// byName finds a setting by its lower-case name.
var byName = sync.OnceValue(func() map[string]*setting {
	m := make(map[string]*setting)
	for _, s := range settings() {
		m[s.name] = s
		if s.older != "" {
			m[s.older] = s
		}
	}
	return m
})

func lookup(name string) *setting { return byName()[strings.ToLower(name)] }

// newSetting reads a field's tags. It panics on a malformed one: the tags are source, not input.
func newSetting(i int, f reflect.StructField) *setting {
	s := &setting{name: f.Tag.Get("name"), older: f.Tag.Get("older"), field: i, deflt: f.Tag.Get("default"), max: math.MaxInt64}
	if s.name == "" {
		panic("config: " + f.Name + " has no name")
	}
	if e := f.Tag.Get("enum"); e != "" {
		s.enum = strings.Split(e, ",")
	}
	if only, ok := f.Tag.Lookup("only"); ok {
		s.only, s.onlyWhy = &only, f.Tag.Get("only-why")
	}
	s.seconds = f.Tag.Get("unit") == "s"
	for _, word := range strings.FieldsFunc(f.Tag.Get("conf"), func(r rune) bool { return r == ',' }) {
		switch word {
		case "immutable":
			s.immutable = true
		case "secret":
			s.secret = true
		case "clamp":
			s.clamp = true
		case "flagonly":
			s.flagOnly = true
		default:
			panic("config: " + s.name + ": unknown word in tag conf: " + word)
		}
	}
	if r := f.Tag.Get("range"); r != "" {
		lo, hi, _ := strings.Cut(r, " ")
		s.min, s.max = bound(s, f.Type, lo), bound(s, f.Type, hi)
	}
	return s
}

// bound reads one end of a range tag: a duration where the setting is one and not in seconds, else a number or a size.
func bound(s *setting, t reflect.Type, text string) int64 {
	if t == reflect.TypeFor[Duration]() && !s.seconds {
		d, err := ParseDuration(text)
		if err != nil {
			panic("config: " + s.name + ": range " + text)
		}
		return int64(d)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	n, err := ParseSize(text)
	if err != nil {
		panic("config: " + s.name + ": range " + text)
	}
	return int64(n)
}

// of is the setting's field of c.
func (s *setting) of(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().Field(s.field) }

// parse reads text as a value of this setting. cur is the present value, from which a partial one is completed. The error
// is Redis's own text where Redis has one.
func (s *setting) parse(cur reflect.Value, text string) (reflect.Value, error) {
	if len(text) > maxTextBytes {
		return cur, fmt.Errorf("argument must be at most %d bytes", maxTextBytes)
	}
	v, err := s.parseType(cur, text)
	if err != nil {
		return cur, err
	}
	out := reflect.ValueOf(v).Convert(cur.Type())
	if s.only != nil && s.show(out) != *s.only {
		return cur, fmt.Errorf("argument must be '%s': %s", *s.only, s.onlyWhy)
	}
	return out, nil
}

func (s *setting) parseType(cur reflect.Value, text string) (any, error) {
	switch was := cur.Interface().(type) {
	case int:
		n, err := parseInt(text)
		if err != nil {
			return nil, err
		}
		return s.within(n, strconv.FormatInt)
	case Size:
		n, err := ParseSize(text)
		if err != nil {
			return nil, err
		}
		return s.within(int64(n), strconv.FormatInt)
	case Duration:
		if s.seconds {
			n, err := parseSeconds(text)
			if err != nil {
				return nil, err
			}
			n, err = s.within(n, strconv.FormatInt)
			return Duration(n) * Duration(time.Second), err
		}
		d, err := ParseDuration(text)
		if err != nil {
			return nil, err
		}
		return s.within(int64(d), func(n int64, _ int) string { return Duration(n).String() })
	case Grace:
		return ParseGrace(text)
	case YesNo:
		return parseYesNo(text)
	case Perm:
		return parsePerm(text)
	case Addrs:
		return parseAddrs(text)
	case OutputLimits:
		return parseOutputLimits(was, text)
	case string:
		return s.parseText(text)
	}
	panic("config: " + s.name + ": no parser for " + cur.Type().String())
}

// within checks a number against the range of the setting, or moves it in.
func (s *setting) within(n int64, format func(int64, int) string) (int64, error) {
	if n >= s.min && n <= s.max {
		return n, nil
	}
	if s.clamp {
		return min(max(n, s.min), s.max), nil
	}
	return 0, fmt.Errorf("argument must be between %s and %s inclusive", format(s.min, 10), format(s.max, 10))
}

func (s *setting) parseText(text string) (string, error) {
	if s.enum == nil {
		if strings.ContainsAny(text, "\x00\r\n") {
			return "", errors.New("argument must be one line of text")
		}
		return text, nil
	}
	for _, word := range s.enum {
		if strings.EqualFold(word, text) {
			return word, nil
		}
	}
	return "", fmt.Errorf("argument(s) must be one of the following: %s", strings.Join(s.enum, ", "))
}

// show is the value as CONFIG GET shows it.
func (s *setting) show(v reflect.Value) string {
	switch v := v.Interface().(type) {
	case int:
		return strconv.Itoa(v)
	case Size:
		return strconv.FormatInt(int64(v), 10)
	case Duration:
		if s.seconds {
			return strconv.FormatInt(int64(time.Duration(v)/time.Second), 10)
		}
		return v.String()
	case string:
		if s.secret && v != "" {
			return masked
		}
		return v
	case fmt.Stringer:
		return v.String()
	}
	panic("config: " + s.name + ": cannot be shown")
}
