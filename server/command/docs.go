package command

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

//go:generate go test -run ^TestDocsAreCurrent$ . -update

const docsHead = `# Commands

<!-- Generated from the command table by go generate ./server/command; do not edit. -->

Every command works through every node, with the reply that one Redis would give; *notes in italics* say what differs. The
column "over several nodes" says how it is carried out:

| word | meaning |
|---|---|
| here | the node that receives the command answers it, about itself |
| owner | the primary of the key's slot (or of the slot named) runs it |
| one owner | the keys may lie in several slots, but all of them must have the same owner: otherwise ` + "`CROSSSLOT`" + ` |
| split | keys of several owners: each runs its part, and the replies become one |
| fetched | keys of several owners: the values are fetched and the command runs here |
| cluster-wide | every primary runs its part, and the replies become one |

What is not listed does not exist, and is answered as Redis answers an unknown command.
`

// GenerateDocs writes docs/commands.md: the commands of t by group, with syntax, version, behaviour over several nodes and
// what differs from Redis.
func GenerateDocs(w io.Writer, t *Table) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(docsHead) // a bufio.Writer keeps its first error for Flush
	for _, group := range Groups {
		titled := false
		for i := range t.Len() {
			r := t.At(i)
			if r.Group != group || r.Fn == nil && r.PartFn == nil && r.Note == "" {
				continue
			}
			if !titled {
				titled = true
				fmt.Fprintf(b, "\n## %s%s\n\n| command | since | over several nodes | what it does |\n|---|---|---|---|\n",
					strings.ToUpper(group[:1]), group[1:])
			}
			writeDocsRow(b, r)
		}
	}
	return b.Flush()
}

func writeDocsRow(b *bufio.Writer, r *Row) {
	text := strings.TrimSuffix(r.Summary, ".") + "."
	if r.Note != "" {
		text += " *" + strings.TrimSuffix(r.Note, ".") + ".*"
	}
	where := ""
	if r.Fn != nil || r.PartFn != nil {
		where = r.overNodes()
	}
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", cell(r.Syntax()), r.Since, where, cell(text))
}

// overNodes is the row's word in the column "over several nodes".
func (r *Row) overNodes() string {
	switch {
	case r.Route == Everywhere:
		return "cluster-wide"
	case r.SlotArg != nil:
		return "owner"
	case r.Route == Here:
		return "here"
	case r.Split == SplitKeys || r.Split == SplitPairs:
		return "split"
	case r.Split == SplitGet:
		return "fetched"
	case r.OneKey():
		return "owner"
	default:
		return "one owner"
	}
}

// Syntax is the row's syntax in one line: "SET key value [NX | XX] [GET] ...".
func (r *Row) Syntax() string {
	s := upper(strings.ReplaceAll(r.full, "|", " "))
	if len(r.Sub) > 0 && r.Fn == nil {
		return s + " subcommand [argument ...]"
	}
	if len(r.Params) > 0 {
		s += " " + joinSyntax(r.Params, " ")
	}
	return s
}

func joinSyntax(params []Param, sep string) string {
	parts := make([]string, len(params))
	for i := range params {
		parts[i] = params[i].syntax(sep != " ")
	}
	return strings.Join(parts, sep)
}

// syntax is one parameter's syntax; in a choice, the choice's own brackets are enough.
func (p *Param) syntax(inChoice bool) string {
	var s string
	switch p.Type {
	case TypePureToken:
		s = p.Token
	case TypeOneOf:
		s = joinSyntax(p.Sub, " | ")
		if p.Token != "" || p.Multiple || !p.Optional && !inChoice {
			s = "<" + s + ">"
		}
	case TypeBlock:
		s = joinSyntax(p.Sub, " ")
	default:
		s = p.Name
	}
	if p.Token != "" && p.Type != TypePureToken {
		s = p.Token + " " + s
	}
	if p.Multiple {
		again := s
		if p.Token != "" && !p.MultipleToken {
			again = strings.TrimPrefix(s, p.Token+" ")
		}
		s += " [" + again + " ...]"
	}
	if p.Optional && !inChoice {
		s = "[" + s + "]"
	}
	return s
}
