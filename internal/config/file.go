package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Bounds of a config file, far over what any needs.
const (
	maxFileBytes = 1 << 20
	maxFileLines = 10000
)

// Line is one setting of a config file.
type Line struct {
	Number int    // in the file, from 1
	Name   string // of the setting, lower case
	Value  string // its arguments with single blanks between
}

// ParseFile reads a config file: lines of a name and its value as in redis.conf, blank lines, and comments from # at the
// start of a line. An argument may stand in double quotes, with \n \r \t \a \b \xHH \\ \" inside, or in single quotes,
// with \'. Each error has the number of its line: an unknown name, a bad value, quotes that do not end.
func ParseFile(text string) ([]Line, error) {
	var lines []Line
	number := 0
	for row := range strings.Lines(text) {
		number++
		if number > maxFileLines {
			return nil, fmt.Errorf("line %d: a config file has at most %d lines", number, maxFileLines)
		}
		row = strings.TrimSpace(row)
		if row == "" || row[0] == '#' {
			continue
		}
		args, err := splitArgs(row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		s := lookup(args[0])
		switch {
		case s == nil:
			return nil, fmt.Errorf("line %d: unknown setting '%s'", number, printable(args[0]))
		case s.flagOnly:
			return nil, fmt.Errorf("line %d: %s cannot stand in a config file", number, s.name)
		case len(args) == 1:
			return nil, fmt.Errorf("line %d: %s has no value", number, s.name)
		}
		value := strings.Join(args[1:], " ")
		if _, err := s.parse(s.of(defaults()), value); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", number, s.name, err)
		}
		lines = append(lines, Line{number, s.name, value})
	}
	return lines, nil
}

// readFile answers the value of each setting that the file at path names. The last line of a name counts, except for the
// output buffer limits, whose lines add up as each names its own class.
func readFile(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s: a config file has at most %d bytes", path, maxFileBytes)
	}
	lines, err := ParseFile(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := make(map[string]string)
	for _, l := range lines {
		if had, ok := values[l.Name]; ok && l.Name == "client-output-buffer-limit" {
			l.Value = had + " " + l.Value
		}
		values[l.Name] = l.Value
	}
	return values, nil
}

var errQuotes = errors.New("unbalanced quotes")

// splitArgs cuts a line that is not blank into its arguments; see ParseFile for the quotes.
func splitArgs(line string) ([]string, error) {
	var args []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return args, nil
		}
		arg, rest, err := nextArg(line)
		if err != nil {
			return nil, err
		}
		args, line = append(args, arg), rest
	}
}

// nextArg reads the argument at the start of line, which is not a blank. A closing quote ends the argument, so a blank or
// the end of the line must follow it.
func nextArg(line string) (arg, rest string, err error) {
	var b []byte
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && strings.IndexByte(" \t\r\n\v\f", c) >= 0:
			return string(b), line[i:], nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0:
			b = append(b, c)
		case c == quote:
			if i+1 < len(line) && strings.IndexByte(" \t\r\n\v\f", line[i+1]) < 0 {
				return "", "", errQuotes
			}
			return string(b), line[i+1:], nil
		case c == '\\' && i+1 < len(line) && (quote == '"' || line[i+1] == '\''):
			decoded, width := unescape(line[i:])
			b = append(b, decoded)
			i += width - 1
		default:
			b = append(b, c)
		}
	}
	if quote != 0 {
		return "", "", errQuotes
	}
	return string(b), "", nil
}

// unescape reads the escape at the start of s, which has at least two bytes, and says how long it is.
func unescape(s string) (b byte, width int) {
	switch s[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'a':
		return '\a', 2
	case 'b':
		return '\b', 2
	case 'x':
		if len(s) >= 4 {
			hi, okHi := hexDigit(s[2])
			lo, okLo := hexDigit(s[3])
			if okHi && okLo {
				return hi<<4 | lo, 4
			}
		}
	}
	return s[1], 2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
