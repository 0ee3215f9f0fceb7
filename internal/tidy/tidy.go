// Package tidy checks the source itself: who imports whom, where each library is at home, how long files are, what is
// documented. Its rules run as a test of this package, so `go test ./...` fails where a rule is broken.
//
// The tables of allowed imports are not repeated here: they are read from docs/ARCHITECTURE.md, so the page that people
// read is the one that holds.
package tidy

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Problem is one breach of a rule.
type Problem struct {
	File string // from the root of the tree, with slashes
	Line int    // from 1; 0 is the file as a whole
	Text string // what is wrong, and what to do
}

// String is file:line: text, as compilers write it.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Tree is a source tree, read and parsed once for all rules.
type Tree struct {
	Module string  // the module path of go.mod
	Go     []*File // Go files, in the order of their paths
	Text   []*File // Go files and every other text that people write: pages, scripts, settings
	files  *token.FileSet
}

// File is one file of a Tree.
type File struct {
	Path string
	Body string
	AST  *ast.File // nil unless it is Go
	Test bool      // a _test.go file
}

// Room is the directory of the file's package, from the root.
func (f *File) Room() string { return path.Dir(f.Path) }

// textFiles are the endings, or whole names, of the files besides Go that rules about text read.
var textFiles = []string{".md", ".yml", ".yaml", ".sh", ".mod", ".toml", ".service", ".conf", "Makefile", "Dockerfile", ".ci/run", ".txtar", ".dockerignore"}

// skipped are directories at the root that hold nothing written by hand.
var skipped = []string{".git", "bin", "dist"}

// Read reads and parses the tree below root, which holds go.mod.
func Read(root fs.FS) (*Tree, error) {
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, err
	}
	t := &Tree{files: token.NewFileSet()}
	for line := range strings.Lines(string(mod)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			t.Module = strings.TrimSpace(name)
		}
	}
	if t.Module == "" {
		return nil, errors.New("go.mod names no module")
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(skipped, name) || strings.HasPrefix(name, "ringcache-")):
			return fs.SkipDir
		case d.IsDir() || !d.Type().IsRegular():
			return nil
		}
		return t.add(root, name)
	})
	return t, err
}

func (t *Tree) add(root fs.FS, name string) error {
	isGo := path.Ext(name) == ".go"
	if !isGo && !slices.ContainsFunc(textFiles, func(end string) bool { return strings.HasSuffix(name, end) }) {
		return nil
	}
	body, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	f := &File{Path: name, Body: string(body), Test: strings.HasSuffix(name, "_test.go")}
	t.Text = append(t.Text, f)
	if !isGo || strings.Contains(name, "testdata/") {
		return nil
	}
	f.AST, err = parser.ParseFile(t.files, name, body, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Go = append(t.Go, f)
	return nil
}

func (t *Tree) at(f *File, pos token.Pos, format string, args ...any) Problem {
	return Problem{f.Path, t.files.Position(pos).Line, fmt.Sprintf(format, args...)}
}

// textOf is the body of a page, or "".
func (t *Tree) textOf(name string) string {
	for _, f := range t.Text {
		if f.Path == name {
			return f.Body
		}
	}
	return ""
}
