package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// Lengths of Go files in lines: what is longer is not read in one sitting.
const (
	maxLines     = 500
	maxTestLines = 600
)

// Lengths checks how long Go files are. Generated ones are not read by people.
func Lengths(t *Tree) (problems []Problem) {
	for _, f := range t.Go {
		limit := maxLines
		if f.Test {
			limit = maxTestLines
		}
		if n := strings.Count(f.Body, "\n"); n > limit && !ast.IsGenerated(f.AST) {
			problems = append(problems, Problem{f.Path, 0, fmt.Sprintf("%d lines; at most %d", n, limit)})
		}
	}
	return problems
}

// PackageComments checks that one file of each package says what the package is.
func PackageComments(t *Tree) (problems []Problem) {
	commented, order := map[string]bool{}, []string{}
	for _, f := range t.Go {
		if strings.HasSuffix(f.AST.Name.Name, "_test") {
			continue
		}
		if _, seen := commented[f.Room()]; !seen {
			order = append(order, f.Room())
		}
		commented[f.Room()] = commented[f.Room()] || f.AST.Doc != nil
	}
	for _, room := range order {
		if !commented[room] {
			problems = append(problems, Problem{room, 0, "no file has a package comment"})
		}
	}
	return problems
}

// noInit are the rooms in which everything is built by explicit calls.
var noInit = []string{"server/command"}

// Inits checks that no init function registers anything in the rooms of noInit: what exists must not depend on imports.
func Inits(t *Tree) (problems []Problem) {
	for _, f := range t.Go {
		for _, room := range noInit {
			if f.Room() != room && !strings.HasPrefix(f.Room(), room+"/") {
				continue
			}
			for _, d := range f.AST.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					problems = append(problems, t.at(f, fn.Pos(), "init function; build the table by explicit calls"))
				}
			}
		}
	}
	return problems
}

// Patterns of what no text may hold. They are put together from pieces, or they would find themselves.
var (
	marks = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	// An issue number means nothing to a reader of the source; what it says belongs in the comment.
	issues = regexp.MustCompile(`(?i)\b(issues?|pull requests?|PR|tickets?|bugs?|GH)[ -]?#?\d+\b|\bgithub\.com/[^ )]+/(issues|pull)/\d+|(^|\s)#\d+\b`)
	// A path of the machine that a text was written on.
	paths = regexp.MustCompile(`(^|[\s"'` + "`" + `=(:])/(work|root|home|Users)/[a-zA-Z]`)
)

// Marks checks that nothing is left for later, and that no text refers to issue numbers or to paths of someone's machine.
func Marks(t *Tree) (problems []Problem) {
	for _, f := range t.Text {
		line := 0
		for text := range strings.Lines(f.Body) {
			line++
			for _, rule := range []struct {
				pattern *regexp.Regexp
				text    string
			}{
				{marks, "is left for later: do it, or say what is so"},
				{issues, "is an issue number: say what it says"},
				{paths, "is a path of one machine"},
			} {
				if found := rule.pattern.FindString(text); found != "" {
					problems = append(problems, Problem{f.Path, line, strings.TrimSpace(found) + " " + rule.text})
				}
			}
		}
	}
	return problems
}

// Sleeps checks that tests wait for conditions: none calls time.Sleep, except the files in allowed, which maps a path to
// the reason. An entry of allowed that is no longer needed is a problem as well.
func Sleeps(t *Tree, allowed map[string]string) (problems []Problem) {
	used := map[string]bool{}
	for _, f := range t.Go {
		if !f.Test {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "time" {
				return true
			}
			used[f.Path] = true
			if allowed[f.Path] == "" {
				problems = append(problems, t.at(f, n.Pos(), "time.Sleep in a test: wait for a condition, or list the file with its reason"))
			}
			return true
		})
	}
	for name := range allowed {
		if !used[name] {
			problems = append(problems, Problem{name, 0, "may sleep and does not: take it from the list"})
		}
	}
	return problems
}

// Documented checks that every exported name outside tests has a comment: functions, methods of exported types, types,
// constants and variables. A comment on a group of constants or variables, or at the end of a line, will do.
func Documented(t *Tree) (problems []Problem) {
	for _, f := range t.Go {
		if f.Test || ast.IsGenerated(f.AST) {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && receiverExported(d) {
					problems = append(problems, t.at(f, d.Pos(), "%s is exported and has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				problems = append(problems, t.undocumented(f, d)...)
			}
		}
	}
	return problems
}

// undocumented are the problems of one group of types, constants or variables.
func (t *Tree) undocumented(f *File, d *ast.GenDecl) (problems []Problem) {
	if d.Tok == token.IMPORT {
		return nil
	}
	for _, spec := range d.Specs {
		var names []*ast.Ident
		documented := d.Doc != nil
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names = []*ast.Ident{spec.Name}
			documented = spec.Doc != nil || spec.Comment != nil || d.Doc != nil && !d.Lparen.IsValid()
		case *ast.ValueSpec:
			names = spec.Names
			documented = documented || spec.Doc != nil || spec.Comment != nil
		}
		for _, name := range names {
			if name.IsExported() && !documented {
				problems = append(problems, t.at(f, name.Pos(), "%s is exported and has no comment", name.Name))
			}
		}
	}
	return problems
}

// receiverExported says whether a function is one that other packages can call: no method, or a method of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	x := d.Recv.List[0].Type
	for {
		switch e := x.(type) {
		case *ast.StarExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.IndexListExpr:
			x = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}
