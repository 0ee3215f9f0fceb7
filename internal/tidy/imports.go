package tidy

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// ArchitecturePage holds the two tables that Imports tests.
const ArchitecturePage = "docs/ARCHITECTURE.md"

// The headings of the tables' first columns.
const (
	roomsHead     = "room"
	librariesHead = "library"
)

// words in the tables beside names.
const (
	anyRoom   = "any"   // the room may import all others
	testsWord = "tests" // the library is for tests and the helper rooms
)

// helperRooms are for tests: any test may import them, and they may import the libraries of tests.
var helperRooms = []string{"internal/testenv", "internal/oracle", "internal/clustertest"}

// table is a page's table: the names in its first column, each with the words of its second.
type table map[string][]string

// readTable reads the table whose first column is headed head from a page: names stand in backquotes.
func readTable(page, head string) table {
	out, in := table{}, false
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case !strings.HasPrefix(line, "|") || len(cells) < 2:
			in = false
		case strings.TrimSpace(cells[0]) == head:
			in = true
		case in:
			for _, name := range quoted(cells[0]) {
				out[name] = append(quoted(cells[1]), plain(cells[1])...)
			}
		}
	}
	return out
}

// quoted are the names in backquotes of a table's cell.
func quoted(cell string) (names []string) {
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			names = append(names, part)
		}
	}
	return names
}

// plain are the words of a cell outside backquotes.
func plain(cell string) (words []string) {
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 0 {
			words = append(words, strings.FieldsFunc(part, func(r rune) bool { return r < 'a' || r > 'z' })...)
		}
	}
	return words
}

// find is the entry whose name is p or the longest parent directory of p.
func (t table) find(p string) (name string, words []string, ok bool) {
	for p != "" {
		if words, ok = t[p]; ok {
			return p, words, true
		}
		cut := strings.LastIndexByte(p, '/')
		if cut < 0 {
			break
		}
		p = p[:cut]
	}
	return "", nil, false
}

// Imports checks each import against the tables of ArchitecturePage: a room imports what its row names; a library is
// imported in its home rooms. Tests obey the first too, but may import the helper rooms; they may import every library that
// is listed, and so may the helper rooms those of tests.
func Imports(t *Tree) (problems []Problem) {
	rooms := readTable(t.textOf(ArchitecturePage), roomsHead)
	libraries := readTable(t.textOf(ArchitecturePage), librariesHead)
	if len(rooms) == 0 || len(libraries) == 0 {
		return []Problem{{ArchitecturePage, 0, "the tables of rooms and of libraries are not found"}}
	}
	unknown := map[string]bool{}
	for _, f := range t.Go {
		room, may, ok := rooms.find(f.Room())
		if !ok {
			if !unknown[f.Room()] {
				problems = append(problems, Problem{f.Room(), 0, "this room is not in the table of " + ArchitecturePage})
			}
			unknown[f.Room()] = true
			continue
		}
		for _, spec := range f.AST.Imports {
			if text := importFault(t.Module, f, room, may, rooms, libraries, spec); text != "" {
				problems = append(problems, t.at(f, spec.Pos(), "%s", text))
			}
		}
	}
	return problems
}

// importFault says why f must not have the import, or "".
func importFault(module string, f *File, room string, may []string, rooms, libraries table, spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	first, _, _ := strings.Cut(p, "/")
	inTest := f.Test || slices.Contains(helperRooms, room)
	switch {
	case first == module:
		to, _, ok := rooms.find(strings.TrimPrefix(p, module+"/"))
		switch {
		case !ok:
			return p + " is not in the table of rooms"
		case to == room, slices.Contains(may, to), slices.Contains(may, anyRoom), inTest && slices.Contains(helperRooms, to):
			return ""
		}
		return room + " must not import " + to
	case !strings.Contains(first, "."):
		return "" // the standard library
	}
	name, homes, ok := libraries.find(p)
	switch {
	case !ok:
		return p + " is not in the table of libraries"
	case f.Test, slices.Contains(homes, room), inTest && slices.Contains(homes, testsWord):
		return ""
	}
	return name + " is at home in " + strings.Join(homes, ", ") + ", not in " + room
}
